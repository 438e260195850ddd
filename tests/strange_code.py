"""Draws source code that no person wrote: nested, unclosed, repeated, cut, shuffled, damaged."""

import re
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from adjoin.corpus.formats import format_of
from adjoin.pieces.grammars import GRAMMARS, grammar_for

LANGUAGES = sorted(GRAMMARS)
SAMPLES = Path(__file__).parent / "pieces" / "samples"
LONGEST = 20_000  # characters

# What opens something in one language or another, and often something else in the next.
_OPENERS = r"""
    ( [ { < <( $( ${ #{ \( `` ` " ' \""" ''' f" f''' r#" R"x( $" $@" @" q( qq{ m{ s{ tr/ %w( %q{ ~s( <<A
    <<-A <<~A <<'A' <<< @' [[ [==[ --[[ /* /** // # -- {- (* #= #| /*/ <!-- <![CDATA[ {| {%a| [| $x$ do
    begin if then else elif case of let where in while for loop function fn fun def class struct module
    namespace enum interface trait impl object lambda \ -> => <- |> :: = == ++ - ! ~ + * & && | ^ % ? ?. ??
    : ; , . ... @ @interface #if #else #define #[ #![ A< A<B< A::< template< a<b> <a> </a> <% <?php ?>
    return a( a[ a? if(a) if(a){}else try{ match when unless switch(a){ new sizeof( await yield import from
    select( begin; $function$ subroutine program interface call repeat local augroup let =<<trim =pod =cut
    format __END__ BEGIN{ 0x 1e \u \N{ } ) ] > end #end #endif
"""
_BLANKS = ("\n", "\n\n", " ", "\t", "\r", "\f", "\0", "\\\n", "\n ", "\ufeff", "\u2028", "\udc80", "é")
_LONG = ("a" * 1100, "9" * 700, "\u00e9" * 600)
_CLOSERS = str.maketrans("([{<", ")]}>")


def sample_of(language: str) -> Path:
    """The sample file of a row of the table of grammars."""
    for path in sorted(SAMPLES.glob("sample.*")):
        form = format_of(path.name)
        grammar = grammar_for(str(form.language), path.name) if form is not None else None
        if path.suffix != ".names" and grammar is not None and grammar.name == language:
            return path
    return sample_of("shell")  # "bash" has the same grammar


@cache
def _bits(language: str) -> tuple[list[str], list[str]]:
    """The lines of the sample, and what a text is made of: its tokens, openers of all languages, blanks."""
    text = sample_of(language).read_text()
    tokens = dict.fromkeys(re.findall(r"\w+|[^\w\s]+", text))
    return text.split("\n"), [*tokens, *_OPENERS.split(), *_BLANKS, *_LONG]


@st.composite
def strange_code(draw: st.DrawFn, language: str) -> str:
    """Code in a language: one construct again and again, or a real file that is damaged."""
    lines, bits = _bits(language)
    parts = draw(st.lists(st.sampled_from(bits), min_size=1, max_size=4))
    unit = draw(st.sampled_from(["", " ", "\n"])).join(parts)
    times = draw(st.sampled_from([3, 30, 300, 3000]))
    again = unit * min(times, LONGEST // len(unit) + 1)
    match draw(st.sampled_from(["nested", "closed", "levels", "sample", "sample", "sample"])):
        case "nested":
            return "\n".join(lines[: draw(st.integers(0, len(lines)))]) + again
        case "closed":
            return again + unit.translate(_CLOSERS)[::-1] * (len(again) // len(unit))
        case "levels":
            step, line = draw(st.sampled_from([" ", "\t"])), unit.replace("\n", " ") + "\n"
            return "".join(step * level + line for level in range(min(times, 600)))[: 9 * LONGEST]
    damaged = list(lines)
    for _ in range(draw(st.integers(1, 4))):
        row = draw(st.integers(0, len(damaged) - 1))
        _damage(damaged, row, draw(st.integers(0, len(damaged[row]))), draw(st.sampled_from(_DAMAGE)), again)
    return "\n".join(damaged)[: 9 * LONGEST]


_DAMAGE = ("cut", "insert", "delete", "double", "unclose", "end")


def _damage(lines: list[str], row: int, column: int, how: str, text: str) -> None:
    """Damage a file at one place."""
    match how:
        case "cut":
            lines[row] = lines[row][:column]
        case "insert":
            lines[row] = lines[row][:column] + text + lines[row][column:]
        case "delete":
            lines[row : row + 1 + column % 4] = [""]
        case "double":
            lines[row:row] = lines[row : row + 5] * (1 + column % 30)
        case "unclose":
            lines[row] = re.sub(r"[]})\"']|\bend\b", "", lines[row])
        case "end":
            lines[row:] = [lines[row][:column]]
