"""Quality rules for prose: passages that are not running text, each rule with a name, a reason and a predicate.

The thresholds were set by reading passages just above and just below them. These came from the prose corpus and
from the documentation, licences and change logs of Python packages. For speed, the rules count only the characters
that are neither lower-case letters nor spaces, which are one in 15. Rules with a pattern run only on documents
that contain one of a few rare words.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

_SMALL = bytes(range(ord("a"), ord("z") + 1))
_CAPITALS = _SMALL.upper()
_DIGITS = b"0123456789"
_CODE_MARKS = b"{}[]<>=|\\_#$@~^+*/&%"
# UTF-8 continuation bytes, and lead bytes of blocks with letters. Other lead bytes are counted, one per character:
# 0xC2 Latin-1 signs, 0xE2 punctuation, arrows and box drawing, 0xF0 emoji.
_OTHER_LETTERS = bytes({*range(0x80, 0xC0), *range(0xC3, 0xF0)} - {0xE2})
_PLAIN = _SMALL + _OTHER_LETTERS + b" "
_PROSE_MARKS = _CAPITALS + b".,;:!?'\"()-\xe2"  # 0xE2 leads quotation marks and dashes


class PassageStatistics(NamedTuple):
    """Counts over a passage that the rules use. Plain passages have text and number only, see `_is_plain`.

    Attributes:
        text: the passage, white space folded.
        number: number of words.
        special: all characters but spaces, lower-case ASCII letters and letters of other scripts, as UTF-8.
        size: number of characters other than spaces.
        capitals: number of special characters that are ASCII capitals.
        digits: number of special characters that are digits.
        code_marks: number of special characters that are marks of code or markup.
    """

    text: str
    number: int
    special: bytes = b""
    size: int = 0
    capitals: int = 0
    digits: int = 0
    code_marks: int = 0

    @classmethod
    def of(cls, text: str, number: int, special: bytes) -> "PassageStatistics":
        """Compute all counts of a passage.

        Args:
            text: the passage, white space folded.
            number: its number of words.
            special: its special characters.
        """
        all_special, size = len(special), len(text) - (number - 1 if text.isascii() else text.count(" "))
        capitals, digits, code_marks = (
            all_special - len(special.translate(None, _CAPITALS)),
            all_special - len(special.translate(None, _DIGITS)),
            all_special - len(special.translate(None, _CODE_MARKS)),
        )
        return cls(text, number, special, size, capitals, digits, code_marks)


def _is_plain(size: int, number: int, special: bytes) -> bool:
    """Whether a passage has so few special characters that no rule about them can hold, as over half of them do.

    It has at most 4 capitals and prose marks per 10 words, and at most 1 digit or other mark per 16 words.

    Args:
        size: number of characters of the passage.
        number: number of words.
        special: see `PassageStatistics.special`.
    """
    rare = len(special.translate(None, _PROSE_MARKS))
    return rare <= 0.06 * number and len(special) - rare <= 0.4 * number and 3.5 * number <= size <= 10 * number


@dataclass(frozen=True, slots=True)
class PassageRule:
    """A rule by which passages are left out.

    Attributes:
        name: the rule's name in the manifest's counts.
        reason: one sentence for the manifest.
        holds: whether a passage is left out.
        needs: strings of which a text must contain one for the rule to hold; empty for no such condition. The
            whole document is searched for them first, which rules most documents out.
        plain: whether the rule can hold for plain passages.
    """

    name: str
    reason: str
    holds: Callable[[PassageStatistics], bool]
    needs: tuple[str, ...] = ()
    plain: bool = False

    def is_needed(self, text: str) -> bool:
        """Return whether a text contains one of the strings that the rule needs."""
        return any(map(text.__contains__, self.needs))


def _broken(passage: PassageStatistics) -> bool:
    return bool(_BROKEN.search(passage.text))


# Decoding errors: U+FFFD, or UTF-8 that was read as Windows-1252.
_BROKEN = re.compile("\ufffd|[ÃÂ][\x80-\xbf\u201a-\u2122]|â€|ï»¿")


def _not_words(passage: PassageStatistics) -> bool:
    # In prose, 93 to 97 % of the characters are letters. It has 4.2 to 5.5 characters per word, German 6.5.
    endless = passage.size > 14 * passage.number
    return endless or len(passage.special) - passage.capitals > 0.2 * passage.size


def _capitals(passage: PassageStatistics) -> bool:
    return passage.capitals > 0.25 * passage.size


def _digits(passage: PassageStatistics) -> bool:
    return passage.digits > 0.14 * passage.size


def _code(passage: PassageStatistics) -> bool:
    return passage.code_marks > 0.04 * passage.size


def _names(passage: PassageStatistics) -> bool:
    if passage.capitals < 0.5 * passage.number:  # one passage in 30 has more
        return False
    if len(_INITIAL.findall(passage.text)) > 0.06 * passage.number:
        return True
    return sum(word[0].isupper() for word in passage.text.split()) > 0.5 * passage.number


_INITIAL = re.compile(r"\b[A-Z]\.")


def _links(passage: PassageStatistics) -> bool:
    return passage.special.count(b"://") > 0.03 * passage.number


def _changes(passage: PassageStatistics) -> bool:
    # Each change has a capital or a number, so there are more of them than in prose.
    if passage.capitals + passage.digits < 0.3 * passage.number or not any(
        map(passage.text.__contains__, _CHANGES)
    ):
        return False
    return len(_CHANGE.findall(passage.text)) > 0.1 * passage.number


_CHANGES = ("Fix", "Add", "Bump", "Remove")
_CHANGE = re.compile(
    r"(?:#|GH-|gh-|bpo-)\d+|\bv?\d+\.\d+\.\d+|\b(?:Fix(?:ed|es)?|Add(?:ed|s)?|Remove[ds]?|Bump(?:ed|s)?|Update[ds]?"
    r"|Drop(?:ped|s)?|Change[ds]?|Improve[ds]?|Rename[ds]?|Refactor(?:ed)?|Deprecate[ds]?|Merge[ds]?|Support) "
)


def _boilerplate(passage: PassageStatistics) -> bool:
    return bool(_NOTICE.search(passage.text.lower()))


_NOTICE = re.compile(
    "|".join(
        (
            "all rights reserved",
            "without (?:any|even the implied) warranty",
            "warrant(?:y|ies) of any kind",
            "merchantability",
            "permission (?:is hereby granted|to use, copy)",
            "redistribution and use in source",
            "in no event shall",
            "(?:licensed|released|distributed|available|provided) under (?:the terms of )?(?:the|an?) "
            "(?:[^ .]+ ){1,5}(?:licen[cs]e|commons)",
            "gnu (?:lesser |affero |library )?general public licen[cs]e",
            "(?:this|the|above) copyright notice",
            "you may not use this file",
            "(?:uses?|using|accept|enable|disable|these|our) cookies",
            "cookies? (?:policy|settings|preferences|notice)",
            "(?:enable|requires?|without|disabled?) javascript",
            "javascript is (?:disabled|required|not)",
            r"^\W*copyright\b",
        )
    )
)
# Each notice contains one of these; the search takes 0.3 µs per passage.
_NOTICE_NEEDS = ("opyright", "icens", "arrant", "cookies", "avaScript")


def _filler(passage: PassageStatistics) -> bool:
    text = passage.text.lower()
    return "lorem ipsum" in text or "ipsum dolor" in text


def _repeated(passage: PassageStatistics) -> bool:
    text, middle = passage.text, len(passage.text) // 2
    # In running text, any nine characters occur once or twice. Words are counted only if they occur more often.
    if text.count(text[middle : middle + 9]) < 3:
        return False
    return len(set(text.split())) < 0.35 * passage.number


def _not_english(passage: PassageStatistics) -> bool:
    text = passage.text
    if " the " in text and " of " in text and " to " in text:
        return False
    return len(_ENGLISH & set(text.lower().split())) < 4


# The commonest words. Running text of 40 words has five or more different ones, a list hardly any.
_COMMON = """
the of and to a in is it that for on with as was are be this by at or from not have you but an they which he his we
can has if will all one their there been would when were so no had her she my me do what him our your i
"""
_ENGLISH = frozenset(_COMMON.split())


# The first rule that holds is counted, so the more specific ones come first.
RULES = (
    PassageRule(
        "passage with broken characters",
        "Characters were lost in decoding, or UTF-8 was read as Latin-1.",
        _broken,
        needs=("\ufffd", "Ã", "Â", "â", "ï"),
        plain=True,
    ),
    PassageRule("passage of links", "There is an address to every 33 words.", _links),
    PassageRule("passage of code or markup", "Over 4 % of the characters are signs of code or markup.", _code),
    PassageRule("passage mostly numbers", "Over 14 % of the characters are digits: a table, results.", _digits),
    PassageRule("passage mostly capitals", "Over 25 % of the characters are capitals.", _capitals),
    PassageRule(
        "passage of names",
        "Half of the words begin with a capital, or initials abound: an index, authors, references.",
        _names,
    ),
    PassageRule("passage of changes", "It lists changes, their versions and numbers.", _changes),
    PassageRule(
        "passage of boilerplate",
        "It is a licence, a notice of copyright or cookies, a page's navigation.",
        _boilerplate,
        needs=_NOTICE_NEEDS,
        plain=True,
    ),
    PassageRule(
        "passage of filler text", "It is lorem ipsum.", _filler, needs=("m ipsum", "ipsum dolor"), plain=True
    ),
    PassageRule("passage of repeated words", "Under 35 % of the words are different ones.", _repeated, plain=True),
    PassageRule(
        "passage mostly not words",
        "Over 20 % of the characters are no letters, or the words are endless.",
        _not_words,
    ),
)
NOT_ENGLISH = PassageRule(
    "passage not in English",
    "English is asked for, and it has under four of the 70 commonest words.",
    _not_english,
    plain=True,
)


def judge_of(document: str, *, english: bool = False) -> Callable[[str, int], str]:
    """Return the function that judges the passages of a document.

    Args:
        document: the whole text of the document.
        english: whether passages must be in English.

    Returns:
        A function of a passage, white space folded, and its number of words. It returns the name of the first rule
        that holds, or the empty string.
    """
    rules = [rule for rule in RULES if not rule.needs or rule.is_needed(document)]
    if english:
        rules.append(NOT_ENGLISH)
    return partial(_first_broken, rules, [rule for rule in rules if rule.plain])


def _first_broken(rules: list[PassageRule], plain: list[PassageRule], text: str, number: int) -> str:
    special = text.encode("utf-8", "replace").translate(None, _PLAIN)
    if _is_plain(len(text), number, special):
        rules, passage = plain, PassageStatistics(text, number)
    else:
        passage = PassageStatistics.of(text, number, special)
    for rule in rules:
        if (not rule.needs or rule.is_needed(text)) and rule.holds(passage):
            return rule.name
    return ""
