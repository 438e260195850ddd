"""Static models that were trained apart → one model with a head each; see static.py.

Trainings that differ in their seed alone make different mistakes: the mean of their cosines is better than any of
them (Lakshminarayanan et al. 2017, arXiv 1612.01474). A vector gets as many times longer, and its parts stay what
they were: cut to the first head's width, the joined model is the first model.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from adjoin.errors import AdjoinError
from adjoin.files import folder_in_one_piece, write_atomically, write_json
from adjoin.model.description import Description
from adjoin.model.locations import DESCRIPTION_FILE, WEIGHTS_FILE, is_static_model
from adjoin.model.static import OPENINGS, START_WEIGHTS, VECTORS, Layout, StaticTable, Tensors, read_tensors
from adjoin.tokens import FILE as TOKENIZER_FILE


def make_ensemble(models: Sequence[Path], out: Path) -> Description:
    """Write several static models as one.

    Args:
        models: their folders, two at least; packed ones are unpacked.
        out: the joined model's folder, whole or absent.

    Returns:
        What the joined model says of itself: the first one's start, the mean tau, the seconds of all trainings.

    Raises:
        AdjoinError: fewer than two, one is no static model or damaged, or they differ in tokenizer or sizes.
    """
    if len(models) < 2:
        raise AdjoinError("one model alone cannot be joined: give two or more")
    for model in models:
        if not is_static_model(model):
            raise AdjoinError(f"{model} is no static model: only those can be joined")
    descriptions = [Description.read(model) for model in models]
    tables = [read_tensors(model / WEIGHTS_FILE) for model in models]
    tokenizer = (models[0] / TOKENIZER_FILE).read_bytes()
    for model, description, table in zip(models[1:], descriptions[1:], tables[1:], strict=True):
        if (model / TOKENIZER_FILE).read_bytes() != tokenizer:
            raise AdjoinError(f"{model} has another tokenizer than {models[0]}: train both on the same pairs")
        if _sizes(table) != _sizes(tables[0]) or description.max_tokens != descriptions[0].max_tokens:
            raise AdjoinError(f"{model} has other sizes than {models[0]}: train both by the same recipe")
    description = _described(descriptions)
    with folder_in_one_piece(out) as unfinished:
        from safetensors.numpy import save

        write_atomically(unfinished / TOKENIZER_FILE, tokenizer)
        write_atomically(unfinished / WEIGHTS_FILE, save(ensemble_tensors(tables)))
        write_json(unfinished / DESCRIPTION_FILE, description.as_json())
    return description


def ensemble_tensors(tables: Sequence[Tensors]) -> dict[str, Any]:
    """The tensors of static models of equal sizes as those of one, the heads of the first before the others'."""
    whole = [StaticTable(table).tensors() for table in tables]
    shared = {name: tables[0][name] for name in (OPENINGS, START_WEIGHTS) if name in tables[0]}
    heads = {
        name: np.concatenate([table[name] for table in whole], axis=int(name == VECTORS)) for name in whole[0]
    }
    return {**heads, **shared}


def _sizes(table: Tensors) -> Layout:
    """All that must agree; a model that is joined already has more heads than one."""
    layout = Layout.of(table)
    return replace(layout, dimension=layout.width, heads=1)


def _described(descriptions: Sequence[Description]) -> Description:
    first, trainings = descriptions[0], [description.training for description in descriptions]
    seconds = sum(float(training.get("seconds", 0)) for training in trainings)
    return replace(
        first,
        dimension=sum(description.dimension for description in descriptions),
        tau=float(np.mean([description.tau for description in descriptions])),
        training={**first.training, "seconds": round(seconds, 1), "joined": trainings},
        dense_weight=float(np.mean([description.dense_weight for description in descriptions])),
    )
