"""Validation during a training: the model is measured every so many steps, and the best one is kept.

models/mine/training/
  evaluations.jsonl          one line per evaluation: step, seconds spent in steps, scores by name
  evaluations/step-NNNNNNNN/ the full report of each, as `measure` writes it
  best/                      the model with the highest score of the given name

Validation does not change the training: the weights of every step are the same to the bit.
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
from adjoin.unfinished import remove_folder

SCORES, REPORTS, BEST = "evaluations.jsonl", "evaluations", "best"
BEST_FILE = "kept.json"  # beside the best model: step, score and value, and the data that it was measured on

Measure = Callable[[Path, Path, Mapping[str, str | int]], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Validation:
    """How a training is validated.

    Attributes:
        every: steps between two evaluations; there is one more at the end.
        measure: called with the model's folder, a folder for the report, and facts for the report (step, batch,
            name of the training). Returns scores by name, higher is better. Only the main rank measures.
        names: names of the scores that `measure` returns.
        keep: the score that selects the best model; None to keep the last model.
        settings: identifies data and settings; scores under other settings are not compared.
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
    """The best model of a training so far.

    Attributes:
        folder: folder of the model.
        step: the step after which it was measured.
        score: name of the score that selects it.
        value: value of that score.
    """

    folder: Path
    step: int
    score: str
    value: float


class Evaluations:
    """The evaluations of one training. A resumed training continues those of the interrupted one.

    Attributes:
        validation: how the model is measured.
        folder: folder of the training.
        last: step of the last evaluation under these settings; 0 if there is none.
    """

    def __init__(self, validation: Validation, folder: Path, step: int) -> None:
        """Read the evaluations so far.

        Args:
            validation: how the model is measured.
            folder: folder of the training.
            step: last step of the training; evaluations of later steps will be repeated.
        """
        self.validation, self.folder = validation, folder
        self._earlier = [line for line in whole_lines(folder / SCORES) if line["step"] <= step]
        same = [line["step"] for line in self._earlier if line["settings"] == validation.settings]
        self.last = int(same[-1]) if same else 0

    def forget_later(self) -> None:
        """Remove the scores of steps that will be repeated from the file."""
        if (self.folder / SCORES).exists():
            lines = (json.dumps(line) + "\n" for line in self._earlier)
            write_atomically(self.folder / SCORES, "".join(lines))

    def best(self) -> BestCheckpoint | None:
        """The best model under these settings; None if no model was kept."""
        folder = self.folder / BEST
        if self.validation.keep is None or not (folder / BEST_FILE).is_file():
            return None
        note = read_json(folder / BEST_FILE, "note of the best model")
        if note.get("score") != self.validation.keep or note.get("settings") != self.validation.settings:
            return None
        return BestCheckpoint(folder, int(note["step"]), str(note["score"]), float(note["value"]))

    def take(self, model: Path, facts: Mapping[str, str | int], elapsed: float) -> str:
        """Measure a model, and keep it if it is the best so far.

        Args:
            model: folder of the model, which is removed afterwards.
            facts: facts about the training for the report, including "step".
            elapsed: seconds spent in steps.

        Returns:
            The scores on one line, for display.

        Raises:
            AdjoinError: a score is missing.
        """
        step = int(facts["step"])
        with _global_state_preserved():
            scores = dict(self.validation.measure(model, self.folder / REPORTS / f"step-{step:08d}", facts))
        if missing := [name for name in self.validation.names if name not in scores]:
            raise AdjoinError(f"the evaluation after step {step:,} gave no score {', '.join(missing)}")
        best, keep = self.best(), self.validation.keep
        is_best = keep is not None and (best is None or scores[keep] > best.value)
        if keep is not None and is_best:
            note = {"score": keep, "value": scores[keep], "step": step, "settings": self.validation.settings}
            with folder_in_one_piece(self.folder / BEST) as unfinished:
                for path in model.iterdir():
                    shutil.copyfile(path, unfinished / path.name)
                write_json(unfinished / BEST_FILE, note)
        remove_folder(model)
        line = {"step": step, "elapsed": elapsed, "settings": self.validation.settings, "scores": scores}
        with (self.folder / SCORES).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.last = step
        shown = [f"{name} {value:.3f}" for name, value in scores.items() if "/" not in name or name == keep]
        return f"after step {step:,}: {', '.join(shown)}{', the best so far' if is_best else ''}"


@contextmanager
def _global_state_preserved() -> Iterator[None]:
    """Restore all random generators, and torch's number of threads, afterwards."""
    python, numpy, threads = random.getstate(), np.random.get_state(), torch.get_num_threads()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_num_threads(threads)
