"""kill -9 at twelve moments of a training, six of them amid a checkpoint's writing: the same bits come out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RECIPES = {
    "static": {"preset": "static", "dimension": 16, "steps": 60, "token_dropout": 0.3},
    "nano": {"preset": "nano", "steps": 16, "token_budget": 300, "memory": 0.01, "average": 0.9},
}
COMMON = {"batch": 16, "vocabulary": 600, "max_tokens": 48, "threads": 1, "checkpoint_minutes": 0.0}


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_killed_and_resumed_equals_uninterrupted(name: str, pairs_folder: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps({**RECIPES[name], **COMMON}))
    script = Path(__file__).with_name("killed_training.py")
    done = subprocess.run(
        [sys.executable, script, pairs_folder, tmp_path / "killed", recipe, "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    ends = done.stdout.splitlines()
    assert ends[-1] == "at last: ended with 0", done.stdout + done.stderr
    assert sum(end.endswith(": killed") for end in ends[:6]) == 6, done.stdout + done.stderr
    assert sum(end.endswith(": killed") for end in ends) >= 10, done.stdout  # less and less is left to do
    for file in ("model.safetensors", "tokenizer.json"):
        assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "rehearsal" / file).read_bytes(), file
    assert losses(tmp_path / "killed") == losses(tmp_path / "rehearsal")
    assert not list((tmp_path / "killed" / "training").glob(".step-*"))  # what was cut short is swept away


def losses(out: Path) -> list[tuple[int, float]]:
    lines = map(json.loads, (out / "training" / "log.jsonl").read_text().splitlines())
    return [(line["step"], line["loss"]) for line in lines]
