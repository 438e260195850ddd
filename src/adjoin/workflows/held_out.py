"""Pairs that are kept out of a training, as a task that measures what it was worth."""

import datetime
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from adjoin.evaluation import RetrievalTask, load_tasks
from adjoin.evaluation.jobs import search_jobs
from adjoin.evaluation.report.display import render_table, write_report
from adjoin.evaluation.report.report import Report
from adjoin.evaluation.run import Contestant, run_evaluation
from adjoin.evaluation.systems.scorers import BM25Scorer
from adjoin.pairs.dataset import PairDataset
from adjoin.pairs.functions import KINDS as KINDS_OF_CODE


def task_of(name: str, dataset: PairDataset) -> RetrievalTask:
    """Each x as a query for its y; of equal x the first counts."""
    origins, xs, ys, languages, seen = [], [], [], [], set()
    columns = ["x", "y", "origin", "language", "kind", "x_hash"]
    for rows in dataset.batches(columns):
        for x, y, origin, language, kind, x_hash in zip(*map(rows.get, columns), strict=True):
            if x_hash not in seen:
                seen.add(x_hash)
                origins.append(origin)
                xs.append(x)
                ys.append(y)
                languages.append(language if kind in KINDS_OF_CODE else "")  # of prose: none
    return RetrievalTask(
        name=name,
        document_ids=origins,
        documents=ys,
        query_ids=[f"x of {origin}" for origin in origins],
        queries=xs,
        relevant=[{index: 1.0} for index in range(len(xs))],
        languages=languages,
    )


def measure(
    tasks: Path, contestants: Mapping[str, Contestant], model: str, out: Path, console: Console, beside: str
) -> Report:
    """Measure on held-out tasks, beside BM25; print the table and the comparisons with the row `beside`.

    Args:
        tasks: a folder of them.
        contestants: row → system, `MODEL` among them.
        model: what the report calls that.
        out: the report's folder.
        console: where the table goes.
        beside: the row that `MODEL` is compared with.
    """
    report = run_evaluation(
        search_jobs(load_tasks(tasks)),
        {**contestants, "bm25": BM25Scorer()},
        model,
        date=datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
    )
    write_report(out, report)
    for suite in report.suites():
        metric = report.metric_of(suite)
        console.print(render_table(report, suite, metric))
        for comparison in report.comparisons(suite, metric, beside):
            console.print(comparison.sentence())
    return report
