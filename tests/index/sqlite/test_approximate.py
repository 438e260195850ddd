"""The sketch of a large index: against plain Hamming distances and exact search, extended, stale and damaged."""

import logging
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from adjoin.index.sqlite import SQLiteStore, approximate
from adjoin.index.sqlite.approximate import Sketch, hamming, nearest_by_count, sign_words
from adjoin.index.sqlite.database import SKETCH
from adjoin.index.store import EVERYTHING, FileRecord, Filter, IndexedFile, quantized
from adjoin.pieces import Piece
from adjoin.vectors import unit_rows

DIMENSION = 96  # not a multiple of 64, so that the last word is padded


def clustered(number: int, seed: int = 0) -> NDArray[np.float32]:
    """Unit vectors in clusters, as the vectors of texts are."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((40, DIMENSION))
    rows = centres[random.integers(0, 40, number)] + 0.7 * random.standard_normal((number, DIMENSION))
    return unit_rows(rows.astype(np.float32))


def written(
    folder: Path, vectors_ND: NDArray[np.float32], *, names: str = "f", removed: tuple[str, ...] = ()
) -> None:
    """Store pieces in files of ten, as a refresh does; every second file is of another language."""
    with SQLiteStore(folder).writing() as writer:
        writer.begin("model", DIMENSION)
        files = []
        for start in range(0, len(vectors_ND), 10):
            part = vectors_ND[start : start + 10]
            path, language = f"{names}{start}.py", ("python", "go")[start // 10 % 2]
            pieces = [
                Piece(path, language, "lines", "", line, line, f"word{line}", f"word{line}")
                for line in range(1, len(part) + 1)
            ]
            record = FileRecord(path, 1, 1, 1, "content", len(part), "")
            files.append(IndexedFile(record, pieces, *quantized(part)))
        writer.stage(files)
        writer.publish("root", "model", removed=removed, restated=[])


def nearest(
    folder: Path, vector_D: NDArray[np.float32], number: int, where: Filter = EVERYTHING
) -> dict[int, float]:
    with SQLiteStore(folder).reading() as snapshot:
        ids_K, cosines_K = snapshot.nearest(vector_D, number, where)
        assert list(cosines_K) == sorted(cosines_K, reverse=True)
        return dict(zip(ids_K.tolist(), cosines_K.tolist(), strict=True))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes at which each step of a search leaves something out."""
    monkeypatch.setattr(approximate, "APPROXIMATE_FROM", 500)
    monkeypatch.setattr("adjoin.index.sqlite.writer.APPROXIMATE_FROM", 500)
    monkeypatch.setattr(approximate, "WHOLE_CHOICE", 400)
    monkeypatch.setattr(approximate, "LAST_CHOICE", 150)
    monkeypatch.setattr(approximate, "WHOLE_PER_LAST", 2)
    monkeypatch.setattr(approximate, "HALF_PER_WHOLE", 1)
    monkeypatch.setattr(approximate, "SHORTEST_HALF", 1)


@pytest.mark.parametrize("pieces", [1, 1000, 70_000])
@pytest.mark.parametrize("words", [1, 2, 3, 4, 16])
def test_distances_are_the_number_of_differing_bits(pieces: int, words: int) -> None:
    random = np.random.default_rng(words)
    columns_WN = random.integers(0, 2**64, (words, pieces), dtype=np.uint64)
    query_W = ~columns_WN[:, -1]
    plain_N = np.bitwise_count(columns_WN ^ query_W[:, None]).sum(axis=0, dtype=np.int64)
    assert np.array_equal(hamming(columns_WN, query_W), plain_N)
    assert plain_N[-1] == 64 * words


@pytest.mark.parametrize("number", [0, 1, 7, 50, 99, 100, 200])
def test_the_smallest_distances_are_chosen_with_their_equals(number: int) -> None:
    distance_N = np.random.default_rng(0).integers(0, 20, 100).astype(np.uint16)
    chosen = nearest_by_count(distance_N, number)
    assert len(chosen) >= min(number, 100)
    limit = np.sort(distance_N)[min(max(number, 1), 100) - 1]
    assert np.array_equal(chosen, np.flatnonzero(distance_N <= limit))


def test_one_bit_per_component() -> None:
    vectors_ND = clustered(30)
    bits = np.unpackbits(sign_words(vectors_ND).view(np.uint8), axis=1)
    assert np.array_equal(bits[:, :DIMENSION], vectors_ND > 0)
    assert not bits[:, DIMENSION:].any()


@pytest.mark.usefixtures("small")
def test_most_of_the_nearest_are_found_with_exact_cosines(tmp_path: Path) -> None:
    vectors_ND = clustered(3000)
    written(tmp_path, vectors_ND)
    assert (tmp_path / SKETCH).exists()
    found = 0
    for query_D in clustered(20, seed=0)[:20]:
        approximate_10 = nearest(tmp_path, query_D, 10)
        hidden = (tmp_path / SKETCH).rename(tmp_path / "hidden")
        exact = nearest(tmp_path, query_D, 3000)
        hidden.rename(tmp_path / SKETCH)
        assert all(approximate_10[own] == pytest.approx(exact[own], abs=1e-6) for own in approximate_10)
        found += len(approximate_10.keys() & set(list(exact)[:10]))
    assert found / 200 >= 0.95


@pytest.mark.usefixtures("small")
def test_a_filter_is_kept(tmp_path: Path) -> None:
    written(tmp_path, clustered(3000))
    query_D = clustered(1, seed=3)[0]
    go = nearest(tmp_path, query_D, 10, Filter(languages=("go",)))
    assert len(go) == 10
    with SQLiteStore(tmp_path).reading() as snapshot:
        assert {piece.language for piece in snapshot.pieces(list(go))} == {"go"}
    # Fewer pieces than a step keeps: all of them are compared, so the result is exact.
    one = nearest(tmp_path, query_D, 20, Filter(paths=("f50.py", "f990.py")))
    assert len(one) == 20


@pytest.mark.usefixtures("small")
def test_a_refresh_extends_it_to_what_would_be_made_anew(tmp_path: Path) -> None:
    written(tmp_path, clustered(1000))
    written(tmp_path, clustered(300, seed=1), names="g", removed=("f0.py", "f500.py"))
    extended = Sketch.load(tmp_path / SKETCH)
    assert extended is not None
    with SQLiteStore(tmp_path).reading() as snapshot:
        anew = Sketch.of(snapshot.ids_N, DIMENSION, snapshot.vectors)
    assert len(anew) == 1280
    assert np.array_equal(extended.ids_N, anew.ids_N)
    assert np.array_equal(extended.front_FN, anew.front_FN)
    assert np.array_equal(extended.back_NB, anew.back_NB)


@pytest.mark.usefixtures("small")
def test_only_what_is_new_is_read(tmp_path: Path) -> None:
    written(tmp_path, clustered(1000))
    with SQLiteStore(tmp_path).reading() as snapshot:
        old = Sketch.of(snapshot.ids_N[:990], DIMENSION, snapshot.vectors)
        asked: list[int] = []

        def vectors_of(ids_K: NDArray[np.int64]) -> NDArray[np.float32]:
            asked.extend(ids_K.tolist())
            return snapshot.vectors(ids_K)

        Sketch.of(snapshot.ids_N, DIMENSION, vectors_of, old)
        assert asked == snapshot.ids_N[990:].tolist()


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("damage", ["missing", "short", "empty", "foreign", "stale"])
def test_without_a_usable_sketch_search_is_exact_and_says_so_once(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "index"
    written(folder, clustered(1000))
    before = (folder / SKETCH).read_bytes()
    if damage == "missing":
        (folder / SKETCH).unlink()
    elif damage == "stale":
        written(folder, clustered(100, seed=2), names="g")
        (folder / SKETCH).write_bytes(before)
    else:
        (folder / SKETCH).write_bytes({"short": before[:-8], "empty": b"", "foreign": b"[1]" * 1000}[damage])
    query_D = clustered(1, seed=5)[0]
    with caplog.at_level(logging.WARNING), SQLiteStore(folder).reading() as snapshot:
        everything = snapshot.vectors(snapshot.ids_N) @ query_D
        for _ in range(2):
            _, cosines_K = snapshot.nearest(query_D, 200, EVERYTHING)
            assert np.allclose(cosines_K, np.sort(everything)[::-1][:200], atol=1e-6)
    assert len(caplog.records) == 1
    assert "adjoin index" in caplog.text
    with SQLiteStore(folder).writing() as writer:  # a refresh that changes nothing mends it
        writer.begin("model", DIMENSION)
    caplog.clear()
    with SQLiteStore(folder).reading() as snapshot:
        assert len(snapshot.nearest(query_D, 10, EVERYTHING)[0]) == 10
    assert not caplog.records


@pytest.mark.usefixtures("small")
def test_it_goes_when_the_index_becomes_small(tmp_path: Path) -> None:
    written(tmp_path, clustered(600))
    assert (tmp_path / SKETCH).exists()
    written(tmp_path, clustered(10), removed=tuple(f"f{start}.py" for start in range(10, 600, 10)))
    assert not (tmp_path / SKETCH).exists()


@pytest.mark.usefixtures("small")
def test_a_new_database_takes_nothing_from_the_old_one(tmp_path: Path) -> None:
    written(tmp_path, clustered(1000))
    (tmp_path / "index.sqlite").unlink()
    written(tmp_path, clustered(1000, seed=9))
    sketch = Sketch.load(tmp_path / SKETCH)
    assert sketch is not None
    with SQLiteStore(tmp_path).reading() as snapshot:
        anew = Sketch.of(snapshot.ids_N, DIMENSION, snapshot.vectors)
    assert np.array_equal(sketch.front_FN, anew.front_FN)
    assert np.array_equal(sketch.back_NB, anew.back_NB)


@pytest.mark.usefixtures("small")
def test_a_full_disk_costs_the_sketch_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Sketch, "save", full)
    with caplog.at_level(logging.WARNING):
        written(tmp_path, clustered(1000))
    assert "No space left" in caplog.text
    assert len(nearest(tmp_path, clustered(1)[0], 10)) == 10
