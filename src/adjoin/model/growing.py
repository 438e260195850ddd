"""Growing: initialises a causal transformer so that it computes a trained static table.

From random weights, a transformer needs more pairs than two CPU cores process in a day. This one is a stock Llama,
and its embedding is the state at the closing delimiter, as usual. Its initial weights are set so that this state
is what static.py computes; all other weights have no effect yet:

    layer 1   one head attends to the previous token: its effect on the weight; is this the first token?
    layer 2   one head detects a repeated token; another, the position in the sequence
    layer 3   all heads: the closing delimiter sums the tokens' vectors by their weights
    others    output projections of zero

A hidden state of width W has three parts. W - 46 numbers are the token vectors, on their principal axes and
truncated. 32 are a random sign pattern that identifies the token. 14 hold the terms of a token's weight. Softmax
attention takes the logarithm of a weight and divides by the sum of weights, which the final norm undoes.

Two things of the table are left out: its layer on top, and the effect of the next token on a weight, which a
causal model cannot see. Positions count all tokens, not distinct ones. The heads of an ensemble become one.

How attention heads find the previous token and repeated tokens: Elhage et al. 2021, "A Mathematical Framework for
Transformer Circuits".
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError, first_line
from adjoin.files import folder_in_one_piece, write_atomically, write_json
from adjoin.model.description import Description
from adjoin.model.locations import (
    DESCRIPTION_FILE,
    MODEL,
    WEIGHTS_FILE,
    is_static_model,
    portable_name,
    unchanged,
)
from adjoin.model.presets import Preset, transformer_config
from adjoin.model.pretrained import library_quiet
from adjoin.model.start import Start
from adjoin.model.static import MAX_LOG_SHIFT, StaticTable
from adjoin.model.table_file import read_table
from adjoin.outputs import replaced_folder
from adjoin.tokens import DELIMITERS, Tokenizer
from adjoin.tokens import FILE as TOKENIZER_FILE

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float32]

MIN_LAYERS = 3
HEAD = 64  # width of an attention head; rotary embeddings pair number i with i + 32
_PATTERN = 32  # signs
_CHANNELS = (
    "one", "opens", "ends query", "ends document", "weight query", "weight document", "shift query",
    "shift document",  # of a token's row; the layers write the others
    "opens before", "is first", "is new", "is early", "shifted query", "shifted document",
)  # fmt: skip
_OVERHEAD = _PATTERN + len(_CHANNELS)
MIN_DIMENSION = 128

_THETA = 1e6  # rotary base: half of a head's pairs turn by less than half a radian over 500 tokens
_TURNING = range(6)  # fast pairs resolve a distance of one token; slow pairs hold what is independent of distance
_STEP = 7.5  # sharpness of attention to the previous token: all others together get a hundredth
_LIKE = 13.0  # logarithm of the attention to an equal token, relative to another
_POSITION = 10.0  # position weights are fitted as a line over 10 / (10 + position)
_REPEATED = 25.0  # factor of "is new" in the log weight: a token's second occurrence weighs a sixtieth
_OPENING = 3.0  # value of the channel "opens" at an opening delimiter
_HALF = 0.5  # logarithms are halved, to leave room for the vectors in the norm
_MIN_LOG, _MAX_LOG = -8.0, 4.0  # bounds of a log weight


@dataclass(frozen=True, slots=True)
class GrowthReport:
    """Sizes of a grown transformer.

    Attributes:
        parameters: number of parameters.
        dimension: D, width of the hidden state and length of an embedding.
        kept: share of the variance of the table's vectors on the principal axes that were kept.
    """

    parameters: int
    dimension: int
    kept: float


def grow(model: Path, out: Path, *, layers: int = 4, dimension: int = 256, seed: int = 0) -> GrowthReport:
    """Write a transformer that is initialised from a static model; train it with `adjoin train --init OUT`.

    Args:
        model: folder of the static model.
        out: folder of the transformer, written atomically. transformers opens it too.
        layers: number of transformer blocks, 3 or more.
        dimension: width of the hidden state and length of an embedding, a multiple of 64, 128 or more.
        seed: seed of the sign patterns and of the weights without effect.

    Returns:
        Sizes of the transformer, and the share of the table's variance that was kept.

    Raises:
        AdjoinError: the model is not static or has no roles, or a size is out of its range.
    """
    if not is_static_model(model):
        raise AdjoinError(f"{model} is not a static model: only those can be grown into a transformer")
    if layers < MIN_LAYERS:
        raise AdjoinError(f"layers is {layers}: expected {MIN_LAYERS} or more, which compute the table")
    if dimension % HEAD or dimension < MIN_DIMENSION:
        raise AdjoinError(f"dimension is {dimension}: expected a multiple of {HEAD}, {MIN_DIMENSION} or more")
    with (
        replaced_folder(out, MODEL, inputs=[model]) as place,
        folder_in_one_piece(place) as folder,
        unchanged(model),
    ):
        return _grow(model, folder, Start(None, portable_name(place)), layers, dimension, seed)


def _grow(model: Path, folder: Path, start: Start, layers: int, dimension: int, seed: int) -> GrowthReport:
    description, tokenizer = Description.read(model), Tokenizer.load(model / TOKENIZER_FILE)
    table = StaticTable(read_table(model / WEIGHTS_FILE))
    if len(table.openings) != len(DELIMITERS):
        raise AdjoinError(f"{model} has one set of token weights for both roles: train a model with two")
    from safetensors import SafetensorError

    body, kept = transformer_of(table, tokenizer, layers, dimension, description.max_tokens, seed)
    parameters = sum(weight.numel() for weight in body.parameters())
    with library_quiet():
        try:
            body.save_pretrained(folder)
        except SafetensorError as error:  # its own error, also for a full disk
            raise OSError(f"{folder} could not be written: {first_line(error)}") from None
    write_atomically(folder / TOKENIZER_FILE, tokenizer.to_json())
    grown = Description(
        "transformer",
        dimension,
        description.max_tokens,
        description.tau,
        start=start.as_json(),
        dense_weight=description.dense_weight,
    )
    write_json(folder / DESCRIPTION_FILE, grown.as_json())
    return GrowthReport(parameters, dimension, kept)


def transformer_of(
    table: StaticTable, tokenizer: Tokenizer, layers: int, dimension: int, max_tokens: int, seed: int
) -> tuple[Any, float]:
    """Build a transformers model whose state at the closing delimiter is the table's weighted sum.

    Args:
        table: the static table, with roles.
        tokenizer: tokenizer of the table.
        layers: number of transformer blocks.
        dimension: width of the hidden state.
        max_tokens: maximum sequence length.
        seed: seed of the sign patterns and of the weights without effect.

    Returns:
        The model, and the share `GrowthReport.kept`.
    """
    import torch
    from transformers import AutoModel

    preset = Preset(layers, dimension, dimension // HEAD, tokenizer.vocabulary_size)
    config = transformer_config(preset, tokenizer.vocabulary_size, max_tokens)
    config.rope_parameters = {"rope_type": "default", "rope_theta": _THETA}
    rows_VW, kept = _rows(table, tokenizer, dimension, seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        body = AutoModel.from_config(config).float()
    with torch.no_grad():
        body.embed_tokens.weight.copy_(torch.from_numpy(rows_VW))
        for layer in body.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        body.norm.weight[dimension - _OVERHEAD :] = 0  # the embedding consists of the table's vectors only
        writer = _BlockWriter(dimension)
        writer.attend_to_previous(body.layers[0])
        writer.detect_repetition(body.layers[1])
        writer.sum_up(body.layers[2], table)
    return body, kept


def _rows(table: StaticTable, tokenizer: Tokenizer, dimension: int, seed: int) -> tuple[Floats, float]:
    """The transformer's token embeddings (V, W), each of mean square 1, as after a norm."""
    width, channel = dimension - _OVERHEAD, _channels(dimension)
    # One weight per token and role, the geometric mean over heads; their differences go into the vectors.
    log_KRV = np.log(np.maximum(np.abs(table.weights_KRV), 1e-6))
    log_RV = log_KRV.mean(axis=0)
    signed_KV = np.sign(table.weights_KRV.mean(axis=1)) * np.exp((log_KRV - log_RV).mean(axis=1))
    by_head = np.split(table.vectors_VD, table.layout.heads, axis=1)
    parts = [head_VW * sign_V[:, None] for head_VW, sign_V in zip(by_head, signed_KV, strict=True)]
    vectors_VD = np.concatenate(parts, axis=1)
    vectors_VC, kept = _principal(vectors_VD, np.exp(log_RV.mean(axis=0)), width)
    lengths_V = np.maximum(np.linalg.norm(vectors_VC, axis=1), 1e-9)
    log_RV = log_RV + np.log(lengths_V)
    log_RV = np.clip(log_RV - np.quantile(log_RV, 0.99), _MIN_LOG, _MAX_LOG)
    shift_RV = np.clip(table.before_KRV, -MAX_LOG_SHIFT, MAX_LOG_SHIFT).mean(axis=0)

    rows_VW = np.zeros((len(vectors_VC), dimension), np.float32)
    signs = np.random.default_rng(seed).integers(2, size=(len(rows_VW), _PATTERN)) * 2 - 1
    rows_VW[:, width : width + _PATTERN] = signs
    rows_VW[:, channel["one"]] = 1
    for number, role in enumerate(DELIMITERS):
        rows_VW[:, channel[f"weight {role}"]] = _HALF * log_RV[number]
        rows_VW[:, channel[f"shift {role}"]] = _HALF * shift_RV[number]
    for opening in table.openings:
        rows_VW[opening, width : width + _PATTERN] = 0
        rows_VW[opening, channel["opens"]] = _OPENING
    for role in DELIMITERS:  # a vector with less room gets more weight
        rows_VW[:, channel[f"weight {role}"]] -= _HALF * np.log(_room(rows_VW) / dimension**0.5)
    rows_VW[:, : vectors_VC.shape[1]] = vectors_VC * (_room(rows_VW) / lengths_V)[:, None]
    for role, (_, closing) in DELIMITERS.items():
        token = tokenizer.backend.token_to_id(closing)
        rows_VW[token] = 0
        rows_VW[token, channel[f"ends {role}"]] = dimension**0.5
    return rows_VW, kept


def _room(rows_VW: Floats) -> Floats:
    """The length (V,) of each row's vector that makes the mean square of the row 1."""
    room_V: Floats = np.sqrt(np.maximum(rows_VW.shape[1] - (rows_VW**2).sum(axis=1), 1))
    return room_V


def _principal(vectors_VD: Floats, weights_V: Floats, width: int) -> tuple[Floats, float]:
    """The vectors on their first principal axes (V, C), weighted, and the share of variance there."""
    weighted_VD = (vectors_VD * weights_V[:, None]).astype(np.float64)
    variances_D, axes_DD = np.linalg.eigh(weighted_VD.T @ weighted_VD)
    strongest = np.argsort(variances_D)[::-1][:width]
    kept = float(variances_D[strongest].sum() / max(variances_D.sum(), 1e-300))
    return (vectors_VD @ axes_DD[:, strongest]).astype(np.float32), kept


def _channels(dimension: int) -> dict[str, int]:
    return {name: dimension - len(_CHANNELS) + index for index, name in enumerate(_CHANNELS)}


class _BlockWriter:
    """Sets the weights of Llama blocks. Pair i of a head is its numbers i and i + 32, rotated together."""

    def __init__(self, dimension: int) -> None:
        self.width = dimension - _OVERHEAD
        self.dimension = dimension
        self.channel = _channels(dimension)
        self.scale = HEAD**0.25  # of queries and keys: attention divides their product by sqrt(64)

    def attend_to_previous(self, block: Any) -> None:  # noqa: ANN401 - a transformers module
        """Layer 1: read what the previous token adds to the log weight. The first token attends to itself."""
        queries, keys, values, outputs = _zeroed_head(block, 0)
        for pair in _TURNING:
            angle = _THETA ** (-pair / (HEAD // 2))
            queries[pair, self.channel["one"]] = _STEP
            keys[pair, self.channel["one"]] = _STEP * np.cos(angle)
            keys[pair + HEAD // 2, self.channel["one"]] = _STEP * np.sin(angle)
        seen = [("opens", "opens before", 1 / _OPENING)]
        seen += [(f"shift {role}", f"shifted {role}", 1.0) for role in DELIMITERS]
        for index, (source, target, factor) in enumerate(seen):
            values[index, self.channel[source]] = 1
            outputs[self.channel[target], index] = factor
        # A text may contain a delimiter: the first token is the one that is a delimiter and attends to one.
        gates, ups, downs = block.mlp.gate_proj.weight, block.mlp.up_proj.weight, block.mlp.down_proj.weight
        gates[0], ups[0] = 0, 0
        gates[0, self.channel["opens"]] = 20 / _OPENING
        gates[0, self.channel["opens before"]] = 20
        gates[0, self.channel["one"]] = -30
        ups[0, self.channel["one"]] = 1
        downs[self.channel["is first"], 0] = 0.1

    def detect_repetition(self, block: Any) -> None:  # noqa: ANN401
        """Layer 2: a token's n-th occurrence gives the first token 1 / (n + 1) of its attention."""
        queries, keys, values, outputs = _zeroed_head(block, 0)
        slow = HEAD // 4
        size = self.scale * (_LIKE / _PATTERN) ** 0.5
        for sign in range(_PATTERN):
            number = slow + sign if sign < slow else HEAD // 2 + sign  # both halves of the slow pairs
            queries[number, self.width + sign] = keys[number, self.width + sign] = size
        queries[slow - 1, self.channel["one"]] = self.scale
        keys[slow - 1, self.channel["is first"]] = self.scale * _LIKE
        values[0, self.channel["is first"]] = 1
        outputs[self.channel["is new"], 0] = 1

        queries, keys, values, outputs = _zeroed_head(block, 1)
        queries[HEAD // 2 - 1, self.channel["one"]] = self.scale
        keys[HEAD // 2 - 1, self.channel["is first"]] = self.scale * np.log(_POSITION)
        values[0, self.channel["is first"]] = 1
        outputs[self.channel["is early"], 0] = 1

    def sum_up(self, block: Any, table: StaticTable) -> None:  # noqa: ANN401
        """Layer 3: the closing delimiter attends by weight and sums the tokens' vectors, one part per head."""
        log_positions_RP = np.log(np.maximum(table.positions_KRP, 1e-6)).mean(axis=0)
        near_P = _POSITION / (_POSITION + np.arange(log_positions_RP.shape[1]))
        slopes = {
            role: float(np.polyfit(near_P, log_P, 1)[0])
            for role, log_P in zip(DELIMITERS, log_positions_RP, strict=True)
        }
        # The terms of a log weight: channels of a token, and the factor of each role.
        parts: list[tuple[tuple[str, ...], dict[str, float]]] = [
            *(((f"weight {role}", f"shifted {role}"), {role: 1 / _HALF}) for role in DELIMITERS),
            (("is new",), dict.fromkeys(DELIMITERS, _REPEATED)),
            (("is early",), slopes),
            (("opens",), dict.fromkeys(DELIMITERS, -_REPEATED / _OPENING)),  # else the first token would win
        ]
        unit = self.scale**2 / self.dimension**0.5  # of a closing delimiter's query
        for head in range(self.dimension // HEAD):
            queries, keys, values, outputs = _zeroed_head(block, head)
            for pair, (names, factors) in zip(range(HEAD // 2 - 1, 0, -1), parts, strict=False):  # the slowest
                for name in names:
                    keys[pair, self.channel[name]] = 1
                for role, factor in factors.items():
                    queries[pair, self.channel[f"ends {role}"]] = factor * unit
            for number in range(max(0, min(HEAD, self.width - head * HEAD))):
                values[number, head * HEAD + number] = 1
                outputs[head * HEAD + number, number] = 1


def _zeroed_head(block: Any, head: int) -> "tuple[Tensor, Tensor, Tensor, Tensor]":  # noqa: ANN401
    """Set one head's query, key and value weights (64, W) and output weights (W, 64) to zero; return views."""
    attention, rows = block.self_attn, slice(head * HEAD, (head + 1) * HEAD)
    views = (
        attention.q_proj.weight[rows],
        attention.k_proj.weight[rows],
        attention.v_proj.weight[rows],
        attention.o_proj.weight[:, rows],
    )
    for weights in views:
        weights.zero_()
    return views
