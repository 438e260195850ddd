"""Ranking shared by `evaluation` and `index`: BM25, fusion of dense and lexical scores, and a stable order."""

from adjoin.ranking.fusion import standard_score_fusion
from adjoin.ranking.lexical import BM25, terms
from adjoin.ranking.order import best_first

__all__ = ["BM25", "best_first", "standard_score_fusion", "terms"]
