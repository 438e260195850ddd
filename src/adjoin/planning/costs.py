"""What a step costs, counted: products, bytes by part, micro-batches. No clock and no machine here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from adjoin.model.adapters import with_lora
from adjoin.model.bodies import StaticBody, TransformerBody
from adjoin.model.build import random_transformer
from adjoin.model.locations import WEIGHTS_FILE, locate_model
from adjoin.model.presets import preset_named
from adjoin.model.pretrained import describe_checkpoint
from adjoin.model.static import read_tensors, start_vectors
from adjoin.objective.contrastive import LOGITS_AT_ONCE, Temperature
from adjoin.objective.step import ContrastiveStep
from adjoin.ranks import Ranks
from adjoin.tokens import Ragged
from adjoin.training.execution import Settled
from adjoin.training.memory import Pass
from adjoin.training.optimizers import optimizer_for
from adjoin.training.recipe import Recipe

AnyBody = StaticBody | TransformerBody


def untrained_body(recipe: Recipe, vocabulary: int) -> AnyBody:
    """A body of a recipe's size with random weights, also in place of a checkpoint's."""
    if recipe.start.checkpoint is not None and recipe.start.is_static:
        return StaticBody.from_tensors(read_tensors(locate_model(recipe.start.checkpoint) / WEIGHTS_FILE))
    if recipe.start.is_static:
        dimension = recipe.dimension or preset_named("static").dimension
        vectors_VD, weights_V = start_vectors(vocabulary, dimension, recipe.seed), np.ones(vocabulary, np.float32)
        return StaticBody(vectors_VD, weights_V, openings=range(2), hidden=recipe.hidden or 0)
    if recipe.init is None:
        body = random_transformer(recipe.start, vocabulary, recipe.max_tokens)
    else:
        from transformers import AutoModel

        config = describe_checkpoint(recipe.start)[0]
        config.vocab_size = vocabulary  # fewer where it is pruned
        if hasattr(config, "quantization_config"):
            del config.quantization_config
        body = TransformerBody(AutoModel.from_config(config, dtype=torch.float32))
    return body if recipe.lora is None else with_lora(body, recipe.lora, seed=recipe.seed)


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a body is made of.

    Attributes:
        parameters: all numbers, the table among them.
        table: those of the table of token vectors.
        trained: those with a gradient.
        moments: numbers that the optimiser keeps.
        largest_block: numbers of the largest block, or of what stands outside the blocks.
        layers: blocks; 0 for a static table.
        attention_width: heads times their width.
        layer: those of a static table's layer on top.
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
        """Of weights, gradients and moments."""
        return (8 if recipe.precision == "float64" else 4) * (self.parameters + self.trained + self.moments)

    def useful_flops(self, lengths_B: NDArray[np.int64], dimension: int) -> float:
        """Of products for sequences of these lengths, forward and backward, each token once.

        6 a weight and token but for the table, and causal attention; a static table: 6 D a token, and 6 a weight
        of its layer and sequence.
        """
        if not self.layers:
            return 6.0 * (int(lengths_B.sum()) * dimension + len(lengths_B) * self.layer)
        return 6.0 * (self.parameters - self.table) * int(lengths_B.sum()) + 3 * self.attention_flops(lengths_B)

    def attention_flops(self, lengths_B: NDArray[np.int64]) -> float:
        """Of a forward pass of attention alone, the causal half; backward takes twice as many."""
        return 2.0 * self.layers * self.attention_width * float((lengths_B.astype(np.float64) ** 2).sum())


def sizes_of(body: AnyBody, recipe: Recipe) -> Sizes:
    """Count a body's numbers; one of fake tensors will do."""
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
    heads = config.num_attention_heads
    width = heads * int(getattr(config, "head_dim", None) or config.hidden_size // heads)
    blocks = [
        sum(p.numel() for p in block.parameters())
        for stack in body.model.modules()
        if isinstance(stack, nn.ModuleList)
        for block in stack
    ]
    table = int(body.model.get_input_embeddings().weight.numel())
    outside = parameters - sum(blocks)
    return Sizes(parameters, table, trained, moments, max([outside, *blocks]), config.num_hidden_layers, width)


@dataclass(frozen=True, slots=True)
class Shape:
    """How a rank's share of a batch is cut into micro-batches.

    Attributes:
        lengths_B: tokens of its sequences.
        groups: the rows of each micro-batch.
        kept: how many of the last ones keep their graph.
        padded_G: padded tokens of each micro-batch.
    """

    lengths_B: NDArray[np.int64]
    groups: list[NDArray[np.int64]]
    kept: int
    padded_G: NDArray[np.int64]

    @property
    def kept_tokens(self) -> int:
        """Padded tokens whose graphs are kept."""
        return int(self.padded_G[len(self.groups) - self.kept :].sum())

    @property
    def recomputed(self) -> float:
        """The share of the padded tokens that go through the body a second time."""
        return 1 - self.kept_tokens / int(self.padded_G.sum())

    @property
    def padding(self) -> float:
        """The share of the tokens that are padding."""
        return 1 - int(self.lengths_B.sum()) / int(self.padded_G.sum())

    @property
    def padded_B(self) -> NDArray[np.int64]:
        """The length that each sequence is padded to, in the micro-batches' order."""
        rows_G = np.array([len(group) for group in self.groups])
        return np.repeat(self.padded_G // rows_G, rows_G)


def shape_of(body: AnyBody, settled: Settled, lengths_B: NDArray[np.int64]) -> Shape:
    """The micro-batches that a training's step makes of sequences of these lengths."""
    step = step_of(body, settled)
    groups = step.groups(lengths_B)
    longest = [int(lengths_B[rows].max()) * len(rows) if body.pads else lengths_B[rows].sum() for rows in groups]
    return Shape(lengths_B, groups, step.kept_groups(lengths_B, groups), np.array(longest, np.int64))


def step_of(
    body: AnyBody,
    settled: Settled,
    dimensions: Sequence[int] = (),
    *,
    matmul_dtype: torch.dtype | None = None,
    workers: int = 1,
) -> ContrastiveStep:
    """A training's step, on one rank."""
    device = next(body.parameters()).device
    return ContrastiveStep(
        body,
        Temperature() if device.type == "cpu" else Temperature().to(device),  # a fake one cannot be moved
        token_budget=settled.token_budget,
        kept_tokens=settled.kept_tokens,
        autocast=settled.autocast,
        dimensions=tuple(dimensions),
        matmul_dtype=matmul_dtype,
        workers=workers,
        ranks=Ranks(device=device),
    )


def any_tokens(lengths_B: NDArray[np.int64], vocabulary: int) -> Ragged:
    """Sequences of these lengths with random tokens."""
    ids_N = np.random.default_rng(0).integers(vocabulary, size=int(lengths_B.sum()), dtype=np.int32)
    return Ragged(ids_N, lengths_B).with_neighbours()  # as they are: their lengths are those of distinct tokens


@dataclass(frozen=True, slots=True)
class Activations:
    """What embedding and loss hold in a step, in bytes.

    Attributes:
        kept: the graphs of the micro-batches that are embedded once.
        working: besides them, at the worst moment: a micro-batch's graph, and what its backward pass makes.
    """

    kept: int
    working: int


def activations_of(shape: Shape, largest: Pass, slack: int = 0) -> Activations:
    """Scale a pass of the largest micro-batch to the step.

    Args:
        shape: of the step.
        largest: the pass of its largest micro-batch.
        slack: bytes that the allocator held beside that pass and did not use.
    """
    kept = round(largest.graph * shape.kept_tokens / int(shape.padded_G[0]))
    first_backward = kept + largest.most - largest.graph
    alone = largest.most + slack if shape.kept < len(shape.groups) or shape.kept == 1 else 0
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
    """Memory of one rank at its step's worst moment, beside the process itself.

    Args:
        sizes: the body's.
        recipe: what is trained.
        activations: of this rank's micro-batches.
        dimension: D of its vectors.
        sequences: of this rank's share.
        ranks: W.
        workers: micro-batches at a time, each with gradients of its own.
    """
    number = 8 if recipe.precision == "float64" else 4
    parts = ranks if recipe.shard else 1
    gathered = number * dimension * sequences // 2 * ranks
    found: dict[str, Any] = {
        "weights": number * sizes.parameters / parts,
        "gradients": workers * number * sizes.trained / parts,
        "optimiser's moments": number * sizes.moments / parts,
        "running average": 4 * sizes.trained if recipe.average is not None else 0,
        "gathered weights of two blocks": 2 * number * sizes.largest_block if recipe.shard else 0,
        "kept activations": activations.kept,
        "one micro-batch" if workers == 1 else f"{workers} micro-batches at a time": workers * activations.working,
        "vectors and their gradients": 2 * number * dimension * sequences,
        "loss: documents of all ranks, their gradients": 2 * gathered,
        "loss: a chunk of logits": 3 * number * min(LOGITS_AT_ONCE, (sequences // 2) ** 2 * ranks),
    }
    return {name: round(size) for name, size in found.items() if size}
