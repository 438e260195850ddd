"""What version 0.1.0 wrote must open today: models, pairs, an index, a recipe. See README.md beside this file."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from adjoin import Encoder, load_index
from adjoin.errors import AdjoinError
from adjoin.index.refresh import refresh
from adjoin.pairs.dataset import PairDataset
from adjoin.training.recipe import Recipe

FIRST = Path(__file__).parent / "first"
EXPECTED = json.loads((FIRST / "expected.json").read_text())


@pytest.mark.parametrize("model", EXPECTED["vectors"])
def test_models_give_the_same_vectors(model: str) -> None:
    encoder = Encoder.load(FIRST / model)
    for role, expected in EXPECTED["vectors"][model].items():
        vectors = encoder.encode(EXPECTED["texts"], role="symmetric" if role == "text" else role)
        np.testing.assert_allclose(vectors, expected, atol=2e-5)


@pytest.mark.parametrize("model", ["static", "ensemble", "static-int8", "nano-int8"])
def test_models_know_how_they_began(model: str) -> None:
    untrained, trained = Encoder.load_untrained(FIRST / model), Encoder.load(FIRST / model)
    assert untrained.tokenizer.vocabulary_size == trained.tokenizer.vocabulary_size
    vectors = untrained.encode_query(EXPECTED["texts"])
    assert not np.allclose(vectors[0], trained.encode_query(EXPECTED["texts"])[0, : vectors.shape[1]], atol=1e-3)


def test_the_index_says_that_it_must_be_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FIRST)
    with pytest.raises(AdjoinError, match=r"is of an earlier version .*: run `adjoin index` again"):
        load_index("index")


def test_the_index_is_replaced(tmp_path: Path) -> None:
    root = tmp_path / "first"
    shutil.copytree(FIRST, root)
    report = refresh(root / "tree", root / "index", Encoder.load(root / "ensemble"), model="ensemble")
    assert (report.added, report.unchanged) == (6, 0)
    assert sorted(path.name for path in (root / "index").iterdir()) == [".gitignore", "index.sqlite"]
    searcher = load_index(root / "index", model=root / "ensemble")
    assert searcher.search("open a file", limit=3)[0].path == EXPECTED["hits"]["open a file"][0][0]


def test_pairs_open() -> None:
    dataset = PairDataset.open(FIRST / "pairs")
    rows = next(dataset.batches(["x", "y", "group"]))
    assert len(dataset) == len(rows["x"]) == 59
    assert "Open a file and give what came of it." in rows["x"]


def test_the_recipe_is_understood() -> None:
    recipe = Recipe.with_defaults(**Recipe.read(FIRST / "recipe.toml"))
    assert recipe.local_negatives == 4
    assert recipe.dimensions == [8, 16]
    with_defaults = json.loads((FIRST / "static" / "adjoin.json").read_text())["training"]["recipe"]
    assert Recipe.with_defaults(**with_defaults) == recipe
