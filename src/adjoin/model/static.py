"""The static table for use: a vector a token, summed, normalised. NumPy alone.

The same recipe with the cheapest encoder: no token sees another, so the state at [EOS] is replaced by the sum of
all tokens' vectors. About a hundred times faster than a small transformer on a CPU.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.tokens import Ragged

VECTORS, WEIGHTS, START_WEIGHTS = "vectors", "weights", "start_weights"  # names in model.safetensors


class StaticTable:
    """Token vectors times trained token weights, ready to be summed.

    Attributes:
        table_VD: weighted vectors, float32.
    """

    def __init__(self, vectors_VD: NDArray[np.float32], weights_V: NDArray[np.float32]) -> None:
        self.table_VD = np.ascontiguousarray(vectors_VD * weights_V[:, None], dtype=np.float32)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[np.float32]]) -> "StaticTable":
        """Take the table out of a model file.

        Raises:
            AdjoinError: a tensor is missing or the shapes do not fit.
        """
        if VECTORS not in tensors or WEIGHTS not in tensors:
            raise AdjoinError(
                f"a static model needs the tensors {VECTORS!r} and {WEIGHTS!r}, found {sorted(tensors)}"
            )
        vectors, weights = tensors[VECTORS], tensors[WEIGHTS]
        if vectors.ndim != 2 or weights.shape != vectors.shape[:1]:
            raise AdjoinError(f"vectors of shape {vectors.shape} do not go with weights of shape {weights.shape}")
        return cls(vectors.astype(np.float32), weights.astype(np.float32))

    @property
    def dimension(self) -> int:
        """D."""
        return int(self.table_VD.shape[1])

    def embed(self, tokens: Ragged) -> NDArray[np.float32]:
        """Unit vectors (B, D) of B sequences; a row depends on its own tokens only."""
        if not len(tokens):
            return np.zeros((0, self.dimension), np.float32)
        sums_BD = np.add.reduceat(self.table_VD[tokens.ids_N], tokens.starts_B, axis=0)
        lengths_B1 = np.linalg.norm(sums_BD, axis=1, keepdims=True)
        unit_BD: NDArray[np.float32] = sums_BD / np.maximum(lengths_B1, 1e-12)
        return unit_BD


def start_vectors(vocabulary_size: int, dimension: int, seed: int) -> NDArray[np.float32]:
    """Random token vectors of length about 1 (V, D), where training begins; the same for the same seed.

    Random vectors in many dimensions are nearly orthogonal, so the untrained table compares bags of tokens.
    """
    scale = 1 / np.sqrt(dimension)
    return np.random.default_rng(seed).standard_normal(
        (vocabulary_size, dimension), dtype=np.float32
    ) * np.float32(scale)


def inverse_document_frequency(tokens: Ragged, vocabulary_size: int) -> NDArray[np.float32]:
    """Start weights (V,): how rare a token is among the sequences, scaled to a mean of 1 over occurrences.

    ln((1 + B) / (1 + df)), the smoothed form of Spärck Jones' 1972 weight.
    """
    rows = np.repeat(np.arange(len(tokens)), tokens.lengths_B)
    occurrences = np.unique(rows * vocabulary_size + tokens.ids_N) % vocabulary_size
    frequency = np.bincount(occurrences, minlength=vocabulary_size)
    weights = np.log((1 + len(tokens)) / (1 + frequency))
    return (weights / max(1e-6, float(weights[tokens.ids_N].mean()))).astype(np.float32)
