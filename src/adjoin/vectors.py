"""Operations on arrays of vectors that several packages need."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def unit_rows(vectors_ND: NDArray[Any]) -> NDArray[np.float32]:
    """Scale every row to length 1; zero rows stay zero.

    Args:
        vectors_ND: N vectors of D real numbers. They are not changed.

    Returns:
        A new float32 array, shape (N, D).
    """
    unit_ND: NDArray[np.float32] = np.array(vectors_ND, dtype=np.float32)
    lengths_N1 = np.linalg.norm(unit_ND, axis=1, keepdims=True)
    np.divide(unit_ND, lengths_N1, out=unit_ND, where=lengths_N1 > 0)
    return unit_ND
