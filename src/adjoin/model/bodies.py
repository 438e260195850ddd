"""Bodies: the two kinds of trainable model as PyTorch modules, from tokens to unit vectors with gradients.

`StaticBody` is the static table of static.py. `TransformerBody` is any causal transformers model; the embedding is
the state at [EOS] (paper, section 2).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from adjoin.model.static import (
    AFTER,
    BEFORE,
    HIDDEN,
    MAX_LOG_SHIFT,
    OPENINGS,
    OUTPUT,
    POSITIONS,
    START_WEIGHTS,
    VECTORS,
    WEIGHTED_POSITIONS,
    WEIGHTS,
    StaticTable,
    Tensors,
    roles_of,
    start_vectors,
)
from adjoin.tokens import Ragged

_EARLIER = 7  # tokens that both rows of a test of causality share


class Body(Protocol):
    """The interface of a trainable model, for training steps and the Encoder.

    Attributes:
        dimension: D, length of an embedding.
        pads: whether a micro-batch is padded to a matrix, so that its padded tokens must fit a budget.
        sharded: whether each rank holds a part of the weights, so that all ranks must embed at the same time.
    """

    dimension: int
    pads: bool
    sharded: bool

    def __call__(self, tokens: Ragged) -> Tensor:
        """Embed B sequences as unit vectors (B, D), float32, with gradients if they are enabled."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """Iterate over the trained parameters."""
        ...

    def reduces_gradients(self, now: bool) -> None:
        """Set whether the next backward pass is the step's last, which reduces a sharded body's gradients."""
        ...


class StaticBody(nn.Module):
    """A trainable static table. It computes what `StaticTable` computes, see there for the formula.

    Attributes:
        vectors: token vectors (V, D).
        weights, before, after: token weights, and what the token before and the token after adds to their
            logarithm. All heads and roles end to end (KRV,).
        log_places: logarithms of the position weights (KRP,), so that the weights stay positive.
        hidden, output: the layers on top (KH, W) and (D, H); None without.
        heads: K, ensemble members.
    """

    pads, sharded = False, False

    def __init__(
        self,
        vectors_VD: NDArray[np.float32],
        weights_V: NDArray[np.float32],
        *,
        openings: Sequence[int] = (),
        hidden: int = 0,
        heads: int = 1,
        seed: int = 0,
    ) -> None:
        """Make an untrained body. It compares weighted bags of tokens: neighbours and layer have no effect yet.

        Args:
            vectors_VD: initial token vectors.
            weights_V: initial token weights, the same in all roles.
            openings: ids of the opening delimiters, if queries and documents have weights of their own; else
                empty.
            hidden: H, width of each head's layer on top; 0 for none.
            heads: K, the number of heads that share the D dimensions.
            seed: seed of the layer's random weights.
        """
        super().__init__()
        vocabulary, self.dimension = vectors_VD.shape
        self.heads, roles = heads, max(1, len(openings))
        rows = heads * roles
        self.vectors = nn.Parameter(torch.from_numpy(vectors_VD.copy()))
        self.weights = nn.Parameter(torch.from_numpy(np.tile(weights_V, rows)))
        self.log_places = nn.Parameter(torch.zeros(rows * WEIGHTED_POSITIONS))
        self.before = nn.Parameter(torch.zeros(rows * vocabulary))
        self.after = nn.Parameter(torch.zeros(rows * vocabulary))
        self.register_buffer("start_weights", torch.from_numpy(weights_V.copy()))
        self.register_buffer("openings", torch.tensor(openings, dtype=torch.int64))
        self._openings = list(openings)  # a list, since fake tensors have no values
        self.hidden: nn.Parameter | None = None
        self.output: nn.Parameter | None = None
        if hidden:
            width = self.dimension // heads
            self.hidden = nn.Parameter(torch.from_numpy(start_vectors(heads * hidden, width, seed + 1)))
            self.output = nn.Parameter(torch.zeros(self.dimension, hidden))

    @classmethod
    def from_tensors(cls, tensors: Tensors) -> "StaticBody":
        """Make a body from the tensors of a trained static model.

        Raises:
            AdjoinError: a tensor is missing, or the shapes do not fit together.
        """
        table = StaticTable(tensors)
        layout = table.layout
        start_V = tensors.get(START_WEIGHTS, table.weights_KRV.mean(axis=(0, 1))).astype(np.float32)
        body = cls(table.vectors_VD, start_V, openings=table.openings, hidden=layout.hidden, heads=layout.heads)
        positions_KRP = table.positions_KRP[..., np.minimum(np.arange(WEIGHTED_POSITIONS), layout.positions - 1)]
        values = {
            "weights": table.weights_KRV,
            "log_places": np.log(np.maximum(positions_KRP, 1e-30)),
            "before": table.before_KRV,
            "after": table.after_KRV,
        }
        if table.hidden_KHW is not None and table.output_KWH is not None:
            values |= {"hidden": table.hidden_KHW, "output": table.output_KWH}
        with torch.no_grad():
            for name, value in values.items():
                parameter = body.get_parameter(name)
                parameter.copy_(torch.from_numpy(value.reshape(parameter.shape)))
        return body

    def forward(self, tokens: Ragged) -> Tensor:
        """Embed B sequences as unit vectors (B, D)."""
        tokens = tokens.distinct()
        roles_N = np.repeat(roles_of(tokens, self._openings), tokens.lengths_B)
        vectors = [self._embed_head(tokens, roles_N, head) for head in range(self.heads)]
        return vectors[0] if self.heads == 1 else torch.cat(vectors, dim=1) / self.heads**0.5

    def _embed_head(self, tokens: Ragged, roles_N: NDArray[np.int64], head: int) -> Tensor:
        """Unit vectors (B, W) of a head."""
        width = self.dimension // self.heads
        ids_N, starts_B = torch.from_numpy(tokens.ids_N), torch.from_numpy(tokens.starts_B.astype(np.int32))
        # The table viewed with one row per token and head.
        sums_BW = functional.embedding_bag(
            ids_N * self.heads + head,
            self.vectors.view(-1, width),
            starts_B,
            mode="sum",
            per_sample_weights=self._weights(tokens, roles_N + head * max(1, len(self._openings))),
        )
        unit_BW = functional.normalize(sums_BW)
        if self.hidden is None or self.output is None:
            return unit_BW
        rows = len(self.hidden) // self.heads
        hidden_HW, output_WH = self.hidden[head * rows :][:rows], self.output[head * width :][:width]
        scaled_BW = unit_BW * width**0.5
        inner_BH = functional.silu(functional.linear(scaled_BW, hidden_HW))
        added_BW = functional.linear(inner_BH, output_WH)  # bfloat16 under autocast
        return functional.normalize(scaled_BW + added_BW.to(scaled_BW.dtype))

    def _weights(self, tokens: Ragged, roles_N: NDArray[np.int64]) -> Tensor:
        """The weight of each token of distinct sequences (N,); `roles_N` counts roles through all heads."""
        assert tokens.neighbours_2N is not None
        rows_N = torch.from_numpy(roles_N * len(self.vectors))
        positions_N = roles_N * WEIGHTED_POSITIONS + np.minimum(tokens.positions_N, WEIGHTED_POSITIONS - 1)
        before_N, after_N = torch.from_numpy(tokens.neighbours_2N)
        shift_N = self.before[rows_N + before_N] + self.after[rows_N + after_N]
        logarithm_N = self.log_places[torch.from_numpy(positions_N)] + shift_N.clamp(-MAX_LOG_SHIFT, MAX_LOG_SHIFT)
        return self.weights[rows_N + torch.from_numpy(tokens.ids_N)] * logarithm_N.exp()

    def reduces_gradients(self, now: bool) -> None:
        """Do nothing: this body is never sharded."""

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of model.safetensors, see static.py."""
        openings = self.get_buffer("openings")
        rows = self.heads * max(1, len(openings))
        tensors = {
            VECTORS: self.vectors.detach(),
            WEIGHTS: self.weights.detach().reshape(rows, -1),
            POSITIONS: self.log_places.detach().exp().reshape(rows, -1),
            BEFORE: self.before.detach().reshape(rows, -1),
            AFTER: self.after.detach().reshape(rows, -1),
            START_WEIGHTS: self.get_buffer("start_weights"),
        }
        if len(openings):
            tensors[OPENINGS] = openings
        if self.hidden is not None and self.output is not None:
            tensors |= {HIDDEN: self.hidden.detach(), OUTPUT: self.output.detach()}
        return tensors


class TransformerBody(nn.Module):
    """A causal transformers model without its head. The embedding is the last layer's state at the last token.

    Sequences are padded on the right without an attention mask. A causal model does not attend to later tokens, so
    padding changes no state that is used, and attention runs the fast causal kernel.

    Only the state at [EOS] of the last block is used. So what follows that block's attention, mainly its MLP, is
    computed at [EOS] only. This is exact, and saves about 0.8 / layers of all matrix products. Blocks that compute
    MLP and attention side by side need all of it: a short pass at the start tells, and gives the width too.

    Attributes:
        model: the transformers model.
        dimension: D, the width of its states, which its hidden size need not be.
        longest: maximum sequence length of its position embeddings.
        sharded: whether its weights are sharded over ranks.
    """

    pads = True

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - a transformers model, an untyped library
        super().__init__()
        self.sharded = False
        self.model = model
        self.dimension = int(getattr(model.config, "hidden_size", 0))
        self.longest = int(getattr(model.config, "max_position_embeddings", None) or 1 << 30)
        self._ends: tuple[Tensor, Tensor] | None = None  # rows and positions of [EOS], during `forward`
        hooks = [module.register_forward_pre_hook(self._ends_of) for module in _read_at_end_only(model)]
        if not self._ends_are_enough():
            for hook in hooks:
                hook.remove()

    @property
    def vocabulary_size(self) -> int:
        """V, the rows of the token embedding table."""
        return int(self.model.get_input_embeddings().num_embeddings)

    def forward(self, tokens: Ragged) -> Tensor:
        """Embed B sequences as unit vectors (B, D)."""
        device = next(self.parameters()).device
        ids_BT = torch.from_numpy(tokens.padded()).to(device)
        last_B = torch.from_numpy(tokens.lengths_B - 1).to(device)
        at_end_BD = self._states_at(ids_BT, last_B)
        # Embeddings are at least float32, also where the body runs in bfloat16.
        return functional.normalize(at_end_BD.to(torch.promote_types(at_end_BD.dtype, torch.float32)))

    def states(self, ids_BT: Tensor) -> Tensor:
        """The last hidden states (B, T, D) of token ids."""
        states_BTD: Tensor = self.model(input_ids=ids_BT, use_cache=False)[0]
        return states_BTD

    def _states_at(self, ids_BT: Tensor, last_B: Tensor) -> Tensor:
        """The states (B, D) at one position of each row; the last block's MLP runs only there."""
        self._ends = torch.arange(len(last_B), device=last_B.device), last_B
        try:
            return self.states(ids_BT)[self._ends]
        finally:
            self._ends = None

    @torch.no_grad()
    def _ends_are_enough(self) -> bool:
        """Test on a few tokens whether the last block may run at [EOS] only; sets the dimension to what comes out.

        Tensors without content, on the meta device or fake, are compared by their shapes.
        """
        device = next(self.parameters()).device
        try:
            ids_BT = torch.tensor([[1, 2, 3, 4, 5], [6, 5, 4, 3, 2]], device=device) % self.vocabulary_size
            last_B = torch.tensor([4, 2], device=device)
            with in_mode(self.model, training=False):
                at_end_BD = self.states(ids_BT)[torch.arange(2, device=device), last_B]
                self.dimension = int(at_end_BD.shape[1])
                reduced_BD = self._states_at(ids_BT, last_B)
        except Exception:  # a model that cannot run so raises anything; trial.py says why before a training
            return False
        if reduced_BD.shape != at_end_BD.shape:
            return False
        try:
            return torch.allclose(at_end_BD, reduced_BD, rtol=1e-3, atol=1e-4)
        except (NotImplementedError, RuntimeError):  # no content
            return True

    def _ends_of(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        """Reduce a module's input (B, T, ...) to [EOS] (B, 1, ...).

        Its output is added to the whole residual stream (B, T, D). It is right at [EOS], and unused elsewhere.
        """
        return None if self._ends is None else (inputs[0][self._ends].unsqueeze(1), *inputs[1:])

    def reduces_gradients(self, now: bool) -> None:
        """Set whether the next backward pass is the step's last, which reduces a sharded body's gradients."""
        if self.sharded:
            self.model.set_requires_gradient_sync(now)

    @torch.no_grad()
    def is_causal(self) -> bool:
        """Test whether states are independent of later tokens, as padding without a mask requires.

        Two rows of one shape that differ in their later tokens: the earlier states of a causal model differ by
        rounding at most, so that even a faint look ahead shows.
        """
        device = next(self.parameters()).device
        ids_2T = torch.arange(1, 17, device=device).repeat(2, 1) * 7919
        ids_2T[1, _EARLIER:] += 1
        with in_mode(self.model, training=False):
            states_2ED = self.states(ids_2T % self.vocabulary_size)[:, :_EARLIER]
        scale = float(states_2ED[0].abs().max())
        return torch.allclose(states_2ED[0], states_2ED[1], rtol=0, atol=1e-5 * max(scale, 1e-5))

    @torch.no_grad()
    def embed(self, tokens: Ragged, *, symmetric: bool = False) -> NDArray[np.float32]:
        """Embed B sequences as unit vectors (B, D) in NumPy, float32.

        Args:
            tokens: sequences with the delimiters of their role.
            symmetric: no effect; a transformer sees roles by their delimiters only.
        """
        self.eval()
        vectors: NDArray[np.float32] = self(tokens).cpu().numpy()
        return vectors


AnyBody = StaticBody | TransformerBody


@contextmanager
def in_mode(module: nn.Module, *, training: bool) -> Iterator[None]:
    """Put a module and its parts into training or evaluation mode meanwhile; each part gets its own mode back."""
    modes = [(part, part.training) for part in module.modules()]
    module.train(training)
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def drop_graphs(module: nn.Module) -> None:
    """Detach the tensors that modules keep of their last pass, as Recurrent Gemma does: torch cannot copy them."""
    for part in module.modules():
        for name, value in list(vars(part).items()):
            if isinstance(value, Tensor) and value.grad_fn is not None:
                setattr(part, name, value.detach())


def _read_at_end_only(model: nn.Module) -> Iterator[nn.Module]:
    """The modules of the last block that write to the residual stream, by their usual names."""
    blocks = [module for module in model.modules() if isinstance(module, nn.ModuleList) and len(module)]
    if blocks:
        for name, module in max(blocks, key=len)[-1].named_modules():
            if name == "mlp" or name.endswith(("attn.o_proj", "attn.c_proj")):
                yield module
