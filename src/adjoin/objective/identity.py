"""False negatives of a batch: which columns of the logits are no negatives of which query.

A pair says that its document answers its query, and that nothing in its group is a negative. What one pair says
holds for its texts wherever they stand in the batch. So a query and a column are masked if some pair m of it

    has the query's x or its group, and
    has the column's text as its y or, if the column is a document, its group.

With m as the query's own pair this masks equal documents and those of the same group; with m as the column's, all
columns of the same x. Beyond both, y2 is no negative of x1 in (x1, y1), (x1, y2), (x3, y3): neither as a further
document, nor as an explicit negative of the third pair.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_AT_ONCE = 1 << 22  # booleans in memory while a whole batch is looked at


@dataclass(frozen=True, slots=True)
class _Lists:
    """Lists of integers of different lengths, end to end."""

    starts: Tensor
    lengths: Tensor
    values: Tensor

    @classmethod
    def of(cls, keys: NDArray[np.int64], values: NDArray[np.int64], number: int) -> "_Lists":
        """The values of each key 0, ..., number - 1."""
        lengths = np.bincount(keys, minlength=number)
        ordered = values[np.argsort(keys, kind="stable")]
        return cls(*map(torch.from_numpy, (np.cumsum(lengths) - lengths, lengths, ordered)))

    def of_keys(self, keys: Tensor) -> tuple[Tensor, Tensor]:
        """The lists of `keys` end to end, and for each value the position of its key in `keys`."""
        lengths = self.lengths[keys]
        owners = torch.repeat_interleave(torch.arange(len(keys), device=keys.device), lengths)
        first = torch.cumsum(lengths, 0) - lengths
        places = torch.arange(len(owners), device=keys.device) + (self.starts[keys] - first)[owners]
        return self.values[places], owners

    def to(self, device: torch.device) -> "_Lists":
        return _Lists(self.starts.to(device), self.lengths.to(device), self.values.to(device))


@dataclass(frozen=True, slots=True)
class Identity:
    """The false negatives of a batch. Its queries and columns are masked where `mask` is true.

    Attributes:
        columns: N, the number of columns: M documents, then the explicit negatives.
        keys_2M: the number of each query's x, and of its group.
        answers: for each x and each group, the texts and groups that are no negatives of it.
        places: for each text and each group, its columns.
        masked_M: an upper bound of the columns that are masked for each query, its own document among them.
        shared_M: whether columns other than its own document may be masked.
    """

    columns: int
    keys_2M: Tensor
    answers: _Lists
    places: _Lists
    masked_M: Tensor
    shared_M: Tensor

    @classmethod
    def of(cls, identity_3M: NDArray[np.int64], negative_hash_K: NDArray[np.int64] | None = None) -> "Identity":
        """Find the false negatives of a batch by the hashes of its texts, see `Batch`.

        Args:
            identity_3M: hash of x, hash of y and group of each pair.
            negative_hash_K: hash of each explicit negative; None for none.
        """
        pairs = identity_3M.shape[1]
        negatives = np.zeros(0, np.int64) if negative_hash_K is None else negative_hash_K
        _, x_M = np.unique(identity_3M[0], return_inverse=True)
        texts, text_N = np.unique(np.concatenate([identity_3M[1], negatives]), return_inverse=True)
        groups, group_M = np.unique(identity_3M[2], return_inverse=True)
        numbers = int(x_M.max(initial=-1)) + 1
        # An x or a group on the side of the queries → texts, and groups after them, on the side of the columns.
        ends = len(texts) + len(groups)
        links = np.concatenate(
            [
                x_M * ends + text_N[:pairs],
                x_M * ends + len(texts) + group_M,
                (numbers + group_M) * ends + text_N[:pairs],
            ]
        )
        from_L, to_L = np.divmod(np.unique(links), ends)
        answers = _Lists.of(from_L, to_L, numbers + len(groups))
        keys_N = np.concatenate([text_N, len(texts) + group_M])
        columns_N = np.concatenate([np.arange(len(text_N)), np.arange(pairs)])
        places = _Lists.of(keys_N, columns_N, ends)
        reached = np.bincount(from_L, places.lengths.numpy()[to_L], numbers + len(groups)).astype(np.int64)
        masked_M = torch.from_numpy(reached[x_M] + reached[numbers + group_M])
        keys_2M = torch.from_numpy(np.stack([x_M, numbers + group_M]))
        # Its own document is reached three times: by its x as a text and by its group, and by the group as a text.
        return cls(len(text_N), keys_2M, answers, places, masked_M, masked_M > 3)

    def to(self, device: torch.device) -> "Identity":
        """Return a copy on a device."""
        return Identity(
            self.columns,
            self.keys_2M.to(device),
            self.answers.to(device),
            self.places.to(device),
            self.masked_M.to(device),
            self.shared_M.to(device),
        )

    def mask(self, rows_R: Tensor) -> Tensor:
        """Return which columns are false negatives of some queries (R, N), without their own documents.

        Args:
            rows_R: the numbers of the queries in the batch.
        """
        mask_RN = torch.zeros(len(rows_R), self.columns, dtype=torch.bool, device=rows_R.device)
        for keys_R in self.keys_2M[:, rows_R]:
            linked, row = self.answers.of_keys(keys_R)
            columns, link = self.places.of_keys(linked)
            mask_RN[row[link], columns] = True
        mask_RN[torch.arange(len(rows_R), device=rows_R.device), rows_R] = False
        return mask_RN

    def hide(self, logits_RN: Tensor, first: int) -> None:
        """Set the logits of false negatives to -inf, in place.

        Args:
            logits_RN: R rows of logits, already scaled: the gradient of -inf times a scale would be NaN.
            first: index of the first of these rows in the batch.
        """
        rows = torch.nonzero(self.shared_M[first : first + len(logits_RN)]).flatten()
        if len(rows):
            logits_RN[rows] = logits_RN[rows].masked_fill_(self.mask(first + rows), float("-inf"))

    def has_negatives(self) -> bool:
        """Return whether some query has a negative. Without any, the loss is 0 whatever the model."""
        if self.columns < 2:
            return False
        if bool((self.masked_M < self.columns).any()):
            return True
        rows = torch.arange(len(self.masked_M), device=self.masked_M.device)
        parts = torch.split(rows, max(1, _AT_ONCE // self.columns))
        return any(int(self.mask(part).sum()) < (self.columns - 1) * len(part) for part in parts)
