"""Waiting without time limits of its own: a test that hangs is ended by the time-out of pyproject.toml."""

import subprocess
import time
from collections.abc import Callable
from typing import Any

PATIENCE = 600  # seconds, where a call must be given some bound


def wait_until(condition: Callable[[], bool], process: "subprocess.Popen[Any] | None" = None) -> None:
    """Wait for a condition, however long it takes; with a process, it must not end before."""
    while not condition():
        assert process is None or process.poll() is None, f"it ended with {process.returncode} before"
        time.sleep(0.002)
