"""All that a training needs before its first step: tokenizer, body, tokens, sampler, optimiser, state."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn

from adjoin.batches.sampler import Sampler, TokenizedPairs
from adjoin.errors import AdjoinError
from adjoin.files import write_atomically
from adjoin.model.bodies import StaticBody, TransformerBody
from adjoin.model.encoder import DESCRIPTION_FILE, WEIGHTS_FILE
from adjoin.model.presets import preset_named
from adjoin.model.start import checkpoint_body, random_transformer, static_body
from adjoin.model.static import inverse_document_frequency
from adjoin.objective.contrastive import Temperature
from adjoin.objective.step import ContrastiveStep
from adjoin.pairs.dataset import PairDataset
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import Ragged, Tokenizer
from adjoin.training import checkpoint
from adjoin.training.recipe import Recipe
from adjoin.training.schedule import Budget

PAIRS_FOR_TOKENIZER = 50_000  # learning takes about 10 s; more pairs change the vocabulary little

Say = Callable[[str], None]


@dataclass
class Run:
    """A training that is ready to go, or to go on.

    Attributes:
        batch: pairs a batch.
        folder: where log, curve and checkpoints go.
        modules: body and temperature together, as checkpoints keep them.
        step: computes the gradients of a batch.
        progress: steps done, seconds spent.
    """

    recipe: Recipe
    batch: int
    dataset: PairDataset
    tokenizer: Tokenizer
    folder: Path
    body: StaticBody | TransformerBody
    temperature: Temperature
    modules: nn.ModuleDict
    sampler: Sampler
    optimizer: torch.optim.Optimizer
    step: ContrastiveStep
    budget: Budget
    progress: checkpoint.Progress


def prepare(pairs: Path, out: Path, recipe: Recipe, *, resume: bool, say: Say) -> Run:
    """Set a training up, from its last checkpoint if `resume` asks for it; errors as `train`."""
    dataset = PairDataset.open(pairs)
    folder = out / "training"
    found = checkpoint.latest(folder)
    if not resume and (found or (out / DESCRIPTION_FILE).exists()):
        raise AdjoinError(f"{out} already holds a training: --resume goes on with it, another --out starts afresh")
    if not folder.is_dir() and any((out / name).exists() for name in (WEIGHTS_FILE, TOKENIZER_FILE)):
        raise AdjoinError(f"{out} holds a model that is not ours and would be overwritten: choose another --out")
    batch = recipe.batch_for(len(dataset))
    folder.mkdir(parents=True, exist_ok=True)  # marks `out` as ours, and fails now rather than after minutes
    tokenizer, body, tokens = _tokens_and_body(dataset, out, recipe, say, known=found is not None)
    temperature = Temperature()
    modules = nn.ModuleDict({"body": body, "temperature": temperature})
    sampler = Sampler(tokens, batch, seed=recipe.seed, token_dropout=recipe.token_dropout)
    optimizer = torch.optim.AdamW(_parameter_groups(body, temperature, recipe), betas=(0.9, 0.98), fused=True)
    progress = checkpoint.Progress(0, 0.0, {"recipe": recipe.as_json(), "data": dataset.hash})
    torch.manual_seed(recipe.seed)
    if found:
        progress = checkpoint.restore(found, modules, optimizer, progress.identity)
        say(f"resuming after step {progress.step:,}")
    elif resume:
        say(f"no checkpoint in {folder}: starting from the first step")
    precision = processor_precision() if body.pads else None
    step = ContrastiveStep(
        body,
        temperature,
        token_budget=recipe.token_budget,
        memory_tokens=recipe.memory_tokens,
        autocast=precision,
    )
    budget = _budget(recipe, sampler)
    return Run(
        recipe,
        batch,
        dataset,
        tokenizer,
        folder,
        body,
        temperature,
        modules,
        sampler,
        optimizer,
        step,
        budget,
        progress,
    )


def processor_precision() -> torch.dtype | None:
    """bfloat16 where the processor multiplies it in hardware; None elsewhere, where emulation is far slower."""
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return torch.bfloat16 if supported else None


def _tokens_and_body(
    dataset: PairDataset, out: Path, recipe: Recipe, say: Say, *, known: bool
) -> tuple[Tokenizer, StaticBody | TransformerBody, TokenizedPairs]:
    body: StaticBody | TransformerBody | None = None
    path = out / TOKENIZER_FILE
    if recipe.init is not None:
        say(f"opening {recipe.init}")
        body, tokenizer = checkpoint_body(recipe.start)
        if recipe.max_tokens > body.longest:
            raise AdjoinError(
                f"--max-tokens {recipe.max_tokens}: {recipe.init} has positions for {body.longest} tokens;"
                " give no more"
            )
    elif known:  # a checkpoint's; without one, what lies there may be of other pairs or another size
        tokenizer = Tokenizer.load(path)
    else:
        say("learning the vocabulary")
        size = recipe.vocabulary or preset_named(recipe.preset).vocabulary_size
        tokenizer = Tokenizer.train(_texts(dataset, PAIRS_FOR_TOKENIZER), size)
    write_atomically(path, tokenizer.to_json())
    say(f"tokenizing {len(dataset):,} pairs")
    tokens = TokenizedPairs.from_dataset(dataset, tokenizer, recipe.max_tokens)
    say(f"{tokenizer.truncated:,} of {tokenizer.encoded:,} texts are cut at {recipe.max_tokens} tokens")
    if body is None and recipe.start.is_static:
        # A static body sees each token once; told so now, token dropout takes a token out altogether.
        tokens = TokenizedPairs(tokens.x.distinct(), tokens.y.distinct(), tokens.identity_3N)
        both = Ragged.concatenate([tokens.x, tokens.y])
        body = static_body(tokenizer, recipe.start, inverse_document_frequency(both, tokenizer.vocabulary_size))
    elif body is None:
        body = random_transformer(recipe.start, tokenizer.vocabulary_size, recipe.max_tokens)
    return tokenizer, body, tokens


def _texts(dataset: PairDataset, pairs: int) -> Iterator[str]:
    """Both sides of about `pairs` pairs, spread evenly over the dataset."""
    stride = max(1, len(dataset) // pairs)
    rows: Iterable[tuple[str, str]] = (
        row for batch in dataset.batches(["x", "y"]) for row in zip(batch["x"], batch["y"], strict=True)
    )
    for x, y in islice(rows, 0, None, stride):
        yield x
        yield y


def _parameter_groups(
    body: StaticBody | TransformerBody, temperature: Temperature, recipe: Recipe
) -> list[dict[str, Any]]:
    """Matrices decay; vectors (norms, token weights) and tau do not."""
    vectors_rate = recipe.weight_learning_rate if isinstance(body, StaticBody) else recipe.learning_rate
    parameters = list(body.parameters())
    groups = (
        ([p for p in parameters if p.ndim > 1], recipe.learning_rate, recipe.weight_decay),
        ([p for p in parameters if p.ndim <= 1], vectors_rate, 0.0),
        ([temperature.tau], recipe.tau_learning_rate, 0.0),
    )
    return [
        {"params": params, "lr": rate, "initial_lr": rate, "weight_decay": decay} for params, rate, decay in groups
    ]


def _budget(recipe: Recipe, sampler: Sampler) -> Budget:
    by_epochs = math.ceil(recipe.epochs * sampler.steps_per_epoch) if recipe.epochs else None
    steps = min((bound for bound in (recipe.steps, by_epochs) if bound is not None), default=None)
    return Budget(steps, None if recipe.minutes is None else 60 * recipe.minutes)
