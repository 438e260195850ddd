"""The implementations that training.py compares: each computes the gradients of one batch of pairs.

All have the same initial weights, tokens and loss: symmetric InfoNCE over the batch at a fixed temperature. In
sentence-transformers this is directions=("query_to_doc", "doc_to_query") with partition_mode="per_direction". It
does not train the temperature, so ours is frozen.

- `Adjoin`: micro-batches of both sides, sorted by length under a token budget, with cached gradients.
- `SentenceTransformersCached`: CachedMultipleNegativesRankingLoss, by number of sequences or of tokens.
- `SentenceTransformersPlain`: MultipleNegativesRankingLoss, the whole batch with one graph.
- `GradCache`: a straightforward loop after the paper (arXiv 2101.06983): batch order, an attention mask,
  mini-batches of equal size, and the whole matrix of logits at once.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from adjoin.batches.batch import Batch
from adjoin.model.bodies import TransformerBody
from adjoin.model.pretrained import library_quiet
from adjoin.objective.contrastive import START_LOGIT_SCALE, Temperature
from adjoin.objective.step import ContrastiveStep
from adjoin.ranks import Ranks
from adjoin.tokens import Ragged
from adjoin.training.hardware import return_freed_memory

LEARNING_RATE, WEIGHT_DECAY, CLIP = 5e-4, 0.01, 1.0


@dataclass(frozen=True, slots=True)
class Setting:
    """Settings shared by all implementations, and the sizes specific to each.

    Attributes:
        model: a transformers folder with config, weights and tokenizer.
        device: "cpu" or "cuda".
        bfloat16: whether matrix products run in bfloat16 (autocast). Weights stay in float32.
        token_budget, kept_tokens: settings of our step, see `ContrastiveStep`.
        mini_batch: sequences per mini-batch of the others.
        mini_batch_tokens: token budget of sentence-transformers, which replaces `mini_batch`.
    """

    model: Path
    device: str
    bfloat16: bool
    token_budget: int
    kept_tokens: int
    mini_batch: int = 32
    mini_batch_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a batch as a padded matrix with its mask, as usual data collators return it."""

    ids_BT: Tensor
    mask_BT: Tensor

    @classmethod
    def of(cls, tokens: Ragged, device: str) -> "Side":
        """Pad on the right to the longest sequence."""
        ids_BT = torch.from_numpy(tokens.padded())
        mask_BT = torch.arange(ids_BT.shape[1]) < torch.from_numpy(tokens.lengths_B)[:, None]
        return cls(ids_BT.to(device), mask_BT.long().to(device))

    def rows(self, start: int, stop: int) -> "Side":
        """A range of sequences, without the columns that are padding for all of them."""
        mask_BT = self.mask_BT[start:stop]
        longest = int(mask_BT.sum(dim=1).max())
        return Side(self.ids_BT[start:stop, :longest], mask_BT[:, :longest])

    @property
    def features(self) -> dict[str, Any]:
        """The input of sentence-transformers' modules."""
        return {"input_ids": self.ids_BT, "attention_mask": self.mask_BT, "modality": "text"}


class Implementation(Protocol):
    """Protocol of a way to compute the gradients of a batch.

    Attributes:
        parameters: all trained parameters.
    """

    parameters: list[nn.Parameter]

    @property
    def padding(self) -> float:
        """Share of the tokens that were padding in the last batch."""
        ...

    def prepare(self, batch: Batch) -> Any:  # noqa: ANN401 - each implementation's own
        """The batch as the implementation's data loader would return it. This is not timed."""
        ...

    def gradients(self, prepared: Any) -> float:  # noqa: ANN401 - what `prepare` returned
        """Add the gradients of the batch's loss to the parameters. Returns the loss in nats."""
        ...


def open_model(setting: Setting) -> Any:  # noqa: ANN401 - a transformers model, an untyped library
    """The model that all start from, on its device, with float32 weights."""
    from transformers import AutoModel

    with library_quiet():
        model = AutoModel.from_pretrained(setting.model, dtype=torch.float32, local_files_only=True)
    return model.to(setting.device).train()


class Adjoin:
    """Our implementation, with a frozen temperature."""

    def __init__(self, setting: Setting) -> None:
        return_freed_memory()  # as every training of ours does
        body = TransformerBody(open_model(setting))
        temperature = Temperature(START_LOGIT_SCALE).to(setting.device).requires_grad_(False)
        self.step = ContrastiveStep(
            body,
            temperature,
            token_budget=setting.token_budget,
            kept_tokens=setting.kept_tokens,
            autocast=torch.bfloat16 if setting.bfloat16 else None,
            workers=torch.get_num_threads() if setting.device == "cpu" else 1,
            ranks=Ranks(device=torch.device(setting.device)),
        )
        self.parameters, self._padding = list(body.parameters()), 0.0

    @property
    def padding(self) -> float:
        """See `Implementation`."""
        return self._padding

    def prepare(self, batch: Batch) -> Batch:
        """See `Implementation`."""
        return batch

    def gradients(self, prepared: Batch) -> float:
        """See `Implementation`."""
        result = self.step(prepared)
        self._padding = 1 - result.tokens / result.padded
        return result.loss


class _Masked:
    """The common part of the others: two padded sides as input, and a count of the padding."""

    parameters: list[nn.Parameter]

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.sequences = self.tokens = 0  # of the batch
        self.embedded = self.padded = (
            0  # sequences and tokens that went through the model; a second pass counts too
        )

    def count(self, side: Side) -> None:
        """Count the tokens that go through the model, without waiting for the GPU."""
        self.embedded += len(side.ids_BT)
        self.padded += side.ids_BT.numel()

    @property
    def padding(self) -> float:
        """See `Implementation`."""
        return 1 - self.tokens * self.embedded / self.sequences / self.padded

    def prepare(self, batch: Batch) -> tuple[Side, Side]:
        """See `Implementation`."""
        self.sequences, self.tokens = 2 * len(batch), int(batch.x.lengths_B.sum() + batch.y.lengths_B.sum())
        self.embedded = self.padded = 0
        return Side.of(batch.x, self.setting.device), Side.of(batch.y, self.setting.device)


class _SentenceTransformers(_Masked):
    """A SentenceTransformer with the same weights, prepared by accelerate as its trainer does."""

    def __init__(self, setting: Setting, loss: str, **options: object) -> None:
        super().__init__(setting)
        library = import_module("sentence_transformers")
        modules = import_module("sentence_transformers.sentence_transformer.modules")
        losses = import_module("sentence_transformers.sentence_transformer.losses")
        with library_quiet():
            transformer = modules.Transformer(str(setting.model))
            pooling = modules.Pooling(transformer.model.config.hidden_size, pooling_mode="lasttoken")
            model = library.SentenceTransformer(
                modules=[transformer, pooling, modules.Normalize()], device=setting.device
            )
        transformer.register_forward_pre_hook(self.before_forward)
        accelerator = import_module("accelerate").Accelerator(
            mixed_precision="bf16" if setting.bfloat16 else "no", cpu=setting.device == "cpu"
        )
        self.loss = getattr(losses, loss)(
            accelerator.prepare_model(model.train()),
            scale=START_LOGIT_SCALE,
            directions=("query_to_doc", "doc_to_query"),
            partition_mode="per_direction",
            **options,
        )
        self.parameters = list(model.parameters())

    def before_forward(self, _: nn.Module, arguments: tuple[dict[str, Tensor], ...]) -> None:
        """A hook that counts tokens."""
        self.count(Side(arguments[0]["input_ids"], arguments[0]["attention_mask"]))

    def gradients(self, prepared: tuple[Side, Side]) -> float:
        """See `Implementation`."""
        loss = self.loss([side.features for side in prepared], None)
        loss.backward()
        return float(loss.detach())


class SentenceTransformersCached(_SentenceTransformers):
    """CachedMultipleNegativesRankingLoss, with a token budget if the setting has one."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(
            setting,
            "CachedMultipleNegativesRankingLoss",
            mini_batch_size=setting.mini_batch,
            mini_batch_num_tokens=setting.mini_batch_tokens,
        )

    def resize(self, mini_batch: int, tokens: int | None) -> None:
        """Change the mini-batch size, to find the best one."""
        self.loss.mini_batch_size, self.loss.mini_batch_num_tokens = mini_batch, tokens


class SentenceTransformersPlain(_SentenceTransformers):
    """MultipleNegativesRankingLoss."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting, "MultipleNegativesRankingLoss")


class GradCache(_Masked):
    """Cached gradients in a straightforward loop."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.model = open_model(setting)
        self.parameters = list(self.model.parameters())

    def precision(self) -> AbstractContextManager[object]:
        """Autocast if the setting asks for bfloat16."""
        return torch.autocast(self.setting.device, torch.bfloat16) if self.setting.bfloat16 else nullcontext()

    def embed(self, side: Side) -> Tensor:
        """Unit vectors (B, D): the hidden state at the last token."""
        self.count(side)
        with self.precision():
            states_BTD = self.model(side.ids_BT, attention_mask=side.mask_BT, use_cache=False).last_hidden_state
        last_B = side.mask_BT.sum(dim=1) - 1
        return functional.normalize(states_BTD[torch.arange(len(last_B), device=last_B.device), last_B].float())

    def gradients(self, prepared: tuple[Side, Side]) -> float:
        """See `Implementation`."""
        step, pairs = self.setting.mini_batch, len(prepared[0].ids_BT)
        parts = [side.rows(start, start + step) for side in prepared for start in range(0, pairs, step)]
        with torch.no_grad():
            vectors = torch.cat([self.embed(part) for part in parts])
        x_MD, y_MD = vectors.requires_grad_().chunk(2)
        logits_MM, diagonal = x_MD @ y_MD.T * START_LOGIT_SCALE, torch.arange(pairs, device=vectors.device)
        loss = (
            functional.cross_entropy(logits_MM, diagonal) + functional.cross_entropy(logits_MM.T, diagonal)
        ) / 2
        torch.autograd.backward(loss)
        assert vectors.grad is not None  # backward has just filled it
        gradients = torch.split(vectors.grad, [len(part.ids_BT) for part in parts])
        for part, gradient_BD in zip(parts, gradients, strict=True):
            torch.autograd.backward(self.embed(part), gradient_BD)
        return float(loss.detach())


IMPLEMENTATIONS: dict[str, Callable[[Setting], Implementation]] = {
    "adjoin": Adjoin,
    "st-cached": SentenceTransformersCached,
    "st-tokens": SentenceTransformersCached,
    "st-plain": SentenceTransformersPlain,
    "gradcache": GradCache,
}


class Trainer:
    """An implementation with the shared optimizer: AdamW after gradient clipping."""

    def __init__(self, implementation: Implementation) -> None:
        self.implementation = implementation
        self.optimizer = torch.optim.AdamW(
            implementation.parameters, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
        )

    def step(self, prepared: Any) -> float:  # noqa: ANN401 - what the implementation's `prepare` returned
        """Train on a batch. Returns its loss."""
        loss = self.implementation.gradients(prepared)
        nn.utils.clip_grad_norm_(self.implementation.parameters, CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss


def batch_of(x: Ragged, y: Ragged, rows: np.ndarray[Any, np.dtype[np.int64]]) -> Batch:
    """The pairs `rows` as a batch. No two pairs of the file share a text."""
    return Batch(x.take(rows), y.take(rows), rows + len(x) * np.arange(3)[:, None])
