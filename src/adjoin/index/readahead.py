"""Reads changed files and cuts them into pieces: in this process, or in a second one that runs ahead of it.

Reading takes half as long as embedding and storing, so one more process hides all of it. It is started only for
`MANY_FILES` or `MANY_BYTES`: it costs half a second. It is a plain `python -c` that answers over pipes: unlike a
process of `multiprocessing` it does not run the caller's script again, and it ends when its pipes close, however
this process ends.
"""

import os
import pickle
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from queue import SimpleQueue
from signal import SIG_IGN, SIGINT, signal
from typing import IO, Any

from adjoin.corpus.read_context import MAX_BYTES
from adjoin.files import state_of
from adjoin.index.sources import TreeFile, content_of, pieces_in
from adjoin.pieces import Piece
from adjoin.sandbox import CRASHED, be_expendable, receive, send
from adjoin.tally import Tally

MANY_FILES, MANY_BYTES = 2_000, 30_000_000  # from here on, the process pays
CHUNK_FILES, CHUNK_BYTES = 32, 300_000  # of one request
AHEAD = 6  # requests that may be read ahead: about two batches of a refresh
TRIES = 3  # to read a file that is written meanwhile
UNSETTLED = "changing"  # the content of a file that changed each time
_CHILD = "import sys; sys.path[:] = sys.argv[1:]; from adjoin.index.readahead import serve; serve()"

Changed = tuple[TreeFile, str]
_fields_of = attrgetter(*(one.name for one in fields(Piece)))


@dataclass
class Reading:
    """What was read of one file.

    Attributes:
        content: the hash of its bytes, taken before it is cut; None if it cannot be read.
        error: why it cannot be read, such as "Permission denied".
        pieces: its pieces; empty if the content is the known one.
        skipped: counts of what of it was not read.
        is_settled: whether its pieces are surely of the bytes that were hashed: the file did not change meanwhile.
    """

    content: str | None
    error: str = ""
    pieces: list[Piece] = field(default_factory=list)
    skipped: Tally = field(default_factory=Tally)
    is_settled: bool = True


def read(file: TreeFile, known: str) -> Reading:
    """Hash a file, and cut it into pieces if its content is not the known one.

    A file that changes between the two is read again, `TRIES` times at most.

    Args:
        file: the file.
        known: the hash of the content that the index holds of it; empty if it holds none.
    """
    for _ in range(TRIES):
        before = state_of(file.path)
        reading = _read_once(file, known)
        if state_of(file.path) == before:
            return reading
    # No hash that a file can have: the next refresh takes the file for changed.
    return reading if reading.content is None else replace(reading, content=UNSETTLED, is_settled=False)


def _read_once(file: TreeFile, known: str) -> Reading:
    try:
        reading = Reading(content_of(file))
    except OSError as error:
        return Reading(None, str(error.strerror))
    if reading.content != known:
        reading.pieces = list(pieces_in(file, reading.skipped))
    return reading


def readings(changed: Sequence[Changed]) -> Generator[Reading]:
    """Read files in order, as `read` does. If there are many, a second process reads ahead.

    Args:
        changed: the files, each with the hash of the content that the index holds of it, or an empty text.
    """
    if _is_many(changed) and _cores() > 1 and sys.executable and not getattr(sys, "frozen", False):
        return readings_ahead(changed)
    return (read(file, known) for file, known in changed)


def _is_many(changed: Sequence[Changed]) -> bool:
    large = sum(file.size for file, _ in changed if file.size <= MAX_BYTES)
    return len(changed) >= MANY_FILES or large >= MANY_BYTES


def _cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def readings_ahead(changed: Sequence[Changed]) -> Generator[Reading]:
    """Read files in order in a second process. Should it die of a file, that file is counted as `CRASHED`.

    A parser may crash it. From then on, its parsers have a process of their own, and such a file becomes windows.
    """
    waiting = deque(_chunks(changed))
    careful = False
    tried = -1  # the number of files left when a file that was read alone had killed its process
    while waiting:
        with closing(_Reader(careful=careful)) as reader:
            while waiting and (answers := reader.answer(waiting)) is not None:
                for (file, known), answer in zip(waiting.popleft(), answers, strict=True):
                    yield read(file, known) if answer is None else _opened(answer)
            if not waiting:
                return
        if not reader.has_started:  # nor would the next one
            break
        suspects, careful = waiting.popleft(), True
        if len(suspects) > 1:
            waiting.extendleft([one] for one in reversed(suspects))
        elif tried != len(waiting):  # it may have been killed from outside
            tried = len(waiting)
            waiting.appendleft(suspects)
        else:
            yield _after_death(*suspects[0], reader.status)
    for chunk in waiting:
        for file, known in chunk:
            yield read(file, known)


def _chunks(changed: Sequence[Changed]) -> Iterator[list[Changed]]:
    chunk: list[Changed] = []
    size = 0
    for file, known in changed:
        chunk.append((file, known))
        size += file.size
        if len(chunk) >= CHUNK_FILES or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _after_death(file: TreeFile, known: str, status: int) -> Reading:
    """What to make of a file whose process died twice. SIGKILL comes from outside, so it is read here."""
    if status == -9:
        return read(file, known)
    try:
        reading = Reading(content_of(file))
    except OSError as error:
        return Reading(None, str(error.strerror))
    reading.skipped.add(CRASHED, file.origin)
    return reading


class _Reader:
    """The second process, seen from the first."""

    def __init__(self, *, careful: bool) -> None:
        import subprocess  # a small refresh needs none

        # Ctrl-C in a terminal goes to the foreground's group of processes: this one is not in it.
        apart: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        self._answers = SimpleQueue[bytes | None]()
        self._asked = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.has_started = False
        self.status = 0
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CHILD, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                **apart,
            )
        except OSError:  # no more processes: the caller reads here
            self._answers.put(None)
            return
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):  # it has died
            send(self._process.stdin, careful)
        # All answers are taken as they come, so that neither process waits for the other to read.
        arguments = (self._process.stdout, self._answers)
        self._thread = threading.Thread(target=_collect, args=arguments, daemon=True)
        self._thread.start()

    def answer(self, waiting: Sequence[list[Changed]]) -> list[tuple[Any, ...] | None] | None:
        """Ask for the next chunks ahead, and return the answer to the first; None if the process has died."""
        process = self._process
        if process is not None and process.stdin is not None:
            with suppress(OSError):  # it has died; what it answered before is still to come
                while self._asked < min(AHEAD, len(waiting)):
                    send(process.stdin, waiting[self._asked])
                    self._asked += 1
        if not self.has_started:
            self.has_started = self._answers.get() is not None
            if not self.has_started:
                return None
        if not self._asked or (answer := self._answers.get()) is None:
            return None
        self._asked -= 1
        answers: list[tuple[Any, ...] | None] = pickle.loads(answer)
        return answers

    def close(self) -> None:
        """End the process. It holds nothing that could be lost."""
        if self._process is None:
            return
        self._process.kill()
        self.status = self._process.wait()
        self._thread.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):  # a request that was not sent
                pipe.close()


def _collect(stream: IO[bytes], answers: "SimpleQueue[bytes | None]") -> None:
    while (answer := receive(stream)) is not None:
        answers.put(answer)
    answers.put(None)


def serve() -> None:
    """Answer requests on the standard input until it is closed: the second process."""
    import gc

    signal(SIGINT, SIG_IGN)
    gc.disable()
    incoming, outgoing = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing else may write between the answers
    careful = receive(incoming)
    if careful is None:
        return
    if not pickle.loads(careful):
        be_expendable()
    try:
        send(outgoing, "ready")
        while (request := receive(incoming)) is not None:
            send(outgoing, [_packed(file, known) for file, known in pickle.loads(request)])
            gc.collect(1)
    except BrokenPipeError:
        os._exit(1)


def _packed(file: TreeFile, known: str) -> tuple[Any, ...] | None:
    """A reading as tuples, which pickle faster than pieces; None if the first process is to raise the error."""
    try:
        reading = read(file, known)
    except MemoryError:
        os._exit(1)
    except Exception:
        return None
    skipped = reading.skipped if reading.skipped.counts else None
    return reading.content, reading.error, list(map(_fields_of, reading.pieces)), skipped, reading.is_settled


def _opened(packed: tuple[Any, ...]) -> Reading:
    content, error, pieces, skipped, is_settled = packed
    return Reading(content, error, [Piece(*one) for one in pieces], skipped or Tally(), is_settled)
