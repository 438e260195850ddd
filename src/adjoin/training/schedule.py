"""How far a training has come, and the learning rate that goes with it."""

import math
from dataclasses import dataclass

from adjoin.errors import AdjoinError

SCHEDULES = ("linear", "cosine", "wsd", "constant")


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


def lr_scale(progress: float, warmup: float, shape: str = "linear", decay: float = 0.2) -> float:
    """The learning rate as a share of its highest: a linear rise over `warmup`, then what `shape` says.

    Args:
        progress: share of the training that is done, 0 to 1.
        warmup: share of the training in which the rate rises.
        shape: after the rise, "linear" and "cosine" fall to zero over all that is left; "wsd" (warm-up, stable,
            decay; Hu et al. 2024, arXiv 2404.06395) stays up and falls to zero at the end, as one minus the root
            of the fall's progress, which did better than a line in Hägele et al. 2024 (arXiv 2405.18392);
            "constant" stays up.
        decay: share of the training in which "wsd" falls.

    Returns:
        0 to 1.

    Raises:
        AdjoinError: there is no such shape.
    """
    if shape not in SCHEDULES:
        raise AdjoinError(f"unknown schedule {shape!r}: expected one of {', '.join(SCHEDULES)}")
    if progress < warmup:
        return max(0.01, progress / warmup)  # from above zero: a step at zero would be wasted
    falls_from = max(warmup, 1 - decay) if shape == "wsd" else warmup
    if shape == "constant" or progress <= falls_from:
        return 1.0
    left = (1 - progress) / (1 - falls_from)
    if shape == "cosine":
        return (1 - math.cos(math.pi * left)) / 2
    return 1 - math.sqrt(1 - left) if shape == "wsd" else left
