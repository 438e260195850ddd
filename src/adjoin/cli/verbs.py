"""What each verb does: call its room, show how it goes."""

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from adjoin.errors import AdjoinError

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from adjoin.mining import MiningOptions


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
    console = _console() if ranks.is_main else Console(quiet=True)
    try:
        with training_display(console) as watch:
            yield console, {"ranks": ranks, "say": console.print, "watch": watch}
    finally:
        ranks.close()


def mine(options: argparse.Namespace) -> None:
    """`adjoin mine`."""
    from adjoin.cli.progress import counting_bytes
    from adjoin.mining import Engine
    from adjoin.mining import mine as mine_pairs
    from adjoin.mining.verify import verify

    engine, console = Engine(options.engine, options.workers), _console()
    if options.verify:
        _refuse_beside_verify(options)
        with counting_bytes("Verifying") as advance:
            found = verify(
                options.roots,
                options.out,
                decontaminate=options.decontaminate or (),
                engine=engine,
                progress=advance,
            )
        if found.differences:
            raise AdjoinError(f"{options.out} is not what comes out of this input: {'; '.join(found.differences)}")
        console.print(f"{options.out}: {found.pairs:,} pairs out of {found.inputs:,} inputs, the same bytes again")
        return
    settings = _mining_options(options, _table_of(options.recipe) if options.recipe else None)
    began = time.monotonic()
    with counting_bytes("Mining") as advance:
        manifest = mine_pairs(options.roots, options.out, settings, engine=engine, progress=advance)
    _tell_mined(console, manifest, options.out, time.monotonic() - began)


def _table_of(recipe: "Path") -> dict[str, Any]:
    """The table [mine] of a recipe."""
    from adjoin.files import read_toml

    table = read_toml(recipe, "recipe").get("mine")
    if not isinstance(table, dict):
        raise AdjoinError(f"{recipe} has no table [mine]: expected one with options such as min_words = 40")
    return table


_SETTINGS = ("kinds", "exclude", "languages", "mask", "licences", "decontaminate")
_NUMBERS = ("template_cap", "package_cap")


def _mining_options(options: argparse.Namespace, recipe: Mapping[str, Any] | None = None) -> "MiningOptions":
    """The options of mining: those of the command line, and of a recipe what they leave open."""
    from adjoin.mining import MiningOptions

    given: dict[str, Any] = {}
    for name in _SETTINGS:
        if value := getattr(options, name, None):
            given[name] = [str(entry) for entry in value]
    given |= {"keep_near_duplicates": True} if options.keep_near_duplicates else {}
    given |= {name: value for name in _NUMBERS if (value := getattr(options, name)) is not None}
    if columns := getattr(options, "columns", None):
        if wrong := [entry for entry in columns if "=" not in entry]:
            raise AdjoinError(f"--columns {wrong[0]}: expected ROLE=COLUMN, as in text=body")
        given["columns"] = dict(entry.split("=", 1) for entry in columns)
    if words := getattr(options, "words", None):
        given["min_words"], given["max_words"] = words
    return MiningOptions.of_values({**(recipe or {}), **given}, "the recipe's [mine]" if recipe else "options")


def _refuse_beside_verify(options: argparse.Namespace) -> None:
    """A dataset is derived again with the options in its manifest; others would be of no effect."""
    for name in (*_SETTINGS, *_NUMBERS, "columns", "words", "recipe", "keep_near_duplicates"):
        if name != "decontaminate" and getattr(options, name) not in (None, [], False):
            raise AdjoinError(
                f"--verify takes its options from the manifest: leave out --{name.replace('_', '-')}"
            )


def _tell_mined(console: "Console", manifest: dict[str, Any], out: "Path", seconds: float) -> None:
    from adjoin.cli.tables import funnel

    console.print(funnel(manifest))
    size = manifest["bytes"] / 1e6
    console.print(
        f"{manifest['pairs']:,} pairs in {out}, out of {size:,.1f} MB in {seconds:,.1f} s:"
        f" {size / max(seconds, 1e-9):,.1f} MB/s"
    )
    console.print(f"Next: adjoin pairs show {out}, or adjoin train {out} --out models/mine", soft_wrap=True)


def collect(options: argparse.Namespace) -> None:
    """`adjoin collect`."""
    from adjoin.cli.progress import counting
    from adjoin.collecting import CorpusRecipe
    from adjoin.mining import Engine
    from adjoin.mining.packages import mine_packages

    console = _console()
    if options.pin:
        _pin(options, console)
        return
    if options.out is None:
        raise AdjoinError("--out is missing: give the folder for the pairs, as in --out pairs/code")
    if not options.budget_gb > 0:
        raise AdjoinError(f"--budget-gb {options.budget_gb}: expected more than 0")
    recipe = CorpusRecipe.read(options.recipe)
    engine, settings = Engine(options.engine, options.workers), _mining_options(options, recipe.mine)
    began = time.monotonic()
    with counting("Collecting", "packages") as advance:
        manifest = mine_packages(
            recipe,
            options.out,
            settings,
            downloads=options.downloads or options.out.with_name(f"{options.out.name}.downloads"),
            budget=int(options.budget_gb * 1e9),
            keep=options.keep,
            also=options.also or (),
            engine=engine,
            progress=lambda done, total, _: advance(done, total),
        )
    _tell_mined(console, manifest, options.out, time.monotonic() - began)


def _pin(options: argparse.Namespace, console: "Console") -> None:
    """Complete a recipe in its place; its comments go, its rows stay in order."""
    from adjoin.cli.progress import counting
    from adjoin.collecting import CorpusRecipe, pin
    from adjoin.files import write_atomically
    from adjoin.tally import Tally

    recipe, tally = CorpusRecipe.read(options.recipe, pinned=False), Tally()
    folder = options.downloads or options.recipe.with_name(f"{options.recipe.stem}.downloads")
    with counting("Pinning", "packages") as advance:
        pinned = pin(
            recipe,
            folder,
            tally,
            afresh=options.pin == "all",
            progress=lambda done, total, _: advance(done, total),
        )
    write_atomically(options.recipe, pinned.text())
    number = sum(1 for _ in pinned.packages())
    console.print(f"{options.recipe}: {number:,} packages, {pinned.size / 1e9:,.2f} GB, downloaded to {folder}")
    if tally.counts:
        console.print(f"left out: {tally.summary()}")


def pairs_show(options: argparse.Namespace) -> None:
    """`adjoin pairs show`."""
    from adjoin.cli.tables import funnel, lengths_table, sample_panels
    from adjoin.mining.show import draw_lengths, lengths_of, samples_of
    from adjoin.pairs.dataset import PairDataset

    if options.number < 1:
        raise AdjoinError(f"--number {options.number}: expected 1 or more")
    dataset = PairDataset.open(options.pairs)
    console = _console()
    samples = samples_of(dataset, options.number, options.seed, kind=options.kind, language=options.language)
    for panel in sample_panels(samples):
        console.print(panel)
    lengths = lengths_of(dataset)
    console.print(lengths_table(lengths))
    console.print(funnel(dataset.manifest))
    picture = options.picture or options.pairs / "lengths.png"
    draw_lengths(lengths, picture)
    console.print(f"Lengths: {picture}")


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
    from adjoin.planning.plan import plan as plan_training
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
    from adjoin.workflows.evaluate import aside_of

    aside = aside_of(options)
    with _shown_over_ranks() as (console, shared):
        description = train_encoder(
            options.pairs, options.out, recipe, resume=options.resume, tokens=options.tokens, aside=aside, **shared
        )
    steps, seconds = description.training["steps"], description.training["seconds"]
    console.print(
        f"{options.out}: dimension {description.dimension}, {steps:,} steps in {seconds / 60:.1f} minutes"
    )
    console.print(f"Its curve: {options.out / 'training' / 'curve.png'}")
    console.print(f"Next: adjoin index PATH --model {options.out}")


def evaluate(options: argparse.Namespace) -> None:
    """`adjoin evaluate`."""
    from adjoin.workflows import evaluate as evaluating

    evaluating.evaluate(options, _console())


def compare(options: argparse.Namespace) -> None:
    """`adjoin compare`."""
    from adjoin.workflows import evaluate as evaluating

    evaluating.compare(options, _console())


def embed(options: argparse.Namespace) -> None:
    """`adjoin embed`."""
    from adjoin.cli.progress import counting
    from adjoin.embed import embed_texts, read_texts
    from adjoin.model.encoder import ALL_ROLES, Encoder

    if options.role not in ALL_ROLES:
        raise AdjoinError(f"--role {options.role}: expected one of {', '.join(ALL_ROLES)}")
    encoder = Encoder.load(options.model)
    texts = read_texts(options.texts)
    with counting("Embedding", "texts") as advance:
        report = embed_texts(texts, encoder, options.out, role=options.role, progress=advance)
    console = _console()
    console.print(f"{options.out}: {report.summary()}")
    tokenizer = encoder.tokenizer
    if tokenizer.truncated:
        console.print(f"{tokenizer.truncated:,} texts were cut at {encoder.description.max_tokens} tokens")


def pack(options: argparse.Namespace) -> None:
    """`adjoin pack`."""
    from adjoin.model.quantization import pack as pack_model

    report = pack_model(options.model, options.out, options.precision)
    _console().print(
        f"{options.out}: weights of {report.after / 1e6:,.1f} MB in {report.precision}, {report.before / 1e6:,.1f}"
        f" before; vectors turned to a cosine of {report.cosine:.5f} at most"
    )


def join(options: argparse.Namespace) -> None:
    """`adjoin join`."""
    from adjoin.model.ensemble import join as join_models

    description = join_models(options.models, options.out)
    _console().print(f"{options.out}: {len(options.models)} models as one, of dimension {description.dimension:,}")


def grow(options: argparse.Namespace) -> None:
    """`adjoin grow`."""
    from adjoin.model.growing import grow as grow_model
    from adjoin.model.locations import locate_model

    grown = grow_model(
        locate_model(options.model), options.out, layers=options.layers, dimension=options.dimension
    )
    _console().print(
        f"{options.out}: a transformer of {grown.parameters:,} parameters and dimension {grown.dimension};"
        f" {grown.kept:.1%} of the static vectors' squares are in it"
    )


def adapt(options: argparse.Namespace) -> None:
    """`adjoin adapt`."""
    from adjoin.workflows.adapt import Adaptation
    from adjoin.workflows.adapt import adapt as adapt_to

    given = {field.name: getattr(options, field.name) for field in dataclasses.fields(Adaptation)}
    adapt_to(Adaptation(**given), _console())


def reproduce(options: argparse.Namespace) -> None:
    """`adjoin reproduce`."""
    from adjoin.workflows.reproduce import run

    run(options, _console())


def index(options: argparse.Namespace) -> None:
    """`adjoin index`."""
    from adjoin.cli.progress import counting
    from adjoin.index.update import update_index
    from adjoin.model.encoder import Encoder
    from adjoin.model.locations import portable_name

    encoder = Encoder.load(options.model)
    folder = options.out or options.root / ".adjoin"
    with counting("Indexing", "files") as advance:
        report = update_index(options.root, folder, encoder, model=portable_name(options.model), progress=advance)
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
    wanted = {"mode": options.mode, "languages": options.language, "dense_weight": options.dense_weight}
    hits = searcher.search(options.query, limit=options.limit, **wanted)
    if options.json:
        sys.stdout.write(json.dumps(as_json(hits), indent=2) + "\n")
    else:
        show(hits, _console(), query=options.query)


def demo(options: argparse.Namespace) -> None:
    """`adjoin demo`."""
    from adjoin.workflows.demo import run

    run(options.out, repository=options.repository, minutes=options.minutes)
