"""What answers a query best.

    query.py (its kind, names, words) -> evidence.py (what speaks for a piece and its file) -> score.py (the sum)

`evaluation` and `index` share BM25 (lexical.py), the fusion of z-scores (fusion.py) and a stable order (order.py).
"""

from adjoin.ranking.fusion import z_score_fusion
from adjoin.ranking.lexical import BM25, terms
from adjoin.ranking.order import best_first

__all__ = ["BM25", "best_first", "terms", "z_score_fusion"]
