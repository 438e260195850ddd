"""Ensembles of static models: several trained tables as one model with one head per member, see static.py.

Trainings that differ only in their seed make different errors, so the mean of their cosine similarities is better
than each (Lakshminarayanan et al. 2017, arXiv 1612.01474). The embeddings of the members are concatenated: an
ensemble truncated to the first member's dimension is the first member.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from adjoin.errors import AdjoinError
from adjoin.files import folder_in_one_piece, write_atomically, write_json
from adjoin.model.description import Description
from adjoin.model.locations import DESCRIPTION_FILE, MODEL, WEIGHTS_FILE, is_static_model, unchanged
from adjoin.model.static import OPENINGS, START_WEIGHTS, VECTORS, Layout, StaticTable, Tensors
from adjoin.model.table_file import read_table
from adjoin.outputs import replaced_folder
from adjoin.tokens import FILE as TOKENIZER_FILE


def make_ensemble(models: Sequence[Path], out: Path) -> Description:
    """Write several static models as one model, an ensemble.

    Args:
        models: folders of two or more static models of the same tokenizer and sizes. Quantized models are
            dequantized; ensembles may be members.
        out: folder of the ensemble, written atomically.

    Returns:
        The ensemble's description: the first member's start, the mean tau and dense weight, the seconds of all
        trainings.

    Raises:
        AdjoinError: there are fewer than two models, one is not a static model or is damaged, or they differ in
            tokenizer or sizes.
    """
    if len(models) < 2:
        raise AdjoinError("an ensemble needs two or more models: give more than one")
    for model in models:
        if not is_static_model(model):
            raise AdjoinError(f"{model} is not a static model: an ensemble consists of static models")
    with (
        replaced_folder(out, MODEL, inputs=models) as place,
        folder_in_one_piece(place) as folder,
        ExitStack() as reading,
    ):
        for model in models:
            reading.enter_context(unchanged(model))
        return _make_ensemble(models, folder)


def _make_ensemble(models: Sequence[Path], folder: Path) -> Description:
    from safetensors.numpy import save

    descriptions = [Description.read(model) for model in models]
    tables = [read_table(model / WEIGHTS_FILE) for model in models]
    tokenizer = (models[0] / TOKENIZER_FILE).read_bytes()
    for model, description, table in zip(models[1:], descriptions[1:], tables[1:], strict=True):
        if (model / TOKENIZER_FILE).read_bytes() != tokenizer:
            raise AdjoinError(f"{model} has another tokenizer than {models[0]}: train both on the same pairs")
        if _sizes(table) != _sizes(tables[0]) or description.max_tokens != descriptions[0].max_tokens:
            raise AdjoinError(f"{model} has other sizes than {models[0]}: train both with the same recipe")
    description = _describe_ensemble(descriptions)
    write_atomically(folder / TOKENIZER_FILE, tokenizer)
    write_atomically(folder / WEIGHTS_FILE, save(ensemble_tensors(tables)))
    write_json(folder / DESCRIPTION_FILE, description.as_json())
    return description


def ensemble_tensors(tables: Sequence[Tensors]) -> dict[str, Any]:
    """Concatenate the tensors of static models of equal sizes, head by head, in order."""
    members = [StaticTable(table).tensors() for table in tables]
    shared = {name: tables[0][name] for name in (OPENINGS, START_WEIGHTS) if name in tables[0]}
    heads = {
        name: np.concatenate([member[name] for member in members], axis=int(name == VECTORS))
        for name in members[0]
    }
    return {**heads, **shared}


def _sizes(table: Tensors) -> Layout:
    """The sizes that all members must share; the number of heads may differ."""
    layout = Layout.of(table)
    return replace(layout, dimension=layout.width, heads=1)


def _describe_ensemble(descriptions: Sequence[Description]) -> Description:
    first, trainings = descriptions[0], [description.training for description in descriptions]
    times = [training.get("seconds", 0) for training in trainings]
    seconds = sum(float(time) for time in times if isinstance(time, int | float))
    return replace(
        first,
        dimension=sum(description.dimension for description in descriptions),
        tau=float(np.mean([description.tau for description in descriptions])),
        training={**first.training, "seconds": round(seconds, 1), "joined": trainings},
        dense_weight=float(np.mean([description.dense_weight for description in descriptions])),
    )
