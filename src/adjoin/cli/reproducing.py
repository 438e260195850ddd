"""`adjoin reproduce`: a model from its recipe, from the corpus to the report; what is done is not done again.

OUT/pairs/      the corpus of the recipe's [corpus]: packages of registries, mined, decontaminated against the data
OUT/whole/      the training of its [train], weights in float32
OUT/model/      the same packed, to pass on
OUT/report/     what it is worth on the data
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from adjoin.cli import evaluating
from adjoin.cli.progress import counting, training_display
from adjoin.collecting import CorpusRecipe
from adjoin.errors import AdjoinError
from adjoin.files import read_toml
from adjoin.mining import Engine
from adjoin.mining.options import MiningOptions
from adjoin.mining.packages import mine_packages
from adjoin.model.packing import pack
from adjoin.model.places import DESCRIPTION_FILE
from adjoin.pairs.dataset import MANIFEST
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe

_TABLES = {"about", "corpus", "train", "report"}
_DISK = 4 << 30  # bytes of packages that may wait to be mined


@dataclass(frozen=True)
class ModelRecipe:
    """A shipped model's recipe.

    Attributes:
        corpus: the recipe of its corpus.
        licences: the licences that its pairs may have.
        training: its training.
        suites: what is measured.
        beside: further rows of the report.
    """

    corpus: CorpusRecipe
    licences: tuple[str, ...]
    training: Recipe
    suites: list[str]
    beside: list[str]

    @classmethod
    def read(cls, path: Path) -> "ModelRecipe":
        """Read a TOML file such as recipes/models/code-static.toml.

        Raises:
            AdjoinError: it or its corpus' recipe is missing or damaged, or an option is unknown.
        """
        content = read_toml(path, "recipe")
        if missing := sorted(({"corpus", "train", "report"} - content.keys()) | (content.keys() - _TABLES)):
            raise AdjoinError(f"{path}: missing or unknown {missing[0]}, expected {', '.join(sorted(_TABLES))}")
        corpus, report = content["corpus"], content["report"]
        try:
            place, licences = path.parent / corpus["recipe"], tuple(corpus["licences"])
            suites, beside = list(report["suites"]), list(report["beside"])
        except (KeyError, TypeError) as error:
            raise AdjoinError(
                f"{path}: missing or wrong {error}: expected recipe, licences, suites, beside"
            ) from None
        return cls(CorpusRecipe.read(place), licences, Recipe.with_defaults(**content["train"]), suites, beside)


def run(options: argparse.Namespace, console: Console) -> None:
    """Collect, train, pack, measure; each goes on where it was interrupted.

    Raises:
        AdjoinError: as each of them.
    """
    recipe, out = ModelRecipe.read(options.recipe), options.out
    out.mkdir(parents=True, exist_ok=True)
    console.rule("1  The corpus")
    _collect(recipe, options, console)
    console.rule("2  The training")
    if not (out / "whole" / DESCRIPTION_FILE).is_file():
        with training_display(console) as watch:
            train(out / "pairs", out / "whole", recipe.training, resume=True, say=console.print, watch=watch)
    console.rule("3  Packing")
    if not (out / "model" / DESCRIPTION_FILE).is_file():
        report = pack(out / "whole", out / "model")
        console.print(f"weights of {report.after / 1e6:,.1f} MB; vectors turned to {report.cosine:.5f} at most")
    console.rule("4  The report")
    measured: dict[str, Any] = {"model": str(out / "model"), "suite": recipe.suites, "beside": recipe.beside}
    usual = {"tasks": None, "limit": None, "faiss": None, "cache": None, "no_cache": False, "seed": 0}
    wanted = argparse.Namespace(**measured, **usual, data=options.data, report=out / "report")
    evaluating.evaluate(wanted, console)


def _collect(recipe: ModelRecipe, options: argparse.Namespace, console: Console) -> None:
    if (options.out / "pairs" / MANIFEST).is_file():
        console.print(f"{options.out / 'pairs'} is there")
        return
    mined = {**recipe.corpus.mine, "licences": list(recipe.licences), "decontaminate": [str(options.data)]}
    with counting("Collecting", "packages") as advance:
        manifest = mine_packages(
            recipe.corpus,
            options.out / "pairs",
            MiningOptions.of_values(mined, "the recipe's [mine]"),
            downloads=options.downloads or options.out / "downloads",
            budget=_DISK,
            keep=options.downloads is not None,
            also=options.also or (),
            engine=Engine(),
            progress=lambda done, total, _: advance(done, total),
        )
    console.print(f"{manifest['pairs']:,} pairs; by rule: docs/corpora.md and {options.out / 'pairs' / MANIFEST}")
