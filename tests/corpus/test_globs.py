"""Shell patterns as fnmatch reads them, and many patterns at once; git's patterns are compared in test_ignore."""

import fnmatch
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus import find_sources
from adjoin.corpus.globs import Globs, git_glob, last_bytes, longest_literal, shell_glob
from adjoin.tally import Tally

SHELL = st.text("**?[]!-^\\/ab.cé\n", max_size=12)
TEXT = st.text("ab.c/é[]!-^\\\n", max_size=8)


@settings(deadline=None)
@given(SHELL, st.lists(TEXT, min_size=1, max_size=20))
def test_a_shell_pattern_matches_what_fnmatch_matches(pattern: str, texts: list[str]) -> None:
    globs = Globs([shell_glob(pattern)])
    for text in [*texts, pattern]:
        assert (globs.last_match(map(ord, text)) == 0) == fnmatch.fnmatchcase(text, pattern)


@settings(deadline=None)
@given(st.lists(SHELL, max_size=8), TEXT, st.sets(st.integers(0, 7)))
def test_many_patterns_give_the_last_that_matches_by_itself(
    patterns: list[str], text: str, folders_only: set[int]
) -> None:
    globs = Globs([shell_glob(pattern) for pattern in patterns], folders_only)
    matching = [index for index, pattern in enumerate(patterns) if fnmatch.fnmatchcase(text, pattern)]
    of_files = [index for index in matching if index not in folders_only]
    assert globs.last_match(map(ord, text), folder=True) == max(matching, default=-1)
    assert globs.last_match(map(ord, text)) == max(of_files, default=-1)


@settings(deadline=None)
@given(st.binary(max_size=40).filter(lambda pattern: b"\0" not in pattern), st.binary(max_size=40))
def test_any_bytes_are_a_pattern_of_git_or_malformed(pattern: bytes, text: bytes) -> None:
    glob = git_glob(pattern)
    assert glob is None or Globs([glob]).last_match(text) in (-1, 0)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([b"a", b"b", b"*", b"?", b"[ab]", b"**/", b"/", b"\\a"]), max_size=6).map(b"".join),
    TEXT,
)
def test_what_matches_holds_the_longest_literal(pattern: bytes, text: str) -> None:
    glob = git_glob(pattern)
    if glob is not None and Globs([glob]).last_match(text.encode()) == 0:
        assert longest_literal(glob) in text.encode()
        assert not text or text.encode()[-1] in last_bytes(glob)


def test_the_longest_literal() -> None:
    globs = {pattern: git_glob(pattern) for pattern in (b"a*bcd[e]f", b"*", b"\\*\\?x?y", b"ab/**/c")}
    literals = {pattern: longest_literal(glob) for pattern, glob in globs.items() if glob is not None}
    assert {
        glob and (len(last_bytes(glob)), min(last_bytes(glob)))
        for glob in map(git_glob, [b"a[b-d]", b"*x", b"x*"])
    } == {*[(3, ord("b")), (1, ord("x")), (256, 0)]}
    assert literals == {b"a*bcd[e]f": b"bcd", b"*": b"", b"\\*\\?x?y": b"*?x", b"ab/**/c": b"ab/"}


class Counted:
    """A text that counts how often it is read."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.read = 0

    def __iter__(self) -> "Counted":
        return self

    def __next__(self) -> int:
        if self.read == len(self.text):
            raise StopIteration
        self.read += 1
        return self.text[self.read - 1]


@pytest.mark.parametrize("end", [b"", b"b"])
def test_a_text_is_read_once_whatever_the_patterns(end: bytes) -> None:
    globs = [glob for stars in range(1, 100) if (glob := git_glob(b"*a" * stars + b"b")) is not None]
    text = Counted(b"a" * 1000 + end)
    assert Globs(globs).last_match(text) == (98 if end else -1)
    assert text.read == 1000 + len(end)


def test_excluded_sources(tmp_path: Path) -> None:
    for name in ["a.py", "b[1].py", "sub/a.py", "sub/deep/c.py", "a" * 200 + ".py"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def taken(*patterns: str) -> list[str]:
        return [source.origin for source in find_sources([tmp_path], Tally(), exclude=patterns)]

    everything = ["a.py", "a" * 200 + ".py", "b[1].py", "sub/a.py", "sub/deep/c.py"]
    assert taken() == everything
    assert taken("sub") == everything[:3]
    assert taken("sub/*") == everything[:3]  # a shell's star matches slashes too
    assert taken("a.py", "*/deep") == [everything[1], everything[2], everything[3]]
    assert taken("b[1].py", "[z-a]", "[", "\udcff", "") == everything
    assert taken("*a" * 60 + "b") == everything
