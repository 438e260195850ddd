"""An evaluation run: open the systems, measure all of them on the same items, write the report."""

import datetime
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adjoin.errors import AdjoinError
from adjoin.evaluation.choices import suites_of
from adjoin.evaluation.jobs import find_jobs
from adjoin.evaluation.report.display import write_report
from adjoin.evaluation.report.report import BM25_NAME, JUDGED, MODEL, UNTRAINED, Report
from adjoin.evaluation.run import EvaluatedSystem, run_evaluation
from adjoin.model.locations import BUNDLED, DESCRIPTION_FILE, locate_model
from adjoin.outputs import filled_folder
from adjoin.redaction import redacted
from adjoin.unfinished import temporary_folder
from adjoin.workflows.evaluation_checks import (
    CHECKPOINT_FILE,
    REFERENCE_NAME,
    check_model_name,
    check_options,
    report_folder,
    rows_of,
    settings_of,
)
from adjoin.workflows.reporter import Reporter, SilentReporter

if TYPE_CHECKING:
    from adjoin.evaluation import Embedder

BASELINES = (BM25_NAME, UNTRAINED)


def default_cache() -> Path:
    """Where evaluations keep vectors and results: below $XDG_CACHE_HOME, or else ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "adjoin" / "evaluation"


def today() -> str:
    """The date of today in UTC, as reports carry it: 2026-01-31."""
    return datetime.datetime.now(tz=datetime.UTC).date().isoformat()


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of an evaluation: system, data, suites, and folder of the report.

    Attributes:
        system: a bundled model's name, a model or checkpoint folder, a URL#MODEL, or a baseline's name.
        data: evaluation folder with classification/, sts/, retrieval/ and code/, or one of these, or one task.
        report: folder of the report; None for `report` inside the model's folder.
        suites: suites to measure; empty for all judged suites that there is data for, ("all",) for every suite.
        tasks: names of tasks to measure; empty for all.
        limit: at most this many queries, sentences or pairs per task; None for all.
        baselines: systems measured alongside, each one row of the report.
        cache: folder of vectors and results of earlier evaluations; None to measure everything again.
        dense_weight: weight of the vectors in all hybrid rows, 0 to 1; None for each model's own, or 0.5 for
            systems that state none.
        faiss: search corpora of at least this many documents with FAISS, approximately; None to search exactly.
        seed: seed of distractors, folds and confidence intervals.
    """

    system: str
    data: Path
    report: Path | None = None
    suites: Sequence[str] = ()
    tasks: Sequence[str] = ()
    limit: int | None = None
    baselines: Sequence[str] = BASELINES
    cache: Path | None = None
    faiss: int | None = None
    dense_weight: float | None = None
    seed: int = 0


def evaluate(options: EvaluationOptions, reporter: Reporter | None = None) -> Report:
    """Measure a system and its baselines on the same items, and write report.json, report.md and report.html.

    Args:
        options: what to measure.
        reporter: receives the scores of each suite and the paired differences to BM25.

    Returns:
        The report, as it was written.

    Raises:
        AdjoinError: no such system or data, two systems of one name, no place for the report, or another process
            is writing there.
        OSError: the report cannot be written.
    """
    check_options(options)
    folder = report_folder(options)
    with filled_folder(folder, apart=[options.data]) as held:
        report = _evaluate(options, held, reporter or SilentReporter())
        if reporter is not None:
            reporter.say(f"All metrics and figures: {folder / 'report.html'} and report.md")
    return report


def _evaluate(options: EvaluationOptions, folder: Path, reporter: Reporter) -> Report:
    with ExitStack() as stack:  # a checkpoint's model is in memory before its temporary folder goes
        model = _folder_of(options.system, stack)
        systems = _systems(model, options, reporter, stack)
        facts = facts_of(Path(model))
    jobs = find_jobs(
        options.data,
        suites=suites_of(options.suites, JUDGED),
        tasks=options.tasks,
        limit=options.limit,
        seed=options.seed,
    )
    name = redacted(options.system)  # a part of a server's address may be a key
    with reporter.evaluation() as watch:
        report = run_evaluation(jobs, systems, name, date=today(), settings=settings_of(options), progress=watch)
    report.environment |= facts
    if options.limit is not None:
        report.environment["limit"] = options.limit
    for suite in report.suites():
        reporter.scores(report, suite)
        for comparison in report.comparisons(suite, report.metric_of(suite), BM25_NAME):
            reporter.say(comparison.sentence())
    write_report(folder, report)  # last: if it cannot be written, the scores have at least been shown
    return report


def open_system(spec: str, cache: Path | None = None) -> EvaluatedSystem:
    """Open a system by the name that a user gives: BM25, another baseline, a model folder, or a server's model.

    Args:
        spec: name, folder or address, as in `EvaluationOptions.system`.
        cache: folder that keeps the system's vectors between evaluations; None to keep none.

    Raises:
        AdjoinError: there is no such system, or its files are damaged.
    """
    from adjoin.evaluation.systems.cache import CachedSystem
    from adjoin.evaluation.systems.opening import open_system as open_embedder
    from adjoin.evaluation.systems.scorers import REFERENCE, BM25Scorer
    from adjoin.evaluation.systems.system import Fitted

    if spec == BM25_NAME:
        return BM25Scorer()
    if spec == REFERENCE_NAME:
        return BM25Scorer(spec, REFERENCE)
    check_model_name(spec)
    system = open_embedder(spec, load=_load)
    return system if isinstance(system, Fitted) or cache is None else CachedSystem(system, cache / "vectors")


def facts_of(folder: Path) -> dict[str, str | int]:
    """Size, batch and steps of one of our models, for the curves of `adjoin compare`; empty for other systems."""
    from adjoin.model.description import Description, number_of_parameters

    if not (folder / DESCRIPTION_FILE).is_file():
        return {}
    training = Description.read(folder).training
    facts = {
        "parameters": number_of_parameters(folder),
        "step": training.get("steps"),
        "batch": training.get("recipe", {}).get("batch"),
        "pairs": training.get("pairs"),
    }
    return {name: int(value) for name, value in facts.items() if isinstance(value, int)}


def read_reports(folders: Sequence[Path]) -> dict[str, Report]:
    """Read the reports of several evaluations, under names that are as short as they can be.

    Raises:
        AdjoinError: there are fewer than two folders, a folder is named twice, or holds no report.
    """
    paths = [str(folder) for folder in folders]
    if len(paths) < 2:
        raise AdjoinError(f"nothing to compare in {len(paths)} report: expected two runs or more")
    if len(set(paths)) < len(paths):
        raise AdjoinError(f"got the reports {', '.join(paths)}: expected different folders")
    return {name: Report.read(Path(path)) for name, path in zip(short_names(paths), paths, strict=True)}


def short_names(paths: Sequence[str]) -> list[str]:
    """Different paths without the folders that all of them begin and end with: runs/512/report becomes 512."""
    parts = [Path(path).parts for path in paths]
    shortest = min(map(len, parts))
    shared = [len({part[depth] for part in parts}) == 1 for depth in range(shortest)]
    begin = next((depth for depth, is_shared in enumerate(shared) if not is_shared), shortest - 1)
    end = 0
    while end < shortest - begin - 1 and len({part[-1 - end] for part in parts}) == 1:
        end += 1
    return [str(Path(*part[begin : len(part) - end])) for part in parts]


def _folder_of(spec: str, stack: ExitStack) -> str:
    """A bundled model's folder, and for a checkpoint the folder of a model made of it; other names unchanged."""
    if spec in BUNDLED:
        return str(locate_model(spec))
    if not (Path(spec) / CHECKPOINT_FILE).is_file():
        return spec
    from adjoin.training.saving import write_model_of

    model = stack.enter_context(temporary_folder("adjoin-model")) / "model"
    write_model_of(Path(spec), model)
    return str(model)


def _systems(
    model: str, options: EvaluationOptions, reporter: Reporter, stack: ExitStack
) -> dict[str, EvaluatedSystem]:
    """Row of the report → system, the evaluated one first."""
    systems: dict[str, EvaluatedSystem] = {MODEL: open_system(model, options.cache)}
    for row, name in rows_of(options.baselines).items():
        if name == UNTRAINED:
            try:
                systems[row] = _untrained(Path(model))
            except AdjoinError as error:
                reporter.say(f"The model before training is not measured: {error}")
        else:
            systems[row] = open_system(_folder_of(name, stack), options.cache)
    return systems


def _load(folder: Path) -> "Embedder":
    from adjoin.model.encoder import Encoder

    return Encoder.load(folder)


def _untrained(folder: Path) -> EvaluatedSystem:
    from adjoin.evaluation.systems.system import Named
    from adjoin.model.encoder import Encoder

    if not (folder / DESCRIPTION_FILE).is_file():
        raise AdjoinError(f"{folder} is not a model of Adjoin")
    return Named(Encoder.load_untrained(folder), UNTRAINED, f"{Encoder.load(folder).fingerprint} untrained")
