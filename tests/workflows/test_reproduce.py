"""`reproduce` goes from a recipe to a report, does nothing twice, and the committed recipes can be read."""

import gzip
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from adjoin import Encoder
from adjoin.cli import main
from adjoin.collecting import CorpusRecipe
from adjoin.errors import AdjoinError
from adjoin.mining.options import MiningOptions
from adjoin.pairs.dataset import PairDataset
from adjoin.workflows import reproduce
from adjoin.workflows.reproduce import ModelRecipe

Manifest = dict[str, Any]
RECIPES = Path(__file__).parents[2] / "recipes"
STATIC = "dimension = 64\nhidden = 16\n"
NANO = 'preset = "nano"\nmax_tokens = 48\nthreads = 1\n'
SMALL = """
about = "a small one"
[corpus]
recipe = "corpus.toml"
licences = ["permissive"]
[train]
dimension = 64
hidden = 16
vocabulary = 600
batch = 32
steps = 12
dense_weight = 0.7
[report]
suites = ["code"]
beside = ["bm25", "untrained"]
"""


@pytest.mark.parametrize("path", sorted((RECIPES / "models").glob("*.toml")), ids=lambda path: path.stem)
def test_a_committed_recipe_is_whole(path: Path) -> None:
    recipe = ModelRecipe.read(path)
    training = recipe.training
    assert path.stem.endswith("-static" if training.start.is_static else "-transformer")
    if not training.start.is_static:  # the paper's way: from a language model, and it fits beside the others
        assert training.init is not None
        assert training.prune
        assert training.vocabulary is not None
        assert training.batch is not None
        assert training.batch >= 8_192
    assert all(next(corpus.packages()) for corpus in recipe.corpora.values())
    assert recipe.licences


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "weights", "dimension"),
    [
        ("", "model.safetensors", 64),
        (STATIC, "model.safetensors", 128),
        (NANO, "packed-00001-of-00001.safetensors", 128),
    ],
    ids=["static", "two heads", "transformer"],
)
def test_from_the_pairs_to_the_report(
    pairs_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    body: str,
    weights: str,
    dimension: int,
) -> None:
    """The corpus is there already: no network in the tests."""
    shutil.copy(RECIPES / "corpora" / "dictionaries.toml", tmp_path / "corpus.toml")
    recipe = SMALL.replace(STATIC, body) if body else SMALL
    (tmp_path / "small.toml").write_text(
        f'heads = 2\nprecision = "coarse"\n{recipe}' if body == STATIC else recipe
    )
    out, data = tmp_path / "out", tmp_path / "data"
    shutil.copytree(pairs_folder, out / "pairs")
    write_code_task(pairs_folder, data / "code" / "small")
    command = ["reproduce", str(tmp_path / "small.toml"), "--data", str(data), "--out", str(out)]
    assert main(command) == 0
    model = Encoder.load(out / "model")
    assert (model.dimension, model.dense_weight) == (dimension, 0.7)
    report = json.loads((out / "report" / "report.json").read_text())
    if weights == "model.safetensors":
        vectors_VD = load_file(out / "model" / weights)["vectors"]
        assert np.abs(vectors_VD).max() == (42 if body == STATIC else 127)
    assert set(report["baselines"]) == {"bm25", "hybrid 0.7", "untrained", "untrained hybrid 0.7"}
    assert not (out / "tokens").exists()
    written = (out / "model" / weights).stat()
    assert main(command) == 0
    assert (out / "model" / weights).stat().st_mtime_ns == written.st_mtime_ns
    assert "step 1 " not in capsys.readouterr().out.split("is there")[-1]


@pytest.mark.parametrize(
    ("heads", "message"), [(0, "from 1 to 100"), (True, "from 1 to 100"), (2, "only static models")]
)
def test_heads_that_cannot_be_are_one_line(tmp_path: Path, heads: object, message: str) -> None:
    shutil.copy(RECIPES / "corpora" / "dictionaries.toml", tmp_path / "corpus.toml")
    given = f"heads = {str(heads).lower()}\n{SMALL.replace(STATIC, NANO)}"
    (tmp_path / "small.toml").write_text(given)
    with pytest.raises(AdjoinError, match=message):
        ModelRecipe.read(tmp_path / "small.toml")


def test_a_precision_that_is_none_is_one_line(tmp_path: Path) -> None:
    shutil.copy(RECIPES / "corpora" / "dictionaries.toml", tmp_path / "corpus.toml")
    (tmp_path / "small.toml").write_text(f'precision = "int3"\n{SMALL}')
    with pytest.raises(AdjoinError, match="precision is 'int3', expected int8, bfloat16, coarse"):
        ModelRecipe.read(tmp_path / "small.toml")


def write_code_task(pairs: Path, folder: Path) -> None:
    (folder / "qrels").mkdir(parents=True)
    rows = [
        row for batch in PairDataset.open(pairs).batches(["x", "y"]) for row in zip(*batch.values(), strict=True)
    ]
    for name, side in (("queries", 0), ("corpus", 1)):
        lines = [
            json.dumps({"_id": str(number), "text": row[side], "language": "python"})
            for number, row in enumerate(rows[:50])
        ]
        (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    (folder / "qrels" / "test.tsv").write_text("".join(f"{number}\t{number}\t1\n" for number in range(50)))


@pytest.mark.slow
def test_several_corpora_lie_in_folders_of_their_own(
    pairs_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No network in the tests: the mined pairs exist already."""
    for name in ("one", "two"):
        group = f'[[group]]\nregistry = "npm"\nlanguage = "x"\npackages = ["a 1.0 1 sha256:{"0" * 64}"]\n'
        (tmp_path / f"{name}.toml").write_text(f'name = "{name}"\nabout = "None."\n{group}')
    corpora = '["one.toml", "two.toml"]\nkinds = ["name-function"]'
    (tmp_path / "small.toml").write_text(SMALL.replace('"corpus.toml"', corpora))
    mined: list[tuple[str, Path, list[Path]]] = []

    def mine_nothing(
        corpus: CorpusRecipe, out: Path, options: MiningOptions, *, also: Sequence[Path], **__: object
    ) -> Manifest:
        assert options.kinds == ("name-function",)
        mined.append((corpus.name, out, list(also)))
        shutil.copytree(pairs_folder, out)
        return {"pairs": 1}

    monkeypatch.setattr(reproduce, "mine_packages", mine_nothing)
    out, data = tmp_path / "out", tmp_path / "data"
    write_code_task(pairs_folder, data / "code" / "small")
    command = [
        "reproduce",
        str(tmp_path / "small.toml"),
        "--data",
        str(data),
        "--out",
        str(out),
        "--also",
        str(data),
    ]
    assert main(command) == 0
    assert mined == [("one", out / "pairs" / "one", [data]), ("two", out / "pairs" / "two", [])]
    training = json.loads((out / "whole" / "adjoin.json").read_text())["training"]
    assert training["pairs"] == 2 * len(PairDataset.open(pairs_folder))
    assert main(command) == 0
    assert len(mined) == 2
    assert "two is there" in capsys.readouterr().out.replace("\n", "")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[report]", "[raport]"), "missing or unknown"),
        (('licences = ["permissive"]', ""), "missing or wrong 'licences'"),
        (("corpus.toml", "nowhere.toml"), "nowhere.toml"),
        (("licences =", "kinds = 3\nlicences ="), "kinds is 3, expected a list"),
        (('"corpus.toml"', '["corpus.toml", "nowhere.toml"]'), "nowhere.toml"),
        (('"corpus.toml"', '["corpus.toml", "corpus.toml"]'), "several of different names"),
        (('"corpus.toml"', "[]"), "expected one file"),
        (('"corpus.toml"', "3"), "recipe is 3, expected a list"),
        (('"corpus.toml"', "[3]"), r"recipe is \[3\], expected a list"),
        (
            ("hidden = 16", "hiden = 16"),
            r"small.toml: \[train\]: unknown recipe option hiden, did you mean 'hidden'\?",
        ),
        (("[report]", "[report]\nsuits = 3"), r"unknown key 'suits' in \[report\], did you mean 'suites'\?"),
        (("licences =", "licenses = []\nlicences ="), "unknown key 'licenses'.*did you mean 'licences'"),
        (('["permissive"]', '"permissive"'), "licences is 'permissive', expected a list"),
        (("[train]", "[trian]"), "missing or unknown"),
        (("hidden = 16", "hidden = 1" + "0" * 30), "hidden is 1000"),
    ],
)
def test_a_wrong_recipe_is_one_line(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    shutil.copy(RECIPES / "corpora" / "dictionaries.toml", tmp_path / "corpus.toml")
    (tmp_path / "small.toml").write_text(SMALL.replace(*change))
    with pytest.raises(AdjoinError, match=message):
        ModelRecipe.read(tmp_path / "small.toml")
