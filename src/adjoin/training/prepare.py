"""Set up a contrastive training: tokens, body, sampler, optimizer, and the state of a checkpoint."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from torch import nn

from adjoin.batches.cache import TokenCache
from adjoin.batches.sampler import Sampler
from adjoin.errors import AdjoinError
from adjoin.files import refuse_special, write_atomically
from adjoin.locks import in_use
from adjoin.model.adapters import with_lora
from adjoin.model.bodies import AnyBody, TransformerBody
from adjoin.model.build import build_body, checkpoint_body
from adjoin.model.description import Description
from adjoin.model.locations import DESCRIPTION_FILE, locate_model
from adjoin.model.presets import preset_named
from adjoin.model.static import inverse_document_frequency
from adjoin.model.trial import check_training
from adjoin.objective.contrastive import MAX_LOGIT_SCALE, START_LOGIT_SCALE, Temperature
from adjoin.objective.step import ContrastiveStep
from adjoin.outputs import checked_folder
from adjoin.pairs.dataset import PairDataset
from adjoin.pairs.labelled import counts_of, import_labelled
from adjoin.ranks import Ranks
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import Tokenizer
from adjoin.training import shards
from adjoin.training.checkpoint import TrainingProgress
from adjoin.training.execution import (
    ExecutionConfig,
    choose_execution,
    loss_matmul_dtype,
    start_execution,
)
from adjoin.training.loop import Run, Say
from adjoin.training.negatives import NegativesWatch, check_negatives
from adjoin.training.optimizers import optimizer_for
from adjoin.training.recipe import Recipe
from adjoin.training.setup import LABELLED, TOKENS, check_length, claim_folder, make_run

PAIRS_FOR_TOKENIZER = 50_000  # learning takes about 10 s; more pairs change the vocabulary little


@dataclass
class ContrastiveTraining:
    """A contrastive training that is ready to run.

    Attributes:
        run: what the loop needs.
        cache: the tokenized pairs.
        body: the encoder that is trained.
        temperature: the temperature, trained together with the body.
        dense_weight: weight of the vectors in the model's hybrid search, 0 to 1.
    """

    run: Run
    cache: TokenCache
    body: AnyBody
    temperature: Temperature
    dense_weight: float


def prepare(
    pairs: Sequence[Path],
    out: Path,
    recipe: Recipe,
    *,
    ranks: Ranks,
    resume: bool,
    tokens: Path | None,
    hold: ExitStack,
    say: Say,
) -> ContrastiveTraining:
    """Set up a training, from its last checkpoint if there is one; arguments and errors as `train`.

    The folders that it writes and reads are held until the stack `hold` is closed.
    """
    _check_pairs(pairs, recipe, ranks)
    dense_weight = dense_weight_after(recipe)
    folder = claim_folder(out, ranks, resume=resume, hold=hold, inputs=pairs)
    datasets = open_pairs(pairs, folder.path, ranks)
    batch_size = recipe.batch_for(sum(map(len, datasets)), ranks.size)
    if recipe.shard and ranks.size == 1:
        raise AdjoinError(
            "shard = true needs several ranks: start with torchrun --nproc-per-node N -m adjoin train"
        )
    progress = folder.progress({"recipe": recipe.as_json(), "data": [dataset.hash for dataset in datasets]})

    resuming = folder.latest is not None
    tokenizer, init_body = _tokenizer_and_body(datasets, out, recipe, ranks, say, resuming=resuming)
    cache = _tokenize(datasets, tokenizer, recipe, tokens or folder.path / TOKENS, ranks, hold, say)
    check_negatives(cache)
    progress.facts |= {
        "batch": batch_size,
        "pairs": len(cache),
        "ranks": ranks.size,
        "texts": cache.encoded,
        "texts_truncated": cache.truncated,
    }
    labelled = [dataset for dataset, path in zip(datasets, pairs, strict=True) if is_labelled(path)]
    if labelled:
        progress.facts["labelled"] = [counts_of(dataset.manifest) for dataset in labelled]

    start_body = init_body or _build_body(recipe, tokenizer, cache)
    if isinstance(start_body, TransformerBody):
        start_body = _with_adapters(start_body, recipe, ranks, folder.path, resuming=resuming)
    body, temperature, execution = _place_on_device(start_body, recipe, ranks, progress)
    if max(recipe.dimensions or [0]) > body.dimension:
        raise AdjoinError(f"dimensions is {recipe.dimensions}: the vectors have {body.dimension}; give no more")
    step = ContrastiveStep(
        body,
        temperature,
        token_budget=execution.token_budget,
        kept_tokens=execution.kept_tokens,
        autocast=execution.autocast,
        dimensions=tuple(recipe.dimensions or ()),
        matmul_dtype=loss_matmul_dtype(recipe),
        workers=execution.workers,
        ranks=ranks,
    )
    negatives = NegativesWatch(step, progress, say)

    def after_step() -> None:
        temperature.clamp()
        negatives.look()

    run = make_run(
        folder,
        recipe,
        ranks,
        progress,
        modules=nn.ModuleDict({"body": body, "temperature": temperature}),
        optimizer=optimizer_for(recipe, body, temperature),
        step=step,
        sampler=_sampler(cache, batch_size, recipe, ranks, say),
        batch_size=batch_size,
        say=say,
        after_step=after_step,
        logit_scale=lambda: float(temperature.logit_scale.detach()),
    )
    return ContrastiveTraining(run, cache, body, temperature, dense_weight)


def _check_pairs(paths: Sequence[Path], recipe: Recipe, ranks: Ranks) -> None:
    """Find mistakes before anything is written."""
    for path in paths:
        if is_labelled(path):
            refuse_special(path, "file of labelled pairs")
        if is_labelled(path) and not path.is_file():
            raise AdjoinError(f"no labelled pairs at {path}: the file is missing")
        if path.is_file() and not is_labelled(path):
            raise AdjoinError(
                f"{path} is a file: expected a folder made by `adjoin mine`, or labelled pairs in .jsonl"
            )
    datasets = [PairDataset.open(path) for path in paths if not is_labelled(path)]
    if len(datasets) == len(paths):
        recipe.batch_for(sum(map(len, datasets)), ranks.size)


def open_pairs(paths: Sequence[Path], folder: Path, ranks: Ranks) -> list[PairDataset]:
    """Open datasets of pairs; a JSON-lines file of labelled pairs is imported below `folder` first.

    Raises:
        AdjoinError: as `PairDataset.open` and `import_labelled`.
    """
    datasets = []
    for number, path in enumerate(paths):
        imported = folder / f"{LABELLED}-{number}"
        if is_labelled(path):
            ranks.on_main_rank(partial(_import, path, imported))
        datasets.append(PairDataset.open(imported if is_labelled(path) else path))
    return datasets


def is_labelled(path: Path) -> bool:
    """Whether a path of pairs is a file of labelled ones; all others are folders."""
    return path.suffix.lower() == ".jsonl"


def _import(file: Path, out: Path) -> None:
    import_labelled(file, out)


def _tokenizer_and_body(
    datasets: Sequence[PairDataset], out: Path, recipe: Recipe, ranks: Ranks, say: Say, *, resuming: bool
) -> tuple[Tokenizer, TransformerBody | None]:
    """The tokenizer, also written below `out`, and the body of an init checkpoint.

    The main rank makes them, the others read the tokenizer.
    """
    path = out / TOKENIZER_FILE
    on_main: list[tuple[Tokenizer, TransformerBody | None]] = []

    def make() -> None:
        tokenizer, body = None, None
        if recipe.init is not None and recipe.start.is_static:
            tokenizer = Tokenizer.load(locate_model(recipe.init) / TOKENIZER_FILE)
        elif recipe.init is not None:
            say(f"opening {recipe.init}")
            pruned = Tokenizer.load(path) if resuming and recipe.prune else None
            texts, most = _texts(datasets), recipe.vocabulary
            body, tokenizer = checkpoint_body(
                recipe.start, texts=texts, most=most, pruned=pruned, max_tokens=recipe.max_tokens, say=say
            )
            check_length(body, recipe)
        elif resuming:  # without a checkpoint, a file that lies there may be of other pairs or another size
            tokenizer = Tokenizer.load(path)
        else:
            say("learning the vocabulary")
            size = recipe.vocabulary or preset_named(recipe.preset).vocabulary_size
            stride = max(1, sum(map(len, datasets)) // PAIRS_FOR_TOKENIZER)
            tokenizer = Tokenizer.train(_texts(datasets, stride), size)
        write_atomically(path, tokenizer.to_json())
        on_main.append((tokenizer, body))

    ranks.on_main_rank(make)
    if on_main:
        return on_main[0]
    tokenizer = Tokenizer.load(path)
    needs_body = recipe.init is not None and not recipe.start.is_static
    return tokenizer, checkpoint_body(recipe.start, pruned=tokenizer)[0] if needs_body else None


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


def _tokenize(
    datasets: Sequence[PairDataset],
    tokenizer: Tokenizer,
    recipe: Recipe,
    folder: Path,
    ranks: Ranks,
    hold: ExitStack,
    say: Say,
) -> TokenCache:
    """Tokenize the pairs into a memory-mapped cache, which is held; an existing cache is reused."""

    def build() -> None:
        say(f"tokenizing {sum(map(len, datasets)):,} pairs")
        use = hold.enter_context(in_use(checked_folder(folder)))
        cache = TokenCache.build(datasets, tokenizer, recipe.max_tokens, folder, use=use)
        say(f"{cache.truncated:,} of {cache.encoded:,} texts are cut at {recipe.max_tokens} tokens")

    ranks.on_main_rank(build)
    return TokenCache.open(folder)


def _build_body(recipe: Recipe, tokenizer: Tokenizer, cache: TokenCache) -> AnyBody:
    """The untrained body, unless a transformer is given as --init."""
    idf_V = inverse_document_frequency(2 * len(cache), cache.frequency_V) if recipe.start.is_static else None
    return build_body(
        recipe.start, tokenizer, max_tokens=recipe.max_tokens, weights_V=idf_V, hidden=recipe.hidden or 0
    )


def _with_adapters(
    body: TransformerBody, recipe: Recipe, ranks: Ranks, folder: Path, *, resuming: bool
) -> TransformerBody:
    """The body as it is trained. That of a checkpoint is tried before the first step."""
    if recipe.lora is not None:
        try:
            body = with_lora(body, recipe.lora, seed=recipe.seed)
        except AdjoinError as error:
            raise AdjoinError(f"{recipe.init or recipe.preset}: {error}") from None
    if recipe.init is not None and not resuming:
        ranks.on_main_rank(partial(check_training, body, recipe.init, folder))
    return body


def _place_on_device(
    body: AnyBody, recipe: Recipe, ranks: Ranks, progress: TrainingProgress
) -> tuple[AnyBody, Temperature, ExecutionConfig]:
    """Body and temperature on their device and in their precision, and the execution config."""
    resumed, precision, threads = start_execution(recipe, ranks, progress.execution)
    temperature = Temperature(_start_scale(recipe))
    if isinstance(body, TransformerBody):
        body.to(ranks.device)
    if precision == "float64":
        body, temperature = body.double(), temperature.double()
    temperature.to(ranks.device)
    execution = resumed or choose_execution(recipe, body, ranks, precision, threads)
    progress.execution = execution.as_json()
    if isinstance(body, TransformerBody):
        if recipe.compile:
            body.model.compile(dynamic=True)
        if recipe.shard:
            body = shards.shard(body, ranks, execution.autocast)
    return body, temperature, execution


def _init_description(recipe: Recipe) -> Description | None:
    """The description of the init checkpoint, if it is a model of ours."""
    folder = None if recipe.init is None else locate_model(recipe.init)
    return None if folder is None or not (folder / DESCRIPTION_FILE).is_file() else Description.read(folder)


def _start_scale(recipe: Recipe) -> float:
    """exp(tau) at the start: where a model of ours left it, if the training starts from one."""
    before = _init_description(recipe)
    return START_LOGIT_SCALE if before is None else min(MAX_LOGIT_SCALE, math.exp(before.tau))


def dense_weight_after(recipe: Recipe) -> float:
    """The weight of the vectors in the trained model's hybrid search: the recipe's, or that of the init model."""
    if recipe.dense_weight is not None:
        return float(recipe.dense_weight)
    before = _init_description(recipe)
    return Description.dense_weight if before is None else before.dense_weight


def _sampler(cache: TokenCache, batch_size: int, recipe: Recipe, ranks: Ranks, say: Say) -> Sampler:
    sampler = Sampler(
        cache,
        batch_size,
        seed=recipe.seed,
        token_dropout=recipe.token_dropout,
        crop=(recipe.crop_x, recipe.crop_y),
        distinct=recipe.start.is_static,
        local_negatives=recipe.local_negatives,
        sources=recipe.sources,
        mixing_temperature=recipe.mixing_temperature,
        rank=ranks.index,
        ranks=ranks.size,
    )
    if len(sampler.shares) > 1:
        shares = (f"{name}: {pairs:,} pairs, {share:.1%}" for name, (pairs, share) in sampler.shares.items())
        say(f"share of the batches: {'; '.join(shares)}")
    return sampler
