"""The generative training: a corpus in, a causal language model out, for the contrastive one to start from.

models/start/
  config.json, model.safetensors, tokenizer.json    an ordinary transformers folder
  pretrain.json                                     how it came about and how well it foretells; written last
  training/log.jsonl, curve.png, step-NNNNNNNN/     the state to resume from

The corpus is read once, at the start. A resumed training keeps to what was read then.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from adjoin.batches import packing
from adjoin.batches.loader import Loader
from adjoin.batches.packing import Content, PackedStreams
from adjoin.batches.rows import Rows, RowSampler
from adjoin.corpus import Source, find_sources, read_source
from adjoin.errors import AdjoinError
from adjoin.files import write_atomically, write_json
from adjoin.model.bodies import TransformerBody
from adjoin.model.build import random_generative
from adjoin.model.presets import preset_named
from adjoin.model.pretrained import load_generative
from adjoin.objective.causal import CausalStep, check_head
from adjoin.ranks import ALONE, Ranks
from adjoin.tally import Tally
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import Ragged, Tokenizer
from adjoin.training import checkpoint
from adjoin.training.average import Average
from adjoin.training.execution import TOKEN_BUDGET, Settled, settle_processor
from adjoin.training.log import Watch, draw_curve
from adjoin.training.loop import Run, Say, run_training
from adjoin.training.optimizers import optimizer_for
from adjoin.training.prepare import CACHE, budget_of, check_length, claim, forget_tokens
from adjoin.training.recipe import Recipe
from adjoin.training.saving import write_model

REPORT = "pretrain.json"
CHARACTERS_FOR_TOKENIZER = 64_000_000  # learning takes about 10 s; more change the vocabulary little
MEASURED_ROWS = 256  # of the held-out stream, about: 65,536 tokens give the mean to some 0.01 nats
# Rows a batch; fewer where there are few, so that an epoch has so many steps. On a processor a short training
# lives off its steps: after 262,144 tokens nano had a held-out loss of 7.74 with 64 rows, of 5.57 with 16.
BATCH, STEPS_AN_EPOCH = 16, 64


@dataclass(frozen=True, slots=True)
class Reading:
    """What is to be read.

    Attributes:
        roots: folders, files and archives.
        exclude: shell patterns of what to leave out, see `find_sources`.
        workers: processes that read and tokenize; None for one a processor.
    """

    roots: Sequence[Path]
    exclude: Sequence[str] = ()
    workers: int | None = None

    def as_json(self) -> dict[str, Any]:
        """What the checkpoint keeps: names, no places on this machine."""
        return {"roots": [root.resolve().name for root in self.roots], "exclude": list(self.exclude)}


@dataclass(frozen=True, slots=True)
class HeldOut:
    """How well a model foretells documents that it was not trained on.

    Attributes:
        nats: mean loss a token.
        bits_per_byte: the same, a byte of text: comparable between tokenizers that drop nothing.
    """

    nats: float
    bits_per_byte: float

    @classmethod
    def of(cls, nats: float, content: Content) -> "HeldOut":
        """From a mean loss, by the held-out documents' tokens a byte."""
        return cls(nats, nats / math.log(2) * content.held_out_tokens / content.held_out_bytes)

    def as_json(self) -> dict[str, float]:
        """Rounded."""
        return {"nats": round(self.nats, 6), "bits_per_byte": round(self.bits_per_byte, 6)}


@dataclass
class _Generation:
    """A generative training, ready."""

    run: Run
    model: Any
    content: Content
    measure: Callable[[], HeldOut]
    before: HeldOut


def pretrain(
    reading: Reading,
    out: Path,
    recipe: Recipe,
    *,
    resume: bool = False,
    ranks: Ranks = ALONE,
    say: Say = lambda _: None,
    watch: Watch = lambda _: None,
) -> dict[str, Any]:
    """Train a causal language model on a corpus.

    Args:
        reading: the corpus.
        out: the model's folder.
        recipe: all options, from `Recipe.for_pretraining`.
        resume: go on from the last checkpoint below `out`, if there is one.
        ranks: the processes that share the training.
        say: told what is being prepared, in a line.
        watch: told about each step.

    Returns:
        The content of pretrain.json.

    Raises:
        AdjoinError: the recipe, the corpus or a checkpoint is wrong, or the loss is no longer finite.
        KeyboardInterrupt: after the state was saved.
        OSError: the disk is full; the last checkpoint still stands.
    """
    told = say if ranks.is_main else lambda _: None
    generation = _prepare(reading, out, recipe, ranks, resume=resume, say=told)
    run = generation.run
    run_training(run, watch)
    with run.average.swapped() if run.average is not None else nullcontext():
        report = _report(generation, reading, generation.measure())

        def finish() -> None:
            title = f"{out.name}: {generation.content.tokens:,} tokens, batch {run.size:,} x {recipe.max_tokens:,}"
            draw_curve(run.folder / "log.jsonl", run.folder / "curve.png", title)
            write_model(out, generation.model.float())
            write_json(out / REPORT, report)
            forget_tokens(run.folder)

        ranks.on_main_rank(finish)
    return report


def _prepare(reading: Reading, out: Path, recipe: Recipe, ranks: Ranks, *, resume: bool, say: Say) -> _Generation:
    """Set a training up, from its last checkpoint if there is one."""
    folder = claim(out, ranks, resume=resume)
    found = checkpoint.latest(folder)
    identity: dict[str, Any] = {"recipe": recipe.as_json(), "corpus": reading.as_json()}
    data = checkpoint.read_progress(found, identity).identity.get("data") if found else None
    model, tokenizer = _checkpoint(recipe, say) if recipe.init is not None else (None, None)
    ranks.on_main_rank(lambda: _read(reading, tokenizer, data, out, recipe, say))
    packed = PackedStreams.open(folder / CACHE)
    identity["data"] = packed.content.data
    progress = checkpoint.read_progress(found, identity) if found else checkpoint.Progress(0, 0.0, identity)

    if model is None:
        vocabulary = Tokenizer.load(out / TOKENIZER_FILE).vocabulary_size
        model = random_generative(recipe.start, vocabulary, recipe.max_tokens)
    settled = _settle(model, recipe, ranks, progress)
    step = CausalStep(model, token_budget=settled.token_budget, autocast=settled.autocast, ranks=ranks)
    held_out = _held_out(packed, recipe, ranks)

    def measure() -> HeldOut:
        return HeldOut.of(step.measure(held_out), packed.content)

    before = measure()  # after a resumption once more: what it starts from is made again anyway
    run = _run(step, Rows(packed.trained_N, recipe.max_tokens), recipe, ranks, folder, progress)
    if found:
        checkpoint.restore(found, checkpoint.State(run.modules, run.optimizer, run.average, ranks))
        say(f"resuming after step {progress.step:,}")
    elif resume:
        say(f"no checkpoint in {folder}: starting from the first step")
    say(f"loss on the held-out documents before the first step: {before.nats:.3f} nats a token")
    return _Generation(run, model, packed.content, measure, before)


def _run(
    step: CausalStep, rows: Rows, recipe: Recipe, ranks: Ranks, folder: Path, progress: checkpoint.Progress
) -> Run:
    """What the loop needs, before a checkpoint is restored into it."""
    batch = _batch_for(rows, recipe, ranks)
    sampler = RowSampler(rows, batch, seed=recipe.seed, rank=ranks.index, ranks=ranks.size)
    modules = nn.ModuleDict(_trained(step.model))
    torch.manual_seed(recipe.seed + ranks.index)
    return Run(
        recipe=recipe,
        ranks=ranks,
        folder=folder,
        modules=modules,
        optimizer=optimizer_for(recipe, modules, nn.Module()),
        average=None if recipe.average is None else Average(modules, recipe.average),
        batches=Loader(sampler, progress.step),
        step=step,
        after_step=lambda: None,
        address=sampler.address,
        scale=lambda: None,
        budget=budget_of(recipe, sampler.steps_per_epoch),
        progress=progress,
        size=batch,
        steps_per_epoch=sampler.steps_per_epoch,
    )


def _checkpoint(recipe: Recipe, say: Say) -> tuple[Any, Tokenizer]:
    """The language model that a training goes on from, and its tokenizer.

    Raises:
        AdjoinError: as `load_generative`, or it is none that can be trained here.
    """
    name = str(recipe.init)
    say(f"opening {name}")
    model, tokenizer = load_generative(Path(name), recipe.layers)
    body = TransformerBody(model.base_model)
    if not body.is_causal():
        raise AdjoinError(f"{name} is no causal model: its states depend on what stands to their right")
    check_length(body, recipe)
    check_head(model, name)
    return model, tokenizer


def _read(
    reading: Reading, tokenizer: Tokenizer | None, data: str | None, out: Path, recipe: Recipe, say: Say
) -> None:
    """Read the corpus: learn a vocabulary, where there is none yet, and pack all documents.

    Nothing is read again if what a checkpoint was trained on, which has the hash `data`, still lies there.
    """
    if packing.holds(out / "training" / CACHE, data):
        return
    tally = Tally()
    sources = find_sources(reading.roots, tally, exclude=reading.exclude)
    if not sources:
        raise AdjoinError(
            f"no text in {', '.join(map(str, reading.roots))} ({tally.summary() or 'nothing to read'})"
        )
    if tokenizer is None and data is not None:
        tokenizer = Tokenizer.load(out / TOKENIZER_FILE)
    elif tokenizer is None:
        say("learning the vocabulary")
        size = recipe.vocabulary or preset_named(recipe.preset).vocabulary_size
        tokenizer = Tokenizer.train(sample(sources, CHARACTERS_FOR_TOKENIZER), size)
    write_atomically(out / TOKENIZER_FILE, tokenizer.to_json())
    say(f"tokenizing {len(sources):,} files")
    content = packing.pack(sources, tokenizer, out / "training" / CACHE, tally, workers=reading.workers).content
    say(
        f"{content.documents:,} documents, {content.tokens:,} tokens; held out {content.held_out_documents:,},"
        f" {content.held_out_tokens:,}; passed over: {tally.summary() or 'nothing'}"
    )


def sample(sources: Sequence[Source], characters: int) -> Iterator[str]:
    """The texts of sources spread evenly over all, until there are so many characters."""
    size = sum(source.path.stat().st_size for source in sources)
    for source in sources[:: max(1, size // characters)]:
        for document in read_source(source, Tally()):  # what is passed over is counted when all is read
            yield document.text
            characters -= len(document.text)
            if characters <= 0:
                return


def _settle(model: Any, recipe: Recipe, ranks: Ranks, progress: checkpoint.Progress) -> Settled:  # noqa: ANN401
    """Put the model where and as it is trained; the settings are a checkpoint's, or made now."""
    if progress.settled:
        settled = Settled.from_json(progress.settled)
        torch.set_num_threads(settled.threads)
    else:
        budget = recipe.token_budget or TOKEN_BUDGET[ranks.device.type]
        settled = Settled(*settle_processor(recipe, ranks), budget, budget)
        progress.settled = settled.as_json()
    model.to(ranks.device, torch.float64 if settled.precision == "float64" else torch.float32)
    if recipe.compile:
        model.base_model.compile(dynamic=True)
    return settled


def _trained(model: Any) -> dict[str, nn.Module]:  # noqa: ANN401 - a transformers model, an untyped library
    """What is trained, each weight once: a tied head is the body's table."""
    head = model.get_output_embeddings()
    tied = head.weight is model.get_input_embeddings().weight
    return {"body": model.base_model} if tied else {"body": model.base_model, "head": head}


def _held_out(packed: PackedStreams, recipe: Recipe, ranks: Ranks) -> Ragged:
    """This rank's share of the held-out rows, or of so many spread evenly over all."""
    rows = Rows(packed.held_out_N, recipe.max_tokens)
    stride = -(-len(rows) // MEASURED_ROWS)
    return rows.take(np.arange(len(rows))[::stride][ranks.index :: ranks.size])


def _batch_for(rows: Rows, recipe: Recipe, ranks: Ranks) -> int:
    """Rows a batch, given or by how many there are.

    Raises:
        AdjoinError: they do not fill one batch of the size asked for.
    """
    batch = recipe.batch or min(BATCH, max(2 * ranks.size, len(rows) // STEPS_AN_EPOCH))
    if recipe.batch and len(rows) < batch:
        raise AdjoinError(
            f"{len(rows):,} rows of {recipe.max_tokens:,} tokens do not fill one batch of {batch:,}: give more to"
            " read, or a smaller --batch"
        )
    return batch


def _report(generation: _Generation, reading: Reading, after: HeldOut) -> dict[str, Any]:
    """The content of pretrain.json."""
    run, content = generation.run, generation.content
    return {
        "recipe": {**run.recipe.as_json(), "batch": run.size},
        "corpus": reading.as_json(),
        "data": content.data,
        "documents": content.documents,
        "tokens": content.tokens,
        "passed_over": content.passed_over,
        "parameters": sum(parameter.numel() for parameter in run.modules.parameters()),
        "held_out": {
            "documents": content.held_out_documents,
            "tokens": content.held_out_tokens,
            "before": generation.before.as_json(),
            "after": after.as_json(),
        },
        "steps": run.progress.step,
        "seconds": round(run.progress.elapsed, 1),
        "settled": run.progress.settled,
        "ranks": run.ranks.size,
    }
