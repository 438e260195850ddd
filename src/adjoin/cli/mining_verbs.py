"""The verbs mine, collect and pairs: each calls a mining function and prints its result."""

import argparse
import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from adjoin.cli.reporter import counting, counting_bytes, output_console
from adjoin.errors import AdjoinError

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from adjoin.mining import MiningOptions


def mine(options: argparse.Namespace) -> None:
    """Run `adjoin mine` with the parsed options."""
    from adjoin.mining import Engine
    from adjoin.mining import mine as mine_pairs
    from adjoin.mining.verify import verify

    engine, console = Engine(options.engine, options.workers), output_console()
    if options.verify:
        _refuse_beside_verify(options)
        with counting_bytes("Verifying") as advance:
            verified = verify(
                options.roots,
                options.out,
                decontaminate=options.decontaminate or (),
                engine=engine,
                progress=advance,
            )
        if verified.differences:
            raise AdjoinError(
                f"{options.out} is not what comes out of this input: {'; '.join(verified.differences)}"
            )
        console.print(
            f"{options.out}: {verified.pairs:,} pairs from {verified.inputs:,} inputs, the same bytes again"
        )
        return
    settings = _mining_options(options, _table_of(options.recipe) if options.recipe else None)
    began = time.monotonic()
    with counting_bytes("Mining") as advance:
        manifest = mine_pairs(options.roots, options.out, settings, engine=engine, progress=advance)
    _print_mined(console, manifest, options.out, time.monotonic() - began)


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
    """Mining options: those of the command line, and for the others those of the recipe."""
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
    """Refuse options that --verify would ignore: it mines with those in the manifest."""
    for name in (*_SETTINGS, *_NUMBERS, "columns", "words", "recipe", "keep_near_duplicates"):
        if name != "decontaminate" and getattr(options, name) not in (None, [], False):
            raise AdjoinError(
                f"--verify takes its options from the manifest: leave out --{name.replace('_', '-')}"
            )


def _print_mined(console: "Console", manifest: dict[str, Any], out: "Path", seconds: float) -> None:
    from adjoin.cli.tables import funnel

    console.print(funnel(manifest))
    size = manifest["bytes"] / 1e6
    console.print(
        f"{manifest['pairs']:,} pairs in {out}, from {size:,.1f} MB in {seconds:,.1f} s:"
        f" {size / max(seconds, 1e-9):,.1f} MB/s"
    )
    console.print(f"Next: adjoin pairs show {out}, or adjoin train {out} --out models/mine", soft_wrap=True)


def collect(options: argparse.Namespace) -> None:
    """Run `adjoin collect` with the parsed options."""
    from adjoin.collecting import CorpusRecipe
    from adjoin.mining import Engine
    from adjoin.mining.packages import mine_packages

    console = output_console()
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
    _print_mined(console, manifest, options.out, time.monotonic() - began)


def _pin(options: argparse.Namespace, console: "Console") -> None:
    """Write versions and hashes into a recipe. Comments are lost, the order of rows is kept."""
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
        console.print(f"left out: {tally.summary()}", soft_wrap=True)


def pairs_show(options: argparse.Namespace) -> None:
    """Run `adjoin pairs show` with the parsed options."""
    from adjoin.cli.tables import funnel, lengths_table, sample_panels
    from adjoin.mining.show import draw_lengths, lengths_of, samples_of
    from adjoin.pairs.dataset import PairDataset

    if options.number < 1:
        raise AdjoinError(f"--number {options.number}: expected 1 or more")
    dataset = PairDataset.open(options.pairs)
    console = output_console()
    samples = samples_of(dataset, options.number, options.seed, kind=options.kind, language=options.language)
    for panel in sample_panels(samples):
        console.print(panel)
    lengths = lengths_of(dataset)
    console.print(lengths_table(lengths))
    console.print(funnel(dataset.manifest))
    if options.picture is None and find_spec("matplotlib") is None:
        console.print("No histogram of the lengths: it needs matplotlib, pip install 'adjoin[train]'")
        return
    picture = options.picture or options.pairs / "lengths.png"
    draw_lengths(lengths, picture)
    console.print(f"Lengths: {picture}")
