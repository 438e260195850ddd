"""A tiny causal language model in float64 and rows for it, the same in every process with the same seed."""

import numpy as np
import torch
from torch import Tensor, nn

from adjoin.batches.rows import RowBatch, Rows, RowSampler
from adjoin.model.build import random_generative
from adjoin.model.start import Start
from adjoin.objective.causal import CausalResult, CausalStep
from adjoin.ranks import ALONE, Ranks

VOCABULARY = 50


def double_model() -> nn.Module:
    return random_generative(Start(preset="nano"), VOCABULARY, 32).double()


def row_batch(tokens: int, length: int, seed: int, ranks: Ranks = ALONE) -> RowBatch:
    """A rank's share of a batch of all rows of a random stream; the last one is shorter as a rule."""
    stream = np.random.default_rng(seed).integers(0, VOCABULARY, tokens, dtype=np.uint16)
    rows = Rows(stream, length)
    return RowSampler(rows, len(rows), seed=seed, rank=ranks.index, ranks=ranks.size).batch(0)


def gradients(
    model: nn.Module, batch: RowBatch, token_budget: int = 100_000, ranks: Ranks = ALONE
) -> tuple[CausalResult, list[Tensor]]:
    """A step's result, and all gradients."""
    model.zero_grad()
    result = CausalStep(model, token_budget=token_budget, ranks=ranks)(batch)
    return result, [parameter.grad.clone() for parameter in model.parameters()]


def plain(model: nn.Module, batch: RowBatch) -> tuple[float, list[Tensor]]:
    """The plain version: each row alone through the whole model, one mean over all tokens at the end."""
    model.zero_grad()
    losses = []
    for start, size in zip(batch.rows.starts_B, batch.rows.lengths_B, strict=True):
        ids = torch.from_numpy(batch.rows.ids_N[start : start + size].astype(np.int64))
        logits = model(input_ids=ids[None, :-1], use_cache=False).logits[0]
        losses.append(torch.nn.functional.cross_entropy(logits, ids[1:], reduction="none"))
    loss = torch.cat(losses).mean()
    loss.backward()
    return loss.item(), [parameter.grad.clone() for parameter in model.parameters()]
