"""Prose → passages, and passages → pairs: neighbours, a title with its text, a question with its answer.

The paper (section 2): "neighbouring pieces of text" are positive pairs; the pieces' length is left open. Ours:
- the length of each passage is drawn between `min_words` and `max_words`, so that the encoder meets short and long
  texts; log-uniformly, as many between 32 and 64 words as between 64 and 128;
- a passage ends at the paragraph's end nearest to the drawn length, else at the nearest sentence's end, and only
  inside a sentence if that has more than `max_words`;
- it never goes beyond its section. What is left too short at the end joins the passage before it, or is left out.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zlib import crc32

from adjoin.corpus.document import Document
from adjoin.errors import AdjoinError
from adjoin.pairs.natural_language import check_languages, language_of
from adjoin.pairs.pair import Pair, text_hash
from adjoin.pairs.prose_quality import NOT_ENGLISH, RULES, judge_of
from adjoin.pairs.sentences import Script, closes_sentence
from adjoin.pairs.titles import (
    NO_QUERY,
    NOT_WORDS,
    RUNS_ON,
    UNRELATED,
    asks,
    folded,
    heading_of,
    reason_against_text,
    without_heading,
)
from adjoin.tally import Tally

KIND = "neighbours"
TITLE_PASSAGE = "title-passage"
QUESTION_ANSWER = "question-answer"
KINDS = frozenset({KIND, TITLE_PASSAGE, QUESTION_ANSWER})

TOO_SHORT = "passage too short"
NOT_ASKED_FOR = "language not asked for"
SAME = "passages the same"
MIN_UNDER_TITLE = 12  # words below a title or a question: a short answer is an answer, a caption is not

_WHITE_LINE = re.compile(r"\n[^\S\n]++\n")
# White space other than spaces and line ends, ASCII's first.
_SPACES = "\t\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000"
_SPACES += "".join(map(chr, range(0x2000, 0x200B)))
_NOT_SPACE = re.compile(r"\S")
_HALF_SENTENCE = 60  # characters
_LENGTH_SEED = 48  # characters, by which a passage's length is drawn


@dataclass(frozen=True, slots=True)
class PassageOptions:
    """How prose is cut, and which pairs are made of it.

    Attributes:
        min_words: of a passage, at least 5.
        max_words: of a passage; more than `min_words`.
        kinds: which kinds of pairs are wanted; other names are passed over.
        languages: natural languages to keep, ISO 639-1; empty for any, and then none is identified.

    Raises:
        AdjoinError: the bounds contradict each other, or a language is unknown.
    """

    min_words: int = 32
    max_words: int = 128
    kinds: frozenset[str] = KINDS
    languages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.min_words < 5:
            raise AdjoinError(f"min_words {self.min_words}: expected 5 or more")
        if self.max_words <= self.min_words:
            raise AdjoinError(f"max_words {self.max_words}: expected more than min_words, {self.min_words}")
        check_languages(self.languages)


class Passage(NamedTuple):
    """A piece of running text: some paragraphs, or some sentences.

    Attributes:
        text: white space folded.
        span: first and last line in the document's origin, both included.
        words: how many it has; see `adjoin.pairs.sentences` for what a word is.
        fault: the rule it breaks, if it was judged; empty for none.
    """

    text: str
    span: tuple[int, int]
    words: int
    fault: str = ""


Judge = Callable[[str, int], str]  # text and words of a passage → the rule that it breaks, or nothing


@lru_cache(maxsize=64)
def _lengths(shortest: int, longest: int) -> tuple[int, ...]:
    """1,024 lengths, log-uniform from the shortest to the longest."""
    return tuple(round(shortest * (longest / shortest) ** (step / 1023)) for step in range(1024))


def passages(
    document: Document, options: PassageOptions | None = None, judge: Judge | None = None
) -> list[Passage]:
    """Cut a section of prose into passages, in order, nothing left out.

    All have `min_words` to `max_words`, but for what the sentences leave over: that is shorter. Judged are they
    only with a judge.
    """
    options = options or PassageOptions()
    cutter = _Splitter(document.text, options)
    cut = []
    line, counted = document.span[0], 0
    for begin, end, text, words in cutter.segments():
        first = line + cutter.text.count("\n", counted, begin)
        line, counted = first + cutter.text.count("\n", begin, end), end
        cut.append(Passage(text, (first, line), words, judge(text, words) if judge else ""))
    return cut


_Segment = tuple[int, int, str, int]  # begin, end, text, words


class _Splitter:
    """Cuts one text, by places in it: to split all of it into words would take longer than all the rest."""

    def __init__(self, text: str, options: PassageOptions) -> None:
        for space in _SPACES[: 8 if text.isascii() else None]:
            if space in text:
                text = text.replace(space, " ")
        if _WHITE_LINE.search(text):  # it ends a paragraph as an empty one does
            text = "\n".join(map(str.rstrip, text.split("\n")))
        self.text = text
        self._stop = len(text.rstrip())
        self._shortest, self._longest = options.min_words, options.max_words
        self._lengths = _lengths(options.min_words, options.max_words)
        self._script = Script.of(text)
        # The same in characters, on average.
        self._low, self._high = (
            int(words * self._script.word_length) for words in (self._shortest, self._longest)
        )

    def segments(self, length: int = 0) -> Iterator[_Segment]:
        """The segments in order, of a length that is drawn for each, or of the one given.

        One that is too short has been joined with the one before where both fit.
        """
        last: _Segment | None = None
        begin = self._next_word(0)
        while begin < self._stop:
            end, text, words = self._segment(begin, length or self._drawn_length(begin))
            if last and words < self._shortest and last[3] + words <= self._longest:
                last = (last[0], end, f"{last[2]} {text}", last[3] + words)
            else:
                if last:
                    yield last
                last = (begin, end, text, words)
            begin = self._next_word(end)
        if last:
            yield last

    def _drawn_length(self, begin: int) -> int:
        """The length for a piece, by the hash of its first characters: the same always and everywhere.

        Of two texts that differ in a word, the passages after that word are the same again: near duplicates are
        found by passages. With lengths drawn from the whole text 64 % of them were, so it is 97 %.
        """
        opening = self.text[begin : begin + _LENGTH_SEED].encode("utf-8", "surrogatepass")
        return self._lengths[(crc32(opening) * 2_654_435_761 & 0xFFFFFFFF) >> 22]  # Knuth's factor mixes the bits

    def _next_word(self, place: int) -> int:
        found = _NOT_SPACE.search(self.text, place)
        return found.start() if found else self._stop

    def _segment(self, begin: int, length: int) -> tuple[int, str, int]:
        """End, text and words of the piece that begins at `begin`, of `length` words if possible."""
        all_text, stop, script = self.text, self._stop, self._script
        whole = min(self._longest, length + self._shortest - 1)  # a rest of so many words is not cut
        if stop - begin < 1.2 * whole * script.word_length:
            text, words = script.folded(all_text[begin:stop])
            if words <= whole:
                return stop, text, words
        end = self._best_end(begin + int(length * script.word_length), begin + self._low, begin + self._high)
        if end:
            text, words = script.folded(all_text[begin:end])
            if self._shortest <= words <= self._longest:
                return end, text, words
        # The words here are longer or shorter than on average: one piece in 28. Now to the word.
        after_words = script.after_words
        low, high = (after_words(all_text, begin, number) for number in (self._shortest, self._longest))
        end = self._best_end(after_words(all_text, begin, length), low, high)
        if not end and high >= stop:
            end = stop
        if not end:
            # The sentence is longer than a passage, or the one after some short ones is: those stand alone.
            end = script.last_end(all_text, begin + 1, low - 1)
        end = end or after_words(all_text, begin, length)
        return end, *script.folded(all_text[begin:end])

    def _best_end(self, target: int, low: int, high: int) -> int:
        """The best place from `low` to `high` to end a piece at, or 0 if there is none.

        Before all, one that leaves enough for another piece behind it.
        """
        roomy = self._stop - self._low
        if roomy >= high:
            return self._end_near(target, low, high)
        end = self._end_near(target, low, roomy) if roomy >= low else 0
        return end or self._end_near(target, low, min(high, self._stop - 1))

    def _end_near(self, target: int, low: int, high: int) -> int:
        """A paragraph's end about `target`; else a sentence's next to it; else that of a heading or an item."""
        text, slack = self.text, (high - low) // 4
        place = text.find("\n\n", max(low, target - slack), min(high, target + slack) + 2)
        if place > 0 and closes_sentence(text, place):
            return place
        # The first end after half a sentence less is as often before the target as behind it.
        middle = min(max(target - _HALF_SENTENCE, low), high)
        return (
            self._script.next_end(text, middle, high)
            or self._script.last_end(text, low, middle)
            or max(text.find("\n\n", low, high + 2), 0)
        )


def passage_pairs(document: Document, tally: Tally, options: PassageOptions | None = None) -> Iterator[Pair]:
    """The pairs of one section of prose; those of one file are not negatives of each other.

    Counts "passages" and "candidate pairs"; each candidate becomes a pair or is counted under one of
    `PASSAGE_RULES`. Where languages are asked for, documents are counted under the one they are in.
    """
    options = options or PassageOptions()
    language, unwanted = "", ""
    if options.languages:
        language = language_of(document.text)
        tally.add(f"documents in {language or 'no known language'}")
        unwanted = "" if language in options.languages else NOT_ASKED_FOR
    judge = judge_of(document.text, english=language == "en")
    cut = passages(document, options, None if unwanted else judge)
    tally.add("passages", number=len(cut))
    candidates = _heading_candidates(document, cut, options, judge)
    candidates += _neighbour_candidates(cut, options)
    tally.add("candidate pairs", number=len(candidates))
    origin, language, licence, repository = (
        document.origin,
        document.language,
        document.licence,
        document.repository,
    )
    group = text_hash(origin)
    for x, y, kind, reason in candidates:
        place = f"{origin}:{y.span[0]}-{y.span[1]}"
        if unwanted or reason:
            tally.add(unwanted or reason, place)
        else:
            yield Pair(x, y.text, kind, language, place, group, "", licence, repository)


_Candidate = tuple[str, Passage, str, str]  # x, y, kind, the rule against it or nothing


def _neighbour_candidates(cut: list[Passage], options: PassageOptions) -> list[_Candidate]:
    if KIND not in options.kinds:
        return []
    made, least = [], options.min_words
    for x, y in pairwise(cut):
        reason = x.fault or y.fault
        if x.words < least or y.words < least:
            reason = TOO_SHORT
        elif x.text == y.text:
            reason = SAME
        made.append((x.text, y, KIND, reason))
    return made


def _heading_candidates(
    document: Document, cut: list[Passage], options: PassageOptions, judge: Judge
) -> list[_Candidate]:
    """A question with its answer; a title with the first passage, or the answer if it asks something."""
    made: list[_Candidate] = []
    if not cut:
        return made
    question = folded(document.question)
    if question and QUESTION_ANSWER in options.kinds:
        answer = _opening(cut, options)
        question, words = first_sentences(question, options)
        reason = NO_QUERY if words < 2 else judge(question, words) if words >= options.min_words else ""
        made.append((question, answer, QUESTION_ANSWER, reason or _fault(question, answer)))
    heading = heading_of(document) if options.kinds & {TITLE_PASSAGE, QUESTION_ANSWER} else None
    if heading is None or folded(document.title) == folded(document.question):
        return made
    y, kind = cut[0], TITLE_PASSAGE
    if heading.is_question and not asks(y.text):
        y, kind = _opening(cut, options), QUESTION_ANSWER
    if kind in options.kinds:
        y = y._replace(text=without_heading(y.text, heading.query))
        reason = heading.reason or _fault(heading.query, y) or reason_against_text(heading.query, y.text)
        made.append((heading.query, y, kind, reason))
    return made


def _fault(query: str, y: Passage) -> str:
    if y.words < MIN_UNDER_TITLE:
        return TOO_SHORT
    return y.fault or (SAME if query == y.text else "")


def _opening(cut: list[Passage], options: PassageOptions) -> Passage:
    """The first passages, as many as make one of at most `max_words`."""
    opening = cut[0]
    for following in cut[1:]:
        words = opening.words + following.words
        if words > options.max_words or opening.fault or following.fault:
            break
        span = (opening.span[0], following.span[1])
        opening = Passage(f"{opening.text} {following.text}", span, words)
    return opening


def first_sentences(text: str, options: PassageOptions) -> tuple[str, int]:
    """A text's first sentences, at most `max_words`, white space folded, and how many words those are."""
    _, _, text, words = next(_Splitter(text, options).segments(options.max_words))
    return text, words


PASSAGE_RULES = {rule.name: rule.reason for rule in (*RULES, NOT_ENGLISH)} | {
    TOO_SHORT: f"Sentences left it under the least number of words; below a heading, under {MIN_UNDER_TITLE}.",
    SAME: "It is the same text as the other side.",
    NOT_ASKED_FOR: "The document is in another language than those asked for.",
    NO_QUERY: "The heading could stand above any text: Introduction, Chapter 3, a number, a release's notes.",
    NOT_WORDS: "The heading is a file's name, code, or signs.",
    RUNS_ON: "The heading is the beginning of a sentence that the text goes on with.",
    UNRELATED: "None of the heading's words occurs in the passage.",
}
