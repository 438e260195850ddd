"""The ranking: evidence to scores."""

from collections.abc import Sequence

import numpy as np

from adjoin.ranking.evidence import Candidate, Ranked
from adjoin.ranking.fusion import z_score_fusion
from adjoin.ranking.order import best_first
from adjoin.ranking.query import Query


def rank(query: Query, candidates: Sequence[Candidate], limit: int) -> list[Ranked]:
    """Rank candidates, best first.

    Args:
        query: what is asked for.
        candidates: the pieces that may answer.
        limit: the maximum number of results.
    """
    if not candidates:
        return []
    dense_N = np.array([candidate.cosine for candidate in candidates])
    words_N = np.array([candidate.bm25 for candidate in candidates])
    scores_N = z_score_fusion([dense_N, words_N], [query.dense_weight, 1 - query.dense_weight])
    return [
        Ranked(
            candidates[place],
            float(scores_N[place]),
            {"vector": candidates[place].cosine, "words": candidates[place].bm25},
        )
        for place in best_first(scores_N, limit).tolist()
    ]
