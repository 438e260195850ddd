"""Searches of an index: modes, filters, versions, damage."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bag_encoder import BagEncoder, write

from adjoin.errors import AdjoinError
from adjoin.index import Filter, Hit, Mode
from adjoin.index.refresh import refresh
from adjoin.index.search import spread_over_files
from adjoin.index.searcher import Searcher, load_index, search
from adjoin.index.sqlite import SQLiteStore
from adjoin.index.store import EVERYTHING, FORMAT
from adjoin.ranking import BM25
from adjoin.ranking.evidence import Candidate
from adjoin.ranking.score import Ranked

search_module: Any = import_module("adjoin.index.search")
snapshot_module: Any = import_module("adjoin.index.sqlite.snapshot")

SOURCES = {
    "net/http.py": "def parseHTTPResponse(data):\n    return data.split()\n\n\ndef send(url):\n    return url\n",
    "net/retry.py": "def again(upload):\n    # try a failed upload three times\n    return upload\n",
    "math.go": "func Sum(a, b int) int {\n\treturn a + b\n}\n",
    "guide.md": "# Uploads\n\nA failed upload is tried again after a pause that doubles each time.\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("search")
    refresh(write(base / "root", SOURCES), base / "index", BagEncoder(512), model="shipped")
    return base / "index"


@pytest.fixture(scope="module")
def searcher(folder: Path) -> Searcher:
    return Searcher(folder, BagEncoder(512))


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_words_find_split_identifiers(searcher: Searcher, mode: Mode) -> None:
    hit = searcher.search("parse http response", mode=mode)[0]
    assert (hit.path, hit.first_line) == ("net/http.py", 1)
    assert "parseHTTPResponse" in hit.name
    assert hit.text.startswith("def parseHTTPResponse(data):\n    return data.split()")
    assert (hit.language, hit.kind) == ("python", "function")
    assert hit.evidence


def ranked(number: int, *, weak: bool = False, also: tuple[int, ...] = ()) -> Ranked:
    def made(one: int) -> Candidate:
        return Candidate(one, f"{one}.py", "python", "function", f"f{one}", (), one, one, 0.5, 0.5, "text")

    return Ranked(made(number), 1 / (1 + number), {}, weak, tuple(map(made, also)))


def test_a_piece_that_is_named_under_a_hit_gives_its_place_to_another_file() -> None:
    def places(hits: list[Ranked], limit: int) -> list[int]:
        return [hit.candidate.id for hit in spread_over_files(hits, limit)]

    hits = [ranked(1, also=(2, 3, 4)), ranked(2), ranked(5), ranked(3), ranked(6), ranked(7, weak=True)]
    assert places(hits, 1) == [1]
    assert places(hits, 2) == [1, 5]
    assert places(hits, 3) == [1, 5, 6]
    assert places(hits, 4) == [1, 2, 5, 6]  # rather the best named one than a weak one
    assert places(hits, 5) == [1, 2, 5, 3, 6]
    assert places(hits, 9) == [1, 2, 5, 3, 6, 7]
    assert places(hits[:2], 2) == [1, 2]
    assert places([], 3) == []


def test_further_pieces_of_a_file_are_named_once(tmp_path: Path) -> None:
    bodies = "".join(
        f"def upload_{name}(file):\n    send({name!r}, file)\n" + "    # x\n" * 60 for name in "abcdef"
    )
    other = "def upload_again(file):\n    send(file)\n"
    refresh(write(tmp_path / "root", {"up.py": bodies, "other.py": other}), tmp_path / "index", BagEncoder(512))
    with Searcher(tmp_path / "index", BagEncoder(512)) as searcher:
        for limit in (2, 3, 9):
            hits = searcher.search("upload a file, send it", limit=limit)
            first = next(hit for hit in hits if hit.path == "up.py")
            places = [(hit.first_line, hit.last_line) for hit in hits if hit.path == "up.py"]
            places += [(one.first_line, one.last_line) for hit in hits for one in hit.also]
            assert len(set(places)) == len(places)
            assert bool(first.also) == (limit < 9)
            assert all(one.name.startswith("upload_") for one in first.also)
            assert {hit.path for hit in hits} == {"up.py", "other.py"}
        assert all(not hit.also for hit in searcher.search("upload", mode="dense"))


def test_a_line_of_a_long_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its piece is found by its line alone if the file has more pieces than are candidates for its path."""
    monkeypatch.setattr(search_module, "CANDIDATES", 2)
    body = "".join(f"    amo = eki{number}\n" for number in range(30))
    texts = {"long.py": "\n\n".join(f"def olu{number}(una):\n{body}" for number in range(40))}
    refresh(write(tmp_path / "root", texts), tmp_path / "index", BagEncoder(64), model="shipped")
    searcher = Searcher(tmp_path / "index", BagEncoder(64))
    for line in (5, 500, 1200):
        (hit,) = searcher.search(f"long.py:{line}", limit=1)
        assert hit.first_line <= line <= hit.last_line
    assert searcher.search("long.py:99999", limit=1)[0].path == "long.py"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of many words."""
    base = tmp_path_factory.mktemp("words")
    rng = np.random.default_rng(0)
    vocabulary = [f"{a}{b}" for a in "bcdfghklmnprstvz" for b in ("amo", "eki", "olu", "una", "iti")]
    files = {
        f"f{number:03}.md": " ".join(vocabulary[min(i, 79)] for i in rng.zipf(1.3, size=rng.integers(5, 120)))
        for number in range(150)
    }
    refresh(write(base / "root", files), base / "index", BagEncoder(512))
    return base / "index"


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("where", [EVERYTHING, Filter(excluded=("f00*",))])
def test_dense_is_exact(corpus: Path, where: Filter, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunk by chunk, with all vectors in memory or not, as one product of all."""
    monkeypatch.setattr(snapshot_module, "CHUNK_BYTES", 512 * 7)
    monkeypatch.setattr(snapshot_module, "KEPT_BYTES", 1 << 30 if kept else 0)
    encoder = BagEncoder(512)
    query_D = encoder.encode_query(["bamo tuna"])[0]
    hits = Searcher(corpus, encoder).search("bamo tuna", mode="dense", limit=1000, where=where)
    plain = [float(encoder.encode_document([hit.text])[0] @ query_D) for hit in hits]
    assert len(hits) == (150 if where == EVERYTHING else 140)
    assert [hit.score for hit in hits] == pytest.approx(plain, abs=5e-3)
    with SQLiteStore(corpus).reading() as snapshot:
        ids_N, cosines_N = snapshot.nearest(query_D, 150, EVERYTHING)
        np.testing.assert_allclose(snapshot.vectors(ids_N) @ query_D, cosines_N, atol=1e-6)
        assert (np.diff(cosines_N) <= 0).all()


@pytest.mark.parametrize("query", ["bamo", "tuna beki", "vuna vuna zolu", "f007 md", "nothing-like-it"])
def test_lexical_scores_are_those_of_bm25(corpus: Path, query: str) -> None:
    with SQLiteStore(corpus).reading() as snapshot:
        rows = snapshot.pieces(snapshot._ids_N)
    expected = BM25([f"{row.path}\n{row.name}\n{row.text}" for row in rows]).scores(query)
    hits = Searcher(corpus, None).search(query, mode="lexical", limit=200)
    assert len(hits) == np.count_nonzero(expected)
    by_path = {row.path: float(score) for row, score in zip(rows, expected, strict=True)}
    ours = [hit.score for hit in hits]
    assert ours == pytest.approx([by_path[hit.path] for hit in hits], rel=1e-4)
    assert ours == sorted(ours, reverse=True)


def test_candidates_have_exact_evidence(corpus: Path) -> None:
    query_D = BagEncoder(512).encode_query(["bamo tuna"])[0]
    with SQLiteStore(corpus).reading() as snapshot:
        ids = snapshot._ids_N[[5, 3, 77]]
        candidates = snapshot.candidates(ids, query_D, ["bamo", "tuna"])
        assert [candidate.id for candidate in candidates] == ids.tolist()
        cosines = dict(zip(*(part.tolist() for part in snapshot.nearest(query_D, 150, EVERYTHING)), strict=True))
        scores = dict(
            zip(*(part.tolist() for part in snapshot.matching(["bamo", "tuna"], 150, EVERYTHING)), strict=True)
        )
        best = snapshot._words.best_score(["bamo", "tuna"])
        for candidate in candidates:
            assert candidate.cosine == pytest.approx(cosines[candidate.id], abs=1e-6)
            assert candidate.bm25 == pytest.approx(scores.get(candidate.id, 0) / best, abs=1e-6)
            assert candidate.bm25 < 1


def test_candidates_without_texts_are_otherwise_the_same(corpus: Path) -> None:
    query_D = BagEncoder(512).encode_query(["bamo tuna"])[0]
    with SQLiteStore(corpus).reading() as snapshot:
        ids = snapshot._ids_N[[5, 3, 77]]
        whole = snapshot.candidates(ids, query_D, ["bamo"])
        bare = snapshot.candidates(ids, query_D, ["bamo"], with_texts=False)
        assert [one.text for one in whole] == snapshot.texts(ids) == [one.text for one in snapshot.pieces(ids)]
        assert all(one.text for one in whole)
        assert [replace(one, text="") for one in whole] == bare


def places(hits: list[Hit]) -> list[tuple[str, int]]:
    return [(hit.path, hit.first_line) for hit in hits]


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_weights_that_cannot_be(searcher: Searcher, weight: float) -> None:
    with pytest.raises(AdjoinError, match=f"dense_weight is {weight} in mode 'hybrid', expected 0 to 1"):
        searcher.search("upload", dense_weight=weight)
    with pytest.raises(AdjoinError, match="in mode 'lexical', expected 0 to 1 in mode 'hybrid'"):
        searcher.search("upload", mode="lexical", dense_weight=0.5)


@pytest.mark.parametrize("mode", ["hybrid", "lexical"])
@pytest.mark.parametrize(
    "mark", ['"', "'", "AND", "(", "*", "NOT (", '"failed', "~2", "terms:", "^", "\\", "; --", "[]", "->"]
)
def test_operators_are_plain_text(searcher: Searcher, mark: str, mode: Mode) -> None:
    hits = searcher.search(f"{mark} failed upload {mark}", mode=mode)
    assert {hits[0].path, hits[1].path} == {"net/retry.py", "guide.md"}


def test_a_query_without_words(searcher: Searcher) -> None:
    assert searcher.search("?!", mode="lexical") == []
    assert searcher.search("?!")
    for empty in ("", "  \n"):
        with pytest.raises(AdjoinError, match="the query is empty"):
            searcher.search(empty)


def test_limit_and_filters(searcher: Searcher) -> None:
    assert len(searcher.search("upload", limit=2)) == 2
    assert searcher.languages() == ["go", "markdown", "python"]
    for mode in ("hybrid", "dense", "lexical"):

        def found(where: Filter, mode: Mode = mode) -> set[str]:
            return {hit.path for hit in searcher.search("failed upload sum split", mode=mode, where=where)}

        assert found(EVERYTHING) == set(SOURCES)
        assert found(Filter(languages=("markdown", "go"))) == {"guide.md", "math.go"}
        assert found(Filter(paths=("net",))) == {"net/http.py", "net/retry.py"}
        assert found(Filter(paths=("*.go", "*/retry.*"))) == {"math.go", "net/retry.py"}
        assert found(Filter(excluded=("net/*", "math.go"))) == {"guide.md"}
        assert found(Filter(languages=("python",), paths=("*r*",), excluded=("*http*",))) == {"net/retry.py"}
        assert found(Filter(paths=("nowhere",))) == set()
    with pytest.raises(AdjoinError, match="no pieces in pyhton: expected some of go, markdown, python"):
        searcher.search("upload", where=Filter(languages=("pyhton",)))
    with pytest.raises(AdjoinError, match="limit is 0"):
        searcher.search("upload", limit=0)
    with pytest.raises(AdjoinError, match="'fast', expected one of hybrid, dense, lexical"):
        searcher.search("upload", mode="fast")  # type: ignore[arg-type]


def test_files_with_the_words_of_the_query_in_their_path(searcher: Searcher) -> None:
    with searcher.snapshot() as snapshot:

        def at(words: list[str], where: Filter = EVERYTHING, number: int = 10) -> list[str]:
            return [piece.path for piece in snapshot.pieces(snapshot.at_paths(words, where, number))]

        assert at(["retries"]) == ["net/retry.py"], "words are stemmed"
        assert at(["net", "retry"])[:2] == ["net/retry.py", "net/http.py"]
        assert at(["net"], Filter(paths=("*http*",))) == ["net/http.py"]
        assert at(["net"], number=2) == ["net/http.py", "net/retry.py"], "first pieces first"
        assert at(["py"]) == at([]) == []


def test_similar_pieces(searcher: Searcher) -> None:
    hits = searcher.similar("net/retry.py", 2, limit=2)
    assert hits[0].path == "guide.md"
    assert len(hits) == 2
    assert ("net/retry.py", 1) not in places(searcher.similar("net/retry.py", 2, limit=100))
    with pytest.raises(AdjoinError, match=r"no piece of the index at net/retry.py:99: expected a path"):
        searcher.similar("net/retry.py", 99)
    with pytest.raises(AdjoinError, match="no piece of the index"):
        searcher.similar("net/retry.py", 10**30)  # no number that a database holds


def test_another_model(folder: Path) -> None:
    for mode in ("hybrid", "dense"):
        with pytest.raises(AdjoinError, match=r"by the model bag-1 \(shipped\), but the model bag-9 is given"):
            Searcher(folder, BagEncoder(512, "bag-9")).search("upload", mode=mode)
        with pytest.raises(AdjoinError, match="but no model is given"):
            Searcher(folder, None).search("upload", mode=mode)


def test_an_open_index_follows_refreshes(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {"a.py": "def alpha(): pass\n"})
    refresh(root, tmp_path / "index", BagEncoder())
    searcher = Searcher(tmp_path / "index", BagEncoder())
    for name in ("beta", "gamma"):
        write(root, {"a.py": f"def {name}(): pass\n"})
        refresh(root, tmp_path / "index", BagEncoder())
        for mode in ("hybrid", "dense", "lexical"):
            assert [hit.name for hit in searcher.search(name, mode=mode)] == [name]
    refresh(root, tmp_path / "index", BagEncoder(32, "bag-2"))
    searcher.encoder = BagEncoder(32, "bag-2")
    assert searcher.search("gamma")[0].name == "gamma"


def test_a_snapshot_does_not_change(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {"a.py": "def alpha(): pass\n"})
    refresh(root, tmp_path / "index", BagEncoder())
    with SQLiteStore(tmp_path / "index").reading() as old:
        write(root, {"a.py": "def beta(): pass\n"})
        refresh(root, tmp_path / "index", BagEncoder(32, "bag-2"))
        with SQLiteStore(tmp_path / "index").reading() as new:
            for snapshot, name, version in ((old, "alpha", 1), (new, "beta", 2)):
                assert snapshot.description.version == version
                ids = snapshot.matching(["alpha", "beta"], 10, EVERYTHING)[0]
                assert [piece.name for piece in snapshot.pieces(ids)] == [name]


def test_it_follows_an_index_that_was_removed_and_made_anew(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {"a.py": "def alpha(): pass\n"})
    refresh(root, tmp_path / "index", BagEncoder())
    searcher = Searcher(tmp_path / "index", BagEncoder())
    for path in (tmp_path / "index").glob("index.sqlite*"):
        path.unlink()
    write(root, {"a.py": "def beta(): pass\n"})
    refresh(root, tmp_path / "index", BagEncoder())
    assert [hit.name for hit in searcher.search("beta")] == ["beta"]


def one_line(error: pytest.ExceptionInfo[AdjoinError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def test_no_index(tmp_path: Path) -> None:
    with pytest.raises(AdjoinError, match=r"no index at .*nowhere: expected .* `adjoin index ROOT --out") as error:
        Searcher(tmp_path / "nowhere", None)
    one_line(error)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def scramble(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[8192:] = bytes(reversed(data[8192:]))
    path.write_bytes(data)


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine(a)")
    connection.close()


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (cut, "damaged"),
        (scramble, "damaged"),
        (foreign, "is not an index of Adjoin"),
        (lambda path: path.write_text("my notes, not a database"), "damaged or not an index"),
        (lambda path: path.write_bytes(b""), "damaged or not an index"),
    ],
    ids=["cut", "scrambled", "foreign", "text", "empty"],
)
def test_damaged_and_foreign_files(tmp_path: Path, damage: Callable[[Path], object], expected: str) -> None:
    """One clear line, for searches and for refreshes, and nothing is overwritten."""
    folder, root = tmp_path / "index", write(tmp_path / "root", SOURCES)
    refresh(root, folder, BagEncoder())
    damage(folder / "index.sqlite")
    before = (folder / "index.sqlite").read_bytes()
    with pytest.raises(AdjoinError, match=expected) as error:
        Searcher(folder, BagEncoder()).search("upload")
    assert "remove the folder" in one_line(error) or "choose another" in one_line(error)
    write(root, {"new.py": "def new(): pass\n"})
    with pytest.raises(AdjoinError, match=expected) as error:
        refresh(root, folder, BagEncoder())
    one_line(error)
    assert (folder / "index.sqlite").read_bytes() == before


def test_another_format_is_made_anew(tmp_path: Path) -> None:
    folder, root = tmp_path / "index", write(tmp_path / "root", SOURCES)
    refresh(root, folder, BagEncoder())
    connection = sqlite3.connect(folder / "index.sqlite")
    connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    connection.close()
    with pytest.raises(
        AdjoinError, match=rf"has format {FORMAT + 1}, this version reads {FORMAT}: run `adjoin ind"
    ):
        Searcher(folder, None)
    refresh(root, folder, BagEncoder())
    assert Searcher(folder, BagEncoder()).search("upload")


def test_importing_the_room_is_light() -> None:
    heavy = ("lancedb", "pyarrow", "torch", "tree_sitter")
    code = f"import sys, adjoin.index.searcher; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (None, r"query is None, expected a text \(str\)"),
        (b"upload", r"query is b'upload', .* decode it"),
        (["upload", "sum"], "query is a list of 2, expected one text .*: search once for each"),
        (3, "query is 3, expected a text"),
        (Path("upload"), "query is a PosixPath, expected a text"),
        (" ", "the query is empty"),
    ],
)
def test_a_query_is_one_text(searcher: Searcher, query: Any, message: str) -> None:  # noqa: ANN401
    for mode in ("hybrid", "dense", "lexical"):
        with pytest.raises(AdjoinError, match=message):
            searcher.search(query, mode=mode)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, "limit is 0, expected an integer of at least 1"),
        ({"limit": -1}, "limit is -1"),
        ({"limit": "8"}, "limit is '8'"),
        ({"limit": True}, "limit is True"),
        ({"limit": 2.0}, "limit is 2.0"),
        ({"limit": None}, "limit is None"),
        ({"mode": "hybird"}, "mode is 'hybird', expected one of hybrid, dense, lexical; did you mean 'hybrid'"),
        ({"mode": None}, "mode is None"),
        ({"mode": []}, r"mode is \[\], expected"),
        ({"dense_weight": "0.5"}, "dense_weight is '0.5', expected a number"),
        ({"dense_weight": True}, "dense_weight is True"),
        ({"dense_weight": float("nan")}, "dense_weight is nan"),
        ({"where": "go"}, "where is a str, expected a Filter"),
        ({"where": None}, "where is None, expected a Filter"),
        ({"where": Filter(languages="go")}, "languages of the filter is a str, expected a tuple of texts"),  # type: ignore[arg-type]
        ({"where": Filter(paths=(b"a",))}, "paths of the filter is a tuple of 1, expected a tuple of texts"),  # type: ignore[arg-type]
    ],
)
def test_wrong_options_of_a_search_are_one_line(searcher: Searcher, options: Any, message: str) -> None:  # noqa: ANN401
    with pytest.raises(AdjoinError, match=message) as error:
        searcher.search("upload", **options)
    assert "\n" not in str(error.value)
    if options.keys() <= {"limit", "where"}:
        with pytest.raises(AdjoinError, match=message):
            searcher.similar("math.go", 1, **options)


@pytest.mark.parametrize(("path", "line"), [(None, 1), (b"math.go", 1), ("math.go", "1"), ("math.go", 1.0)])
def test_a_place_is_a_path_and_a_line(searcher: Searcher, path: Any, line: Any) -> None:  # noqa: ANN401
    with pytest.raises(AdjoinError, match=r"(path|line) is .*, expected"):
        searcher.similar(path, line)


@pytest.mark.parametrize("folder", [None, 3, b".adjoin", [".adjoin"]])
def test_an_index_is_a_folder_or_an_address(folder: Any) -> None:  # noqa: ANN401
    for call in (lambda: load_index(folder), lambda: search("upload", index=folder)):
        with pytest.raises(AdjoinError, match=r"the index is .*, expected a folder or a postgresql:// URL"):
            call()
