"""What a contrastive training has come to, as a model's folder: at its end, and on the way."""

import copy
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from adjoin.errors import AdjoinError
from adjoin.files import flush_to_disk, folder_in_one_piece, write_atomically, write_json
from adjoin.model.adapters import merged, with_lora
from adjoin.model.bodies import StaticBody, TransformerBody
from adjoin.model.build import checkpoint_body, random_transformer, static_body
from adjoin.model.description import Description
from adjoin.model.locations import DESCRIPTION_FILE, WEIGHTS_FILE
from adjoin.model.pretrained import library_quiet
from adjoin.objective.contrastive import Temperature
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import Tokenizer
from adjoin.training import checkpoint, shards
from adjoin.training.average import Average
from adjoin.training.prepare import Contrast, dense_weight_after
from adjoin.training.recipe import Recipe


def write_weights(out: Path, body: StaticBody | TransformerBody, weights: dict[str, Any] | None = None) -> None:
    """Write a trained body's files into a model's folder, each whole or not at all, in float32.

    Args:
        out: the folder.
        body: adapters are merged into it, so that it cannot be trained on.
        weights: in place of its own, where it holds a part of them only.
    """
    if isinstance(body, StaticBody):
        from safetensors.torch import save as to_bytes

        tensors = {name: t.float() if t.is_floating_point() else t for name, t in body.tensors().items()}
        write_atomically(out / WEIGHTS_FILE, to_bytes(tensors))
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


def describe(contrast: Contrast) -> Description:
    """What adjoin.json says of a training as it stands."""
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
        dense_weight=contrast.dense_weight,
    )


def write_snapshot(folder: Path, contrast: Contrast) -> None:
    """Write the model that a training would give if it ended now; all ranks take part, and nothing of it changes.

    Args:
        folder: of the model, whole or absent.
        contrast: between two steps. A body on one rank is copied once where it lies.
    """
    run, body, description = contrast.run, contrast.body, describe(contrast)
    with run.average.swapped() if run.average is not None else nullcontext():
        weights = shards.whole_weights(body) if run.recipe.shard else None  # type: ignore[arg-type]

        def write() -> None:
            # Adapters are merged in place, and other kinds of numbers cast: not those that are being trained.
            alone = body if isinstance(body, StaticBody) or weights is not None else copy.deepcopy(body)
            with folder_in_one_piece(folder) as unfinished:
                write_weights(unfinished, alone, weights)
                tokenizer = (run.folder.parent / TOKENIZER_FILE).read_bytes()
                write_atomically(unfinished / TOKENIZER_FILE, tokenizer)
                write_json(unfinished / DESCRIPTION_FILE, description.as_json())

        run.ranks.on_main_rank(write)


def write_model_of(state: Path, out: Path) -> None:
    """Write the model that a contrastive training was at a checkpoint, to be measured or used.

    Args:
        state: the checkpoint, below its model's folder, where the tokenizer is.
        out: the model's folder, whole or absent.

    Raises:
        AdjoinError: the checkpoint is damaged, of a generative training, or cut over several ranks.
    """
    progress = checkpoint.read_progress(state, {})
    try:
        recipe = Recipe(**progress.identity["recipe"])
        data = progress.identity["data"]
    except (KeyError, TypeError) as error:
        raise AdjoinError(f"the checkpoint {state} does not say what it is of: {error}") from None
    if recipe.shard:
        raise AdjoinError(f"the weights of {state} are cut over several ranks: go on with its training instead")
    tokenizer = Tokenizer.load(state.parent.parent / TOKENIZER_FILE)
    body, temperature = _body_like(recipe, tokenizer), Temperature()
    modules = nn.ModuleDict({"body": body, "temperature": temperature})
    if progress.settled.get("precision") == "float64":
        modules.double()
    average = None if recipe.average is None else Average(modules, recipe.average)
    checkpoint.restore_weights(state, modules, average)
    tau = float(temperature.tau.detach())  # the last step's, as `describe` has it
    with average.swapped() if average is not None else nullcontext(), folder_in_one_piece(out) as unfinished:
        write_weights(unfinished, body)
        write_atomically(unfinished / TOKENIZER_FILE, tokenizer.to_json())
        description = Description(
            kind="static" if isinstance(body, StaticBody) else "transformer",
            dimension=body.dimension,
            max_tokens=recipe.max_tokens,
            tau=tau,
            start=recipe.start.as_json(),
            training={
                "recipe": recipe.as_json(),
                "data": data[0] if len(data) == 1 else data,
                "steps": progress.step,
                "seconds": round(progress.elapsed, 1),
                "settled": progress.settled,
            },
            dense_weight=dense_weight_after(recipe),
        )
        write_json(unfinished / DESCRIPTION_FILE, description.as_json())


def _body_like(recipe: Recipe, tokenizer: Tokenizer) -> StaticBody | TransformerBody:
    """A body of the shape that a recipe trains; its weights are to be replaced."""
    if recipe.start.is_static:
        weights_V = np.zeros(tokenizer.vocabulary_size, np.float32)
        return static_body(tokenizer, recipe.start, weights_V, recipe.hidden or 0)
    if recipe.init is None:
        return random_transformer(recipe.start, tokenizer.vocabulary_size, recipe.max_tokens)
    body, _ = checkpoint_body(recipe.start, pruned=tokenizer)
    return body if recipe.lora is None else with_lora(body, recipe.lora, seed=recipe.seed)
