"""Comments are removed and strings kept; the parts of a function."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.cleaning.decontamination.code import LANGUAGES_OF_CODE, code_letters, parts, without_comments
from growth import assert_linear

LANGUAGES = sorted(LANGUAGES_OF_CODE)
COMMENTS = {
    "python": ["# it's {}\n"],
    "go": ['// say "{}\n', "/* '{} */"],
    "javascript": ["// `{}\n", '/* "\n{} */'],
    "php": ["# it's {}\n", "// {}\n", "/* {} */"],
    "ruby": ["# {}'\n"],
}
TOKENS = [
    "x",
    "total",
    "=",
    "+",
    "(",
    ")",
    "1",
    "if",
    '"a # b"',
    '"// c"',
    '"/* d */"',
    "'e'",
    '"it\\"s # f"',
    "\n",
]


def letters(code: str, language: str) -> bytes:
    return bytes(code_letters([code], [language]).flat)


@given(
    language=st.sampled_from(LANGUAGES),
    code=st.text(alphabet="ab '\"`\\\n#/*-=begind{}[];", max_size=60) | st.text(),
)
def test_removing_comments_twice_is_removing_them_once(language: str, code: str) -> None:
    once = without_comments(code, language)
    assert without_comments(once, language) == once


@given(data=st.data(), language=st.sampled_from(sorted(COMMENTS)), tokens=st.lists(st.sampled_from(TOKENS)))
def test_comments_and_white_space_never_matter(data: st.DataObject, language: str, tokens: list[str]) -> None:
    changed = []
    for token in tokens:
        between = data.draw(st.sampled_from([" ", "\t", "\r\n", "  ", *COMMENTS[language]]))
        changed += [token, " ", between.format("note"), "\n" if between.startswith("#") else ""]
    assert letters("".join(changed), language) == letters(" ".join(tokens), language)


@given(language=st.sampled_from(sorted(COMMENTS)), content=st.text(alphabet="ab#/*- ", max_size=20))
def test_strings_are_kept(language: str, content: str) -> None:
    code = f'x = "{content}"'
    assert without_comments(code, language) == code


@pytest.mark.parametrize(
    ("language", "code", "expected"),
    [
        ("python", 'a = """\n# no\n"""  # yes', 'a = """\n# no\n"""'),
        ("python", "x = 1 # it's", "x = 1"),
        ("go", 'x := `// no\n"` // yes', 'x := `// no\n"`'),
        ("rust", "fn f<'a>(x: &'a str) {} // it's", "fn f<'a>(x: &'a str) {}"),
        ("c", "c = '\"'; /* \" */ d", "c = '\"';   d"),
        ("javascript", "f(`// no ${x}`) // yes", "f(`// no ${x}`)"),
        ("php", "#[A]\n$a = '# no\n'; # yes", "#[A]\n$a = '# no\n';"),
        ("ruby", 'a = "#{b}" # c\n=begin\nd\n=end\ne', 'a = "#{b}"\ne'),
        ("shell", "echo $# ${a#b} # c", "echo $# ${a#b}"),
        ("sql", "select 1 -- one\n/* two */", "select 1"),
        ("java", "a /* b", "a"),
    ],
)
def test_comments_of_each_language(language: str, code: str, expected: str) -> None:
    assert without_comments(code, language).split() == expected.split()


@pytest.mark.parametrize("unit", ["/*", "'", '"', "`", "\\", "#", "=begin\n", '"""', "//", "--", "a'b\"", "'\\"])
def test_every_text_takes_linear_time(unit: str) -> None:
    for language in ("python", "go", "php", "ruby", "javascript", "java", "shell", "lua"):
        assert_linear(lambda size, language=language: without_comments(unit * size, language), 20_000)


@pytest.mark.parametrize(
    ("language", "code", "bare", "body"),
    [
        (
            "python",
            "@a('x')\nasync def f(a: int = 1):\n    return a",
            "async def f(a: int = 1):\n    return a",
            "return a",
        ),
        ("go", "func (s *T) f(x struct{}) interface{} {\n\treturn x\n}", "", "return x"),
        ("java", "@A(b = 1)\npublic static int f() { return 1; }", "int f() { return 1; }", "return 1;"),
        ("javascript", "async function (a = {}) { return a }", "function (a = {}) { return a }", "return a"),
        ("ruby", "def f(a,\n  b)\n  a + b\nend", "", "a + b"),
    ],
)
def test_parts_of_a_function(language: str, code: str, bare: str, body: str) -> None:
    texts = [re.sub(r"\s+", " ", part).strip() for part in parts(code, language)]
    assert texts == [re.sub(r"\s+", " ", part) for part in (code, bare, body) if part]


def test_a_snippet_has_no_parts() -> None:
    assert parts("x = sorted(y)", "python") == []
