"""The loop that every training runs, contrastive or generative."""

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

_CHANGED_BY_STEP = {"token_budget", "kept_tokens"}  # an out-of-memory retry makes them smaller


class StepResult(Protocol):
    """The result of a step: the loss of the whole batch, and the token counts of this rank."""

    @property
    def loss(self) -> float:
        """Loss of the whole batch, in nats."""

    @property
    def tokens(self) -> int:
        """Number of tokens of this rank, without padding."""

    @property
    def padded(self) -> int:
        """Number of tokens of this rank, with padding."""


class Batches(Protocol):
    """Batches in order, prepared ahead; see `Loader`."""

    waited: float

    def next(self) -> Any:  # noqa: ANN401 - what the step takes
        """Return the batch of the next step."""

    def close(self) -> None:
        """Stop the preparation of further batches."""


@dataclass
class Run:
    """A training that is ready for the loop.

    Attributes:
        recipe: all options.
        ranks: the processes that share the training.
        folder: folder of log, curve and checkpoints.
        modules: everything that is trained, as checkpoints keep it.
        optimizer: the optimizer, whose groups carry "initial_lr", the peak learning rate.
        average: running average of the weights, or None.
        batches: batches in order, from the first step to be done.
        step: computes a batch's gradients into the `.grad` of the parameters.
        after_step: called after each update of the weights.
        address: describes where the batch of a step comes from, for error messages.
        logit_scale: returns the current exp(tau); None in a generative training.
        budget: when the training ends.
        progress: steps and seconds done.
        batch_size: pairs or rows per batch, over all ranks.
        steps_per_epoch: batches in one pass over the data.
        validate: measures the present model; its time does not count as the training's.
        validate_every: steps between two calls of `validate`.
    """

    recipe: Recipe
    ranks: Ranks
    folder: Path
    modules: nn.ModuleDict
    optimizer: torch.optim.Optimizer
    average: Average | None
    batches: Batches
    step: Callable[[Any], StepResult]
    after_step: Callable[[], None]
    address: Callable[[int], str]
    logit_scale: Callable[[], float | None]
    budget: Budget
    progress: checkpoint.TrainingProgress
    batch_size: int
    steps_per_epoch: int
    validate: Callable[[], None] | None = None
    validate_every: int = 1

    def save(self) -> None:
        """Write a checkpoint, with the micro-batch size that an out-of-memory retry may have changed."""
        changed = {name: vars(self.step)[name] for name in _CHANGED_BY_STEP & vars(self.step).keys()}
        self.progress.execution.update(changed)
        state = checkpoint.TrainingState(self.modules, self.optimizer, self.average, self.ranks)
        checkpoint.save(self.folder, state, self.progress)


def run_training(run: Run, watch: Watch) -> None:
    """Train until the budget is spent. Write a checkpoint at the end, and after Ctrl-C.

    Args:
        run: from `make_run`.
        watch: called with the report of each step, on the main rank.

    Raises:
        AdjoinError: the loss or a gradient is no longer finite.
        KeyboardInterrupt: after the checkpoint was written.
        OSError: the disk is full; the previous checkpoint is intact.
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
    peak_rates = [group["initial_lr"] for group in run.optimizer.param_groups]
    saved_at = progress.elapsed
    run.modules.train()
    while (share := run.budget.progress(progress.step, progress.elapsed)) < 1 and not run.ranks.any(
        bool(interrupted)
    ):
        began, waited = time.perf_counter(), run.batches.waited
        scale = lr_scale(share, recipe.warmup, recipe.schedule, recipe.decay)
        for group, peak in zip(run.optimizer.param_groups, peak_rates, strict=True):
            group["lr"] = peak * scale

        run.optimizer.zero_grad(set_to_none=True)
        result = run.step(run.batches.next())
        grad_norm = clip_gradients(list(run.modules.parameters()), recipe.clip)
        if not math.isfinite(result.loss) or not math.isfinite(grad_norm):  # before it reaches the weights
            raise AdjoinError(
                f"loss {result.loss}, gradient norm {grad_norm} at {run.address(progress.step)}; the weights are"
                f" unchanged: take a lower --learning-rate than {recipe.learning_rate}, and another --out"
            )
        run.optimizer.step()
        run.after_step()
        if run.average is not None:
            run.average.update()

        # All ranks use the main rank's clock: they must agree on the learning rate and on the end.
        seconds = run.ranks.broadcast(time.perf_counter() - began)
        progress.step += 1
        progress.elapsed += seconds
        report = _report(run, result, scale, grad_norm, seconds, run.batches.waited - waited)
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
    """Scale all gradients down together so that their global norm is at most `limit`.

    Like torch.nn.utils.clip_grad_norm_, and also for whole and sharded tensors in one model.

    Returns:
        The norm before clipping, over all ranks where they hold parts of the weights.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    kinds = (
        [g for g in gradients if not hasattr(g, "full_tensor")],
        [g for g in gradients if hasattr(g, "full_tensor")],
    )
    norms: list[Tensor] = []
    for same_kind in kinds:  # torch computes no norm of plain tensors and DTensors in one call
        if same_kind:
            norm = torch.nn.utils.get_total_norm(same_kind)
            norms.append(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)
    total = torch.linalg.vector_norm(torch.stack(norms)) if len(norms) > 1 else norms[0]
    for same_kind in kinds:
        if same_kind:
            factor = torch.clamp(limit / (total + 1e-6), max=1.0)
            torch._foreach_mul_(same_kind, factor.item())
    return float(total)


def _report(
    run: Run, result: StepResult, scale: float, grad_norm: float, seconds: float, waited: float
) -> StepReport:
    progress = run.progress
    share = run.budget.progress(progress.step, progress.elapsed)
    return StepReport(
        step=progress.step,
        epoch=progress.step / run.steps_per_epoch,
        loss=result.loss,
        logit_scale=run.logit_scale(),
        lr_scale=scale,
        grad_norm=grad_norm,
        pairs_per_second=run.batch_size / seconds,
        tokens_per_second=run.ranks.size * result.tokens / seconds,
        padding=1 - result.tokens / result.padded,
        waited=waited / seconds,
        elapsed=progress.elapsed,
        left=progress.elapsed / share * (1 - share),
    )
