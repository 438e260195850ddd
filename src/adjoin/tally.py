"""Counts of everything skipped, dropped or truncated, with reasons. Nothing disappears silently."""

from collections import Counter
from dataclasses import dataclass, field

EXAMPLES_PER_REASON = 3


@dataclass
class Tally:
    """Counts by reason, with a few examples of each.

    Attributes:
        counts: reason to number of occurrences.
        examples: reason to the first few places where it occurred.
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, example: str = "", number: int = 1) -> None:
        """Count `number` more occurrences of `reason`, and keep `example` if it is among the first."""
        self.counts[reason] += number
        if example:
            seen = self.examples.setdefault(reason, [])
            if len(seen) < EXAMPLES_PER_REASON:
                seen.append(example)

    def merge(self, other: "Tally") -> None:
        """Add the counts and examples of `other`, such as those of a worker."""
        self.counts.update(other.counts)
        for reason, places in other.examples.items():
            seen = self.examples.setdefault(reason, [])
            seen.extend(places[: EXAMPLES_PER_REASON - len(seen)])

    def summary(self) -> str:
        """One line, such as `12 too large, 3 binary`."""
        return ", ".join(f"{number:,} {reason}" for reason, number in sorted(self.counts.items()))
