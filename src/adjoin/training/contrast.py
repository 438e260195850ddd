"""The contrastive training: pairs in, a model folder out.

models/mine/
  adjoin.json, model.safetensors, tokenizer.json    the model; adjoin.json is written last
  training/log.jsonl, curve.png, step-NNNNNNNN/     how it came about; the state to resume from
"""

import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from adjoin.files import flush_to_disk, write_atomically, write_json
from adjoin.model.adapters import merged
from adjoin.model.bodies import StaticBody, TransformerBody
from adjoin.model.encoder import DESCRIPTION_FILE, WEIGHTS_FILE, Description
from adjoin.model.start import library_quiet
from adjoin.ranks import ALONE, Ranks
from adjoin.training import checkpoint, shards
from adjoin.training.log import Watch, draw_curve
from adjoin.training.loop import Say, run_training
from adjoin.training.prepare import Contrast, forget_tokens, prepare
from adjoin.training.recipe import Recipe


def train(
    pairs: Path | Sequence[Path],
    out: Path,
    recipe: Recipe,
    *,
    resume: bool = False,
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
        ranks: the processes that share the training.
        say: told what is being prepared, in a line.
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
    contrast = prepare(
        paths, out, recipe, ranks=ranks, resume=resume, say=say if ranks.is_first else lambda _: None
    )
    run = contrast.run
    run_training(run, watch)
    description = _describe(contrast)
    with run.average.swapped() if run.average is not None else nullcontext():
        weights = shards.whole_weights(contrast.body) if run.recipe.shard else None  # type: ignore[arg-type]

        def finish() -> None:
            title = f"{out.name}: {len(contrast.cache):,} pairs, batch {run.size:,}"
            draw_curve(run.folder / "log.jsonl", run.folder / "curve.png", title)
            write_weights(out, contrast.body, weights)
            write_json(out / DESCRIPTION_FILE, description.as_json())  # last: a folder without it is no model
            forget_tokens(run.folder)

        ranks.first_does(finish)
    return description


def write_weights(out: Path, body: StaticBody | TransformerBody, weights: dict[str, Any] | None = None) -> None:
    """Write a trained body's files into a model's folder, each whole or not at all, in float32.

    Args:
        out: the folder.
        body: adapters are merged into it, so that it cannot be trained on.
        weights: in place of its own, where it holds a part of them only.
    """
    if isinstance(body, StaticBody):
        from safetensors.torch import save as to_bytes

        write_atomically(out / WEIGHTS_FILE, to_bytes({name: t.float() for name, t in body.tensors().items()}))
    else:
        model = merged(body) if hasattr(body.model, "merge_and_unload") else body.model
        write_model(out, model if weights is not None else model.float(), weights)


def write_model(out: Path, model: Any, weights: dict[str, Any] | None = None) -> None:  # noqa: ANN401
    """Write a transformers model's files into a folder, each whole or not at all."""
    with tempfile.TemporaryDirectory(dir=out, prefix=".") as unfinished:
        with library_quiet(), checkpoint.full_disk_is_os_error(out):
            model.save_pretrained(unfinished, **({} if weights is None else {"state_dict": weights}))
        for path in sorted(Path(unfinished).iterdir()):
            flush_to_disk(path)
            path.chmod(0o644)  # the library makes weights private
            path.replace(out / path.name)


def _describe(contrast: Contrast) -> Description:
    run, cache = contrast.run, contrast.cache
    hashes = [dataset.hash for dataset in contrast.datasets]
    return Description(
        kind="static" if isinstance(contrast.body, StaticBody) else "transformer",
        dimension=contrast.body.dimension,
        max_tokens=run.recipe.max_tokens,
        tau=float(contrast.temperature.tau.detach()),
        start=run.recipe.start.as_json(),
        training={
            "recipe": {**run.recipe.as_json(), "batch": run.size},
            "pairs": len(cache),
            "data": hashes[0] if len(hashes) == 1 else hashes,
            "steps": run.progress.step,
            "seconds": round(run.progress.elapsed, 1),
            "settled": run.progress.settled,
            "ranks": run.ranks.size,
            "texts": cache.encoded,
            "texts_truncated": cache.truncated,
        },
    )
