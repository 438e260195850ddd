"""Runs a registry's client: no shell, its words captured, ended when its time is over or the run is stopped."""

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adjoin.errors import AdjoinError

NETWORK_ERROR = "network error"
TIMED_OUT = "timed out"
CLIENT_MISSING = "client missing"
NOT_THERE = "not in the registry"
FAILED = "client failed"
STOPPED = "stopped"

_POLL = 0.1  # seconds between two looks at whether the run was stopped
_DISK_FULL = re.compile(r"No space left on device|ENOSPC|Disk quota exceeded", re.IGNORECASE)
# In this order: pip says that it could not find a version also when it could not reach the registry.
_REASONS = (
    (
        NETWORK_ERROR,
        r"temporary failure|could not resolve|could not connect|unable to connect|cannot initiate the connection"
        r"|connection (failed|broken|refused|reset|timed out|aborted)|network is unreachable|max retries exceeded"
        r"|newconnectionerror|read timed out|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH",
    ),
    (
        NOT_THERE,
        r"no matching distribution|could not find a version|E404|ETARGET|no matching version|404\s+not found"
        r"|unable to locate package|unable to find a source package|version .* was not found"
        r"|can not find version|no packages found",
    ),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a client's run ended.

    Attributes:
        reason: why it failed, a short phrase; empty if it did not.
        said: its last line of complaint, for a person.
        output: all that it wrote to standard output.
        complaints: all that it wrote to standard error.
    """

    reason: str
    said: str = ""
    output: str = ""
    complaints: str = ""


def run_client(command: Sequence[str], folder: Path, stop: threading.Event, seconds: float) -> Outcome:
    """Run a client in `folder`, where it may leave files.

    Args:
        command: the program, looked for on the PATH, and its arguments.
        folder: its working directory.
        stop: once set, the client is ended.
        seconds: after which it is ended.

    Raises:
        AdjoinError: the disk is full.
    """
    program = shutil.which(command[0])
    if program is None:
        return Outcome(CLIENT_MISSING, f"no {command[0]} on the PATH")
    try:
        process = subprocess.Popen(
            [program, *command[1:]],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,  # clients start helpers, which are to end with them
        )
    except OSError as error:
        return Outcome(CLIENT_MISSING, f"{program}: {error}")
    output, complaints, reason = _wait(process, stop, time.monotonic() + seconds)
    if process.returncode == 0 and not reason:
        return Outcome("", "", output, complaints)
    if _DISK_FULL.search(complaints):
        raise AdjoinError(f"the disk of {folder.parent} is full: make room, or give a smaller disk budget")
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    return Outcome(reason or _reason(complaints), lines[-1][:200] if lines else "", output, complaints)


def _wait(process: "subprocess.Popen[str]", stop: threading.Event, deadline: float) -> tuple[str, str, str]:
    """What the client wrote, to both its streams, and why it was ended if it was."""
    reason = ""
    while True:
        try:
            output, complaints = process.communicate(timeout=None if reason else _POLL)
        except subprocess.TimeoutExpired:
            reason = STOPPED if stop.is_set() else TIMED_OUT if time.monotonic() > deadline else ""
            if reason:
                os.killpg(process.pid, signal.SIGKILL)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # in its session of its own it does not hear Ctrl-C
            raise
        else:
            return output, complaints, reason


def _reason(complaints: str) -> str:
    found = (reason for reason, pattern in _REASONS if re.search(pattern, complaints, re.IGNORECASE))
    return next(found, FAILED)
