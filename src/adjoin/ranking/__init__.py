"""Ranking: scores become orders, by words, by vectors, and by both fused. Evaluation and the index share it."""

from adjoin.ranking.dense import top_k
from adjoin.ranking.fusion import reciprocal_rank_fusion
from adjoin.ranking.lexical import BM25, terms
from adjoin.ranking.order import best_first, mean_ranks

__all__ = ["BM25", "best_first", "mean_ranks", "reciprocal_rank_fusion", "terms", "top_k"]
