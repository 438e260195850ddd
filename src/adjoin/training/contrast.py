"""The contrastive training: pairs in, a model folder out. The loop reads from top to bottom.

models/mine/
  adjoin.json, model.safetensors, tokenizer.json    the model; adjoin.json is written last
  training/log.jsonl, curve.png, step-NNNNNNNN/     how it came about; the state to resume from
"""

import math
import tempfile
import time
from pathlib import Path

import torch

from adjoin.errors import AdjoinError
from adjoin.files import flush_to_disk, write_atomically, write_json
from adjoin.interrupts import interrupts_noted
from adjoin.model.bodies import StaticBody
from adjoin.model.encoder import DESCRIPTION_FILE, WEIGHTS_FILE, Description
from adjoin.model.start import library_quiet
from adjoin.objective.step import StepResult
from adjoin.training import checkpoint
from adjoin.training.log import StepReport, TrainingLog, Watch, draw_curve
from adjoin.training.prepare import Run, Say, prepare
from adjoin.training.recipe import Recipe
from adjoin.training.schedule import rate


def train(
    pairs: Path,
    out: Path,
    recipe: Recipe,
    *,
    resume: bool = False,
    say: Say = lambda _: None,
    watch: Watch = lambda _: None,
) -> Description:
    """Train an encoder on a dataset of pairs.

    Args:
        pairs: the dataset's folder.
        out: the model's folder.
        recipe: all options.
        resume: go on from the last checkpoint below `out`, if there is one.
        say: told what is being prepared, in a line.
        watch: told about each step.

    Returns:
        The finished model's description.

    Raises:
        AdjoinError: the recipe, the pairs or a checkpoint is wrong, or the loss is no longer finite.
        KeyboardInterrupt: after the state was saved.
        OSError: the disk is full; the last checkpoint still stands.
    """
    run = prepare(pairs, out, recipe, resume=resume, say=say)
    log = TrainingLog(run.folder / "log.jsonl", keep_steps=run.progress.step)
    try:
        with interrupts_noted() as interrupted:
            _loop(run, log, watch, interrupted)
    finally:
        log.close()
    checkpoint.save(run.folder, run.modules, run.optimizer, run.progress)
    if interrupted:
        raise KeyboardInterrupt
    title = f"{out.name}: {len(run.dataset):,} pairs, batch {run.batch:,}"
    draw_curve(run.folder / "log.jsonl", run.folder / "curve.png", title)
    return _finish(out, run)


def _loop(run: Run, log: TrainingLog, watch: Watch, interrupted: list[int]) -> None:
    recipe, progress = run.recipe, run.progress
    highest = [group["initial_lr"] for group in run.optimizer.param_groups]
    saved_at = progress.elapsed
    run.body.train()
    while (share := run.budget.progress(progress.step, progress.elapsed)) < 1 and not interrupted:
        began = time.perf_counter()
        for group, top in zip(run.optimizer.param_groups, highest, strict=True):
            group["lr"] = top * rate(share, recipe.warmup)

        run.optimizer.zero_grad(set_to_none=True)
        result = run.step(run.sampler.batch(progress.step))
        norm = float(torch.nn.utils.clip_grad_norm_(run.modules.parameters(), recipe.clip))
        if not math.isfinite(result.loss) or not math.isfinite(norm):  # before it reaches the weights
            raise AdjoinError(
                f"step {progress.step + 1}: loss {result.loss}, gradient norm {norm}; no weight was changed by it:"
                f" take a lower --learning-rate than {recipe.learning_rate} and another --out"
            )
        run.optimizer.step()
        run.temperature.clamp()

        seconds = time.perf_counter() - began
        progress.step += 1
        progress.elapsed += seconds
        report = _report(run, result, seconds, share)
        log.add(report)
        watch(report)
        if progress.elapsed - saved_at > 60 * recipe.checkpoint_minutes:
            log.flush()
            checkpoint.save(run.folder, run.modules, run.optimizer, progress)
            saved_at = progress.elapsed


def _report(run: Run, result: StepResult, seconds: float, share: float) -> StepReport:
    progress = run.progress
    done = run.budget.progress(progress.step, progress.elapsed)
    return StepReport(
        step=progress.step,
        epoch=progress.step / run.sampler.steps_per_epoch,
        loss=result.loss,
        scale=float(run.temperature.scale.detach()),
        rate=rate(share, run.recipe.warmup),
        pairs_per_second=run.batch / seconds,
        tokens_per_second=result.tokens / seconds,
        padding=1 - result.tokens / result.padded,
        elapsed=progress.elapsed,
        left=progress.elapsed / done * (1 - done),
    )


def _finish(out: Path, run: Run) -> Description:
    """Write the model; adjoin.json comes last, so that a folder without it is no model."""
    if isinstance(run.body, StaticBody):
        from safetensors.torch import save as to_bytes

        write_atomically(out / WEIGHTS_FILE, to_bytes(run.body.tensors()))
    else:
        with tempfile.TemporaryDirectory(dir=out, prefix=".") as unfinished:
            with library_quiet(), checkpoint.full_disk_is_os_error(out):
                run.body.model.save_pretrained(unfinished)
            for path in sorted(Path(unfinished).iterdir()):
                flush_to_disk(path)
                path.chmod(0o644)  # the library makes weights private
                path.replace(out / path.name)
    description = Description(
        kind="static" if isinstance(run.body, StaticBody) else "transformer",
        dimension=run.body.dimension,
        max_tokens=run.recipe.max_tokens,
        tau=float(run.temperature.tau.detach()),
        start=run.recipe.start.as_json(),
        training={
            "recipe": {**run.recipe.as_json(), "batch": run.batch},
            "pairs": len(run.dataset),
            "data": run.dataset.hash,
            "steps": run.progress.step,
            "seconds": round(run.progress.elapsed, 1),
            "texts": run.tokenizer.encoded,
            "texts_truncated": run.tokenizer.truncated,
        },
    )
    write_json(out / DESCRIPTION_FILE, description.as_json())
    return description
