"""What each verb does: call its room, show how it goes."""

import argparse
import dataclasses
import datetime
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from adjoin.errors import AdjoinError

if TYPE_CHECKING:
    from rich.console import Console


def _console() -> "Console":
    """The terminal. Names are shown as they are: no brackets or colons in them mean colours or pictures."""
    from rich.console import Console

    return Console(markup=False, emoji=False)


def _error_console() -> "Console":
    """Where what is done meanwhile is told, and results are not."""
    from rich.console import Console

    return Console(stderr=True, markup=False, emoji=False)


@contextmanager
def _shown_over_ranks() -> Iterator[tuple["Console", dict[str, Any]]]:
    """The terminal, and what a training needs of its ranks and its display; only the first rank talks."""
    from rich.console import Console

    from adjoin.cli.progress import training_display
    from adjoin.ranks import Ranks

    ranks = Ranks.of_environment()
    console = _console() if ranks.is_first else Console(quiet=True)
    try:
        with training_display(console) as watch:
            yield console, {"ranks": ranks, "say": console.print, "watch": watch}
    finally:
        ranks.leave()


def mine(options: argparse.Namespace) -> None:
    """`adjoin mine`."""
    from adjoin.cli.progress import counting
    from adjoin.cli.tables import funnel
    from adjoin.mining import ALL_KINDS, MiningOptions
    from adjoin.mining import mine as mine_pairs

    _check_workers(options)
    settings = MiningOptions(
        exclude=tuple(options.exclude), kinds=tuple(options.kinds or ALL_KINDS), workers=options.workers
    )
    with counting("Mining", "sources") as advance:
        manifest = mine_pairs(options.roots, options.out, settings, lambda done, total, _: advance(done, total))
    console = _console()
    console.print(funnel(manifest))
    console.print(
        f"{manifest['pairs']:,} pairs in {options.out}. Next: adjoin train {options.out} --out models/mine"
    )


def _check_workers(options: argparse.Namespace) -> None:
    if options.workers is not None and options.workers < 1:
        raise AdjoinError(f"--workers {options.workers}: expected 1 or more")


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """The recipe's options: those of the command line, and of a recipe file what they leave open."""
    from adjoin.training.recipe import Recipe

    given = {field.name: getattr(options, field.name, None) for field in dataclasses.fields(Recipe)}
    given = {name: value for name, value in given.items() if value is not None}
    return {**(Recipe.read(options.recipe) if options.recipe else {}), **given}


def pretrain(options: argparse.Namespace) -> None:
    """`adjoin pretrain`."""
    from adjoin.training.recipe import Recipe

    _check_workers(options)
    recipe = Recipe.for_pretraining(**_given(options))

    from adjoin.training.pretrain import Reading
    from adjoin.training.pretrain import pretrain as train_generatively

    reading = Reading(options.roots, tuple(options.exclude), options.workers)
    with _shown_over_ranks() as (console, shared):
        report = train_generatively(reading, options.out, recipe, resume=options.resume, **shared)
    before, after = (report["held_out"][when] for when in ("before", "after"))
    console.print(
        f"{options.out}: {report['parameters']:,} parameters, {report['steps']:,} steps in"
        f" {report['seconds'] / 60:.1f} minutes; loss on held-out documents {before['nats']:.3f} before,"
        f" {after['nats']:.3f} nats a token now, {after['bits_per_byte']:.3f} bits a byte"
    )
    console.print(f"Its curve: {options.out / 'training' / 'curve.png'}")
    console.print(f"Next: adjoin train PAIRS --init {options.out} --out models/mine")


def plan(options: argparse.Namespace) -> None:
    """`adjoin plan`."""
    from adjoin.cli.tables import plan_tables
    from adjoin.training.plan import plan as plan_training
    from adjoin.training.recipe import Recipe

    recipe = Recipe.with_defaults(**_given(options))
    console = _console()
    with _error_console().status("planning") as status:
        planned = plan_training(options.pairs, recipe, gpus=options.gpus, gpu=options.gpu, say=status.update)
    if options.json:
        sys.stdout.write(json.dumps(planned.as_json(), indent=2) + "\n")
        return
    for table in plan_tables(planned):
        console.print(table)
    for note in planned.notes:
        console.print(note)


def train(options: argparse.Namespace) -> None:
    """`adjoin train`."""
    from adjoin.training.recipe import Recipe

    recipe = Recipe.with_defaults(**_given(options))

    from adjoin.training.contrast import train as train_encoder

    with _shown_over_ranks() as (console, shared):
        description = train_encoder(options.pairs, options.out, recipe, resume=options.resume, **shared)
    steps, seconds = description.training["steps"], description.training["seconds"]
    console.print(
        f"{options.out}: dimension {description.dimension}, {steps:,} steps in {seconds / 60:.1f} minutes"
    )
    console.print(f"Its curve: {options.out / 'training' / 'curve.png'}")
    console.print(f"Next: adjoin index PATH --model {options.out}")


def evaluate(options: argparse.Namespace) -> None:
    """`adjoin evaluate`."""
    from adjoin.evaluation import load_tasks, run_evaluation, write_report
    from adjoin.evaluation.display import render_table
    from adjoin.evaluation.report import main_metric
    from adjoin.model.encoder import Encoder

    console = _console()
    encoder = Encoder.load(options.model)
    try:
        untrained = Encoder.load_untrained(options.model)
    except AdjoinError as error:
        untrained = None
        console.print(f"No row for the untrained start: {error}")
    tasks = load_tasks(options.data)
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    report = run_evaluation(
        tasks,
        encoder,
        str(options.model),
        date=today,
        untrained=untrained,
        progress=console.print,
        seed=options.seed,
    )
    for metric in dict.fromkeys(main_metric(suite) for suite in report.suites()):
        console.print(render_table(report, metric))
    for difference in report.differences:
        console.print(difference.sentence())
    folder = options.report or options.model / "report"
    write_report(folder, report)  # last: where it cannot be written, the figures have at least been seen
    console.print(f"All metrics, nDCG@10 and recall among them: {folder / 'report.md'}")


def embed(options: argparse.Namespace) -> None:
    """`adjoin embed`."""
    from adjoin.cli.progress import counting
    from adjoin.embed import embed_texts, read_texts
    from adjoin.model.encoder import Encoder
    from adjoin.tokens import ROLES

    if options.role not in ROLES:
        raise AdjoinError(f"--role {options.role}: expected one of {', '.join(ROLES)}")
    encoder = Encoder.load(options.model)
    texts = read_texts(options.texts)
    with counting("Embedding", "texts") as advance:
        report = embed_texts(texts, encoder, options.out, role=options.role, progress=advance)
    console = _console()
    console.print(f"{options.out}: {report.summary()}")
    tokenizer = encoder.tokenizer
    if tokenizer.truncated:
        console.print(f"{tokenizer.truncated:,} texts were cut at {encoder.description.max_tokens} tokens")


def index(options: argparse.Namespace) -> None:
    """`adjoin index`."""
    from adjoin.cli.progress import counting
    from adjoin.index.update import update_index
    from adjoin.model.encoder import Encoder

    encoder = Encoder.load(options.model)
    folder = options.out or options.root / ".adjoin"
    with counting("Indexing", "files") as advance:
        report = update_index(options.root, folder, encoder, model=str(options.model.resolve()), progress=advance)
    console = _console()
    console.print(f"{folder}: {report.summary()}")
    if encoder.tokenizer.truncated:
        console.print(
            f"{encoder.tokenizer.truncated:,} pieces are longer than the model's {encoder.description.max_tokens}"
            " tokens: their end is found by words only"
        )
    console.print(f'Next: adjoin search "what you look for" --index {folder}')


def search(options: argparse.Namespace) -> None:
    """`adjoin search`."""
    from adjoin.index.display import as_json, show
    from adjoin.index.searcher import load_index

    searcher = load_index(options.index, model=options.model, words_only=options.mode == "lexical")
    hits = searcher.search(options.query, limit=options.limit, mode=options.mode, languages=options.language)
    if options.json:
        sys.stdout.write(json.dumps(as_json(hits), indent=2) + "\n")
    else:
        show(hits, _console(), query=options.query)


def demo(options: argparse.Namespace) -> None:
    """`adjoin demo`."""
    from adjoin.cli.demo import run

    run(options.out, minutes=options.minutes)
