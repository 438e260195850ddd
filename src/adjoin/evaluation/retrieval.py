"""The measurement itself: one pass over a task's queries, every metric of every scorer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.distractors import Blocks
from adjoin.evaluation.metrics import best_rank, ndcg, recall, reciprocal_rank, shared_places
from adjoin.evaluation.scorers import Scorer, rank_scores
from adjoin.evaluation.task import CODE, RetrievalTask

WIDE = 9_999  # distractors of code search in the paper's Table 8, where the corpus has as many

Values = dict[str, NDArray[np.float64]]  # metric → one value per query, in the order of the task's queries


def metric_names(distractors: int = 999) -> tuple[str, ...]:
    """The metrics in the order of the report; `mrr@1000` is the one among 999 distractors.

    Raises:
        AdjoinError: 9 distractors, which would give the name of the MRR that is cut off after 10 ranks.
    """
    if distractors == 9:
        raise AdjoinError("cannot rank among 9 distractors: mrr@10 is the MRR cut off at rank 10; take 8 or 10")
    return (f"mrr@{distractors + 1}", "mrr", "ndcg@10", "mrr@10", "recall@20", "recall@100")


def evaluate_task(task: RetrievalTask, scorer: Scorer, *, distractors: int = 999, seed: int = 0) -> Values:
    """Every metric of one scorer on one task.

    Args:
        task: queries, documents and judgments.
        scorer: what is measured.
        distractors: candidates beside the right one for the first metric.
        seed: of the blocks of candidates.

    Returns:
        metric (see `metric_names`) → shape (Q,), fractions from 0 to 1. `mrr@1000` ranks the right
        documents among a block of others, `mrr@10000`, of code that has so many, among ten times as many; the
        other metrics rank the whole corpus.

    Raises:
        AdjoinError: as for `evaluate_together`.
    """
    return evaluate_together(task, [scorer], distractors=distractors, seed=seed)[scorer.name]


def evaluate_together(
    task: RetrievalTask,
    scorers: Sequence[Scorer],
    *,
    fused: Mapping[str, Sequence[str]] | None = None,
    distractors: int = 999,
    seed: int = 0,
) -> dict[str, Values]:
    """Every metric of several scorers, and of fusions of them, in one pass: each scores each query once.

    Args:
        task: queries, documents and judgments.
        scorers: what is measured, under different names.
        fused: name of a fusion → names of the scorers whose rows it fuses.
        distractors: candidates beside the right one for the first metric.
        seed: of the blocks of candidates, the same for all scorers.

    Returns:
        name of a scorer or a fusion → metric → shape (Q,), fractions from 0 to 1.

    Raises:
        AdjoinError: two scorers of one name, a fusion of unknown ones, or a scorer that gives rows of another
            shape, too few or too many of them, or scores that are not numbers.
    """
    systems = {scorer.name: (scorer.name,) for scorer in scorers} | {
        name: tuple(parts) for name, parts in (fused or {}).items()
    }
    names = [scorer.name for scorer in scorers]
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
        rows = {
            name: _checked_rows(next(stream, None), name, query, task, excluded)
            for name, stream in streams.items()
        }
        candidates = [block.candidates(next(iter(relevant)), excluded, relevant) for block in blocks]
        for name, parts in systems.items():
            rows_SN = rows[parts[0]] if len(parts) == 1 else np.concatenate([rows[part] for part in parts])
            values[name][query] = _measure(rows_SN, relevant, candidates)
    for name, stream in streams.items():
        if next(stream, None) is not None:
            raise AdjoinError(f"{name} gives more rows than {task.name} has queries ({len(task.queries):,})")
    return {name: dict(zip(metrics, table.T, strict=True)) for name, table in values.items()}


def _checked_rows(
    rows_SN: NDArray[Any] | None, name: str, query: int, task: RetrievalTask, excluded: int | None
) -> NDArray[Any]:
    """The rows with the excluded document sunk below all others, or one line on what is wrong with them."""
    shape = None if rows_SN is None else rows_SN.shape
    if rows_SN is None or shape is None or len(shape) != 2 or not shape[0] or shape[1] != len(task.documents):
        raise AdjoinError(
            f"{name} gives rows of shape {shape} for query {query} of {task.name}: expected one row of "
            f"(lists, {len(task.documents)}) for each of the {len(task.queries):,} queries"
        )
    if np.isnan(rows_SN).any():
        raise AdjoinError(
            f"{name} gives scores that are not numbers for query {query} of {task.name}, "
            f"{task.queries[query][:60]!r}: expected finite scores; look at the model"
        )
    if excluded is not None:
        rows_SN = rows_SN.copy()
        rows_SN[:, excluded] = -np.inf
    return rows_SN


def _measure(
    rows_SN: NDArray[Any], relevant: dict[int, float], candidates: Sequence[NDArray[np.int64]]
) -> list[float]:
    """The values of `metric_names` for one query, then those among more candidates than in the first block."""
    documents_R = np.fromiter(relevant.keys(), dtype=np.int64, count=len(relevant))
    grades_R = np.fromiter(relevant.values(), dtype=np.float64, count=len(relevant))
    places = shared_places(rank_scores(rows_SN), documents_R)
    rank = best_rank(*places)
    among = [_rank_among(rows_SN[:, block], np.flatnonzero(np.isin(block, documents_R))) for block in candidates]
    return [
        reciprocal_rank(among[0]),
        reciprocal_rank(rank),
        ndcg(*places, grades_R, cutoff=10),
        reciprocal_rank(rank, cutoff=10),
        recall(*places, cutoff=20),
        recall(*places, cutoff=100),
        *map(reciprocal_rank, among[1:]),
    ]


def _rank_among(rows_SC: NDArray[Any], right: NDArray[np.int64]) -> float:
    """The rank of the best of the right ones among C candidates, all of which but these are distractors."""
    return best_rank(*shared_places(rank_scores(rows_SC), right))
