"""`adjoin plan`: estimate memory and time of a training, on this machine or on GPUs by their datasheets.

On this machine a few micro-batches are timed, and memory is counted in addition to what this process holds. A body
that is too large for that is counted on fake tensors, which allocate nothing. Its time is FLOPs over the measured
speed, or over that of the datasheet.
"""

import importlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from adjoin.errors import AdjoinError
from adjoin.model.locations import locate_model
from adjoin.model.stored.layers import described
from adjoin.planning.calibration import calibrate
from adjoin.planning.costs import (
    Activations,
    Sizes,
    any_tokens,
    bytes_by_part,
    sizes_of,
    untrained_body,
)
from adjoin.planning.estimate import Machine, StepEstimate, estimate_step
from adjoin.planning.lengths import Lengths, lengths_for
from adjoin.ranks import Ranks
from adjoin.training import contrast  # noqa: F401 - a training holds these imports, so the measured process must, too
from adjoin.training.execution import (
    TOKEN_BUDGET,
    ExecutionConfig,
    autocast_copy_bytes,
    choose_execution,
    choose_precision_and_threads,
    fit_execution,
    training_state_bytes,
)
from adjoin.training.hardware import (
    DATASHEETS,
    available_memory,
    matmul_peak,
    memory_bandwidth,
    peak_memory,
    reset_peak_memory,
)
from adjoin.training.loop import Say
from adjoin.training.memory import measure_pass
from adjoin.training.recipe import Recipe

LONGEST_PASS = 12.0  # seconds: a body whose pass takes longer is counted on fake tensors
UTILISATION = 0.45  # of the FLOP/s in a GPU's datasheet
UNCALIBRATED = 0.6  # utilisation of this machine's measured peak, for bodies too large to calibrate
FLOAT32_SPEED = 1 / 16  # of a GPU's bfloat16 FLOP/s: 1/15 on an H100 and H200, 1/16 on an A100
GPU_PROCESS = 1_000_000_000  # bytes of a GPU that CUDA and its libraries use
FRAGMENTATION = 0.05  # share of a GPU's memory lost to fragmentation
RUN_TO_COUNT = 100_000_000  # bytes of a checkpoint that is run where fake tensors do not do: seconds
MOST_GPUS, USUAL_GPU = 4_096, "H200"
DATA_LIBRARIES = 110_000_000  # bytes of pairs, tokenizer and their libraries, if the plan opens none


@dataclass(frozen=True)
class Plan:
    """The estimated costs of a training. Bytes and seconds are those of one rank.

    Attributes:
        body: preset or init checkpoint.
        sizes: numbers of parameters by kind.
        lengths: summary of the lengths of the texts.
        batch: M, pairs over all ranks.
        ranks: W, number of ranks.
        sharded: whether weights are sharded over the ranks.
        useful: FLOPs per pair without padding and recomputation.
        executed: FLOPs per pair with both.
        machine: where the training runs.
        execution: the execution config that `adjoin train` will choose.
        micro_batches: per step of a rank.
        recomputed: share of the tokens whose forward pass is recomputed.
        padding: share of padding among the tokens.
        memory: bytes by part.
        seconds: seconds of a step, by part.
        steps: of the whole training; None if unknown.
        least_gpus: the fewest of these GPUs that hold the training, "whole" and "sharded"; None if not even 4,096
            do.
        notes: warnings and assumptions, one line each.
    """

    body: str
    sizes: Sizes
    lengths: dict[str, Any]
    batch: int
    ranks: int
    sharded: bool
    useful: float
    executed: float
    machine: Machine
    execution: ExecutionConfig
    micro_batches: int
    recomputed: float
    padding: float
    memory: dict[str, int]
    seconds: dict[str, float]
    steps: int | None
    least_gpus: dict[str, int | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def total_memory(self) -> int:
        """Bytes of one rank, all parts together."""
        return sum(self.memory.values())

    @property
    def step_seconds(self) -> float:
        """Seconds of one step, all parts together."""
        return sum(self.seconds.values())

    def as_json(self) -> dict[str, Any]:
        """All fields and the totals, for `adjoin plan --json`."""
        whole = None if self.steps is None else self.steps * self.step_seconds
        totals = {"memory_total": self.total_memory, "step_seconds": self.step_seconds, "training_seconds": whole}
        return {**asdict(self), **totals}


def plan(
    pairs: Sequence[Path],
    recipe: Recipe,
    *,
    gpus: int | None = None,
    gpu: str | None = None,
    say: Say = lambda _: None,
) -> Plan:
    """Estimate memory and time of a training.

    Args:
        pairs: datasets or files of pairs, as for `train`. If there are none, typical lengths are assumed.
        recipe: all options.
        gpus: number of GPUs to plan for; None for this machine.
        gpu: their model, one of `DATASHEETS`.
        say: called with one line about each stage.

    Raises:
        AdjoinError: the recipe, the pairs or the checkpoint is wrong, or the GPU is unknown.
    """
    _check(gpus, gpu)
    say("measuring lengths" if pairs else "assuming typical lengths")
    lengths = lengths_for(pairs, recipe)
    number = lengths.pairs if lengths.pairs is not None else 1 << 40
    batch = recipe.batch_for(number)
    steps = recipe.budget(max(1, number // batch)).steps if lengths.pairs is not None else recipe.steps
    if gpus is not None or gpu is not None:
        planned = _on_gpus(recipe, lengths, batch, gpus or 1, gpu or USUAL_GPU)
    else:
        planned = _here(recipe, lengths, batch, say)
    return replace(planned, steps=steps)


def _check(gpus: int | None, gpu: str | None) -> None:
    if gpu is not None and gpu not in DATASHEETS:
        raise AdjoinError(f"--gpu {gpu}: expected one of {', '.join(DATASHEETS)}")
    if gpus is not None and gpus < 1:
        raise AdjoinError(f"--gpus {gpus}: expected 1 or more")


def _here(recipe: Recipe, lengths: Lengths, batch: int, say: Say) -> Plan:
    ranks = Ranks.of_environment()
    if recipe.start.is_static:
        ranks = ranks.on_cpu()
    device, free = ranks.device, available_memory(ranks.device)
    precision, threads = choose_precision_and_threads(recipe, ranks)
    say("measuring this machine")
    machine = _measure(device, precision, threads, free)
    small = _is_small(recipe, lengths, machine)  # loads transformers' code for this body, as a training does
    importlib.import_module(
        "matplotlib.pyplot"
    )  # for the loss curve, which is drawn while the step's memory is still held
    before = _held(device)
    if small:
        say("timing a few micro-batches")
        body = untrained_body(recipe, lengths.vocabulary).to(device)
        body = body.double() if precision == "float64" else body
        execution = choose_execution(recipe, body, ranks, precision, threads)
        counted = estimate_step(recipe, lengths, batch, 1, body, execution)
        lasting = counted.sizes.lasting_bytes(recipe)
        calibration = calibrate(body, recipe, execution, counted.layout, held=before, lasting=lasting)
        counted = replace(counted, largest=calibration.largest, slack=calibration.slack)
        machine, seconds = replace(machine, utilisation=None), calibration.seconds
    else:
        say("counting on fake tensors: the body is too large to be timed here")
        counted = _on_fake_tensors(recipe, lengths, batch, 1, machine, precision, threads)
        seconds = counted.seconds(machine)
    held = before + (DATA_LIBRARIES if lengths.pairs is None and device.type == "cpu" else 0)
    memory = {"the process itself": held, **counted.memory()}
    return _plan(counted, machine, memory, seconds)


def _held(device: torch.device) -> int:
    """Bytes that this process holds now."""
    reset_peak_memory(device)
    return peak_memory(device)


def _is_small(recipe: Recipe, lengths: Lengths, machine: Machine) -> bool:
    """Whether a few micro-batches can be timed here in seconds."""
    with torch.device("meta"):
        sizes = sizes_of(untrained_body(replace(recipe, lora=None), lengths.vocabulary), recipe)
    tokens = recipe.token_budget or TOKEN_BUDGET[machine.device]
    seconds = 6 * (sizes.parameters - sizes.table) * tokens / (UNCALIBRATED * machine.flops)
    return sizes.lasting_bytes(recipe) < machine.memory / 3 and (not sizes.layers or seconds < LONGEST_PASS)


def _measure(device: torch.device, precision: str, threads: int, free: float) -> Machine:
    dtypes = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}
    flops = matmul_peak(dtypes[precision], device, threads)
    float32_flops = flops if precision == "float32" else matmul_peak(torch.float32, device, threads)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"this machine, {threads} threads"
    return Machine(name, device.type, flops, float32_flops, memory_bandwidth(device), free, UNCALIBRATED, True)


@contextmanager
def _grouped_products() -> Iterator[None]:
    """Let mixtures of experts use transformers' own operator, whose shapes are known in float32 too."""
    from transformers.integrations import moe

    usual = moe._can_use_grouped_mm
    moe._can_use_grouped_mm = lambda *_: False
    try:
        yield
    finally:
        moe._can_use_grouped_mm = usual


@contextmanager
def _fake() -> Iterator[None]:
    """A context in which tensors have shapes and no content."""
    from torch._subclasses.fake_tensor import FakeTensorMode  # takes seconds to import

    log = logging.getLogger(FakeTensorMode.__module__)  # it prints the trace of an error that is handled
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        with FakeTensorMode(allow_non_fake_inputs=True), _grouped_products():
            yield
    finally:
        log.setLevel(level)


def _on_fake_tensors(
    recipe: Recipe, lengths: Lengths, batch: int, ranks: int, machine: Machine, precision: str, threads: int
) -> StepEstimate:
    """Count the costs of a body that need not fit into memory.

    The passes of some architectures depend on numbers, which fake tensors lack. If they are small, they run.

    Raises:
        AdjoinError: the checkpoint cannot be opened, its pass fails, or it needs numbers and is large.
    """
    try:
        with _fake():
            return _count(recipe, lengths, batch, ranks, machine, precision, threads)
    except AdjoinError:
        raise
    except Exception as error:  # architectures raise anything without numbers
        reason = f"its forward pass does not run on tensors without numbers: {described(error)}"
    try:
        if _stored_bytes(recipe) <= RUN_TO_COUNT:
            return _count(recipe, lengths, batch, ranks, machine, precision, threads)
    except AdjoinError:
        raise
    except Exception as error:  # and one that cannot run at all raises it here
        reason = described(error)
    raise AdjoinError(f"{recipe.init or recipe.preset} cannot be planned: {reason}")


def _stored_bytes(recipe: Recipe) -> int:
    """Bytes of the files of a recipe's checkpoint."""
    path = locate_model(recipe.init or "")
    return sum(file.stat().st_size for file in (path.iterdir() if path.is_dir() else [path]) if file.is_file())


def _count(
    recipe: Recipe, lengths: Lengths, batch: int, ranks: int, machine: Machine, precision: str, threads: int
) -> StepEstimate:
    body = untrained_body(recipe, lengths.vocabulary)
    body.sharded = recipe.shard
    weights = sum(p.numel() * p.element_size() for p in body.parameters()) / (ranks if recipe.shard else 1)
    free = machine.memory - weights - training_state_bytes(recipe, body, ranks)
    execution = fit_execution(recipe, body, machine.device, free, precision, threads)
    counted = estimate_step(recipe, lengths, batch, ranks, body, execution)
    tokens = any_tokens(counted.layout.lengths_B, lengths.vocabulary)
    largest = measure_pass(body, tokens.take(counted.layout.groups[0]), execution.autocast)
    if recipe.shard:  # FSDP hands its blocks bfloat16 weights, without autocast's copies
        copies = autocast_copy_bytes(body, precision)
        largest = replace(
            largest, graph_bytes=largest.graph_bytes - copies, peak_bytes=largest.peak_bytes - copies
        )
    return replace(counted, largest=largest)


def _on_gpus(recipe: Recipe, lengths: Lengths, batch: int, gpus: int, gpu: str) -> Plan:
    sheet = DATASHEETS[gpu]
    if batch % gpus:
        raise AdjoinError(
            f"--gpus {gpus}: a batch of {batch:,} pairs is not divisible by it; give another --batch"
        )
    precision = "bfloat16" if recipe.precision == "auto" else recipe.precision
    float32_flops = FLOAT32_SPEED * sheet.flops
    flops = sheet.flops if precision == "bfloat16" else float32_flops
    memory = (1 - FRAGMENTATION) * sheet.memory - GPU_PROCESS
    machine = Machine(f"{gpus} x {gpu}", "cuda", flops, float32_flops, sheet.bandwidth, memory, UTILISATION, False)
    counted = _on_fake_tensors(recipe, lengths, batch, gpus, machine, precision, 1)
    seconds = counted.seconds(machine)
    least = {"whole": _least(counted, machine, shard=False)}
    if not recipe.start.is_static:
        least["sharded"] = _least(counted, machine, shard=True)
    return _plan(counted, machine, counted.memory(), seconds, least)


def _plan(
    counted: StepEstimate,
    machine: Machine,
    memory: dict[str, int],
    seconds: dict[str, float],
    least: dict[str, int | None] | None = None,
) -> Plan:
    recipe, layout, pairs = counted.recipe, counted.layout, counted.batch // counted.ranks
    return Plan(
        body=recipe.init or recipe.preset,
        sizes=counted.sizes,
        lengths=counted.lengths.as_json(),
        batch=counted.batch,
        ranks=counted.ranks,
        sharded=recipe.shard,
        useful=counted.sizes.useful_flops(layout.lengths_B, counted.body.dimension) / pairs,
        executed=sum(counted.executed().values()) / pairs,
        machine=machine,
        execution=counted.execution,
        micro_batches=len(layout.groups),
        recomputed=layout.recomputed,
        padding=layout.padding,
        memory=memory,
        seconds=seconds,
        steps=None,
        least_gpus=least or {},
        notes=tuple(_notes(counted, memory, machine, least or {})),
    )


def _least(counted: StepEstimate, machine: Machine, *, shard: bool) -> int | None:
    """The fewest GPUs that hold the training with micro-batches of one sequence, or None."""
    recipe = replace(counted.recipe, shard=shard)
    share = recipe.max_tokens / int(counted.layout.padded_G[0]) if counted.body.pads else 1.0
    copies = 0 if counted.recipe.shard else autocast_copy_bytes(counted.body, counted.execution.precision)
    working = round((counted.largest.peak_bytes - copies) * min(1.0, share)) + (0 if shard else copies)
    for ranks in (number for number in range(1, MOST_GPUS + 1) if counted.batch % number == 0):
        sequences = 2 * counted.batch // ranks
        parts = bytes_by_part(
            counted.sizes, recipe, Activations(0, working), counted.body.dimension, sequences, ranks
        )
        if sum(parts.values()) <= machine.memory:
            return ranks
    return None


def _notes(
    counted: StepEstimate, memory: dict[str, int], machine: Machine, least: dict[str, int | None]
) -> Iterator[str]:
    if sum(memory.values()) > machine.memory:
        yield f"does not fit: {sum(memory.values()) / 1e9:,.1f} GB of {machine.memory / 1e9:,.1f} GB"
        if least.get("sharded") and not counted.recipe.shard:
            yield f"--shard divides the weights over the GPUs: at least {least['sharded']:,} are needed then"
    if machine.utilisation is not None:
        peak = "the measured peak" if machine.measured else "the datasheet's peak"
        yield f"time assumes {machine.utilisation:.0%} of {peak}, without communication between GPUs"
    if counted.lengths.pairs is None:
        yield "lengths are assumed: give pairs to measure them"
