"""A static table → a causal transformer that begins as that table, so that two cores can train one from there.

From random weights a transformer needs more pairs than a processor gets through in a day. This one is a stock
Llama, read at the closing delimiter as any other; but its first weights are set by hand, so that before the first
step its state there is what static.py computes, and all that it does not use yet adds nothing:

    layer 1   a head looks at the token before each: what that does to its weight; whether it is the first of all
    layer 2   a head asks whether the token stood there before; another, how far from the beginning it stands
    layer 3   all heads symmetric: the closing delimiter sums the tokens' vectors by their weights
    others    output projections of zero

A hidden state of width W is divided: W - 46 numbers for the vectors, turned to their principal axes and cut; 32
for a random sign pattern by which a token knows itself; 14 for all that a weight is made of. Attention's softmax
takes the logarithm of a weight and divides by their sum, which the norm at the end undoes. Left out of the table
are its layer on top and what a token does to the weight of the one before it, which a causal model cannot see;
places are counted over all tokens, not over distinct ones. The heads of a joined table become one.

For the way an attention head finds the token before, and its own like: Elhage et al. 2021, "A Mathematical
Framework for Transformer Circuits".
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.files import folder_in_one_piece, write_atomically, write_json
from adjoin.model.description import Description
from adjoin.model.locations import DESCRIPTION_FILE, WEIGHTS_FILE, is_static_model, portable_name
from adjoin.model.presets import Preset, transformer_config
from adjoin.model.pretrained import library_quiet
from adjoin.model.start import Start
from adjoin.model.static import LARGEST_PUSH, StaticTable, read_tensors
from adjoin.tokens import DELIMITERS, Tokenizer
from adjoin.tokens import FILE as TOKENIZER_FILE

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float32]

LEAST_LAYERS = 3
HEAD = 64  # width of an attention head, half of which is turned with the other half
_PATTERN = 32  # signs
_CHANNELS = (
    "one", "opens", "ends query", "ends document", "weight query", "weight document", "push query",
    "push document",  # of a token's row; what follows is written by the layers
    "opens before", "is first", "is new", "is early", "pushed query", "pushed document",
)  # fmt: skip
_OVERHEAD = _PATTERN + len(_CHANNELS)
LEAST_DIMENSION = 128

_THETA = 1e6  # of the rotary positions: half of a head's pairs turn by less than half a radian over 500 tokens
_TURNING = range(6)  # pairs that tell one token's distance; slow ones hold what must not depend on distance
_STEP = 7.5  # of the head that looks at the token before: all others together get a hundredth of its attention
_LIKE = 13.0  # logarithm of how much more a token attends to its like than to another
_PLACE = 10.0  # the weight of a place is a line over 10 / (10 + place), which fits what is learned
_REPEATED = 25.0  # what a sixth more of "is new" is worth: a token's second time weighs a sixtieth
_OPENING = 3.0  # how an opening delimiter marks itself
_HALF = 0.5  # logarithms are kept by half, for the sake of the norm
_LEAST, _MOST = -8.0, 4.0  # of a logarithm


@dataclass(frozen=True, slots=True)
class Grown:
    """What came of it.

    Attributes:
        parameters: numbers of the transformer.
        dimension: its width.
        kept: share of the table's vectors, by their squares, that stays within the axes kept.
    """

    parameters: int
    dimension: int
    kept: float


def grow(model: Path, out: Path, *, layers: int = 4, dimension: int = 256, seed: int = 0) -> Grown:
    """Write the transformer that begins as a static model; `adjoin train --init OUT` goes on from there.

    Args:
        model: the static model's folder.
        out: the transformer's, whole or absent: an ordinary transformers folder with our description.
        layers: transformer blocks, 3 at least.
        dimension: width of the hidden state and of the vectors, a multiple of 64 from 128 on.
        seed: of the sign patterns and of the weights that do nothing yet.

    Raises:
        AdjoinError: it is no static model, has no roles, or a size is out of its range.
    """
    if not is_static_model(model):
        raise AdjoinError(f"{model} is no static model: a transformer grows out of those only")
    if layers < LEAST_LAYERS:
        raise AdjoinError(f"layers is {layers}: expected {LEAST_LAYERS} or more, which the table's work takes")
    if dimension % HEAD or dimension < LEAST_DIMENSION:
        raise AdjoinError(f"dimension is {dimension}: expected a multiple of {HEAD} from {LEAST_DIMENSION} on")
    described, tokenizer = Description.read(model), Tokenizer.load(model / TOKENIZER_FILE)
    table = StaticTable(read_tensors(model / WEIGHTS_FILE))
    if len(table.openings) != len(DELIMITERS):
        raise AdjoinError(f"{model} weighs queries and documents alike: train it anew, with roles")
    body, kept = transformer_of(table, tokenizer, layers, dimension, described.max_tokens, seed)
    parameters = sum(weight.numel() for weight in body.parameters())
    start = Start(None, portable_name(str(out)))
    with folder_in_one_piece(out) as unfinished, library_quiet():
        body.save_pretrained(unfinished)
        write_atomically(unfinished / TOKENIZER_FILE, tokenizer.to_json())
        description = Description(
            "transformer",
            dimension,
            described.max_tokens,
            described.tau,
            start=start.as_json(),
            dense_weight=described.dense_weight,
        )
        write_json(unfinished / DESCRIPTION_FILE, description.as_json())
    return Grown(parameters, dimension, kept)


def transformer_of(
    table: StaticTable, tokenizer: Tokenizer, layers: int, dimension: int, max_tokens: int, seed: int
) -> tuple[Any, float]:
    """A transformers model whose state at the closing delimiter is the table's sum, and the share `Grown.kept`."""
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
        body.norm.weight[dimension - _OVERHEAD :] = 0  # the vector is of the table's vectors alone
        writer = _Writer(dimension)
        writer.look_before(body.layers[0])
        writer.look_back(body.layers[1])
        writer.sum_up(body.layers[2], table)
    return body, kept


def _rows(table: StaticTable, tokenizer: Tokenizer, dimension: int, seed: int) -> tuple[Floats, float]:
    """The transformer's table of token vectors (V, W): each row has the mean square 1, as the norm makes it."""
    width, channel = dimension - _OVERHEAD, _channels(dimension)
    # One weight a token and role: the geometric mean of the heads; how they differ stays in the vectors.
    log_KRV = np.log(np.maximum(np.abs(table.weights_KRV), 1e-6))
    log_RV = log_KRV.mean(axis=0)
    signed_KV = np.sign(table.weights_KRV.mean(axis=1)) * np.exp((log_KRV - log_RV).mean(axis=1))
    by_head = np.split(table.vectors_VD, table.layout.heads, axis=1)
    vectors_VD = np.concatenate([some * own_V[:, None] for some, own_V in zip(by_head, signed_KV, strict=True)], 1)
    vectors_VC, kept = _principal(vectors_VD, np.exp(log_RV.mean(axis=0)), width)
    lengths_V = np.maximum(np.linalg.norm(vectors_VC, axis=1), 1e-9)
    log_RV = log_RV + np.log(lengths_V)
    log_RV = np.clip(log_RV - np.quantile(log_RV, 0.99), _LEAST, _MOST)
    push_RV = np.clip(table.before_KRV, -LARGEST_PUSH, LARGEST_PUSH).mean(axis=0)

    rows_VW = np.zeros((len(vectors_VC), dimension), np.float32)
    signs = np.random.default_rng(seed).integers(2, size=(len(rows_VW), _PATTERN)) * 2 - 1
    rows_VW[:, width : width + _PATTERN] = signs
    rows_VW[:, channel["one"]] = 1
    for number, role in enumerate(DELIMITERS):
        rows_VW[:, channel[f"weight {role}"]] = _HALF * log_RV[number]
        rows_VW[:, channel[f"push {role}"]] = _HALF * push_RV[number]
    for opening in table.openings:
        rows_VW[opening, width : width + _PATTERN] = 0
        rows_VW[opening, channel["opens"]] = _OPENING
    for role in DELIMITERS:  # a vector that has less room weighs more
        rows_VW[:, channel[f"weight {role}"]] -= _HALF * np.log(_room(rows_VW) / dimension**0.5)
    rows_VW[:, : vectors_VC.shape[1]] = vectors_VC * (_room(rows_VW) / lengths_V)[:, None]
    for role, (_, closing) in DELIMITERS.items():
        token = tokenizer.backend.token_to_id(closing)
        rows_VW[token] = 0
        rows_VW[token, channel[f"ends {role}"]] = dimension**0.5
    return rows_VW, kept


def _room(rows_VW: Floats) -> Floats:
    """The length (V,) that a row's vector must have for the row to have the mean square 1."""
    room_V: Floats = np.sqrt(np.maximum(rows_VW.shape[1] - (rows_VW**2).sum(axis=1), 1))
    return room_V


def _principal(vectors_VD: Floats, weights_V: Floats, width: int) -> tuple[Floats, float]:
    """The vectors along the axes (V, C) in which sums of them differ most, and the share of squares there."""
    weighted_VD = (vectors_VD * weights_V[:, None]).astype(np.float64)
    variances_D, axes_DD = np.linalg.eigh(weighted_VD.T @ weighted_VD)
    strongest = np.argsort(variances_D)[::-1][:width]
    kept = float(variances_D[strongest].sum() / max(variances_D.sum(), 1e-300))
    return (vectors_VD @ axes_DD[:, strongest]).astype(np.float32), kept


def _channels(dimension: int) -> dict[str, int]:
    return {name: dimension - len(_CHANNELS) + place for place, name in enumerate(_CHANNELS)}


class _Writer:
    """Sets weights of Llama blocks by hand. Pair i of a head is its numbers i and i + 32, turned together."""

    def __init__(self, dimension: int) -> None:
        self.width = dimension - _OVERHEAD
        self.dimension = dimension
        self.channel = _channels(dimension)
        self.scale = HEAD**0.25  # of queries and of keys: attention divides their product by sqrt(64)

    def look_before(self, block: Any) -> None:  # noqa: ANN401 - a transformers module
        """What the token before pushes, and whether there is none: then a token sees itself."""
        queries, keys, values, outputs = _emptied(block, 0)
        for pair in _TURNING:
            angle = _THETA ** (-pair / (HEAD // 2))
            queries[pair, self.channel["one"]] = _STEP
            keys[pair, self.channel["one"]] = _STEP * np.cos(angle)
            keys[pair + HEAD // 2, self.channel["one"]] = _STEP * np.sin(angle)
        seen = [("opens", "opens before", 1 / _OPENING)]
        seen += [(f"push {role}", f"pushed {role}", 1.0) for role in DELIMITERS]
        for place, (source, target, factor) in enumerate(seen):
            values[place, self.channel[source]] = 1
            outputs[self.channel[target], place] = factor
        # A delimiter may stand within a text too: the first token is the one that is one and sees one.
        gates, ups, downs = block.mlp.gate_proj.weight, block.mlp.up_proj.weight, block.mlp.down_proj.weight
        gates[0], ups[0] = 0, 0
        gates[0, self.channel["opens"]] = 20 / _OPENING
        gates[0, self.channel["opens before"]] = 20
        gates[0, self.channel["one"]] = -30
        ups[0, self.channel["one"]] = 1
        downs[self.channel["is first"], 0] = 0.1

    def look_back(self, block: Any) -> None:  # noqa: ANN401
        """Of attention to the first token and to its like, what the first gets: half, a third, a quarter."""
        queries, keys, values, outputs = _emptied(block, 0)
        slow = HEAD // 4
        size = self.scale * (_LIKE / _PATTERN) ** 0.5
        for sign in range(_PATTERN):
            place = slow + sign if sign < slow else HEAD // 2 + sign  # both halves of the slow pairs
            queries[place, self.width + sign] = keys[place, self.width + sign] = size
        queries[slow - 1, self.channel["one"]] = self.scale
        keys[slow - 1, self.channel["is first"]] = self.scale * _LIKE
        values[0, self.channel["is first"]] = 1
        outputs[self.channel["is new"], 0] = 1

        queries, keys, values, outputs = _emptied(block, 1)
        queries[HEAD // 2 - 1, self.channel["one"]] = self.scale
        keys[HEAD // 2 - 1, self.channel["is first"]] = self.scale * np.log(_PLACE)
        values[0, self.channel["is first"]] = 1
        outputs[self.channel["is early"], 0] = 1

    def sum_up(self, block: Any, table: StaticTable) -> None:  # noqa: ANN401
        """The closing delimiter attends by weight, and takes the tokens' vectors, a piece of them a head."""
        log_positions_RP = np.log(np.maximum(table.positions_KRP, 1e-6)).mean(axis=0)
        near_P = _PLACE / (_PLACE + np.arange(log_positions_RP.shape[1]))
        slopes = {
            role: float(np.polyfit(near_P, log_P, 1)[0])
            for role, log_P in zip(DELIMITERS, log_positions_RP, strict=True)
        }
        # What a weight's logarithm is the sum of: channels of a token, and by how much each role counts them.
        parts: list[tuple[tuple[str, ...], dict[str, float]]] = [
            *(((f"weight {role}", f"pushed {role}"), {role: 1 / _HALF}) for role in DELIMITERS),
            (("is new",), dict.fromkeys(DELIMITERS, _REPEATED)),
            (("is early",), slopes),
            (("opens",), dict.fromkeys(DELIMITERS, -_REPEATED / _OPENING)),  # or the first, new twice, won
        ]
        unit = self.scale**2 / self.dimension**0.5  # of a closing delimiter's query
        for head in range(self.dimension // HEAD):
            queries, keys, values, outputs = _emptied(block, head)
            for pair, (names, factors) in zip(range(HEAD // 2 - 1, 0, -1), parts, strict=False):  # the slowest
                for name in names:
                    keys[pair, self.channel[name]] = 1
                for role, factor in factors.items():
                    queries[pair, self.channel[f"ends {role}"]] = factor * unit
            for number in range(max(0, min(HEAD, self.width - head * HEAD))):
                values[number, head * HEAD + number] = 1
                outputs[head * HEAD + number, number] = 1


def _emptied(block: Any, head: int) -> "tuple[Tensor, Tensor, Tensor, Tensor]":  # noqa: ANN401
    """One head's queries, keys and values (64, W) and outputs (W, 64), zero and ready to be set."""
    attention, rows = block.self_attn, slice(head * HEAD, (head + 1) * HEAD)
    found = (
        attention.q_proj.weight[rows],
        attention.k_proj.weight[rows],
        attention.v_proj.weight[rows],
        attention.o_proj.weight[:, rows],
    )
    for weights in found:
        weights.zero_()
    return found
