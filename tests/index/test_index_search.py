import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bag_encoder import BagEncoder, write

from adjoin.errors import AdjoinError
from adjoin.index import Hit, Index, Mode, update, update_index
from adjoin.ranking import BM25

SOURCES = {
    "net/http.py": "def parseHTTPResponse(data):\n    return data.split()\n\n\ndef send(url):\n    return url\n",
    "net/retry.py": "def again(upload):\n    # try a failed upload three times\n    return upload\n",
    "math.go": "func Sum(a, b int) int {\n\treturn a + b\n}\n",
    "guide.md": "# Uploads\n\nA failed upload is tried again after a pause that doubles each time.\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("search")
    update_index(write(base / "root", SOURCES), base / "index", BagEncoder(512), model="shipped")
    return base / "index"


@pytest.fixture(scope="module")
def index(folder: Path) -> Index:
    return Index.open(folder)


@pytest.fixture(scope="module")
def encoder() -> BagEncoder:
    return BagEncoder(512)


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_words_find_split_identifiers(index: Index, encoder: BagEncoder, mode: Mode) -> None:
    hit = index.search("parse http response", encoder, mode=mode)[0]
    assert (hit.path, hit.name, hit.first_line, hit.last_line) == ("net/http.py", "parseHTTPResponse", 1, 2)
    assert hit.text == "def parseHTTPResponse(data):\n    return data.split()"
    assert (hit.language, hit.kind) == ("python", "function")


def test_dense_is_exact(index: Index, encoder: BagEncoder) -> None:
    hits = index.search("failed upload", encoder, mode="dense", limit=100)
    query = encoder.encode_query(["failed upload"])[0]
    plain = [float(encoder.encode_document([hit.text])[0] @ query) for hit in hits]
    assert len(hits) == len(index)
    assert [hit.score for hit in hits] == pytest.approx(plain, abs=1e-6)
    assert plain == sorted(plain, reverse=True)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> tuple[Index, list[dict[str, str]], BM25]:
    """A corpus of many words, and plain BM25 over the same text."""
    base = tmp_path_factory.mktemp("words")
    rng = np.random.default_rng(0)
    vocabulary = [f"{a}{b}" for a in "bcdfghklmnprstvz" for b in ("amo", "eki", "olu", "una", "iti")]
    files = {
        f"f{number:03}.md": " ".join(vocabulary[min(i, 79)] for i in rng.zipf(1.3, size=rng.integers(5, 120)))
        for number in range(150)
    }
    update_index(write(base / "root", files), base / "index", BagEncoder())
    index = Index.open(base / "index")
    hits = index._table.search().select(["path", "name", "text"]).to_arrow().to_pylist()
    return index, hits, BM25([f"{row['path']}\n{row['name']}\n{row['text']}" for row in hits])


@pytest.mark.parametrize("query", ["bamo", "tuna beki", "vuna vuna zolu", "f007 md", "nothing-like-it"])
def test_lexical_order_is_that_of_bm25(words: tuple[Index, list[dict[str, str]], BM25], query: str) -> None:
    index, rows, plain = words
    expected = plain.scores(query)
    hits = index.search(query, None, mode="lexical", limit=200)
    assert len(hits) == np.count_nonzero(expected)
    by_path = {row["path"]: float(score) for row, score in zip(rows, expected, strict=True)}
    ours = [hit.score for hit in hits]
    # The plain version leaves out the constant factor k1 + 1, which changes no order.
    assert ours == pytest.approx([by_path[hit.path] * 2.2 for hit in hits], rel=1e-4)
    assert ours == sorted(ours, reverse=True)


def weighted(dense_weight: float) -> BagEncoder:
    encoder = BagEncoder(512)
    encoder.dense_weight = dense_weight
    return encoder


def places(hits: list[Hit]) -> list[tuple[str, int]]:
    return [(hit.path, hit.first_line) for hit in hits]


@pytest.mark.parametrize("languages", [None, ["python", "text"]])
def test_hybrid_is_a_sum_of_z_scores(index: Index, encoder: BagEncoder, languages: list[str] | None) -> None:
    query, number = "failed upload", len(index)
    halves = {
        mode: {(hit.path, hit.first_line): hit.score for hit in hits}
        for mode in ("dense", "lexical")
        if (hits := index.search(query, encoder, mode=mode, limit=number, languages=languages))
    }
    pieces = list(halves["dense"])
    dense = np.array([halves["dense"][piece] for piece in pieces])
    lexical = np.array([halves["lexical"].get(piece, 0.0) for piece in pieces])
    assert 0 < np.count_nonzero(lexical) < len(pieces) == (number if languages is None else number - 1)
    z_scores = [(scores - scores.mean()) / scores.std() for scores in (dense, lexical)]
    for options, weight in (({}, 0.5), ({"dense_weight": 0.3}, 0.3)):
        expected = weight * z_scores[0] + (1 - weight) * z_scores[1]
        hybrid = index.search(query, encoder, limit=number, languages=languages, **options)
        actual = dict(zip(places(hybrid), [hit.score for hit in hybrid], strict=True))
        assert actual == pytest.approx(dict(zip(pieces, expected.tolist(), strict=True)), abs=1e-6)
        assert list(actual.values()) == sorted(actual.values(), reverse=True)


@pytest.mark.parametrize("query", ["failed upload", "parse http response", "sum a b"])
def test_a_weight_of_0_or_1_gives_the_order_of_one_half(index: Index, encoder: BagEncoder, query: str) -> None:
    dense, lexical = (places(index.search(query, encoder, mode=mode)) for mode in ("dense", "lexical"))
    assert dense != lexical
    assert places(index.search(query, weighted(1.0))) == dense
    assert places(index.search(query, weighted(0.0)))[: len(lexical)] == lexical
    assert places(index.search(query, weighted(0.0), dense_weight=1)) == dense, "what is asked for wins"


def test_a_query_without_known_words_is_ordered_by_vectors(index: Index, encoder: BagEncoder) -> None:
    for query in ("?!", "unheard"):
        assert places(index.search(query, encoder)) == places(index.search(query, encoder, mode="dense"))


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_weights_that_cannot_be(index: Index, encoder: BagEncoder, weight: float) -> None:
    with pytest.raises(AdjoinError, match=f"dense_weight is {weight} in mode 'hybrid', expected 0 to 1"):
        index.search("upload", encoder, dense_weight=weight)
    with pytest.raises(AdjoinError, match="in mode 'lexical', expected 0 to 1 in mode 'hybrid'"):
        index.search("upload", encoder, mode="lexical", dense_weight=0.5)


@pytest.mark.parametrize("mode", ["hybrid", "lexical"])
@pytest.mark.parametrize(
    "mark", ['"', "'", "AND", "(", "*", "NOT (", '"failed', "~2", "terms:", "^", "\\", "; --", "[]"]
)
def test_operators_are_plain_text(index: Index, encoder: BagEncoder, mark: str, mode: Mode) -> None:
    hits = index.search(f"{mark} failed upload {mark}", encoder, mode=mode)
    assert {hits[0].path, hits[1].path} == {"net/retry.py", "guide.md"}


def test_a_query_without_words(index: Index, encoder: BagEncoder) -> None:
    assert index.search("?!", encoder, mode="lexical") == []
    assert index.search("?!", encoder)
    for empty in ("", "  \n"):
        with pytest.raises(AdjoinError, match="the query is empty"):
            index.search(empty, encoder)


def test_limit_and_languages(index: Index, encoder: BagEncoder) -> None:
    assert len(index.search("upload", encoder, limit=2)) == 2
    assert index.languages() == ["go", "python", "text"]
    for mode in ("hybrid", "dense", "lexical"):
        hits = index.search("failed upload sum", encoder, mode=mode, languages=["text", "go"], limit=100)
        assert {hit.language for hit in hits} == {"text", "go"}
    with pytest.raises(AdjoinError, match="no pieces in pyhton: expected some of go, python, text"):
        index.search("upload", encoder, languages=["pyhton"])
    with pytest.raises(AdjoinError, match="limit is 0"):
        index.search("upload", encoder, limit=0)
    with pytest.raises(AdjoinError, match="'fast', expected one of hybrid, dense, lexical"):
        index.search("upload", encoder, mode="fast")


def test_another_model(index: Index) -> None:
    for mode in ("hybrid", "dense"):
        with pytest.raises(AdjoinError, match=r"by the model bag-1 \(shipped\), but the model bag-9 is given"):
            index.search("upload", BagEncoder(512, "bag-9"), mode=mode)
        with pytest.raises(AdjoinError, match="but no model is given"):
            index.search("upload", None, mode=mode)


@pytest.mark.parametrize("cleaned", [True, False])
def test_an_open_index_follows_updates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cleaned: bool) -> None:
    if not cleaned:  # the old files are still there, and must not answer
        monkeypatch.setattr(update, "clean_up", lambda *_: None)
    root = write(tmp_path / "root", {"a.py": "def alpha(): pass\n"})
    update_index(root, tmp_path / "index", BagEncoder())
    index = Index.open(tmp_path / "index")
    for name in ("beta", "gamma"):
        write(root, {"a.py": f"def {name}(): pass\n"})
        update_index(root, tmp_path / "index", BagEncoder())
        for mode in ("hybrid", "dense", "lexical"):
            assert [hit.name for hit in index.search(name, BagEncoder(), mode=mode)] == [name]
    update_index(root, tmp_path / "index", BagEncoder(32, "bag-2"))
    assert index.search("gamma", BagEncoder(32, "bag-2"))[0].name == "gamma"


def one_line(error: pytest.ExceptionInfo[AdjoinError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def test_no_index(tmp_path: Path) -> None:
    with pytest.raises(AdjoinError, match=r"no index at .*nowhere: expected .* `adjoin index ROOT --out") as error:
        Index.open(tmp_path / "nowhere")
    one_line(error)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("not json", "cannot read the index description"),
        ("[]", "is damaged"),
        ('{"format": 1}', "is damaged"),
        ('{"format": 99}', "has format 99, this version reads 1"),
    ],
)
def test_a_damaged_description(tmp_path: Path, damage: str, expected: str) -> None:
    (tmp_path / "index.json").write_text(damage)
    with pytest.raises(AdjoinError, match=expected) as error:
        Index.open(tmp_path)
    one_line(error)


@pytest.mark.parametrize("part", ["data", "_versions"])
def test_damaged_files(tmp_path: Path, part: str) -> None:
    folder = tmp_path / "index"
    update_index(write(tmp_path / "root", SOURCES), folder, BagEncoder())
    for path in folder.glob(f"tables/*/{part}/*"):
        path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(
        AdjoinError, match=r"the index .*: remove the folder and run `adjoin index` again"
    ) as error:
        Index.open(folder).search("upload", BagEncoder())
    one_line(error)
    with pytest.raises(AdjoinError, match=r"the index .*run `adjoin index` again") as error:
        update_index(tmp_path / "root", folder, BagEncoder())
    one_line(error)


def test_a_missing_table(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    update_index(write(tmp_path / "root", SOURCES), folder, BagEncoder())
    value = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps(value | {"table": "pieces-gone"}))
    with pytest.raises(AdjoinError, match="cannot open the index") as error:
        Index.open(folder)
    one_line(error)


def test_importing_the_room_is_light() -> None:
    heavy = ("lancedb", "pyarrow", "torch", "tree_sitter")
    code = f"import sys, adjoin.index; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
