"""Set-up that contrastive and generative trainings share: folder, checkpoint, and the run for the loop."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from adjoin.batches.loader import Loader
from adjoin.errors import AdjoinError
from adjoin.model.bodies import TransformerBody
from adjoin.model.locations import DESCRIPTION_FILE, WEIGHTS_FILE
from adjoin.outputs import Owner, checked_folder, filled_folder
from adjoin.ranks import Ranks
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.training import checkpoint
from adjoin.training.average import Average
from adjoin.training.checkpoint import TrainingProgress, TrainingState
from adjoin.training.loop import Run, Say, StepResult
from adjoin.training.recipe import Recipe
from adjoin.unfinished import remove_folder

TOKENS, LABELLED, SNAPSHOT = "tokens", "labelled", "snapshot"  # removed when the training has ended
_FOLDER = "training"
TRAINING = Owner("the folder of a training", r"(?s:.*)", _FOLDER, Path.is_dir)


class Sampler(Protocol):
    """Protocol of an object that draws the batches of a training."""

    steps_per_epoch: int

    def batch(self, step: int) -> Any:  # noqa: ANN401 - what the training's step takes
        """Return this rank's share of the batch of a step, counted from 0."""

    def address(self, step: int) -> str:
        """Describe where the batch of a step comes from, for error messages."""


@dataclass(frozen=True)
class TrainingFolder:
    """The folder of a training, and the checkpoint that it continues from.

    Attributes:
        path: the folder, inside the model's folder.
        latest: the newest checkpoint, or None.
        resume: whether the caller asked to continue.
    """

    path: Path
    latest: Path | None
    resume: bool

    def progress(self, identity: dict[str, Any]) -> TrainingProgress:
        """The progress of the checkpoint, or that of a new training.

        Raises:
            AdjoinError: the checkpoint is damaged, or of another identity.
        """
        if self.latest is None:
            return TrainingProgress(0, 0.0, identity)
        return checkpoint.read_progress(self.latest, identity)


def claim_folder(
    out: Path, ranks: Ranks, *, resume: bool, hold: ExitStack, inputs: Sequence[Path] = ()
) -> TrainingFolder:
    """Create the training's folder below `out`, so that a place that cannot be written fails at once.

    Args:
        out: folder of the model.
        ranks: the processes that share the training; the main rank holds the folder for all.
        resume: whether the caller asked to continue.
        hold: `out` is held for writing until this stack is closed.
        inputs: what the training reads.

    Raises:
        AdjoinError: `out` holds a training and `resume` is false, or a model of other origin, or other files;
            another process is writing to it.
    """
    folder = out / _FOLDER

    def check() -> None:
        if not resume and (checkpoint.latest(folder) or (out / DESCRIPTION_FILE).exists()):
            raise AdjoinError(
                f"{out} already holds a training: continue it with --resume, or choose another --out"
            )
        if not folder.is_dir() and any((out / name).exists() for name in (WEIGHTS_FILE, TOKENIZER_FILE)):
            raise AdjoinError(
                f"{out} holds a model that is not ours and would be overwritten: choose another --out"
            )

    def claim() -> None:
        checked_folder(out, inputs=inputs)
        if not folder.is_dir():
            check()
        hold.enter_context(filled_folder(out, TRAINING, inputs=inputs))
        check()
        folder.mkdir(parents=True, exist_ok=True)

    ranks.on_main_rank(claim)
    return TrainingFolder(folder, checkpoint.latest(folder), resume)


def remove_temporary_data(folder: Path) -> None:
    """Remove what only a running training needs: tokenized texts and imported pairs."""
    for path in [folder / TOKENS, folder / SNAPSHOT, *folder.glob(f"{LABELLED}-*")]:
        remove_folder(path)


def check_length(body: TransformerBody, recipe: Recipe) -> None:
    """Check that a checkpoint has positions for `max_tokens` tokens.

    Raises:
        AdjoinError: naming both numbers.
    """
    if recipe.max_tokens > body.longest:
        raise AdjoinError(
            f"--max-tokens {recipe.max_tokens}: {recipe.init} has positions for {body.longest} tokens;"
            " give no more"
        )


def make_run(
    folder: TrainingFolder,
    recipe: Recipe,
    ranks: Ranks,
    progress: TrainingProgress,
    *,
    modules: nn.ModuleDict,
    optimizer: torch.optim.Optimizer,
    step: Callable[[Any], StepResult],
    sampler: Sampler,
    batch_size: int,
    say: Say,
    after_step: Callable[[], None] = lambda: None,
    logit_scale: Callable[[], float | None] = lambda: None,
) -> Run:
    """Seed torch, restore the checkpoint if there is one, and assemble the run for the loop.

    Args:
        folder: folder of the training.
        recipe: all options.
        ranks: the processes that share the training.
        progress: from `TrainingFolder.progress`.
        modules: everything that is trained.
        optimizer: optimizer of those modules; its state is not restored yet.
        step: computes the gradients of a batch.
        sampler: draws the batches.
        batch_size: pairs or rows per batch, over all ranks.
        say: called with one line if the training was asked to resume.
        after_step: called after each update of the weights.
        logit_scale: returns exp(tau) for the log, or None.

    Raises:
        AdjoinError: the checkpoint is damaged.
    """
    average = None if recipe.average is None else Average(modules, recipe.average)
    torch.manual_seed(recipe.seed + ranks.index)
    if folder.latest is not None:
        checkpoint.restore(folder.latest, TrainingState(modules, optimizer, average, ranks))
        say(f"resuming after step {progress.step:,}")
    elif folder.resume:
        say(f"no checkpoint in {folder.path}: starting from the first step")
    return Run(
        recipe=recipe,
        ranks=ranks,
        folder=folder.path,
        modules=modules,
        optimizer=optimizer,
        average=average,
        batches=Loader(sampler, progress.step),
        step=step,
        after_step=after_step,
        address=sampler.address,
        logit_scale=logit_scale,
        budget=recipe.budget(sampler.steps_per_epoch),
        progress=progress,
        batch_size=batch_size,
        steps_per_epoch=sampler.steps_per_epoch,
    )
