"""All that a contrastive training needs before its first step: tokens, body, sampler, optimiser, state."""

import math
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import nn

from adjoin.batches.cache import TokenCache
from adjoin.batches.loader import Loader
from adjoin.batches.sampler import Sampler
from adjoin.errors import AdjoinError
from adjoin.files import write_atomically
from adjoin.model.adapters import with_lora
from adjoin.model.bodies import StaticBody, TransformerBody
from adjoin.model.build import checkpoint_body, random_transformer, static_body
from adjoin.model.description import Description
from adjoin.model.locations import DESCRIPTION_FILE, WEIGHTS_FILE, locate_model
from adjoin.model.presets import preset_named
from adjoin.model.static import inverse_document_frequency
from adjoin.objective.contrastive import MAX_LOGIT_SCALE, START_LOGIT_SCALE, Temperature
from adjoin.objective.step import ContrastiveStep
from adjoin.pairs.dataset import PairDataset
from adjoin.pairs.labelled import import_labelled
from adjoin.ranks import Ranks
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import Tokenizer
from adjoin.training import checkpoint, shards
from adjoin.training.average import Average
from adjoin.training.execution import Settled, loss_matmul_dtype, settle, settle_processor
from adjoin.training.hardware import return_freed_memory
from adjoin.training.loop import Run, Say
from adjoin.training.optimizers import optimizer_for
from adjoin.training.recipe import Recipe
from adjoin.training.schedule import Budget

PAIRS_FOR_TOKENIZER = 50_000  # learning takes about 10 s; more pairs change the vocabulary little
CACHE, LABELLED = "tokens", "labelled"  # below the training's folder, until it has ended


@dataclass
class Contrast:
    """A contrastive training, ready.

    Attributes:
        run: what the loop needs.
        datasets: whose pairs.
        cache: their tokens.
        tokenizer: the model's.
        body: what is trained.
        temperature: trained along.
        dense_weight: what the model is to carry.
    """

    run: Run
    datasets: list[PairDataset]
    cache: TokenCache
    tokenizer: Tokenizer
    body: StaticBody | TransformerBody
    temperature: Temperature
    dense_weight: float


def prepare(
    pairs: Sequence[Path], out: Path, recipe: Recipe, *, ranks: Ranks, resume: bool, tokens: Path | None, say: Say
) -> Contrast:
    """Set a training up, from its last checkpoint if `resume` asks for it; arguments and errors as `train`."""
    _check_pairs(pairs, recipe, ranks)
    dense_weight = dense_weight_after(recipe)
    folder = claim(out, ranks, resume=resume)
    datasets = open_pairs(pairs, folder, ranks)
    number = sum(map(len, datasets))
    batch = recipe.batch_for(number, ranks.size)
    if recipe.shard and ranks.size == 1:
        raise AdjoinError(
            "shard = true needs several ranks: start with torchrun --nproc-per-node N -m adjoin train"
        )
    identity = {"recipe": recipe.as_json(), "data": [dataset.hash for dataset in datasets]}
    found = checkpoint.latest(folder)
    progress = checkpoint.read_progress(found, identity) if found else checkpoint.Progress(0, 0.0, identity)

    tokenizer, start_body = _tokenizer_and_body(datasets, out, recipe, ranks, say, known=found is not None)
    place = tokens or folder / CACHE
    ranks.on_main_rank(lambda: _tokenize(datasets, tokenizer, recipe, place, say))
    cache = TokenCache.open(place)
    body, temperature, settled = _on_the_machine(
        start_body or _new_body(recipe, tokenizer, cache), recipe, ranks, progress
    )
    if max(recipe.dimensions or [0]) > body.dimension:
        raise AdjoinError(f"dimensions is {recipe.dimensions}: the vectors have {body.dimension}; give no more")
    modules = nn.ModuleDict({"body": body, "temperature": temperature})
    optimizer = optimizer_for(recipe, body, temperature)
    average = None if recipe.average is None else Average(modules, recipe.average)
    torch.manual_seed(recipe.seed + ranks.index)
    if found:
        checkpoint.restore(found, checkpoint.State(modules, optimizer, average, ranks))
        say(f"resuming after step {progress.step:,}")
    elif resume:
        say(f"no checkpoint in {folder}: starting from the first step")
    sampler = _sampler(cache, batch, recipe, ranks, say)
    step = ContrastiveStep(
        body,
        temperature,
        token_budget=settled.token_budget,
        kept_tokens=settled.kept_tokens,
        autocast=settled.autocast,
        dimensions=tuple(recipe.dimensions or ()),
        matmul_dtype=loss_matmul_dtype(recipe),
        workers=settled.workers,
        ranks=ranks,
    )
    run = Run(
        recipe=recipe,
        ranks=ranks,
        folder=folder,
        modules=modules,
        optimizer=optimizer,
        average=average,
        batches=Loader(sampler, progress.step),
        step=step,
        after_step=temperature.clamp,
        address=sampler.address,
        scale=lambda: float(temperature.logit_scale.detach()),
        budget=budget_of(recipe, sampler.steps_per_epoch),
        progress=progress,
        size=batch,
        steps_per_epoch=sampler.steps_per_epoch,
    )
    return Contrast(run, datasets, cache, tokenizer, body, temperature, dense_weight)


def _new_body(recipe: Recipe, tokenizer: Tokenizer, cache: TokenCache) -> StaticBody | TransformerBody:
    if recipe.start.is_static:
        if recipe.init is not None:
            return static_body(tokenizer, recipe.start, np.zeros(0, np.float32))
        weights_V = inverse_document_frequency(2 * len(cache), cache.frequency_V)
        return static_body(tokenizer, recipe.start, weights_V, recipe.hidden or 0)
    return random_transformer(recipe.start, tokenizer.vocabulary_size, recipe.max_tokens)


def _sampler(cache: TokenCache, batch: int, recipe: Recipe, ranks: Ranks, say: Say) -> Sampler:
    sampler = Sampler(
        cache,
        batch,
        seed=recipe.seed,
        token_dropout=recipe.token_dropout,
        crop=(recipe.crop_x, recipe.crop_y),
        distinct=recipe.start.is_static,
        local_negatives=recipe.neighbours,
        sources=recipe.sources,
        mixing_temperature=recipe.mixing_temperature,
        rank=ranks.index,
        ranks=ranks.size,
    )
    if len(sampler.shares) > 1:
        shares = (f"{name}: {pairs:,} pairs, {share:.1%}" for name, (pairs, share) in sampler.shares.items())
        say(f"share of the batches: {'; '.join(shares)}")
    return sampler


def claim(out: Path, ranks: Ranks, *, resume: bool) -> Path:
    """The training's folder below `out`, made now: what cannot be written fails at once rather than after minutes.

    Raises:
        AdjoinError: `out` holds a training that is not to be resumed, or a model that is not ours.
    """
    folder = out / "training"

    def check() -> None:
        if not resume and (checkpoint.latest(folder) or (out / DESCRIPTION_FILE).exists()):
            raise AdjoinError(
                f"{out} already holds a training: --resume goes on with it, another --out starts afresh"
            )
        if not folder.is_dir() and any((out / name).exists() for name in (WEIGHTS_FILE, TOKENIZER_FILE)):
            raise AdjoinError(
                f"{out} holds a model that is not ours and would be overwritten: choose another --out"
            )
        folder.mkdir(parents=True, exist_ok=True)

    ranks.on_main_rank(check)
    return folder


def open_pairs(paths: Sequence[Path], folder: Path, ranks: Ranks) -> list[PairDataset]:
    """The datasets at `paths`; of a JSON-lines file of labelled pairs one is made below `folder`.

    Raises:
        AdjoinError: as `PairDataset.open` and `import_labelled`.
    """
    datasets = []
    for number, path in enumerate(paths):
        made = folder / f"{LABELLED}-{number}"
        if path.suffix == ".jsonl":
            ranks.on_main_rank(partial(_import, path, made))
        datasets.append(PairDataset.open(made if path.suffix == ".jsonl" else path))
    return datasets


def _check_pairs(paths: Sequence[Path], recipe: Recipe, ranks: Ranks) -> None:
    """Find mistakes before anything is written."""
    for path in paths:
        if path.suffix == ".jsonl" and not path.is_file():
            raise AdjoinError(f"no labelled pairs at {path}: the file is missing")
    datasets = [PairDataset.open(path) for path in paths if path.suffix != ".jsonl"]
    if len(datasets) == len(paths):
        recipe.batch_for(sum(map(len, datasets)), ranks.size)


def _import(file: Path, out: Path) -> None:
    import_labelled(file, out)


def forget_tokens(folder: Path) -> None:
    """Remove what only a running training needs: the token cache, imported pairs."""
    for path in [folder / CACHE, *folder.glob(f"{LABELLED}-*")]:
        shutil.rmtree(path, ignore_errors=True)


def budget_of(recipe: Recipe, steps_per_epoch: int) -> Budget:
    """Where a training of so many steps an epoch ends."""
    by_epochs = math.ceil(recipe.epochs * steps_per_epoch) if recipe.epochs else None
    steps = min((bound for bound in (recipe.steps, by_epochs) if bound is not None), default=None)
    return Budget(steps, None if recipe.minutes is None else 60 * recipe.minutes)


def _tokenizer_and_body(
    datasets: Sequence[PairDataset], out: Path, recipe: Recipe, ranks: Ranks, say: Say, *, known: bool
) -> tuple[Tokenizer, TransformerBody | None]:
    """The tokenizer, in its file too, and a checkpoint's body; the first rank makes, the others read."""
    path = out / TOKENIZER_FILE
    made: list[tuple[Tokenizer, TransformerBody | None]] = []

    def make() -> None:
        tokenizer, body = None, None
        if recipe.init is not None and recipe.start.is_static:
            tokenizer = Tokenizer.load(locate_model(recipe.init) / TOKENIZER_FILE)
        elif recipe.init is not None:
            say(f"opening {recipe.init}")
            pruned = Tokenizer.load(path) if known and recipe.prune else None
            texts, most = _texts(datasets), recipe.vocabulary
            body, tokenizer = checkpoint_body(recipe.start, texts=texts, most=most, pruned=pruned, say=say)
            check_length(body, recipe)
        elif known:  # a checkpoint's; without one, what lies there may be of other pairs or another size
            tokenizer = Tokenizer.load(path)
        else:
            say("learning the vocabulary")
            size = recipe.vocabulary or preset_named(recipe.preset).vocabulary_size
            stride = max(1, sum(map(len, datasets)) // PAIRS_FOR_TOKENIZER)
            tokenizer = Tokenizer.train(_texts(datasets, stride), size)
        write_atomically(path, tokenizer.to_json())
        made.append((tokenizer, body))

    ranks.on_main_rank(make)
    if not made:
        tokenizer = Tokenizer.load(path)
        needs_body = recipe.init is not None and not recipe.start.is_static
        body = checkpoint_body(recipe.start, pruned=tokenizer)[0] if needs_body else None
        made.append((tokenizer, body))
    return made[0]


def check_length(body: TransformerBody, recipe: Recipe) -> None:
    """Refuse texts that a checkpoint has no positions for.

    Raises:
        AdjoinError: naming both numbers.
    """
    if recipe.max_tokens > body.longest:
        raise AdjoinError(
            f"--max-tokens {recipe.max_tokens}: {recipe.init} has positions for {body.longest} tokens;"
            " give no more"
        )


def _tokenize(
    datasets: Sequence[PairDataset], tokenizer: Tokenizer, recipe: Recipe, folder: Path, say: Say
) -> None:
    """Fill the cache."""
    say(f"tokenizing {sum(map(len, datasets)):,} pairs")
    cache = TokenCache.build(datasets, tokenizer, recipe.max_tokens, folder)
    say(f"{cache.truncated:,} of {cache.encoded:,} texts are cut at {recipe.max_tokens} tokens")


def _texts(datasets: Sequence[PairDataset], stride: int = 1) -> Iterator[str]:
    """Both sides of every `stride`-th pair."""
    rows: Iterable[tuple[str, str]] = (
        row
        for dataset in datasets
        for batch in dataset.batches(["x", "y"])
        for row in zip(batch["x"], batch["y"], strict=True)
    )
    for x, y in islice(rows, 0, None, stride):
        yield x
        yield y


def _started_from(recipe: Recipe) -> Description | None:
    """What the model of ours says of itself that the training begins with, if it does."""
    place = None if recipe.init is None else locate_model(recipe.init)
    return None if place is None or not (place / DESCRIPTION_FILE).is_file() else Description.read(place)


def _start_scale(recipe: Recipe) -> float:
    """exp(tau) at the start: where a model of ours left it, if the training begins with one."""
    before = _started_from(recipe)
    return START_LOGIT_SCALE if before is None else min(MAX_LOGIT_SCALE, math.exp(before.tau))


def dense_weight_after(recipe: Recipe) -> float:
    """What a trained model is to carry: what the recipe says, or else the model of ours that it begins with."""
    if recipe.dense_weight is not None:
        return float(recipe.dense_weight)
    before = _started_from(recipe)
    return Description.dense_weight if before is None else before.dense_weight


def _on_the_machine(
    body: StaticBody | TransformerBody, recipe: Recipe, ranks: Ranks, progress: checkpoint.Progress
) -> tuple[StaticBody | TransformerBody, Temperature, Settled]:
    """Body and temperature where and as they are trained, and the settings: a checkpoint's, or made now."""
    known = Settled.from_json(progress.settled) if progress.settled else None
    if known is None:
        precision, threads = settle_processor(recipe, ranks)
    else:
        return_freed_memory()
        precision, threads = known.precision, known.threads
        torch.set_num_threads(threads)
    temperature = Temperature(_start_scale(recipe))
    if isinstance(body, TransformerBody):
        if recipe.lora is not None:
            body = with_lora(body, recipe.lora, seed=recipe.seed)
        body.to(ranks.device)
    if precision == "float64":
        body, temperature = body.double(), temperature.double()
    temperature.to(ranks.device)
    settled = known or settle(recipe, body, ranks, precision, threads)
    progress.settled = settled.as_json()
    if isinstance(body, TransformerBody):
        if recipe.compile:
            body.model.compile(dynamic=True)
        if recipe.shard:
            body = shards.shard(body, ranks, settled.autocast)
    return body, temperature, settled
