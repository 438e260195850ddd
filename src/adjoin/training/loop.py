"""The loop that every training runs, contrastive or generative. It reads from top to bottom."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from adjoin.errors import AdjoinError
from adjoin.interrupts import interrupts_noted
from adjoin.ranks import Ranks
from adjoin.training import checkpoint
from adjoin.training.average import Average
from adjoin.training.log import StepReport, TrainingLog, Watch
from adjoin.training.recipe import Recipe
from adjoin.training.schedule import Budget, lr_scale

Say = Callable[[str], None]

_CHANGED_BY_STEP = {"token_budget", "kept_tokens"}  # what a step may change of what was execution


class Measured(Protocol):
    """What a step says of itself: the loss of the whole batch; this rank's tokens, and those with padding."""

    @property
    def loss(self) -> float:
        """In nats."""

    @property
    def tokens(self) -> int:
        """Real ones."""

    @property
    def padded(self) -> int:
        """All that went through the body."""


class Batches(Protocol):
    """The batches in order, prepared ahead; see `Loader`."""

    waited: float

    def next(self) -> Any:  # noqa: ANN401 - what the step takes
        """The next batch."""

    def close(self) -> None:
        """No more are wanted."""


@dataclass
class Run:
    """A training that is ready to go, or to go on.

    Attributes:
        recipe: all options.
        ranks: the processes that share it.
        folder: where log, curve and checkpoints go.
        modules: all that is trained, as checkpoints keep it.
        optimizer: its groups carry "initial_lr", the highest rate.
        average: the weights' running average, if one is wanted.
        batches: from the first step that is to be done.
        step: leaves a batch's gradients in the parameters' `.grad`.
        after_step: called when the optimiser has changed the weights.
        address: where a step's batch comes from, for a person.
        logit_scale: exp(tau) as it stands, or None.
        budget: where it ends.
        progress: steps done, seconds spent.
        size: pairs, or rows, of a batch.
        steps_per_epoch: batches in one pass over the data.
        validate: measures the model as it stands; its time is not the training's.
        validate_every: after so many steps each time.
    """

    recipe: Recipe
    ranks: Ranks
    folder: Path
    modules: nn.ModuleDict
    optimizer: torch.optim.Optimizer
    average: Average | None
    batches: Batches
    step: Callable[[Any], Measured]
    after_step: Callable[[], None]
    address: Callable[[int], str]
    logit_scale: Callable[[], float | None]
    budget: Budget
    progress: checkpoint.TrainingProgress
    size: int
    steps_per_epoch: int
    validate: Callable[[], None] | None = None
    validate_every: int = 1

    def save(self) -> None:
        """Write a checkpoint; after memory ran out, with the smaller micro-batches that the step goes on with."""
        self.progress.execution.update(
            {name: vars(self.step)[name] for name in _CHANGED_BY_STEP & vars(self.step).keys()}
        )
        state = checkpoint.TrainingState(self.modules, self.optimizer, self.average, self.ranks)
        checkpoint.save(self.folder, state, self.progress)


def run_training(run: Run, watch: Watch) -> None:
    """Train until the budget is spent; then, or after Ctrl-C, save the state.

    Raises:
        AdjoinError: the loss or a gradient is no longer finite.
        KeyboardInterrupt: after the state was saved.
        OSError: the disk is full; the last checkpoint still stands.
    """
    log = TrainingLog(run.folder / "log.jsonl", keep_steps=run.progress.step) if run.ranks.is_main else None
    try:
        with interrupts_noted() as interrupted:
            _loop(run, log, watch, interrupted)
    finally:
        run.batches.close()
        if log is not None:
            log.close()
    run.save()
    if run.ranks.any(bool(interrupted)):
        raise KeyboardInterrupt


def _loop(run: Run, log: TrainingLog | None, watch: Watch, interrupted: list[int]) -> None:
    recipe, progress = run.recipe, run.progress
    highest = [group["initial_lr"] for group in run.optimizer.param_groups]
    saved_at = progress.elapsed
    run.modules.train()
    while (share := run.budget.progress(progress.step, progress.elapsed)) < 1 and not run.ranks.any(
        bool(interrupted)
    ):
        began, waited = time.perf_counter(), run.batches.waited
        factor = lr_scale(share, recipe.warmup, recipe.schedule, recipe.decay)
        for group, top in zip(run.optimizer.param_groups, highest, strict=True):
            group["lr"] = top * factor

        run.optimizer.zero_grad(set_to_none=True)
        result = run.step(run.batches.next())
        norm = clip_gradients(list(run.modules.parameters()), recipe.clip)
        if not math.isfinite(result.loss) or not math.isfinite(norm):  # before it reaches the weights
            raise AdjoinError(
                f"loss {result.loss}, gradient norm {norm} at {run.address(progress.step)}; no weight was changed"
                f" by it: take a lower --learning-rate than {recipe.learning_rate}, and another --out"
            )
        run.optimizer.step()
        run.after_step()
        if run.average is not None:
            run.average.update()

        # All ranks go by the first one's clock, or they would not agree on the rate and on the end.
        seconds = run.ranks.broadcast(time.perf_counter() - began)
        progress.step += 1
        progress.elapsed += seconds
        report = _report(run, result, factor, norm, seconds, run.batches.waited - waited)
        if log is not None:
            log.add(report)
            watch(report)
        if run.validate is not None and progress.step % run.validate_every == 0:
            run.validate()
        if progress.elapsed - saved_at > 60 * recipe.checkpoint_minutes:
            if log is not None:
                log.flush()
            run.save()
            saved_at = progress.elapsed


def clip_gradients(parameters: list[nn.Parameter], limit: float) -> float:
    """Scale all gradients down so that their norm together is at most `limit`.

    Returns:
        The norm before, over all ranks where they hold parts of the weights.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    kinds = (
        [g for g in gradients if not hasattr(g, "full_tensor")],
        [g for g in gradients if hasattr(g, "full_tensor")],
    )
    norms: list[Tensor] = []
    for alike in kinds:  # whole ones, and those of which this rank has a part: they cannot be added up in one call
        if alike:
            norm = torch.nn.utils.get_total_norm(alike)
            norms.append(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)
    total = torch.linalg.vector_norm(torch.stack(norms)) if len(norms) > 1 else norms[0]
    for alike in kinds:
        if alike:
            factor = torch.clamp(limit / (total + 1e-6), max=1.0)
            torch._foreach_mul_(alike, factor.item())
    return float(total)


def _report(run: Run, result: Measured, factor: float, norm: float, seconds: float, waited: float) -> StepReport:
    progress = run.progress
    done = run.budget.progress(progress.step, progress.elapsed)
    return StepReport(
        step=progress.step,
        epoch=progress.step / run.steps_per_epoch,
        loss=result.loss,
        logit_scale=run.logit_scale(),
        lr_scale=factor,
        grad_norm=norm,
        pairs_per_second=run.size / seconds,
        tokens_per_second=run.ranks.size * result.tokens / seconds,
        padding=1 - result.tokens / result.padded,
        waited=waited / seconds,
        elapsed=progress.elapsed,
        left=progress.elapsed / done * (1 - done),
    )
