"""Validation: what a training is worth on its way, without a bit of its result changing.

models/mine/training/
  evaluations.jsonl          a line an evaluation: step, seconds spent in steps until then, scores by their names
  evaluations/step-NNNNNNNN/ what each measured in full, as `measure` writes it
  best/                      the model with the highest score of the name that was asked for
"""

import json
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from adjoin.errors import AdjoinError
from adjoin.files import folder_in_one_piece, read_json, write_atomically, write_json
from adjoin.training.log import whole_lines

SCORES, REPORTS, BEST, SNAPSHOT = "evaluations.jsonl", "evaluations", "best", "snapshot"
BEST_FILE = "kept.json"  # beside the best model: its step and score, and what that was measured on

Measure = Callable[[Path, Path, Mapping[str, str | int]], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Validation:
    """How a training is measured on its way.

    Attributes:
        every: so many steps, and once at the end.
        measure: model's folder, folder for what is found, facts of the training for a report (step, batch, name)
            → scores by name, higher is better. Of several ranks only the first one measures, and the others wait.
        names: of the scores that it gives.
        keep: the score by which the best model is kept; None to keep the last.
        settings: stands for data and settings: scores under other ones are not compared.
    """

    every: int
    measure: Measure
    names: tuple[str, ...]
    keep: str | None = None
    settings: str = ""

    def __post_init__(self) -> None:
        if self.every < 1:
            raise AdjoinError(f"evaluating every {self.every} steps: expected 1 or more")
        if self.keep is not None and self.keep not in self.names:
            raise AdjoinError(
                f"no score {self.keep!r} to keep the best by: expected one of {', '.join(self.names)}"
            )


@dataclass(frozen=True, slots=True)
class BestCheckpoint:
    """The best model so far.

    Attributes:
        folder: it.
        step: at which it was.
        score: by which it is kept.
        value: of that.
    """

    folder: Path
    step: int
    score: str
    value: float


class Evaluations:
    """The evaluations of one training, which go on where those of an interrupted one ended.

    Attributes:
        validation: how is measured.
        folder: the training's.
        last: step of the last one under these settings; 0 if there is none.
    """

    def __init__(self, validation: Validation, folder: Path, step: int) -> None:
        """Look at what is there.

        Args:
            validation: how is measured.
            folder: the training's.
            step: its last one; evaluations of later steps will be made again.
        """
        self.validation, self.folder = validation, folder
        known = [line for line in whole_lines(folder / SCORES) if line["step"] <= step]
        same = [line["step"] for line in known if line["settings"] == validation.settings]
        self.last = int(same[-1]) if same else 0
        self._known = known

    def forget_later(self) -> None:
        """Take the scores of steps that will be done again out of the file."""
        if (self.folder / SCORES).exists():
            lines = (json.dumps(line) + "\n" for line in self._known)
            write_atomically(self.folder / SCORES, "".join(lines))

    def best(self) -> BestCheckpoint | None:
        """The best model under these settings; None if none is kept."""
        place = self.folder / BEST
        if self.validation.keep is None or not (place / BEST_FILE).is_file():
            return None
        found = read_json(place / BEST_FILE, "note of the best model")
        same = found.get("score") == self.validation.keep and found.get("settings") == self.validation.settings
        return (
            BestCheckpoint(place, int(found["step"]), str(found["score"]), float(found["value"])) if same else None
        )

    def take(self, model: Path, facts: Mapping[str, str | int], elapsed: float) -> str:
        """Measure a model, and keep it if it is the best so far.

        Args:
            model: its folder, which is gone afterwards.
            facts: of the training; "step" among them.
            elapsed: seconds spent in steps.

        Returns:
            what was found, in a line.

        Raises:
            AdjoinError: a score is missing.
        """
        step = int(facts["step"])
        with _undisturbed():
            scores = dict(self.validation.measure(model, self.folder / REPORTS / f"step-{step:08d}", facts))
        if missing := [name for name in self.validation.names if name not in scores]:
            raise AdjoinError(f"the evaluation after step {step:,} gave no score {', '.join(missing)}")
        known, keep = self.best(), self.validation.keep
        is_best = keep is not None and (known is None or scores[keep] > known.value)
        if keep is not None and is_best:
            note = {"score": keep, "value": scores[keep], "step": step, "settings": self.validation.settings}
            with folder_in_one_piece(self.folder / BEST) as unfinished:
                for path in model.iterdir():
                    shutil.copyfile(path, unfinished / path.name)
                write_json(unfinished / BEST_FILE, note)
        shutil.rmtree(model)
        line = {"step": step, "elapsed": elapsed, "settings": self.validation.settings, "scores": scores}
        with (self.folder / SCORES).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.last = step
        shown = [f"{name} {value:.3f}" for name, value in scores.items() if "/" not in name or name == keep]
        return f"after step {step:,}: {', '.join(shown)}{', the best so far' if is_best else ''}"


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Leave all random generators, and the number of threads, as they were."""
    ours, numpys, threads = random.getstate(), np.random.get_state(), torch.get_num_threads()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        random.setstate(ours)
        np.random.set_state(numpys)  # noqa: NPY002
        torch.set_num_threads(threads)
