"""What .gitignore files ignore: as git does, in linear time, whatever they contain."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus import find_sources
from adjoin.corpus.ignore import MALFORMED, IgnoreRules, Patterns
from adjoin.tally import Tally

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
needs_any_bytes = pytest.mark.skipif(sys.platform != "linux", reason="file names are any bytes on Linux alone")


def verdicts(root: Path) -> dict[str, bool]:
    """Every path below a folder, folders with a slash at the end, and whether it is ignored."""
    answers: dict[str, bool] = {}
    waiting = [("", IgnoreRules(), False)]
    while waiting:
        folder, rules, inherited = waiting.pop()
        entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
        if any(entry.name == ".gitignore" for entry in entries):
            rules = rules.within(folder, root / folder / ".gitignore", Tally())
        for entry in entries:
            path = folder + entry.name + "/" * entry.is_dir()
            if path != ".git/":
                answers[path] = inherited or rules.ignore(path)
                if entry.is_dir():
                    waiting.append((path, rules, answers[path]))
    return answers


def ignored_by_git(root: Path, paths: list[str]) -> set[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(root), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "--quiet", "--template="], cwd=root, env=environment, check=True)
    answer = subprocess.run(
        ["git", "check-ignore", "--no-index", "-z", "--stdin"],
        input=b"\0".join(os.fsencode(path.removesuffix("/")) for path in paths),
        capture_output=True,
        cwd=root,
        env=environment,
        check=False,  # it ends with 1 where nothing is ignored
    )
    assert not answer.stderr
    ignored = set(map(os.fsdecode, answer.stdout.split(b"\0")))
    return {path for path in paths if path.removesuffix("/") in ignored}


def assert_as_git(root: Path) -> None:
    answers = verdicts(root)
    ours = {path for path, ignored in answers.items() if ignored}
    git = ignored_by_git(root, list(answers))
    different = {path: (root / path.split("/")[0] / ".gitignore").read_bytes() for path in sorted(ours ^ git)}
    assert different == {}
    assert ours


def make(root: Path, paths: list[bytes], content: bytes) -> None:
    for path in paths:
        file = root / os.fsdecode(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    root.mkdir(exist_ok=True)
    (root / ".gitignore").write_bytes(content)


CASES = {
    b"log[a-Z]*.txt": [b"loga1.txt", b"logb1.txt", b"logZ.txt", b"log-.txt"],
    b"[!a-Z]x": [b"ax", b"bx", b"Zx", b"-x"],
    b"[z-a]": [b"z", b"a", b"m"],
    b"[a\\-c]x": [b"ax", b"bx", b"cx", b"-x"],
    b"[]-a]x": [b"]x", b"^x", b"ax", b"-x"],
    b"[!]a]x": [b"]x", b"ax", b"bx"],
    b"[^a]x": [b"ax", b"bx", b"^x"],
    b"[\\]]x\n[\\\\]y": [b"]x", b"\\x", b"\\y"],
    b"[[:]x\n[[:a]y\n[a[:b]z": [b"[x", b":x", b"[y", b"ay", b"az", b"[z", b":z", b"bz"],
    b"[[:digit:][:upper:]_-b]x": [b"1x", b"Qx", b"_x", b"ax", b"cx", b"qx"],
    b"[[:nonsense:]a]x\n[[:digit:x": [b"ax", b"1x", b"[[:digit:x"],
    b"[bad\n[\nbad\\\n[a\\\n[a-\\\n[!": [b"[bad", b"[", b"bad", b"bad\\", b"a", b"!"],
    b"a[/]b\na[^c]b": [b"a/b", b"axb", b"acb"],
    b"??x\n?y": ["éx".encode(), "éy".encode(), b"abx", b"ay"],
    b"foo**/bar\nx/**y/z": [b"foobar", b"foo/bar", b"foo/a/bar", b"foox/bar", b"x/y/z", b"x/ay/z", b"x/a/y/z"],
    b"**/a\n**/b/c\nd/**\ne/**/f\n": [b"x/a", b"a", b"b/c", b"x/b/c", b"d/x/y", b"e/f", b"e/x/y/f", b"d.e"],
    b"**/**/g\nh/***/i\nj/**/**/k": [b"g", b"x/y/g", b"h/i", b"h/x/i", b"j/k", b"j/x/y/k"],
    b"x/**\\/y\nz/*/y\n/*.c": [b"x/y", b"x/a/y", b"x/a/b/y", b"z/y", b"z/a/y", b"z/a/b/y", b"q.c", b"a/q.c"],
    b"a/**b\na/b**c/d": [b"a/b", b"a/xb", b"a/x/b", b"a/bc/d", b"a/bxc/d", b"a/b/c/d"],
    b"*\n!*/\n!*.py": [b"a.py", b"a.txt", b"d/a.py", b"d/a.txt"],
    b"build/\n!build/keep\nfile/": [b"build/keep", b"file", b"x/build/a", b"x/file/a"],
    b"a \nb\\ \nc\\  \nd\\\\ \n \n\te": [b"a", b"a ", b"b", b"b ", b"c ", b"c  ", b"d\\", b"d ", b"e", b"\te"],
    b"\\#a\n#b\n\\!c\n!d\n\\e\n": [b"#a", b"#b", b"!c", b"d", b"e", b"\\e"],
    b"\xef\xbb\xbfa\r\nb\r\n\r\nc\r\r\nd": [b"a", b"b", b"c", b"c\r", b"d", b"\r"],
    b"a\rb\nc\x0bd\ne\xc2\x85f\ng\xe2\x80\xa8h":
        [b"a\rb", b"a", b"b", b"d", b"f", b"h", b"c\x0bd", b"g\xe2\x80\xa8h"],
    b"\xff*\n[\x80-\xfe]\n\xc3?": [b"\xff\xfe", b"\x80", b"\xff", b"\xc3\xa9", b"a"],
    b"a\0b\nc\n": [b"a", b"b", b"c"],
    b"/\n//\n!\n!/\n**\n!a\n!b/": [b"a", b"b/a", b"c/a"],
    b"*a*a*b\n*.log\n!x.log\n*~\n": [b"aab", b"xaxaxb", b"ab", b"x.log", b"y.log", b"y~", b"~"],
}  # fmt: skip


@needs_git
@needs_any_bytes
def test_the_answers_of_git(tmp_path: Path) -> None:
    for number, (content, paths) in enumerate(CASES.items()):
        files = [path for path in paths if not any(other.startswith(path + b"/") for other in paths)]
        make(tmp_path / str(number), files, content)
    assert_as_git(tmp_path)


@needs_git
@needs_any_bytes
def test_the_named_classes_of_git(tmp_path: Path) -> None:
    names = ["alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper"]
    names.append("xdigit")
    bytes_of_names = [os.fsdecode(bytes([byte])) for byte in range(1, 256) if byte != ord("/")]
    paths = [f"{name}/x{byte}" for name in names for byte in bytes_of_names]  # no file has to be there
    for name in names:
        make(tmp_path / name, [], f"x[[:{name}:]]\n".encode())
    rules = {name: IgnoreRules().within(f"{name}/", tmp_path / name / ".gitignore", Tally()) for name in names}
    ours = {path for path in paths if rules[path.split("/")[0]].ignore(path)}
    assert ours == ignored_by_git(tmp_path, paths)


PARTS = rb"* * ** / / **/ /** ? a a b b ab c \ \a [ab] [!a] [a- b] [^b-z] - ] [[:alpha:]] [: ! #".split(b" ")
PARTS += ["é".encode(), b"\xa9", b" "]


@needs_git
@needs_any_bytes
@pytest.mark.parametrize("seed", range(2))
def test_the_answers_of_git_for_any_patterns(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    names = [b"a", b"b", b"ab", b"ba", b"aab", b"c", b"b ", "é".encode(), b"a-", b"[a]", b"\\", b"#", b"!a"]
    tree = [b"%s/%s/%s" % tuple(chance.choices(names, k=3)) for _ in range(12)] + [b"f" + name for name in names]
    for number in range(40):
        marks = chance.choices([b"", b"!"], weights=[4, 1], k=4)
        lines = (mark + b"".join(chance.choices(PARTS, k=chance.randint(1, 6))) for mark in marks)
        make(tmp_path / str(number), tree, b"\n".join(lines))
    assert_as_git(tmp_path)


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(PARTS), max_size=5).map(b"".join), max_size=6),
    st.lists(st.sampled_from([b"a", b"b", b"ab", b"A", b"c", b"/"]), min_size=1, max_size=5).map(b"".join),
    st.booleans(),
    st.booleans(),
)
def test_the_quick_look_for_literals_changes_no_answer(
    lines: list[bytes], path: bytes, folder: bool, ignore_case: bool
) -> None:
    answers = []
    for most in (0, 100):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("adjoin.corpus.ignore._MOST_NEEDLES", most)
            patterns = Patterns(b"\n".join(lines), ignore_case=ignore_case)
            answers.append(patterns.decide(path, path.rpartition(b"/")[2], folder=folder))
    assert answers[0] == answers[1]


def taken(root: Path, tally: Tally) -> list[str]:
    return [source.origin for source in find_sources([root], tally)]


def test_a_range_that_ends_before_it_starts_is_empty(tmp_path: Path) -> None:
    make(tmp_path, [b"loga1.txt", b"logb1.txt"], b"log[a-Z]*.txt\n")
    assert taken(tmp_path, Tally()) == ["logb1.txt"]


def test_malformed_patterns_are_counted_and_match_nothing(tmp_path: Path) -> None:
    make(
        tmp_path / "sub",
        [b"bad.py", b"x.py", b"y.py"],
        b"# all of these\n\n[bad\nbad.py\\\n/\n[[:word:]]*\n\nx.py",
    )
    tally = Tally()
    assert taken(tmp_path, tally) == ["sub/bad.py", "sub/y.py"]
    assert tally.counts == {MALFORMED: 4, "ignored by .gitignore": 1, "hidden": 1}
    assert tally.examples[MALFORMED] == [f"sub/.gitignore:{number}" for number in (3, 4, 5)]


@needs_any_bytes
def test_patterns_that_are_not_unicode(tmp_path: Path) -> None:
    make(tmp_path, [b"\xff\xfe.py", b"\xfe.py", b"a.py"], b"\xff*\n\xed\xa0\x80\n[\xf0-\xfe].py")
    assert taken(tmp_path, Tally()) == ["a.py"]


# Each of these would take a backtracking matcher longer than the universe has stood.
ENDLESS = [
    b"*a" * 60 + b"bc.py",
    b"/" + b"*a*" * 60 + b"bc.py",
    b"**/" + b"a*" * 60 + b"b/c.py",
    b"[a-b]*" * 60 + b"bc.py",
    b"?*" * 60 + b"bc.py",
]


@pytest.mark.parametrize("pattern", ENDLESS)
def test_a_pattern_of_many_stars_takes_linear_time(tmp_path: Path, pattern: bytes) -> None:
    long = b"a" * 200
    make(tmp_path, [long + b".py", long + b"bc.py", long + b"b/c.py"], pattern)
    tally = Tally()
    assert len(taken(tmp_path, tally)) == 2
    assert tally.counts["ignored by .gitignore"] == 1


@pytest.mark.parametrize(
    ("pattern", "malformed"),
    [
        (b"a", 0),
        (b"*a", 0),
        (b"[a-b", 1),
        (b"[b]", 0),
        (b"?", 0),
        (b"[[:", 1),
        (b"**/", 0),
        (b"/**", 0),
        (b"\\", 0),
        (b" ", 0),
        (b"!", 0),
    ],
)
def test_a_line_of_repeated_parts(tmp_path: Path, pattern: bytes, malformed: int) -> None:
    line = pattern * ((1 << 18) // len(pattern))
    make(tmp_path, [b"a" * 200 + b".py", b"x.py", b"y.py"], b"y.py\n" + line + b"z\nx.py\n")
    tally = Tally()
    assert taken(tmp_path, tally) == ["a" * 200 + ".py"]
    assert tally.counts[MALFORMED] == malformed


def test_thirty_thousand_patterns(tmp_path: Path) -> None:
    literals = [b"file%d.py" % number for number in range(10_000)]
    globs = [b"*a%d*b*.py" % number for number in range(10_000)]
    paths = [b"/sub/[x-z]%d*.py" % number for number in range(10_000)]
    files = [b"file9999.py", b"file10000.py", b"xa8y9b9.py", b"xay.py", b"sub/y4321.py", b"sub/w4321.py"]
    make(tmp_path, files, b"\n".join([*literals, *globs, *paths]))
    assert taken(tmp_path, Tally()) == ["file10000.py", "xay.py", "sub/w4321.py"]


def test_a_file_that_is_too_long_is_cut_at_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adjoin.corpus.ignore._MAX_BYTES", 1 << 20)
    make(tmp_path, [b"a.py", b"b.py", b"c.py"], b"a.py\n" + b"#" * (1 << 20) + b"\nb.py\n")
    tally = Tally()
    assert taken(tmp_path, tally) == ["b.py", "c.py"]
    assert tally.counts[".gitignore cut at 1 MB"] == 1
