"""The training's log: one JSON a step, and its curve as a picture."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from adjoin.files import write_atomically


@dataclass(frozen=True, slots=True)
class StepReport:
    """What a step measured, for the log and for the progress display.

    Attributes:
        step: its number, counted from 1.
        epoch: passes over the pairs so far.
        loss: in nats; the logarithm of the batch size is chance.
        logit_scale: exp(tau); None where there is none.
        lr_scale: learning rate as a share of its highest.
        grad_norm: of the gradient, before clipping.
        pairs_per_second, tokens_per_second: of this step; real tokens, without padding.
        padding: share of the tokens that were padding.
        waited: share of the time in which the step waited for its batch.
        elapsed: seconds spent in steps so far.
        left: seconds left, as far as can be told.
    """

    step: int
    epoch: float
    loss: float
    logit_scale: float | None
    lr_scale: float
    grad_norm: float
    pairs_per_second: float
    tokens_per_second: float
    padding: float
    waited: float
    elapsed: float
    left: float


_FORMER_KEYS = {"scale": "logit_scale", "rate": "lr_scale", "norm": "grad_norm"}  # of version 0.1.0

Watch = Callable[[StepReport], None]


class TrainingLog:
    """Appends step reports to a JSON-lines file."""

    def __init__(self, path: Path, *, keep_steps: int) -> None:
        """Open the log, dropping lines after step `keep_steps`: those steps are done again."""
        kept = [line for line in whole_lines(path) if line["step"] <= keep_steps]
        write_atomically(path, "".join(json.dumps(line) + "\n" for line in kept))
        self._file = path.open("a", encoding="utf-8")

    def add(self, report: StepReport) -> None:
        """Append one report."""
        rounded = {n: v if v is None else float(f"{v:.9g}") for n, v in asdict(report).items()}
        rounded["step"] = report.step
        self._file.write(json.dumps(rounded) + "\n")

    def flush(self) -> None:
        """Bring what was added to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """End the log."""
        self._file.close()


def whole_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON-lines file, none if there is no file; a line that was cut by a crash is left out."""
    if not path.exists():
        return []
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            report = json.loads(line)
        except ValueError:
            continue
        lines.append({_FORMER_KEYS.get(key, key): value for key, value in report.items()})
    return lines


def draw_curve(log: Path, picture: Path, title: str) -> None:
    """Draw loss and temperature over the steps of a log into a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    lines = whole_lines(log)
    steps, losses = [line["step"] for line in lines], [line["loss"] for line in lines]
    figure, left = pyplot.subplots(figsize=(8, 4.5), dpi=120, layout="constrained")
    left.plot(steps, losses, color="0.75", linewidth=0.8, label="loss of each step")
    left.plot(steps, _smooth(losses), color="C0", label="smoothed")
    left.set(xlabel="step", ylabel="loss (nats)", title=title, ylim=(0, None))
    if lines and lines[0]["logit_scale"] is not None:
        right = left.twinx()
        right.plot(steps, [line["logit_scale"] for line in lines], color="C1", linestyle="--", label="exp τ")
        right.set(ylabel="exp τ", ylim=(0, None))
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(picture)
    pyplot.close(figure)


def _smooth(values: list[float], share: float = 0.8) -> list[float]:
    """Exponential moving average, corrected for its start."""
    smoothed, mean, weight = [], 0.0, 0.0
    for value in values:
        mean, weight = share * mean + (1 - share) * value, share * weight + (1 - share)
        smoothed.append(mean / weight)
    return smoothed
