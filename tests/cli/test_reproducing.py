"""`reproduce` goes from a recipe to a report, does nothing twice, and the committed recipes can be read."""

import gzip
import json
import shutil
from pathlib import Path

import pytest

from adjoin import Encoder
from adjoin.cli import main
from adjoin.cli.reproducing import ModelRecipe
from adjoin.errors import AdjoinError
from adjoin.pairs.dataset import PairDataset

RECIPES = Path(__file__).parents[2] / "recipes"
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
    assert recipe.training.start.is_static
    assert next(recipe.corpus.packages())
    assert recipe.licences


def test_from_the_pairs_to_the_report(
    pairs_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The corpus is there already: no network in the tests."""
    shutil.copy(RECIPES / "corpora" / "code.toml", tmp_path / "corpus.toml")
    (tmp_path / "small.toml").write_text(SMALL)
    out, data = tmp_path / "out", tmp_path / "data"
    shutil.copytree(pairs_folder, out / "pairs")
    write_code_task(pairs_folder, data / "code" / "small")
    command = ["reproduce", str(tmp_path / "small.toml"), "--data", str(data), "--out", str(out)]
    assert main(command) == 0
    model = Encoder.load(out / "model")
    assert (model.dimension, model.dense_weight) == (64, 0.7)
    report = json.loads((out / "report" / "report.json").read_text())
    assert set(report["baselines"]) == {"bm25", "hybrid", "untrained"}
    weights = (out / "model" / "model.safetensors").stat()
    assert main(command) == 0
    assert (out / "model" / "model.safetensors").stat().st_mtime_ns == weights.st_mtime_ns
    assert "step 1 " not in capsys.readouterr().out.split("is there")[-1]


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


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[report]", "[raport]"), "missing or unknown"),
        (('licences = ["permissive"]', ""), "missing or wrong 'licences'"),
        (("corpus.toml", "nowhere.toml"), "nowhere.toml"),
        (("hidden = 16", "hiden = 16"), "unknown recipe option hiden"),
    ],
)
def test_a_wrong_recipe_is_one_line(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    shutil.copy(RECIPES / "corpora" / "code.toml", tmp_path / "corpus.toml")
    (tmp_path / "small.toml").write_text(SMALL.replace(*change))
    with pytest.raises(AdjoinError, match=said):
        ModelRecipe.read(tmp_path / "small.toml")
