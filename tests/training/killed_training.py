"""Train, and get killed: after a share of the work, and amid writing a checkpoint; then resume, until it is done.

    python killed_training.py PAIRS OUT RECIPE.json SEED

Every attempt is a fork of this process, which has imported all and computed nothing, so that it starts at once.
Prints one line per attempt: how it ended.
"""

import json
import mmap
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from adjoin import files, unfinished
from adjoin.training import checkpoint
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe

# Where a checkpoint's writing is cut short, and how many writings before are let pass.
MOMENTS = (
    ("before its tensors", checkpoint, "save_file", "before", 1),
    ("after its tensors", checkpoint, "save_file", "after", 0),
    ("before its state", checkpoint, "write_json", "before", 2),
    ("before its name", files, "put_in_place", "before", 1),
    ("after its name", checkpoint, "flush_to_disk", "before", 1),
    ("amid forgetting the older one", unfinished.shutil, "rmtree", "before", 1),
)
ANYWHERE = 6


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


def after_calls(limit: int | None, counted: mmap.mmap) -> None:
    """Count the calls of Python functions in memory that the parent shares; die at a limit.

    Seconds would depend on what else the machine does.
    """
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == limit:
            die()
        if calls % 100 == 0:
            counted[:8] = calls.to_bytes(8, "little")

    sys.setprofile(count)


def main() -> None:
    pairs, out = Path(sys.argv[1]), Path(sys.argv[2])
    recipe = Recipe.with_defaults(**json.loads(Path(sys.argv[3]).read_text()))
    draw = random.Random(sys.argv[4])
    counted = mmap.mmap(-1, 8)
    attempt(pairs, out.with_name("rehearsal"), recipe, lambda: after_calls(None, counted))
    whole = int.from_bytes(counted[:8], "little")
    for where, place, name, when, passed in MOMENTS:
        end = attempt(pairs, out, recipe, lambda p=place, n=name, w=when, k=passed: die_at(p, n, w, k))
        say(f"{where}: {end}")
    for _ in range(ANYWHERE):
        calls = int(draw.uniform(0.1, 0.6) * whole)
        say(f"after {calls} calls: {attempt(pairs, out, recipe, lambda n=calls: after_calls(n, counted))}")
    say(f"at last: {attempt(pairs, out, recipe, lambda: None)}")


if __name__ == "__main__":
    main()
