"""Runs a registry's client as a subprocess with a time limit, and classifies its failures."""

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
from adjoin.redaction import redacted, secrets_of_environment, without

NETWORK_ERROR = "network error"
TIMED_OUT = "timed out"
CLIENT_MISSING = "client missing"
NOT_THERE = "not in the registry"
FAILED = "client failed"
STOPPED = "stopped"

_POLL = 0.1  # seconds between checks for a stop or a time-out
_DISK_FULL = re.compile(r"No space left on device|ENOSPC|Disk quota exceeded", re.IGNORECASE)
# In this order: without network, pip also reports that it could not find a version.
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
    """The result of a client's run.

    Attributes:
        reason: why it failed, a short phrase such as "network error"; empty if it succeeded.
        detail: the last line of its standard error.
        output: its standard output.
        complaints: its standard error.
    """

    reason: str
    detail: str = ""
    output: str = ""
    complaints: str = ""


def run_client(command: Sequence[str], folder: Path, stop: threading.Event, seconds: float) -> Outcome:
    """Run a client, without a shell. Failures are returned, not raised.

    Args:
        command: the program, which is looked up on the PATH, and its arguments.
        folder: the working directory, where the client may write files.
        stop: the client is killed when this event is set.
        seconds: the client is killed after this time.

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
            start_new_session=True,  # so that the processes that a client starts are killed with it
        )
    except OSError as error:
        return Outcome(CLIENT_MISSING, f"{program}: {error}")
    output, complaints, reason = _wait(process, stop, time.monotonic() + seconds)
    if process.returncode == 0 and not reason:
        return Outcome("", "", output, complaints)
    if _DISK_FULL.search(complaints):
        raise AdjoinError(f"the disk of {folder.parent} is full: make room, or give a smaller disk budget")
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    detail = _without_keys(lines[-1])[:200] if lines else ""
    return Outcome(reason or _reason(complaints), detail, output, complaints)


def _without_keys(line: str) -> str:
    """A client's complaint without passwords of registries and proxies, and without keys of the environment."""
    return redacted(without(line[:4_000], secrets_of_environment()))


def _wait(process: "subprocess.Popen[str]", stop: threading.Event, deadline: float) -> tuple[str, str, str]:
    """Standard output, standard error, and why the client was killed, if it was."""
    reason = ""
    while True:
        try:
            output, complaints = process.communicate(timeout=None if reason else _POLL)
        except subprocess.TimeoutExpired:
            reason = STOPPED if stop.is_set() else TIMED_OUT if time.monotonic() > deadline else ""
            if reason:
                os.killpg(process.pid, signal.SIGKILL)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # in its own session it does not receive Ctrl-C
            raise
        else:
            return output, complaints, reason


def _reason(complaints: str) -> str:
    matches = (reason for reason, pattern in _REASONS if re.search(pattern, complaints, re.IGNORECASE))
    return next(matches, FAILED)
