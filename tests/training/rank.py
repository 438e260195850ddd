"""One of the processes of a training over ranks: python rank.py PAIRS OUT RECIPE.json [STOP AFTER STEP]."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from adjoin.model.encoder import Encoder
from adjoin.ranks import Ranks
from adjoin.training.contrast import train
from adjoin.training.loop import Run
from adjoin.training.recipe import Recipe
from adjoin.training.validation import Validation


def main() -> None:
    pairs, out, recipe, *stop = sys.argv[1:]
    ranks = Ranks.of_environment()
    if stop:
        stop_at(int(stop[0]))
    try:
        options = json.loads(Path(recipe).read_text())
        best = options.pop("best_step", None)
        validation = None if best is None else measured_validation(best)
        train(
            Path(pairs),
            Path(out),
            Recipe.with_defaults(**options),
            resume=True,
            validation=validation,
            ranks=ranks,
        )
    except Stopped:
        pass
    ranks.close()


def measured_validation(best_step: int) -> Validation:
    """Every step is measured; one has the highest score."""

    def measure(model: Path, report: Path, facts: Mapping[str, str | int]) -> dict[str, float]:
        Encoder.load(model)
        return {"score": float(facts["step"] == best_step)}

    return Validation(1, measure, ("score",), "score")


class Stopped(Exception):  # noqa: N818 - not an error
    pass


def stop_at(step: int) -> None:
    """All ranks go as soon as the checkpoint of a step is written."""
    save = Run.save

    def save_and_stop(run: Run) -> None:
        save(run)
        if run.progress.step == step:
            raise Stopped

    Run.save = save_and_stop  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
