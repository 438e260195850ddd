"""Half an hour of one GPU: two transformers, then what batch, start and size do; unattended, and it goes on.

    python benchmarks/gpu_plan.py --pairs CODE --text-pairs PROSE DICTIONARIES --data EVAL --out runs/gpu

a   10 minutes   code: recipes/models/code-transformer.toml, batch 8,192, from the generative start
b   10 minutes   text: recipes/models/text-transformer.toml, likewise
c    6 minutes   batch 512, 2,048, 8,192 (micro); start: generative, its token vectors alone, scratch, of one shape
d    3 minutes   size: nano, micro, mini

Trainings of c and d see equally many pairs, a sample of the code's, and differ in one thing. a and b end by the
clock: six tenths of their time, since tokenizing and the evaluation take some too. --minutes scales all bounds,
--sample says how many pairs c and d see.

Each variant is a folder OUT/STAGE/NAME: recipe.toml, model/, report/, of a and b also packed/ (bfloat16, files of
at most 15 MB). Trainings keep a checkpoint every two minutes. What takes longer than its share is interrupted, and
the same command goes on with it; what is there is not made again; what fails is told, and the rest is done all the
same. OUT/log.jsonl has each training's pairs/s, tokens/s and share of the peak's FLOPs, by useful products alone.

Not in it: a transformer that begins as a static table (`adjoin model grow`); its shape and tokenizer are its own.
benchmarks/findings.py start-code has it beside these starts, at a size for two cores.
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
from adjoin.model.encoder import Description, number_of_parameters
from adjoin.model.locations import DESCRIPTION_FILE
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import Tokenizer
from adjoin.training.hardware import DATASHEETS, half_precision, matmul_peak
from adjoin.training.log import whole_lines

MODELS = Path(__file__).parents[1] / "recipes" / "models"
MINUTES = {"a": 10.0, "b": 10.0, "c": 6.0, "d": 3.0}
TRAINING = 0.6  # of a and b's minutes, in steps
SAMPLE = 200_000  # pairs that a training of c or d sees: 15 s on an H100 by `adjoin plan`
CODE, TEXT = ["code"], ["probe", "similarity", "retrieval"]
TO_SAVE = 60  # seconds that an interrupted training has
SHAPE = {"max_tokens": 128, "vocabulary": 16_384, "checkpoint_minutes": 2}


@dataclass(frozen=True)
class Variant:
    """One training, and what it is measured on.

    Attributes:
        name: its folder's.
        recipe: its options.
        pairs: its data.
        suites: of the evaluation.
        minutes: in which it should be done.
        packed: whether its weights are to be passed on.
    """

    name: str
    recipe: dict[str, Any]
    pairs: list[Path]
    suites: list[str]
    minutes: float
    packed: bool = False


def main() -> None:
    """Do the stages one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--pairs", type=Path, nargs="+", required=True, help="CODE, as `adjoin collect` wrote them"
    )
    parser.add_argument("--text-pairs", type=Path, nargs="+", default=[], help="of prose, for b")
    parser.add_argument("--data", type=Path, required=True, help="the evaluation data")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--stages", nargs="+", choices=MINUTES, default=list(MINUTES))
    parser.add_argument("--minutes", type=float, default=sum(MINUTES.values()), help="of all four (default: 29)")
    parser.add_argument("--limit", type=int, default=300, help="items a task (default: 300)")
    parser.add_argument(
        "--sample", type=int, default=SAMPLE, help="pairs of c's and d's trainings (default: 200000)"
    )
    parser.add_argument("--batch", type=int, default=8_192, help="the largest (default: 8192)")
    parser.add_argument("--init", help="the generative start, in place of the recipes'")
    parser.add_argument("--layers", type=int, help="of it, in place of the recipes'")
    parser.add_argument("--precision", default="bfloat16", help="of what is passed on: bfloat16 (default) or int8")
    options = parser.parse_args()
    if "b" in options.stages and not options.text_pairs:
        parser.error("stage b needs --text-pairs")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside; the same command goes on"))
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
        sys.exit(f"unfinished: {', '.join(failed)}; the same command goes on")


def code_model(options: argparse.Namespace) -> Iterator[Variant]:
    """Stage a."""
    yield whole_model("code", "a", options.pairs, CODE, options)


def text_model(options: argparse.Namespace) -> Iterator[Variant]:
    """Stage b."""
    yield whole_model("text", "b", options.text_pairs, TEXT, options)


def whole_model(
    name: str, stage: str, pairs: list[Path], suites: list[str], options: argparse.Namespace
) -> Variant:
    """A model by its committed recipe, but ended by the clock."""
    recipe = read_toml(MODELS / f"{name}-transformer.toml", "recipe")["train"]
    minutes = scaled(stage, options)
    recipe |= {"batch": options.batch, "minutes": TRAINING * minutes, "checkpoint_minutes": 2}
    recipe |= {key: value for key in ("init", "layers") if (value := getattr(options, key)) is not None}
    del recipe["epochs"]
    return Variant(name, recipe, pairs, suites, minutes, packed=True)


def batches_and_starts(options: argparse.Namespace) -> Iterator[Variant]:
    """Stage c. The rate goes with the root of the batch, as Adam's noise does."""
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
    """A stage's minutes."""
    return float(MINUTES[stage] * options.minutes / sum(MINUTES.values()))


def sample_of(options: argparse.Namespace) -> tuple[Path, int]:
    """A sample of the code's pairs, and how many a training is to see of it.

    A whole number of all batches, and two of the largest at the least.
    """
    seen = int(options.batch * max(2, options.sample // options.batch))
    return sample(options.pairs, seen, options.out / "sample"), seen


def done(variant: Variant, folder: Path, options: argparse.Namespace) -> bool:
    """Train, measure and pack a variant as far as that is still to be done and its time goes."""
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
        beside = "bm25" if find_spec("bm25s") else "random"
        command = ["evaluate", model, "--data", options.data, "--suite", *variant.suites, "--report", report]
        command += ["--limit", options.limit, "--beside", beside, "--cache", options.out / "cache"]
        return adjoin(command, max(60.0 * variant.minutes / 3, ends - time.monotonic()))
    return not variant.packed or (packed / DESCRIPTION_FILE).is_file()


def compare(folder: Path) -> None:
    """Put a stage's reports beside each other."""
    reports = sorted(path.parent for path in folder.glob("*/report/report.json"))
    if len(reports) > 1:
        adjoin(["compare", *reports, "--report", folder / "comparison"], math.inf)


def adjoin(command: list[Any], seconds: float) -> bool:
    """Run a verb, its output ours, for so long; whether it came to its end."""
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
    """Interrupt a verb, upon which a training saves its state."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(TO_SAVE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def speed(model: Path) -> dict[str, Any]:
    """What a training's log says, in medians of later steps, and the share of the peak that it used."""
    log = whole_lines(model / "training" / "log.jsonl")
    if not log:
        return {"steps": 0}
    later = log[len(log) // 4 :]
    measured = ("pairs_per_second", "tokens_per_second", "waited")
    found = {name: statistics.median(line[name] for line in later) for name in measured}
    found |= {"steps": log[-1]["step"], "loss": log[-1]["loss"], "seconds": log[-1]["elapsed"]}
    if (model / DESCRIPTION_FILE).is_file():
        vocabulary = Tokenizer.load(model / TOKENIZER_FILE).vocabulary_size
        body = number_of_parameters(model) - vocabulary * Description.read(model).dimension
        found["peak_share"] = 6 * body * found["tokens_per_second"] / peak()
    return {name: float(f"{value:.4g}") for name, value in found.items()}


def peak() -> float:
    """FLOP/s of the machine: by the datasheet of its GPU, else measured."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    for known, sheet in DATASHEETS.items():
        if known in name.replace(" ", ""):
            return sheet.flops
    return matmul_peak(half_precision(device) or torch.float32, device)


def tell(out: Path, facts: dict[str, Any]) -> None:
    """Add a line to the log, and show it."""
    line = json.dumps(facts)
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(line + "\n")
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
