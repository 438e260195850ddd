"""Results for people: the lines that are chosen, colours, widths, and what never reaches a terminal."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from adjoin.cli.hits import LONGEST_COLOURED, NO_GOOD_ANSWER, NOTHING, Layout, write_hits
from adjoin.index.folders.repositories import Found
from adjoin.index.search import Hit, Place

CODE = "\n".join(
    [
        "# uploads: slow",
        "@traced",
        "def upload(path):",
        *(f"    step_{number}(path)" for number in range(18)),
        "    retry()",
    ]
)


def hit(
    text: str = CODE,
    *,
    path: str = "net/up.py",
    first: int = 98,
    last: int | None = None,
    language: str = "python",
    name: str = "upload",
    weak: bool = False,
) -> Hit:
    last = first + text.count("\n") if last is None else last
    return Hit(path, first, last, language, "function", name, 0.75, text, weak, {"vector": 0.5, "words": 0.25})


def shown(*hits: Hit, query: str = "", root: Path = Path("/r"), **layout: object) -> str:
    written: list[str] = []
    found = [Found(one, one.path, root) for one in hits]
    write_hits(found, query, Layout(**layout), written.append)  # type: ignore[arg-type]
    return "".join(written)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_the_definition_and_the_matching_lines_with_their_numbers() -> None:
    lines = shown(hit(), query="retry").splitlines()
    assert lines[0] == "net/up.py:98-119  upload  0.7500"
    assert lines[1] == "  100  def upload(path):"
    assert lines[-2:] == ["  ...", "  119      retry()"]


def test_context_is_shown_around_matching_lines() -> None:
    lines = shown(hit(), query="retry", context=1).splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["99", "100", "101", "...", "118", "119"]
    assert len(shown(hit(), query="retry", context=0).splitlines()) == 4  # heading, definition, gap, match


def test_a_pipe_gets_whole_plain_lines() -> None:
    text = shown(hit("\tone " + "w" * 3000 + "\n\ntwo", language="no-such-language", first=1))
    assert "\x1b" not in text
    assert "    1      one " + "w" * 3000 + "\n" in text


@pytest.mark.parametrize("width", [24, 60])
@pytest.mark.parametrize("language", ["python", "no-such-language"])
def test_a_terminal_gets_colours_and_cut_lines(width: int, language: str) -> None:
    text = shown(hit("x = '" + "w" * 300 + "'\n" + "漢字" * 100, language=language), colour=True, width=width)
    assert "\x1b[" in text
    lines = plain(text).splitlines()[1:]
    wide = [sum(2 if ord(character) > 0x2E80 else 1 for character in line) for line in lines]
    assert max(wide) <= width
    assert all(line.endswith("…") for line in lines)


def test_colours_change_no_text() -> None:
    for text in (CODE, 'a = """\n  # text\n"""\r\nb = "\t"', "", "\n\n", "x" * (LONGEST_COLOURED + 1)):
        assert plain(shown(hit(text), colour=True, query="retry")) == shown(hit(text), query="retry")


def test_words_of_the_query_are_emphasised() -> None:
    assert "\x1b[1;31mretry\x1b[0m" in shown(hit(), colour=True, query="who Retried it")
    assert "\x1b[1;31m" not in shown(hit(), colour=True)


def test_control_characters_never_reach_the_terminal() -> None:
    evil = hit("x = '\x1b]0;title\x07' \u202e# c\x9b31m", path="a\x1b[31m\n.py", name="n\x07\n")
    for colour in (True, False):
        text = plain(shown(evil, colour=colour, explain=True))
        assert not set(text) & set("\x1b\x07\u202e\x9b")
        assert text.count("\n") == 3  # heading, evidence, the line


def test_weak_results_are_said_to_be_weak() -> None:
    assert shown(hit(weak=True)).startswith(f"{NO_GOOD_ANSWER}\nnet/up.py")
    both = shown(hit(), hit(weak=True))
    assert NO_GOOD_ANSWER not in both
    assert "\n\nWeak:\nnet/up.py" in both
    assert shown(hit(weak=True), hit()) == both  # nothing good stands below "Weak:"
    assert shown() == f"{NOTHING}\n"


def test_the_evidence_is_explained() -> None:
    assert "\n  vector 0.500, words 0.250\n" in shown(hit(), explain=True)
    assert "vector" not in shown(hit())


def test_text_that_is_not_line_by_line_has_no_numbers() -> None:
    lines = shown(hit("A passage of\nwords.", first=3, last=9, name="")).splitlines()
    assert lines == ["net/up.py:3-9  0.7500", "     A passage of", "     words."]


def test_further_pieces_are_named_in_one_line() -> None:
    one = replace(hit(), also=(Place(143, 238, "find_lib"), Place(240, 249, "a, b"), Place(3, 4, "")))
    last = shown(one, query="retry").splitlines()[-1]
    assert last == "  also 143-238 find_lib; 240-249 a, …; 3-4"
    assert plain(shown(one, query="retry", colour=True, width=24)).splitlines()[-1] == "  also 143-238 find_lib…"
    evil = replace(hit(), also=(Place(1, 2, "n\x1b[31m\n"),))
    assert "\x1b" not in shown(evil)
    assert "also" not in shown(hit())


def test_a_name_of_many_definitions_is_cut() -> None:
    assert shown(hit(name="Map.lock, Map.free, Map.size, Map.keys")).startswith(
        "net/up.py:98-119  Map: lock, free, size, …  0.7500\n"
    )


def file_around(tmp_path: Path, *, text: str = CODE, ends: str = "\n") -> Path:
    (tmp_path / "net").mkdir()
    lines = [*(f"before {number}" for number in range(1, 98)), text, "after 1", "after 2", ""]
    (tmp_path / "net" / "up.py").write_bytes("\n".join(lines).replace("\n", ends).encode())
    return tmp_path


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("colour", [False, True])
def test_context_goes_beyond_the_piece(tmp_path: Path, ends: str, colour: bool) -> None:
    root = file_around(tmp_path, ends=ends)
    lines = plain(shown(hit(), query="retry", context=4, root=root, colour=colour)).splitlines()[1:]
    assert lines[:3] == ["   96  before 96", "   97  before 97", "   98  # uploads: slow"]
    assert lines[-4:] == ["  118      step_17(path)", "  119      retry()", "  120  after 1", "  121  after 2"]


def test_context_of_a_changed_file_stays_within_the_piece(tmp_path: Path) -> None:
    within = shown(hit(), query="retry", context=4)
    assert "  119      retry()\n" in within
    root = file_around(tmp_path, text=CODE.replace("retry()", "retry(1)"))
    assert shown(hit(), query="retry", context=4, root=root) == within
    (root / "net" / "up.py").write_bytes(b"\0\1")
    assert shown(hit(), query="retry", context=4, root=root) == within
    assert shown(hit(path="x.jar!a\0b"), query="retry", context=4, root=root).splitlines()[1:]


def test_without_a_context_the_file_is_not_read(tmp_path: Path) -> None:
    root = file_around(tmp_path)
    assert "before" not in shown(hit(), query="retry", root=root)
    assert "before" not in shown(hit(), query="retry", context=0, root=root)
