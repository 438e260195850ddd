"""Sources that would crash a parser or take it hours are rejected before they are parsed."""

import tracemalloc

import pytest
from sample_files import LANGUAGE_OF, SAMPLES

from adjoin.corpus.document import Document
from adjoin.pairs.functions import function_pairs, functions
from adjoin.pairs.languages import LANGUAGES, parser_for, row_for
from adjoin.pairs.parsing import parsed
from adjoin.pairs.quality import TOO_DEEP, UNPARSABLE
from adjoin.tally import Tally


def indented(levels: int, step: str = " ", head: str = "if x:") -> str:
    return "".join(f"{step * level}{head}\n" for level in range(levels)) + f"{step * levels}x = 's'\n"


HEREDOCS = "x = [" + ", ".join(f"<<{letter * 249}" for letter in "ABC") + ", <<" + "D" * 256 + "]\n"

# Each crashed the interpreter (Python, Ruby), or takes a hundred times as long for ten times as much (Java).
HARMFUL = {
    "levels": ("python", indented(511)),
    "tabs": ("python", indented(511, "\t")),
    "classes": ("python", indented(520, head="class A:")),
    "comments": ("python", indented(511, head="if x:\n# c")),
    "strings": ("python", indented(511, head="if x:\n '''a\n b'''")),
    "in brackets": ("python", "(\n" + indented(520)),
    "continued": ("python", "".join("if x:\n" + " " * (n // 2) + "\\\n" + " " * (n - n // 2) for n in range(520))),
    "f-strings": ("python", "f'{" * 255 + "\n" + indented(400)),
    "a heredoc": ("ruby", f"x = <<{'A' * 1019}\n"),
    "a quoted heredoc": ("ruby", f"x = <<~'{'A b' * 340}'\n"),
    "heredocs": ("ruby", HEREDOCS),
    "strings around": ("ruby", '"#{' * 200 + "<<" + "A" * 19 + "\n"),
    "types": ("java", "A<" * 2000),
    "types apart": ("java", "a.B <\n" * 2000),
    "types in statements": ("java", "A<;" * 2000),
    "types and comments": ("java", "A</*;*/" * 2000 + '"/*"'),
    "types after a comment in a string": ("java", 'x = "/*";' + "A<" * 2000 + "// */"),
}


@pytest.mark.parametrize("name", HARMFUL)
def test_what_does_harm_is_not_parsed_but_counted(name: str) -> None:
    language, text = HARMFUL[name]
    assert parsed(text.encode(), LANGUAGES[language]) == TOO_DEEP
    tally = Tally()
    assert functions(Document.of(text, language, "a"), tally) == []
    assert (tally.counts, tally.examples) == ({TOO_DEEP: 1}, {TOO_DEEP: ["a"]})


@pytest.mark.parametrize("step", [" ", "\t", " \t", "  \\\n "])
def test_the_first_file_that_is_too_deep_is_refused_and_the_last_that_is_not_is_parsed(step: str) -> None:
    assert parsed(indented(250, step).encode(), LANGUAGES["python"]) == TOO_DEEP
    assert parsed(indented(249, step).encode(), LANGUAGES["python"]) != TOO_DEEP


def test_pairs_count_a_file_that_is_nested_too_deeply() -> None:
    good = "def open_door(key):\n    '''Open the door with the guard's key.'''\n    key.turn()\n    return key\n\n"
    tally = Tally()
    assert list(function_pairs(Document.of(good + indented(511), "python", "deep.py"), tally)) == []
    assert tally.counts == {TOO_DEEP: 1}
    assert len(list(function_pairs(Document.of(good + indented(99), "python", "deep.py"), Tally()))) == 1


# More than real files have: the deepest that Python itself takes; the longest names and shifts; comparisons.
HARMLESS = {
    "levels": ("python", indented(99)),
    "columns": ("python", "x = [\n" + "".join(" " * column + "1,\n" for column in range(200)) + "]\n"),
    "blank lines": ("python", "".join(" " * column + "\n" for column in range(600)) + "x = 1\n"),
    "heredocs": ("ruby", "x = <<~EXPECTED_OUTPUT, <<~'B'\n  a\nEXPECTED_OUTPUT\n  b\nB\n" * 500),
    "shifts": ("ruby", "".join(f"A{n} = 1<<{n} | x<<24 | y<<16\nb <<'c'\n" for n in range(500))),
    "strings": ("ruby", "x = <<A\nA\n" + "".join(f'a{n} = "#{{x}} {{ #{{y}}" # }}\n' for n in range(500))),
    "comparisons": ("java", "class A { boolean f() { " + "if (a < b) { c(); } " * 500 + "} }"),
    "types": ("java", "class A { " + "Map<String, List<Map<A, B>>> a; " * 500 + "}"),
    "diagrams": ("java", "class A { /* <<<<<<<< */ String a = \"" + "<" * 500 + "\"; }"),
}  # fmt: skip


@pytest.mark.parametrize("name", HARMLESS)
def test_what_real_files_have_is_parsed(name: str) -> None:
    language, text = HARMLESS[name]
    root = parsed(text.encode(), LANGUAGES[language])
    assert not isinstance(root, str)
    assert not root.has_error


@pytest.mark.parametrize("name", LANGUAGE_OF)
def test_samples_are_parsed_as_the_parser_alone_does(name: str) -> None:
    language, source = row_for(LANGUAGE_OF[name], name), (SAMPLES / name).read_bytes()
    assert str(parsed(source, language)) == str(parser_for(language.name).parse(source).root_node)


ENTANGLED = {
    "comments that never end": ("java", "class A {}\n" + "class A { int a = 1; /* lost\n" * 8_000),
    "brackets and signs": ("java", "] ++" * 2_000),
    "signs": ("python", "?. ++ , " * 1_200),
    "strings that never end": ("rust", 'r#"' * 20_000),
    "words": ("ruby", "%w(" * 20_000),
}


@pytest.mark.parametrize("name", ENTANGLED)
def test_what_would_take_hours_is_given_up(name: str) -> None:
    language, text = ENTANGLED[name]
    assert parsed(text.encode(), LANGUAGES[language]) == UNPARSABLE
    assert not isinstance(parsed(b"", LANGUAGES[language]), str)  # the parser goes on with the next


@pytest.mark.slow
def test_a_long_source_leaves_nothing_behind_in_memory() -> None:
    """tree-sitter's binding keeps what a callback gives it, unless it is taken back."""
    source = ("def f(a):\n    'Docs of it.'\n    return a + 1\n\n" * 3000).encode()
    language = LANGUAGES["python"]
    assert not isinstance(parsed(source, language), str)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(20):
            root = parsed(source, language)
            assert not isinstance(root, str)
            assert root.end_byte == len(source)
            del root  # 50 bytes of tree a byte of source
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < len(source)  # 20 times that, and more, if each reading stays


@pytest.mark.parametrize("length", [10, 4095, 4096, 4097, 9000])
def test_sources_parse_the_same_in_one_piece_and_in_several(length: int) -> None:
    text = "def first():\n    return 1\n\n\n" * (length // 28 + 1)
    source = text[:length].encode()
    root = parsed(source, LANGUAGES["python"])
    whole = parser_for("python").parse(source).root_node
    assert not isinstance(root, str)
    assert str(root) == str(whole)
