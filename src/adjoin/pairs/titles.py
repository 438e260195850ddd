"""Headings as queries: the title or section heading above a text, if it says what the text is about."""

import re
from dataclasses import dataclass

from adjoin.corpus.document import Document
from adjoin.pairs.sentences import Script

NO_QUERY = "heading says too little"
NOT_WORDS = "heading is a name or code"
RUNS_ON = "heading runs on into its text"
UNRELATED = "heading shares no word with its text"
MAX_WORDS = 25  # of a heading; a longer one is the start of the text, taken for its title

# Headings that fit any text, in lower case.
_UNSPECIFIC_HEADINGS = """
about|about this document|abstract|acknowledgements|acknowledgments|addendum|additional information|
additional resources|answer|answers|appendices|appendix|applicability|assignment|author|authors|
background|backwards compatibility|bibliography|caveats|change log|changelog|changes|comment|
comments|conclusion|conclusions|contents|contributors|copyright|copyright notice|credits|date|
definition|definitions|description|details|disclaimer|discussion|edit|effective date|end|epilogue|
errata|example|examples|exercise|exercises|faq|fiscal impact statement|fixme|foreward|foreword|
further information|further reading|future work|general|glossary|history|home|
how to use this document|important|index|info|information|intro|introduction|introductory|
key points|key takeaways|key terms|knowledge check|learn more|learning objectives|learning outcomes|
legal|lesson overview|licence|license|links|long answer|long description|main page|members|methods|
misc|miscellaneous|module contents|more|more information|more on this|motivation|motivations|name|
news|next|next steps|no subject|note|notes|open questions|other|others|outline|overview|
paragraph|part|preamble|preface|problem|prologue|question|questions|quiz|rationale|readme|recap|
reference|reference implementation|references|related|related links|related topics|related work|
remarks|reply|resources|response|result|results|review|reviews|screenshots|section|
security considerations|see also|short answer|short description|short title|solution|sources|
special thanks|specification|status|subject|submission|submodules|subpackages|summary|synopsis|
syntax|table of contents|test|test cases|testing|thanks|tip|tips|title|to do|todo|topic|topics|
transcript|transcription|tutorial|unknown|untitled|untitled document|update|updates|usage notes|
warning|warnings|welcome|what is this|what's new|what's next|why|wrap up|wrapping up
"""
_UNSPECIFIC = frozenset(_UNSPECIFIC_HEADINGS.replace("\n", "").split("|"))
# ruff: noqa: RUF001 - quotation marks and question marks of all scripts
_PREFIX = re.compile(r"^(?:(?:re|fwd?|aw|wg|antw|sv)\s*(?:\[\d+\])?:\s*|\[[\w .-]{1,20}\]\s+)+", re.IGNORECASE)
_SITE = re.compile(r"\s+[|·»]\s+[^|·»]{1,40}$")
_PART = re.compile(r"\s+\((\d{1,2})(?:/\d+)?\)$")  # but printf(3), and (1969)
_NUMBER = re.compile(
    r"^(?:§+\s*)?(?:(?:[A-Z]\.\s?)?\d+(?:\.\d+)+\.?|[A-Z]\.\s?\d+|\d{1,3}[.)]|[IVXLC]+\.|[A-Z][.)])\s+(?=\S)"
)
_NUMERAL = re.compile(
    r"(?:(?:chapter|part|section|book|volume|vol\.?|appendix|episode|lesson|module|unit|day|week|step|page|figure|fig\.?"
    r"|table|exercise|example|question|item|act|scene|canto|letter|version|release|issue|no\.?)\s*[-#:.]?\s*)?"
    r"(?:v?\d[\d.,/-]*(?:rc\d+|[ab]\d+)?|[ivxlcdm]+|[a-z]|one|two|three|four|five|six|seven|eight|nine|ten)?[.:)]?",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"\S+(?:\s+\S+){0,3}\s+#?\d+")  # "Go Time 336": one of a series
_RELEASE = re.compile(
    r"\brelease notes\b|^(?:\w+ )?(?:fixes|updates|changes|features|new)\b.* (?:since|in|from|for)\b.*\d",
    re.IGNORECASE,
)
_CODE = re.compile(r"[=;{}\\]|\w\(\)|\w\.\w+\(|\bimport\b.*\*|^\S*[\w)]\.[a-z]{1,5}$|::|->|^[\w./-]*/[\w./-]*$")
_WORD = re.compile(r"[^\W\d_]{2,}")
_LONG_WORD = re.compile(r"[^\W\d_]{4,}")
_ACRONYM = re.compile(r"\b[A-Z][A-Z\d]+\b")
_QUESTION = re.compile(
    r"(?:how (?:to|do|does|did|can|could|should|is|are|many|much|often|long)"
    r"|what(?:'s| is| are| does| do| did| was| were| can| should| happens)"
    r"|why (?:is|are|do|does|did|was|were|can|should|not|use)|when (?:to|is|are|do|does|did|should|was|were|can)"
    r"|where (?:to|is|are|do|does|did|can|should)|which \w+ (?:is|are|do|does|should|to)"
    r"|who (?:is|are|was|were|can|should)|can (?:i|you|we|one)|should (?:i|you|we)|do (?:i|you|we))\s",
    re.IGNORECASE,
)
_FIRST_SENTENCE = 150  # characters
_FIRST_WORDS = 100  # characters
_UNFINISHED = frozenset(
    ("a", "an", "the", "of", "and", "or", "in", "to", "for", "with", "by", "from", "at", "as", "is")
)


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading as a query.

    Attributes:
        query: the heading as a search query; empty if it makes none.
        is_question: whether the heading is a question.
        reason: the rule that the heading breaks, if it makes no query.
    """

    query: str
    is_question: bool = False
    reason: str = ""


def heading_of(document: Document) -> Heading | None:
    """Return a document's heading as a query.

    This is the section's heading if there is one, preceded by the title if it has one or two words. Otherwise it
    is the title.

    Returns:
        The heading, or None if the document has neither title nor section.
    """
    title, section = folded(document.title), folded(document.section)
    if section.casefold() == title.casefold():
        section = ""
    if not (title or section):
        return None
    part = _PART.search(section or title)
    if part and int(part[1]) > 1:  # "Isaiah (4)", "Budget (2/3)": a later part of a text
        return Heading("", reason=NO_QUERY)
    heading, above = _stripped(section or title), _stripped(title) if section else ""
    alone = is_question(heading) or not section or len(heading.split()) > 2
    reason = _reason_against(heading) or ("" if alone else _reason_against(above))
    if reason:
        return Heading("", reason=reason)
    return Heading(heading if alone else f"{above}: {heading}", is_question=is_question(heading))


def folded(text: str) -> str:
    """Return the text with each run of white space replaced by one space."""
    return " ".join(text.split())


def _stripped(heading: str) -> str:
    """A heading without its number, the name of the site and reply prefixes."""
    heading = _PART.sub("", _SITE.sub("", _PREFIX.sub("", heading, count=1)))
    heading = heading.strip("#¶ ").replace("&amp;", "&")
    if heading[:1] in ("*", "_"):
        heading = heading.strip("*_")
    while heading and not (heading[0].isalnum() or heading[0] in "\"'“‘«([<¿¡.$@"):  # bullets, emoji
        heading = heading[1:]
    return _NUMBER.sub("", heading, count=1).strip()


def _reason_against(heading: str) -> str:
    """The rule that a stripped heading breaks, or the empty string."""
    words = heading.split()
    if not words:
        return NO_QUERY
    if heading.casefold().rstrip(".:!?") in _UNSPECIFIC or _NUMERAL.fullmatch(heading.rpartition(": ")[2]):
        return NO_QUERY
    if _COUNTED.fullmatch(heading) or _RELEASE.search(heading):
        return NO_QUERY
    if (
        _CODE.search(heading)
        or 2 * sum(map(len, _WORD.findall(heading))) < len(heading)
        or (len(words) == 1 and "_" in heading)
    ):
        return NOT_WORDS
    if len(words) > MAX_WORDS or words[-1] in _UNFINISHED or (heading[:1].islower() and heading.endswith(".")):
        return RUNS_ON
    return ""


def is_question(heading: str) -> bool:
    """Return whether a heading is a question: it ends with a question mark or starts like one ("how to ...")."""
    return heading.rstrip("\"'”’) ").endswith(("?", "？", "؟")) or bool(_QUESTION.match(heading))


def asks(text: str) -> bool:
    """Return whether a text contains questions, so that it is more than the answer to its heading.

    The first 150 characters do not count: they may repeat the heading's question in other words.
    """
    return any(mark in text[_FIRST_SENTENCE:] for mark in "?？؟")


def reason_against_text(query: str, text: str) -> str:
    """Return the rule by which a text does not match its heading, or the empty string.

    `RUNS_ON`: the text continues the heading's sentence. `UNRELATED`: the text has none of the heading's words, as
    in the middle of a novel or in a reply that has changed the subject.

    Args:
        query: the heading.
        text: the passage below it.
    """
    if text[:1].islower():
        return RUNS_ON
    if " " not in query:  # a single word may be a category; the subject of a text is named at its start
        text = text[:_FIRST_WORDS]
    if any(name in text for name in _ACRONYM.findall(query)):
        return ""
    words = _LONG_WORD.findall(query) or _WORD.findall(query)
    stems = [word[: max(4, len(word) - 3)] for word in words]  # the part that inflection rarely changes
    if any(stem in text for stem in stems):
        return ""
    text = text.casefold()
    if Script.of(query).unspaced:
        stems = [query[i : i + 2] for i in range(len(query) - 1)]
    return "" if any(stem.casefold() in text for stem in stems) else UNRELATED


def without_heading(text: str, query: str) -> str:
    """Return a text without its heading if the text starts with it, else the text unchanged."""
    bare = _NUMBER.sub("", text, count=1)
    if bare[: len(query)].casefold() != query.casefold() or bare[len(query) : len(query) + 1].isalnum():
        return text
    rest = bare[len(query) :].lstrip(" .:;,?-–—")
    return text if rest[:1].islower() else rest or text
