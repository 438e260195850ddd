"""Execution config: precision, threads, micro-batch size and kept activations, chosen for this machine.

It is chosen once, at the start of a training, and kept in its checkpoints. Another number of threads, or other
micro-batches, would change the last bits of a resumed training.
"""

import os
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import torch
from torch import nn

from adjoin.errors import AdjoinError
from adjoin.files import wrong_types
from adjoin.model.bodies import AnyBody, TransformerBody
from adjoin.ranks import Ranks
from adjoin.training.hardware import (
    available_memory,
    best_threads,
    cpu_count,
    half_precision,
    return_freed_memory,
)
from adjoin.training.memory import graph_bytes_per_token
from adjoin.training.recipe import Recipe

TOKEN_BUDGET = {"cpu": 512, "cuda": 32_768}  # padded tokens; measured on the CPU in docs/LOG.md
KEPT_ON_CPU = 256 << 20  # bytes: small, so that memory and cost per pair do not change with the batch
KEPT_ON_GPU = 0.7  # share of the free memory beside gradients and moments: nothing else uses it
_LARGEST_FOR_WORKERS = 100_000_000  # trained parameters: 400 MB of gradients per worker
_LARGEST_MICRO_BATCH = 0.5  # share of free memory for one micro-batch: 32,768 tokens of M take 93 GB, of XL 2,500

_DTYPES = {"float32": None, "bfloat16": torch.bfloat16, "float64": None}


@dataclass(frozen=True, slots=True)
class ExecutionConfig:
    """How a training runs on its machine. Only the last bits of its result depend on it.

    Attributes:
        precision: "float32", "bfloat16" or "float64".
        threads: CPU threads of each rank.
        token_budget: padded tokens per micro-batch.
        kept_tokens: padded tokens whose graphs are kept between the two passes; the others are recomputed.
        workers: micro-batches computed at the same time (objective/replicas.py).
    """

    precision: str
    threads: int
    token_budget: int
    kept_tokens: int
    workers: int = 1

    @property
    def autocast(self) -> torch.dtype | None:
        """The matmul dtype of the body; None for the dtype of its weights."""
        return _DTYPES[self.precision]

    def as_json(self) -> dict[str, Any]:
        """All fields, for the checkpoint."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Read what `as_json` returned, also in version 0.1.0.

        Raises:
            AdjoinError: a field is missing, unknown or of the wrong type.
        """
        former = {"memory_tokens": "kept_tokens"}  # name in version 0.1.0 → today's
        content = {former.get(name, name): value for name, value in content.items()}
        declared = {field.name: field.type for field in fields(cls)}
        missing, unknown = declared.keys() - content.keys(), content.keys() - declared.keys()
        wrong = wrong_types(content, declared)
        if missing or unknown:
            wrong = f"{min(missing or unknown)!r:.60} is {'missing' if missing else 'unknown'}"
        elif not wrong and content["precision"] not in _DTYPES:
            wrong = f"precision is {content['precision']!r:.60}, expected {', '.join(_DTYPES)}"
        elif not wrong:
            numbers = {name: value for name, value in content.items() if name != "precision"}
            wrong = ", ".join(
                f"{n} is {v}, expected 1 or more" for n, v in numbers.items() if v < (n != "kept_tokens")
            )
        if wrong:
            raise AdjoinError(
                f"the execution config in the checkpoint's state.json is damaged: {wrong}; take another --out and"
                " start afresh"
            )
        return cls(**content)


def loss_matmul_dtype(recipe: Recipe) -> torch.dtype | None:
    """The matmul dtype of the loss; None for the dtype of the vectors."""
    return torch.bfloat16 if recipe.loss_precision == "bfloat16" else None


def start_execution(
    recipe: Recipe, ranks: Ranks, resumed: dict[str, Any]
) -> tuple[ExecutionConfig | None, str, int]:
    """Set the number of threads, before the body exists.

    Args:
        recipe: all options.
        ranks: the processes that share the training.
        resumed: the execution config of a checkpoint as JSON; empty for a new training.

    Returns:
        The execution config of the checkpoint, or None for a new training; precision; threads.

    Raises:
        AdjoinError: the config is damaged.
    """
    if not resumed:
        return None, *choose_precision_and_threads(recipe, ranks)
    config = ExecutionConfig.from_json(resumed)
    return_freed_memory()
    torch.set_num_threads(config.threads)
    return config, config.precision, config.threads


def choose_precision_and_threads(recipe: Recipe, ranks: Ranks) -> tuple[str, int]:
    """Choose the precision and the number of threads of each rank, and set the latter in torch."""
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


def choose_execution(recipe: Recipe, body: AnyBody, ranks: Ranks, precision: str, threads: int) -> ExecutionConfig:
    """Choose the execution config by the free memory of the device, once the body is there."""
    free = available_memory(ranks.device) - training_state_bytes(recipe, body, ranks.size)
    return fit_execution(recipe, body, ranks.device.type, ranks.broadcast(free), precision, threads)


def training_state_bytes(recipe: Recipe, body: AnyBody, ranks: int) -> float:
    """Bytes of gradients, optimizer moments and average of the weights on each rank."""
    trained = sum(p.numel() * p.element_size() for p in body.parameters() if p.requires_grad)
    copies = 3 + (recipe.average is not None)  # AdamW has two moments
    return trained * copies / (ranks if recipe.shard else 1)


def autocast_copy_bytes(body: AnyBody, precision: str) -> int:
    """Bytes of the bfloat16 copies of the weights, which each graph keeps under autocast: 13 GB for L."""
    return 2 * sum(p.numel() for p in body.parameters() if p.ndim > 1) if precision == "bfloat16" else 0


def fit_execution(
    recipe: Recipe,
    body: AnyBody,
    device: str,
    free: float,
    precision: str,
    threads: int,
) -> ExecutionConfig:
    """Divide a device's memory between micro-batches and kept graphs.

    Args:
        recipe: its token budget and memory win over what is chosen here.
        body: may be of fake tensors (see memory.py).
        device: "cpu" or "cuda".
        free: bytes left beside weights, gradients and moments.
        precision: from `choose_precision_and_threads`.
        threads: from the same function.
    """
    budget = recipe.token_budget or TOKEN_BUDGET[device]
    if not body.pads:
        return ExecutionConfig(precision, threads, budget, budget)
    bytes_per_token = graph_bytes_per_token(body, _DTYPES[precision])
    copies = 0 if recipe.shard else autocast_copy_bytes(body, precision)
    if recipe.token_budget is None:
        budget = max(recipe.max_tokens, min(budget, int((_LARGEST_MICRO_BATCH * free - copies) / bytes_per_token)))
    kept = KEPT_ON_GPU * free if device == "cuda" else min(KEPT_ON_CPU, free / 4)
    kept = recipe.memory * 1e9 if recipe.memory is not None else max(0.0, kept)
    kept_tokens = int(kept / (bytes_per_token + copies / budget))
    if recipe.memory is None:
        kept_tokens = max(kept_tokens, budget)  # the last micro-batch costs nothing to keep: its graph is there
    workers = micro_batch_workers(recipe, body) if device == "cpu" else 1
    bytes_per_worker = training_state_bytes(recipe, body, 1) / 3 + budget * bytes_per_token
    workers = max(1, min(workers, int(_LARGEST_MICRO_BATCH * free / bytes_per_worker)))
    return ExecutionConfig(precision, threads, budget, kept_tokens, workers)


def micro_batch_workers(recipe: Recipe, body: AnyBody) -> int:
    """How many micro-batches a rank computes at the same time on the CPU: one per thread, if the body allows it.

    One for a large body, as each worker has its own gradients. One with dropout, as threads would draw each
    other's random numbers.
    """
    trained = sum(p.numel() for p in body.parameters() if p.requires_grad)
    if recipe.compile or recipe.shard or trained > _LARGEST_FOR_WORKERS or _draws_dropout(body):
        return 1
    return recipe.threads or max(1, cpu_count() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def _draws_dropout(body: AnyBody) -> bool:
    """Whether the forward pass is random: dropout in a module or in the configuration, or noise of a router."""
    settings = body.model.config.to_dict() if isinstance(body, TransformerBody) else {}
    return _has_share(settings) or any(
        isinstance(module, nn.Dropout) and module.p > 0 for module in body.modules()
    )


def _has_share(settings: dict[str, Any]) -> bool:
    """Whether a configuration, or a part of it, has a dropout or noise above zero."""
    return any(
        _has_share(value)
        if isinstance(value, dict)
        else isinstance(value, float) and value > 0 and any(word in name for word in ("drop", "jitter", "noise"))
        for name, value in settings.items()
    )
