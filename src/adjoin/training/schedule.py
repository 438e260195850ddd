"""How far a training has come, and the learning rate that goes with it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """Where a training ends: the first bound that is reached.

    Attributes:
        steps: number of steps, or None.
        seconds: time spent in steps, or None.
    """

    steps: int | None
    seconds: float | None

    def progress(self, step: int, elapsed: float) -> float:
        """The share that is done after `step` steps and `elapsed` seconds, 0 to 1."""
        shares = [step / self.steps if self.steps else 0.0, elapsed / self.seconds if self.seconds else 0.0]
        return min(1.0, max(shares))


def rate(progress: float, warmup: float) -> float:
    """The learning rate as a share of its highest: a linear rise over `warmup`, then a linear fall to zero."""
    if progress < warmup:
        return max(0.01, progress / warmup)  # from above zero: a step at zero would be wasted
    return (1 - progress) / (1 - warmup) if warmup < 1 else 1.0
