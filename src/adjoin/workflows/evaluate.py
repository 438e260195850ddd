"""An evaluation run: open the systems, measure all of them on the same items, write the report."""

import datetime
import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adjoin.errors import AdjoinError
from adjoin.evaluation.jobs import find_jobs
from adjoin.evaluation.report.display import write_report
from adjoin.evaluation.report.report import BM25_NAME, JUDGED, MODEL, SUITES, UNTRAINED, Report
from adjoin.evaluation.run import EvaluatedSystem, Settings, run_evaluation
from adjoin.model.locations import BUNDLED, DESCRIPTION_FILE, locate_model
from adjoin.redaction import redacted
from adjoin.workflows.reporter import Reporter, SilentReporter

if TYPE_CHECKING:
    from adjoin.evaluation import Embedder

BASELINES = (BM25_NAME, UNTRAINED)
_CHECKPOINT_FILE = "state.json"


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
    seed: int = 0


def evaluate(options: EvaluationOptions, reporter: Reporter | None = None) -> Report:
    """Measure a system and its baselines on the same items, and write report.json, report.md and report.html.

    Args:
        options: what to measure.
        reporter: receives the scores of each suite and the paired differences to BM25.

    Returns:
        The report, as it was written.

    Raises:
        AdjoinError: no such system or data, two systems of one name, or no place for the report.
        OSError: the report cannot be written.
    """
    reporter = reporter or SilentReporter()
    with ExitStack() as stack:  # a checkpoint's model is in memory before its temporary folder goes
        model = _folder_of(options.system, stack)
        systems = _systems(model, options, reporter, stack)
        facts = facts_of(Path(model))
    folder = _report_folder(options)
    jobs = find_jobs(
        options.data,
        suites=SUITES if list(options.suites) == ["all"] else options.suites or JUDGED,
        tasks=options.tasks,
        limit=options.limit,
        seed=options.seed,
    )
    settings = Settings(
        seed=options.seed, result_cache=options.cache / "figures" if options.cache else None, faiss=options.faiss
    )
    name = redacted(options.system)  # a part of a server's address may be a key
    with reporter.evaluation() as watch:
        report = run_evaluation(jobs, systems, name, date=today(), settings=settings, progress=watch)
    report.environment |= facts
    if options.limit is not None:
        report.environment["limit"] = options.limit
    for suite in report.suites():
        reporter.scores(report, suite)
        for comparison in report.comparisons(suite, report.metric_of(suite), BM25_NAME):
            reporter.say(comparison.sentence())
    write_report(folder, report)  # last: if it cannot be written, the scores have at least been shown
    reporter.say(f"All metrics and figures: {folder / 'report.html'} and report.md")
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
    if spec == "bm25-reference":
        return BM25Scorer(spec, REFERENCE)
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
        AdjoinError: a folder is named twice, or holds no report.
    """
    paths = [str(folder) for folder in folders]
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
    if not (Path(spec) / _CHECKPOINT_FILE).is_file():
        return spec
    from adjoin.training.saving import write_model_of

    model = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "model"
    write_model_of(Path(spec), model)
    return str(model)


def _report_folder(options: EvaluationOptions) -> Path:
    if options.report:
        return options.report
    if not (Path(options.system) / DESCRIPTION_FILE).is_file():
        raise AdjoinError(f"no place for the report on {options.system}: name a folder with --report FOLDER")
    return Path(options.system) / "report"


def _systems(
    model: str, options: EvaluationOptions, reporter: Reporter, stack: ExitStack
) -> dict[str, EvaluatedSystem]:
    """Row of the report → system, the evaluated one first."""
    systems: dict[str, EvaluatedSystem] = {MODEL: open_system(model, options.cache)}
    for name in options.baselines:
        row = Path(name).name if "/" in name and not name.startswith("http") else name
        row = name if row in systems else row  # many folders are called "model"
        if row in systems:
            raise AdjoinError(f"--beside {name}: there is a row {row} already; expected different names")
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
