"""Blocks of distractors: each query ranks its right document among 999 others, as in CodeSearchNet and the paper.

Ranks among a fixed number of candidates are comparable between collections of different sizes and with published
figures (Husain et al. 2019, arXiv 1909.09436; Neelakantan et al. 2022, arXiv 2201.10005, section on code search).
"""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError


class Blocks:
    """A seeded shuffle of the documents, cut into blocks of candidates.

    The shuffle is treated as a ring. A short last block is filled up from the start, so every query has the same
    number of distractors. A collection that is not larger than a block is one block.
    """

    def __init__(self, documents: int, *, distractors: int = 999, seed: int = 0) -> None:
        """Shuffle the documents.

        Args:
            documents: number of documents N.
            distractors: number of wrong candidates per query. A block has one document more.
            seed: of NumPy's default generator. The same seed always gives the same blocks.

        Raises:
            AdjoinError: there is less than one distractor.
        """
        if distractors < 1:
            raise AdjoinError(f"cannot rank among {distractors} distractors: expected at least 1, usually 999")
        self._size = distractors + 1
        self._ring = np.random.default_rng(seed).permutation(documents)
        self._position = np.empty(documents, dtype=np.int64)
        self._position[self._ring] = np.arange(documents)

    def candidates(
        self, document: int, excluded: int | None = None, others: Collection[int] = ()
    ) -> NDArray[np.int64]:
        """The candidates of the block that contains `document`.

        Args:
            document: index of the right document.
            excluded: index of a document that must not be a candidate, or None. The next one on the ring replaces
                it.
            others: further right documents. They are candidates, but do not count as distractors.

        Returns:
            Distinct document indices: the right documents and the distractors. In a smaller collection these are
            all documents except the excluded one.
        """
        number = len(self._ring)
        start = int(self._position[document]) // self._size * self._size
        others_R = np.array([other for other in others if other != document], np.int64)
        positions = (start + np.arange(min(self._size + 1 + len(others_R), number))) % number
        block = self._ring[positions].astype(np.int64, copy=False)
        if excluded is not None:
            block = block[block != excluded]
        if len(others_R):
            block = block[~np.isin(block, others_R)]
        return np.concatenate([block[: self._size], others_R])
