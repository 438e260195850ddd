"""The verbs of evaluation: measure systems, compare what was measured."""

import argparse
import datetime
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from adjoin.errors import AdjoinError
from adjoin.model.locations import BUNDLED, locate_model

if TYPE_CHECKING:
    from rich.console import Console

    from adjoin.evaluation.run import Contestant, Progress
    from adjoin.evaluation.systems.scorers import Embedder
    from adjoin.training.validation import Aside

BESIDE = ("bm25", "untrained")


def evaluate(options: argparse.Namespace, console: "Console") -> None:
    """`adjoin evaluate`."""
    from adjoin.evaluation.jobs import find_jobs
    from adjoin.evaluation.report.display import render_table, write_report
    from adjoin.evaluation.report.report import JUDGED, SUITES
    from adjoin.evaluation.run import Settings, run_evaluation

    cache = None if options.no_cache else options.cache or _usual_cache()
    with ExitStack() as stack:  # what a checkpoint unpacks to is in memory by the end of it
        model = _model_of(options.model, stack)
        contestants = _contestants(model, options.beside or BESIDE, cache, console, stack)
        facts = _facts(Path(model))
    report_folder = _report_folder(options)
    jobs = find_jobs(
        options.data,
        suites=SUITES if options.suite == ["all"] else options.suite or JUDGED,
        tasks=options.tasks or (),
        limit=options.limit,
        seed=options.seed,
    )
    known = cache / "figures" if cache else None
    settings = Settings(seed=options.seed, known=known, faiss=options.faiss)
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    with _shown(console) as progress:
        report = run_evaluation(jobs, contestants, options.model, date=today, settings=settings, progress=progress)
    report.environment |= facts
    if options.limit is not None:
        report.environment["limit"] = options.limit
    for suite in report.suites():
        console.print(render_table(report, suite, report.metric_of(suite)))
        for comparison in report.comparisons(suite, report.metric_of(suite), "bm25"):
            console.print(comparison.sentence())
    write_report(report_folder, report)  # last: where it cannot be written, the figures have at least been seen
    console.print(f"All metrics, with figures: {report_folder / 'report.html'} and report.md", soft_wrap=True)


def aside_of(options: argparse.Namespace) -> "Aside | None":
    """How `adjoin train` measures on the way; None if it shall not.

    Raises:
        AdjoinError: the options don't go together, or there is nothing to measure.
    """
    from adjoin.training.validation import Aside

    given = {
        "--evaluate-data": options.evaluate_data,
        "--keep": options.keep,
        "--evaluate-suite": options.evaluate_suite,
    }
    if options.evaluate_every is None:
        if wrong := [name for name, value in given.items() if value is not None]:
            raise AdjoinError(f"{', '.join(wrong)} goes with --evaluate-every STEPS")
        return None
    if options.evaluate_data is None:
        raise AdjoinError(
            "--evaluate-every measures on data: give --evaluate-data FOLDER, laid out as for evaluate"
        )

    from adjoin.evaluation.jobs import digest_of, find_jobs
    from adjoin.evaluation.report.report import JUDGED, MODEL
    from adjoin.evaluation.run import Settings, run_evaluation, scores_of

    limit = options.evaluate_limit
    if wrong := [suite for suite in options.evaluate_suite or () if suite not in JUDGED]:
        raise AdjoinError(f"--evaluate-suite {wrong[0]}: expected {', '.join(JUDGED)}, in which higher is better")
    jobs = find_jobs(options.evaluate_data, suites=options.evaluate_suite or JUDGED, limit=limit)
    suites = dict.fromkeys(job.suite for job in jobs)

    def measure(model: Path, folder: Path, facts: "Mapping[str, str | int]") -> dict[str, float]:
        contestants = {MODEL: _opened(str(model), None)}
        today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
        report = run_evaluation(jobs, contestants, str(facts["training"]), date=today, settings=Settings())
        report.environment |= {**_facts(model), **facts, "limit": limit}
        report.write(folder)
        return scores_of(report)

    names = (*suites, *(f"{job.suite}/{job.task}" for job in jobs))
    return Aside(options.evaluate_every, measure, names, options.keep, digest_of(jobs))


def _model_of(spec: str, stack: ExitStack) -> str:
    """What a user names; of a model that comes along its folder, of a checkpoint that of the model made of it."""
    if spec in BUNDLED:
        return str(locate_model(spec))
    if not (Path(spec) / "state.json").is_file():
        return spec
    from adjoin.training.saving import write_model_of

    made = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "model"
    write_model_of(Path(spec), made)
    return str(made)


def _facts(folder: Path) -> dict[str, str | int]:
    """What a report says of one of our models, so that `compare` can draw its curves; nothing of others."""
    from adjoin.model.encoder import Description, number_of_parameters

    if not (folder / "adjoin.json").is_file():
        return {}
    training = Description.read(folder).training
    facts = {"parameters": number_of_parameters(folder), "step": training.get("steps")}
    facts["batch"] = training.get("recipe", {}).get("batch")
    facts["pairs"] = training.get("pairs")
    return {name: int(value) for name, value in facts.items() if isinstance(value, int)}


def compare(options: argparse.Namespace, console: "Console") -> None:
    """`adjoin compare`."""
    from adjoin.evaluation.report.compare import render_comparison, write_comparison
    from adjoin.evaluation.report.report import Report

    names = [str(run) for run in options.runs]
    if len(set(names)) < len(names):
        raise AdjoinError(f"compare got {', '.join(names)}: expected different runs")
    reports = {short: Report.read(Path(name)) for short, name in zip(told_apart(names), names, strict=True)}
    for table in render_comparison(reports):
        console.print(table)
    if options.report:
        write_comparison(options.report, reports)
        console.print(f"With figures: {options.report / 'comparison.html'}", soft_wrap=True)


def told_apart(names: list[str]) -> list[str]:
    """Different paths without the folders that all of them begin and end with: runs/512/report → 512."""
    parts = [Path(name).parts for name in names]
    shortest = min(map(len, parts))
    same = [len({part[place] for part in parts}) == 1 for place in range(shortest)]
    begin = next((place for place, all_same in enumerate(same) if not all_same), shortest - 1)
    end = 0
    while end < shortest - begin - 1 and len({part[-1 - end] for part in parts}) == 1:
        end += 1
    return [str(Path(*part[begin : len(part) - end])) for part in parts]


def _usual_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "adjoin" / "evaluation"


def _report_folder(options: argparse.Namespace) -> Path:
    if options.report:
        return Path(options.report)
    if not (Path(options.model) / "adjoin.json").is_file():
        raise AdjoinError(f"where should the report on {options.model} go? Give --report FOLDER")
    return Path(options.model) / "report"


def _contestants(
    model: str, beside: "tuple[str, ...] | list[str]", cache: Path | None, console: "Console", stack: ExitStack
) -> "dict[str, Contestant]":
    """Row of the report → system, the evaluated one first."""
    from adjoin.evaluation.report.report import MODEL

    contestants: dict[str, Contestant] = {MODEL: _opened(model, cache)}
    for name in beside:
        row = Path(name).name if "/" in name and not name.startswith("http") else name
        row = name if row in contestants else row  # many folders are called "model"
        if row in contestants:
            raise AdjoinError(f"--beside {name}: there is a row {row} already; expected different names")
        if name == "untrained":
            try:
                contestants[row] = _untrained(Path(model))
            except AdjoinError as error:
                console.print(f"No row for the untrained start: {error}")
        else:
            contestants[row] = _opened(_model_of(name, stack), cache)
    return contestants


def _opened(spec: str, cache: Path | None) -> "Contestant":
    from adjoin.evaluation.systems.cache import CachedSystem
    from adjoin.evaluation.systems.opening import open_system
    from adjoin.evaluation.systems.scorers import REFERENCE, BM25Scorer
    from adjoin.evaluation.systems.system import Fitted

    if spec == "bm25":
        return BM25Scorer()
    if spec == "bm25-reference":
        return BM25Scorer(spec, REFERENCE)
    system = open_system(spec, load=_load)
    return system if isinstance(system, Fitted) or cache is None else CachedSystem(system, cache / "vectors")


def _load(folder: Path) -> "Embedder":
    from adjoin.model.encoder import Encoder

    return Encoder.load(folder)


def _untrained(folder: Path) -> "Contestant":
    from adjoin.evaluation.systems.system import Named
    from adjoin.model.encoder import Encoder

    if not (folder / "adjoin.json").is_file():
        raise AdjoinError(f"{folder} is not a model of Adjoin")
    return Named(Encoder.load_untrained(folder), "untrained", f"{Encoder.load(folder).fingerprint} untrained")


@contextmanager
def _shown(console: "Console") -> "Iterator[Progress]":
    """A bar with the time that is left on a terminal; a line a task elsewhere."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    if not console.is_terminal:
        yield lambda line, share: console.print(f"{share:4.0%}  {line}", soft_wrap=True)
        return
    columns = (BarColumn(), TextColumn("{task.percentage:3.0f}%"), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda line, share: bar.update(task, completed=share, description=line)
