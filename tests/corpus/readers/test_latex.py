"""LaTeX: what is kept, what is dropped, and that every word keeps its line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.corpus.document import Document
from adjoin.corpus.readers.latex import read_latex
from adjoin.corpus.readers.sections import UnreadableError
from growth import assert_linear

PAGE = r"""\documentclass{article}
\newcommand{\dropped}[1]{dropped}
\title[short]{On \emph{Deep}
Nets\thanks{dropped}}
\begin{document}
\maketitle
\begin{abstract}
We show. % dropped
\end{abstract}
\section{Intro\label{dropped} \& more}
Hello \textbf{bold}, as in~\cite[p.~3]{dropped} (see \ref{dropped}), with $x + y$ and
$\sum_{dropped} z$ words\footnote{dropped \emph{too}
dropped}.

\begin{figure}[h]
dropped
\end{figure}
\begin{verbatim}
% dropped \begin{x}
\end{verbatim}
\[ dropped \]
100\% caf\'e na\"{\i}ve ``quoted'' a---b \verb|x_1 {| Stra\ss e.
\begin{itemize}
\item[Tag] one
\item two
\end{itemize}
\subsection*{Sub}
\href{http://dropped}{linked} \unknown{kept} \begin{minipage}{3cm}in\end{minipage}
\begin{equation*}
dropped
\end{equation*}
\input{dropped}
\begin{thebibliography}{9}
dropped
\end{thebibliography}
\end{document}
dropped
"""


def read(text: str) -> list[Document]:
    return list(read_latex(text, "a.tex"))


def rows(document: Document) -> dict[int, str]:
    return {line: text for line, text in enumerate(document.text.split("\n"), start=document.span[0]) if text}


def test_sections_and_lines() -> None:
    abstract, intro, sub = read(PAGE)
    assert {document.title for document in (abstract, intro, sub)} == {"On Deep Nets"}
    assert (abstract.section, rows(abstract)) == ("Abstract", {8: "We show."})
    assert intro.section == "Intro & more"
    assert rows(intro) == {
        11: "Hello bold, as in (see), with x + y and", 12: "words", 13: ".",
        22: "100% café naïve “quoted” a—b x_1 { Straße.", 24: "Tag one", 25: "two",
    }  # fmt: skip
    assert (sub.section, rows(sub)) == ("Sub", {28: "linked kept in"})


def test_part_of_a_book_has_no_preamble() -> None:
    (document,) = read("\\chapter{One}\nText.\n")
    assert (document.section, document.span, document.text) == ("One", (2, 2), "Text.")


def test_not_latex() -> None:
    with pytest.raises(UnreadableError, match="not LaTeX"):
        read("Hello \\\\ world")


def test_unbalanced_braces_hide_nothing() -> None:
    assert [document.text for document in read("\\emph{a \\section{b\nc \\cite{d\n")] == ["a b\nc d"]


@pytest.mark.parametrize(
    "piece",
    ["{", "}", "\\begin{figure}", "\\begin{x}", "\\cite{", "\\(x", "$ ", "\\verb|", "\\section{", "\\x[", "%"],
)
def test_takes_linear_time(piece: str) -> None:
    assert_linear(lambda size: list(read_latex("\\title{abc}\n" + piece * size, "a.tex")), 100_000)


_WORDS = st.from_regex(r"[a-z]{3,6}", fullmatch=True)
_PIECES = st.one_of(
    _WORDS,
    _WORDS.map(lambda word: f"\\emph{{{word}}}"),
    _WORDS.map(lambda word: f"\\cite[{word}]{{x,\ny}}"),
    _WORDS.map(lambda word: f"{word}\\footnote{{one\n\ntwo}}"),
    _WORDS.map(lambda word: f"% {word}\n"),
    _WORDS.map(lambda word: f"\n\\begin{{figure}}\n{word}\n\\end{{figure}}\n"),
    _WORDS.map(lambda word: f"\n\\section{{{word}\n{word}}}\n"),
    _WORDS.map(lambda word: f"$$\n{word}\n$$ "),
    _WORDS.map(lambda word: f"\\\\\n{word} \\\n"),
)


@settings(max_examples=200)
@given(pieces=st.lists(_PIECES, min_size=1, max_size=12))
def test_every_word_stays_on_its_line(pieces: list[str]) -> None:
    page = "\\documentclass{x}\n" + " ".join(pieces)
    lines = page.split("\n")
    for document in read(page):
        for line, text in rows(document).items():
            for word in text.split():
                assert word in lines[line - 1], (line, word)


@settings(max_examples=300)
@given(text=st.text(alphabet=st.sampled_from("\\{}[]$%~&'`-|*^_ \nabegindefvrbox("), max_size=200))
def test_any_input_is_read(text: str) -> None:
    for document in read(f"\\title{{a}} {text}"):
        assert document.text.count("\n") == document.span[1] - document.span[0]
