"""Fuzzing in a process of its own: thousands of drawn inputs, a crash, a hang or too much memory fails.

    @given(st.binary())
    def one_case(data: bytes) -> None: ...

    def test_it_survives() -> None:
        fuzz(one_case)

`one_case` is a function at the top of its test module. It returns, or raises `AdjoinError`, which is how bad input
is told. Anything else fails the test with its traceback. Inputs are drawn by hypothesis without a random seed, so
each run draws the same ones. From the shell: `python tests/fuzzing.py MODULE FUNCTION --cases 100`.
"""

import argparse
import importlib
import mmap
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, Phase, settings

from adjoin.errors import AdjoinError

CASES = 5000
SECONDS = 10  # of CPU time for one case
MEMORY = 1 << 30  # bytes that the process may hold at its peak, libraries among them
SHOWN = 2000  # characters of a case that is shown


def fuzz(one_case: Callable[..., None], cases: int = CASES, *, memory: int = MEMORY) -> None:
    """Run a function on drawn inputs in a process of its own.

    Args:
        one_case: a function with hypothesis' `given`, at the top of its module.
        cases: the number of inputs.
        memory: the bytes that the process may hold at its peak.

    Raises:
        AssertionError: an input crashed the process, took too long or too much memory, or raised something else
            than `AdjoinError`. It shows the input.
    """
    file = Path(str(sys.modules[one_case.__module__].__file__))
    with TemporaryDirectory() as folder:
        note = Path(folder, "case")
        note.write_bytes(bytes(SHOWN))
        command = [sys.executable, __file__, file.stem, one_case.__name__]
        command += ["--cases", str(cases), "--memory", str(memory), "--note", str(note), "--path", *sys.path]
        run = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace")
        case = note.read_bytes().rstrip(b"\0").decode(errors="replace")
    ending = f"exit status {run.returncode}"
    if run.returncode == -signal.SIGPROF:
        ending = f"more than {SECONDS} CPU-seconds"
    elif run.returncode < 0:
        ending = f"a crash, {signal.Signals(-run.returncode).name}"
    assert run.returncode == 0, (
        f"{ending} after the input {case}\n{run.stdout[-SHOWN:]}\n{run.stderr[-4 * SHOWN :]}"
    )


def _guarded(inner: Callable[..., None], note: mmap.mmap, memory: int) -> Callable[..., None]:
    """The same function, which notes its input, ends what hangs, and looks at the memory."""

    def guarded(**inputs: Any) -> None:  # noqa: ANN401
        text = repr(inputs).encode(errors="backslashreplace")[:SHOWN]
        note[:] = text + bytes(SHOWN - len(text))
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            inner(**inputs)
        except AdjoinError as error:
            message = str(error)
            assert message.strip(), "the message of an AdjoinError is empty"
            assert "\n" not in message, f"the message of an AdjoinError has several lines: {message}"
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        peak = _peak_of_memory()
        assert peak < memory, f"the process has held {peak >> 20} MB, expected at most {memory >> 20}"

    return guarded


def _peak_of_memory() -> int:
    """The peak in bytes. Linux's `ru_maxrss` would begin with that of the process which started this one."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on a Mac
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def main() -> None:
    """Run the cases in this process. It ends by SIGPROF where one hangs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("function")
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--memory", type=int, default=MEMORY)
    parser.add_argument("--note", type=Path)
    parser.add_argument("--path", nargs="*", default=[])
    options = parser.parse_args()
    sys.path[:] = [*options.path, *(path for path in sys.path if path not in options.path)]

    function: Any = getattr(importlib.import_module(options.module), options.function)
    note = mmap.mmap(-1, SHOWN)
    if options.note is not None:
        with options.note.open("r+b") as file:
            note = mmap.mmap(file.fileno(), SHOWN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    function.hypothesis.inner_test = _guarded(function.hypothesis.inner_test, note, options.memory)
    bounded = settings(
        max_examples=options.cases,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    bounded(function)()


if __name__ == "__main__":
    main()
