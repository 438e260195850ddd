"""Evaluation of search: one pass over a task's queries computes every metric of every scorer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.data.retrieval_task import CODE, RetrievalTask
from adjoin.evaluation.progress import step
from adjoin.evaluation.suites.distractors import Blocks
from adjoin.evaluation.suites.metrics import best_rank, ndcg, recall, reciprocal_rank, tied_positions
from adjoin.evaluation.systems.scorers import Scorer, rank_scores

WIDE = 9_999  # distractors of code search in the paper's Table 8, for corpora with more documents

Values = dict[str, NDArray[np.float64]]  # metric → one value per query, in the order of the task's queries


def metric_names(distractors: int = 999) -> tuple[str, ...]:
    """The search metrics in the order of the report. `mrr@1000` is the MRR among 999 distractors.

    Args:
        distractors: wrong candidates per query for the first metric.

    Raises:
        AdjoinError: with 9 distractors, since that name would clash with the MRR cut off at rank 10.
    """
    if distractors == 9:
        raise AdjoinError("cannot rank among 9 distractors: mrr@10 is the MRR cut off at rank 10; take 8 or 10")
    return (f"mrr@{distractors + 1}", "mrr", "ndcg@10", "mrr@10", "recall@20", "recall@100")


def evaluate_task(task: RetrievalTask, scorer: Scorer, *, distractors: int = 999, seed: int = 0) -> Values:
    """Every metric of one scorer on one task.

    Args:
        task: queries, documents and judgments.
        scorer: the system to measure.
        distractors: wrong candidates per query for the first metric.
        seed: of the blocks of candidates.

    Returns:
        Metric (see `metric_names`) → one value per query, shape (Q,), from 0 to 1. `mrr@1000` ranks the right
        document among a block of distractors. Code tasks with more than 9,999 documents also have `mrr@10000`.
        All other metrics rank the whole corpus.

    Raises:
        AdjoinError: as for `evaluate_together`.
    """
    return evaluate_together(task, [scorer], distractors=distractors, seed=seed)[scorer.name]


def evaluate_together(
    task: RetrievalTask,
    scorers: Sequence[Scorer],
    *,
    fused: Mapping[str, Mapping[str, float]] | None = None,
    distractors: int = 999,
    seed: int = 0,
) -> dict[str, Values]:
    """Every metric of several scorers and of their fusions, in one pass. Each scorer scores each query once.

    Args:
        task: queries, documents and judgments.
        scorers: the systems to measure, with distinct names.
        fused: name of a fusion → name of a scorer → its weight.
        distractors: wrong candidates per query for the first metric.
        seed: of the blocks of candidates, which all scorers share.

    Returns:
        Name of a scorer or fusion → metric → one value per query, shape (Q,), from 0 to 1.

    Raises:
        AdjoinError: names repeat, a fusion has an unknown scorer, or a scorer returns rows of a wrong shape, a
            wrong number of rows, or NaN.
    """
    names = [scorer.name for scorer in scorers]
    systems: dict[str, Mapping[str, float]] = {name: {name: 1.0} for name in names} | dict(fused or {})
    if len(systems) != len(names) + len(fused or {}) or not {
        p for parts in systems.values() for p in parts
    } <= set(names):
        raise AdjoinError(
            f"cannot evaluate scorers named {names} with fusions {dict(fused or {})}: expected different names, "
            "and fusions of scorers that are there"
        )
    widths = [distractors]
    if task.suite == CODE and len(task.documents) > WIDE > distractors:
        widths.append(WIDE)
    blocks = [Blocks(len(task.documents), distractors=width, seed=seed) for width in widths]
    metrics = (*metric_names(distractors), *(f"mrr@{width + 1}" for width in widths[1:]))
    values = {name: np.zeros((len(task.queries), len(metrics))) for name in systems}
    streams = {scorer.name: iter(scorer.scores(task)) for scorer in scorers}
    for query, (relevant, excluded) in enumerate(zip(task.relevant, task.excluded, strict=True)):
        step("queries", query, len(task.queries))
        rows = {
            name: _checked_row(next(stream, None), name, query, task, excluded) for name, stream in streams.items()
        }
        candidates = [block.candidates(next(iter(relevant)), excluded, relevant) for block in blocks]
        for name, parts in systems.items():
            of_parts = [rows[part] for part in parts]
            values[name][query] = _measure(of_parts, [*parts.values()], relevant, candidates)
    for name, stream in streams.items():
        if next(stream, None) is not None:
            raise AdjoinError(f"{name} gives more rows than {task.name} has queries ({len(task.queries):,})")
    return {name: dict(zip(metrics, table.T, strict=True)) for name, table in values.items()}


def _checked_row(
    row_N: NDArray[Any] | None, name: str, query: int, task: RetrievalTask, excluded: int | None
) -> NDArray[Any]:
    """The row of scores after checks, with the excluded document ranked last."""
    shape = None if row_N is None else row_N.shape
    if row_N is None or shape != (len(task.documents),):
        raise AdjoinError(
            f"{name} gives a row of shape {shape} for query {query} of {task.name}: expected one of "
            f"({len(task.documents)},) for each of the {len(task.queries):,} queries"
        )
    if np.isnan(row_N).any():
        raise AdjoinError(
            f"{name} gives scores that are not numbers for query {query} of {task.name}, "
            f"{task.queries[query][:60]!r}: expected finite scores; look at the model"
        )
    if excluded is not None:
        row_N = row_N.copy()
        row_N[excluded] = -np.inf
    return row_N


def _measure(
    rows: Sequence[NDArray[Any]],
    weights: Sequence[float],
    relevant: dict[int, float],
    candidates: Sequence[NDArray[np.int64]],
) -> list[float]:
    """The values of `metric_names` for one query, then the MRR among each further block of candidates."""
    documents_R = np.fromiter(relevant.keys(), dtype=np.int64, count=len(relevant))
    grades_R = np.fromiter(relevant.values(), dtype=np.float64, count=len(relevant))
    positions = tied_positions(rank_scores(rows, weights), documents_R)
    rank = best_rank(*positions)
    ranks_among_candidates = []
    for block_C in candidates:
        scores_C = rank_scores([row_N[block_C] for row_N in rows], weights)
        ranks_among_candidates.append(
            best_rank(*tied_positions(scores_C, np.flatnonzero(np.isin(block_C, documents_R))))
        )
    return [
        reciprocal_rank(ranks_among_candidates[0]),
        reciprocal_rank(rank),
        ndcg(*positions, grades_R, cutoff=10),
        reciprocal_rank(rank, cutoff=10),
        recall(*positions, cutoff=20),
        recall(*positions, cutoff=100),
        *map(reciprocal_rank, ranks_among_candidates[1:]),
    ]
