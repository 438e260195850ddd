"""Words and sentence boundaries in any script.

Words are separated by white space. Chinese, Japanese, Thai, Lao, Khmer and Burmese have no spaces between words.
There, two letters count as one word, which is about the mean length of a word, and punctuation belongs to the
letters before it.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

# Thai, Lao, Burmese and Khmer without their full stops, kana, Han. Korean has spaces.
_UNSPACED_LETTERS = (
    r"\u0e00-\u0eff\u1000-\u1049\u104c-\u109f\u1780-\u17d3\u17d6-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
)
_HAS_UNSPACED = re.compile(f"[{_UNSPACED_LETTERS}]")
_LONG_WORD = 10  # average characters per word; above it, the words may be sentences in such a script
# Punctuation of all scripts; some marks look the same on purpose.
# ruff: noqa: RUF001
_OPENERS = "\"'“‘„‚«‹([{<¿¡「『（《〈【*_`—–-•"
_CLOSERS = "\"'”’“»›)]}>」』）》〉】*_`"
_FINAL_MARKS = "。！？．｡։।॥؟۔።။។៕"  # marks that always end a sentence
_MARKS = frozenset(".!?…" + _FINAL_MARKS)

_WORD = r"\S++\s*+"
_UNSPACED_WORD = (
    rf"(?:[{_UNSPACED_LETTERS}]{{1,2}}(?:(?![「『（《〈【“‘])[^\w\s])*+|[^\s{_UNSPACED_LETTERS}]++)\s*+"
)
_UNSPACED_WORDS = re.compile(_UNSPACED_WORD)

# Candidates for the end of a sentence; `ends_sentence` decides. ASCII texts, the majority, take half the time.
_closing = re.escape(_CLOSERS)
_END_ASCII = re.compile(r"[.!?](?<!\s\w\.)[\"')\]}>*_`]*+(?=\s(?![a-z]))")
_END = re.compile(rf"[.!?…{_FINAL_MARKS}](?<!\s\w\.)[{_closing}]*+(?=\s(?![a-z]))")
_closing = re.escape(_CLOSERS.replace("“", ""))  # which closes in German, and opens in Chinese
_END_UNSPACED = re.compile(
    rf"[…{_FINAL_MARKS}][{_closing}]*+|[.!?][{_closing}]*+(?=\s)|(?<=[\u0e00-\u0eff])(?=\s)"
)

# Abbreviations that a full stop follows, in lower case. If one ends a sentence, that boundary is missed.
_SHORT = """
    dr mr mrs ms messrs mme mlle prof rev hon gen col capt lt sgt sen rep gov pres st ste jr sr esq
    eg ie cf viz vs fig figs eq eqs eqn ref refs sec sect ch chap vol vols no nos nr pp par para
    ed eds al et ca approx ibid op cit resp incl esp dept univ inst assn bros co corp inc ltd
    jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri
    bzw usw ggf vgl hrsg bd str evtl sog inkl mm art cap núm sra srta ud uds pág dra págs av
"""
_ABBREVIATIONS = frozenset(_SHORT.split())


def ends_sentence(word: str, following: str) -> bool:
    """Return whether a sentence ends between two neighbouring words.

    Args:
        word: the first word, with the punctuation after it.
        following: the start of the next word.
    """
    bare = word.rstrip(_CLOSERS)
    mark = bare[-1:]
    if mark not in _MARKS:
        return False
    if mark in _FINAL_MARKS:
        return True
    if following.lstrip(_OPENERS)[:1].islower():
        return False
    return mark != "." or not _is_abbreviation(bare)


@lru_cache(maxsize=4096)
def _is_abbreviation(bare: str) -> bool:
    """Whether a word's full stop belongs to the word: an abbreviation, an initial, the number of an item."""
    stem = bare[:-1].lstrip(_OPENERS)
    if stem.endswith("."):  # an ellipsis
        return False
    if len(stem) < 2 or (len(stem) < 4 and stem.isdigit()):
        return True
    if "." in stem:  # U.S., Ph.D., a.m., but not 3.11 and not example.com
        return len(stem) < 6 and all(part.isalpha() and len(part) < 3 for part in stem.split("."))
    return stem.lower() in _ABBREVIATIONS


def closes_sentence(text: str, end: int) -> bool:
    """Return whether a paragraph that ends at `end` ends with a sentence; a heading or list item does not."""
    return text[max(end - 4, 0) : end].rstrip(_CLOSERS + " ")[-1:] in _MARKS  # false for an empty paragraph


@dataclass(frozen=True, slots=True)
class Script:
    """How a text separates words and ends sentences; create it with `Script.of`.

    Attributes:
        unspaced: whether there are no spaces between words.
        word_length: average characters per word, with the space after it, in the first 1,024 characters.
        end: pattern of possible ends of sentences.
    """

    unspaced: bool
    word_length: float
    end: re.Pattern[str]

    @classmethod
    def of(cls, text: str) -> "Script":
        """Detect the script of a text from its first 1,024 characters."""
        sample = text[:1024]
        word_length = len(sample) / (sample.count(" ") + sample.count("\n") + 1)
        if text.isascii():
            return cls(False, word_length, _END_ASCII)
        if (word_length > _LONG_WORD or " " not in sample) and _HAS_UNSPACED.search(sample):
            return cls(True, len(sample) / max(len(_UNSPACED_WORDS.findall(sample)), 1), _END_UNSPACED)
        return cls(False, word_length, _END)

    def folded(self, text: str) -> tuple[str, int]:
        """Return a text with its white space folded, and its number of words.

        Args:
            text: its white space is spaces and line ends, and it does not start with any.
        """
        if "\n" in text:
            text = " ".join([line for line in text.split("\n") if line])
        if "  " in text or text[-1:] == " ":
            text = " ".join(text.split())
        return text, len(_UNSPACED_WORDS.findall(text)) if self.unspaced else text.count(" ") + 1

    def after_words(self, text: str, begin: int, number: int) -> int:
        """Return the position after the `number`-th word from `begin`, or after the last if there are fewer."""
        words = _words_pattern(number, self.unspaced).match(text, begin)
        return len(words[0].rstrip()) + begin if words else begin

    def next_end(self, text: str, low: int, high: int) -> int:
        """Return the position of the first end of a sentence from `low` to `high`, or 0 if there is none."""
        search, position = self.end.search, max(low - 4, 0)  # a mark and its closing quotes may start before `low`
        while match := search(text, position, high + 1):
            position = match.end()
            if low <= position <= high and self._is_end(text, position):
                return position
            position = max(position, match.start() + 1)
        return 0

    def last_end(self, text: str, low: int, high: int) -> int:
        """Return the position of the last end of a sentence from `low` to `high`, or 0 if there is none."""
        matches = self.end.finditer(text, max(low - 4, 0), high + 1)
        for end in reversed([match.end() for match in matches]):
            if low <= end <= high and self._is_end(text, end):
                return end
        return 0

    def _is_end(self, text: str, end: int) -> bool:
        if text[end - 1] not in _CLOSING_OR_MARKS:  # a space ends a sentence or clause in Thai and Lao
            return self.unspaced
        word = text[max(end - 24, 0) : end].rsplit(None, 1)[-1]
        return ends_sentence(word, text[end : end + 8].lstrip())


_CLOSING_OR_MARKS = _MARKS | set(_CLOSERS)


@lru_cache(maxsize=256)
def _words_pattern(number: int, unspaced: bool) -> re.Pattern[str]:
    return re.compile(rf"(?:{_UNSPACED_WORD if unspaced else _WORD}){{1,{number}}}+")
