"""Ranking: scores become orders, by words, by vectors, and by both fused. Evaluation and the index share it."""

from adjoin.ranking.dense import top_k
from adjoin.ranking.fusion import standard_score_fusion
from adjoin.ranking.lexical import BM25, terms
from adjoin.ranking.order import best_first

__all__ = ["BM25", "best_first", "standard_score_fusion", "terms", "top_k"]
