"""What every store of an index does: the same tests over SQLite and PostgreSQL, and one against the other."""

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from bag_encoder import BagEncoder, write

from adjoin.errors import AdjoinError
from adjoin.index.locating import Location, open_store
from adjoin.index.refresh import refresh
from adjoin.index.search import Hit
from adjoin.index.searcher import Searcher
from adjoin.index.store import EVERYTHING, Filter

if TYPE_CHECKING:
    from postgres_server import Server

refresh_module: Any = import_module("adjoin.index.refresh")

SOURCES = {
    "net/http.py": "def parseHTTPResponse(data):\n    return data.split()\n\n\ndef send(url):\n    return url\n",
    "net/retry.py": "def again(upload):\n    # try a failed upload three times\n    return upload\n",
    "math.go": "func Sum(a, b int) int {\n\treturn a + b\n}\n",
    "guide.md": "# Uploads\n\nA failed upload is tried again after a pause that doubles each time.\n",
    "empty.py": "",
}


@pytest.fixture(params=["sqlite", "postgres"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """Where an index may be made."""
    if request.param == "sqlite":
        return tmp_path / "index"
    server: Server = request.getfixturevalue("postgres")
    return server.address()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path / "root", SOURCES)


def names(location: Location) -> list[str]:
    with open_store(location).reading() as snapshot:
        ids, _ = snapshot.nearest(np.zeros(snapshot.description.dimension, np.float32), 1000, EVERYTHING)
        return sorted(piece.name for piece in snapshot.pieces(ids) if piece.language == "python")


def test_what_is_stored_is_read(root: Path, location: Location) -> None:
    store = open_store(location)
    assert not store.exists()
    report = refresh(root, location, BagEncoder(), model="shipped")
    assert store.exists()
    assert store.size() > 10_000
    with store.reading() as snapshot:
        assert snapshot.description == report.description
        assert (snapshot.description.root, snapshot.description.version) == (str(root), 1)
        assert (snapshot.description.model, snapshot.description.fingerprint) == ("shipped", "bag-1")
        assert len(snapshot) == report.total
        assert snapshot.languages() == ["go", "markdown", "python"]
        records = snapshot.files()
        assert set(records) == set(SOURCES)
        assert records["net/http.py"].size == len(SOURCES["net/http.py"])
        assert records["empty.py"].pieces == 0
        assert records["empty.py"].reason
        (found,) = snapshot.defining(["Again"], EVERYTHING, 10).tolist()
        (piece,) = snapshot.pieces([found])
        assert (piece.path, piece.name, piece.first_line, piece.last_line) == ("net/retry.py", "again", 1, 3)
        assert piece.text == SOURCES["net/retry.py"].strip()
        assert snapshot.at_line("net/retry.py", 2) == found
        assert snapshot.at_line("net/retry.py", 99) is None
        assert snapshot.at_line("nowhere", 1) is None
        expected = BagEncoder().encode_document([next(text for text in [piece.text])])[0]
        assert snapshot.vectors([found]).shape == (1, len(expected))
        for none in (snapshot.defining([], EVERYTHING, 10), snapshot.at_paths([], EVERYTHING, 10)):
            assert len(none) == 0
        assert snapshot.pieces([]) == snapshot.candidates([], None, []) == []


def test_filters(root: Path, location: Location) -> None:
    refresh(root, location, BagEncoder())
    with Searcher(location, BagEncoder()) as searcher:

        def found(**conditions: tuple[str, ...]) -> set[str]:
            paths = [
                {
                    hit.path
                    for hit in searcher.search("failed upload sum split", mode=mode, where=Filter(**conditions))
                }
                for mode in ("hybrid", "dense", "lexical")
            ]
            assert paths[0] == paths[1] == paths[2]
            return paths[0]

        assert found() == set(SOURCES) - {"empty.py"}
        assert found(languages=("markdown", "go")) == {"guide.md", "math.go"}
        assert found(paths=("net",)) == {"net/http.py", "net/retry.py"}
        assert found(excluded=("net/*", "math.go")) == {"guide.md"}
        assert found(within=("net/retry.py",)) == {"net/retry.py"}
        assert found(languages=("python",), paths=("*r*",), excluded=("*http*",)) == {"net/retry.py"}
        assert found(paths=("nowhere",)) == set()


def test_a_refresh_changes_what_changed(root: Path, location: Location) -> None:
    refresh(root, location, BagEncoder())
    write(root, {"net/retry.py": "def once(): pass\n", "new.py": "def fresh(): pass\n"})
    (root / "net/http.py").unlink()
    encoder = BagEncoder()
    report = refresh(root, location, encoder)
    assert (report.added, report.changed, report.removed, report.unchanged) == (1, 1, 1, 2)
    assert len(encoder.documents) == 2
    assert names(location) == ["fresh", "once"]
    assert report.description is not None
    assert report.description.version == 2
    with Searcher(location, None) as searcher:
        assert searcher.search("parse", mode="lexical") == []
        assert [hit.path for hit in searcher.search("fresh", mode="lexical")] == ["new.py"]
    again = BagEncoder()
    assert refresh(root, location, again).description == report.description
    assert again.documents == []


def test_another_model_replaces_everything(root: Path, location: Location) -> None:
    refresh(root, location, BagEncoder())
    with open_store(location).reading() as old:
        assert refresh(root, location, BagEncoder(32, "bag-2")).new_model
        assert old.description.fingerprint == "bag-1"
        ids, _ = old.matching(["upload"], 10, EVERYTHING)
        assert len(old.pieces(ids)) == 2
        assert old.vectors(ids).shape == (2, 64), "a reader's version does not change"
    with Searcher(location, BagEncoder(32, "bag-2")) as searcher:
        assert searcher.search("upload")
        assert len(searcher.snapshot().__enter__().files()) == len(SOURCES)


def test_an_interrupted_run_is_continued(root: Path, location: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh_module, "BATCH_FILES", 1)

    class Failing(BagEncoder):
        def _encode(self, texts: list[str]) -> Any:  # noqa: ANN401
            if self.calls == 3:
                raise KeyboardInterrupt
            return super()._encode(texts)

    for earlier in (None, "bag-0"):
        if earlier:
            refresh(root, location, BagEncoder(64, earlier))
        with pytest.raises(KeyboardInterrupt):
            refresh(root, location, Failing())
        if earlier:
            with open_store(location).reading() as snapshot:
                assert snapshot.description.fingerprint == earlier
        else:
            with pytest.raises(AdjoinError, match="incomplete: its first run did not finish"):
                Searcher(location, None)
        again = BagEncoder()
        report = refresh(root, location, again)
        assert report.unchanged > 0
        assert len(again.documents) < report.total
        assert names(location) == ["again", "parseHTTPResponse, send"]


def test_what_another_model_put_aside_is_forgotten(
    root: Path, location: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh_module, "BATCH_FILES", 1)
    with open_store(location).writing() as writer:
        assert writer.begin("bag-1", 64) == {}
    refresh(root, location, BagEncoder())

    class Failing(BagEncoder):
        def _encode(self, texts: list[str]) -> Any:  # noqa: ANN401
            if self.calls == 3:
                raise KeyboardInterrupt
            return super()._encode(texts)

    with pytest.raises(KeyboardInterrupt):
        refresh(root, location, Failing(32, "bag-2"))
    assert refresh(root, location, BagEncoder(16, "bag-3")).unchanged == 0


def test_a_second_writer_is_refused(root: Path, location: Location) -> None:
    class Nested(BagEncoder):
        def encode_document(self, texts: list[str]) -> Any:  # noqa: ANN401
            with pytest.raises(
                AdjoinError, match=r"another process is writing to .*: wait until it has ended"
            ) as error:
                refresh(root, location, BagEncoder())
            assert "\n" not in str(error.value)
            return super().encode_document(texts)

    assert refresh(root, location, Nested()).total
    assert refresh(root, location, BagEncoder()).unchanged


def test_nothing_to_index_leaves_nothing(tmp_path: Path, location: Location) -> None:
    bare = write(tmp_path / "bare", {"empty.py": "", "digits.py": "1 2 3\n"})
    with pytest.raises(AdjoinError, match="nothing to index in"):
        refresh(bare, location, BagEncoder())
    assert not open_store(location).exists()
    with pytest.raises(AdjoinError, match=r"no index at .*: .*`adjoin index ROOT --"):
        Searcher(location, None)


def test_the_index_of_another_folder_is_refused(root: Path, location: Location, tmp_path: Path) -> None:
    refresh(root, location, BagEncoder())
    other = write(tmp_path / "other", {"a.py": "def a(): pass\n"})
    with pytest.raises(
        AdjoinError, match=r"belongs to .*root, not to .*other: choose another (--out|\?index=NAME)"
    ):
        refresh(other, location, BagEncoder())
    root.rename(tmp_path / "moved")
    encoder = BagEncoder()
    assert refresh(tmp_path / "moved", location, encoder).unchanged == 4
    assert encoder.documents == []


def test_an_open_searcher_follows(root: Path, location: Location) -> None:
    refresh(root, location, BagEncoder())
    with Searcher(location, BagEncoder()) as searcher:
        for name in ("beta", "gamma"):
            write(root, {"a.py": f"def {name}(): pass\n"})
            refresh(root, location, BagEncoder())
            assert [hit.name for hit in searcher.search(name, mode="lexical")] == [name]
            assert searcher.search(name)[0].name == name


@pytest.mark.parametrize("segments", [1, 12])
def test_words_after_many_refreshes(
    root: Path, location: Location, monkeypatch: pytest.MonkeyPatch, segments: int
) -> None:
    """Segments are merged, and removed pieces count in no frequency."""
    for module in ("adjoin.index.sqlite.segments", "adjoin.index.postgres.words"):
        monkeypatch.setattr(f"{module}.MOST_SEGMENTS", segments)
    for step in range(6):
        write(root, {"a.py": f"def alpha(): return {step}\n", f"new{step}.py": f"def new{step}(): pass\n"})
        if step == 4:
            (root / "new1.py").unlink()
        refresh(root, location, BagEncoder())
    with Searcher(location, None) as searcher:
        scores = {hit.path: hit.score for hit in searcher.search("alpha new upload", mode="lexical", limit=100)}
        assert "new1.py" not in scores
        assert "new5.py" in scores
        assert [hit.path for hit in searcher.search("alpha", mode="lexical")] == ["a.py"]


@pytest.fixture(scope="module")
def both(postgres: "Server", tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Searcher, Searcher]]:
    """The same folder in both stores, refreshed twice."""
    base = tmp_path_factory.mktemp("both")
    rng = np.random.default_rng(0)
    vocabulary = [f"{a}{b}" for a in "bcdfghklmnprstvz" for b in ("amo", "eki", "olu", "una", "iti")]
    files = {
        f"part{number % 7}/f{number:03}.md": " ".join(
            vocabulary[min(i, 79)] for i in rng.zipf(1.3, size=rng.integers(5, 300))
        )
        for number in range(150)
    }
    root = write(base / "root", {**files, **SOURCES})
    locations: tuple[Location, Location] = (base / "index", postgres.address())
    for location in locations:
        refresh(root, location, BagEncoder(256))
    write(root, {"part1/f001.md": "bamo tuna changed", "net/http.py": "def parse_http_response(data): pass\n"})
    (root / "part2/f002.md").unlink()
    for location in locations:
        refresh(root, location, BagEncoder(256))
    with Searcher(locations[0], BagEncoder(256)) as one, Searcher(locations[1], BagEncoder(256)) as other:
        yield one, other


def rounded(hits: list[Hit]) -> list[Hit]:
    """Hits to compare. Scores of the two stores differ by rounding at most."""
    return [
        replace(
            hit, score=round(hit.score, 5), evidence={key: round(value, 5) for key, value in hit.evidence.items()}
        )
        for hit in hits
    ]


@pytest.mark.parametrize(
    "query", ["bamo tuna", "parseHTTPResponse", "part3 f010", "zolu zolu viti", "failed upload"]
)
@pytest.mark.parametrize(
    "where",
    [EVERYTHING, Filter(paths=("part1", "part2", "net")), Filter(languages=("python",), excluded=("*.go",))],
)
def test_both_stores_give_the_same(both: tuple[Searcher, Searcher], query: str, where: Filter) -> None:
    one, other = both
    for mode in ("hybrid", "dense", "lexical"):
        first, second = (rounded(each.search(query, mode=mode, limit=50, where=where)) for each in both)
        assert first == second
    with one.snapshot() as left, other.snapshot() as right:
        vector_D = BagEncoder(256).encode_query([query])[0]
        for snapshot_method, given in (("nearest", vector_D), ("matching", query.split())):
            for ours, theirs in zip(
                getattr(left, snapshot_method)(given, 80, where),
                getattr(right, snapshot_method)(given, 80, where),
                strict=True,
            ):  # fmt: skip
                np.testing.assert_array_equal(ours, theirs)
        ids = left.nearest(vector_D, 20, where)[0]
        assert left.candidates(ids, vector_D, query.split()) == right.candidates(ids, vector_D, query.split())
        np.testing.assert_array_equal(left.vectors(ids), right.vectors(ids))


def test_both_stores_find_the_same_similar_pieces(both: tuple[Searcher, Searcher]) -> None:
    one, other = both
    assert rounded(one.similar("part3/f010.md", 1)) == rounded(other.similar("part3/f010.md", 1))
    assert one.status().files == other.status().files
    assert one.languages() == other.languages()
