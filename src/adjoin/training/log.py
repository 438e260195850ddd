"""The training log: one JSON line per step, and its loss curve as a picture."""

import io
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from adjoin.files import write_atomically

_FORMER_KEYS = {"scale": "logit_scale", "rate": "lr_scale", "norm": "grad_norm"}  # in version 0.1.0 → now


@dataclass(frozen=True, slots=True)
class StepReport:
    """The measurements of one training step, for the log and the progress display.

    Attributes:
        step: number of the step, counted from 1.
        epoch: passes over the data so far.
        loss: loss in nats; a contrastive loss of log(batch size) is chance.
        logit_scale: exp(tau); None in a generative training.
        lr_scale: learning rate as a share of its peak, 0 to 1.
        grad_norm: global norm of the gradient, before clipping.
        pairs_per_second: pairs (or rows) per second in this step.
        tokens_per_second: tokens per second in this step, without padding.
        padding: share of padding among the tokens.
        waited: share of the step's time in which it waited for its batch.
        elapsed: seconds spent in steps so far.
        left: estimated seconds left.
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


Watch = Callable[[StepReport], None]


class TrainingLog:
    """Appends step reports to a JSON-lines file."""

    def __init__(self, path: Path, *, keep_steps: int) -> None:
        """Open the log, and drop the lines after step `keep_steps`: a resumed training repeats those steps."""
        kept = [line for line in whole_lines(path) if line["step"] <= keep_steps]
        write_atomically(path, "".join(json.dumps(line) + "\n" for line in kept))
        self._file = path.open("a", encoding="utf-8")

    def add(self, report: StepReport) -> None:
        """Append one step report as a line of JSON."""
        rounded = {n: v if v is None else float(f"{v:.9g}") for n, v in asdict(report).items()}
        rounded["step"] = report.step
        self._file.write(json.dumps(rounded) + "\n")

    def flush(self) -> None:
        """Write the reports so far to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file of the log."""
        self._file.close()


def whole_lines(path: Path) -> list[dict[str, Any]]:
    """Read a JSON-lines log, with the current names of the keys.

    Returns:
        One dictionary per line, none if there is no file. A line that a crash cut short is left out.
    """
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
    """Draw the loss, and exp(tau) if there is one, over the steps of a log into a PNG file."""
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
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    pyplot.close(figure)
    write_atomically(picture, drawn.getvalue())


def _smooth(values: list[float], share: float = 0.8) -> list[float]:
    """Exponential moving average, corrected for its start."""
    smoothed, mean, weight = [], 0.0, 0.0
    for value in values:
        mean, weight = share * mean + (1 - share) * value, share * weight + (1 - share)
        smoothed.append(mean / weight)
    return smoothed
