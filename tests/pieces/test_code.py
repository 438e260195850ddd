from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_names import SAMPLES, expected, language_of

from adjoin.pairs import parsing
from adjoin.pairs.quality import UNPARSABLE
from adjoin.pieces import code, cutting
from adjoin.pieces.code import LONGEST, MERGED, PART, code_pieces
from adjoin.pieces.grammars import GRAMMARS
from adjoin.pieces.piece import FUNCTION, LINES, Piece
from adjoin.tally import Tally

pytestmark = pytest.mark.usefixtures("parsers_here")
SOURCE = '''"""Module of uploads."""

import os

RETRIES = 3


@retry(
    times=RETRIES,
)
# between decorator and function
@cache
def upload(path):
    """Send one file."""

    def inner():
        return path

    return inner()


class Queue(Base):
    """What waits."""

    size = 3

    # Why we push to the front:
    # the newest matters most.
    @property
    async def push(self, item):
        """Add an item."""
        self.items.insert(0, item)

    limit = 4  # not about pop
    def pop(self): return self.items.pop()


# stands apart

def last():
    pass
'''


def split(text: str, language: str = "python", path: str = "a/b.py", first_line: int = 1) -> list[Piece]:
    return code_pieces(text, language, path, first_line=first_line)


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """No piece is merged with its neighbour, and every class is split."""
    monkeypatch.setattr(code, "MERGED", 0)
    monkeypatch.setattr(code, "TINY", 0)


@pytest.mark.usefixtures("apart")
def test_definitions_with_all_that_belongs_to_them() -> None:
    pieces = {piece.name: piece for piece in split(SOURCE) if piece.symbols}
    assert [(name, piece.kind, piece.symbols) for name, piece in pieces.items()] == [
        ("RETRIES", "constant", ("RETRIES",)),
        ("upload", "function", ("upload",)),
        ("Queue", "class", ("Queue",)),
        ("Queue.size", "constant", ("size",)),
        ("Queue.push", "function", ("push",)),
        ("Queue.limit", "constant", ("limit",)),
        ("Queue.pop", "function", ("pop",)),
        ("last", "function", ("last",)),
    ]
    assert (pieces["upload"].first_line, pieces["upload"].last_line) == (8, 19)
    assert pieces["upload"].text.startswith("@retry(\n")
    assert pieces["upload"].text.endswith("    return inner()")
    assert pieces["Queue"].text == 'class Queue(Base):\n    """What waits."""'
    assert pieces["Queue.push"].text.startswith("    # Why we push to the front:")
    assert '"""Add an item."""' in pieces["Queue.push"].text
    assert pieces["Queue.pop"].text == "    def pop(self): return self.items.pop()"
    assert pieces["last"].text == "def last():\n    pass"


@pytest.mark.usefixtures("apart")
def test_the_other_lines_are_pieces_too() -> None:
    others = [piece.text for piece in split(SOURCE) if piece.kind == LINES]
    assert others == ['"""Module of uploads."""\n\nimport os', "# stands apart"]


@pytest.mark.usefixtures("apart")
def test_a_function_is_embedded_as_in_training() -> None:
    pieces = {piece.name: piece for piece in split(SOURCE)}
    assert (
        pieces["Queue.push"].embedded
        == "async def push(self, item):\nAdd an item.\n    self.items.insert(0, item)"
    )
    assert pieces["Queue"].embedded == pieces["Queue"].text


def test_small_neighbours_are_one_piece_with_all_their_names() -> None:
    small = "".join(f"def f{number}():\n    return {number}\n\n\n" for number in range(100))
    pieces = split(small)
    assert all(len(piece.text) <= MERGED for piece in pieces)
    assert all(len(piece.text) > MERGED / 2 for piece in pieces[:-1])
    assert [symbol for piece in pieces for symbol in piece.symbols] == [f"f{number}" for number in range(100)]
    assert pieces[0].name.startswith("f0, f1, f2")
    assert pieces[0].embedded.startswith("def f0():\n    return 0\ndef f1():\n")


def test_members_are_not_merged_with_what_is_outside_of_their_class() -> None:
    method = "    def {}(self):\n" + "        call(self)\n" * (MERGED // 30)
    text = f"a = 1\n\n\nclass A:\n    b = 2\n\n{method.format('c')}\n{method.format('d')}\n\ne = 3\n"
    assert [(piece.name, piece.kind) for piece in split(text)] == [
        ("a", "constant"),
        ("A, A.b, A.c", "function"),  # the kind of the largest
        ("A.d", "function"),
        ("e", "constant"),
    ]


def test_a_few_lines_that_open_or_close_go_with_their_neighbour() -> None:
    body = "    call(self)\n" * (MERGED // 14)
    method = "    def {}\n" + body + "    end\n"
    text = f"module Post\n  class Box\n{method.format('a')}\n    private\n\n{method.format('b')}  end\nend\n"
    first, second = split(text, "ruby", "a.rb")
    assert (first.name, first.symbols) == ("Post, Post.Box, Post.Box.a", ("Post", "Box", "a"))
    assert second.text.startswith("    private\n\n    def b")
    assert second.text.endswith("    end\n  end\nend")
    assert second.embedded.endswith("call(self)\nend")


def test_a_small_class_is_one_piece() -> None:
    [piece] = split("class A:\n    x = 1\n\n    def get(self):\n        return self.x\n")
    assert (piece.kind, piece.name, piece.symbols) == ("class", "A", ("A", "x", "get"))


@pytest.mark.parametrize("first_line", [1, 31])
def test_text_is_the_lines_of_the_file(first_line: int) -> None:
    lines = ["earlier"] * (first_line - 1) + SOURCE.split("\n")
    for piece in split(SOURCE, first_line=first_line):
        assert piece.text == "\n".join(lines[piece.first_line - 1 : piece.last_line])
        assert (piece.path, piece.language) == ("a/b.py", "python")


@pytest.mark.usefixtures("apart")
def test_a_function_with_a_syntax_error_can_still_be_found() -> None:
    broken = split("def fine():\n    return 1\n\n\ndef broken(:\n    needle = 2\n")
    assert any("needle" in piece.text for piece in broken)
    assert "fine" in [piece.name for piece in broken]


def test_a_long_function_is_cut_where_its_statements_begin() -> None:
    block = "    if value:\n" + "        call(value)\n" * 20 + "    # what follows\n    return 1\n\n"
    pieces = split("def long():\n" + block * 30)
    assert {(piece.name, piece.kind) for piece in pieces} == {("long", FUNCTION)}
    assert pieces[0].symbols == ("long",)
    assert all(PART / 4 < len(piece.text) <= PART for piece in pieces[:-1])
    assert all(piece.text.startswith(("    if", "    # what")) for piece in pieces[1:])
    assert all(piece.embedded == f"long\n{piece.text}" for piece in pieces)
    short = "def short():\n" + "    x = 1\n" * ((LONGEST - 20) // 10)
    assert len(split(short)) == 1


def test_a_long_node_without_boundaries_is_cut_in_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    window_end = cutting._window_end

    def counted(lines: list[str], sizes: list[int], first: int, end: int, size: int) -> int:
        looked.append(first)
        return window_end(lines, sizes, first, end, size)

    monkeypatch.setattr(cutting, "_window_end", counted)
    text = "subroutine a()\ncontains\n" * 2000 + "end subroutine\n" * 2000
    pieces = split(text, "fortran", "a.f90")
    assert len(looked) <= 2 * len(pieces)


def test_a_long_class_without_members_is_cut_too() -> None:
    pieces = split("struct big {\n" + "  int a_field; // of many\n" * 400 + "};\n", "c", "a.c")
    assert all(len(piece.text) <= PART for piece in pieces)
    assert {(piece.name, piece.kind) for piece in pieces} == {("big", "class")}


def test_code_without_a_grammar_is_cut_at_empty_lines() -> None:
    text = "\n".join(["a"] * 30 + [""] + ["b"] * 30)
    assert [(piece.first_line, piece.last_line) for piece in split(text, "cobol")] == [(1, 30), (32, 61)]
    unbroken = split("\n".join(["a"] * 100), "cobol")
    assert [piece.last_line for piece in unbroken] == [40, 80, 100]


def test_a_grammar_that_is_not_installed_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adjoin.pieces.grammar.bundled_parser", lambda name: None)
    tally = Tally()
    [piece] = code_pieces("int a(void) { return 1; }\n", "c", "a.c", tally=tally)
    assert piece.kind == LINES
    assert tally.counts == {"no grammar installed": 1}


def test_no_piece_without_a_letter() -> None:
    assert split("\n\n{\n  1, 2\n}\n\n", "go", "a.go") == []
    assert split("", "python") == []


def test_a_lone_surrogate_does_not_stop_the_index() -> None:
    [piece] = split("needle = '\ud800'")
    assert piece.text.encode() == b"needle = '?'"
    assert piece.symbols == ("needle",)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("dart", "final a = [" + "\n  [1, 2, 3]," * 160 + "\n];\n"),
        ("perl", "@a = (\n" + "  [0x61, 'a', \"b\", $c{1} ],\n" * 60 + ");\n"),
        (
            "scala",
            "trait A[F[_]] {\n" + "  def f[A, B](fa: F[A])(f: A => F[B]): F[B] = g(fa)(a => f(a))\n" * 55 + "}\n",
        ),
        ("julia", "".join(f"f{n}(a::Dict{{K,V}}) where {{K,V}} = g(a, K, V)\n" for n in range(75))),
    ],
)
def test_dense_code_is_parsed(language: str, text: str) -> None:
    tally = Tally()
    assert code_pieces(text, language, "a", tally=tally)
    assert tally.counts == {}


@pytest.mark.parametrize(("limit", "value"), [("_SECONDS", -1.0), ("_MEGABYTES", -1e9)])
def test_time_and_memory_are_the_last_resort(limit: str, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, limit, value)
    mined, tally = Tally(), Tally()
    assert code_pieces("def f():\n    x = 1\n" * 200, "python", "a.py", tally=mined)
    assert mined.counts == ({} if limit == "_SECONDS" else {UNPARSABLE: 1})
    assert code_pieces("int f(void) { return 1; }\n" * 200, "c", "a.c", tally=tally)
    assert tally.counts == {UNPARSABLE: 1}


def test_a_grammar_in_error_does_not_hide_the_definitions_behind() -> None:
    subs = "".join(f"# Sub {n}.\nsub f{n} {{\n    return {n};\n}}\n\n" for n in range(20))
    broken = f"package A;\n\nsub g {{ my @x = (((; }} }}\n\n{subs}"
    pieces = split(broken, "perl", "a.pm")
    assert {f"f{n}" for n in range(20)} <= {symbol for piece in pieces for symbol in piece.symbols}
    check_lines(broken, pieces)


METHODS = "".join(f"- (void)send{n}:(id)x to:(id)y {{\n    [a b:@selector(c:)];\n}}\n\n" for n in range(9))


def test_methods_of_objective_c_behind_an_error_are_found_by_their_selector() -> None:
    pieces = split(
        f"@implementation Box\n\n- (void)f {{\n    if (a) {{ {{ {{\n}}\n\n{METHODS}", "objectivec", "a.m"
    )
    assert {f"send{n}:to:" for n in range(1, 9)} <= {symbol for piece in pieces for symbol in piece.symbols}


def test_a_file_that_the_grammar_gives_up_is_read_by_first_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "_parsed", lambda *_: SimpleNamespace(type="ERROR"))
    tally = Tally()
    pieces = code_pieces(f"@implementation Box\n{METHODS}@end\n", "objectivec", "a.m", tally=tally)
    symbols = {symbol for piece in pieces for symbol in piece.symbols}
    assert symbols == {"Box", *(f"send{n}:to:" for n in range(9))}
    assert tally.counts == {}


GOOD = "class Store {\n  int add(int sum) {\n    return sum;\n  }\n}\n"
NEVER_ENDS = "class A { int a = 1; /* lost\n" * 4_000
DEEP = "def good():\n    return 1\n" + "".join(f"{' ' * level}if x:\n" for level in range(511)) + "x = 's'\n"


@pytest.mark.parametrize(
    ("text", "language", "known"),
    [(GOOD + NEVER_ENDS, "java", {"Store", "A"}), (DEEP, "python", {"good"})],
)
def test_what_is_not_parsed_is_cut_in_windows(text: str, language: str, known: set[str]) -> None:
    tally = Tally()
    pieces = code_pieces(text, language, "a", tally=tally)
    lines = text.split("\n")
    assert {symbol for piece in pieces for symbol in piece.symbols} == known
    assert [number for piece in pieces for number in range(piece.first_line, piece.last_line + 1)] == [
        number for number, line in enumerate(lines, 1) if line
    ]
    assert sum(tally.counts.values()) == 1


def check_lines(text: str, pieces: list[Piece]) -> None:
    """Every line with a letter is in exactly one piece, unchanged."""
    lines = text.split("\n")
    covered = [0] * (len(lines) + 1)
    for piece in pieces:
        assert piece.text == "\n".join(lines[piece.first_line - 1 : piece.last_line])
        assert piece.embedded
        for number in range(piece.first_line, piece.last_line + 1):
            covered[number] += 1
    assert all(count <= 1 for count in covered)
    lettered = [number for number, line in enumerate(lines, 1) if any(map(str.isalpha, line))]
    assert all(covered[number] == 1 for number in lettered)
    assert [piece.first_line for piece in pieces] == sorted(piece.first_line for piece in pieces)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.suffix)
@settings(deadline=None, max_examples=60)
@given(data=st.data(), merged=st.sampled_from([0, MERGED]), size=st.sampled_from([60, PART]))
def test_every_line_with_a_letter_is_in_exactly_one_piece(
    path: Path, data: st.DataObject, merged: int, size: int
) -> None:
    lines = path.read_text().split("\n")
    shuffled = data.draw(
        st.one_of(
            st.just(lines),
            st.lists(st.sampled_from([*lines, "", "  ", "x", "7"]), max_size=80),
            st.integers(0, len(lines)).map(lambda start: lines[start:]),
        )
    )
    text = "\n".join(shuffled)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code, "MERGED", merged)
        patch.setattr(code, "PART", size)
        patch.setattr(code, "LONGEST", 2 * size)
        check_lines(text, split(text, language_of(path), str(path)))


def test_every_grammar_has_a_sample() -> None:
    assert {language_of(path) for path in SAMPLES} | {"tsx"} == set(GRAMMARS)


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.suffix)
def test_the_definitions_of_each_language(path: Path) -> None:
    pieces = split(path.read_text(), language_of(path), path.name)
    named = [piece for piece in pieces if piece.kind != LINES]
    found = [f"{piece.first_line}-{piece.last_line} {piece.kind} {piece.name}" for piece in named]
    assert found == expected(path)
    assert all(piece.symbols for piece in named if " " not in piece.name)
