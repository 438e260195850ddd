"""`adapt`: fine-tune a model on a folder's own pairs, keep it only if it is better, and index the folder.

Files are split three ways. Most of them train. A tenth validates: it scores the unchanged model and, after every
epoch, the fine-tuned one, and the best of these is kept. So the result is never worse there. Another tenth chooses
nothing and measures the model before and after.

OUT/adapted.json         marks the folder as ours, so that a second run may replace what is below
OUT/all/, OUT/pairs/     the pairs of all files, and of the training files
OUT/validation/, eval/   the two tasks of files that were kept out of the training
OUT/model/               the fine-tuned model, if it was kept; otherwise it lies in OUT/rejected/
OUT/report/              the measurement on the held-out files
"""

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from adjoin.errors import AdjoinError
from adjoin.evaluation import load_tasks, write_task
from adjoin.evaluation.jobs import search_jobs
from adjoin.evaluation.report.report import MODEL
from adjoin.evaluation.run import EvaluatedSystem, run_evaluation, scores_of
from adjoin.evaluation.systems.system import Named
from adjoin.files import write_atomically, write_json
from adjoin.index.refresh import refresh
from adjoin.mining import MiningOptions, mine
from adjoin.model.encoder import Encoder
from adjoin.model.locations import BUNDLED, portable_name
from adjoin.outputs import Owner, filled_folder
from adjoin.pairs.dataset import PairDataset
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe
from adjoin.unfinished import remove_folder
from adjoin.workflows.evaluate import today
from adjoin.workflows.held_out import FileSplit, measure_held_out, split_files, task_of
from adjoin.workflows.reporter import Reporter, SilentReporter, in_megabytes
from adjoin.workflows.threads import one_blas_thread
from adjoin.workflows.validate import validation_of

FEWEST_PAIRS = 64  # fewer are learned by heart
BEFORE = "before"
# Chosen on packages that the model has never seen: docs/LOG.md, 2026-11-28.
FINE_TUNING = {"epochs": 8, "learning_rate": 5e-4, "weight_learning_rate": 2e-3, "token_dropout": 0.3}
_MARK = "adapted.json"
_OWN_FOLDERS = ("all", "eval", "validation", "pairs", "trained", "model", "rejected", "report", "index")
_EARLIER_FOLDERS = ("held-out",)  # of an earlier version
_ADAPTATION = Owner("an adaptation", r"(?s:.*)", r"adapted\.json")


@dataclass(frozen=True)
class Adaptation:
    """The inputs of an adaptation: folder, model, and options.

    Attributes:
        root: the folder with code, prose or both.
        out: folder for pairs, report and the fine-tuned model.
        model: the model to start from: a bundled model's name or a folder.
        index: folder of the index; None for `.adjoin` inside the root.
        minutes: upper bound on the time spent in training steps; None to train all epochs.
        seed: seed of the split into files and of the training.
        recipe: training options in place of those in `FINE_TUNING`.
    """

    root: Path
    out: Path
    model: str = "code"
    index: Path | None = None
    minutes: float | None = None
    seed: int = 0
    recipe: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ValidationPoint:
    """The model after some training steps, and its score on the validation files.

    Attributes:
        step: training steps so far; 0 is the unchanged model.
        score: MRR among 1,000 for code, nDCG@10 for prose.
    """

    step: int
    score: float


@dataclass(frozen=True)
class AdaptReport:
    """The results of an adaptation.

    Attributes:
        points: the unchanged model and every evaluated checkpoint, by step.
        kept: the point that was kept: the one with the highest score, or the earliest of several.
        before: score of the unchanged model on the held-out files.
        after: score of the kept model on the held-out files.
        model: the model that made the index, as a bundled model's name or a folder.
        index: folder of the index.
    """

    points: tuple[ValidationPoint, ...]
    kept: ValidationPoint
    before: float
    after: float
    model: str
    index: Path

    @property
    def adapted(self) -> bool:
        """Whether a fine-tuned model was kept, rather than the unchanged one."""
        return self.kept.step > 0


def adapt(adaptation: Adaptation, reporter: Reporter | None = None) -> AdaptReport:
    """Mine a folder, fine-tune a model on it, keep the best checkpoint or the unchanged model, index the folder.

    Args:
        adaptation: folder, model, and options.
        reporter: receives each step and its result.

    Raises:
        AdjoinError: `out` holds something else, the folder has too few pairs or files, or there is no such model.
        KeyboardInterrupt: an earlier index still stands.
    """
    reporter = reporter or SilentReporter()
    before = Encoder.load(adaptation.model)
    with filled_folder(adaptation.out, _ADAPTATION, inputs=[adaptation.root]):
        _claim(adaptation.out, portable_name(adaptation.model))
        return _adapt(adaptation, before, reporter)


def _adapt(adaptation: Adaptation, before: Encoder, reporter: Reporter) -> AdaptReport:
    out = adaptation.out

    reporter.section("1  Mine pairs and keep files out")
    split = _mine(adaptation, reporter)

    reporter.section(f"2  Fine-tune {_called(adaptation.model)} and validate")
    points = _fine_tune(adaptation, before, reporter)
    kept = _keep(points, adaptation, len(split.validation), reporter)
    after = Encoder.load(out / "model") if kept.step else before
    model = portable_name(out / "model" if kept.step else adaptation.model)

    reporter.section("3  Measure on the held-out files")
    with one_blas_thread():
        score_before, score_after = _measure(adaptation, after, before, reporter)

    reporter.section("4  Index")
    with one_blas_thread():
        index = _index(adaptation, after, model, reporter)
    return AdaptReport(points, kept, score_before, score_after, model, index)


def fine_tuning_recipe(adaptation: Adaptation, max_tokens: int) -> Recipe:
    """The training of an adaptation: a few careful epochs, to learn new words and forget little."""
    given = {**FINE_TUNING, "minutes": adaptation.minutes, "seed": adaptation.seed, **adaptation.recipe}
    return Recipe.with_defaults(init=adaptation.model, max_tokens=max_tokens, **given)


def _called(model: str) -> str:
    return f"the bundled model {model}" if model in BUNDLED else model


def _claim(out: Path, model: str) -> None:
    """Remove an earlier adaptation, also one that was killed, from a folder that is held."""
    write_json(out / _MARK, {"model": model})
    for name in (*_OWN_FOLDERS, *_EARLIER_FOLDERS):
        remove_folder(out / name)
        remove_folder(out / f".{name}.mining")
    write_atomically(out / ".gitignore", "*\n")  # inside the root it would be mined and indexed next time


def _mine(adaptation: Adaptation, reporter: Reporter) -> FileSplit:
    """Mine all files, split them, write the two tasks, and mine the training files without their pairs."""
    root, out = adaptation.root, adaptation.out
    with reporter.progress("Reading", "MB") as advance:
        mine([root], out / "all", MiningOptions(), progress=in_megabytes(advance))
    dataset = PairDataset.open(out / "all")
    if len(dataset) < FEWEST_PAIRS:
        raise AdjoinError(
            f"{root} has {len(dataset)} pairs, too few to adapt to (expected {FEWEST_PAIRS} or more):"
            f" `adjoin index {root}` uses the model as it is"
        )
    split = split_files(dataset, adaptation.seed)
    held_out = task_of("held-out", dataset, split.held_out)
    validation = task_of("validation", dataset, split.validation)
    write_task(out / "eval" / held_out.name, held_out)
    write_task(out / "validation" / validation.name, validation)
    options = MiningOptions(
        exclude=tuple(map(glob.escape, sorted(split.held_out | split.validation))),
        decontaminate=(out / "eval", out / "validation"),
    )
    with reporter.progress("Mining", "MB") as advance:
        manifest = mine([root], out / "pairs", options, progress=in_megabytes(advance))
    reporter.say(
        f"{manifest['pairs']:,} pairs to train on. Kept out: {len(split.validation):,} files with"
        f" {len(validation.queries):,} pairs for validation, and {len(split.held_out):,} files with"
        f" {len(held_out.queries):,} pairs to measure the result on."
    )
    return split


def _fine_tune(adaptation: Adaptation, before: Encoder, reporter: Reporter) -> tuple[ValidationPoint, ...]:
    """Train into OUT/trained; gives the scores of the unchanged model and of the model after every epoch."""
    out = adaptation.out
    jobs = search_jobs(load_tasks(out / "validation"))
    suite = jobs[0].suite
    with one_blas_thread():
        unchanged = run_evaluation(jobs, {MODEL: Named(before, BEFORE, before.fingerprint)}, BEFORE, date=today())
    points = [ValidationPoint(0, scores_of(unchanged)[suite])]
    reporter.say(f"before training: {suite} {points[0].score:.3f}")
    recipe = fine_tuning_recipe(adaptation, before.description.max_tokens)
    pairs = len(PairDataset.open(out / "pairs"))
    validation = validation_of(jobs, every=pairs // recipe.batch_for(pairs), keep=suite)

    def measure(model: Path, folder: Path, facts: Mapping[str, str | int]) -> Mapping[str, float]:
        with one_blas_thread():
            scores = validation.measure(model, folder, facts)
        points.append(ValidationPoint(int(facts["step"]), scores[suite]))
        return scores

    with reporter.training() as watch:
        train(
            out / "pairs",
            out / "trained",
            recipe,
            validation=replace(validation, measure=measure),
            say=reporter.say,
            watch=watch,
        )
    return tuple(points)


def _keep(
    points: Sequence[ValidationPoint], adaptation: Adaptation, files: int, reporter: Reporter
) -> ValidationPoint:
    """Choose the point with the highest score, the earliest of equal ones, and move the fine-tuned model."""
    start, kept = points[0], max(points, key=lambda point: (point.score, -point.step))
    (adaptation.out / "trained").rename(adaptation.out / ("model" if kept.step else "rejected"))
    model, tried = _called(adaptation.model), len(points) - 1
    if kept.step:
        reporter.say(
            f"Kept: the checkpoint after step {kept.step:,}, the best of {tried}. On the {files:,} validation"
            f" files it scores {kept.score:.3f}, and {model} {start.score:.3f}."
        )
    else:
        best = max(point.score for point in points[1:])
        reporter.say(
            f"Kept: {model}, unchanged. On the {files:,} validation files it scores {start.score:.3f}, and the"
            f" best of {tried} fine-tuned checkpoints {best:.3f}."
        )
    return kept


def _measure(adaptation: Adaptation, kept: Encoder, before: Encoder, reporter: Reporter) -> tuple[float, float]:
    """Score the unchanged and the kept model on the held-out files, and show both beside BM25."""
    out, changed = adaptation.out, kept is not before
    systems: dict[str, EvaluatedSystem] = {MODEL: Named(kept, "kept", kept.fingerprint)}
    if changed:
        systems[BEFORE] = Named(before, BEFORE, before.fingerprint)
    name = str(out / "model") if changed else adaptation.model
    report = measure_held_out(out / "eval", systems, name, out / "report")
    (suite,) = report.suites()
    metric = report.metric_of(suite)
    reporter.scores(report, suite)
    estimates = {row: report.mean(row, suite, metric) for row in systems}
    scores = {row: estimate.value for row, estimate in estimates.items() if estimate is not None}
    after = scores[MODEL]
    earlier = scores.get(BEFORE, after)
    if not changed:
        reporter.say(f"On held-out files, which chose nothing, {metric} is {after:.3f}, before and after.")
    for comparison in report.comparisons(suite, metric, BEFORE):
        low, high = comparison.difference.interval()
        reporter.say(
            f"On held-out files, which chose nothing, {metric} is {earlier:.3f} before and {after:.3f} after:"
            f" {comparison.difference.value:+.3f}, 95 % confidence interval [{low:+.3f}, {high:+.3f}]."
        )
    return earlier, after


def _index(adaptation: Adaptation, encoder: Encoder, model: str, reporter: Reporter) -> Path:
    index = adaptation.index or adaptation.root / ".adjoin"
    with reporter.progress("Indexing", "files") as advance:
        indexed = refresh(adaptation.root, index, encoder, model=model, progress=advance)
    reporter.say(f"{index}: {indexed.summary()}")
    reporter.say(f"Model: {model}. Report: {adaptation.out / 'report' / 'report.html'}")
    reporter.say("Next:")
    reporter.command(f'adjoin search "what you look for" --index {index}')
    return index
