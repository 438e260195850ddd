"""What a recipe leaves to the machine: threads, precision, the size of micro-batches, what may be kept in memory.

Measured or counted once, at a training's start, and kept in its checkpoints: another number of threads, or other
micro-batches, would move the last bits of a resumed run.
"""

import os
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import torch
from torch import nn

from adjoin.errors import AdjoinError
from adjoin.files import wrong_types
from adjoin.model.bodies import StaticBody, TransformerBody
from adjoin.ranks import Ranks
from adjoin.training.hardware import (
    available_memory,
    best_threads,
    half_precision,
    processors,
    return_freed_memory,
)
from adjoin.training.memory import graph_bytes_per_token
from adjoin.training.recipe import Recipe

TOKEN_BUDGET = {"cpu": 512, "cuda": 32_768}  # padded tokens; measured on the CPU in docs/LOG.md
KEPT_ON_CPU = 256 << 20  # bytes: small, so that memory and cost a pair do not change with the batch
KEPT_ON_GPU = 0.7  # share of what is free beside gradients and moments: that memory serves nobody else
_LARGEST_FOR_WORKERS = 100_000_000  # trained numbers: 400 MB of gradients a worker
_LARGEST_MICRO_BATCH = 0.5  # share of the same for one micro-batch: at 32,768 tokens M takes 93 GB, XL 2,500

_DTYPES = {"float32": None, "bfloat16": torch.bfloat16, "float64": None}


@dataclass(frozen=True, slots=True)
class Settled:
    """A training's settings on its machine.

    Attributes:
        precision: "float32", "bfloat16" or "float64".
        threads: of the processor, for each rank.
        token_budget: padded tokens of a micro-batch.
        kept_tokens: padded tokens whose graphs are kept together.
        workers: micro-batches at a time (objective/crew.py).
    """

    precision: str
    threads: int
    token_budget: int
    kept_tokens: int
    workers: int = 1

    @property
    def autocast(self) -> torch.dtype | None:
        """What the body's products run in, where that is not the weights' own precision."""
        return _DTYPES[self.precision]

    def as_json(self) -> dict[str, Any]:
        """For the checkpoint."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """What `as_json` gave.

        Raises:
            AdjoinError: it is damaged.
        """
        declared = {field.name: field.type for field in fields(cls)}
        wrong = content.keys() != declared.keys() or wrong_types(content, declared)
        if wrong or content["precision"] not in _DTYPES:
            raise AdjoinError(
                f"the checkpoint's settings are damaged: {content}; take another --out and start afresh"
            )
        return cls(**content)


def loss_matmul_dtype(recipe: Recipe) -> torch.dtype | None:
    """What the loss's matrix products are rounded to; None for the vectors' own precision."""
    return torch.bfloat16 if recipe.loss_precision == "bfloat16" else None


def settle_processor(recipe: Recipe, ranks: Ranks) -> tuple[str, int]:
    """The precision, and the number of threads of each rank; the latter takes effect at once."""
    return_freed_memory()
    precision = recipe.precision
    if precision == "auto":
        precision = "bfloat16" if half_precision(ranks.device) else "float32"
    threads = recipe.threads
    if threads is None:
        threads = best_threads() if ranks.device.type == "cpu" else torch.get_num_threads()
        threads = max(1, int(ranks.broadcast(threads)) // (ranks.size if ranks.device.type == "cpu" else 1))
    torch.set_num_threads(threads)
    return precision, threads


def settle(
    recipe: Recipe, body: StaticBody | TransformerBody, ranks: Ranks, precision: str, threads: int
) -> Settled:
    """Everything else, once the body is where it computes."""
    room = available_memory(ranks.device) - still_to_come(recipe, body, ranks.size)
    return share_out(recipe, body, ranks.device.type, ranks.broadcast(room), precision, threads)


def still_to_come(recipe: Recipe, body: StaticBody | TransformerBody, ranks: int) -> float:
    """Bytes that gradients, moments and a running average will take on each rank."""
    trained = sum(p.numel() * p.element_size() for p in body.parameters() if p.requires_grad)
    copies = 3 + (recipe.average is not None)  # AdamW has two moments
    return trained * copies / (ranks if recipe.shard else 1)


def weight_copies(body: StaticBody | TransformerBody, precision: str) -> int:
    """Bytes of the weights in the precision of their products, which each graph keeps: 13 GB of L's."""
    return 2 * sum(p.numel() for p in body.parameters() if p.ndim > 1) if precision == "bfloat16" else 0


def share_out(
    recipe: Recipe,
    body: StaticBody | TransformerBody,
    device: str,
    room: float,
    precision: str,
    threads: int,
) -> Settled:
    """What micro-batches and kept graphs get of a device's memory; `adjoin plan` asks this for devices on paper.

    Args:
        recipe: its token budget and memory count, where given.
        body: also one of fake tensors (see memory.py).
        device: "cpu" or "cuda".
        room: bytes that are free beside all that is still to come.
        precision: as settled.
        threads: as settled.
    """
    budget = recipe.token_budget or TOKEN_BUDGET[device]
    if not body.pads:
        return Settled(precision, threads, budget, budget)
    a_token = graph_bytes_per_token(body, _DTYPES[precision])
    copies = 0 if recipe.shard else weight_copies(body, precision)
    if recipe.token_budget is None:
        budget = max(recipe.max_tokens, min(budget, int((_LARGEST_MICRO_BATCH * room - copies) / a_token)))
    kept = KEPT_ON_GPU * room if device == "cuda" else min(KEPT_ON_CPU, room / 4)
    kept = recipe.memory * 1e9 if recipe.memory is not None else max(0.0, kept)
    kept_tokens = int(kept / (a_token + copies / budget))
    if recipe.memory is None:
        kept_tokens = max(kept_tokens, budget)  # the last micro-batch is kept for nothing: it was there anyway
    workers = workers_for(recipe, body) if device == "cpu" else 1
    a_worker = still_to_come(recipe, body, 1) / 3 + budget * a_token
    workers = max(1, min(workers, int(_LARGEST_MICRO_BATCH * room / a_worker)))
    return Settled(precision, threads, budget, kept_tokens, workers)


def workers_for(recipe: Recipe, body: StaticBody | TransformerBody) -> int:
    """How many micro-batches a rank embeds at a time on the processor: one a thread, if the body allows it.

    Not a large one, as each worker has gradients of its own; not one that draws dropout, as threads would take
    each other's random numbers.
    """
    trained = sum(p.numel() for p in body.parameters() if p.requires_grad)
    if recipe.compile or recipe.shard or trained > _LARGEST_FOR_WORKERS or _draws_dropout(body):
        return 1
    return recipe.threads or max(1, processors() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def _draws_dropout(body: StaticBody | TransformerBody) -> bool:
    """Whether a body's forward pass is random: by its modules, and by what its configuration says of attention."""
    settings = vars(body.model.config) if isinstance(body, TransformerBody) else {}
    shares = [value for name, value in settings.items() if "drop" in name and isinstance(value, float)]
    return any(share > 0 for share in shares) or any(
        isinstance(module, nn.Dropout) and module.p > 0 for module in body.modules()
    )
