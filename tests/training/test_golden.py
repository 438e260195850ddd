"""Loss curves that a change in numerics bends: in float64, to as many digits as any processor gives.

A change that should not move the loss leaves tests/golden/ alone. One that should: `ADJOIN_GOLDEN=write pytest
tests/training/test_golden.py`, and the difference is part of the commit.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from adjoin.training.contrast import train
from adjoin.training.pretrain import CorpusInput, pretrain
from adjoin.training.recipe import Recipe

GOLDEN = Path(__file__).parents[1] / "golden"
COMMON = {"batch": 16, "vocabulary": 600, "max_tokens": 48, "threads": 1, "precision": "float64"}
CONTRASTIVE: dict[str, dict[str, Any]] = {
    "static": {
        "preset": "static",
        "dimension": 16,
        "steps": 12,
        "token_dropout": 0.3,
        "hidden": 8,
        "local_negatives": 4,
    },
    "nano": {"preset": "nano", "steps": 8, "token_budget": 300, "memory": 0.01},
    "nano-everything": {
        "preset": "nano",
        "steps": 8,
        "token_budget": 200,
        "memory": 0.0,
        "dimensions": [32, 128],
        "optimizer": "muon",
        "schedule": "wsd",
        "average": 0.9,
        "sources": "mixed",
        "mixing_temperature": 2.0,
        "token_dropout": 0.1,
    },
}

# How far a loss or a gradient norm may be from the golden one, as a share of it. The largest deviations of loss
# and norm that were measured on an AMD EPYC of the third generation, under the settings of tests/kernels.py
# (AVX-512: on an Intel Xeon):
#
#     contrastive-static            0         0        nothing but sums of NumPy's and of torch in float64
#     contrastive-nano              1.4e-6    1.5e-6   ATEN_CPU_CAPABILITY=default
#     contrastive-nano-everything   8.3e-7    8.0e-7   the same; MKL_CBWR=COMPATIBLE 2.9e-7, AVX-512 1.5e-7
#     generative-nano               8.0e-9    1.6e-7   ATEN_CPU_CAPABILITY=default
#
# In any precision the transformer computes its norms and angles in float32. Muon's iteration magnifies rounding.
TOLERANCE = {
    "contrastive-static": 1e-7,
    "contrastive-nano": 1e-5,
    "contrastive-nano-everything": 1e-5,
    "generative-nano": 2e-6,
}


def curve(out: Path) -> list[list[float]]:
    lines = map(json.loads, (out / "training" / "log.jsonl").read_text().splitlines())
    return [[line["loss"], line["grad_norm"]] for line in lines]


def compare(name: str, measured: list[list[float]]) -> None:
    file = GOLDEN / f"{name}.json"
    if os.environ.get("ADJOIN_GOLDEN") == "write":
        file.write_text("[\n" + ",\n".join(f"  {json.dumps(step)}" for step in measured) + "\n]\n")
    expected = json.loads(file.read_text())
    assert len(measured) == len(expected)
    for step, (ours, golden) in enumerate(zip(measured, expected, strict=True)):
        assert ours == pytest.approx(golden, rel=TOLERANCE[name]), f"step {step}: loss and gradient norm"


@pytest.mark.parametrize("name", CONTRASTIVE)
def test_contrastive_losses_are_the_golden_ones(name: str, pairs_folder: Path, tmp_path: Path) -> None:
    train(pairs_folder, tmp_path / "m", Recipe.with_defaults(**COMMON, **CONTRASTIVE[name]))
    compare(f"contrastive-{name}", curve(tmp_path / "m"))


def test_generative_losses_are_the_golden_ones(source_tree: Path, tmp_path: Path) -> None:
    recipe = Recipe.for_pretraining(**{**COMMON, "batch": 4, "max_tokens": 32}, steps=8, token_budget=64)
    pretrain(CorpusInput([source_tree], workers=1), tmp_path / "m", recipe)
    compare("generative-nano", curve(tmp_path / "m"))
