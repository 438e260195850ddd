"""StaticTable: a static embedding model in NumPy. One vector per token, a weighted sum, one layer, normalised.

It is the cheapest encoder for the same training. No token's vector depends on another token, so a weighted sum
over tokens takes the place of the state at [EOS]. It is about a hundred times faster than a small transformer on a
CPU.

    s = sum over distinct tokens t of  vectors[t] * weights[role, t] * places[role, position of t]
                                       * exp(before[role, token before t] + after[role, token after t])
    v = u + output @ silu(hidden @ u)  with  u = s scaled to length sqrt(D);  normalised

What a bag of words usually lacks is worth more than all tuning (docs/LOG.md, 2026-11-21 and 2026-11-28):
- A token counts once, at its first position, however often it is repeated.
- Weights depend on the position and on the neighbouring tokens. So a name after `def` or before a parenthesis gets
  its own weight, in any language.
- Queries and documents weight tokens differently. Texts in the symmetric role use the mean of both, without
  position weights.
- The layer on top lets words mean something together that they do not mean alone.

An ensemble (ensemble.py) has one head per member, with its own vectors, weights and layer. The heads' embeddings
are concatenated, so a cosine similarity is the mean of theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.blas import one_thread
from adjoin.errors import AdjoinError
from adjoin.tokens import Ragged
from adjoin.vectors import unit_rows

# Names of the tensors in model.safetensors.
VECTORS, WEIGHTS, POSITIONS, START_WEIGHTS = "vectors", "weights", "places", "start_weights"
SCALES, OPENINGS, BEFORE, AFTER, HIDDEN, OUTPUT = "scales", "openings", "before", "after", "hidden", "output"
NEEDED = (VECTORS, WEIGHTS, POSITIONS)
WEIGHTED_POSITIONS = 32  # distinct tokens from this position on share the last weight
# Texts that go through the layer together, filled up with zeros: a product of other sizes may round differently,
# and a text must not depend on the others. 32 rows take 13% less time a text, but twice as long for one text.
BLOCK_ROWS = 16
LARGE_BLOCK_ROWS = 128  # for many texts, where these give the same bits: a quarter less time
MAX_LOG_SHIFT = 4.0  # bound of what neighbouring tokens add to the logarithm of a token's weight

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Layout:
    """The sizes of a static table's tensors.

    Attributes:
        vocabulary: V, tokens.
        dimension: D, length of an embedding, over all heads.
        heads: K, ensemble members; 1 for a single table.
        roles: R, 2 if queries and documents have token weights of their own, else 1.
        positions: P, positions with a weight of their own.
        hidden: H, width of each head's layer on top; 0 for none.
    """

    vocabulary: int
    dimension: int
    heads: int
    roles: int
    positions: int
    hidden: int

    @property
    def width(self) -> int:
        """W = D / K, the dimension of one head."""
        return self.dimension // self.heads

    def head(self, number: int) -> slice:
        """Return the slice of an embedding that belongs to a head."""
        return slice(number * self.width, (number + 1) * self.width)

    @classmethod
    def of(cls, tensors: Tensors) -> "Layout":
        """Read the sizes from a model file's tensors.

        Raises:
            AdjoinError: a tensor is missing, or the shapes do not fit together.
        """
        if missing := [name for name in NEEDED if name not in tensors]:
            raise AdjoinError(
                f"a static model needs the tensors {', '.join(NEEDED)}; missing: {', '.join(missing)}"
            )
        vectors, positions = tensors[VECTORS], tensors[POSITIONS]
        roles = len(tensors[OPENINGS]) if OPENINGS in tensors else 1
        heads = max(1, len(tensors[WEIGHTS]) // roles) if tensors[WEIGHTS].ndim == 2 else 1
        layout = cls(
            vocabulary=len(vectors),
            dimension=vectors.shape[1] if vectors.ndim == 2 else 0,
            heads=heads,
            roles=roles,
            positions=positions.shape[-1] if positions.ndim else 0,
            hidden=len(tensors[HIDDEN]) // heads if HIDDEN in tensors else 0,
        )
        expected = layout.shapes()
        wrong = [
            f"{name} {tensor.shape}"
            for name, tensor in tensors.items()
            if name in expected and tensor.shape not in expected[name]
        ]
        is_valid = layout.dimension and layout.positions and not layout.dimension % layout.heads
        if wrong or not is_valid or (layout.hidden and OUTPUT not in tensors):
            raise AdjoinError(
                f"the tensors' shapes do not fit together: {VECTORS} {vectors.shape},"
                f" {POSITIONS} {positions.shape}, {', '.join(wrong) or OUTPUT + ' missing'};"
                f" expected (V, D), (KR, P), (KR, V)"
            )
        return layout

    def shapes(self) -> dict[str, list[tuple[int, ...]]]:
        """Return the valid shapes of each tensor; with one head and one role, their axis may be missing."""
        rows = self.heads * self.roles
        sizes = {
            WEIGHTS: self.vocabulary,
            BEFORE: self.vocabulary,
            AFTER: self.vocabulary,
            POSITIONS: self.positions,
        }
        shapes: dict[str, list[tuple[int, ...]]] = {
            name: [(rows, size), *([(size,)] if rows == 1 else [])] for name, size in sizes.items()
        }
        shapes[VECTORS] = [(self.vocabulary, self.dimension)]
        shapes[SCALES] = shapes[START_WEIGHTS] = [(self.vocabulary,)]
        shapes[HIDDEN] = [(self.heads * self.hidden, self.width)]
        shapes[OUTPUT] = [(self.dimension, self.hidden)]
        return shapes


class StaticTable:
    """A static embedding model for inference.

    Attributes:
        layout: sizes of the tensors.
        weights_KRV: token weights by head and role.
        positions_KRP: weight of a sequence's first, second, ... distinct token; the last is for all later ones.
        before_KRV, after_KRV: what the token before, and the token after, adds to the logarithm of a token's
            weight.
        openings: ids of the opening delimiters of queries and documents; empty with one role.
        hidden_KHW, output_KWH: the layers on top; None without.
    """

    def __init__(self, tensors: Tensors) -> None:
        """Wrap the tensors of a model file.

        Raises:
            AdjoinError: a tensor is missing, or the shapes do not fit together.
        """
        self.layout = layout = Layout.of(tensors)
        heads, rows = layout.heads, (layout.heads, layout.roles, layout.vocabulary)
        # In the stored dtype: float32 would take four times the memory, and half a second at the first text.
        self._stored_VD = np.ascontiguousarray(tensors[VECTORS])
        self._scales_V = _float32(tensors[SCALES]) if SCALES in tensors else None
        self.weights_KRV = _float32(tensors[WEIGHTS]).reshape(rows)
        self.positions_KRP = _float32(tensors[POSITIONS]).reshape(heads, layout.roles, -1)
        nothing = np.zeros(rows, np.float32)
        self.before_KRV = _float32(tensors.get(BEFORE, nothing)).reshape(rows)
        self.after_KRV = _float32(tensors.get(AFTER, nothing)).reshape(rows)
        self.openings = [int(token) for token in tensors.get(OPENINGS, ())]
        self.hidden_KHW = _float32(tensors[HIDDEN]).reshape(heads, -1, layout.width) if layout.hidden else None
        self.output_KWH = _float32(tensors[OUTPUT]).reshape(heads, layout.width, -1) if layout.hidden else None

    @property
    def dimension(self) -> int:
        """D, the length of an embedding."""
        return self.layout.dimension

    @property
    def vectors_VD(self) -> NDArray[np.float32]:
        """Token vectors (V, D), float32."""
        vectors_VD = _float32(self._stored_VD)
        return vectors_VD if self._scales_V is None else vectors_VD * self._scales_V[:, None]

    @property
    def vocabulary_size(self) -> int:
        """V, the number of tokens."""
        return self.layout.vocabulary

    def embed(self, tokens: Ragged, *, symmetric: bool = False) -> NDArray[np.float32]:
        """Embed B sequences as unit vectors (B, D), float32. A row depends on its own tokens only.

        Args:
            tokens: sequences with the delimiters of their role.
            symmetric: weight tokens by the mean of all roles, whatever the delimiters and positions.
        """
        if not len(tokens):
            return np.zeros((0, self.dimension), np.float32)
        tokens = tokens.distinct()
        roles_N = None if symmetric else np.repeat(roles_of(tokens, self.openings), tokens.lengths_B)
        with one_thread(), np.errstate(over="ignore", invalid="ignore"):  # of damaged weights: see `check_rows`
            return self._embed(tokens, roles_N)

    def _embed(self, tokens: Ragged, roles_N: NDArray[np.int64] | None) -> NDArray[np.float32]:
        heads = [
            (self.layout.head(head), self._weights(tokens, roles_N, head)) for head in range(self.layout.heads)
        ]
        result_BD = np.empty((len(tokens), self.dimension), np.float32)
        # One matrix product per row is five times as fast as np.add.reduceat over all rows. One buffer for all
        # rows stays in the cache: a new array for each takes twice as long.
        buffer_ND = np.empty((int(tokens.lengths_B.max()), self.dimension), np.float32)
        ends = np.cumsum(tokens.lengths_B).tolist()
        for row, (start, end) in enumerate(zip(tokens.starts_B.tolist(), ends, strict=True)):
            vectors_ND = buffer_ND[: end - start]
            vectors_ND[...] = self._stored_VD.take(tokens.ids_N[start:end], axis=0)
            for part, weights_N in heads:
                np.dot(weights_N[start:end], vectors_ND[:, part], out=result_BD[row, part])
        for number, (part, _) in enumerate(heads):
            result_BD[:, part] = unit_rows(self._through_layer(unit_rows(result_BD[:, part]), number))
        return result_BD if len(heads) == 1 else unit_rows(result_BD)

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """Return the tensors in which heads differ, as a model file has them, in float32."""
        rows = self.layout.heads * self.layout.roles
        tensors = {
            VECTORS: self.vectors_VD,
            WEIGHTS: self.weights_KRV.reshape(rows, -1),
            POSITIONS: self.positions_KRP.reshape(rows, -1),
            BEFORE: self.before_KRV.reshape(rows, -1),
            AFTER: self.after_KRV.reshape(rows, -1),
        }
        if self.hidden_KHW is not None and self.output_KWH is not None:
            tensors[HIDDEN] = self.hidden_KHW.reshape(-1, self.layout.width)
            tensors[OUTPUT] = self.output_KWH.reshape(-1, self.layout.hidden)
        return tensors

    def _weights(self, tokens: Ragged, roles_N: NDArray[np.int64] | None, head: int) -> NDArray[np.float32]:
        """Factors (N,) of the stored vectors of distinct sequences: weight times quantization scale of each token.

        Without roles, weights are means over the roles, and positions have no weight.
        """
        assert tokens.neighbours_2N is not None

        def values_of(table_KRX: NDArray[np.float32], at_N: NDArray[Any]) -> NDArray[np.float32]:
            table_RX = table_KRX[head]
            values_N: NDArray[np.float32]  # the mean of the tokens at hand only, not of the whole table
            values_N = table_RX[:, at_N].mean(axis=0) if roles_N is None else table_RX[roles_N, at_N]
            return values_N

        before_N, after_N = tokens.neighbours_2N
        shift_N = values_of(self.before_KRV, before_N) + values_of(self.after_KRV, after_N)
        weights_N = values_of(self.weights_KRV, tokens.ids_N)
        weights_N *= np.exp(np.clip(shift_N, -MAX_LOG_SHIFT, MAX_LOG_SHIFT))
        if roles_N is not None:
            weights_N *= values_of(self.positions_KRP, np.minimum(tokens.positions_N, self.layout.positions - 1))
        return weights_N if self._scales_V is None else weights_N * self._scales_V[tokens.ids_N]

    def _through_layer(self, unit_BW: NDArray[np.float32], head: int) -> NDArray[np.float32]:
        if self.hidden_KHW is None or self.output_KWH is None:
            return unit_BW
        hidden_HW, output_WH = self.hidden_KHW[head], self.output_KWH[head]
        scaled_BW = unit_BW * np.float32(self.layout.width**0.5)
        rows = BLOCK_ROWS if self._rows_are_alike else 1
        result_BW = np.empty_like(scaled_BW)
        large = LARGE_BLOCK_ROWS * (len(scaled_BW) // LARGE_BLOCK_ROWS)  # texts in whole large blocks
        if large and not (rows == BLOCK_ROWS and self._blocks_are_alike):
            large = 0
        for start in range(0, large, LARGE_BLOCK_ROWS):
            part_BW = scaled_BW[start : start + LARGE_BLOCK_ROWS]
            result_BW[start : start + LARGE_BLOCK_ROWS] = part_BW + _layer(hidden_HW, output_WH, part_BW).T
        block_RW = np.zeros((rows, self.layout.width), np.float32)
        for start in range(large, len(scaled_BW), rows):
            part_BW = scaled_BW[start : start + rows]
            block_RW[: len(part_BW)] = part_BW
            block_RW[len(part_BW) :] = 0
            outer_WR = _layer(hidden_HW, output_WH, block_RW)
            result_BW[start : start + rows] = part_BW + outer_WR.T[: len(part_BW)]
        return result_BW

    @cached_property
    def _rows_are_alike(self) -> bool:
        """Whether equal rows of a block get equal bits from the layer, wherever they stand; measured, 1 ms.

        OpenBLAS' kernel for Haswell and Zen computes the rows of a block of 32 in two ways, those of 16 in one.
        """
        assert self.hidden_KHW is not None
        assert self.output_KWH is not None
        row_W = np.linspace(-1, 1, self.layout.width, dtype=np.float32) ** 3
        outer_WR = _layer(self.hidden_KHW[0], self.output_KWH[0], np.tile(row_W, (BLOCK_ROWS, 1)))
        return bool((outer_WR == outer_WR[:, :1]).all())

    @cached_property
    def _blocks_are_alike(self) -> bool:
        """Whether the layer gives the rows of a large block the bits that it gives those of small ones; 10 ms.

        A product adds in an order that depends on its sizes and not on its numbers, so that numbers of any kind
        show it: 65,000 sums of 1,024 terms that agree in every bit were added in the same order.
        """
        assert self.hidden_KHW is not None
        assert self.output_KWH is not None
        layer = self.hidden_KHW[0], self.output_KWH[0]
        shape = LARGE_BLOCK_ROWS, self.layout.width
        rows_RW = np.sin(np.arange(1, 1 + shape[0] * shape[1], dtype=np.float32).reshape(shape) ** 1.5)
        small = [
            _layer(*layer, rows_RW[start : start + BLOCK_ROWS]) for start in range(0, len(rows_RW), BLOCK_ROWS)
        ]
        return bool((_layer(*layer, rows_RW) == np.concatenate(small, axis=1)).all())


def _layer(
    hidden_HW: NDArray[np.float32], output_WH: NDArray[np.float32], rows_RW: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What a layer adds to rows (W, R)."""
    inner_HR = hidden_HW @ rows_RW.T
    with np.errstate(over="ignore"):  # silu of a very negative number: exp is infinite, the quotient 0
        added_WR: NDArray[np.float32] = output_WH @ (inner_HR / (1 + np.exp(-inner_HR)))
    return added_WR


def _float32(tensor: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(tensor, dtype=np.float32)


def roles_of(tokens: Ragged, openings: list[int]) -> NDArray[np.int64]:
    """Return the role of each sequence (B,): the index in `openings` of its first token, or 0.

    Args:
        tokens: B sequences with their delimiters.
        openings: ids of the opening delimiters, in the order of the roles.
    """
    first_B = tokens.ids_N[tokens.starts_B]
    roles_B = np.zeros(len(tokens), np.int64)
    for role, opening in enumerate(openings):
        roles_B[first_B == opening] = role
    return roles_B


def quantize_table(tensors: Tensors, levels: int = 127) -> dict[str, NDArray[Any]]:
    """Quantize a static table: vectors as int8 with one scale per token, all else as float16.

    Args:
        tensors: tensors of the model.
        levels: number of integer levels on each side of 0, up to 127. The rounding error is at most half a level.

    Returns:
        Tensors of about a quarter of the bytes.
    """
    vectors_VD = StaticTable(tensors).vectors_VD
    scales_V = np.abs(vectors_VD).max(axis=1, initial=0) / levels
    integers_VD = np.rint(vectors_VD / np.maximum(scales_V, 1e-30)[:, None]).astype(np.int8)
    rest = {
        name: tensor.astype(np.float16) if tensor.dtype == np.float32 else tensor
        for name, tensor in tensors.items()
    }
    return {**rest, VECTORS: integers_VD, SCALES: scales_V.astype(np.float32)}


def start_vectors(vocabulary_size: int, dimension: int, seed: int) -> NDArray[np.float32]:
    """Make random token vectors (V, D) of length about 1, float32; the same for the same seed.

    Random vectors of many dimensions are nearly orthogonal, so the untrained table compares bags of tokens.
    """
    scale = 1 / np.sqrt(dimension)
    return np.random.default_rng(seed).standard_normal(
        (vocabulary_size, dimension), dtype=np.float32
    ) * np.float32(scale)


def inverse_document_frequency(documents: int, frequency_V: NDArray[np.int64]) -> NDArray[np.float32]:
    """Compute smoothed inverse document frequencies ln((1 + B) / (1 + df)) (V,), float32 (Spärck Jones 1972).

    They are the initial token weights, scaled to a mean of 1 over all tokens of the sequences.

    Args:
        documents: B, the number of sequences.
        frequency_V: df, the number of sequences that contain each token.
    """
    weights = np.log((1 + documents) / (1 + frequency_V))
    mean = float(weights @ frequency_V) / max(1, int(frequency_V.sum()))
    return (weights / max(1e-6, mean)).astype(np.float32)
