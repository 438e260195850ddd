r"""Removes the markup of dictionary entries and keeps the text on its lines.

Described letters become letters (`[ae]`, `['e]`), and links become words (`{gypsum}`). Removed: etymologies and
sources in brackets, parts of speech, sense numbers, subject fields, authors of examples, derived words, lists of
synonyms, references to other entries, addresses and dates.
"""

import re
import unicodedata

from adjoin.corpus.readers.sections import one_line

PART_OF_SPEECH = (
    r"(?:n|a|adj|adv|v|vb|vi|vt|t|i|p|pr|prep|pron|conj|interj|imp|pl|sing|fem|masc|compar|superl|obs|excl|abbr"
    r"|prop)"
)
MAX_NESTED = 10  # brackets within brackets; each level is one more pass over the text
LINK = re.compile(r"\{([^{}]*)\}")

_LETTERS = {
    "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "aum": "ä", "oum": "ö", "uum": "ü", "imac": "ī", "deg": "°",
    "eth": "ð", "thorn": "þ", "asl": "a", "root": "√", "sect": "§", "frac12": "½", "frac14": "¼", "frac34": "¾",
    "=oo": "oo", "oo^": "oo", "=ae": "æ", "add": "a", "udd": "u", "pound": "£",
}  # fmt: skip
_ACCENTS = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", ",": "\u0327", "=": "\u0304",
}  # fmt: skip
_LETTER = re.compile(
    rf"\[(?:(?P<name>{'|'.join(map(re.escape, _LETTERS))})|(?P<accent>[-'`^\"~,=.*])(?P<letter>[A-Za-z])"
    r"|(?P<short>[A-Za-z])\^)\]"
)

# Whole paragraphs, and beginnings of paragraphs.
_DATE = re.compile(r"\A\s*\(\d{4}-\d\d-\d\d\)\s*\Z")
_LABEL = re.compile(r"\A\s*[\w -]{1,30}\W*\Z")  # the label of an address that was removed
_NOTE = re.compile(r"\A\s*(?:Note|Usage):\s*")
_CATEGORY = re.compile(r"\A(\s*(?:\d+\.\s+)?)<[A-Za-z][^<>@:/\n]{0,60}>")  # of FOLDOC
_NUMBER = re.compile(
    rf"\A\s*(?:(?:\d{{1,3}}\.|\([a-z]\))\s+)*(?:{PART_OF_SPEECH}\.\s*)*"
    r"(?:\([A-Z][A-Za-z.&, ]{0,30}\)\s*|/[^\s/][^/\n]{0,60}/\s+)?"  # (Law), and /nuk'see pro'bl*m/
)
# Anywhere.
_BRACKETS = re.compile(r"\[[^\[\]]*\]")
_SOURCE = re.compile(r"\[[^\[\]]*\](?:\s+[A-Z][\w-]*){1,40}\s*\Z")  # and stray words after it
_ADDRESS = re.compile(
    r"\{?[(<]{0,3}(?:https?|ftp|news|gopher|telnet|mailto):[^\s{}<>]*[)>]{0,3}\}?|<[^<>\s]{1,100}@[^<>\s]{1,100}>"
)
_FIELD = re.compile(r"\([A-Z][A-Za-z]*\.(?:[ ,&]+(?:and )?[A-Z][A-Za-z]*\.)*\)")  # (Physiol. Chem.)
_OTHER_PART_OF_SPEECH = re.compile(rf"--\s*(?:{PART_OF_SPEECH}\.\s*)+")
# "--Shak.", "--Sir W. Scott.", "--1 Cor. ix. 9."; a dash followed by a space belongs to the sentence.
_AUTHOR = re.compile(
    r"\s--\(?(?:[1-3] )?(?:(?:[A-Z][\w'-]*|[A-Z][a-z]{0,3}\.|&|of|de|the|and|in|von|van)\s+){0,4}"
    r"[A-Z][\w'-]*\.(?:\s+[ivxlc]+\.\s+\d[\d, ]*\.)?\)?(?=\s|\Z)"
    r"|\s--\(?[A-Z1-9][^{};]{0,60}\Z"
)
_DERIVED = re.compile(r"\s--\s*\{?[A-Z]\w*[*\"`][^;]{0,200}\Z")  # -- {Re*veal"a*ble*ness}, n.
_SYNONYMS = re.compile(r"(?:--\s*|\A\s*)Syn[:.].*\Z", re.DOTALL)
_SEE = (
    r"(?<![\w-])(?:[Ss]ee(?: also| under)?|Cf\.|cf\.|[Cc]ompare|Contrast|Syn\.)(?: the)?"
    r"(?: (?:Note|Illusts?\.?)(?: of| under)?)?:?\s+\{[^{}]*\}"
    r"(?:[,;\s]+(?:(?:and|or|under)\s+)?\{[^{}]*\}"
    rf"|[,;]?\s+(?:{PART_OF_SPEECH}\.|\d{{1,2}}\b|\([a-z]\)|\(sense \d+\)))*"
)
_REFERENCE = re.compile(rf"\((?:but |or )?{_SEE}\)|(?:,\s+)?{_SEE}(?P<end>[.,;]?)")
_BROKEN_WORD = re.compile(r"(?<=\w-)\n\s*(?=\w)(\S+)")


def clean_paragraph(text: str) -> str:
    """Remove the markup of one paragraph and keep its line ends; "" if no text is left."""
    text, addresses = _ADDRESS.subn(" ", _CATEGORY.sub(r"\1", text))
    if _DATE.match(text) or (addresses and _LABEL.match(text)):
        return ""
    text = without_brackets(_SOURCE.sub(lambda match: line_ends(match[0]), text))
    for pattern in (_SYNONYMS, _NOTE, _NUMBER, _FIELD, _DERIVED, _OTHER_PART_OF_SPEECH, _AUTHOR):
        text = pattern.sub(lambda match: line_ends(match[0]), text)
    text = join_hyphenated(_REFERENCE.sub(_referred, text))
    return text.replace("{", "").replace("}", "").lstrip(" ,;:")


def join_hyphenated(text: str) -> str:
    """Move the rest of a word that is hyphenated over a line end up to its first line."""
    return _BROKEN_WORD.sub(r"\1\n", text)


def without_brackets(text: str) -> str:
    """Remove remarks in square brackets and keep their line ends; those nested deeper than `MAX_NESTED` stay."""
    for _ in range(MAX_NESTED):
        less = _BRACKETS.sub(lambda match: line_ends(match[0]), text)
        if less == text:
            break
        text = less
    return text


def decode_letters(text: str) -> str:
    """Replace described letters, such as `[ae]`, `['e]` and `[o^]`, with the letters themselves."""
    return _LETTER.sub(_letter, text) if "[" in text else text


def link_words(link: str) -> str:
    """Return the words of a link or a headword, on one line."""
    return one_line(join_hyphenated(decode_letters(link)))


def line_ends(text: str) -> str:
    """Return a space and the line ends of a text: what takes the place of removed text."""
    return " " + "\n" * text.count("\n")


def _letter(match: re.Match[str]) -> str:
    if match["name"]:
        return _LETTERS[match["name"]]
    if match["short"]:
        return match["short"]
    return unicodedata.normalize("NFC", match["letter"] + _ACCENTS.get(match["accent"], ""))


def _referred(match: re.Match[str]) -> str:
    """The line ends of a reference to another entry, and the sentence's full stop if it was inside one."""
    before = match.string[: match.start()].rstrip()
    return line_ends(match[0]) + ("" if not before or before[-1] in ".;:!?" else match["end"] or "")
