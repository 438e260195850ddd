"""Ignore patterns of any kind get the answer of git: one git process is asked about thousands of them."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.corpus.ignore import IgnoreFile, IgnoreRules, Patterns
from fuzzing import CASES, fuzz

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
needs_any_bytes = pytest.mark.skipif(sys.platform != "linux", reason="file names are any bytes on Linux alone")


class Git:
    """`git check-ignore` that waits for paths; a repository of its own, a folder of it per case."""

    def __init__(self, *, ignore_case: bool) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="ignored"))
        atexit.register(shutil.rmtree, self.root, ignore_errors=True)
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.root), "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(["git", "init", "--quiet", "--template="], cwd=self.root, env=environment, check=True)
        case = ["-c", f"core.ignoreCase={str(ignore_case).lower()}"]
        self._process = subprocess.Popen(
            ["git", *case, "check-ignore", "--no-index", "--stdin", "-z", "--verbose", "--non-matching"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self.root,
            env=environment,
        )
        self._cases = 0

    def folder(self) -> bytes:
        """A new folder, as a path below the root with a slash at its end."""
        self._cases += 1
        (self.root / str(self._cases)).mkdir()
        return b"%d/" % self._cases

    def ignores(self, path: bytes) -> bool:
        """Whether git ignores a path."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(path + b"\0")
        self._process.stdin.flush()
        answer = bytearray()
        while answer.count(0) < 4:  # list, line, pattern, path; the first three are empty if nothing matches
            more = self._process.stdout.read1()
            assert more, "git has ended"
            answer += more
        _, _, pattern, asked, _ = bytes(answer).split(b"\0")
        assert asked == path
        return bool(pattern) and not pattern.startswith(b"!")


@cache
def git(*, ignore_case: bool) -> Git:
    return Git(ignore_case=ignore_case)


NAMES = [
    *b"a b ab ba aab A B c b. .a a- - ] ^ [a] \\ \\a #a !a a* ** ? Makefile log.txt x.py".split(),
    *b"\xc3\xa9 \xff\xfe \x01 {a} ~ 1".split(b" "),
    *(b"a ", b" ", b"a\t", b"a\r", b"a\nb", b"a" * 200),
]
PIECES = [
    *b"* * ** ** / / ? a b ab c A B . - ! # \\ \\\\ \\a \\* \\/ \\] ] [ [] [] [^ [! [!] [a [a] [ab] [!a]".split(
        b" "
    ),
    *b"[^b] [a-b] [a-Z] [z-a] [A-z] [a-] [-a] []-a] [!]a] [[] [\\]] [\\\\] [a\\-c] [[:alpha:]]".split(b" "),
    *b"[[:alnum:][:space:]] [[:upper:]] [[:lower:]] [[:digit:]-z] [[:word:]] [[:]] [[:a] [[:alpha:]".split(b" "),
    *b"[[:alpha: [:alpha:] [[.a.]] [[=a=]] [a-[:digit:]] [/] [^/] [\xc3\xa9] [\x80-\xff]".split(b" "),
    *b"\xc3\xa9 \xa9 \xff \x01 ~ {a} {a,b} 1 .py .txt *.py Makefile a* *a */ /* **/ /**/ /** a/ !a".split(b" "),
    *(b"\xef\xbb\xbf", b" ", b"\\ ", b"\t", b"\r", b"\0", b"[ ]", b"a" * 200, b"a*" * 20),
]
pieces = st.one_of(st.sampled_from(PIECES), st.sampled_from(NAMES), st.binary(max_size=3))
# What may stand for one byte of a path so that the pattern still matches it, or nearly.
WRITTEN = [
    *[b"%c"] * 8,
    *rb"? * [%c] [!%c] [%c-\%c] \%c [x%c-] [^x] ** *%c* [[:alpha:]] [a-Z] [%c-a] []%c] [\%c]".split(b" "),
    *b"[[:graph:]%c] **/%c /**/%c [!-%c]".split(b" "),
    b"",
]
MARKS = st.sampled_from([b"", b"", b"", b"", b"!", b"!", b"/", b"!/", b"\\", b"**/", b"*"])
ENDS = st.sampled_from([*[b""] * 6, b"/", b" ", b"\\ ", b"  ", b"\\", b"\r", b"/**", b"/*", b"*", b"**", b"\0"])
NAME = st.one_of(st.sampled_from([b"a", b"b", b"ab", b"ba", b"a-b"]), st.sampled_from(NAMES))


@st.composite
def lists(draw: st.DrawFn, asked: list[list[bytes]]) -> bytes:
    """A list of patterns, most of them made of the paths that are asked about."""
    lines = []
    for _ in range(draw(st.integers(1, 5))):
        if draw(st.integers(0, 3)):
            parts = draw(st.sampled_from(asked))
            first = draw(st.integers(0, len(parts) - 1))
            path = b"/".join(parts[first : draw(st.integers(first + 1, len(parts)))])
            written = draw(st.lists(st.sampled_from(WRITTEN), min_size=min(len(path), 9), max_size=9))
            pattern = b"".join(
                how.replace(b"%c", path[place : place + 1]) if path[place] != ord("/") or not place % 3 else b"/"
                for place, how in enumerate(written[: len(path)])
            )
            pattern += path[len(written) :]
        else:
            pattern = b"".join(draw(st.lists(pieces, max_size=6)))
        lines.append(draw(MARKS) + pattern.replace(b"\n", b"") + draw(ENDS))
    start = draw(st.sampled_from([b"", b"", b"", b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\n"]))
    end = draw(st.sampled_from([b"\n", b"\n", b"\n", b"\r\n"]))
    return start + end.join(lines) + draw(st.sampled_from([b"", b"\n", b"\n\n", b"\r", b"\x1a"]))


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[list[bytes]], bytes, bytes, bool]:
    """Paths, the list of their folder, that of a folder in it, and whether case is ignored."""
    asked = draw(st.lists(st.lists(NAME, min_size=1, max_size=4), min_size=1, max_size=10))
    below = [parts[1:] for parts in asked if len(parts) > 1 and parts[0] == asked[0][0]]
    inner = draw(lists(below)) if below and draw(st.booleans()) else b""
    return asked, draw(lists(asked)), inner, draw(st.booleans())


@given(cases())
def one_list(case: tuple[list[list[bytes]], bytes, bytes, bool]) -> None:
    """The list of a folder, and one in a folder below it; a path that is asked about is a folder, or no file."""
    asked, listed, inner, ignore_case = case
    process = git(ignore_case=ignore_case)
    root = process.folder()
    Path(os.fsdecode(bytes(process.root) + b"/" + root + b".gitignore")).write_bytes(listed)
    outer = IgnoreRules().below(IgnoreFile(len(root), Patterns(listed, ignore_case=ignore_case)))
    second = root + asked[0][0] + b"/"
    if inner:
        folder = Path(os.fsdecode(bytes(process.root) + b"/" + second))
        folder.mkdir()
        (folder / ".gitignore").write_bytes(inner)
        within = outer.below(IgnoreFile(len(second), Patterns(inner, ignore_case=ignore_case)))
    else:
        within, second = outer, b"\0"
    folders = {root + b"/".join(parts[:depth]) for parts in asked for depth in range(1, len(parts))}
    for folder_path in sorted(folders):
        os.makedirs(bytes(process.root) + b"/" + folder_path, exist_ok=True)  # noqa: PTH103 (bytes)
    for parts in asked:
        path = root + b"/".join(parts)
        ours, place = False, root.removesuffix(b"/")
        for name in parts:
            place += b"/" + name
            rules = within if place.startswith(second) else outer
            decision = rules.decide(place, name, folder=place in folders)
            ours = ours or (decision is not None and decision[0])
        assert ours == process.ignores(path), (path, listed)


@needs_git
@needs_any_bytes
def test_a_few_hundred_lists_get_the_answers_of_git() -> None:
    fuzz(one_list, 300)


@needs_git
@needs_any_bytes
@pytest.mark.slow
def test_thousands_of_lists_get_the_answers_of_git() -> None:
    fuzz(one_list, CASES)
