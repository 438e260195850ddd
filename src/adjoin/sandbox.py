"""A process of its own for functions that run C code which some inputs crash, hang or fill memory with.

The process is a plain `python -c` that answers over pipes. It starts at the first call, answers any number of
them, and ends when its pipes close, however this process ends. A call that kills it fails, and the next starts
another. A process that another one watches in the same way may call `be_expendable`: then the functions run there.
"""

import atexit
import os
import pickle
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess

CRASHED = "its parser crashed"
MEMORY = 768 << 20  # bytes of data that the process may hold, where the system can limit them (Linux)
_CHILD = "import sys; sys.path[:] = sys.argv[1:]; from adjoin.sandbox import serve; serve()"
_LENGTH_BYTES = 8
_END_SECONDS = 10  # of waiting for a process whose pipes are closed
_TIMED_OUT = None if sys.platform == "win32" else -signal.SIGPROF  # exit status


class SandboxError(Exception):
    """The function gave no answer.

    Attributes:
        timed_out: whether it took more CPU time than it was given; otherwise it crashed its process, or no process
            could be started.
    """

    def __init__(self, *, timed_out: bool) -> None:
        super().__init__("out of time" if timed_out else "crashed")
        self.timed_out = timed_out


class Sandbox:
    """Calls functions in a process of its own. Threads take turns; a forked process starts one for itself."""

    def __init__(self) -> None:
        """Start no process yet."""
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def call(self, function: str, *arguments: object, seconds: float) -> Any:  # noqa: ANN401 - what it returns
        """Return what the function returns.

        A crash is tried a second time in a new process: an earlier call may have left a damaged heap behind.

        Args:
            function: its module and name, such as "adjoin.pieces.code:cut_by_grammar".
            *arguments: the function's. They and its result are picklable.
            seconds: CPU time that it may take. On Windows, time.

        Raises:
            SandboxError: the function crashed its process or took too long, or no process can be started.
            Exception: what the function raised.
        """
        if _is_expendable:
            with _limited(seconds):
                return _function(function)(*arguments)
        request = (function, arguments, seconds)
        with self._lock:
            answer = self._answer(request) or self._answer(request)
        if answer is None:
            raise SandboxError(timed_out=False)
        succeeded, result = answer
        if not succeeded:
            raise result
        return result

    def close(self) -> None:
        """End the process, if there is one. The next call starts another."""
        with self._lock:
            self._end(kill=False)

    def _answer(self, request: tuple[str, tuple[object, ...], float]) -> tuple[bool, Any] | None:
        """Whether the function returned, and what it returned or raised; None if the process died."""
        try:
            process = self._started()
        except OSError:  # no more processes
            return None
        assert process.stdin is not None
        assert process.stdout is not None
        answer = None
        try:
            with suppress(BrokenPipeError):  # it has died
                send(process.stdin, request)
                answer = receive(process.stdout)
        except BaseException:  # Ctrl-C: the answer to this request must not be taken for that to the next
            self._end(kill=True)
            raise
        if answer is not None:
            result: tuple[bool, Any] = pickle.loads(answer)
            return result
        if self._end(kill=True) == _TIMED_OUT:
            raise SandboxError(timed_out=True)
        return None

    def _started(self) -> "subprocess.Popen[bytes]":
        import subprocess  # most runs of a program need none

        if self._owner != os.getpid():  # forked: the process belongs to the parent
            self._process = None
        if self._process is None:
            # Ctrl-C in a terminal goes to the foreground's group of processes: this one is not in it.
            apart: dict[str, Any] = {"start_new_session": True}
            if sys.platform == "win32":
                apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
            command = [sys.executable, "-c", _CHILD, *sys.path]
            if not sys.executable or getattr(sys, "frozen", False):
                raise OSError("no Python interpreter to start")
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **apart
            )
            self._owner = os.getpid()
            atexit.register(self.close)
        return self._process

    def _end(self, *, kill: bool) -> int:
        """End the process and return its exit status; 0 if there is none."""
        import subprocess

        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return 0
        atexit.unregister(self.close)
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with suppress(OSError):  # a request that was not sent
                pipe.close()
        if kill:
            process.kill()  # nothing happens to one that has died
        try:
            return process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def send(stream: IO[bytes], thing: object) -> None:
    """Write a message: anything picklable."""
    data = pickle.dumps(thing, pickle.HIGHEST_PROTOCOL)
    stream.write(len(data).to_bytes(_LENGTH_BYTES, "little"))
    stream.write(data)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """Read the next message, still pickled; None at the end of the stream."""
    length = stream.read(_LENGTH_BYTES)
    if len(length) < _LENGTH_BYTES:
        return None
    size = int.from_bytes(length, "little")
    data = stream.read(size)
    return data if len(data) == size else None


# -- the other process ------------------------------------------------------------------------------------------

_is_expendable = False


def serve() -> None:
    """Answer calls on the standard input until it is closed."""
    import gc

    gc.set_threshold(100_000)  # what a call makes has no cycles, and is much
    incoming, outgoing = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing else may write between the answers
    be_expendable()
    while (request := receive(incoming)) is not None:
        function, arguments, seconds = pickle.loads(request)
        try:
            with _limited(seconds):
                answer = (True, _function(function)(*arguments))
        except MemoryError:
            os._exit(1)
        except Exception as error:
            answer = (False, error)
        try:
            send(outgoing, answer)
        except BrokenPipeError:
            os._exit(1)


def be_expendable() -> None:
    """Run functions in this process from now on, within bounds: another process notices if it dies."""
    global _is_expendable
    _is_expendable = True
    if sys.platform == "win32":
        return
    import resource

    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    for limit, value in ((resource.RLIMIT_DATA, MEMORY), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]
        if hard == resource.RLIM_INFINITY or value < hard:
            with suppress(ValueError, OSError):
                resource.setrlimit(limit, (value, hard))


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """End this process, from C if need be, when the block has taken so much CPU time."""
    if sys.platform == "win32":
        import faulthandler

        faulthandler.dump_traceback_later(seconds, exit=True)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
        return
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _function(name: str) -> Any:  # noqa: ANN401 - any function
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


PARSERS = Sandbox()  # all parsers of a process share one
