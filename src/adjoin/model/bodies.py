"""The two kinds of body as PyTorch modules, one call: tokens → unit vectors with gradients.

A body is what is trained. `StaticBody` is the table of static.py; `TransformerBody` is any causal transformers
model, read at [EOS] (paper, section 2).
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from adjoin.model.static import PLACES, PLACES_WEIGHED, START_WEIGHTS, VECTORS, WEIGHTS
from adjoin.tokens import Ragged


class Body(Protocol):
    """What the training step and the Encoder need of a body.

    Attributes:
        dimension: D.
        pads: whether micro-batches become padded matrices, so that their tokens must fit a budget.
        sharded: whether each rank holds a part of the weights, so that all must embed at the same time.
    """

    dimension: int
    pads: bool
    sharded: bool

    def __call__(self, tokens: Ragged) -> Tensor:
        """Unit vectors (B, D), float32, with gradients if they are enabled."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """What is trained."""
        ...

    def reduces_gradients(self, now: bool) -> None:
        """Whether a sharded body's next backward is the step's last, after which ranks reduce their gradients."""
        ...


class StaticBody(nn.Module):
    """A vector and a weight a token, a weight a place; see static.py, which it equals."""

    pads, sharded = False, False

    def __init__(self, vectors_VD: NDArray[np.float32], weights_V: NDArray[np.float32]) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.from_numpy(vectors_VD.copy()))
        self.weights = nn.Parameter(torch.from_numpy(weights_V.copy()))
        self.log_places = nn.Parameter(torch.zeros(PLACES_WEIGHED))  # of weights that stay positive, from 1
        self.register_buffer("start_weights", torch.from_numpy(weights_V.copy()))
        self.dimension = int(vectors_VD.shape[1])

    def forward(self, tokens: Ragged) -> Tensor:
        """See `Body`."""
        tokens = tokens.distinct()
        table_VD = self.vectors * self.weights[:, None]
        ids, starts = torch.from_numpy(tokens.ids_N), torch.from_numpy(tokens.starts_B.astype(np.int32))
        places_N = self.log_places.exp()[torch.from_numpy(np.minimum(tokens.places_N, PLACES_WEIGHED - 1))]
        sums_BD = functional.embedding_bag(ids, table_VD, starts, mode="sum", per_sample_weights=places_N)
        return functional.normalize(sums_BD)

    def reduces_gradients(self, now: bool) -> None:
        """See `Body`; nothing is to be done here."""

    def tensors(self) -> dict[str, Tensor]:
        """What model.safetensors holds."""
        return {
            VECTORS: self.vectors.detach(),
            WEIGHTS: self.weights.detach(),
            PLACES: self.log_places.detach().exp(),
            START_WEIGHTS: self.get_buffer("start_weights"),
        }


class TransformerBody(nn.Module):
    """Any causal transformers model without its head; a sequence is its last layer's state at its last token.

    Sequences are padded to the right and no mask is built: a token never sees what stands to its right, so
    padding changes no state that is read, and attention takes the fast causal kernel.

    Nobody reads the last block's states but those at [EOS], so what that block does after its attention, the MLP
    above all, is done there only. That is exact, and saves a fraction of about 0.8 / layers of all products.
    """

    pads = True

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - a transformers model, an untyped library
        super().__init__()
        self.sharded = False
        self.model = model
        self.dimension = int(model.config.hidden_size)
        self.longest = int(getattr(model.config, "max_position_embeddings", None) or 1 << 30)  # in tokens
        self._ends: tuple[Tensor, Tensor] | None = None  # rows and places of [EOS], within `forward`
        for module in _read_at_end_only(model):
            module.register_forward_pre_hook(self._ends_of)

    @property
    def vocabulary_size(self) -> int:
        """Rows of the table of token vectors."""
        return int(self.model.get_input_embeddings().num_embeddings)

    def forward(self, tokens: Ragged) -> Tensor:
        """See `Body`."""
        device = next(self.parameters()).device
        ids_BT = torch.from_numpy(tokens.padded()).to(device)
        last_B = torch.from_numpy(tokens.lengths_B - 1).to(device)
        self._ends = torch.arange(len(tokens), device=device), last_B
        try:
            states_BTD = self.model(input_ids=ids_BT, use_cache=False).last_hidden_state
            at_end_BD = states_BTD[self._ends]
        finally:
            self._ends = None
        # Vectors and loss are at least float32, also where the body runs in bfloat16.
        return functional.normalize(at_end_BD.to(torch.promote_types(at_end_BD.dtype, torch.float32)))

    def _ends_of(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        """A module's input (B, T, ...) cut to [EOS] (B, 1, ...).

        What comes out is added to the whole residual stream (B, T, D): right at [EOS], and no matter elsewhere.
        """
        return None if self._ends is None else (inputs[0][self._ends].unsqueeze(1), *inputs[1:])

    def reduces_gradients(self, now: bool) -> None:
        """See `Body`."""
        if self.sharded:
            self.model.set_requires_gradient_sync(now)

    @torch.no_grad()
    def is_causal(self) -> bool:
        """Whether a state stays the same whatever stands to its right, which padding without a mask needs."""
        was_training, _ = self.training, self.eval()
        alone, followed = (
            self.model(input_ids=torch.tensor([ids]), use_cache=False) for ids in ([1, 2], [1, 2, 3])
        )
        self.train(was_training)
        return torch.allclose(alone.last_hidden_state[0], followed.last_hidden_state[0, :2], atol=1e-3)

    @torch.no_grad()
    def embed(self, tokens: Ragged) -> NDArray[np.float32]:
        """Unit vectors (B, D) as NumPy, for use."""
        self.eval()
        vectors: NDArray[np.float32] = self(tokens).cpu().numpy()
        return vectors


def _read_at_end_only(model: nn.Module) -> Iterator[nn.Module]:
    """The modules of the last block whose output goes straight into the residual stream, by their usual names."""
    blocks = [module for module in model.modules() if isinstance(module, nn.ModuleList) and len(module)]
    if blocks:
        for name, module in max(blocks, key=len)[-1].named_modules():
            if name == "mlp" or name.endswith(("attn.o_proj", "attn.c_proj")):
                yield module
