"""`adjoin plan`: what a training will take, before it is started, here or on GPUs on paper.

Here, memory is counted beside what this process itself holds, and a few micro-batches are timed. What a body needs
that is too large to be tried out is counted on fake tensors, of which nothing is ever allocated, and its time is
products over the speed that was measured, or that a datasheet promises.
"""

import importlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from adjoin.errors import AdjoinError
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
from adjoin.training import contrast  # noqa: F401 - a training's process holds it, and so must ours to be measured
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

TRIED_SECONDS = 12.0  # a body whose first pass would take longer is planned on paper
UTILISATION = 0.45  # of a GPU's datasheet, in products
UNTRIED_SHARE = 0.6  # of this machine's measured peak, for bodies too large to be tried out
SINGLE_PRECISION = 1 / 16  # of a GPU's bfloat16 products: 1/15 on an H100 and H200, 1/16 on an A100
GPU_PROCESS = 1_000_000_000  # bytes of a GPU that CUDA and its libraries take
UNUSABLE = 0.05  # share of a GPU that its allocator cuts to pieces
MOST_GPUS, USUAL_GPU = 4_096, "H200"
READS_TEXTS = 110_000_000  # bytes: pairs, tokenizer and their libraries, where none are opened for the plan


@dataclass(frozen=True)
class Plan:
    """What a training will take; bytes and seconds are those of one rank.

    Attributes:
        body: preset or checkpoint.
        sizes: numbers of the body by kind.
        lengths: a summary of the texts' lengths.
        batch: M, over all ranks.
        ranks: W.
        sharded: whether weights are cut over the ranks.
        useful: FLOPs a pair, forward and backward, each real token once.
        executed: FLOPs a pair with padding and what is embedded twice.
        machine: where.
        execution: what `adjoin train` will choose.
        micro_batches: of a rank's step.
        recomputed, padding: shares of their tokens.
        memory: bytes by part.
        seconds: of a step, by part.
        steps: of the whole training, or None where that is not known.
        least_gpus: how many of these GPUs hold it, whole and sharded; None for more than 4,096, or not at all.
        notes: what a person should know.
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
        """Bytes of one rank."""
        return sum(self.memory.values())

    @property
    def step_seconds(self) -> float:
        """Of one step."""
        return sum(self.seconds.values())

    def as_json(self) -> dict[str, Any]:
        """All of it, for programs."""
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
    """Plan a training.

    Args:
        pairs: as for `train`; none for lengths as they are in the wild.
        recipe: all options.
        gpus: how many GPUs on paper; None for this machine.
        gpu: which, one of `DATASHEETS`.
        say: told what is being done, in a line.

    Raises:
        AdjoinError: the recipe, the pairs or the checkpoint is wrong, or there is no such GPU.
    """
    _check(gpus, gpu)
    say("measuring lengths" if pairs else "taking typical lengths")
    lengths = lengths_for(pairs, recipe)
    number = lengths.pairs if lengths.pairs is not None else 1 << 40
    batch = recipe.batch_for(number)
    steps = recipe.budget(max(1, number // batch)).steps if lengths.pairs is not None else recipe.steps
    if gpus is not None or gpu is not None:
        planned = _on_paper(recipe, lengths, batch, gpus or 1, gpu or USUAL_GPU)
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
    importlib.import_module("matplotlib.pyplot")  # for the curve, at the end, when the step's memory is still held
    before = _held(device)
    if small:
        say("trying out a few micro-batches")
        body = untrained_body(recipe, lengths.vocabulary).to(device)
        body = body.double() if precision == "float64" else body
        execution = choose_execution(recipe, body, ranks, precision, threads)
        counted = estimate_step(recipe, lengths, batch, 1, body, execution)
        lasting = counted.sizes.lasting_bytes(recipe)
        calibration = calibrate(body, recipe, execution, counted.layout, held=before, lasting=lasting)
        counted = replace(counted, largest=calibration.largest, slack=calibration.slack)
        machine, seconds = replace(machine, share=None), calibration.seconds
    else:
        say("counting on tensors that are not there: the body is too large to be tried out here")
        with _fake():
            counted = _on_fake_tensors(recipe, lengths, batch, 1, machine, precision, threads)
            seconds = counted.seconds(machine)
    held = before + (READS_TEXTS if lengths.pairs is None and device.type == "cpu" else 0)
    memory = {"the process itself": held, **counted.memory()}
    return _plan(counted, machine, memory, seconds)


def _held(device: torch.device) -> int:
    """Bytes that this process holds now."""
    reset_peak_memory(device)
    return peak_memory(device)


def _is_small(recipe: Recipe, lengths: Lengths, machine: Machine) -> bool:
    """Whether a few micro-batches can be tried out here in moments."""
    with torch.device("meta"):
        sizes = sizes_of(untrained_body(replace(recipe, lora=None), lengths.vocabulary), recipe)
    tokens = recipe.token_budget or TOKEN_BUDGET[machine.device]
    seconds = 6 * (sizes.parameters - sizes.table) * tokens / (UNTRIED_SHARE * machine.flops)
    return sizes.lasting_bytes(recipe) < machine.memory / 3 and (not sizes.layers or seconds < TRIED_SECONDS)


def _measure(device: torch.device, precision: str, threads: int, free: float) -> Machine:
    dtypes = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}
    flops = matmul_peak(dtypes[precision], device, threads)
    single = flops if precision == "float32" else matmul_peak(torch.float32, device, threads)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"this machine, {threads} threads"
    return Machine(name, device.type, flops, single, memory_bandwidth(device), free, UNTRIED_SHARE, True)


def _fake() -> AbstractContextManager[object]:
    """Within, tensors have shapes and no content."""
    from torch._subclasses.fake_tensor import FakeTensorMode  # loads for seconds

    return FakeTensorMode(allow_non_fake_inputs=True)


def _on_fake_tensors(
    recipe: Recipe, lengths: Lengths, batch: int, ranks: int, machine: Machine, precision: str, threads: int
) -> StepEstimate:
    """Count what no machine need hold."""
    body = untrained_body(recipe, lengths.vocabulary)
    body.sharded = recipe.shard
    weights = sum(p.numel() * p.element_size() for p in body.parameters()) / (ranks if recipe.shard else 1)
    room = machine.memory - weights - training_state_bytes(recipe, body, ranks)
    execution = fit_execution(recipe, body, machine.device, room, precision, threads)
    counted = estimate_step(recipe, lengths, batch, ranks, body, execution)
    tokens = any_tokens(counted.layout.lengths_B, lengths.vocabulary)
    largest = measure_pass(body, tokens.take(counted.layout.groups[0]), execution.autocast)
    if recipe.shard:  # its blocks are handed weights that need no copies
        copies = autocast_copy_bytes(body, precision)
        largest = replace(
            largest, graph_bytes=largest.graph_bytes - copies, peak_bytes=largest.peak_bytes - copies
        )
    return replace(counted, largest=largest)


def _on_paper(recipe: Recipe, lengths: Lengths, batch: int, gpus: int, gpu: str) -> Plan:
    sheet = DATASHEETS[gpu]
    if batch % gpus:
        raise AdjoinError(
            f"--gpus {gpus}: a batch of {batch:,} pairs is not divisible by it; give another --batch"
        )
    precision = "bfloat16" if recipe.precision == "auto" else recipe.precision
    single = SINGLE_PRECISION * sheet.flops
    flops = sheet.flops if precision == "bfloat16" else single
    memory = (1 - UNUSABLE) * sheet.memory - GPU_PROCESS
    machine = Machine(f"{gpus} x {gpu}", "cuda", flops, single, sheet.bandwidth, memory, UTILISATION, False)
    with _fake():
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
    """How many GPUs hold the training with micro-batches of one sequence each, or None."""
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
            yield f"shard = true in a recipe cuts the weights over the GPUs: at least {least['sharded']:,} do"
    if machine.share is not None:
        whose = "those measured" if machine.measured else "a datasheet's"
        yield f"time assumes products at {machine.share:.0%} of {whose}; what GPUs exchange is not timed"
    if counted.lengths.pairs is None:
        yield "lengths are assumed: give pairs, and they are measured"
