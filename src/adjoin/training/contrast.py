"""Contrastive training: pairs in, a model folder out.

models/mine/
  adjoin.json, model.safetensors, tokenizer.json    the model; adjoin.json is written last
  training/log.jsonl, curve.png, step-NNNNNNNN/     log, loss curve, and the checkpoint to resume from
  training/evaluations.jsonl ...                    validation scores, see validation.py
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path

from adjoin.files import write_atomically, write_json
from adjoin.model.description import Description
from adjoin.model.locations import DESCRIPTION_FILE
from adjoin.pairs.labelled import summary_of
from adjoin.ranks import ALONE, Ranks
from adjoin.training import shards
from adjoin.training.log import Watch, draw_curve
from adjoin.training.loop import Say, run_training
from adjoin.training.negatives import summary_of_negatives
from adjoin.training.prepare import ContrastiveTraining, prepare
from adjoin.training.recipe import Recipe
from adjoin.training.saving import describe, write_snapshot, write_weights
from adjoin.training.setup import SNAPSHOT, remove_temporary_data
from adjoin.training.validation import BEST_FILE, BestCheckpoint, Evaluations, Validation


def train(
    pairs: str | Path | Sequence[str | Path],
    out: str | Path,
    recipe: Recipe,
    *,
    resume: bool = False,
    tokens: Path | None = None,
    validation: Validation | None = None,
    ranks: Ranks = ALONE,
    say: Say = lambda _: None,
    watch: Watch = lambda _: None,
) -> Description:
    """Train an encoder on pairs.

    Args:
        pairs: folders that `adjoin mine` wrote, or JSON-lines files of labelled pairs (pairs/labelled.py).
        out: folder of the model.
        recipe: all options.
        resume: continue from the last checkpoint below `out`, if there is one.
        tokens: folder that keeps the tokenized pairs for later trainings on the same pairs, vocabulary and
            lengths; None for a temporary one below `out`.
        validation: how the model is measured during the training. The weights of every step stay the same; with
            `keep` the final model may be that of an earlier step.
        ranks: the processes that share the training.
        say: called with one line about each stage, and about each validation.
        watch: called with the report of each step.

    Returns:
        The description of the finished model.

    Raises:
        AdjoinError: the recipe, the pairs or a checkpoint is wrong, another process is writing to `out`, the
            pairs changed while they were read, or the loss is no longer finite.
        KeyboardInterrupt: after the checkpoint was written.
        OSError: the disk is full; the previous checkpoint is intact.
    """
    if recipe.start.is_static:
        ranks = ranks.on_cpu()
    paths = [Path(path) for path in ([pairs] if isinstance(pairs, str | Path) else pairs)]
    out = Path(out)
    say = say if ranks.is_main else lambda _: None
    with ExitStack() as hold:
        training = prepare(paths, out, recipe, ranks=ranks, resume=resume, tokens=tokens, hold=hold, say=say)
        return _train(training, out, validation, say, watch)


def _train(
    training: ContrastiveTraining, out: Path, validation: Validation | None, say: Say, watch: Watch
) -> Description:
    """Run a training that is prepared, and write its model."""
    run, ranks = training.run, training.run.ranks
    evaluations = Evaluations(validation, run.folder, run.progress.step) if validation else None
    if evaluations is not None:
        ranks.on_main_rank(evaluations.forget_later)
        run.validate, run.validate_every = _validate(training, evaluations, say), evaluations.validation.every
    run_training(run, watch)
    if evaluations is not None and run.validate is not None and evaluations.last != run.progress.step:
        run.validate()
    best = evaluations.best() if evaluations is not None else None
    if best is not None and best.step != run.progress.step:
        say(f"the model is that of step {best.step:,}: {best.score} was {best.value:.3f}, the highest")
        ranks.on_main_rank(lambda: _finish_with(best, out, training, say))
        return Description.read(out)
    description = describe(training)
    with run.average.swapped() if run.average is not None else nullcontext():
        weights = shards.whole_weights(training.body) if run.recipe.shard else None  # type: ignore[arg-type]

        def finish() -> None:
            write_weights(out, training.body, weights)
            _finish(description, out, training, say)

        ranks.on_main_rank(finish)
    return description


def _validate(training: ContrastiveTraining, evaluations: Evaluations, say: Say) -> Callable[[], None]:
    """The function that the loop calls to have the model measured as it is."""
    run, snapshot = training.run, training.run.folder / SNAPSHOT

    def validate() -> None:
        write_snapshot(snapshot, training)
        name, step = run.folder.parent.name, run.progress.step
        facts: dict[str, str | int] = {"training": name, "step": step, "batch": run.batch_size}
        run.ranks.on_main_rank(lambda: say(evaluations.take(snapshot, facts, run.progress.elapsed)))
        evaluations.last = step

    return validate


def _finish_with(best: BestCheckpoint, out: Path, training: ContrastiveTraining, say: Say) -> None:
    """Make the best model the result of the training."""
    description = Description.read(best.folder)
    for path in sorted(best.folder.iterdir()):
        if path.name not in (DESCRIPTION_FILE, BEST_FILE):
            write_atomically(out / path.name, path.read_bytes())
    description.training["kept"] = {
        "score": best.score,
        "value": best.value,
        "of_steps": training.run.progress.step,
    }
    _finish(description, out, training, say)


def _finish(description: Description, out: Path, training: ContrastiveTraining, say: Say) -> None:
    run = training.run
    title = f"{'/'.join(out.resolve().parts[-2:])}: {len(training.cache):,} pairs, batch {run.batch_size:,}"
    for counts in run.progress.facts.get("labelled", []):
        say(summary_of(counts))
    if told := summary_of_negatives(run.progress):
        say(told)
    draw_curve(run.folder / "log.jsonl", run.folder / "curve.png", title)
    write_json(out / DESCRIPTION_FILE, description.as_json())  # last: a folder without it is no model
    remove_temporary_data(run.folder)
