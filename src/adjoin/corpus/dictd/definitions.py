r"""One entry of a dictionary → what it defines, and its definitions.

The styles are told apart by the entry itself:

    Gypsum \Gyp"sum\, n. [L.] (Min.)      GCIDE: pronunciation, etymology, field; senses and phrases are paragraphs
    n 1: a mineral [syn: {plaster}]       WordNet: senses are numbered, synonyms are listed with each
    GYPSUM, n.  A mineral.                The Devil's Dictionary: the definition begins in the head's line
    gypsum / A mineral.                   all others: the head has a line to itself

Examples within a definition stay; those that are set off, as quotations, verse and code are, do not.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from adjoin.corpus.dictd.marks import (
    LINK,
    SPEECH,
    blank,
    cleaned,
    whole_words,
    with_letters,
    without_brackets,
    words_of,
)
from adjoin.corpus.document import PROSE, Document
from adjoin.corpus.readers.sections import Rows, one_line, put

MAX_TERMS = 4  # the head, and other words for the same

# Of GCIDE: `Gypsy \Gyp"sy\ (j[i^]p"s[y^]), n.; pl. {Gypsies} (j[i^]p"s[i^]z). [OE. Gypcyan] (Bot.)`.
_SPOKEN = re.compile(
    r"\s*([^\\{}\[\]]{1,100}?)\s*\\[^\\]{0,200}\\(?:\s*\([^()]{0,200}\))?"
    r"(?:,? or(?=\s)|,(?=\s+[^\\{}\[\]]{1,100}\\))?"
)
_STRESS = re.compile(r"(?<=\w)[\"*`](?=\w|\Z| )")
_GRAMMAR = re.compile(
    r"(?:[\s,;:.&]|\([^()]{0,80}\)|(?:also|or|and)\b"
    r"|(?:(?:pl|imp|p\. p|compar|superl|fem)\.\s*(?:[A-Z][a-z]?\.\s*)?|(?<=, )[A-Z][a-z]?\.\s*)\{[^{}]*\}"
    rf"|{SPEECH}\.)+"
)
_PHRASE = re.compile(
    r"\s*\{[^{}]{2,80}\}(?:(?:,? or |, )\{[^{}]{2,80}\})*(?:\s*\([^()]{0,80}\))*\s*(?:[,.:;]|--|\bor\b)\s*"
)
_SENSE_NUMBER = re.compile(r"\s*\d+\.\s")
_QUOTATION = 8  # spaces before one

# Of WordNet.
_FIRST_SENSE = re.compile(r"\A +(?:n|v|adj|adv|prep|conj|s|r|a) +(?:1 *)?: ")
_SENSE = re.compile(r"(?:\A|\n) *(?:(?:n|v|adj|adv|prep|conj|s|r|a)\b *)?(?:\d+ *)?: ")
_LIST = re.compile(r"\[(syn|ant|also|pl|sim):([^\[\]]*)\]")
_EXAMPLES = re.compile(r"[;:,]?\s*\"[^\"]*(?:\"|\Z).*\Z", re.DOTALL)  # the first, and all behind it
_PLACE = re.compile(r"\((?:a|p|ip)\)\Z")  # whether an adjective stands before its noun

_IN_HEAD = re.compile(rf"\A([A-Z][^a-z\n]{{0,60}}?), {SPEECH}\.(?:,? ?{SPEECH}\.)*(?=\s|\Z)")
_SAME_HEADS = "%%%"  # between the heads of FOLDOC
_VALUE = re.compile(r"[A-Z][a-z]+(?: [a-z]+)?: \S+")  # Symbol: H
_LOST_MARK = re.compile(r"\A[,;.](?: |\Z)| ([,;.])(?= |\Z)")  # what stood behind a link or a reference
_INDENTATION = re.compile(r" *")
_SET_OFF = 4  # spaces further to the right than the definition begins


@dataclass(slots=True)
class Definition:
    """What an entry says of one thing.

    Attributes:
        terms: the words for it, the head first.
        rows: line of the file, from 0 → what stands there.
    """

    terms: list[str]
    rows: Rows = field(default_factory=dict)

    def document(self, origin: str, licence: str) -> Document:
        """The Document of a definition, its lines where they stood."""
        first, last = min(self.rows), max(self.rows)
        text = "\n".join(self.rows.get(line, "") for line in range(first, last + 1))
        term = ", ".join(self.terms)
        return Document.of(text, PROSE, origin, first_line=first + 1, licence=licence, term=term)

    def put(self, first: int, text: str) -> None:
        """Add lines of text; none that has no letters."""
        if any(map(str.isalpha, text)):
            for number, line in enumerate(text.split("\n"), start=first):
                put(self.rows, number, _LOST_MARK.sub(r"\1", " ".join(line.split())))


def begins_definition(line: str) -> bool:
    """Whether an entry's first line is as in `GYPSUM, n.  A mineral.`: its head, a part of speech, and more."""
    return bool(_IN_HEAD.match(line))


def definitions_of(lines: list[str], first: int) -> list[Definition]:
    """What an entry defines: its head, in WordNet each sense of it, in GCIDE also phrases with it.

    Args:
        lines: of the entry, the head's first, none with white space at its end.
        first: the number of the first line in the file, counted from 0.
    """
    if "\\" in lines[0]:
        definitions = list(_webster(lines, first))
    elif _FIRST_SENSE.match("\n".join(lines[1:2])):
        definitions = list(_wordnet(lines[0], "\n".join(lines[1:]), first + 1))
    else:
        definitions = [_plain(lines, first)]
    return [one for one in definitions if one.rows and one.terms]


def _plain(lines: list[str], first: int) -> Definition:
    """The definition of an entry that has no marks of its own but, perhaps, in its head."""
    if inside := _IN_HEAD.match(lines[0]):
        definition = Definition([inside[1].lower()])
        body, begin = [lines[0][inside.end() :].lstrip(), *lines[1:]], first
        margin = 0
    else:
        under = 1
        while _SAME_HEADS in lines[0] and under < len(lines) and lines[under][:1].strip():
            under += 1
        heads = " ".join(lines[:under]).split(_SAME_HEADS)
        definition = Definition([one_line(head) for head in heads][:MAX_TERMS])
        while under < len(lines) and _indentation(lines[under]) == 1:  # of the Jargon File: " /fo'bar/, n."
            under += 1
        while under < len(lines) and _VALUE.fullmatch(lines[under]):
            under += 1
        body, begin = lines[under:], first + under
        margin = next((_indentation(line) for line in body if line), 0)
    for number, paragraph in _paragraphs(body, begin):
        set_off = min(map(_indentation, paragraph)) - margin
        if set_off < (_SET_OFF if margin else 1):
            definition.put(number, cleaned("\n".join(paragraph)))
    return definition


def _indentation(line: str) -> int:
    match = _INDENTATION.match(line)
    return match.end() if match and line else 0


def _paragraphs(lines: list[str], first: int) -> Iterator[tuple[int, list[str]]]:
    """The paragraphs: number of the first line in the file, and lines."""
    open_lines: list[str] = []
    for number, line in enumerate([*lines, ""], start=first):
        if line:
            open_lines.append(line)
        elif open_lines:
            yield number - len(open_lines), open_lines
            open_lines = []


def _webster(lines: list[str], first: int) -> Iterator[Definition]:
    """The head's definition, and those of the phrases with it, which are paragraphs of their own."""
    main = current = Definition([])
    yield main
    for number, paragraph in _paragraphs(lines, first):
        text = with_letters("\n".join(paragraph))
        if number == first:
            text = _without_head(text, main)
        elif _indentation(paragraph[0]) >= _QUOTATION:
            continue
        elif phrase := _PHRASE.match(text):
            current = Definition([_unstressed(link) for link in LINK.findall(phrase[0])][:MAX_TERMS])
            yield current
            text = blank(phrase[0]) + text[phrase.end() :]
        elif _SENSE_NUMBER.match(text):
            current = main
        current.put(number, cleaned(text))


def _without_head(text: str, main: Definition) -> str:
    """A paragraph without the entry's head, whose words are noted."""
    end = 0
    while spoken := _SPOKEN.match(text, end):
        main.terms.append(_unstressed(spoken[1]))
        end = spoken.end()
    main.terms = [term for term in dict.fromkeys(main.terms) if term][:MAX_TERMS]
    rest = without_brackets(text[end:])
    grammar = _GRAMMAR.match(rest)
    begin = grammar.end() if grammar else 0
    return blank(text[:end]).strip(" ") + blank(rest[:begin]) + rest[begin:]


def _unstressed(term: str) -> str:
    """A term without the marks of its pronunciation."""
    return _STRESS.sub("", words_of(term))


def _wordnet(head: str, text: str, first: int) -> Iterator[Definition]:
    """The senses of a word one by one, each with its own synonyms; without the examples behind them.

    One by one, so that decontamination, which knows a short text from end to end alone, knows each.
    """
    senses = list(_SENSE.finditer(text))
    ends = [*(sense.start() for sense in senses[1:]), len(text)]
    for sense, end in zip(senses, ends, strict=True):
        whole = text[sense.end() : end]
        terms = {head.casefold(): head}
        for kind, listed in _LIST.findall(whole):
            for link in LINK.findall(listed) if kind == "syn" else ():
                synonym = _PLACE.sub("", words_of(link))
                terms.setdefault(synonym.casefold(), synonym)
        definition = Definition(list(terms.values())[:MAX_TERMS])
        said = _EXAMPLES.sub("", _LIST.sub(lambda listed: blank(listed[0]), whole))
        gloss = whole_words(LINK.sub(r"\1", said)).rstrip(" \n;:,")
        if gloss.rstrip("\"'")[-1:] not in (".", "!", "?", ""):
            gloss += "."
        definition.put(first + text.count("\n", 0, sense.end()), gloss)
        yield definition
