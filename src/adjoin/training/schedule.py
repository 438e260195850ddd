"""When a training ends, and the learning rate schedule."""

import math
from dataclasses import dataclass

from adjoin.errors import AdjoinError

SCHEDULES = ("linear", "cosine", "wsd", "constant")


@dataclass(frozen=True, slots=True)
class Budget:
    """The end of a training: the first bound that it reaches.

    Attributes:
        steps: number of steps, or None.
        seconds: time spent in steps, or None.
    """

    steps: int | None
    seconds: float | None

    def progress(self, step: int, elapsed: float) -> float:
        """The finished share of the training after `step` steps and `elapsed` seconds, 0 to 1."""
        shares = [step / self.steps if self.steps else 0.0, elapsed / self.seconds if self.seconds else 0.0]
        return min(1.0, max(shares))


def lr_scale(progress: float, warmup: float, shape: str = "linear", decay: float = 0.2) -> float:
    """The learning rate as a share of its peak: a linear warm-up, then the shape of the schedule.

    Args:
        progress: finished share of the training, 0 to 1.
        warmup: share of the training in which the rate rises.
        shape: "linear" and "cosine" fall to zero after the warm-up. "wsd" (warm-up, stable, decay; Hu et al. 2024,
            arXiv 2404.06395) stays at the peak and falls to zero at the end by 1 - sqrt(x), which was better than
            a line in Hägele et al. 2024 (arXiv 2405.18392). "constant" stays at the peak.
        decay: share of the training in which "wsd" falls.

    Returns:
        0 to 1.

    Raises:
        AdjoinError: the shape is unknown.
    """
    if shape not in SCHEDULES:
        raise AdjoinError(f"unknown schedule {shape!r}: expected one of {', '.join(SCHEDULES)}")
    if progress < warmup:
        return max(0.01, progress / warmup)  # above zero: a first step at zero would be wasted
    falls_from = max(warmup, 1 - decay) if shape == "wsd" else warmup
    if shape == "constant" or progress <= falls_from:
        return 1.0
    left = (1 - progress) / (1 - falls_from)
    if shape == "cosine":
        return (1 - math.cos(math.pi * left)) / 2
    return 1 - math.sqrt(1 - left) if shape == "wsd" else left
