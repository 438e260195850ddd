"""Seeded blocks of candidates: the right document among 999 others, as CodeSearchNet and the paper measure it.

A rank among a fixed number of candidates can be compared between collections of different sizes, and with
published figures (Husain et al. 2019, arXiv 1909.09436; Neelakantan et al. 2022, arXiv 2201.10005, section
on code search).
"""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError


class Blocks:
    """A seeded shuffle of the documents, cut into blocks.

    The documents stand in a ring, so a short last block is topped up from the front of the shuffle, and
    every query has the same number of distractors. A collection no larger than a block is one block.
    """

    def __init__(self, documents: int, *, distractors: int = 999, seed: int = 0) -> None:
        """Shuffle.

        Args:
            documents: number of documents, N.
            distractors: how many candidates there are beside the right one; a block has one more.
            seed: of numpy's default generator; the same seed always gives the same blocks.

        Raises:
            AdjoinError: fewer than one distractor.
        """
        if distractors < 1:
            raise AdjoinError(f"cannot rank among {distractors} distractors: expected at least 1, 999 as a rule")
        self._size = distractors + 1
        self._ring = np.random.default_rng(seed).permutation(documents)
        self._place = np.empty(documents, dtype=np.int64)
        self._place[self._ring] = np.arange(documents)

    def candidates(
        self, document: int, excluded: int | None = None, others: Collection[int] = ()
    ) -> NDArray[np.int64]:
        """The documents of the block that holds `document`, itself among them.

        Args:
            document: a document's index.
            excluded: a document that must not be a candidate, or None. The next on the ring takes its place.
            others: further right answers: none of them is a distractor, and all of them are candidates.

        Returns:
            document indices, all different: the right ones and the distractors, or all documents (but the
            excluded one) of a smaller collection.
        """
        number = len(self._ring)
        start = int(self._place[document]) // self._size * self._size
        apart = np.array([other for other in others if other != document], np.int64)
        places = (start + np.arange(min(self._size + 1 + len(apart), number))) % number
        block = self._ring[places].astype(np.int64, copy=False)
        if excluded is not None:
            block = block[block != excluded]
        if len(apart):
            block = block[~np.isin(block, apart)]
        return np.concatenate([block[: self._size], apart])
