"""Write a contrastive training as a model folder: at its end, during the training, or from a checkpoint."""

import copy
import os
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from torch import nn

from adjoin.errors import AdjoinError
from adjoin.files import flush_to_disk, folder_in_one_piece, write_atomically, write_json
from adjoin.model.adapters import has_adapters, merged
from adjoin.model.bodies import AnyBody, StaticBody, drop_graphs
from adjoin.model.build import build_body
from adjoin.model.description import Description, TrainingRecord
from adjoin.model.description import describe as describe_model
from adjoin.model.locations import DESCRIPTION_FILE, WEIGHTS_FILE
from adjoin.model.pretrained import library_quiet
from adjoin.objective.contrastive import Temperature
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import Tokenizer
from adjoin.training import checkpoint, shards
from adjoin.training.average import Average
from adjoin.training.prepare import ContrastiveTraining, dense_weight_after
from adjoin.training.recipe import Recipe, with_current_names
from adjoin.unfinished import new_folder

_FACTS = ("pairs", "ranks", "texts", "texts_truncated", "labelled", "batches_without_negatives")


def write_weights(out: Path, body: AnyBody, weights: dict[str, Any] | None = None) -> None:
    """Write the files of a trained body into a model's folder, each atomically and in float32.

    Args:
        out: the folder.
        body: adapters are merged into it, so that it cannot be trained any further.
        weights: the full weights, if the body holds only a part of them.
    """
    if isinstance(body, StaticBody):
        from safetensors.torch import save as to_bytes

        tensors = {name: t.float() if t.is_floating_point() else t for name, t in body.tensors().items()}
        write_atomically(out / WEIGHTS_FILE, to_bytes(tensors))
    else:
        model = merged(body) if has_adapters(body) else body.model
        write_model(out, model if weights is not None else model.float(), weights)


def write_model(out: Path, model: Any, weights: dict[str, Any] | None = None) -> None:  # noqa: ANN401
    """Write the files of a transformers model into a folder, each atomically.

    Args:
        out: the folder.
        model: a transformers model.
        weights: the full weights, if the model holds only a part of them.
    """
    descriptor, unfinished = new_folder(out / WEIGHTS_FILE)
    try:
        with library_quiet(), checkpoint.full_disk_is_os_error(out):
            model.save_pretrained(unfinished, **({} if weights is None else {"state_dict": weights}))
        for path in sorted(unfinished.iterdir()):
            flush_to_disk(path)
            path.chmod(0o644)  # the library makes weights private
            path.replace(out / path.name)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        os.close(descriptor)


def describe(training: ContrastiveTraining) -> Description:
    """Return the content of adjoin.json for the present state of a training."""
    run = training.run
    return _description(run.recipe, run.progress, training.body, training.temperature, training.dense_weight)


def _description(
    recipe: Recipe,
    progress: checkpoint.TrainingProgress,
    body: AnyBody,
    temperature: Temperature,
    dense_weight: float,
) -> Description:
    facts = progress.facts  # empty in a checkpoint of version 0.1.0
    batch = {"batch": facts["batch"]} if "batch" in facts else {}
    record = TrainingRecord(
        recipe={**recipe.as_json(), **batch},
        data=progress.identity["data"],
        steps=progress.step,
        seconds=progress.elapsed,
        execution=progress.execution,
        **{name: facts.get(name) for name in _FACTS},
    )
    return describe_model(
        recipe.start,
        record,
        dimension=body.dimension,
        max_tokens=recipe.max_tokens,
        tau=float(temperature.tau.detach()),
        dense_weight=dense_weight,
    )


def write_snapshot(folder: Path, training: ContrastiveTraining) -> None:
    """Write the model that a training would give if it ended now. All ranks take part; the training is unchanged.

    Args:
        folder: folder of the model, written atomically.
        training: a training between two steps. On one rank, its body is copied once on its device.
    """
    run, body, description = training.run, training.body, describe(training)
    with run.average.swapped() if run.average is not None else nullcontext():
        weights = shards.whole_weights(body) if run.recipe.shard else None  # type: ignore[arg-type]

        def write() -> None:
            # A copy, since adapters are merged and float64 is cast in place.
            drop_graphs(body)
            alone = body if isinstance(body, StaticBody) or weights is not None else copy.deepcopy(body)
            with folder_in_one_piece(folder) as unfinished:
                write_weights(unfinished, alone, weights)
                tokenizer = (run.folder.parent / TOKENIZER_FILE).read_bytes()
                write_atomically(unfinished / TOKENIZER_FILE, tokenizer)
                write_json(unfinished / DESCRIPTION_FILE, description.as_json())

        run.ranks.on_main_rank(write)


def write_model_of(state: Path, out: Path) -> None:
    """Write the model of a checkpoint of a contrastive training, to evaluate or use it.

    Args:
        state: the checkpoint, below its model's folder, where the tokenizer is.
        out: the model's folder, written atomically.

    Raises:
        AdjoinError: the checkpoint is damaged, of a generative training, or sharded over several ranks.
    """
    progress = checkpoint.read_progress(state, {})
    try:
        recipe = Recipe(**with_current_names(progress.identity["recipe"]))
        progress.identity["data"]
    except (KeyError, TypeError) as error:
        raise AdjoinError(f"the checkpoint {state} does not say what it is of: {error}") from None
    if recipe.shard:
        raise AdjoinError(f"the weights of {state} are sharded over several ranks: continue its training instead")
    tokenizer = Tokenizer.load(state.parent.parent / TOKENIZER_FILE)
    body = build_body(
        recipe.start, tokenizer, max_tokens=recipe.max_tokens, hidden=recipe.hidden or 0, lora=recipe.lora
    )
    temperature = Temperature()
    modules = nn.ModuleDict({"body": body, "temperature": temperature})
    if progress.execution.get("precision") == "float64":
        modules.double()
    average = None if recipe.average is None else Average(modules, recipe.average)
    checkpoint.restore_weights(state, modules, average)
    # Before the average is swapped in: tau is that of the last step, as in `describe`.
    description = _description(recipe, progress, body, temperature, dense_weight_after(recipe))
    with average.swapped() if average is not None else nullcontext(), folder_in_one_piece(out) as unfinished:
        write_weights(unfinished, body)
        write_atomically(unfinished / TOKENIZER_FILE, tokenizer.to_json())
        write_json(unfinished / DESCRIPTION_FILE, description.as_json())
