import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus.document import Document
from adjoin.pairs.parsing import parsed
from adjoin.pieces.piece import FUNCTION, LINES, PASSAGE, Piece
from adjoin.pieces.splitting import LONG_FUNCTION_LINES, WINDOW_LINES, pieces_of

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


def of(text: str, language: str = "python", first_line: int = 1, section: str = "") -> list[Piece]:
    document = Document.of(text, language, "a/b.py", first_line=first_line, section=section)
    return list(pieces_of(document))


def test_functions_with_all_that_belongs_to_them() -> None:
    pieces = {piece.name: piece for piece in of(SOURCE) if piece.kind == FUNCTION}
    assert list(pieces) == ["upload", "Queue.push", "Queue.pop", "last"]
    assert (pieces["upload"].first_line, pieces["upload"].last_line) == (8, 19)
    assert pieces["upload"].text.startswith("@retry(\n")
    assert pieces["upload"].text.endswith("    return inner()")
    assert pieces["Queue.push"].text.startswith("    # Why we push to the front:")
    assert '"""Add an item."""' in pieces["Queue.push"].text
    assert pieces["Queue.pop"].text == "    def pop(self): return self.items.pop()"
    assert pieces["last"].text == "def last():\n    pass"


def test_the_other_lines_are_windows() -> None:
    others = [piece.text for piece in of(SOURCE) if piece.kind == LINES]
    assert others[0].startswith('"""Module of uploads."""')
    assert others[0].endswith("RETRIES = 3")
    assert others[1].startswith("class Queue(Base):")
    assert others[2:] == ["    limit = 4  # not about pop", "# stands apart"]


@pytest.mark.parametrize("first_line", [1, 31])
def test_text_is_the_lines_of_the_file(first_line: int) -> None:
    lines = ["earlier"] * (first_line - 1) + SOURCE.split("\n")
    for piece in of(SOURCE, first_line=first_line):
        assert piece.text == "\n".join(lines[piece.first_line - 1 : piece.last_line])
        assert (piece.path, piece.language) == ("a/b.py", "python")


def test_a_function_with_a_syntax_error_can_still_be_found() -> None:
    broken = of("def fine():\n    return 1\n\n\ndef broken(:\n    needle = 2\n")
    assert any("needle" in piece.text for piece in broken)
    assert [piece.name for piece in broken if piece.kind == FUNCTION] == ["fine"]


def test_a_long_function_is_cut_in_windows_of_its_name() -> None:
    body = "".join(f"    value_{number} = {number}\n" for number in range(LONG_FUNCTION_LINES))
    pieces = of(f"def long():\n{body}")
    assert len(pieces) == -(-(LONG_FUNCTION_LINES + 1) // WINDOW_LINES)
    assert {(piece.name, piece.kind) for piece in pieces} == {("long", FUNCTION)}
    short = of("def short():\n" + "    x = 1\n" * (LONG_FUNCTION_LINES - 1))
    assert len(short) == 1


def test_windows_are_cut_at_empty_lines() -> None:
    code = "\n".join(["a"] * 30 + [""] + ["b"] * 30)
    assert [(piece.first_line, piece.last_line) for piece in of(code, "go")] == [(1, 30), (32, 61)]
    unbroken = of("\n".join(["a"] * 100), "go")
    assert [piece.last_line for piece in unbroken] == [40, 80, 100]


def test_no_piece_without_a_letter() -> None:
    assert of("\n\n{\n  1, 2\n}\n\n", "go") == []
    assert of("", "python") == []
    assert of("***\n\n12 34\n", "text") == []


def test_prose_is_cut_in_passages() -> None:
    [piece] = of("Uploads are retried\nthree times.\n", "text", first_line=7, section="Uploads")
    assert (piece.kind, piece.name, piece.first_line, piece.last_line) == (PASSAGE, "Uploads", 7, 8)
    assert piece.text == "Uploads are retried three times."


def test_a_lone_surrogate_does_not_stop_the_index() -> None:
    [piece] = of("needle = '\ud800'", "go")
    assert piece.text.encode() == b"needle = '?'"


GOOD = "class Store {\n  int add(int sum) {\n    return sum;\n  }\n}\n"
NEVER_ENDS = "class A { int a = 1; /* lost\n" * 4_000
DEEP = "def good():\n    return 1\n" + "".join(f"{' ' * level}if x:\n" for level in range(511)) + "x = 's'\n"


@pytest.mark.parametrize(("text", "language"), [(GOOD + NEVER_ENDS, "java"), (DEEP, "python")])
def test_what_is_not_parsed_is_cut_in_windows(text: str, language: str) -> None:
    pieces = of(text, language)
    lines = text.split("\n")
    assert {piece.kind for piece in pieces} == {LINES}
    assert [number for piece in pieces for number in range(piece.first_line, piece.last_line + 1)] == [
        number for number, line in enumerate(lines, 1) if line
    ]
    assert {piece.kind for piece in of(text[: 100 if language == "java" else 30], language)} >= {FUNCTION}


def test_a_document_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr("adjoin.pieces.splitting.parsed", lambda *call: calls.append(call) or parsed(*call))
    assert [piece.name for piece in of(SOURCE) if piece.kind == FUNCTION] == [
        "upload",
        "Queue.push",
        "Queue.pop",
        "last",
    ]
    assert len(calls) == 1


LINE = st.sampled_from(
    [
        "",
        "  ",
        "x = 1",
        "def f():",
        "    return 2",
        "class A:",
        "    def g(self):",
        "        pass",
        "@d",
        "# c",
        "(",
        "7",
    ]
)


@settings(deadline=None)
@given(st.lists(LINE, max_size=120), st.sampled_from(["python", "go"]))
def test_every_line_with_a_letter_is_in_exactly_one_piece(lines: list[str], language: str) -> None:
    covered = [0] * (len(lines) + 1)
    for piece in of("\n".join(lines), language):
        assert piece.text == "\n".join(lines[piece.first_line - 1 : piece.last_line])
        for number in range(piece.first_line, piece.last_line + 1):
            covered[number] += 1
    assert all(count <= 1 for count in covered)
    lettered = [number for number, line in enumerate(lines, 1) if any(map(str.isalpha, line))]
    assert all(covered[number] == 1 for number in lettered)
