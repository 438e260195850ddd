"""The contrastive training: pairs in, a model folder out.

models/mine/
  adjoin.json, model.safetensors, tokenizer.json    the model; adjoin.json is written last
  training/log.jsonl, curve.png, step-NNNNNNNN/     how it came about; the state to resume from
  training/evaluations.jsonl ...                    what it was worth on the way, see aside.py
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

from adjoin.files import write_atomically, write_json
from adjoin.model.description import Description
from adjoin.model.locations import DESCRIPTION_FILE
from adjoin.ranks import ALONE, Ranks
from adjoin.training import shards
from adjoin.training.log import Watch, draw_curve
from adjoin.training.loop import Say, run_training
from adjoin.training.prepare import Contrast, forget_tokens, prepare
from adjoin.training.recipe import Recipe
from adjoin.training.saving import describe, write_snapshot, write_weights
from adjoin.training.validation import KEPT_FILE, SNAPSHOT, Aside, Evaluations, Kept


def train(
    pairs: Path | Sequence[Path],
    out: Path,
    recipe: Recipe,
    *,
    resume: bool = False,
    tokens: Path | None = None,
    aside: Aside | None = None,
    ranks: Ranks = ALONE,
    say: Say = lambda _: None,
    watch: Watch = lambda _: None,
) -> Description:
    """Train an encoder on pairs.

    Args:
        pairs: folders that `adjoin mine` wrote, or JSON-lines files of labelled pairs (pairs/labelled.py).
        out: the model's folder.
        recipe: all options.
        resume: go on from the last checkpoint below `out`, if there is one.
        tokens: folder where the pairs' tokens stay, for one training after the other that begins with the same
            pairs, vocabulary and lengths; None for one below `out` that is gone at the end.
        aside: how the training is measured on its way; whether it is makes no difference to the weights of any
            step, but the model may be an earlier step's then.
        ranks: the processes that share the training.
        say: told what is being prepared, and what evaluations found, in a line.
        watch: told about each step.

    Returns:
        The finished model's description.

    Raises:
        AdjoinError: the recipe, the pairs or a checkpoint is wrong, or the loss is no longer finite.
        KeyboardInterrupt: after the state was saved.
        OSError: the disk is full; the last checkpoint still stands.
    """
    if recipe.start.is_static:
        ranks = ranks.on_cpu()
    paths = [pairs] if isinstance(pairs, Path) else list(pairs)
    say = say if ranks.is_main else lambda _: None
    contrast = prepare(paths, out, recipe, ranks=ranks, resume=resume, tokens=tokens, say=say)
    run = contrast.run
    evaluations = Evaluations(aside, run.folder, run.progress.step) if aside else None
    if evaluations is not None:
        ranks.on_main_rank(evaluations.forget_later)
        run.aside, run.aside_every = _evaluating(contrast, evaluations, say), evaluations.aside.every
    run_training(run, watch)
    if evaluations is not None and run.aside is not None and evaluations.last != run.progress.step:
        run.aside()
    best = evaluations.best() if evaluations is not None else None
    if best is not None and best.step != run.progress.step:
        say(f"the model is that of step {best.step:,}: {best.score} was {best.value:.3f}, the highest")
        ranks.on_main_rank(lambda: _finish_with(best, out, contrast))
        return Description.read(out)
    description = describe(contrast)
    with run.average.swapped() if run.average is not None else nullcontext():
        weights = shards.whole_weights(contrast.body) if run.recipe.shard else None  # type: ignore[arg-type]

        def finish() -> None:
            write_weights(out, contrast.body, weights)
            _finish(description, out, contrast)

        ranks.on_main_rank(finish)
    return description


def _evaluating(contrast: Contrast, evaluations: Evaluations, say: Say) -> Callable[[], None]:
    """What the loop calls to have the model measured as it stands."""
    run, snapshot = contrast.run, contrast.run.folder / SNAPSHOT

    def evaluate() -> None:
        write_snapshot(snapshot, contrast)
        name, step = run.folder.parent.name, run.progress.step
        facts: dict[str, str | int] = {"training": name, "step": step, "batch": run.size}
        run.ranks.on_main_rank(lambda: say(evaluations.take(snapshot, facts, run.progress.elapsed)))
        evaluations.last = step

    return evaluate


def _finish_with(best: Kept, out: Path, contrast: Contrast) -> None:
    """Make the best model the one that the training gives."""
    description = Description.read(best.folder)
    for path in sorted(best.folder.iterdir()):
        if path.name not in (DESCRIPTION_FILE, KEPT_FILE):
            write_atomically(out / path.name, path.read_bytes())
    description.training["kept"] = {
        "score": best.score,
        "value": best.value,
        "of_steps": contrast.run.progress.step,
    }
    _finish(description, out, contrast)


def _finish(description: Description, out: Path, contrast: Contrast) -> None:
    run = contrast.run
    title = f"{'/'.join(out.resolve().parts[-2:])}: {len(contrast.cache):,} pairs, batch {run.size:,}"
    draw_curve(run.folder / "log.jsonl", run.folder / "curve.png", title)
    write_json(out / DESCRIPTION_FILE, description.as_json())  # last: a folder without it is no model
    forget_tokens(run.folder)
