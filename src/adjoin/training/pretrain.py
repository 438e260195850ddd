"""Generative training: a corpus in, a causal language model out, which a contrastive training can start from.

models/start/
  config.json, model.safetensors, tokenizer.json    an ordinary transformers folder
  pretrain.json                                     report: recipe, corpus, held-out loss; written last
  training/log.jsonl, curve.png, step-NNNNNNNN/     log, loss curve, and the checkpoint to resume from

The corpus is read once, at the start. A resumed training uses what was read then.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from adjoin.batches import packing
from adjoin.batches.packing import Content, PackedStreams
from adjoin.batches.rows import Rows, RowSampler
from adjoin.corpus import Source, find_sources, read_source
from adjoin.errors import AdjoinError
from adjoin.files import state_of, write_atomically, write_json
from adjoin.model.bodies import TransformerBody
from adjoin.model.build import random_generative
from adjoin.model.presets import preset_named
from adjoin.model.pretrained import load_generative
from adjoin.model.trial import check_body, check_training
from adjoin.objective.causal import CausalStep, check_head
from adjoin.ranks import ALONE, Ranks
from adjoin.tally import Tally
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import Ragged, Tokenizer
from adjoin.training.checkpoint import TrainingProgress
from adjoin.training.execution import TOKEN_BUDGET, ExecutionConfig, start_execution
from adjoin.training.log import Watch, draw_curve
from adjoin.training.loop import Run, Say, run_training
from adjoin.training.optimizers import optimizer_for
from adjoin.training.recipe import Recipe
from adjoin.training.saving import write_model
from adjoin.training.setup import TOKENS, check_length, claim_folder, make_run, remove_temporary_data

REPORT = "pretrain.json"
CHARACTERS_FOR_TOKENIZER = 64_000_000  # learning takes about 10 s; more change the vocabulary little
MEASURED_ROWS = 256  # about, of the held-out stream: 65,536 tokens give the mean to about 0.01 nats
# Rows per batch, fewer for a small corpus, so that an epoch has 64 steps. A short training on a CPU needs many
# steps: after 262,144 tokens nano had a held-out loss of 7.74 with 64 rows per batch, of 5.57 with 16.
BATCH, STEPS_PER_EPOCH = 16, 64


@dataclass(frozen=True, slots=True)
class CorpusInput:
    """The corpus of a generative training.

    Attributes:
        roots: folders, files and archives.
        exclude: shell patterns of what to leave out, see `find_sources`.
        workers: processes that read and tokenize; None for one per CPU core.
    """

    roots: Sequence[Path]
    exclude: Sequence[str] = ()
    workers: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the names of the roots, without their location on this machine, for checkpoint and report."""
        return {"roots": [root.resolve().name for root in self.roots], "exclude": list(self.exclude)}


@dataclass(frozen=True, slots=True)
class HeldOutLoss:
    """The loss of a language model on held-out documents.

    Attributes:
        nats: mean loss per token, in nats.
        bits_per_byte: mean loss per byte of text, in bits; comparable between lossless tokenizers.
    """

    nats: float
    bits_per_byte: float

    @classmethod
    def of(cls, nats: float, content: Content) -> "HeldOutLoss":
        """Compute both numbers from the mean loss per token and the tokens per byte of the held-out documents."""
        return cls(nats, nats / math.log(2) * content.held_out_tokens / content.held_out_bytes)

    def as_json(self) -> dict[str, float]:
        """Return both numbers, rounded, for pretrain.json."""
        return {"nats": round(self.nats, 6), "bits_per_byte": round(self.bits_per_byte, 6)}


@dataclass
class _GenerativeTraining:
    """A generative training that is ready to run."""

    run: Run
    model: Any
    content: Content
    measure: Callable[[], HeldOutLoss]
    before: HeldOutLoss


def pretrain(
    corpus: CorpusInput,
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
        corpus: what to read.
        out: folder of the model.
        recipe: all options, from `Recipe.for_pretraining`.
        resume: continue from the last checkpoint below `out`, if there is one.
        ranks: the processes that share the training.
        say: called with one line about each stage.
        watch: called with the report of each step.

    Returns:
        The content of pretrain.json.

    Raises:
        AdjoinError: the recipe, the corpus or a checkpoint is wrong, or the loss is no longer finite.
        KeyboardInterrupt: after the checkpoint was written.
        OSError: the disk is full; the previous checkpoint is intact.
    """
    say = say if ranks.is_main else lambda _: None
    with ExitStack() as hold:
        training = _prepare(corpus, out, recipe, ranks, resume=resume, hold=hold, say=say)
        return _train(training, corpus, out, watch)


def _train(training: _GenerativeTraining, corpus: CorpusInput, out: Path, watch: Watch) -> dict[str, Any]:
    """Run a training that is prepared, and write its model."""
    run, recipe = training.run, training.run.recipe
    run_training(run, watch)
    with run.average.swapped() if run.average is not None else nullcontext():
        report = _report(training, corpus, training.measure())

        def finish() -> None:
            tokens, rows = f"{training.content.tokens:,} tokens", f"{run.batch_size:,} x {recipe.max_tokens:,}"
            draw_curve(run.folder / "log.jsonl", run.folder / "curve.png", f"{out.name}: {tokens}, batch {rows}")
            write_model(out, training.model.float())
            write_json(out / REPORT, report)
            remove_temporary_data(run.folder)

        run.ranks.on_main_rank(finish)
    return report


def _prepare(
    corpus: CorpusInput, out: Path, recipe: Recipe, ranks: Ranks, *, resume: bool, hold: ExitStack, say: Say
) -> _GenerativeTraining:
    """Set up a training, from its last checkpoint if there is one. Its folder is held until `hold` is closed."""
    folder = claim_folder(out, ranks, resume=resume, hold=hold, inputs=corpus.roots)
    identity: dict[str, Any] = {"recipe": recipe.as_json(), "corpus": corpus.as_json()}
    data = folder.progress(identity).identity.get("data")  # of the checkpoint
    model, tokenizer = _init_model(recipe, folder.path, say) if recipe.init is not None else (None, None)
    ranks.on_main_rank(lambda: _read(corpus, tokenizer, data, out, recipe, say))
    packed = PackedStreams.open(folder.path / TOKENS)
    identity["data"] = packed.content.data
    progress = folder.progress(identity)

    if model is None:
        vocabulary = Tokenizer.load(out / TOKENIZER_FILE).vocabulary_size
        model = random_generative(recipe.start, vocabulary, recipe.max_tokens)
    execution = _place_on_device(model, recipe, ranks, progress)
    step = CausalStep(model, token_budget=execution.token_budget, autocast=execution.autocast, ranks=ranks)
    held_out = _held_out_rows(packed, recipe, ranks)

    def measure() -> HeldOutLoss:
        return HeldOutLoss.of(step.measure(held_out), packed.content)

    before = measure()  # of the untrained model, also when a checkpoint is restored into it afterwards
    rows = Rows(packed.trained_N, recipe.max_tokens)
    batch_size = _batch_for(rows, recipe, ranks)
    modules = nn.ModuleDict(_trained_modules(model))
    run = make_run(
        folder,
        recipe,
        ranks,
        progress,
        modules=modules,
        optimizer=optimizer_for(recipe, modules, nn.Module()),
        step=step,
        sampler=RowSampler(rows, batch_size, seed=recipe.seed, rank=ranks.index, ranks=ranks.size),
        batch_size=batch_size,
        say=say,
    )
    say(f"loss on the held-out documents before the first step: {before.nats:.3f} nats per token")
    return _GenerativeTraining(run, model, packed.content, measure, before)


def _init_model(recipe: Recipe, out: Path, say: Say) -> tuple[Any, Tokenizer]:
    """Open the language model of --init, and its tokenizer.

    Raises:
        AdjoinError: as `load_generative`, or the model cannot be trained here.
    """
    name = str(recipe.init)
    say(f"opening {name}")
    model, tokenizer = load_generative(Path(name), recipe.layers)
    body = TransformerBody(model.base_model)
    check_length(body, recipe)
    check_body(body, name, recipe.max_tokens)
    check_head(model, name)
    check_training(body, name, out)
    return model, tokenizer


def _read(
    corpus: CorpusInput, tokenizer: Tokenizer | None, data: str | None, out: Path, recipe: Recipe, say: Say
) -> None:
    """Read the corpus: learn a vocabulary unless there is one, and pack all documents into rows.

    Nothing is read again if the packed documents of the checkpoint, whose hash is `data`, are still there.
    """
    if packing.holds(out / "training" / TOKENS, data):
        return
    tally = Tally()
    sources = find_sources(corpus.roots, tally, exclude=corpus.exclude, own=[out])
    if not sources:
        raise AdjoinError(
            f"no text in {', '.join(map(str, corpus.roots))} ({tally.summary() or 'nothing to read'})"
        )
    states = {source.path: state_of(source.path) for source in sources}
    if tokenizer is None and data is not None:
        tokenizer = Tokenizer.load(out / TOKENIZER_FILE)
    elif tokenizer is None:
        say("learning the vocabulary")
        size = recipe.vocabulary or preset_named(recipe.preset).vocabulary_size
        tokenizer = Tokenizer.train(sample(sources, CHARACTERS_FOR_TOKENIZER), size)
    write_atomically(out / TOKENIZER_FILE, tokenizer.to_json())
    say(f"tokenizing {len(sources):,} files")
    content = packing.pack(sources, tokenizer, out / "training" / TOKENS, tally, workers=corpus.workers).content
    say(
        f"{content.documents:,} documents, {content.tokens:,} tokens; held out {content.held_out_documents:,},"
        f" {content.held_out_tokens:,}; skipped: {tally.summary() or 'nothing'}"
    )
    if changed := [path for path, state in states.items() if state_of(path) != state]:
        say(f"{len(changed):,} files changed while they were read, such as {changed[0]}")


def sample(sources: Sequence[Source], characters: int) -> Iterator[str]:
    """Yield the texts of sources spread evenly over all, until there are this many characters."""
    size = sum(source.path.stat().st_size for source in sources if source.path.is_file())  # else it has vanished
    for source in sources[:: max(1, size // characters)]:
        for document in read_source(source, Tally()):  # skipped files are counted when all is read
            yield document.text
            characters -= len(document.text)
            if characters <= 0:
                return


def _place_on_device(
    model: Any,  # noqa: ANN401 - a transformers model, an untyped library
    recipe: Recipe,
    ranks: Ranks,
    progress: TrainingProgress,
) -> ExecutionConfig:
    """Put the model on its device in its precision, and choose the execution config."""
    resumed, precision, threads = start_execution(recipe, ranks, progress.execution)
    budget = recipe.token_budget or TOKEN_BUDGET[ranks.device.type]
    execution = resumed or ExecutionConfig(precision, threads, budget, budget)
    progress.execution = execution.as_json()
    model.to(ranks.device, torch.float64 if precision == "float64" else torch.float32)
    if recipe.compile:
        model.base_model.compile(dynamic=True)
    return execution


def _trained_modules(model: Any) -> dict[str, nn.Module]:  # noqa: ANN401 - as above
    """The modules that are trained, each weight once: a tied head is the table of the body."""
    head = model.get_output_embeddings()
    tied = head.weight is model.get_input_embeddings().weight
    return {"body": model.base_model} if tied else {"body": model.base_model, "head": head}


def _held_out_rows(packed: PackedStreams, recipe: Recipe, ranks: Ranks) -> Ragged:
    """This rank's share of the held-out rows, at most about `MEASURED_ROWS` spread evenly over all."""
    rows = Rows(packed.held_out_N, recipe.max_tokens)
    stride = -(-len(rows) // MEASURED_ROWS)
    return rows.take(np.arange(len(rows))[::stride][ranks.index :: ranks.size])


def _batch_for(rows: Rows, recipe: Recipe, ranks: Ranks) -> int:
    """Rows per batch: the recipe's, or by the number of rows.

    Raises:
        AdjoinError: the rows do not fill one batch of the given size.
    """
    batch = recipe.batch or min(BATCH, max(2 * ranks.size, len(rows) // STEPS_PER_EPOCH))
    if recipe.batch and len(rows) < batch:
        raise AdjoinError(
            f"{len(rows):,} rows of {recipe.max_tokens:,} tokens do not fill one batch of {batch:,}: give more to"
            " read, or a smaller --batch"
        )
    return batch


def _report(training: _GenerativeTraining, corpus: CorpusInput, after: HeldOutLoss) -> dict[str, Any]:
    """The content of pretrain.json."""
    run, content = training.run, training.content
    return {
        "recipe": {**run.recipe.as_json(), "batch": run.batch_size},
        "corpus": corpus.as_json(),
        "data": content.data,
        "documents": content.documents,
        "tokens": content.tokens,
        "passed_over": content.passed_over,
        "parameters": sum(parameter.numel() for parameter in run.modules.parameters()),
        "held_out": {
            "documents": content.held_out_documents,
            "tokens": content.held_out_tokens,
            "before": training.before.as_json(),
            "after": after.as_json(),
        },
        "steps": run.progress.step,
        "seconds": round(run.progress.elapsed, 1),
        "execution": run.progress.execution,
        "ranks": run.ranks.size,
    }
