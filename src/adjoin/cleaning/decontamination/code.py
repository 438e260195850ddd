"""Normalization of code for decontamination: without comments, and the parts of a function to compare."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from adjoin.cleaning.decontamination.ngrams import Letters, letter_table

# Quantifiers are possessive: the patterns never backtrack, so they take linear time on any text.
_TRIPLE_DOUBLE = r'"""[^"\\]*+(?:(?:\\.|"(?!""))[^"\\]*+)*+"""'
_TRIPLE_SINGLE = _TRIPLE_DOUBLE.replace('"', "'")
_CHARACTER = r"'(?:\\[^\n][^'\n]{0,10}|[^'\\\n])'"  # one character only: a Rust lifetime has a single quote too
_SLASHES, _BLOCK, _HASH = r"//[^\n]*+", r"/\*[^*]*+(?:\*(?!/)[^*]*+)*+(?:\*/|\Z)", r"\#[^\n]*+"


def _line(quote: str) -> str:
    """A string on one line."""
    return rf"{quote}[^{quote}\\\n]*+(?:\\[^\n][^{quote}\\\n]*+)*+{quote}"


def _lines(quote: str) -> str:
    """A string that may contain line ends."""
    return rf"{quote}[^{quote}\\]*+(?:\\.[^{quote}\\]*+)*+{quote}"


@dataclass(frozen=True)
class Syntax:
    """The lexical syntax of a language's comments and strings.

    Attributes:
        marks: matches what starts a comment. A text without a match is not scanned.
        pattern: matches code up to the next comment, then that comment or the end of the text. A quote that is
            never closed counts as code. A comment that is never closed runs to the end.
    """

    marks: re.Pattern[str]
    pattern: re.Pattern[str]

    @classmethod
    def of(cls, marks: str, comment: str, *strings: str) -> "Syntax":
        """Combine the patterns of comments and strings.

        Args:
            marks: what starts a comment, separated by spaces.
            comment: a pattern that matches any comment.
            strings: patterns of string literals.
        """
        first = "\"'`" + "".join({mark[0] for mark in marks.split()})
        code = "|".join([f"[^{re.escape(first)}]++", *strings, f"(?!{comment})."])
        pattern = re.compile(rf"((?:{code})*+)({comment}|\Z)", re.DOTALL | re.MULTILINE)
        return cls(re.compile("|".join(map(re.escape, marks.split()))), pattern)


_BOTH = f"{_SLASHES}|{_BLOCK}"
_C = Syntax.of("// /*", _BOTH, _line('"'), _CHARACTER)
_GO = Syntax.of("// /*", _BOTH, _line('"'), r"`[^`]*+`", _CHARACTER)
_SCRIPT = Syntax.of("// /*", _BOTH, _line('"'), _line("'"), _lines("`"))
_PHP = Syntax.of("// /* #", rf"{_BOTH}|\#(?!\[)[^\n]*+", _lines('"'), _lines("'"))
_PYTHON = Syntax.of("#", _HASH, _TRIPLE_DOUBLE, _TRIPLE_SINGLE, _line('"'), _line("'"))
_RUBY_BLOCK = r"^=begin\b(?:(?!\n=end).)*+(?:\n=end[^\n]*+)?"
_RUBY = Syntax.of("# =begin", rf"\#(?!\{{)[^\n]*+|{_RUBY_BLOCK}", _lines('"'), _lines("'"))
_SHELL = Syntax.of("#", r"(?<![^\s;&|])\#[^\n]*+", _lines('"'), r"'[^']*+'")
_DASHES = Syntax.of("-- /*", rf"--[^\n]*+|{_BLOCK}", _line('"'), _line("'"))

_SYNTAX_OF = {
    "python": _PYTHON, "go": _GO, "ruby": _RUBY, "php": _PHP, "javascript": _SCRIPT, "typescript": _SCRIPT,
    "tsx": _SCRIPT, "jsx": _SCRIPT, "shell": _SHELL, "bash": _SHELL, "perl": _SHELL, "r": _PYTHON,
    "julia": _PYTHON, "elixir": _PYTHON, "sql": _DASHES, "lua": _DASHES, "haskell": _DASHES,
}  # fmt: skip
_LIKE_C = (
    "c", "c++", "cpp", "c#", "csharp", "java", "kotlin", "scala", "swift", "dart", "rust", "objective-c", "groovy",
    "solidity", "zig", "d", "vue", "css", "scss",
)  # fmt: skip
LANGUAGES_OF_CODE = frozenset(_SYNTAX_OF).union(_LIKE_C)


def without_comments(code: str, language: str) -> str:
    """Replace each comment by a line end or a space; strings stay as they are.

    This is lexical and needs no grammar, so `code` may be a fragment. Unknown languages are read as C.
    """
    syntax = _SYNTAX_OF.get(language, _C)
    if not syntax.marks.search(code):
        return code
    sections = syntax.pattern.findall(code)
    return "".join([kept + ("\n" if "\n" in comment else " " if comment else "") for kept, comment in sections])


# Not compared: white space, and the punctuation that formatters and unparsers add or leave out.
_DROPPED = b"()\"'`,;\\\x7f" + bytes(range(33))
CODE_LETTERS = letter_table(bytes(0 if byte in _DROPPED else byte for byte in range(256)))
CODE_WORDS = bytes(byte >= 128 or chr(byte).isalnum() or byte == ord("_") for byte in range(256))


def code_letters(codes: Sequence[str], languages: Sequence[str]) -> Letters:
    """Return code without comments, white space, quotes, commas, semicolons and parentheses.

    Args:
        codes: [T] source texts.
        languages: [T] as in `Pair.language`.
    """
    bare = map(without_comments, codes, languages)
    return Letters.of([code.encode("utf-8", "surrogatepass") for code in bare], CODE_LETTERS, CODE_WORDS)


_MODIFIERS = re.compile(
    r"(?:\s*(?:@[\w.]+(?:\([^()]*(?:\([^()]*\)[^()]*)*\))?|(?:public|private|protected|internal|static|final|abstract"
    r"|synchronized|native|default|override|virtual|async|export|open|inline|pub)\b))+\s*"
)
_DEFINITION = re.compile(r"^[ \t]*(?:async\s+)?def\b", re.MULTILINE)
_INDENTED = frozenset(("python", "ruby", "elixir", "julia"))


def parts(code: str, language: str) -> list[str]:
    """Return the distinct variants of a function: whole, without modifiers and annotations, and its body alone.

    Evaluation sets cut functions differently, with or without annotations, decorators and a name. Code that does
    not look like a function gives an empty list.
    """
    code = without_comments(code, language)
    start = _body_start(code, language)
    if not start:
        return []
    if definition := _DEFINITION.search(code) if language in _INDENTED else _MODIFIERS.match(code):
        bare = code[definition.start() if language in _INDENTED else definition.end() :]
    else:
        bare = code
    body = re.sub(r"\s*(?:\bend|\})?\s*\Z", "", code[start:])
    return list(dict.fromkeys((code, bare, body)))


def _body_start(code: str, language: str) -> int:
    """Position after the signature's colon, line end or brace, where the body starts; 0 without a signature."""
    begin = 0
    if language in _INDENTED:
        definition = _DEFINITION.search(code)
        if not definition:
            return 0
        begin = definition.end()
    ends = {"python": ":", "ruby": "\n;", "elixir": "\n", "julia": "\n"}.get(language, "{")
    depth = 0
    for position in range(begin, len(code)):
        character = code[position]
        if character in "([" or (character == "{" and "{" not in ends):
            depth += 1
        elif character in ")]" or (character == "}" and "{" not in ends):
            depth -= 1
        elif character in ends and depth <= 0 and code[position + 1 : position + 2] != "}":
            return position + 1
    return 0
