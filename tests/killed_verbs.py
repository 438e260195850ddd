"""Run as a script: kill a verb at one moment of its writing after another, and look at what is left each time.

    killed_verbs.py CASE.json

A moment is just before the process creates, opens for writing, renames, deletes, truncates or flushes something
below the work folder. Python tells of these by its audit events, so that every verb has the same harness. For each
moment, in a fresh copy of the work folder:

1. the verb runs and is killed with SIGKILL; the old result or the new one is there, whole;
2. for every second moment it is killed once more, at another one;
3. it runs to its end: the result and the names of all files are those of a run that was never killed.

Then the same with a full disk: no file may grow above a limit. The verb says so in one line and ends with 1.

Every attempt is a fork of this process, which has imported all and computed nothing, so that it starts at once.
The case is an object: "work" (a folder with the state before), "out" (below it), "command" (words after `adjoin`),
"moments" (how many to try), "limits" (bytes of a file), "result" (which files of `out` are the result; patterns),
"volatile" (keys of JSON files that differ between runs), "import" (modules to import first).
"""

import importlib
import json
import mmap
import os
import random
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adjoin import unfinished
from adjoin.cli import main as adjoin
from adjoin.locks import LOCK

WRITING = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink", "os.chmod"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Moments:
    """Counts the moments of writing in this process, and ends it before a given one."""

    def __init__(self, work: Path, last: int, counted: mmap.mmap) -> None:
        self._work, self._last, self._counted = os.fspath(work), last, counted
        self._number = 0
        sys.addaudithook(self._heard)
        self._also(os, "fsync")
        self._also(unfinished, "exchange")

    def _also(self, place: Any, name: str) -> None:  # noqa: ANN401
        function: Callable[..., Any] = getattr(place, name)

        def told(*given: Any) -> Any:  # noqa: ANN401
            self._count()
            result = function(*given)
            self._count()
            return result

        setattr(place, name, told)

    def _heard(self, event: str, given: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = given
            writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else (flags or 0) & _WRITES
            if writes and self._is_below(path):
                self._count()
        elif event in WRITING and self._is_below(given[0]):
            self._count()

    def _is_below(self, path: object) -> bool:
        return isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(self._work)

    def _count(self) -> None:
        self._number += 1
        self._counted[:8] = self._number.to_bytes(8, "little")
        if self._number == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


class Case:
    """One verb with its folders."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.work = Path(values["work"])
        self.out = self.work / values["out"]
        self.command: list[str] = values["command"]
        self.moments: int = values["moments"]
        self.result: list[str] = values["result"]
        self.volatile = set(values.get("volatile", ()))
        self.start = self.work.with_name(f"{self.work.name}.start")
        self.log = self.work.with_name(f"{self.work.name}.log")
        self.counted = mmap.mmap(-1, 8)

    def fresh(self) -> None:
        """Bring the work folder to the state before the verb."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.start, self.work, symlinks=True)

    def run(self, last: int = -1, limit: int = resource.RLIM_INFINITY) -> int:
        """Run the verb in a fork; gives its exit status, or -9."""
        child = os.fork()
        if child == 0:
            with self.log.open("w") as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
                Moments(self.work, last, self.counted)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
                try:
                    status = adjoin(self.command)
                except BaseException as error:  # the fork must not run on as its parent
                    log.write(f"{error!r}\n")
                    status = 99
                log.flush()
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def content(self) -> dict[str, object]:
        """The result: name → content, without what differs between any two runs."""
        found = {path for pattern in self.result for path in self.out.glob(pattern) if path.is_file()}
        paths = sorted(path for path in found if path.name != LOCK and not unfinished.is_unfinished(path.name))
        return {path.relative_to(self.out).as_posix(): self._of(path) for path in paths}

    def _of(self, path: Path) -> object:
        if path.suffix == ".json":
            return self._without_volatile(json.loads(path.read_text()))
        return path.read_bytes()

    def _without_volatile(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(value, dict):
            return {name: self._without_volatile(one) for name, one in value.items() if name not in self.volatile}
        return [self._without_volatile(one) for one in value] if isinstance(value, list) else value

    def names(self) -> list[str]:
        """The names of everything in the work folder."""
        return sorted(path.relative_to(self.work).as_posix() for path in self.work.rglob("*"))


def main() -> None:
    values = json.loads(Path(sys.argv[1]).read_text())
    for name in values["import"]:
        importlib.import_module(name)
    case = Case(values)
    shutil.copytree(case.work, case.start, symlinks=True)
    old = case.content()
    assert case.run() == 0, case.log.read_text()
    new, names = case.content(), case.names()
    assert new, "the verb has no result"
    total = int.from_bytes(case.counted[:8], "little")
    draw = random.Random(values["out"])
    # The last moments are the cleaning up, where most has gone wrong.
    late = range(max(1, total - case.moments // 3), total + 1)
    moments = sorted({*late, *draw.sample(range(1, total + 1), min(total, case.moments - len(late)))})
    for number, moment in enumerate(moments):
        case.fresh()
        where = f"moment {moment} of {total}"
        status = case.run(moment)
        assert status in (-signal.SIGKILL, 0), f"{where}: {status}\n{case.log.read_text()}"
        if old:
            assert case.content() in (old, new), f"{where}: neither the old nor the new result is there"
        if number % 2:
            case.run(draw.randrange(1, moment + 1))
        finish(case, where, new, names)
    failed = 0
    for limit in values["limits"]:
        case.fresh()
        where = f"a disk of {limit} bytes a file"
        status, said = case.run(limit=limit), case.log.read_text()
        assert status in (0, 1), f"{where}: {status}\n{said}"
        assert "Traceback" not in said, f"{where}: {said}"
        if status:
            failed += 1
            last = said.splitlines()[-1]
            assert last.startswith("adjoin: "), f"{where}: {said}"
        if old:
            assert case.content() in (old, new), f"{where}: neither the old nor the new result is there"
        finish(case, where, new, names)
    sys.stdout.write(f"{len(moments)} of {total} moments, {failed} of {len(values['limits'])} limits\n")


def difference(one: object, other: object) -> object:
    """What differs between two contents, for a message; empty if nothing does."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: (one.get(name), other.get(name)) for name in one | other if one.get(name) != other.get(name)}
    return "" if one == other else "other bytes"


def finish(case: Case, where: str, new: dict[str, object], names: list[str]) -> None:
    """Run the verb to its end, which must be that of a run that nothing had stopped."""
    status = case.run()
    assert status == 0, f"after {where} the next run fails: {status}\n{case.log.read_text()}"
    content = case.content()
    other = {name: difference(content.get(name), new.get(name)) for name in sorted({*content, *new})}
    other = {name: what for name, what in other.items() if what}
    assert not other, f"after {where} the next run has another result: {other}"
    litter = sorted({*case.names()} ^ {*names})
    assert not litter, f"after {where} and another run these files are left or missing: {litter}"


if __name__ == "__main__":
    main()
