"""The weights file of a static model: its tensors, checked by name, type, shape and value."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.model.mapped import map_tensors
from adjoin.model.static import (
    AFTER,
    BEFORE,
    HIDDEN,
    NEEDED,
    OPENINGS,
    OUTPUT,
    POSITIONS,
    SCALES,
    START_WEIGHTS,
    VECTORS,
    WEIGHTS,
    Layout,
)

_FLOATS = (WEIGHTS, POSITIONS, BEFORE, AFTER, SCALES, START_WEIGHTS, HIDDEN, OUTPUT)
_NAMES = (VECTORS, OPENINGS, *_FLOATS)
_FLOAT_TYPES = ("float16", "float32", "float64")
_ROLES = 2  # queries and documents
_REMEDY = "copy the model again"


def map_table(path: Path) -> dict[str, NDArray[Any]]:
    """Map the tensors of a static model's weights, see `map_tensors`. The token vectors are not looked through.

    Raises:
        AdjoinError: the file is missing or damaged, or its tensors are no static model's. The message names the
            file and the tensor.
    """
    tensors = map_tensors(path)
    check_table(path, tensors)
    return tensors


def read_table(path: Path) -> dict[str, NDArray[Any]]:
    """Read the tensors of a static model's weights, and look through all numbers; errors as for `map_table`."""
    tensors = {name: np.array(tensor) for name, tensor in map_table(path).items()}
    if wrong := _wrong_numbers(VECTORS, tensors[VECTORS]):
        raise AdjoinError(f"the weights {path} are damaged: {wrong}; {_REMEDY}")
    return tensors


def check_table(path: Path, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Check that tensors are those of a static model. Of the token vectors only type and shape are checked.

    Args:
        path: the file that they are from, for messages.
        tensors: its tensors.

    Raises:
        AdjoinError: naming the file and the tensor.
    """
    if wrong := _wrong_tensors(tensors):
        raise AdjoinError(f"the weights {path} are not a static model's: {wrong}; {_REMEDY}")
    try:
        Layout.of(tensors)
    except AdjoinError as error:
        raise AdjoinError(f"the weights {path} are damaged: {error}; {_REMEDY}") from None
    for name in _FLOATS:
        if name in tensors and (wrong := _wrong_numbers(name, tensors[name])):
            raise AdjoinError(f"the weights {path} are damaged: {wrong}; {_REMEDY}")


def _wrong_tensors(tensors: Mapping[str, NDArray[Any]]) -> str:
    """What is wrong with names and types; empty if nothing is."""
    if missing := [name for name in NEEDED if name not in tensors]:
        return f"{', '.join(missing)} missing"
    if unknown := sorted(tensors.keys() - set(_NAMES)):
        return f"unknown tensor {unknown[0]!r:.100}, expected {', '.join(_NAMES)}"
    types = {name: str(tensor.dtype) for name, tensor in tensors.items()}
    for name in _FLOATS:
        if types.get(name, "float32") not in _FLOAT_TYPES:
            return f"{name} are {types[name]}, expected {', '.join(_FLOAT_TYPES)}"
    is_quantized = SCALES in tensors
    expected = ("int8",) if is_quantized else _FLOAT_TYPES
    if types[VECTORS] not in expected:
        kind = "with scales, " if is_quantized else "without scales, "
        return f"{VECTORS} are {types[VECTORS]} {kind}expected {', '.join(expected)}"
    if (HIDDEN in tensors) != (OUTPUT in tensors):
        return f"one of {HIDDEN} and {OUTPUT} is missing"
    for name in (VECTORS, HIDDEN, OUTPUT):
        if name in tensors and (tensors[name].ndim != 2 or 0 in tensors[name].shape):
            return f"{name} have the shape {tensors[name].shape}, expected two sizes of 1 or more"
    return _wrong_roles(tensors)


def _wrong_roles(tensors: Mapping[str, NDArray[Any]]) -> str:
    """What is wrong with the ids of the opening delimiters; empty if nothing is.

    A table without them has one role and one head, as one of the first version: more rows would be taken for the
    heads of an ensemble.
    """
    openings, weights = tensors.get(OPENINGS), tensors[WEIGHTS]
    if weights.ndim not in (1, 2) or 0 in weights.shape:
        return f"{WEIGHTS} have the shape {weights.shape}, expected (KR, V)"
    rows = len(weights) if weights.ndim == 2 else 1
    if openings is None:
        return f"{OPENINGS} missing beside {rows} rows of {WEIGHTS}" if rows > 1 else ""
    if openings.dtype.kind not in "iu" or openings.shape != (_ROLES,):
        return f"{OPENINGS} are {openings.dtype} of shape {openings.shape}, expected the integers of two tokens"
    vocabulary = weights.shape[-1]
    if len(set(openings.tolist())) != _ROLES or not all(0 <= token < vocabulary for token in openings.tolist()):
        return f"{OPENINGS} are {openings.tolist()}, expected two tokens below {vocabulary:,}"
    return f"{WEIGHTS} have {rows} rows, expected two for each head" if rows % _ROLES else ""


def _wrong_numbers(name: str, tensor: NDArray[Any]) -> str:
    """What is wrong with the numbers of a tensor: where one is not finite, or that all are zero."""
    if tensor.dtype.kind == "f":
        with np.errstate(over="ignore"):  # a float64 that float32 cannot hold counts too
            finite = np.isfinite(tensor if tensor.itemsize <= 4 else tensor.astype(np.float32))
        if not finite.all():
            place = np.argwhere(~finite)[0].tolist()
            return f"{name} have {(~finite).sum():,} numbers that are not finite, the first at {place}"
    if name in (VECTORS, WEIGHTS, POSITIONS, SCALES) and tensor.size and not tensor.any():
        return f"{name} are all zero, which gives vectors of zeros"
    return ""
