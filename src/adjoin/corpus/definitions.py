r"""One entry of a dictionary → what it defines, and the definition without the marks of lexicographers.

The styles are told apart by the entry itself:

    Gypsum \Gyp"sum\, n. [L.] (Min.)      GCIDE: pronunciation, etymology, field; senses and phrases are paragraphs
    n 1: a gypsum [syn: {plaster}]        WordNet: senses are numbered, synonyms are listed with each
    GYPSUM, n.  A mineral.                The Devil's Dictionary: the definition begins in the head's line
    gypsum / A mineral.                   all others: the head has a line to itself

Left out: pronunciation, parts of speech, etymologies and sources, fields, quotations and examples that are set off,
references to other entries, lists of synonyms, dates. Examples within a definition stay.
"""

import re
import unicodedata
from dataclasses import dataclass, field

from adjoin.corpus.document import PROSE, Document
from adjoin.corpus.sections import Rows, one_line, put

MAX_SYNONYMS = 3  # beside the head

_SPEECH = (
    r"(?:n|a|adj|adv|v|vb|vi|vt|t|i|p|pr|prep|pron|conj|interj|imp|pl|sing|fem|masc|compar|superl|obs|excl|abbr)"
)
_PARAGRAPH = re.compile(r"\n\n+")
# Of GCIDE: `Gypsy \Gyp"sy\ (j[i^]p"s[y^]), n.; pl. {Gypsies} (j[i^]p"s[i^]z). [OE. Gypcyan] (Bot.)`.
_SPOKEN = re.compile(r"\s*([^\\{}\[\]]{1,100}?)\s*\\[^\\]{0,200}\\(?:\s*\([^()]{0,200}\))?(?:,? or(?=\s)|,(?=\s+[^\\{}\[\]]{1,100}\\))?")
_GRAMMAR = re.compile(
    rf"(?:[\s,;:.&]|\([^()]{{0,80}}\)|(?:also|or|and)\b|(?:(?:pl|imp|p\. p|compar|superl|fem)\.\s*(?:[A-Z][a-z]?\.\s*)?|(?<=, )[A-Z][a-z]?\.\s*)\{{[^{{}}]*\}}|{_SPEECH}\.)+"
)
_PHRASE = re.compile(
    r"\s*\{([^{}]{2,80})\}((?:,? or |, )\{[^{}]{2,80}\})*(?:\s*\([^()]{0,80}\))*\s*(?:[,.:]|--|\bor\b)?\s*"
)
_AUTHOR = re.compile(r"\s--\(?[A-Z][^{};]{0,60}\Z")
_SYNONYMS = re.compile(r"(?:--\s*|\A\s*)Syn[:.].*\Z", re.DOTALL)
_FIELD = re.compile(r"\((?:[A-Z][A-Za-z]*\.?[ ,&]*(?:and )?)*[A-Z][A-Za-z]*\.\)")
_NUMBER = re.compile(rf"\A\s*(?:(?:\d{{1,3}}\.|\([a-z]\))\s+)*(?:{_SPEECH}\.\s*)*(?:\([A-Z][A-Za-z.&, ]{{0,30}}\)\s*|/[^\s/][^/\n]{{0,60}}/\s+)?")
_BROKEN_WORD = re.compile(r"(?<=\w)(-)\n\s*(?=\w)(\S+)")
_OTHER_SPEECH = re.compile(rf"--\s*(?:{_SPEECH}\.\s*)+")
_NOTE = re.compile(r"\A\s*Note:\s*")
_LABEL = re.compile(r"\A\s*[\w -]{1,30}:\W*\Z")  # what stood before an address
_SOURCE = re.compile(r"\[[^\[\]]*\][ ]+(?:AS|CV|PJC|RDH|GG)\b")  # where an editor's mark slipped out of its brackets
_BRACKETS = re.compile(r"\[[^\[\]]*\]")
_CATEGORY = re.compile(r"\A(\s*(?:\d+\.\s+)?)<[A-Za-z][^<>@:/\n]{0,60}>")  # of FOLDOC
_DATE = re.compile(r"\A\s*\(\d{4}-\d\d-\d\d\)\s*\Z")
_ADDRESS = re.compile(r"\{?[(<]*(?:https?|ftp|news|gopher|telnet|mailto):[^\s{}<>]*[)>]*\}?|<[^<>\s]*@[^<>\s]*>")
_SEE = (
    r"(?<![\w-])(?:[Ss]ee(?: also| under)?|Cf\.|cf\.|Compare|compare|Contrast|Syn\.)(?: the)?"
    r"(?: (?:Note|Illust\.?)(?: of| under)?)?:?\s+\{[^{}]*\}"
    rf"(?:[,;\s]+(?:(?:and|or|under)\s+)?\{{[^{{}}]*\}}|[,;]?\s+(?:{_SPEECH}\.|\d{{1,2}}\b|\([a-z]\)|\(sense \d+\)))*"
)
_REFERENCE = re.compile(rf"\((?:but |or )?{_SEE}\)|{_SEE}(?P<end>[.,;]?)")
_PLAIN_LETTERS = {
    "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "aum": "ä", "oum": "ö", "uum": "ü", "imac": "ī", "deg": "°",
    "eth": "ð", "thorn": "þ", "asl": "a", "root": "√", "sect": "§", "frac12": "½", "frac14": "¼", "frac34": "¾",
    "=oo": "oo", "oo^": "oo", "=ae": "æ", "add": "a", "udd": "u", "pound": "£", "prime": "′",
}  # fmt: skip
_ACCENTS = {"'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", ",": "\u0327", "=": "\u0304"}
_LETTER = re.compile(
    r"\[(?:(" + "|".join(map(re.escape, _PLAIN_LETTERS)) + r")|([-'`^\"~,=.*])([A-Za-z])|([A-Za-z])([\^]))\]"
)

# Of WordNet.
_SENSE = re.compile(r"(?:\A|\n)\s*(?:(?:n|v|adj|adv|prep|conj|s|r|a)\b\s*)?(?:\d+\s*)?:\s")
_FIRST_SENSE = re.compile(r"\A\s+(?:n|v|adj|adv|prep|conj|s|r|a)\s+(?:1\s*)?:\s")
_LIST = re.compile(r"\[(syn|ant|also|pl|sim):([^\[\]]*)\]")
_LINK = re.compile(r"\{([^{}]*)\}")

_DEVIL = re.compile(rf"\A([A-Z][^a-z\n]{{0,60}}?), {_SPEECH}\.(?:,? ?{_SPEECH}\.)*(?=\s|\Z)")
_VALUE = re.compile(r"[A-Z][a-z]+(?: [a-z]+)?: \S+")  # Symbol: H


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
        return Document.of(
            text, PROSE, origin, first_line=first + 1, licence=licence, term=", ".join(self.terms)
        )


def definitions_of(lines: list[str], first: int) -> list[Definition]:
    """What an entry defines: its head, and in GCIDE the phrases that have a definition of their own.

    Args:
        lines: of the entry, the head's first.
        first: the number of the first line in the file, counted from 0.
    """
    head, rest = lines[0], lines[1:]
    if "\\" in head:
        found = _webster(lines, first)
    elif devil := _DEVIL.match(head):
        one = Definition([devil[1].lower()])
        _add(one, [" " * devil.end() + head[devil.end() :], *rest], first, margin=0)
        found = [one]
    elif _FIRST_SENSE.match("\n".join(rest[:1])):
        found = [_wordnet(head, rest, first + 1)]
    else:
        found = [_other(lines, first)]
    return [one for one in found if one.rows and one.terms]


def _other(lines: list[str], first: int) -> Definition:
    """An entry whose head stands in lines of its own: of FOLDOC several, joined by "%%%"."""
    under = 1
    if "%%%" in lines[0]:
        while under < len(lines) and lines[under][:1].strip():
            under += 1
    terms = [one_line(term) for term in " ".join(lines[:under]).split("%%%")]
    while under < len(lines) and re.match(r" \S", lines[under]):  # the Jargon File's pronunciation and part of speech
        under += 1
    body = lines[under:]
    while body and _VALUE.fullmatch(body[0]):
        body, under = body[1:], under + 1
    found = Definition(terms[: 1 + MAX_SYNONYMS])
    begun = [len(line) - len(line.lstrip()) for line in body if line.strip()]
    if begun:
        _add(found, body, first + under, margin=begun[0])
    return found


def _add(found: Definition, body: list[str], first: int, *, margin: int) -> None:
    """Add the paragraphs of a definition; not those that are set off from its margin, as verse and code are."""
    for number, paragraph in _paragraphs(body, first):
        inner = min(len(line) - len(line.lstrip()) for line in paragraph)
        if not inner > margin + (0 if margin == 0 else 3):
            _put(found, number, _cleaned("\n".join(paragraph)))


def _paragraphs(lines: list[str], first: int) -> list[tuple[int, list[str]]]:
    """The paragraphs: number of the first line in the file, and lines."""
    found: list[tuple[int, list[str]]] = []
    is_open = False
    for number, line in enumerate(lines, start=first):
        if line and not is_open:
            found.append((number, []))
        if line:
            found[-1][1].append(line)
        is_open = bool(line)
    return found


def _put(found: Definition, first: int, text: str) -> None:
    if any(map(str.isalpha, text)):
        for number, line in enumerate(text.split("\n"), start=first):
            put(found.rows, number, " ".join(line.split()))


def _webster(lines: list[str], first: int) -> list[Definition]:
    """The head's definition, and those of the phrases with it, which are paragraphs of their own."""
    main = Definition([])
    found = [main]
    for number, paragraph in _paragraphs(lines, first):
        text = _LETTER.sub(_letter, "\n".join(paragraph))
        if number == first:
            text = _without_head(text, main)
        elif len(paragraph[0]) - len(paragraph[0].lstrip()) >= 8:
            continue  # a quotation
        elif phrase := _PHRASE.match(text):
            found.append(Definition([_plain(term) for term in _LINK.findall(phrase[0])[: 1 + MAX_SYNONYMS]]))
            text = _blank(phrase[0]) + text[phrase.end() :]
        elif re.match(r"\s*\d+\.\s", text):
            found.append(main)
        _put(found[-1], number, _cleaned(text))
    return list({id(one): one for one in found}.values())


def _without_head(text: str, main: Definition) -> str:
    """A paragraph without the entry's head, whose words are noted."""
    end = 0
    while spoken := _SPOKEN.match(text, end):
        main.terms += [one_line(spoken[1])]
        end = spoken.end()
    main.terms = [term for term in dict.fromkeys(main.terms) if term][: 1 + MAX_SYNONYMS]
    rest = _without_brackets(text[end:])
    grammar = _GRAMMAR.match(rest)
    begin = grammar.end() if grammar else 0
    return _blank(text[:end]) + _blank(rest[:begin]) + rest[begin:]


def _wordnet(head: str, body: list[str], first: int) -> Definition:
    """All senses of a word; beside it its synonyms in the first ones."""
    text = "\n".join(body)
    synonyms = [
        re.sub(r"\((?:a|p|ip)\)$", "", _plain(link))
        for kind, listed in _LIST.findall(text)
        if kind == "syn"
        for link in _LINK.findall(listed)
    ]
    known = {head.casefold()}
    terms = [head] + [word for word in synonyms if not (word.casefold() in known or known.add(word.casefold()))]
    text = _LIST.sub(lambda listed: _blank(listed[0]), text)
    begins = [sense.end() for sense in _SENSE.finditer(text)]
    ends = [sense.start() for sense in _SENSE.finditer(text)][1:] + [len(text)]
    found = Definition(terms[: 1 + MAX_SYNONYMS])
    for begin, end in zip(begins, ends, strict=True):
        gloss = _BROKEN_WORD.sub(r"\1\2\n", _LINK.sub(r"\1", text[begin:end])).rstrip(" \n;")
        if gloss and gloss[-1] not in ".!?\"'":
            gloss += "."
        _put(found, first + text.count("\n", 0, begin), gloss)
    return found


def _cleaned(text: str) -> str:
    """A paragraph as one reads it, its lines where they stood."""
    if _DATE.match(text):
        return ""
    text = _without_brackets(_SOURCE.sub(" ", _CATEGORY.sub(r"\1", _ADDRESS.sub(" ", text))))
    for pattern in (_LABEL, _SYNONYMS, _NOTE, _NUMBER, _FIELD, _OTHER_SPEECH, _AUTHOR):
        text = pattern.sub(lambda found: _blank(found[0]), text)
    text = _BROKEN_WORD.sub(r"\1\2\n", _REFERENCE.sub(_referred, text))
    text = text.replace("{", "").replace("}", "")
    return re.sub(r"[ \t]+(?=[,;.])", "", text).lstrip(" ,;:")


def _referred(found: re.Match[str]) -> str:
    """What is left of a reference to another entry: within a sentence, the sentence's end."""
    before = found.string[: found.start()].rstrip()
    return _blank(found[0]) + ("" if not before or before[-1] in ".;:!?" else found["end"] or "")


def _without_brackets(text: str) -> str:
    """A text without its remarks in brackets, and those within them."""
    while (less := _BRACKETS.sub(lambda found: _blank(found[0]), text)) != text:
        text = less
    return text


def _letter(found: re.Match[str]) -> str:
    """One letter for its description: `[ae]`, `['e]`, `[o^]`."""
    named, mark, letter, short, _ = found.groups()
    if named:
        return _PLAIN_LETTERS[named]
    return unicodedata.normalize("NFC", letter + _ACCENTS.get(mark, "")) if letter else short


def _plain(term: str) -> str:
    return one_line(re.sub(r"(?<=\w-)\n\s*", "", _LETTER.sub(_letter, term)))


def _blank(text: str) -> str:
    """The line ends of a text."""
    return " " + "\n" * text.count("\n")
