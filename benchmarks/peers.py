"""The contestants of training.py: one batch of pairs → its gradients in the parameters' `.grad`.

All have the same weights at the start, the same tokens, the same loss: symmetric InfoNCE over the batch at a fixed
scale. In sentence-transformers that is directions=("query_to_doc", "doc_to_query") with
partition_mode="per_direction"; it trains no temperature, so ours rests.

- `Adjoin`: micro-batches of both sides sorted by length under a token budget, cached gradients.
- `SentenceTransformersCached`: CachedMultipleNegativesRankingLoss, by number of sequences or of tokens.
- `SentenceTransformersPlain`: MultipleNegativesRankingLoss, the whole batch with one graph.
- `GradCache`: the loop of the paper (arXiv 2101.06983) as one writes it at first: the batch's order, an attention
  mask, mini-batches of equal number, the whole matrix of logits at once.
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
    """What is the same for all contestants, and the sizes that are each one's own.

    Attributes:
        model: a transformers folder: config, weights, tokenizer.
        device: "cpu" or "cuda".
        bfloat16: whether matrix products run in it (autocast); weights stay in float32.
        token_budget, kept_tokens: of our step; see `ContrastiveStep`.
        mini_batch: sequences of a mini-batch of the others.
        mini_batch_tokens: sentence-transformers' token budget, which then takes the place of `mini_batch`.
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
    """One side of a batch as the data collators of the others give it: a padded matrix and its mask."""

    ids_BT: Tensor
    mask_BT: Tensor

    @classmethod
    def of(cls, tokens: Ragged, device: str) -> "Side":
        """Pad to the right, to the longest."""
        ids_BT = torch.from_numpy(tokens.padded())
        mask_BT = torch.arange(ids_BT.shape[1]) < torch.from_numpy(tokens.lengths_B)[:, None]
        return cls(ids_BT.to(device), mask_BT.long().to(device))

    def rows(self, start: int, stop: int) -> "Side":
        """Some sequences, without the columns that are padding for all of them."""
        mask_BT = self.mask_BT[start:stop]
        longest = int(mask_BT.sum(dim=1).max())
        return Side(self.ids_BT[start:stop, :longest], mask_BT[:, :longest])

    @property
    def features(self) -> dict[str, Any]:
        """What sentence-transformers' modules take."""
        return {"input_ids": self.ids_BT, "attention_mask": self.mask_BT, "modality": "text"}


class Contestant(Protocol):
    """One way to compute a batch's gradients.

    Attributes:
        parameters: all that is trained.
    """

    parameters: list[nn.Parameter]

    @property
    def padding(self) -> float:
        """The share of the tokens that were padding in the last batch."""
        ...

    def prepare(self, batch: Batch) -> Any:  # noqa: ANN401 - each contestant's own
        """What its data loader would have made of the batch; not timed."""
        ...

    def gradients(self, prepared: Any) -> float:  # noqa: ANN401 - what `prepare` returned
        """Add the gradients of the batch's loss to the parameters; returns the loss in nats."""
        ...


def open_model(setting: Setting) -> Any:  # noqa: ANN401 - a transformers model, an untyped library
    """The model that all start from, on its device, weights in float32."""
    from transformers import AutoModel

    with library_quiet():
        model = AutoModel.from_pretrained(setting.model, dtype=torch.float32, local_files_only=True)
    return model.to(setting.device).train()


class Adjoin:
    """Ours, with the temperature at rest."""

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
        """See `Contestant`."""
        return self._padding

    def prepare(self, batch: Batch) -> Batch:
        """See `Contestant`."""
        return batch

    def gradients(self, prepared: Batch) -> float:
        """See `Contestant`."""
        result = self.step(prepared)
        self._padding = 1 - result.tokens / result.padded
        return result.loss


class _Masked:
    """What the others share: two padded sides in, padding counted where it goes through the model."""

    parameters: list[nn.Parameter]

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.sequences = self.tokens = 0  # of the batch
        self.embedded = self.padded = (
            0  # sequences and tokens that went through the model; a second pass counts too
        )

    def count(self, side: Side) -> None:
        """Note what goes through the model; reads no tensor, so that no GPU is waited for."""
        self.embedded += len(side.ids_BT)
        self.padded += side.ids_BT.numel()

    @property
    def padding(self) -> float:
        """See `Contestant`."""
        return 1 - self.tokens * self.embedded / self.sequences / self.padded

    def prepare(self, batch: Batch) -> tuple[Side, Side]:
        """See `Contestant`."""
        self.sequences, self.tokens = 2 * len(batch), int(batch.x.lengths_B.sum() + batch.y.lengths_B.sum())
        self.embedded = self.padded = 0
        return Side.of(batch.x, self.setting.device), Side.of(batch.y, self.setting.device)


class _SentenceTransformers(_Masked):
    """A SentenceTransformer of the same weights, made ready by accelerate as its trainer does it."""

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
        """A hook that counts."""
        self.count(Side(arguments[0]["input_ids"], arguments[0]["attention_mask"]))

    def gradients(self, prepared: tuple[Side, Side]) -> float:
        """See `Contestant`."""
        loss = self.loss([side.features for side in prepared], None)
        loss.backward()
        return float(loss.detach())


class SentenceTransformersCached(_SentenceTransformers):
    """CachedMultipleNegativesRankingLoss; with a token budget if the setting has one."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(
            setting,
            "CachedMultipleNegativesRankingLoss",
            mini_batch_size=setting.mini_batch,
            mini_batch_num_tokens=setting.mini_batch_tokens,
        )

    def resize(self, mini_batch: int, tokens: int | None) -> None:
        """Take another size of mini-batch, to find the best."""
        self.loss.mini_batch_size, self.loss.mini_batch_num_tokens = mini_batch, tokens


class SentenceTransformersPlain(_SentenceTransformers):
    """MultipleNegativesRankingLoss."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting, "MultipleNegativesRankingLoss")


class GradCache(_Masked):
    """Cached gradients in the plainest loop."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.model = open_model(setting)
        self.parameters = list(self.model.parameters())

    def precision(self) -> AbstractContextManager[object]:
        """Autocast where the setting wants it."""
        return torch.autocast(self.setting.device, torch.bfloat16) if self.setting.bfloat16 else nullcontext()

    def embed(self, side: Side) -> Tensor:
        """Unit vectors (B, D): the state at the last token."""
        self.count(side)
        with self.precision():
            states_BTD = self.model(side.ids_BT, attention_mask=side.mask_BT, use_cache=False).last_hidden_state
        last_B = side.mask_BT.sum(dim=1) - 1
        return functional.normalize(states_BTD[torch.arange(len(last_B), device=last_B.device), last_B].float())

    def gradients(self, prepared: tuple[Side, Side]) -> float:
        """See `Contestant`."""
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


CONTESTANTS: dict[str, Callable[[Setting], Contestant]] = {
    "adjoin": Adjoin,
    "st-cached": SentenceTransformersCached,
    "st-tokens": SentenceTransformersCached,
    "st-plain": SentenceTransformersPlain,
    "gradcache": GradCache,
}


class Trainer:
    """A contestant with the optimiser that all have: AdamW after a clipped gradient."""

    def __init__(self, contestant: Contestant) -> None:
        self.contestant = contestant
        self.optimizer = torch.optim.AdamW(
            contestant.parameters, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
        )

    def step(self, prepared: Any) -> float:  # noqa: ANN401 - what the contestant's `prepare` returned
        """Train on a batch; returns its loss."""
        loss = self.contestant.gradients(prepared)
        nn.utils.clip_grad_norm_(self.contestant.parameters, CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss


def batch_of(x: Ragged, y: Ragged, rows: np.ndarray[Any, np.dtype[np.int64]]) -> Batch:
    """The pairs `rows` of a file in which no two share anything."""
    return Batch(x.take(rows), y.take(rows), rows + len(x) * np.arange(3)[:, None])
