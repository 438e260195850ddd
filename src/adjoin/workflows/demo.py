"""`demo`: the paper's idea on real input, in a few minutes on two CPU cores.

Every documented function is a training pair: its docstring describes it. The demo mines such pairs from the
installed packages, and trains a small model on them from random weights. It compares this model with BM25 and the
bundled `code` model on two packages that were kept out. The better one indexes a package and answers questions.
"""

import os
import re
import shutil
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adjoin.errors import AdjoinError
from adjoin.evaluation import Report, write_task
from adjoin.evaluation.data.retrieval_task import CODE
from adjoin.evaluation.jobs import find_jobs
from adjoin.evaluation.report.display import write_report
from adjoin.evaluation.report.report import BM25_NAME, MODEL
from adjoin.evaluation.run import run_evaluation
from adjoin.evaluation.systems.scorers import BM25Scorer
from adjoin.evaluation.systems.system import Named
from adjoin.index.refresh import refresh
from adjoin.index.searcher import load_index
from adjoin.locks import LOCK
from adjoin.mining import MiningOptions, mine
from adjoin.model.encoder import Encoder
from adjoin.model.locations import portable_name
from adjoin.outputs import Owner, filled_folder
from adjoin.pairs.dataset import PairDataset
from adjoin.pairs.functions import KIND as DOCSTRING_FUNCTION
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe
from adjoin.unfinished import remove_folder
from adjoin.workflows.evaluate import today
from adjoin.workflows.held_out import task_of
from adjoin.workflows.reporter import Reporter, SilentReporter, in_megabytes
from adjoin.workflows.threads import one_blas_thread

KEPT_OUT = ("scipy", "sympy")  # whole packages that the trained model never sees
SEARCHED = "scipy"
QUESTIONS = (
    "find a root of a function inside an interval",
    "solve an initial value problem for a system of differential equations",
    "nearest neighbours of a point in a k-d tree",
)
MINUTES = 2.0
EPOCHS = 8.0  # of 40,000 pairs: 173 CPU seconds, vocabulary and tokens included
QUERIES = 400  # per package, drawn by seed: intervals of about 0.04, measured in seconds
BUNDLED_MODEL = "code"
_NAMES = {BM25_NAME: "BM25", MODEL: "trained here", BUNDLED_MODEL: "bundled model code"}
_OWN_FILES = ("pairs", "kept-out", "eval", "model", "index", "report", "curve.png")
# The folders of an earlier version's demo, and the mark it left.
_EARLIER = ("all", "held-out", "adapted.json")
_NAMES_THERE = "|".join(map(re.escape, (*_OWN_FILES, *_EARLIER)))
_DEMO = Owner("a demo", rf"({_NAMES_THERE})|\.({_NAMES_THERE})\..*")  # the second: half-written ones


@dataclass
class DemoReport:
    """The results of the demo.

    Attributes:
        scores: row of the table → package → MRR among 1,000. Rows: `bm25`, `model` (trained here), `code`.
        model: the model that made the index, as a bundled model's name or a folder.
        index: folder of the index.
        seconds: part of the demo → its seconds on the clock, and its CPU seconds over all processes.
    """

    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    model: str = ""
    index: Path = Path()
    seconds: dict[str, tuple[float, float]] = field(default_factory=dict)


def demo(out: Path, reporter: Reporter | None = None, *, minutes: float = MINUTES) -> DemoReport:
    """Mine, train, compare, index and search, into the folder `out`. An earlier demo there is replaced.

    Args:
        out: folder for everything.
        reporter: receives what each step does, its reason and its result.
        minutes: upper bound on the time spent in training steps.

    Raises:
        AdjoinError: a package that is kept out is not installed, or `out` holds something else.
    """
    reporter = reporter or SilentReporter()
    packages = Path(sysconfig.get_path("purelib"))
    if missing := [name for name in KEPT_OUT if not (packages / name).is_dir()]:
        raise AdjoinError(
            f"the demo measures on {' and '.join(missing)}, not installed here: pip install 'adjoin[demo]'"
        )
    with filled_folder(out, _DEMO):
        _remove_earlier(out)
        return _demo(packages, out, reporter, minutes)


def _demo(packages: Path, out: Path, reporter: Reporter, minutes: float) -> DemoReport:
    result = DemoReport(index=out / "index")
    with _timed(result, "keep out"):
        _keep_out(packages, out, reporter)
    with _timed(result, "mine"):
        _mine(packages, out, reporter)
    with _timed(result, "train"):
        _train(out, minutes, reporter)
    with _timed(result, "compare"), one_blas_thread():
        _compare(out, result, reporter)
    with _timed(result, "index"), one_blas_thread():
        _index(packages / SEARCHED, result, reporter)
    with _timed(result, "search"):
        _search(result, reporter)
    _finish(out, result, reporter)
    return result


def _remove_earlier(out: Path) -> None:
    """Remove an earlier demo, also one that was killed, from a folder that is held."""
    for path in out.iterdir():
        if path.is_dir():
            remove_folder(path)
        elif path.name != LOCK:
            path.unlink()


@contextmanager
def _timed(result: DemoReport, part: str) -> Iterator[None]:
    wall, cpu = time.monotonic(), sum(os.times()[:4])
    yield
    result.seconds[part] = time.monotonic() - wall, sum(os.times()[:4]) - cpu


def _keep_out(packages: Path, out: Path, reporter: Reporter) -> None:
    """Make a search task of each package that is kept out."""
    reporter.section("1  Keep two packages out")
    reporter.say("A model is only worth what it does on code it has never seen, so two packages are kept out.")
    options = MiningOptions(kinds=(DOCSTRING_FUNCTION,))
    for name in KEPT_OUT:
        with reporter.progress(f"Reading {name}:", "MB") as advance:
            mine([packages / name], out / "kept-out" / name, options, progress=in_megabytes(advance))
        task = task_of(name, PairDataset.open(out / "kept-out" / name))
        write_task(out / "eval" / name, task)
        reporter.say(f"{name}: {len(task.queries):,} documented functions, used only to measure.")


def _mine(packages: Path, out: Path, reporter: Reporter) -> None:
    reporter.section("2  Mine the other installed packages")
    reporter.say("Programmers write docstrings, so nobody has to label anything: (docstring, function) is a pair.")
    exclude = tuple(pattern for name in KEPT_OUT for pattern in (name, f"{name}-*", f"{name}.*"))
    exclude += ("*/externals", "*/vendored")  # changed copies of other packages, also of those kept out
    options = MiningOptions(exclude=exclude, kinds=(DOCSTRING_FUNCTION,), decontaminate=(out / "eval",))
    with reporter.progress("Mining", "MB") as advance:
        manifest = mine([packages], out / "pairs", options, progress=in_megabytes(advance))
    functions = manifest["counts"].get("functions", 0)
    reporter.say(
        f"{manifest['pairs']:,} pairs out of {functions:,} functions and {manifest['bytes'] / 1e6:,.0f} MB."
    )
    rows = next(PairDataset.open(out / "pairs").batches(["x", "origin"]))
    middle = len(rows["x"]) // 2
    reporter.say(f'For example "{_cut(rows["x"][middle])}" describes the function at {rows["origin"][middle]}.')


def _cut(text: str, width: int = 80) -> str:
    """The text in one line, its end left out if it is long."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[:width].rsplit(" ", 1)[0] + " ..."


def _train(out: Path, minutes: float, reporter: Reporter) -> None:
    reporter.section("3  Train a model from nothing")
    reporter.say(
        "Contrastive training pulls each docstring towards its own function. All other functions of the batch are"
        " the wrong answers."
    )
    recipe = Recipe.with_defaults(preset="static", minutes=minutes, epochs=EPOCHS)
    with reporter.training() as watch:
        description = train(out / "pairs", out / "model", recipe, say=reporter.say, watch=watch)
    shutil.copy(out / "model" / "training" / "curve.png", out / "curve.png")
    steps, seconds = description.training["steps"], description.training["seconds"]
    batch = description.training["recipe"]["batch"]
    reporter.say(
        f"{steps:,} steps of {batch:,} pairs in {seconds:,.0f} seconds. Learning curve: {out / 'curve.png'}"
    )


def _compare(out: Path, result: DemoReport, reporter: Reporter) -> None:
    """Measure three systems on the packages that were kept out, and choose the better model."""
    reporter.section("4  Compare on the packages kept out")
    reporter.say(
        f"{QUERIES} docstrings of each package look for their function among 1,000. MRR is 1 if every function"
        " comes first, and 0.5 if all come second. BM25 compares words. The bundled model `code` was trained for"
        " longer, on more code."
    )
    trained, bundled = Encoder.load(out / "model"), Encoder.load(BUNDLED_MODEL)
    with reporter.evaluation() as watch:
        report = run_evaluation(
            find_jobs(out / "eval", suites=(CODE,), limit=QUERIES),
            {
                BM25_NAME: BM25Scorer(),
                MODEL: Named(trained, "trained", trained.fingerprint),
                BUNDLED_MODEL: Named(bundled, BUNDLED_MODEL, bundled.fingerprint),
            },
            str(out / "model"),
            date=today(),
            progress=watch,
        )
    write_report(out / "report", report)
    metric = report.metric_of(CODE)
    _show(report, metric, result, reporter)
    for other in (BM25_NAME, BUNDLED_MODEL):
        for comparison in report.comparisons(CODE, metric, other):
            if comparison.task in KEPT_OUT:
                low, high = comparison.difference.interval()
                name = "BM25" if other == BM25_NAME else "the bundled model code"
                reporter.say(_sentence(comparison.task, comparison.difference.value, low, high, name))
    means = {row: sum(scores.values()) for row, scores in result.scores.items()}
    is_bundled = means[BUNDLED_MODEL] >= means[MODEL]
    result.model = BUNDLED_MODEL if is_bundled else portable_name(out / "model")


def _show(report: Report, metric: str, result: DemoReport, reporter: Reporter) -> None:
    """The table: one row per system, one column per package."""
    tasks, rows = report.tasks(CODE), []
    for row, name in _NAMES.items():
        estimates = {task: score.estimate for task in tasks if (score := report.find(row, CODE, task, metric))}
        result.scores[row] = {task: estimate.value for task, estimate in estimates.items()}
        cells = []
        for estimate in estimates.values():
            low, high = estimate.interval()
            cells.append(f"{estimate.value:.3f} [{low:.3f}, {high:.3f}]")
        rows.append((name, *cells))
    reporter.table("MRR among 1,000 functions, with 95 % confidence intervals", ("system", *tasks), rows)


def _sentence(package: str, difference: float, low: float, high: float, other: str) -> str:
    """One paired difference in words."""
    interval = f"95 % confidence interval [{low:+.3f}, {high:+.3f}]"
    if low <= 0 <= high:
        return f"{package}: the model trained here is level with {other}: {difference:+.3f}, {interval}."
    relation = "above" if difference > 0 else "below"
    return f"{package}: the model trained here is {relation} {other}: {difference:+.3f}, {interval}."


def _index(package: Path, result: DemoReport, reporter: Reporter) -> None:
    reporter.section(f"5  Index {SEARCHED}")
    name = "the bundled model code" if result.model == BUNDLED_MODEL else "the model trained here"
    reporter.say(f"The better model, {name}, turns every function of {SEARCHED} into a vector.")
    encoder = Encoder.load(result.model)
    with reporter.progress("Indexing", "files") as advance:
        indexed = refresh(package, result.index, encoder, model=result.model, progress=advance)
    reporter.say(f"{indexed.total:,} pieces of code and prose from {indexed.added:,} files are in {result.index}.")


def _search(result: DemoReport, reporter: Reporter) -> None:
    reporter.section("6  Ask three questions")
    reporter.say("Meaning, words, names and paths decide which piece answers.")
    searcher = load_index(result.index)
    for question in QUESTIONS:
        reporter.say(f"\n? {question}")
        reporter.hits(question, searcher.search(question, limit=1))


def _finish(out: Path, result: DemoReport, reporter: Reporter) -> None:
    reporter.section("Done")
    minutes = sum(wall for wall, _ in result.seconds.values()) / 60
    parts = ", ".join(f"{part} {wall:,.0f}" for part, (wall, _) in result.seconds.items())
    cpu = sum(cpu for _, cpu in result.seconds.values())
    reporter.say(f"{minutes:.1f} minutes. Seconds: {parts}; CPU seconds in all: {cpu:,.0f}.")
    reporter.say(f"Report: {out / 'report' / 'report.html'}")
    reporter.say("Now search a repository of your own:")
    reporter.command('.venv/bin/adjoin search "what you are looking for" PATH')
