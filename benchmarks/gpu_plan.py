"""A plan for half an hour on one GPU: train two transformers, then vary batch size, initialisation and model size.

    python benchmarks/gpu_plan.py --pairs CODE --text-pairs PROSE DICTIONARIES --data EVAL --out runs/gpu

a   10 minutes   code: recipes/models/code-transformer.toml, batch 8,192, initialised from a language model
b   10 minutes   text: recipes/models/text-transformer.toml, likewise
c    6 minutes   batch 512, 2,048, 8,192 (micro); initialisation: language model, its token embeddings only, random
d    3 minutes   size: nano, micro, mini

The runs of c and d see equal numbers of pairs, a sample of the code pairs, and differ in one setting. a and b are
limited by time: they train for 0.6 of their minutes, since tokenization and evaluation also take some. --minutes
scales all limits. --sample sets the number of pairs for c and d.

The plan runs unattended. Each variant is a folder OUT/STAGE/NAME with recipe.toml, model/ and report/. a and b
also have packed/ (bfloat16, files of at most 15 MB). Training saves a checkpoint every two minutes. A run that
exceeds its share of time is interrupted, and the same command continues it. Existing results are not made again.
A failure is reported, and the other variants still run. OUT/log.jsonl has pairs/s, tokens/s and the share of peak
FLOPs of each run.

A transformer that is grown from a static table (`adjoin model grow`) is not included, since it has its own
architecture and tokenizer. benchmarks/findings.py start-code compares it with these starts, at a size for two
cores.
"""

import argparse
import json
import math
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from starts import sample, starts

from adjoin.files import read_toml, write_atomically
from adjoin.model.description import Description, number_of_parameters
from adjoin.model.locations import DESCRIPTION_FILE
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import Tokenizer
from adjoin.training.hardware import DATASHEETS, half_precision, matmul_peak
from adjoin.training.log import whole_lines

MODELS = Path(__file__).parents[1] / "recipes" / "models"
MINUTES = {"a": 10.0, "b": 10.0, "c": 6.0, "d": 3.0}
TRAINING = 0.6  # share of a and b's minutes spent in training steps
SAMPLE = 200_000  # pairs per run of c or d: 15 s on an H100 by `adjoin plan`
CODE, TEXT = ["code"], ["probe", "similarity", "retrieval"]
TO_SAVE = 60  # seconds for an interrupted run to save its state
SHAPE = {"max_tokens": 128, "vocabulary": 16_384, "checkpoint_minutes": 2}


@dataclass(frozen=True)
class Variant:
    """One training run and its evaluation.

    Attributes:
        name: name of its folder.
        recipe: training options.
        pairs: training data.
        suites: suites of the evaluation.
        minutes: time limit.
        packed: whether to quantize its weights for distribution.
    """

    name: str
    recipe: dict[str, Any]
    pairs: list[Path]
    suites: list[str]
    minutes: float
    packed: bool = False


def main() -> None:
    """Run the stages one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, nargs="+", required=True, help="code pairs from `adjoin collect`")
    parser.add_argument("--text-pairs", type=Path, nargs="+", default=[], help="prose pairs, for b")
    parser.add_argument("--data", type=Path, required=True, help="the evaluation data")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--stages", nargs="+", choices=MINUTES, default=list(MINUTES))
    parser.add_argument(
        "--minutes", type=float, default=sum(MINUTES.values()), help="total of all four stages (default: 29)"
    )
    parser.add_argument("--limit", type=int, default=300, help="items per task (default: 300)")
    parser.add_argument("--sample", type=int, default=SAMPLE, help="pairs per run of c and d (default: 200000)")
    parser.add_argument("--batch", type=int, default=8_192, help="largest batch size (default: 8192)")
    parser.add_argument("--init", help="language model to start from, instead of the recipes'")
    parser.add_argument("--layers", type=int, help="number of its layers, instead of the recipes'")
    parser.add_argument(
        "--precision", default="bfloat16", help="of the packed weights: bfloat16 (default) or int8"
    )
    options = parser.parse_args()
    if "b" in options.stages and not options.text_pairs:
        parser.error("stage b needs --text-pairs")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated; run the same command to continue"))
    options.out.mkdir(parents=True, exist_ok=True)
    failed = []
    for stage in sorted(options.stages):
        began = time.monotonic()
        for variant in VARIANTS[stage](options):
            if not done(variant, options.out / stage / variant.name, options):
                failed.append(f"{stage}/{variant.name}")
        if stage in "cd":
            compare(options.out / stage)
        tell(options.out, {"stage": stage, "minutes": round((time.monotonic() - began) / 60, 2)})
    if failed:
        sys.exit(f"unfinished: {', '.join(failed)}; run the same command to continue")


def code_model(options: argparse.Namespace) -> Iterator[Variant]:
    """Stage a."""
    yield whole_model("code", "a", options.pairs, CODE, options)


def text_model(options: argparse.Namespace) -> Iterator[Variant]:
    """Stage b."""
    yield whole_model("text", "b", options.text_pairs, TEXT, options)


def whole_model(
    name: str, stage: str, pairs: list[Path], suites: list[str], options: argparse.Namespace
) -> Variant:
    """A model by its committed recipe, but with a time limit."""
    recipe = read_toml(MODELS / f"{name}-transformer.toml", "recipe")["train"]
    minutes = scaled(stage, options)
    recipe |= {"batch": options.batch, "minutes": TRAINING * minutes, "checkpoint_minutes": 2}
    recipe |= {key: value for key in ("init", "layers") if (value := getattr(options, key)) is not None}
    del recipe["epochs"]
    return Variant(name, recipe, pairs, suites, minutes, packed=True)


def batches_and_starts(options: argparse.Namespace) -> Iterator[Variant]:
    """Stage c. The learning rate scales with the square root of the batch size, as Adam's noise does."""
    sample, seen = sample_of(options)
    each = scaled("c", options) / 6
    for batch in (options.batch // 16, options.batch // 4, options.batch):
        rate = 1e-3 * math.sqrt(batch / 512)
        recipe = {**SHAPE, "preset": "micro", "batch": batch, "steps": seen // batch, "learning_rate": rate}
        yield Variant(f"batch-{batch}", recipe, [sample], CODE, each)
    init = options.init or read_toml(MODELS / "code-transformer.toml", "recipe")["train"]["init"]
    batch = options.batch // 4
    recipe = {**SHAPE, "prune": True, "batch": batch, "steps": seen // batch, "learning_rate": 1e-3}
    for name, folder in starts(init, options.out / "starts").items():
        yield Variant(f"start-{name}", {**recipe, "init": str(folder)}, [sample], CODE, each)


def sizes(options: argparse.Namespace) -> Iterator[Variant]:
    """Stage d."""
    sample, seen = sample_of(options)
    batch = options.batch // 4
    recipe = {**SHAPE, "batch": batch, "steps": seen // batch, "learning_rate": 2e-3}
    for preset in ("nano", "micro", "mini"):
        yield Variant(preset, {**recipe, "preset": preset}, [sample], CODE, scaled("d", options) / 3)


VARIANTS = {"a": code_model, "b": text_model, "c": batches_and_starts, "d": sizes}


def scaled(stage: str, options: argparse.Namespace) -> float:
    """The minutes of a stage."""
    return float(MINUTES[stage] * options.minutes / sum(MINUTES.values()))


def sample_of(options: argparse.Namespace) -> tuple[Path, int]:
    """A sample of the code pairs, and the number of pairs that a run sees.

    The number is a multiple of all batch sizes, and at least twice the largest.
    """
    seen = int(options.batch * max(2, options.sample // options.batch))
    return sample(options.pairs, seen, options.out / "sample"), seen


def done(variant: Variant, folder: Path, options: argparse.Namespace) -> bool:
    """Train, pack and evaluate a variant, as far as its results are missing and its time lasts."""
    ends = time.monotonic() + 60 * variant.minutes
    model, report, packed = folder / "model", folder / "report", folder / "packed"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{name} = {json.dumps(value)}" for name, value in variant.recipe.items()]
    write_atomically(folder / "recipe.toml", "\n".join(lines) + "\n")
    if not (model / DESCRIPTION_FILE).is_file():
        command = ["train", *variant.pairs, "--recipe", folder / "recipe.toml", "--out", model, "--resume"]
        finished = adjoin(command, ends - time.monotonic())
        tell(options.out, {"variant": f"{folder.parent.name}/{variant.name}", **speed(model)})
        if not finished:
            return False
    if variant.packed and not (packed / DESCRIPTION_FILE).is_file():
        shutil.rmtree(packed, ignore_errors=True)
        adjoin(["model", "pack", model, "--out", packed, "--precision", options.precision], math.inf)
    if not (report / "report.json").is_file():
        baseline = "bm25" if find_spec("bm25s") else "random"
        command = ["evaluate", model, "--data", options.data, "--suite", *variant.suites, "--report", report]
        command += ["--limit", options.limit, "--beside", baseline, "--cache", options.out / "cache"]
        return adjoin(command, max(60.0 * variant.minutes / 3, ends - time.monotonic()))
    return not variant.packed or (packed / DESCRIPTION_FILE).is_file()


def compare(folder: Path) -> None:
    """Compare the reports of a stage."""
    reports = sorted(path.parent for path in folder.glob("*/report/report.json"))
    if len(reports) > 1:
        adjoin(["compare", *reports, "--report", folder / "comparison"], math.inf)


def adjoin(command: list[Any], seconds: float) -> bool:
    """Run a command of adjoin with a time limit. Returns whether it finished successfully."""
    process = subprocess.Popen([sys.executable, "-m", "adjoin", *map(str, command)])
    try:
        return process.wait(None if seconds == math.inf else max(1.0, seconds)) == 0
    except subprocess.TimeoutExpired:
        end(process)
        return False
    except SystemExit:
        end(process)
        raise


def end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt a command. A training run then saves its state."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(TO_SAVE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def speed(model: Path) -> dict[str, Any]:
    """Medians over the later steps of a training log, and the share of peak FLOPs."""
    log = whole_lines(model / "training" / "log.jsonl")
    if not log:
        return {"steps": 0}
    later = log[len(log) // 4 :]
    measured = ("pairs_per_second", "tokens_per_second", "waited")
    facts = {name: statistics.median(line[name] for line in later) for name in measured}
    facts |= {"steps": log[-1]["step"], "loss": log[-1]["loss"], "seconds": log[-1]["elapsed"]}
    if (model / DESCRIPTION_FILE).is_file():
        vocabulary = Tokenizer.load(model / TOKENIZER_FILE).vocabulary_size
        body = number_of_parameters(model) - vocabulary * Description.read(model).dimension
        facts["peak_share"] = 6 * body * facts["tokens_per_second"] / peak()
    return {name: float(f"{value:.4g}") for name, value in facts.items()}


def peak() -> float:
    """Peak FLOP/s of the machine: from the datasheet of its GPU, else measured."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    for known, sheet in DATASHEETS.items():
        if known in name.replace(" ", ""):
            return sheet.flops
    return matmul_peak(half_precision(device) or torch.float32, device)


def tell(out: Path, facts: dict[str, Any]) -> None:
    """Append a line to the log, and print it."""
    line = json.dumps(facts)
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(line + "\n")
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
