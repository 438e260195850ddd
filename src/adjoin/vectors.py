"""Operations on arrays of vectors that several packages need."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError


def unit_rows(vectors_ND: NDArray[Any]) -> NDArray[np.float32]:
    """Scale every row to length 1; zero rows stay zero.

    Args:
        vectors_ND: N vectors of D real numbers. They are not changed.

    Returns:
        A new float32 array, shape (N, D).
    """
    unit_ND: NDArray[np.float32] = np.array(vectors_ND, dtype=np.float32)
    lengths_N1 = np.linalg.norm(unit_ND, axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):  # of a row that is not finite, see `check_rows`
        np.divide(unit_ND, lengths_N1, out=unit_ND, where=lengths_N1 > 0)
    return unit_ND


class UnusableVectorError(AdjoinError):
    """A text has a vector that cannot be compared: it is zero, or not finite.

    Attributes:
        row: row of the text among those that were encoded together, from 0.
        kind: "zero" or "not finite".
    """

    def __init__(self, message: str, row: int, kind: str) -> None:
        super().__init__(message)
        self.row, self.kind = row, kind


def check_rows(vectors_ND: NDArray[np.float32], texts: Sequence[str], model: object, first: int = 0) -> None:
    """Check that every text has a vector of finite numbers that is not zero.

    Args:
        vectors_ND: N vectors.
        texts: the N texts.
        model: what made the vectors, for the message.
        first: number of the first text, from 0, for the message.

    Raises:
        UnusableVectorError: naming the first text without such a vector.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        squares_N = np.einsum("nd,nd->n", vectors_ND, vectors_ND)
    wrong_N = ~((squares_N > 0) & (squares_N < np.inf))
    if wrong_N.any():
        row = int(np.argmax(wrong_N))
        kind = "zero" if squares_N[row] == 0 else "not finite"
        raise UnusableVectorError(
            f"texts[{first + row}] ({str(texts[row])[:60]!r}) gets a vector that is {kind}: the weights of {model}"
            " are damaged, or it never learned such a text; use another model",
            first + row,
            kind,
        )
