"""`adjoin reproduce`: a model from its recipe, from the corpus to the report; what is done is not done again.

OUT/pairs/      the corpus of the recipe's [corpus]: packages of registries, mined, decontaminated against the data
OUT/pairs/NAME/ of several corpora each, named as its recipe is
OUT/whole/      the training of its [train], weights in float32
OUT/heads/N/    where there are several heads: their trainings, of which OUT/whole/ is joined
OUT/tokens/     the pairs' tokens, until the last head is there
OUT/model/      the same packed, to pass on
OUT/report/     what it is worth on the data
"""

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from adjoin.cli.progress import counting, training_display
from adjoin.collecting import CorpusRecipe
from adjoin.errors import AdjoinError
from adjoin.files import read_toml
from adjoin.mining import Engine
from adjoin.mining.options import MiningOptions
from adjoin.mining.packages import mine_packages
from adjoin.model.ensemble import join
from adjoin.model.locations import DESCRIPTION_FILE
from adjoin.model.quantization import ALL_PRECISIONS, pack
from adjoin.pairs.dataset import MANIFEST
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe
from adjoin.workflows import evaluate as evaluating

_TABLES = {"about", "corpus", "train", "report"}
_HEADS = "heads"  # in a recipe, and below OUT
_PRECISION = "precision"
_TOKENS = "tokens"
PAIRS = "pairs"
_DISK = 4 << 30  # bytes of packages that may wait to be mined


@dataclass(frozen=True)
class ModelRecipe:
    """A shipped model's recipe.

    Attributes:
        corpora: folder below OUT → the recipe of the corpus that it gets.
        licences: the licences that its pairs may have.
        kinds: of pairs, in place of those that the corpora's recipes name; empty for theirs.
        training: its training.
        heads: how many are trained, with a seed each, and joined.
        precision: in which the weights are packed, as `pack` takes it.
        suites: what is measured.
        beside: further rows of the report.
    """

    corpora: dict[str, CorpusRecipe]
    licences: tuple[str, ...]
    kinds: tuple[str, ...]
    training: Recipe
    heads: int
    precision: str | None
    suites: list[str]
    beside: list[str]

    @classmethod
    def read(cls, path: Path) -> "ModelRecipe":
        """Read a TOML file such as recipes/models/code-static.toml.

        Raises:
            AdjoinError: it or a corpus' recipe is missing or damaged, an option is unknown, or two corpora have
                one name.
        """
        content = read_toml(path, "recipe")
        if missing := sorted(
            ({"corpus", "train", "report"} - content.keys()) | (content.keys() - {*_TABLES, _HEADS, _PRECISION})
        ):
            raise AdjoinError(f"{path}: missing or unknown {missing[0]}, expected {', '.join(sorted(_TABLES))}")
        corpus, report, heads = content["corpus"], content["report"], content.get(_HEADS, 1)
        if type(heads) is not int or heads < 1:
            raise AdjoinError(f"{path}: heads is {heads!r:.80}, expected a whole number from 1 on")
        if (precision := content.get(_PRECISION)) not in (None, *ALL_PRECISIONS):
            raise AdjoinError(f"{path}: precision is {precision!r:.80}, expected {', '.join(ALL_PRECISIONS)}")
        try:
            named, licences = corpus["recipe"], tuple(corpus["licences"])
            kinds = tuple(corpus.get("kinds", ()))
            places = [path.parent / place for place in ([named] if isinstance(named, str) else named)]
            suites, beside = list(report["suites"]), list(report["beside"])
        except (KeyError, TypeError) as error:
            raise AdjoinError(
                f"{path}: missing or wrong {error}: expected recipe, licences, suites, beside"
            ) from None
        folders = [PAIRS if isinstance(named, str) else f"{PAIRS}/{place.stem}" for place in places]
        if not places or len(set(folders)) < len(places):
            raise AdjoinError(f"{path}: recipe is {named!r:.80}, expected one file, or several of different names")
        corpora = {folder: CorpusRecipe.read(place) for folder, place in zip(folders, places, strict=True)}
        training = Recipe.with_defaults(**content["train"])
        if heads > 1 and not training.start.is_static:
            raise AdjoinError(f"{path}: heads is {heads}: only static models can be joined")
        return cls(corpora, licences, kinds, training, heads, precision, suites, beside)


def run(options: argparse.Namespace, console: Console) -> None:
    """Collect, train, pack, measure; each goes on where it was interrupted.

    Raises:
        AdjoinError: as each of them.
    """
    recipe, out = ModelRecipe.read(options.recipe), options.out
    out.mkdir(parents=True, exist_ok=True)
    console.rule("1  The corpus")
    for number, folder in enumerate(recipe.corpora):
        # What belongs to the corpus besides goes with the first.
        _collect(recipe, folder, options, () if number else options.also or (), console)
    console.rule("2  The training")
    if not (out / "whole" / DESCRIPTION_FILE).is_file():
        _train(recipe, out, console)
    console.rule("3  Packing")
    if not (out / "model" / DESCRIPTION_FILE).is_file():
        report = pack(out / "whole", out / "model", recipe.precision)
        weights = f"weights of {report.after / 1e6:,.1f} MB in {report.precision}"
        console.print(f"{weights}; vectors turned to a cosine of {report.cosine:.5f} at most")
    console.rule("4  The report")
    _report(recipe, out, options.data, console)


def _train(recipe: ModelRecipe, out: Path, console: Console) -> None:
    """The training; of several heads one after the other, joined when the last is there."""
    pairs = [out / folder for folder in recipe.corpora]
    several = recipe.heads > 1
    places = [out / _HEADS / str(number) for number in range(recipe.heads)] if several else [out / "whole"]
    tokens = out / _TOKENS if several else None
    for number, place in enumerate(places):
        if (place / DESCRIPTION_FILE).is_file():
            continue
        if several:
            console.print(f"head {number + 1} of {recipe.heads}")
        training = replace(recipe.training, seed=recipe.training.seed + number)
        with training_display(console) as watch:
            train(pairs, place, training, resume=True, tokens=tokens, say=console.print, watch=watch)
    if tokens:
        join(places, out / "whole")
        shutil.rmtree(tokens, ignore_errors=True)


def _report(recipe: ModelRecipe, out: Path, data: Path, console: Console) -> None:
    from adjoin.cli.arguments import build_parser  # it knows this verb, too

    command = ["evaluate", str(out / "model"), "--data", str(data), "--report", str(out / "report")]
    command += ["--suite", *recipe.suites, "--beside", *recipe.beside]
    evaluating.evaluate(build_parser().parse_args(command), console)


def _collect(
    recipe: ModelRecipe, folder: str, options: argparse.Namespace, also: Sequence[Path], console: Console
) -> None:
    corpus, pairs = recipe.corpora[folder], options.out / folder
    if (pairs / MANIFEST).is_file():
        console.print(f"{pairs} is there")
        return
    mined = {**corpus.mine, "licences": list(recipe.licences), "decontaminate": [str(options.data)]}
    if recipe.kinds:
        mined["kinds"] = list(recipe.kinds)
    with counting("Collecting", "packages") as advance:
        manifest = mine_packages(
            corpus,
            pairs,
            MiningOptions.of_values(mined, "the recipe's [mine]"),
            downloads=options.downloads or options.out / "downloads",
            budget=_DISK,
            keep=options.downloads is not None,
            also=also,
            engine=Engine(),
            progress=lambda done, total, _: advance(done, total),
        )
    console.print(f"{manifest['pairs']:,} pairs; by rule: docs/corpora.md and {pairs / MANIFEST}")
