"""A transformer that begins as a static table: what it computes before its first step, and that it trains."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from adjoin import Encoder
from adjoin.cli import main
from adjoin.errors import AdjoinError
from adjoin.model.ensemble import make_ensemble
from adjoin.model.growing import grow
from adjoin.model.static import StaticTable, Tensors
from adjoin.pairs.dataset import PairDataset
from adjoin.tokens import Ragged
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe

QUERIES = ["open a file", "merge the table", "close socket", "parse token list of the path"]
FUNCTIONS = [
    "def open_file(path): return",
    "merge table into index",
    "socket close {retry}",
    "list[token] = parse",
]


@pytest.fixture(scope="module")
def table(pairs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "table"
    sizes = {"dimension": 32, "vocabulary": 600, "batch": 32, "steps": 60, "weight_learning_rate": 0.05}
    train(pairs_folder, out, Recipe.with_defaults(preset="static", **sizes))
    return out


@pytest.fixture(scope="module")
def grown(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "grown"
    assert grow(table, out, layers=3, dimension=128).kept == pytest.approx(1)
    return out


def what_is_grown(tensors: Tensors, encoder: Encoder, tokens: Ragged) -> np.ndarray:
    """The table's own vectors without what a causal model cannot see, delimiters, and the shape of places."""
    tensors = dict(tensors)
    tensors["after"] = np.zeros_like(tensors["after"])
    weights, before = tensors["weights"].copy(), tensors["before"].copy()
    for delimiter in "[]{}":
        weights[:, encoder.tokenizer.backend.token_to_id(delimiter)] = 0
    for closing in "]}":
        before[:, encoder.tokenizer.backend.token_to_id(closing)] = 0
    places = np.arange(tensors["places"].shape[1])
    near = 10 / (10 + places)
    lines = [np.polyfit(near, np.log(row), 1) for row in tensors["places"]]
    tensors |= {
        "weights": weights,
        "before": before,
        "places": np.stack([np.exp(np.polyval(line, near)) for line in lines]),
    }
    return StaticTable(
        {name: value.astype(np.float32) for name, value in tensors.items() if name != "openings"}
        | {"openings": tensors["openings"]}
    ).embed(tokens)


def assert_close(vectors: np.ndarray, expected: np.ndarray, least: float = 0.99) -> None:
    """All cosines are nearly those expected; attention detects repeated tokens only approximately."""
    cosines, expected_cosines = ((some @ some.T)[np.triu_indices(len(some), 1)] for some in (vectors, expected))
    assert np.abs(cosines - expected_cosines).max() < 0.1
    assert np.corrcoef(cosines, expected_cosines)[0, 1] > least


@pytest.mark.parametrize("role", ["query", "document"])
def test_its_cosines_are_the_tables_before_the_first_step(table: Path, grown: Path, role: str) -> None:
    encoder, tensors = Encoder.load(grown), load_file(table / "model.safetensors")
    texts = [*QUERIES, *FUNCTIONS, "x", "token " + "a b c d e f g h i j k l m n o p q r s t u v w x y z"]
    tokens = encoder.tokenizer.encode(texts, role, 256)
    expected = what_is_grown(tensors, encoder, tokens)
    vectors = encoder.encode(texts, role=role)
    assert vectors.shape == (len(texts), 128)
    assert_close(vectors, expected)


def test_each_part_of_it_does_something(table: Path, grown: Path, tmp_path: Path) -> None:
    """Repeated words, places, neighbours and roles: what sees them is not idle."""
    encoder = Encoder.load(grown)
    once, twice = encoder.encode_document(["open the file", "open the file open open file file"])
    assert once @ twice > 0.99
    tensors = load_file(table / "model.safetensors")
    for name, change in (("places", 3.0), ("before", 4.0)):
        other = dict(tensors)
        noise = np.random.default_rng(0).uniform(0, change, tensors[name].shape).astype(np.float32)
        other[name] = np.sort(noise + 0.1)[:, ::-1].copy() if name == "places" else noise
        folder = tmp_path / name
        folder.mkdir()
        for file in ("adjoin.json", "tokenizer.json"):
            (folder / file).write_bytes((table / file).read_bytes())
        save_file(other, folder / "model.safetensors")
        grow(folder, tmp_path / f"{name}-grown", layers=3, dimension=128)
        changed = Encoder.load(tmp_path / f"{name}-grown")
        tokens = changed.tokenizer.encode(FUNCTIONS, "document", 256)
        expected = what_is_grown(other, changed, tokens)
        vectors = changed.encode_document(FUNCTIONS)
        assert_close(vectors, expected, least=0.95)
        before = encoder.encode_document(FUNCTIONS)
        assert np.abs(vectors @ vectors.T - before @ before.T).max() > 0.05
    assert not np.allclose(encoder.encode_query(QUERIES), encoder.encode_document(QUERIES), atol=1e-2)


def test_training_goes_on_from_it_and_begins_better_than_from_nothing(
    grown: Path, pairs_folder: Path, tmp_path: Path
) -> None:
    small = {"batch": 32, "steps": 2, "max_tokens": 64, "threads": 1, "learning_rate": 1e-4}
    rows = next(PairDataset.open(pairs_folder).batches(["x", "y"]))
    accuracy = {}
    for name, start in (("grown", {"init": str(grown)}), ("random", {"preset": "nano", "vocabulary": 600})):
        train(pairs_folder, tmp_path / name, Recipe.with_defaults(**small, **start))
        encoder = Encoder.load(tmp_path / name)
        scores = encoder.encode_query(rows["x"][:200]) @ encoder.encode_document(rows["y"][:200]).T
        accuracy[name] = float((scores.argmax(axis=1) == np.arange(len(scores))).mean())
    assert accuracy["grown"] > accuracy["random"] + 0.1
    untrained = Encoder.load_untrained(tmp_path / "grown").encode_query(QUERIES)
    np.testing.assert_allclose(untrained, Encoder.load(grown).encode_query(QUERIES), atol=1e-5)


def test_heads_of_a_joined_table_become_one(
    table: Path, pairs_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = {"dimension": 32, "vocabulary": 600, "batch": 32, "steps": 60, "seed": 1}
    train(pairs_folder, tmp_path / "other", Recipe.with_defaults(preset="static", **sizes))
    make_ensemble([table, tmp_path / "other"], tmp_path / "joined")
    command = [
        "model",
        "grow",
        str(tmp_path / "joined"),
        "--out",
        str(tmp_path / "out"),
        "--layers",
        "4",
        "--dimension",
        "192",
    ]
    assert main(command) == 0
    assert "dimension 192; it keeps 100.0%" in capsys.readouterr().out
    joined, out = Encoder.load(tmp_path / "joined"), Encoder.load(tmp_path / "out")
    assert (out.description.kind, out.dense_weight) == ("transformer", joined.dense_weight)
    pairs = [(model.encode_query(QUERIES) @ model.encode_document(FUNCTIONS).T).ravel() for model in (joined, out)]
    assert np.corrcoef(pairs)[0, 1] > 0.7


def test_what_cannot_grow_is_one_line(table: Path, grown: Path, tmp_path: Path) -> None:
    for model, options, message in (
        (grown, {}, "is not a static model"),
        (tmp_path, {}, "is not a static model"),
        (table, {"layers": 2}, "layers is 2: expected 3 or more"),
        (table, {"dimension": 100}, "a multiple of 64, 128 or more"),
        (table, {"dimension": 64}, "a multiple of 64, 128 or more"),
    ):
        with pytest.raises(AdjoinError, match=message):
            grow(model, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
