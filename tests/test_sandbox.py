"""Functions that kill their process cost one call, and no process outlives the one that started it."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import psutil
import pytest

from adjoin.errors import AdjoinError
from adjoin.sandbox import MEMORY, Sandbox, SandboxError
from patience import wait_until


def double(number: int) -> tuple[int, int]:
    """The number twice, and the process that has counted it."""
    return 2 * number, os.getpid()


def crash() -> None:
    ctypes.string_at(0)


def crash_once(mark: Path) -> str:
    """Crash, unless the file is there already."""
    if not mark.exists():
        mark.touch()
        os.abort()
    return "answered"


def hang() -> None:
    while True:
        pass


def fill() -> int:
    return len(bytes(2 * MEMORY))


def refuse() -> None:
    raise AdjoinError("no such thing")


def write_out() -> str:
    os.write(1, b"noise between the answers")
    return "answered"


def interrupted() -> None:
    os.kill(os.getppid(), signal.SIGINT)
    hang()


def name(function: object) -> str:
    return f"{__name__}:{function.__name__}"  # type: ignore[attr-defined]


@pytest.fixture
def apart() -> Iterator[Sandbox]:
    with closing(Sandbox()) as one:
        yield one


def processes(one: Sandbox) -> list[int]:
    return [] if one._process is None else [one._process.pid]


def test_a_function_runs_in_another_process_which_is_kept(apart: Sandbox) -> None:
    answers = [apart.call(name(double), number, seconds=9) for number in range(3)]
    assert [number for number, _ in answers] == [0, 2, 4]
    assert {pid for _, pid in answers} == set(processes(apart))
    assert os.getpid() not in processes(apart)


@pytest.mark.parametrize(("function", "timed_out"), [(crash, False), (hang, True), (fill, False)])
def test_a_process_that_dies_costs_one_call(apart: Sandbox, function: object, timed_out: bool) -> None:
    with pytest.raises(SandboxError) as failed:
        apart.call(name(function), seconds=0.5)
    assert failed.value.timed_out == timed_out
    assert apart.call(name(double), 4, seconds=9)[0] == 8


def test_a_crash_is_tried_again_in_a_new_process(apart: Sandbox, tmp_path: Path) -> None:
    assert apart.call(name(crash_once), tmp_path / "mark", seconds=9) == "answered"


def test_time_is_that_of_one_call(apart: Sandbox) -> None:
    for _ in range(3):
        apart.call(name(double), 1, seconds=0.2)
    process = processes(apart)
    with pytest.raises(SandboxError):
        apart.call(name(hang), seconds=0.2)
    assert apart.call(name(double), 1, seconds=9)[1] not in process


def test_what_the_function_raises_is_raised(apart: Sandbox) -> None:
    with pytest.raises(AdjoinError, match=r"^no such thing$"):
        apart.call(name(refuse), seconds=9)
    with pytest.raises(TypeError):
        apart.call(name(refuse), "one argument too many", seconds=9)
    with pytest.raises(AttributeError):
        apart.call(f"{__name__}:nothing", seconds=9)
    assert apart.call(name(double), 4, seconds=9)[0] == 8


def test_what_is_written_to_standard_output_is_no_answer(apart: Sandbox) -> None:
    assert apart.call(name(write_out), seconds=9) == "answered"
    assert apart.call(name(double), 4, seconds=9)[0] == 8


def test_threads_get_their_own_answers(apart: Sandbox) -> None:
    answers = {}

    def ask(number: int) -> None:
        answers[number] = [apart.call(name(double), number + 10 * k, seconds=9)[0] for k in range(20)]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: [2 * (number + 10 * k) for k in range(20)] for number in range(4)}


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT")
def test_an_interrupted_call_leaves_no_answer_behind(apart: Sandbox) -> None:
    with pytest.raises(KeyboardInterrupt):
        apart.call(name(interrupted), seconds=60)
    assert apart.call(name(double), 4, seconds=9)[0] == 8


def _in_a_fork(apart: Sandbox, sending: object) -> None:
    sending.send(apart.call(name(double), 5, seconds=9))  # type: ignore[attr-defined]
    apart.close()


@pytest.mark.skipif(sys.platform == "win32", reason="fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_its_own(apart: Sandbox) -> None:
    own = apart.call(name(double), 4, seconds=9)[1]
    context = get_context("fork")
    receiving, sending = context.Pipe()
    fork = context.Process(target=_in_a_fork, args=(apart, sending))
    fork.start()
    number, pid = receiving.recv()
    fork.join()
    assert (number, pid == own) == (10, False)
    assert apart.call(name(double), 6, seconds=9) == (12, own)


def test_without_a_process_the_call_fails(apart: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(SandboxError):
        apart.call(name(double), 4, seconds=9)


def test_an_expendable_process_needs_no_other(apart: Sandbox, parsers_here: None) -> None:
    assert apart.call(name(double), 4, seconds=9) == (8, os.getpid())
    assert processes(apart) == []


SCRIPT = """
import sys
from adjoin.sandbox import PARSERS
print(PARSERS.call("os:getpid", seconds=9), flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("killed", [False, True])
def test_it_ends_with_the_process_that_started_it(killed: bool) -> None:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", SCRIPT]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        if killed:
            parent.kill()
        _, errors = parent.communicate(b"\n")
        assert errors == b""
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_closing_ends_the_process(apart: Sandbox) -> None:
    child = psutil.Process(apart.call(name(double), 4, seconds=9)[1])
    apart.close()
    apart.close()
    assert not child.is_running()
    assert apart.call(name(double), 4, seconds=9)[0] == 8
