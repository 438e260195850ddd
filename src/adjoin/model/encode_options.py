"""The options of `Encoder.encode` and its kin, checked before any text is read."""

from numbers import Integral
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.texts import described, meant
from adjoin.tokens import ROLES

# Options of other libraries → ours, for messages.
_OF_OTHERS = {
    "batch_size": "batch_tokens",
    "show_progress_bar": "show_progress",
    "dimensions": "truncate_dim",
    "output_dimension": "truncate_dim",
}


class EncodeOptions(TypedDict, total=False):
    """Options of all methods that encode texts.

    Attributes:
        truncate_dim: keep only the first `truncate_dim` dimensions, normalised again; None for all D.
        batch_tokens: maximum number of padded tokens per batch; None for what suits the model. It changes memory,
            not the result.
        show_progress: draw a progress bar on the terminal.
    """

    truncate_dim: int | None
    batch_tokens: int | None
    show_progress: bool


_KNOWN = tuple(EncodeOptions.__annotations__)


def check_role(role: object) -> None:
    """Check the role of texts.

    Raises:
        AdjoinError: it is not "query", "document" or "symmetric".
    """
    if isinstance(role, str) and role in ROLES:
        return
    shown = repr(role[:40]) if isinstance(role, str) else described(role)
    raise AdjoinError(f"unknown role {shown}: expected one of {', '.join(map(repr, ROLES))}{meant(role, ROLES)}")


def check_options(options: EncodeOptions, dimension: int, default: int) -> tuple[int | None, int, bool]:
    """Check options and put the defaults in.

    Args:
        options: what the caller gave by keyword, which may be anything.
        dimension: D of the model.
        default: `batch_tokens` if it is not given.

    Returns:
        `truncate_dim`, `batch_tokens` and `show_progress`.

    Raises:
        AdjoinError: an option is unknown, of another type, or out of its range.
    """
    for name in options:
        if name not in _KNOWN:
            hint = meant(_OF_OTHERS.get(name, name), _KNOWN)
            raise AdjoinError(f"unknown option {name[:40]!r}: expected some of {', '.join(_KNOWN)}{hint}")
    truncate_dim, batch_tokens = options.get("truncate_dim"), options.get("batch_tokens")
    show_progress = options.get("show_progress", False)
    if truncate_dim is not None and not (_is_int(truncate_dim) and 1 <= truncate_dim <= dimension):
        raise AdjoinError(
            f"truncate_dim is {_shown(truncate_dim)}, expected an integer from 1 to {dimension}, which is all that"
            " the model has"
        )
    if batch_tokens is not None and not (_is_int(batch_tokens) and batch_tokens >= 1):
        raise AdjoinError(
            f"batch_tokens is {_shown(batch_tokens)}, expected an integer of 1 or more; leave it out for {default}"
        )
    if not isinstance(show_progress, bool | np.bool_):
        raise AdjoinError(f"show_progress is {_shown(show_progress)}, expected True or False")
    return truncate_dim, default if batch_tokens is None else int(batch_tokens), bool(show_progress)


def as_vectors(vectors: object, name: str) -> NDArray[Any]:
    """Return vectors as an array: one vector (D,) or several (N, D), of the caller's type of numbers.

    Raises:
        AdjoinError: they are something else, such as texts.
    """
    try:
        array = np.asarray(vectors)
        shape = f"{described(vectors)} of shape {array.shape} and type {array.dtype}"
    except (TypeError, ValueError, RuntimeError):  # ragged lists; tensors with a gradient or on a GPU
        array, shape = np.empty(0, object), described(vectors)
    if array.ndim not in (1, 2) or array.dtype.kind not in "fiu":
        raise AdjoinError(f"{name} is {shape}, expected an array of numbers (rows, D), as the encoder gives it")
    return array


def _is_int(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _shown(value: object) -> str:
    """A wrong value in one line; a string with its quotes."""
    return repr(value[:40]) if isinstance(value, str) else described(value)
