"""Manual pages: what is kept, what is dropped, and that every word keeps its line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus.document import Document
from adjoin.corpus.readers.man import read_man
from adjoin.corpus.readers.sections import UnreadableError
from growth import assert_linear

MAN = r""".\" dropped
.TH LS 1 "June 2020" "dropped"
.ie n \{\
.ds C` ""
'br\}
.el\{\
.ds C` dropped
'br\}
.SH NAME
ls \- list directory contents
.SH SYNOPSIS
.B dropped
.SH "EXIT \fBSTATUS\fR"
List \fIinformation\/\fR about \*(lqthe\*(rq \e\(co \[u00E9] x\-y \" dropped
.BR ls (1)
.I files ,
.PP
Second.
.nf
dropped
.fi
.TS
dropped
.TE
.TP
.B \-a
do not ignore
.IP \(bu 2
bullet
.IP "\fB\-b\fR"
tagged
.de XX
dropped
..
.SS
Sub section
.UR http://dropped
the site
.UE .
.SH SEE ALSO
dropped
"""

MDOC = r""".Dd June 1, 2020
.Dt CAT 1
.Os
.Sh NAME
.Nm cat
.Nd concatenate files
.Sh DESCRIPTION
The
.Nm
utility, with
.Fl n Op Fl b Ar file ,
is in
.Pa /bin .
See
.Xr ed 1
and
.Dq two words .
.Bl -tag -width x
.It Fl v
verbose
.It Xo Fl e Ns Ar x
.Xc
joined
.El
.Bd -literal
dropped
.Ed
.Ss Below
Text.
"""


def read(text: str) -> list[Document]:
    return list(read_man(text, "a.1"))


def rows(document: Document) -> dict[int, str]:
    return {line: text for line, text in enumerate(document.text.split("\n"), start=document.span[0]) if text}


def test_sections_and_lines_of_man() -> None:
    status, sub = read(MAN)
    assert (status.section, status.title) == ("EXIT STATUS", "ls - list directory contents")
    assert rows(status) == {
        14: "List information about “the” \\© é x-y", 15: "ls(1)", 16: "files ,", 18: "Second.", 26: "-a",
        27: "do not ignore", 29: "bullet", 31: "-b tagged",
    }  # fmt: skip
    assert (sub.section, rows(sub)) == ("Sub section", {38: "the site", 39: "."})


def test_sections_and_lines_of_mdoc() -> None:
    description, below = read(MDOC)
    assert description.title == "cat - concatenate files"
    assert rows(description) == {
        8: "The", 9: "cat", 10: "utility, with", 11: "-n [-b file],", 12: "is in", 13: "/bin.", 14: "See",
        15: "ed(1)", 16: "and", 17: "“two words”.", 20: "-v verbose", 23: "-ex joined",
    }  # fmt: skip
    assert (below.section, below.text) == ("Below", "Text.")


def test_commands_are_no_prose() -> None:
    (document,) = read(".TH x 1\n.SH EXAMPLES\nRun:\n.PP\n$ ls \\e\n\\-a\n.PP\nDone.\n")
    assert document.text.split() == ["Run:", "Done."]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (".so man1/ls.1\n", "redirect"),
        ('.\\" comment\n.so man1/ls.1\n', "redirect"),
        ("Hello\n.world\n", "not a man page"),
    ],
)
def test_unreadable(text: str, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        read(text)


@pytest.mark.parametrize("piece", ["\\fB", "\\", ".if n ", "\\{", '"a" ', "\\h'", ".ds x \\*x\n"])
def test_takes_linear_time(piece: str) -> None:
    assert_linear(lambda size: read(f".TH x 1\n.SH y\n.B {piece * size}\n{piece * size}\n"), 50_000)


_WORDS = st.from_regex(r"[a-z]{3,6}", fullmatch=True)
_LINES = st.one_of(
    _WORDS,
    st.tuples(_WORDS, _WORDS).map(lambda pair: f"{pair[0]} \\fB{pair[1]}\\fP"),
    _WORDS.map(lambda word: f".B {word}"),
    _WORDS.map(lambda word: f".Fl {word}"),
    _WORDS.map(lambda word: f".nf\n{word}\n.fi"),
    _WORDS.map(lambda word: f".SS {word}"),
    st.just(".PP"),
)


@settings(max_examples=200)
@given(lines=st.lists(_LINES, min_size=1, max_size=12))
def test_every_word_stays_on_its_line(lines: list[str]) -> None:
    page = "\n".join([".TH x 1", ".SH y", *lines])
    source = page.split("\n")
    for document in read(page):
        for line, text in rows(document).items():
            for word in text.split():
                assert word.lstrip("-") in source[line - 1], (line, word)


@settings(max_examples=300)
@given(text=st.text(alphabet=st.sampled_from("\\.'\"{}()[]*fBnSHTPIesdilo \nx-$|"), max_size=200))
def test_any_input_is_read(text: str) -> None:
    for document in read(f".SH a\n{text}\n.Sh b\n.{text}\n"):
        assert document.text.count("\n") == document.span[1] - document.span[0]
