"""`reproduce`: build a bundled model again from its recipe. Finished steps are not repeated.

OUT/pairs/       the pairs of the recipe's [corpus]: packages of registries, mined and decontaminated
OUT/pairs/NAME/  the same for several corpora, each under its recipe's name
OUT/whole/       the trained model, weights in float32
OUT/heads/N/     the members of an ensemble, which is then OUT/whole/
OUT/tokens/      the pairs' tokens, until the last member is trained
OUT/model/       the quantized model, to pass on
OUT/report/      its evaluation
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adjoin.collecting import CorpusRecipe
from adjoin.errors import AdjoinError, nearest
from adjoin.evaluation import Report
from adjoin.files import read_toml
from adjoin.mining import Engine
from adjoin.mining.options import MiningOptions
from adjoin.mining.packages import mine_packages
from adjoin.model.ensemble import make_ensemble
from adjoin.model.locations import DESCRIPTION_FILE
from adjoin.model.quantization import ALL_PRECISIONS, quantize
from adjoin.outputs import Owner, filled_folder
from adjoin.pairs.dataset import MANIFEST
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe
from adjoin.unfinished import remove_folder
from adjoin.workflows.evaluate import EvaluationOptions, default_cache, evaluate
from adjoin.workflows.evaluation_checks import check_measurement
from adjoin.workflows.reporter import Reporter, SilentReporter

PAIRS = "pairs"
_TABLES = {"about", "corpus", "train", "report"}
_KEYS: dict[str, tuple[str, ...]] = {  # of the tables; the options of [train] are those of `Recipe`
    "corpus": ("recipe", "licences", "kinds"),
    "train": (),
    "report": ("suites", "beside"),
}
_MOST_HEADS = 100
_HEADS = "heads"  # in a recipe, and below OUT
_PRECISION = "precision"
_TOKENS = "tokens"
_REPRODUCTION = Owner("a reproduction", r"(?s:.*)", r"\.?(pairs|downloads|heads|whole)(\..*)?", Path.exists)
_DISK = 4 << 30  # bytes of packages that may wait to be mined


@dataclass(frozen=True)
class ModelRecipe:
    """The recipe of a bundled model.

    Attributes:
        corpora: folder below OUT → recipe of the corpus mined into it.
        licences: licences that pairs may have.
        kinds: kinds of pairs, in place of those in the corpora's recipes; empty to keep theirs.
        training: training options.
        heads: number of models trained with different seeds and joined into an ensemble.
        precision: precision of the quantized weights, as `quantize` takes it.
        suites: suites to measure.
        beside: baselines measured alongside.
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
            AdjoinError: this file or a corpus' recipe is missing or damaged, an option is unknown, or two corpora
                have the same name.
        """
        content = read_toml(path, "recipe")
        if missing := sorted(
            ({"corpus", "train", "report"} - content.keys()) | (content.keys() - {*_TABLES, _HEADS, _PRECISION})
        ):
            meant = nearest(missing[0], _TABLES) if missing[0] in content else ""
            named, expected = f"{missing[0]!r:.60}{meant or ','}", ", ".join(sorted(_TABLES))
            raise AdjoinError(f"{path}: missing or unknown {named} expected {expected}")
        _check_tables(content, path)
        corpus, report, heads = content["corpus"], content["report"], content.get(_HEADS, 1)
        if type(heads) is not int or not 1 <= heads <= _MOST_HEADS:
            raise AdjoinError(f"{path}: heads is {heads!r:.80}, expected a whole number from 1 to {_MOST_HEADS}")
        if (precision := content.get(_PRECISION)) not in (None, *ALL_PRECISIONS):
            raise AdjoinError(f"{path}: precision is {precision!r:.80}, expected {', '.join(ALL_PRECISIONS)}")
        try:
            named, licences = corpus["recipe"], tuple(corpus["licences"])
            kinds = tuple(corpus.get("kinds", ()))
            files = [path.parent / file for file in ([named] if isinstance(named, str) else named)]
            suites, beside = list(report["suites"]), list(report["beside"])
        except (KeyError, TypeError) as error:
            raise AdjoinError(
                f"{path}: missing or wrong {error}: expected recipe, licences, suites, beside"
            ) from None
        folders = [PAIRS if isinstance(named, str) else f"{PAIRS}/{file.stem}" for file in files]
        if not files or len(set(folders)) < len(files):
            raise AdjoinError(f"{path}: recipe is {named!r:.80}, expected one file, or several of different names")
        corpora = {folder: CorpusRecipe.read(file) for folder, file in zip(folders, files, strict=True)}
        try:
            training = Recipe.with_defaults(**content["train"])
        except AdjoinError as error:
            raise AdjoinError(f"{path}: [train]: {error}") from None
        if heads > 1 and not training.start.is_static:
            raise AdjoinError(f"{path}: heads is {heads}: only static models can be joined")
        return cls(corpora, licences, kinds, training, heads, precision, suites, beside)


def _check_tables(content: dict[str, Any], path: Path) -> None:
    """Check the names and types of the entries in [corpus] and [report]; the options of [train] are `Recipe`'s.

    Raises:
        AdjoinError: naming the file, the table and the key.
    """
    for name, known in _KEYS.items():
        table = content[name]
        if not isinstance(table, dict):
            raise AdjoinError(f"{path}: {name} is {table!r:.60}, expected a table [{name}]")
        if known and (unknown := sorted(table.keys() - known)):
            meant = nearest(unknown[0], known)
            raise AdjoinError(
                f"{path}: unknown key {unknown[0]!r:.60} in [{name}]{meant or ','} expected {', '.join(known)}"
            )
        for key in known:
            value = table.get(key, [])
            if not (key == "recipe" and isinstance(value, str)) and not _is_list_of_texts(value):
                raise AdjoinError(f"{path}: {key} is {value!r:.60}, expected a list of strings")


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


@dataclass(frozen=True)
class Reproduction:
    """The inputs and folders of a reproduction.

    Attributes:
        recipe: the recipe's file.
        out: folder for pairs, models and report.
        data: evaluation folder. Its texts are kept out of the pairs, and the model is measured on it.
        downloads: folder that keeps the downloaded packages; None to delete each one after it is mined.
        also: files and folders mined in addition, with the first corpus.
    """

    recipe: Path
    out: Path
    data: Path
    downloads: Path | None = None
    also: Sequence[Path] = ()


def reproduce(reproduction: Reproduction, reporter: Reporter | None = None) -> Report:
    """Collect and mine the corpus, train, quantize and evaluate. An interrupted run goes on where it stopped.

    Args:
        reproduction: recipe and folders.
        reporter: receives each step and its result.

    Returns:
        The evaluation report of the quantized model.

    Raises:
        AdjoinError: the recipe is wrong, a download fails, or a step refuses its input.
    """
    reporter = reporter or SilentReporter()
    recipe, out = ModelRecipe.read(reproduction.recipe), reproduction.out
    options = EvaluationOptions(
        system=str(out / "model"),
        data=reproduction.data,
        report=out / "report",
        suites=recipe.suites,
        baselines=recipe.beside,
        cache=default_cache(),
    )
    check_measurement(options)  # here, and not hours later
    with filled_folder(out, _REPRODUCTION):
        return _reproduce(recipe, reproduction, options, reporter)


def _reproduce(
    recipe: ModelRecipe, reproduction: Reproduction, options: EvaluationOptions, reporter: Reporter
) -> Report:
    out = reproduction.out
    reporter.section("1  Corpus")
    for number, folder in enumerate(recipe.corpora):
        _collect(recipe, folder, reproduction, () if number else reproduction.also, reporter)
    reporter.section("2  Training")
    if not (out / "whole" / DESCRIPTION_FILE).is_file():
        _train(recipe, out, reporter)
    remove_folder(out / _TOKENS)  # also those of a run that was killed after its last training
    reporter.section("3  Quantization")
    if not (out / "model" / DESCRIPTION_FILE).is_file():
        packed = quantize(out / "whole", out / "model", recipe.precision)
        weights = f"{packed.after / 1e6:,.1f} MB of weights in {packed.precision}"
        reporter.say(f"{weights}; cosine to the original vectors at least {packed.cosine:.5f}")
    reporter.section("4  Evaluation")
    return evaluate(options, reporter)


def _train(recipe: ModelRecipe, out: Path, reporter: Reporter) -> None:
    """Train one model, or the members of an ensemble one after the other and join them."""
    pairs = [out / folder for folder in recipe.corpora]
    several = recipe.heads > 1
    folders = [out / _HEADS / str(number) for number in range(recipe.heads)] if several else [out / "whole"]
    tokens = out / _TOKENS if several else None
    for number, folder in enumerate(folders):
        if (folder / DESCRIPTION_FILE).is_file():
            continue
        if several:
            reporter.say(f"model {number + 1} of {recipe.heads}")
        training = replace(recipe.training, seed=recipe.training.seed + number)
        with reporter.training() as watch:
            train(pairs, folder, training, resume=True, tokens=tokens, say=reporter.say, watch=watch)
    if tokens:
        make_ensemble(folders, out / "whole")


def _collect(
    recipe: ModelRecipe, folder: str, reproduction: Reproduction, also: Sequence[Path], reporter: Reporter
) -> None:
    corpus, pairs = recipe.corpora[folder], reproduction.out / folder
    if (pairs / MANIFEST).is_file():
        reporter.say(f"{pairs} is there")
        return
    mined = {**corpus.mine, "licences": list(recipe.licences), "decontaminate": [str(reproduction.data)]}
    if recipe.kinds:
        mined["kinds"] = list(recipe.kinds)
    with reporter.progress("Collecting", "packages") as advance:
        manifest = mine_packages(
            corpus,
            pairs,
            MiningOptions.of_values(mined, "the recipe's [mine]"),
            downloads=reproduction.downloads or reproduction.out / "downloads",
            budget=_DISK,
            keep=reproduction.downloads is not None,
            also=also,
            engine=Engine(),
            progress=lambda done, total, _: advance(done, total),
        )
    reporter.say(f"{manifest['pairs']:,} pairs. Counts by rule: docs/corpora.md and {pairs / MANIFEST}")
