"""Count the costs of a training step: FLOPs, bytes by part, micro-batches. Nothing is measured here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from adjoin.model.bodies import AnyBody, StaticBody
from adjoin.model.build import build_random_body
from adjoin.model.stored.layers import number_of_layers
from adjoin.objective.contrastive import LOGITS_AT_ONCE, Temperature
from adjoin.objective.step import ContrastiveStep
from adjoin.ranks import Ranks
from adjoin.tokens import Ragged
from adjoin.training.execution import ExecutionConfig
from adjoin.training.memory import PassCost
from adjoin.training.optimizers import optimizer_for
from adjoin.training.recipe import Recipe


def untrained_body(recipe: Recipe, vocabulary: int) -> AnyBody:
    """A body of a recipe's shapes with random weights; of a checkpoint only the configuration is read."""
    return build_random_body(
        recipe.start, vocabulary, max_tokens=recipe.max_tokens, hidden=recipe.hidden or 0, lora=recipe.lora
    )


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of parameters of a body, by kind.

    Attributes:
        parameters: all parameters.
        table: parameters of the token embedding table.
        trained: parameters with a gradient.
        moments: numbers in the optimizer's state.
        largest_block: parameters of the largest block, or of all modules outside the blocks if these are more.
        layers: number of transformer blocks; 0 for a static table.
        attention_width: attention heads times the width of a head.
        layer: parameters of the hidden layer on top of a static table.
    """

    parameters: int
    table: int
    trained: int
    moments: int
    largest_block: int
    layers: int
    attention_width: int
    layer: int = 0

    def lasting_bytes(self, recipe: Recipe) -> int:
        """Bytes of weights, gradients and moments."""
        return (8 if recipe.precision == "float64" else 4) * (self.parameters + self.trained + self.moments)

    def useful_flops(self, lengths_B: NDArray[np.int64], dimension: int) -> float:
        """FLOPs of a forward and a backward pass without padding and recomputation.

        A transformer takes 6 per token and parameter outside the table, and causal attention. A static table takes
        6 D per token, and 6 per sequence and parameter of its hidden layer.

        Args:
            lengths_B: tokens of each sequence.
            dimension: D, length of a vector.
        """
        if not self.layers:
            return 6.0 * (int(lengths_B.sum()) * dimension + len(lengths_B) * self.layer)
        return 6.0 * (self.parameters - self.table) * int(lengths_B.sum()) + 3 * self.attention_flops(lengths_B)

    def attention_flops(self, lengths_B: NDArray[np.int64]) -> float:
        """FLOPs of causal attention in a forward pass; the backward pass takes twice as many."""
        return 2.0 * self.layers * self.attention_width * float((lengths_B.astype(np.float64) ** 2).sum())


def sizes_of(body: AnyBody, recipe: Recipe) -> Sizes:
    """Count the parameters of a body, which may be of fake tensors."""
    trained = sum(p.numel() for p in body.parameters() if p.requires_grad)
    optimizer = optimizer_for(recipe, body, Temperature())
    muon = recipe.optimizer == "muon"
    moments = sum(
        (1 if muon and group["hidden"] else 2) * parameter.numel()
        for group in optimizer.param_groups
        for parameter in group["params"]
    )
    parameters = sum(p.numel() for p in body.parameters())
    if isinstance(body, StaticBody):
        layer = 0 if body.hidden is None else 2 * body.hidden.numel()
        return Sizes(parameters, body.vectors.numel(), trained, moments, parameters, 0, 0, layer)
    config = body.model.config
    width = _attention_width(config)
    blocks = [
        sum(p.numel() for p in block.parameters())
        for stack in body.model.modules()
        if isinstance(stack, nn.ModuleList)
        for block in stack
    ]
    table = int(body.model.get_input_embeddings().weight.numel())
    outside, layers = parameters - sum(blocks), number_of_layers(config) or len(blocks)
    return Sizes(parameters, table, trained, moments, max([outside, *blocks]), layers, width)


def _attention_width(config: Any) -> int:  # noqa: ANN401 - a transformers config
    """Attention heads times the width of a head; 0 without attention, as in RWKV and Mamba."""
    heads = getattr(config, "num_attention_heads", None)
    if not isinstance(heads, int) or heads < 1:
        return 0
    width = getattr(config, "head_dim", None)
    return heads * (width if isinstance(width, int) and width > 0 else int(config.hidden_size) // heads)


@dataclass(frozen=True, slots=True)
class BatchLayout:
    """How the sequences of a rank are divided into micro-batches.

    Attributes:
        lengths_B: tokens of each sequence.
        groups: indices of the sequences of each micro-batch.
        kept: number of micro-batches, the last ones, whose graphs are kept between the two passes.
        padded_G: padded tokens of each micro-batch.
    """

    lengths_B: NDArray[np.int64]
    groups: list[NDArray[np.int64]]
    kept: int
    padded_G: NDArray[np.int64]

    @property
    def kept_tokens(self) -> int:
        """Padded tokens whose graphs are kept between the two passes."""
        return int(self.padded_G[len(self.groups) - self.kept :].sum())

    @property
    def recomputed(self) -> float:
        """Share of the padded tokens whose forward pass is recomputed."""
        return 1 - self.kept_tokens / int(self.padded_G.sum())

    @property
    def padding(self) -> float:
        """Share of padding among the padded tokens."""
        return 1 - int(self.lengths_B.sum()) / int(self.padded_G.sum())

    @property
    def padded_B(self) -> NDArray[np.int64]:
        """The length that each sequence is padded to, in the order of the micro-batches."""
        rows_G = np.array([len(group) for group in self.groups])
        return np.repeat(self.padded_G // rows_G, rows_G)


def layout_of(body: AnyBody, execution: ExecutionConfig, lengths_B: NDArray[np.int64]) -> BatchLayout:
    """Divide sequences of these lengths into micro-batches as a training step does."""
    step = step_of(body, execution)
    groups = step.groups(lengths_B)
    longest = [int(lengths_B[rows].max()) * len(rows) if body.pads else lengths_B[rows].sum() for rows in groups]
    return BatchLayout(lengths_B, groups, step.kept_groups(lengths_B, groups), np.array(longest, np.int64))


def step_of(
    body: AnyBody,
    execution: ExecutionConfig,
    dimensions: Sequence[int] = (),
    *,
    matmul_dtype: torch.dtype | None = None,
    workers: int = 1,
) -> ContrastiveStep:
    """The contrastive step of a training, on one rank."""
    device = next(body.parameters()).device
    return ContrastiveStep(
        body,
        Temperature() if device.type == "cpu" else Temperature().to(device),  # a fake tensor cannot be moved
        token_budget=execution.token_budget,
        kept_tokens=execution.kept_tokens,
        autocast=execution.autocast,
        dimensions=tuple(dimensions),
        matmul_dtype=matmul_dtype,
        workers=workers,
        ranks=Ranks(device=device),
    )


def any_tokens(lengths_B: NDArray[np.int64], vocabulary: int) -> Ragged:
    """Random sequences of these lengths."""
    ids_N = np.random.default_rng(0).integers(vocabulary, size=int(lengths_B.sum()), dtype=np.int32)
    return Ragged(
        ids_N, lengths_B
    ).with_neighbours()  # not made distinct: lengths of a static table count distinct tokens already


@dataclass(frozen=True, slots=True)
class Activations:
    """Memory of activations in a step, in bytes.

    Attributes:
        kept: graphs that are kept between the two passes.
        working: held in addition at the peak: the graph of one micro-batch, and temporaries of its backward pass.
    """

    kept: int
    working: int


def activations_of(layout: BatchLayout, largest: PassCost, slack: int = 0) -> Activations:
    """Memory of activations in a step, scaled from its largest micro-batch.

    Args:
        layout: the micro-batches.
        largest: cost of the largest micro-batch.
        slack: bytes that the allocator held and did not use.
    """
    kept = round(largest.graph_bytes * layout.kept_tokens / int(layout.padded_G[0]))
    first_backward = kept + largest.peak_bytes - largest.graph_bytes
    alone = largest.peak_bytes + slack if layout.kept < len(layout.groups) or layout.kept == 1 else 0
    return Activations(kept, max(first_backward, alone) - kept)


def bytes_by_part(
    sizes: Sizes,
    recipe: Recipe,
    activations: Activations,
    dimension: int,
    sequences: int,
    ranks: int,
    workers: int = 1,
) -> dict[str, int]:
    """Peak memory of one rank by part, in bytes, without the process itself.

    Args:
        sizes: numbers of parameters of the body.
        recipe: all options.
        activations: memory of the activations of the rank's micro-batches.
        dimension: D, length of a vector.
        sequences: number of sequences of this rank.
        ranks: W, number of ranks.
        workers: micro-batches computed at the same time, each with its own gradients.
    """
    number = 8 if recipe.precision == "float64" else 4
    shards = ranks if recipe.shard else 1
    gathered = number * dimension * sequences // 2 * ranks
    parts: dict[str, Any] = {
        "weights": number * sizes.parameters / shards,
        "gradients": workers * number * sizes.trained / shards,
        "optimiser's moments": number * sizes.moments / shards,
        "running average": 4 * sizes.trained if recipe.average is not None else 0,
        "gathered weights of two blocks": 2 * number * sizes.largest_block if recipe.shard else 0,
        "kept activations": activations.kept,
        "one micro-batch" if workers == 1 else f"{workers} micro-batches at a time": workers * activations.working,
        "vectors and their gradients": 2 * number * dimension * sequences,
        "loss: documents of all ranks, their gradients": 2 * gathered,
        "loss: a chunk of logits": 3 * number * min(LOGITS_AT_ONCE, (sequences // 2) ** 2 * ranks),
    }
    return {name: round(size) for name, size in parts.items() if size}
