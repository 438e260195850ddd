"""The other verbs: each reads its options, calls a workflow or another package, and prints the result."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from adjoin.cli.reporter import (
    ConsoleReporter,
    SafeConsole,
    counting,
    error_console,
    output_console,
    training_display,
)
from adjoin.errors import AdjoinError

if TYPE_CHECKING:
    from rich.console import Console

    from adjoin.training.validation import Validation


@contextmanager
def _shown_over_ranks() -> Iterator[tuple["Console", dict[str, Any]]]:
    """The terminal, and what a training needs of its ranks and its display; only the main rank prints."""
    from adjoin.ranks import Ranks

    ranks = Ranks.of_environment()
    console = output_console() if ranks.is_main else SafeConsole(quiet=True)
    try:
        with training_display(console) as watch:
            yield console, {"ranks": ranks, "say": ConsoleReporter(console).say, "watch": watch}
    finally:
        ranks.close()


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """Training options: those of the command line, and for the others those of the recipe file."""
    from adjoin.training.recipe import Recipe

    given = {field.name: getattr(options, field.name, None) for field in dataclasses.fields(Recipe)}
    given = {name: value for name, value in given.items() if value is not None}
    return {**(Recipe.read(options.recipe) if options.recipe else {}), **given}


def pretrain(options: argparse.Namespace) -> None:
    """Run `adjoin pretrain` with the parsed options."""
    from adjoin.training.recipe import Recipe

    if options.workers is not None and options.workers < 1:
        raise AdjoinError(f"--workers {options.workers}: expected 1 or more")
    recipe = Recipe.for_pretraining(**_given(options))

    from adjoin.training.pretrain import CorpusInput
    from adjoin.training.pretrain import pretrain as train_generatively

    corpus = CorpusInput(options.roots, tuple(options.exclude), options.workers)
    with _shown_over_ranks() as (console, shared):
        report = train_generatively(corpus, options.out, recipe, resume=options.resume, **shared)
    before, after = (report["held_out"][when] for when in ("before", "after"))
    reporter = ConsoleReporter(console)
    reporter.say(
        f"{options.out}: {report['parameters']:,} parameters, {report['steps']:,} steps in"
        f" {report['seconds'] / 60:.1f} minutes. Loss on held-out documents: {before['nats']:.3f} nats per token"
        f" before, {after['nats']:.3f} after ({after['bits_per_byte']:.3f} bits per byte)."
    )
    reporter.say(f"Learning curve: {options.out / 'training' / 'curve.png'}")
    reporter.say("Next:")
    reporter.command(f"adjoin train PAIRS --init {options.out} --out models/mine")


def plan(options: argparse.Namespace) -> None:
    """Run `adjoin plan` with the parsed options."""
    from adjoin.cli.tables import plan_tables
    from adjoin.planning.plan import plan as plan_training
    from adjoin.training.recipe import Recipe

    recipe = Recipe.with_defaults(**_given(options))
    console = output_console()
    with error_console().status("planning") as status:
        planned = plan_training(options.pairs, recipe, gpus=options.gpus, gpu=options.gpu, say=status.update)
    if options.json:
        sys.stdout.write(json.dumps(planned.as_json(), indent=2).replace("\x7f", "\\u007f") + "\n")
        return
    for table in plan_tables(planned):
        console.print(table)
    for note in planned.notes:
        console.print(note)


def train(options: argparse.Namespace) -> None:
    """Run `adjoin train` with the parsed options."""
    from adjoin.training.recipe import Recipe

    recipe = Recipe.with_defaults(**_given(options))

    from adjoin.training.contrast import train as train_encoder

    validation = _validation(options)
    with _shown_over_ranks() as (console, shared):
        description = train_encoder(
            options.pairs,
            options.out,
            recipe,
            resume=options.resume,
            tokens=options.tokens,
            validation=validation,
            **shared,
        )
    steps, seconds = description.training["steps"], description.training["seconds"]
    reporter = ConsoleReporter(console)
    reporter.say(
        f"{options.out}: dimension {description.dimension}, {steps:,} steps in {seconds / 60:.1f} minutes"
    )
    reporter.say(f"Learning curve: {options.out / 'training' / 'curve.png'}")
    reporter.say("Next:")
    reporter.command(f"adjoin index PATH --model {options.out}")


def _validation(options: argparse.Namespace) -> "Validation | None":
    """The validation that `adjoin train` was asked for; None if it was not."""
    if options.evaluate_every is None:
        given = {
            "--evaluate-data": options.evaluate_data,
            "--keep": options.keep,
            "--evaluate-suite": options.evaluate_suite,
        }
        if alone := [name for name, value in given.items() if value is not None]:
            raise AdjoinError(f"{', '.join(alone)} goes with --evaluate-every STEPS")
        return None
    if options.evaluate_data is None:
        raise AdjoinError(
            "--evaluate-every measures on data: give --evaluate-data FOLDER, laid out as for evaluate"
        )
    from adjoin.workflows.validate import validation_on

    return validation_on(
        options.evaluate_data,
        every=options.evaluate_every,
        suites=options.evaluate_suite or (),
        limit=options.evaluate_limit,
        keep=options.keep,
    )


def evaluate(options: argparse.Namespace) -> None:
    """Run `adjoin evaluate` with the parsed options."""
    from adjoin.workflows.evaluate import BASELINES, EvaluationOptions, default_cache
    from adjoin.workflows.evaluate import evaluate as run

    evaluation = EvaluationOptions(
        system=options.model,
        data=options.data,
        report=options.report,
        suites=options.suite or (),
        tasks=options.tasks or (),
        limit=options.limit,
        baselines=options.beside or BASELINES,
        cache=None if options.no_cache else options.cache or default_cache(),
        faiss=options.faiss,
        dense_weight=options.dense_weight,
        seed=options.seed,
    )
    run(evaluation, ConsoleReporter())


def compare(options: argparse.Namespace) -> None:
    """Run `adjoin compare` with the parsed options."""
    from adjoin.evaluation.choices import require_packages
    from adjoin.evaluation.report.compare import render_comparison, summary, write_comparison
    from adjoin.workflows.evaluate import read_reports
    from adjoin.workflows.evaluation_checks import check_writable

    if options.report:
        require_packages("the page of a comparison", "jinja2", "matplotlib")
        check_writable(options.report, "--report")
    reports, reporter = read_reports(options.runs), ConsoleReporter()
    for table in render_comparison(reports):
        reporter.console.print(table)
    for line in summary(reports):
        reporter.say(line)
    if options.report:
        write_comparison(options.report, reports)
        reporter.say(f"With figures: {options.report / 'comparison.html'}")


def embed(options: argparse.Namespace) -> None:
    """Run `adjoin embed` with the parsed options."""
    from adjoin.embed import embed_texts, read_texts
    from adjoin.model.encoder import Encoder
    from adjoin.tokens import ROLES

    if options.role not in ROLES:
        raise AdjoinError(f"--role {options.role}: expected one of {', '.join(ROLES)}")
    encoder = Encoder.load(options.model)
    texts = read_texts(options.texts)
    with counting("Embedding", "texts") as advance:
        report = embed_texts(texts, encoder, options.out, role=options.role, progress=advance)
    reporter = ConsoleReporter()
    reporter.say(f"{options.out}: {report.summary()}")
    if truncated := encoder.tokenizer.truncated:
        reporter.say(f"{truncated:,} texts were truncated to {encoder.description.max_tokens} tokens")


def pack(options: argparse.Namespace) -> None:
    """Run `adjoin model pack` with the parsed options."""
    from adjoin.model.quantization import quantize

    report = quantize(options.model, options.out, options.precision)
    ConsoleReporter().say(
        f"{options.out}: {report.after / 1e6:,.1f} MB of weights in {report.precision}, {report.before / 1e6:,.1f}"
        f" MB before; cosine to the original vectors at least {report.cosine:.5f}"
    )


def ensemble(options: argparse.Namespace) -> None:
    """Run `adjoin model ensemble` with the parsed options."""
    from adjoin.model.ensemble import make_ensemble

    description = make_ensemble(options.models, options.out)
    ConsoleReporter().say(
        f"{options.out}: an ensemble of {len(options.models)} models, dimension {description.dimension:,}"
    )


def grow(options: argparse.Namespace) -> None:
    """Run `adjoin model grow` with the parsed options."""
    from adjoin.model.growing import grow as grow_model
    from adjoin.model.locations import locate_model

    grown = grow_model(
        locate_model(options.model), options.out, layers=options.layers, dimension=options.dimension
    )
    ConsoleReporter().say(
        f"{options.out}: a transformer of {grown.parameters:,} parameters and dimension {grown.dimension};"
        f" it keeps {grown.kept:.1%} of the static vectors' squared length"
    )


def adapt(options: argparse.Namespace) -> None:
    """Run `adjoin adapt` with the parsed options."""
    from adjoin.workflows.adapt import Adaptation
    from adjoin.workflows.adapt import adapt as run

    given = ("root", "out", "model", "index", "minutes", "seed")
    run(Adaptation(**{name: getattr(options, name) for name in given}), ConsoleReporter())


def reproduce(options: argparse.Namespace) -> None:
    """Run `adjoin reproduce` with the parsed options."""
    from adjoin.workflows.reproduce import Reproduction
    from adjoin.workflows.reproduce import reproduce as run

    reproduction = Reproduction(
        options.recipe, options.out, options.data, downloads=options.downloads, also=options.also or ()
    )
    run(reproduction, ConsoleReporter())


def demo(options: argparse.Namespace) -> None:
    """Run `adjoin demo` with the parsed options."""
    from adjoin.workflows.demo import demo as run

    run(options.out, ConsoleReporter(), minutes=options.minutes)
