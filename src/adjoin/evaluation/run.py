"""A whole evaluation: a model and its baselines on every task, as one report."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import interval, paired_difference
from adjoin.evaluation.report import (
    BM25_NAME,
    HYBRID,
    MODEL,
    UNTRAINED,
    Difference,
    Report,
    Result,
    environment,
    main_metric,
)
from adjoin.evaluation.retrieval import evaluate_together
from adjoin.evaluation.scorers import BM25Scorer, DenseScorer, Embedder, Scorer
from adjoin.evaluation.task import RetrievalTask


def run_evaluation(
    tasks: Sequence[RetrievalTask],
    model: Embedder,
    model_name: str,
    *,
    date: str,
    untrained: Embedder | None = None,
    progress: Callable[[str], None] = lambda line: None,
    distractors: int = 999,
    seed: int = 0,
) -> Report:
    """Measure a model, BM25, both fused, and an untrained twin if there is one, on the same queries.

    Every text is encoded once per model and scored once by BM25, whatever is made of the scores.

    Args:
        tasks: what to measure on.
        model: the model.
        model_name: what the report calls it.
        date: of the measurement, for the report.
        untrained: the same model before training, which shows what training gave; or None.
        progress: called with a line of text before and after each task.
        distractors: candidates beside the right one for the metric among distractors.
        seed: of the distractors and of the bootstrap.

    Returns:
        the report; `write_report` writes it.

    Raises:
        AdjoinError: no task, two tasks of one suite and name, or a model that gives no usable vectors.
    """
    keys = [(task.suite, task.name) for task in tasks]
    if not keys or len(set(keys)) < len(keys):
        raise AdjoinError(
            f"cannot evaluate the tasks {keys}: expected at least one, and no two of one suite and name; "
            "rename a folder"
        )
    scorers: list[Scorer] = [DenseScorer(MODEL, model)]
    if untrained is not None:
        scorers.append(DenseScorer(UNTRAINED, untrained))
    scorers.append(BM25Scorer(BM25_NAME))
    names = [*(scorer.name for scorer in scorers), HYBRID]
    found: dict[str, list[Result]] = {name: [] for name in names}
    differences = []
    for task in tasks:
        progress(f"{task.name}: {len(task.queries):,} queries, {len(task.documents):,} documents")
        values = evaluate_together(
            task, scorers, fused={HYBRID: (MODEL, BM25_NAME)}, distractors=distractors, seed=seed
        )
        for name in names:
            found[name] += [_result(task, metric, each, seed) for metric, each in values[name].items()]
        metric = main_metric(task.suite, distractors)
        difference = paired_difference(values[MODEL][metric], values[BM25_NAME][metric], seed=seed)
        differences.append(Difference(task.suite, task.name, metric, *difference))
        progress(
            f"{task.name}: {metric} " + ", ".join(f"{name} {values[name][metric].mean():.3f}" for name in names)
        )
    results = found.pop(MODEL)
    settings: dict[str, str | int] = {"distractors": distractors, "seed": seed}
    return Report(model_name, results, found, differences, environment(date) | settings)


def _result(task: RetrievalTask, metric: str, values: NDArray[np.float64], seed: int) -> Result:
    low, high = interval(values, seed=seed)
    return Result(task.suite, task.name, metric, float(values.mean()), low, high, len(values))
