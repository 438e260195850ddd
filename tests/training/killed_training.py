"""Train, and get killed: by a timer, and in the midst of writing a checkpoint; then resume, until it is done.

    python killed_training.py PAIRS OUT RECIPE.json SEED

Every attempt is a fork of this process, which has imported all and computed nothing, so that it starts at once.
Prints one line an attempt: how it ended.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from adjoin import files
from adjoin.training import checkpoint
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe

# Where a checkpoint's writing is cut short, and how many writings before are let pass.
MOMENTS = (
    ("before its tensors", checkpoint, "save_file", "before", 1),
    ("after its tensors", checkpoint, "save_file", "after", 0),
    ("before its state", checkpoint, "write_json", "before", 2),
    ("before its name", files.Path, "replace", "before", 6),
    ("after its name", checkpoint, "flush_to_disk", "before", 1),
    ("amid forgetting the older one", checkpoint.shutil, "rmtree", "before", 1),
)
BY_TIMER = 6


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(place: object, name: str, when: str, passed: int) -> None:
    """Put a trap in a function: the call after `passed` others is the last thing that this process does."""
    function: Callable[..., object] = getattr(place, name)
    calls = 0

    def trapped(*arguments: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls > passed and when == "before":
            die()
        result = function(*arguments, **options)
        if calls > passed:
            die()
        return result

    setattr(place, name, trapped)


def attempt(pairs: Path, out: Path, recipe: Recipe, prepare_end: Callable[[], object]) -> str:
    child = os.fork()
    if child == 0:
        prepare_end()
        try:
            train(pairs, out, recipe, resume=True)
        except BaseException as error:  # the fork must not run on as its parent
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return "killed" if os.WIFSIGNALED(status) else f"ended with {os.waitstatus_to_exitcode(status)}"


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def timer(seconds: float) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # its default ends the process as a kill does, at once
    signal.setitimer(signal.ITIMER_REAL, seconds)


def main() -> None:
    pairs, out = Path(sys.argv[1]), Path(sys.argv[2])
    recipe = Recipe.with_defaults(**json.loads(Path(sys.argv[3]).read_text()))
    draw = random.Random(sys.argv[4])
    began = time.monotonic()
    attempt(pairs, out.with_name("rehearsal"), recipe, lambda: None)
    whole = time.monotonic() - began
    for where, place, name, when, passed in MOMENTS:
        end = attempt(pairs, out, recipe, lambda p=place, n=name, w=when, k=passed: die_at(p, n, w, k))
        say(f"{where}: {end}")
    for _ in range(BY_TIMER):
        seconds = draw.uniform(0.1, 0.6) * whole
        say(f"after {seconds:.2f} s: {attempt(pairs, out, recipe, lambda s=seconds: timer(s))}")
    say(f"at last: {attempt(pairs, out, recipe, lambda: None)}")


if __name__ == "__main__":
    main()
