"""The static table for use: a vector a token, summed, normalised. NumPy alone.

The same recipe with the cheapest encoder: no token sees another, so the state at [EOS] is replaced by a weighted
sum over tokens, about a hundred times faster than a small transformer on a CPU:

    v = sum over distinct tokens t of  vectors[t] * weights[t] * places[place of t],  normalised

Two things that a bag of words usually lacks are worth more than all tuning (docs/LOG.md, 2026-11-21): a token
counts once, however often it is repeated; and what stands first, a function's name above all, has weights of its
own.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.tokens import Ragged

VECTORS, WEIGHTS, PLACES, START_WEIGHTS = "vectors", "weights", "places", "start_weights"  # in model.safetensors
PLACES_WEIGHED = 32  # distinct tokens from there on share the last weight


class StaticTable:
    """Token vectors times trained token weights, ready to be summed.

    Attributes:
        table_VD: weighted vectors, float32.
        places_P: the weight of a sequence's first, second, ... distinct token; the last one of all later ones.
    """

    def __init__(
        self, vectors_VD: NDArray[np.float32], weights_V: NDArray[np.float32], places_P: NDArray[np.float32]
    ) -> None:
        self.table_VD = np.ascontiguousarray(vectors_VD * weights_V[:, None], dtype=np.float32)
        self.places_P = places_P

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[np.float32]]) -> "StaticTable":
        """Take the table out of a model file.

        Raises:
            AdjoinError: a tensor is missing or the shapes do not fit.
        """
        needed = (VECTORS, WEIGHTS, PLACES)
        if missing := [name for name in needed if name not in tensors]:
            raise AdjoinError(
                f"a static model needs the tensors {', '.join(needed)}; missing: {', '.join(missing)}"
            )
        vectors, weights, places = (tensors[name].astype(np.float32) for name in needed)
        if vectors.ndim != 2 or weights.shape != vectors.shape[:1] or places.ndim != 1 or not len(places):
            raise AdjoinError(
                f"the tensors' shapes do not fit together: {VECTORS} {vectors.shape}, {WEIGHTS} {weights.shape},"
                f" {PLACES} {places.shape}; expected (V, D), (V,) and (P,)"
            )
        return cls(vectors, weights, places)

    @property
    def dimension(self) -> int:
        """D."""
        return int(self.table_VD.shape[1])

    @property
    def vocabulary_size(self) -> int:
        """V."""
        return len(self.table_VD)

    def embed(self, tokens: Ragged) -> NDArray[np.float32]:
        """Unit vectors (B, D) of B sequences; a row depends on its own tokens only."""
        if not len(tokens):
            return np.zeros((0, self.dimension), np.float32)
        tokens = tokens.distinct()
        places_N = self.places_P[np.minimum(tokens.places_N, len(self.places_P) - 1)]
        sums_BD = np.empty((len(tokens), self.dimension), np.float32)
        ends_B = np.cumsum(tokens.lengths_B)
        for row, (start, end) in enumerate(zip(tokens.starts_B, ends_B, strict=True)):
            # A product a row: five times as fast as one np.add.reduceat over all.
            np.dot(places_N[start:end], self.table_VD[tokens.ids_N[start:end]], out=sums_BD[row])
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


def inverse_document_frequency(
    documents: int, frequency_V: NDArray[np.int64], occurrences_V: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Start weights (V,): how rare a token is among the sequences, scaled to a mean of 1 over occurrences.

    ln((1 + B) / (1 + df)), the smoothed form of Spärck Jones' 1972 weight.

    Args:
        documents: B, the number of sequences.
        frequency_V: df, in how many of them each token stands.
        occurrences_V: how often each token stands in all of them.
    """
    weights = np.log((1 + documents) / (1 + frequency_V))
    mean = float(weights @ occurrences_V) / max(1, int(occurrences_V.sum()))
    return (weights / max(1e-6, mean)).astype(np.float32)
