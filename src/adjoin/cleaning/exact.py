"""What keeps a pair out of the dataset after its own quality rules: repetition and held-out text."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from adjoin.pairs.pair import Pair
from adjoin.tally import Tally


@dataclass
class Cleaner:
    """Drops exact duplicates and held-out implementations, first come first kept, and counts both.

    Attributes:
        held_out: `text_hash` of what must not be trained on (an evaluation set's queries and documents): a
            pair with either side among them is dropped. Finds copies of a held-out package inside another one,
            also those whose code or whose docstring was changed, but not those where both were.
        tally: where the counts go.
    """

    held_out: frozenset[int]
    tally: Tally
    _seen: set[int] = field(default_factory=set)

    def clean(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """The pairs that stay, in order; memory grows by one number a kept pair."""
        for pair in pairs:
            y_hash = pair.y_hash
            if y_hash in self.held_out or pair.x_hash in self.held_out:
                self.tally.add("held out", pair.origin)
                continue
            # One implementation is one pair, whoever repeats it. Many functions may share a summary: the
            # loss masks those as false negatives. Passages are the y of one pair and the x of the next.
            if y_hash in self._seen:
                self.tally.add("duplicate", pair.origin)
                continue
            self._seen.add(y_hash)
            yield pair
