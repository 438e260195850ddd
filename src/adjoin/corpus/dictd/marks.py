r"""What lexicographers put around a definition: it goes, and the lines stay where they stood.

Their own alphabet becomes letters (`[ae]`, `['e]`), links become words (`{gypsum}`). Left out are etymologies and
sources in brackets, parts of speech, numbers of senses, fields of knowledge, authors of examples, words that are
derived, lists of synonyms, references to other entries, addresses and dates.
"""

import re
import unicodedata

from adjoin.corpus.readers.sections import one_line

SPEECH = (
    r"(?:n|a|adj|adv|v|vb|vi|vt|t|i|p|pr|prep|pron|conj|interj|imp|pl|sing|fem|masc|compar|superl|obs|excl|abbr"
    r"|prop)"
)
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

# Whole paragraphs, and what stands at the beginning of one.
_DATE = re.compile(r"\A\s*\(\d{4}-\d\d-\d\d\)\s*\Z")
_LABEL = re.compile(r"\A\s*[\w -]{1,30}\W*\Z")  # what stood before an address
_NOTE = re.compile(r"\A\s*(?:Note|Usage):\s*")
_CATEGORY = re.compile(r"\A(\s*(?:\d+\.\s+)?)<[A-Za-z][^<>@:/\n]{0,60}>")  # of FOLDOC
_NUMBER = re.compile(
    rf"\A\s*(?:(?:\d{{1,3}}\.|\([a-z]\))\s+)*(?:{SPEECH}\.\s*)*"
    r"(?:\([A-Z][A-Za-z.&, ]{0,30}\)\s*|/[^\s/][^/\n]{0,60}/\s+)?"  # (Law), and /nuk'see pro'bl*m/
)
# Anywhere.
_BRACKETS = re.compile(r"\[[^\[\]]*\]")
_SOURCE = re.compile(r"\[[^\[\]]*\](?:\s+[A-Z][\w-]*){1,40}\s*\Z")  # and what stands, out of place, behind it
_ADDRESS = re.compile(
    r"\{?[(<]{0,3}(?:https?|ftp|news|gopher|telnet|mailto):[^\s{}<>]*[)>]{0,3}\}?|<[^<>\s]{1,100}@[^<>\s]{1,100}>"
)
_FIELD = re.compile(r"\([A-Z][A-Za-z]*\.(?:[ ,&]+(?:and )?[A-Z][A-Za-z]*\.)*\)")  # (Physiol. Chem.)
_OTHER_SPEECH = re.compile(rf"--\s*(?:{SPEECH}\.\s*)+")
# "--Shak.", "--Sir W. Scott.", "--1 Cor. ix. 9."; a dash with a space after it belongs to the sentence.
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
    rf"|[,;]?\s+(?:{SPEECH}\.|\d{{1,2}}\b|\([a-z]\)|\(sense \d+\)))*"
)
_REFERENCE = re.compile(rf"\((?:but |or )?{_SEE}\)|(?:,\s+)?{_SEE}(?P<end>[.,;]?)")
_BROKEN_WORD = re.compile(r"(?<=\w-)\n\s*(?=\w)(\S+)")


def cleaned(text: str) -> str:
    """A paragraph of a definition as one reads it, with as many lines; empty if nothing is left."""
    text, addresses = _ADDRESS.subn(" ", _CATEGORY.sub(r"\1", text))
    if _DATE.match(text) or (addresses and _LABEL.match(text)):
        return ""
    text = without_brackets(_SOURCE.sub(lambda match: blank(match[0]), text))
    for pattern in (_SYNONYMS, _NOTE, _NUMBER, _FIELD, _DERIVED, _OTHER_SPEECH, _AUTHOR):
        text = pattern.sub(lambda match: blank(match[0]), text)
    text = whole_words(_REFERENCE.sub(_referred, text))
    return text.replace("{", "").replace("}", "").lstrip(" ,;:")


def whole_words(text: str) -> str:
    """A text whose words do not go on in the next line behind a hyphen."""
    return _BROKEN_WORD.sub(r"\1\n", text)


def without_brackets(text: str) -> str:
    """A text without its remarks in brackets, and those within them."""
    while (less := _BRACKETS.sub(lambda match: blank(match[0]), text)) != text:
        text = less
    return text


def with_letters(text: str) -> str:
    """A text with one letter for each that is described: `[ae]`, `['e]`, `[o^]`."""
    return _LETTER.sub(_letter, text) if "[" in text else text


def words_of(link: str) -> str:
    """What a link or a head names, in one line."""
    return one_line(whole_words(with_letters(link)))


def blank(text: str) -> str:
    """A space and the line ends of a text."""
    return " " + "\n" * text.count("\n")


def _letter(match: re.Match[str]) -> str:
    if match["name"]:
        return _LETTERS[match["name"]]
    if match["short"]:
        return match["short"]
    return unicodedata.normalize("NFC", match["letter"] + _ACCENTS.get(match["accent"], ""))


def _referred(match: re.Match[str]) -> str:
    """What is left of a reference to another entry: within a sentence, the sentence's end."""
    before = match.string[: match.start()].rstrip()
    return blank(match[0]) + ("" if not before or before[-1] in ".;:!?" else match["end"] or "")
