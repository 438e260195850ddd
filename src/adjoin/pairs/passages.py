"""Prose → passages, and neighbouring passages → pairs.

The paper (section 2): "neighbouring pieces of text" are positive pairs; the pieces' length is left open. Ours:
whole paragraphs are gathered until a passage has `MIN_WORDS`; a paragraph of more than `MAX_WORDS` is cut at
sentence ends. Passages never cross a section's end, and what is left too short at a section's end joins the
passage before it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from adjoin.corpus.document import Document
from adjoin.pairs.pair import Pair, text_hash
from adjoin.tally import Tally

KIND = "neighbours"
MIN_WORDS = 60  # below it, neighbours seldom share a subject (measured on the prose corpus by eye)
MAX_WORDS = 180
_SENTENCE_END = re.compile(r"(?<=[.!?])([\"')\]]*)\s+(?=[\"'(\[]?[A-Z0-9])")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of running text: some paragraphs, or some sentences of a long one.

    Attributes:
        text: white space folded.
        span: first and last line in the document's origin, both included.
    """

    text: str
    span: tuple[int, int]

    @property
    def words(self) -> int:
        """Number of words."""
        return self.text.count(" ") + 1


def passages(document: Document) -> list[Passage]:
    """Cut a section of prose into passages, in order, nothing left out."""
    cut: list[Passage] = []
    for piece in _pieces(document):
        if cut and cut[-1].words < MIN_WORDS and cut[-1].words + piece.words <= MAX_WORDS:
            cut[-1] = _join(cut[-1], piece)
        else:
            cut.append(piece)
    if len(cut) > 1 and cut[-1].words < MIN_WORDS and cut[-2].words + cut[-1].words <= MAX_WORDS:
        cut[-2:] = [_join(cut[-2], cut[-1])]
    return cut


def _join(first: Passage, second: Passage) -> Passage:
    return Passage(f"{first.text} {second.text}", (first.span[0], second.span[1]))


def _pieces(document: Document) -> Iterator[Passage]:
    """Paragraphs, the long ones cut at sentence ends (or between words, where a sentence is that long)."""
    paragraph: list[tuple[int, str]] = []  # (line number, words of the line)
    for number, line in enumerate([*document.text.split("\n"), ""], start=document.span[0]):
        if line.strip():
            paragraph.append((number, " ".join(line.split())))
        elif paragraph:
            yield from _cut(paragraph)
            paragraph = []


def _cut(paragraph: list[tuple[int, str]]) -> Iterator[Passage]:
    text = " ".join(words for _, words in paragraph)
    if text.count(" ") < MAX_WORDS:
        yield Passage(text, (paragraph[0][0], paragraph[-1][0]))
        return
    starts, offset = [], 0  # where each line begins in the text
    for number, words in paragraph:
        starts.append((offset, number))
        offset += len(words) + 1
    for begin, end in _sentence_runs(text):
        lines = [number for start, number in starts if start < end]
        first = max(number for start, number in starts if start <= begin)
        yield Passage(text[begin:end], (first, lines[-1]))


def _sentence_runs(text: str) -> Iterator[tuple[int, int]]:
    """Begin and end of runs of whole sentences, of `MIN_WORDS` to `MAX_WORDS` where the sentences allow it."""
    sentences = [(match.end(1), match.end()) for match in _SENTENCE_END.finditer(text)]
    begin = last_end = following = 0  # of the run; of its last sentence so far; of what comes after that
    for end, after in [*sentences, (len(text), len(text))]:
        if begin < last_end and _words(text, begin, end) > MAX_WORDS:
            yield begin, last_end
            begin = following
        while _words(text, begin, end) > MAX_WORDS:  # one endless sentence: cut between words
            middle = begin
            for _ in range(MAX_WORDS):
                middle = text.index(" ", middle + 1)
            yield begin, middle
            begin = middle + 1
        last_end, following = end, after
        if _words(text, begin, end) >= MIN_WORDS or end == len(text):
            if begin < end:
                yield begin, end
            begin = after


def _words(text: str, begin: int, end: int) -> int:
    return text.count(" ", begin, end) + 1


def _is_language(passage: Passage) -> bool:
    """Whether most of a passage are words, not codes, names in capitals, numbers or markup."""
    words = [word.strip("\"'()[],.;:!?*`").replace("-", "").replace("'", "") for word in passage.text.split()]
    return sum(word.isalpha() and not word.isupper() for word in words) >= len(words) / 2


def passage_pairs(document: Document, tally: Tally) -> Iterator[Pair]:
    """Pairs of neighbouring passages of one section; passages of a file are not negatives of each other."""
    cut = passages(document)
    tally.add("passages", number=len(cut))
    group = text_hash(document.origin)
    for x, y in pairwise(cut):
        if x.words < MIN_WORDS // 2 or y.words < MIN_WORDS // 2:
            tally.add(f"passage under {MIN_WORDS // 2} words")
            continue
        if not (_is_language(x) and _is_language(y)):
            tally.add("passage mostly not words", f"{document.origin}:{y.span[0]}")
            continue
        place = f"{document.origin}:{y.span[0]}-{y.span[1]}"
        yield Pair(x.text, y.text, KIND, document.language, place, group)
