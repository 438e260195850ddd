"""Passages and pairs from prose: neighbouring passages, a title with its text, a question with its answer.

In the paper (arXiv 2201.10005, section 2), "neighbouring pieces of text" are positive pairs. It does not give the
length of a piece. Our decisions:
- The length of each passage is drawn between `min_words` and `max_words`, log-uniformly: as many have 32 to 64
  words as have 64 to 128. The encoder thus sees short and long texts.
- A passage ends at the end of a paragraph near the drawn length, or else at the nearest end of a sentence. Only
  sentences longer than `max_words` are cut.
- A passage never crosses the end of its section. A short remainder joins the passage before it, or makes no pair.
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
MIN_UNDER_TITLE = 12  # words of a text below a title or question: more than a caption, less than `min_words`

_WHITE_LINE = re.compile(r"\n[^\S\n]++\n")
# White space other than spaces and line ends, the 8 of ASCII first.
_SPACES = "\t\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000"
_SPACES += "".join(map(chr, range(0x2000, 0x200B)))
_NOT_SPACE = re.compile(r"\S")
_HALF_SENTENCE = 60  # characters
_LENGTH_SEED = 48  # characters at a passage's start, whose hash draws its length


@dataclass(frozen=True, slots=True)
class PassageOptions:
    """How prose is split into passages, and which pairs are made from it.

    Attributes:
        min_words: least words of a passage, 5 or more.
        max_words: most words of a passage, more than `min_words`.
        kinds: the kinds of pairs to make; names that are not in `KINDS` are ignored.
        languages: natural languages to keep, as ISO 639-1 codes. If empty, all are kept and none is identified.

    Raises:
        AdjoinError: `min_words` or `max_words` is out of range, or a language is unknown.
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
    """A span of running text: one or more whole sentences or paragraphs.

    Attributes:
        text: the passage, white space folded.
        span: numbers of its first and last line in the document's origin, both included.
        words: number of words; `adjoin.pairs.sentences` defines a word.
        fault: name of the quality rule that it breaks; empty if it breaks none or was not judged.
    """

    text: str
    span: tuple[int, int]
    words: int
    fault: str = ""


Judge = Callable[[str, int], str]  # text and number of words of a passage → the rule that it breaks, or ""


@lru_cache(maxsize=64)
def _lengths(shortest: int, longest: int) -> tuple[int, ...]:
    """1,024 lengths, log-uniform from the shortest to the longest."""
    return tuple(round(shortest * (longest / shortest) ** (step / 1023)) for step in range(1024))


def passages(
    document: Document, options: PassageOptions | None = None, judge: Judge | None = None
) -> list[Passage]:
    """Split a section of prose into passages, in order, without leaving anything out.

    Passages have `min_words` to `max_words` words, except for shorter remainders.

    Args:
        document: a section of prose.
        options: the length of passages.
        judge: returns the rule that a passage breaks, or the empty string; None to judge none.
    """
    options = options or PassageOptions()
    splitter = _Splitter(document.text, options)
    result = []
    line, counted = document.span[0], 0
    for begin, end, text, words in splitter.segments():
        first = line + splitter.text.count("\n", counted, begin)
        line, counted = first + splitter.text.count("\n", begin, end), end
        result.append(Passage(text, (first, line), words, judge(text, words) if judge else ""))
    return result


_Segment = tuple[int, int, str, int]  # begin, end, text, words


class _Splitter:
    """Splits one text by positions. To split all of it into words would take longer than everything else."""

    def __init__(self, text: str, options: PassageOptions) -> None:
        for space in _SPACES[: 8 if text.isascii() else None]:
            if space in text:
                text = text.replace(space, " ")
        if _WHITE_LINE.search(text):  # a line of white space ends a paragraph as an empty line does
            text = "\n".join(map(str.rstrip, text.split("\n")))
        self.text = text
        self._stop = len(text.rstrip())
        self._shortest, self._longest = options.min_words, options.max_words
        self._lengths = _lengths(options.min_words, options.max_words)
        self._script = Script.of(text)
        # The same in characters, by the average length of a word.
        self._low, self._high = (
            int(words * self._script.word_length) for words in (self._shortest, self._longest)
        )

    def segments(self, length: int = 0) -> Iterator[_Segment]:
        """Yield the segments in order. Their length in words is drawn for each, unless `length` is given.

        A segment that is too short is joined with the one before if both fit into `max_words`.
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
        """Draw the length of a segment by the hash of its first characters: equal text gives equal segments.

        If two texts differ in one word, the passages after it are soon the same again. So 97 % of the passages of
        near duplicates are found, against 64 % if the hash of the whole text drew the lengths.
        """
        opening = self.text[begin : begin + _LENGTH_SEED].encode("utf-8", "surrogatepass")
        return self._lengths[(crc32(opening) * 2_654_435_761 & 0xFFFFFFFF) >> 22]  # Knuth's factor mixes the bits

    def _next_word(self, position: int) -> int:
        word = _NOT_SPACE.search(self.text, position)
        return word.start() if word else self._stop

    def _segment(self, begin: int, length: int) -> tuple[int, str, int]:
        """End, text and words of the segment that starts at `begin`, with `length` words if possible."""
        all_text, stop, script = self.text, self._stop, self._script
        whole = min(self._longest, length + self._shortest - 1)  # a remainder of so many words stays whole
        if stop - begin < 1.2 * whole * script.word_length:
            text, words = script.folded(all_text[begin:stop])
            if words <= whole:
                return stop, text, words
        end = self._best_end(begin + int(length * script.word_length), begin + self._low, begin + self._high)
        if end:
            text, words = script.folded(all_text[begin:end])
            if self._shortest <= words <= self._longest:
                return end, text, words
        # The words here are longer or shorter than the average, as in one segment of 28: count them exactly.
        after_words = script.after_words
        low, high = (after_words(all_text, begin, number) for number in (self._shortest, self._longest))
        end = self._best_end(after_words(all_text, begin, length), low, high)
        if not end and high >= stop:
            end = stop
        if not end:
            # This sentence, or one after shorter ones, is longer than a passage: the shorter ones stand alone.
            end = script.last_end(all_text, begin + 1, low - 1)
        end = end or after_words(all_text, begin, length)
        return end, *script.folded(all_text[begin:end])

    def _best_end(self, target: int, low: int, high: int) -> int:
        """The best position from `low` to `high` to end a segment, or 0 if there is none.

        Positions that leave enough text for another segment are preferred.
        """
        roomy = self._stop - self._low
        if roomy >= high:
            return self._end_near(target, low, high)
        end = self._end_near(target, low, roomy) if roomy >= low else 0
        return end or self._end_near(target, low, min(high, self._stop - 1))

    def _end_near(self, target: int, low: int, high: int) -> int:
        """The end of a paragraph near `target`; else the nearest end of a sentence; else of a heading or item."""
        text, slack = self.text, (high - low) // 4
        paragraph_end = text.find("\n\n", max(low, target - slack), min(high, target + slack) + 2)
        if paragraph_end > 0 and closes_sentence(text, paragraph_end):
            return paragraph_end
        # Searched from half a sentence before the target, so that the end is before or after it equally often.
        middle = min(max(target - _HALF_SENTENCE, low), high)
        return (
            self._script.next_end(text, middle, high)
            or self._script.last_end(text, low, middle)
            or max(text.find("\n\n", low, high + 2), 0)
        )


def passage_pairs(document: Document, tally: Tally, options: PassageOptions | None = None) -> Iterator[Pair]:
    """Yield the pairs of one section of prose. Pairs of one file share a group.

    Args:
        document: a section of prose, with its title, heading or question if it has any.
        tally: counts "passages", "candidate pairs", and under a rule of `PASSAGE_RULES` those that make no pair.
            If languages are selected, it also counts documents per language.
        options: the length of passages, kinds of pairs and languages.
    """
    options = options or PassageOptions()
    language, unwanted = "", ""
    if options.languages:
        language = language_of(document.text)
        tally.add(f"documents in {language or 'no known language'}")
        unwanted = "" if language in options.languages else NOT_ASKED_FOR
    judge = judge_of(document.text, english=language == "en")
    section_passages = passages(document, options, None if unwanted else judge)
    tally.add("passages", number=len(section_passages))
    candidates = _heading_candidates(document, section_passages, options, judge)
    candidates += _neighbour_candidates(section_passages, options)
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


_Candidate = tuple[str, Passage, str, str]  # x, y, kind, the rule against it or ""


def _neighbour_candidates(section_passages: list[Passage], options: PassageOptions) -> list[_Candidate]:
    if KIND not in options.kinds:
        return []
    candidates, least = [], options.min_words
    for x, y in pairwise(section_passages):
        reason = x.fault or y.fault
        if x.words < least or y.words < least:
            reason = TOO_SHORT
        elif x.text == y.text:
            reason = SAME
        candidates.append((x.text, y, KIND, reason))
    return candidates


def _heading_candidates(
    document: Document, section_passages: list[Passage], options: PassageOptions, judge: Judge
) -> list[_Candidate]:
    """A question with its answer, and a title with the first passage, or with the answer if it is a question."""
    candidates: list[_Candidate] = []
    if not section_passages:
        return candidates
    question = folded(document.question)
    if question and QUESTION_ANSWER in options.kinds:
        answer = _opening(section_passages, options)
        question, words = first_sentences(question, options)
        reason = NO_QUERY if words < 2 else judge(question, words) if words >= options.min_words else ""
        candidates.append((question, answer, QUESTION_ANSWER, reason or _fault(question, answer)))
    heading = heading_of(document) if options.kinds & {TITLE_PASSAGE, QUESTION_ANSWER} else None
    if heading is None or folded(document.title) == folded(document.question):
        return candidates
    y, kind = section_passages[0], TITLE_PASSAGE
    if heading.is_question and not asks(y.text):
        y, kind = _opening(section_passages, options), QUESTION_ANSWER
    if kind in options.kinds:
        y = y._replace(text=without_heading(y.text, heading.query))
        reason = heading.reason or _fault(heading.query, y) or reason_against_text(heading.query, y.text)
        candidates.append((heading.query, y, kind, reason))
    return candidates


def _fault(query: str, y: Passage) -> str:
    if y.words < MIN_UNDER_TITLE:
        return TOO_SHORT
    return y.fault or (SAME if query == y.text else "")


def _opening(section_passages: list[Passage], options: PassageOptions) -> Passage:
    """The first passages joined, as many as fit into `max_words`."""
    opening = section_passages[0]
    for following in section_passages[1:]:
        words = opening.words + following.words
        if words > options.max_words or opening.fault or following.fault:
            break
        span = (opening.span[0], following.span[1])
        opening = Passage(f"{opening.text} {following.text}", span, words)
    return opening


def first_sentences(text: str, options: PassageOptions) -> tuple[str, int]:
    """Return the first sentences of a text, up to `max_words` words and white space folded, and their words."""
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
