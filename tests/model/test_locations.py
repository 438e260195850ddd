"""The bundled models are found by their names, are small, need no torch, and find the right texts."""

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from adjoin import Encoder
from adjoin.errors import AdjoinError
from adjoin.model.locations import BUNDLED, WEIGHTS_FILE, locate_model, portable_name
from adjoin.training.recipe import with_current_names

RECIPES = Path(__file__).parents[2] / "recipes" / "models"
FUNCTIONS = [
    "def read_text(path):\n    with open(path) as file:\n        return file.read()",
    "func (s *Server) Close() error {\n\treturn s.listener.Close()\n}",
    "public static int max(int[] values) {\n    int best = 0;\n    for (int v : values) best = Math.max(best, v);",
    "function slugify($title) {\n    return strtolower(preg_replace('/[^a-z0-9]+/i', '-', $title));\n}",
]
QUESTIONS = [
    "the whole content of a file",
    "stop listening for connections",
    "largest number of an array",
    "turn a heading into part of an address",
]


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_model_is_whole_and_small(name: str) -> None:
    encoder = Encoder.load(name)
    assert encoder.description.training["pairs"] > 100_000
    assert (locate_model(name) / WEIGHTS_FILE).stat().st_size <= 40_000_000


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_model_is_that_of_its_recipe(name: str) -> None:
    recipe = tomllib.loads((RECIPES / f"{name}-static.toml").read_text())
    asked, heads = recipe["train"], recipe.get("heads", 1)
    encoder = Encoder.load(name)
    assert encoder.dimension == heads * asked["dimension"]
    assert [training["recipe"]["seed"] for training in encoder.description.training.get("joined", [])] == (
        list(range(heads)) if heads > 1 else []
    )
    assert encoder.dense_weight == asked.pop("dense_weight")
    trained = with_current_names(encoder.description.training["recipe"])
    assert {option: trained[option] for option in asked} == asked


def test_the_code_model_finds_functions_by_what_they_do() -> None:
    encoder = Encoder.load("code")
    similarity = encoder.similarity(encoder.encode_query(QUESTIONS), encoder.encode_document(FUNCTIONS))
    assert similarity.argmax(axis=1).tolist() == [0, 1, 2, 3]
    assert np.isfinite(similarity).all()


def test_the_text_model_knows_what_is_said_in_other_words() -> None:
    encoder = Encoder.load("text")
    sentences = ["a child is eating", "how to borrow money for a house", "the illness spread quickly"]
    others = ["mortgage rates and lenders", "the disease was contagious", "the boy has his dinner"]
    symmetric = encoder.similarity(encoder.encode_query(sentences), encoder.encode_query(others))
    assert symmetric.argmax(axis=1).tolist() == [2, 0, 1]
    passages = ["Lenders ask for a deposit when they finance a home.", "Viruses are passed on by coughing."]
    similarities = encoder.similarity(encoder.encode_query(sentences[1:]), encoder.encode_document(passages))
    assert similarities.argmax(axis=1).tolist() == [0, 1]


@pytest.mark.parametrize("name", BUNDLED)
def test_it_opens_without_torch(name: str) -> None:
    script = (
        "import sys\nsys.modules['torch'] = None\nsys.modules['transformers'] = None\n"
        f"from adjoin import Encoder\nprint(Encoder.load('{name}').encode_query(['open a file']).shape)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["(1,", f"{Encoder.load(name).dimension})"]


def test_a_folder_of_the_same_name_is_given_as_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code").mkdir()
    assert Encoder.load("code").dimension == 1024
    for folder in ("./code", Path("code")):
        assert locate_model(folder).resolve() == tmp_path / "code"
        with pytest.raises(AdjoinError, match="is not a model"):
            Encoder.load(folder)
    assert portable_name("code") == "code"
    assert portable_name("./code") == str(tmp_path / "code")
