"""Counts of everything that was skipped, dropped or cut, with its reason: nothing disappears silently."""

from collections import Counter
from dataclasses import dataclass, field

EXAMPLES_PER_REASON = 3


@dataclass
class Tally:
    """How often each thing happened, and where it was first seen.

    Attributes:
        counts: reason → number of occurrences.
        examples: reason → the first few places, for a person who wants to look.
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, example: str = "", number: int = 1) -> None:
        """Count `number` more occurrences of `reason`, remembering `example` if it is among the first."""
        self.counts[reason] += number
        if example:
            seen = self.examples.setdefault(reason, [])
            if len(seen) < EXAMPLES_PER_REASON:
                seen.append(example)

    def merge(self, other: "Tally") -> None:
        """Add the counts and the examples of `other`, a worker's say."""
        self.counts.update(other.counts)
        for reason, places in other.examples.items():
            seen = self.examples.setdefault(reason, [])
            seen.extend(places[: EXAMPLES_PER_REASON - len(seen)])

    def summary(self) -> str:
        """One line for a person: `12 too large, 3 binary`."""
        return ", ".join(f"{number:,} {reason}" for reason, number in sorted(self.counts.items()))
