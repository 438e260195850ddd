r"""One entry of a dictionary → its terms and definitions.

The entry itself shows its style:

    Gypsum \Gyp"sum\, n. [L.] (Min.)      GCIDE: pronunciation, etymology, field; senses and phrases are paragraphs
    n 1: a mineral [syn: {plaster}]       WordNet: numbered senses, each with its synonyms
    GYPSUM, n.  A mineral.                The Devil's Dictionary: the definition begins on the headword's line
    gypsum / A mineral.                   all others: the headword has its own line

Examples within a definition are kept; indented ones, such as quotations, verse and code, are dropped.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from adjoin.corpus.dictd.marks import (
    LINK,
    PART_OF_SPEECH,
    clean_paragraph,
    decode_letters,
    join_hyphenated,
    line_ends,
    link_words,
    without_brackets,
)
from adjoin.corpus.document import PROSE, Document
from adjoin.corpus.readers.sections import Rows, one_line, put

MAX_TERMS = 4  # the headword and its synonyms

# Of GCIDE: `Gypsy \Gyp"sy\ (j[i^]p"s[y^]), n.; pl. {Gypsies} (j[i^]p"s[i^]z). [OE. Gypcyan] (Bot.)`.
_SPOKEN = re.compile(
    r"\s*([^\\{}\[\]]{1,100}?)\s*\\[^\\]{0,200}\\(?:\s*\([^()]{0,200}\))?"
    r"(?:,? or(?=\s)|,(?=\s+[^\\{}\[\]]{1,100}\\))?"
)
_STRESS = re.compile(r"(?<=\w)[\"*`](?=\w|\Z| )")
_GRAMMAR = re.compile(
    r"(?:[\s,;:.&]|\([^()]{0,80}\)|(?:also|or|and)\b"
    r"|(?:(?:pl|imp|p\. p|compar|superl|fem)\.\s*(?:[A-Z][a-z]?\.\s*)?|(?<=, )[A-Z][a-z]?\.\s*)\{[^{}]*\}"
    rf"|{PART_OF_SPEECH}\.)+"
)
_PHRASE = re.compile(
    r"\s*\{[^{}]{2,80}\}(?:(?:,? or |, )\{[^{}]{2,80}\})*(?:\s*\([^()]{0,80}\))*\s*(?:[,.:;]|--|\bor\b)\s*"
)
_SENSE_NUMBER = re.compile(r"\s*\d+\.\s")
_QUOTATION = 8  # spaces before a quotation

# Of WordNet.
_FIRST_SENSE = re.compile(r"\A +(?:n|v|adj|adv|prep|conj|s|r|a) +(?:1 *)?: ")
_SENSE = re.compile(r"(?:\A|\n) *(?:(?:n|v|adj|adv|prep|conj|s|r|a)\b *)?(?:\d+ *)?: ")
_LIST = re.compile(r"\[(syn|ant|also|pl|sim):([^\[\]]*)\]")
_PLACE = re.compile(r"\((?:a|p|ip)\)\Z")  # whether an adjective stands before its noun

_IN_HEAD = re.compile(rf"\A([A-Z][^a-z\n]{{0,60}}?), {PART_OF_SPEECH}\.(?:,? ?{PART_OF_SPEECH}\.)*(?=\s|\Z)")
_HEAD_SEPARATOR = "%%%"  # between the headwords of a FOLDOC entry
_VALUE = re.compile(r"[A-Z][a-z]+(?: [a-z]+)?: \S+")  # Symbol: H
_LOST_MARK = re.compile(r"\A[,;.](?: |\Z)| ([,;.])(?= |\Z)")  # punctuation after a removed link or reference
_INDENTATION = re.compile(r" *")
_SET_OFF = 4  # spaces of indentation, beyond the definition's own, from which a paragraph is an example


@dataclass(slots=True)
class Definition:
    """One definition of an entry.

    Attributes:
        terms: the words for what is defined, the headword first.
        rows: line of the file, counted from 0 → its text.
    """

    terms: list[str]
    rows: Rows = field(default_factory=dict)

    def document(self, origin: str, licence: str) -> Document:
        """Return the Document of this definition, aligned with the lines of the file."""
        first, last = min(self.rows), max(self.rows)
        text = "\n".join(self.rows.get(line, "") for line in range(first, last + 1))
        term = ", ".join(self.terms)
        return Document.of(text, PROSE, origin, first_line=first + 1, licence=licence, term=term)

    def put(self, first: int, text: str) -> None:
        """Add text that begins on line `first` of the file, unless it has no letters."""
        if any(map(str.isalpha, text)):
            for number, line in enumerate(text.split("\n"), start=first):
                put(self.rows, number, _LOST_MARK.sub(r"\1", " ".join(line.split())))


def begins_definition(line: str) -> bool:
    """Return whether an entry's first line has a headword and a part of speech: `GYPSUM, n.  A mineral.`."""
    return bool(_IN_HEAD.match(line))


def definitions_of(lines: list[str], first: int) -> list[Definition]:
    """Return the definitions of an entry: one, in WordNet one per sense, in GCIDE also one per phrase.

    Args:
        lines: lines of the entry, the headword's first, without white space at their ends.
        first: line of the file on which the entry begins, counted from 0.
    """
    if "\\" in lines[0]:
        definitions = list(_webster(lines, first))
    elif _FIRST_SENSE.match("\n".join(lines[1:2])):
        definitions = list(_wordnet(lines[0], "\n".join(lines[1:]), first + 1))
    else:
        definitions = [_plain(lines, first)]
    return [definition for definition in definitions if definition.rows and definition.terms]


def _plain(lines: list[str], first: int) -> Definition:
    """The definition of an entry without markup, except perhaps in its headword."""
    if inside := _IN_HEAD.match(lines[0]):
        definition = Definition([inside[1].lower()])
        body, begin = [lines[0][inside.end() :].lstrip(), *lines[1:]], first
        margin = 0
    else:
        under = 1
        while _HEAD_SEPARATOR in lines[0] and under < len(lines) and lines[under][:1].strip():
            under += 1
        heads = " ".join(lines[:under]).split(_HEAD_SEPARATOR)
        definition = Definition([one_line(head) for head in heads][:MAX_TERMS])
        while under < len(lines) and _indentation(lines[under]) == 1:  # Jargon File: " /fo'bar/, n."
            under += 1
        while under < len(lines) and _VALUE.fullmatch(lines[under]):
            under += 1
        body, begin = lines[under:], first + under
        margin = next((_indentation(line) for line in body if line), 0)
    for number, paragraph in _paragraphs(body, begin):
        set_off = min(map(_indentation, paragraph)) - margin
        if set_off < (_SET_OFF if margin else 1):
            definition.put(number, clean_paragraph("\n".join(paragraph)))
    return definition


def _indentation(line: str) -> int:
    match = _INDENTATION.match(line)
    return match.end() if match and line else 0


def _paragraphs(lines: list[str], first: int) -> Iterator[tuple[int, list[str]]]:
    """The paragraphs: line of the file on which each begins, and its lines."""
    open_lines: list[str] = []
    for number, line in enumerate([*lines, ""], start=first):
        if line:
            open_lines.append(line)
        elif open_lines:
            yield number - len(open_lines), open_lines
            open_lines = []


def _webster(lines: list[str], first: int) -> Iterator[Definition]:
    """The headword's definition, and one for each phrase, which has its own paragraph."""
    main = current = Definition([])
    yield main
    for number, paragraph in _paragraphs(lines, first):
        text = decode_letters("\n".join(paragraph))
        if number == first:
            text = _without_head(text, main)
        elif _indentation(paragraph[0]) >= _QUOTATION:
            continue
        elif phrase := _PHRASE.match(text):
            current = Definition([_unstressed(link) for link in LINK.findall(phrase[0])][:MAX_TERMS])
            yield current
            text = line_ends(phrase[0]) + text[phrase.end() :]
        elif _SENSE_NUMBER.match(text):
            current = main
        current.put(number, clean_paragraph(text))


def _without_head(text: str, main: Definition) -> str:
    """The first paragraph without the headwords, which become the terms of `main`."""
    end = 0
    while spoken := _SPOKEN.match(text, end):
        main.terms.append(_unstressed(spoken[1]))
        end = spoken.end()
    main.terms = [term for term in dict.fromkeys(main.terms) if term][:MAX_TERMS]
    rest = without_brackets(text[end:])
    grammar = _GRAMMAR.match(rest)
    begin = grammar.end() if grammar else 0
    return line_ends(text[:end]).strip(" ") + line_ends(rest[:begin]) + rest[begin:]


def _unstressed(term: str) -> str:
    """A term without its stress marks."""
    return _STRESS.sub("", link_words(term))


def _wordnet(head: str, text: str, first: int) -> Iterator[Definition]:
    """One definition per sense of a word, with the synonyms of that sense and without examples.

    The senses are separate because decontamination recognises a short text only as a whole.
    """
    senses = list(_SENSE.finditer(text))
    ends = [*(sense.start() for sense in senses[1:]), len(text)]
    for sense, end in zip(senses, ends, strict=True):
        whole = text[sense.end() : end]
        terms = {head.casefold(): head}
        for kind, listed in _LIST.findall(whole):
            for link in LINK.findall(listed) if kind == "syn" else ():
                synonym = _PLACE.sub("", link_words(link))
                terms.setdefault(synonym.casefold(), synonym)
        definition = Definition(list(terms.values())[:MAX_TERMS])
        without_examples = _without_examples(_LIST.sub(lambda listed: line_ends(listed[0]), whole))
        gloss = join_hyphenated(LINK.sub(r"\1", without_examples)).rstrip(" \n;:,")
        if gloss.rstrip("\"'")[-1:] not in (".", "!", "?", ""):
            gloss += "."
        definition.put(first + text.count("\n", 0, sense.end()), gloss)
        yield definition


def _without_examples(text: str) -> str:
    """The text before the first example, which stands in quotation marks, and before the mark in front of it."""
    before, quote, _ = text.partition('"')
    if not quote:
        return text
    before = before.rstrip()
    return before[:-1] if before.endswith((";", ":", ",")) else before
