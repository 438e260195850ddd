"""The second typed object of the flow: a Pair (x, y) of texts that belong together."""

import hashlib
from typing import NamedTuple


def text_hash(text: str) -> int:
    """A signed 64-bit number that stands for the text with its white space folded.

    Two sides with the same number are the same text: the loss compares these integers to know false
    negatives, and mining compares them to drop exact duplicates.
    """
    encoded = text.encode("utf-8", "surrogatepass")
    if not _is_folded(text, encoded):
        encoded = " ".join(text.split()).encode("utf-8", "surrogatepass")
    return hash_of_folded(encoded)


def hash_of_folded(encoded: bytes) -> int:
    """The same, out of the UTF-8 of a text whose white space is folded already, as that of every passage is."""
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest(), "big", signed=True)


_OTHER_SPACES = bytes(code for code in range(128) if chr(code).isspace() and chr(code) != " ")


def _is_folded(text: str, encoded: bytes) -> bool:
    """Whether a text has single spaces between its words and no other white space: told in a third of the time.

    Of a text with more than ASCII it says so only if it is printable, which white space other than " " is not.
    """
    if "  " in text or text[:1] == " " or text[-1:] == " ":
        return False
    if text.isascii():
        return len(encoded.translate(None, _OTHER_SPACES)) == len(encoded)
    return text.isprintable()


class Pair(NamedTuple):
    """Two texts that belong together, without a human label (paper, section 2).

    A tuple, since mining makes millions: a frozen dataclass takes four times as long to make, and `zip` turns
    tuples into columns.

    Attributes:
        x: the query-like side: a docstring's summary, a name in words, a passage.
        y: the document-like side: an implementation, the passage that follows.
        kind: how it was found: "docstring-function", "name-function", "neighbours", "title-passage",
            "question-answer", "term-definition", "synonyms" or
            "definition-definition".
        language: the language of y.
        origin: where y stands, as "path:first-last".
        group: pairs of one group are not negatives of each other (passages of one document, definitions of one
            term).
        name: of the function, with the classes around it; empty for prose.
        licence: what y may be used under, as far as its source says.
        repository: where y is developed, as far as its source says: "owner/name" on a forge, or an address.
        negatives: texts like y that do not belong to x, where people have labelled some.
    """

    x: str
    y: str
    kind: str
    language: str
    origin: str
    group: int
    name: str = ""
    licence: str = ""
    repository: str = ""
    negatives: tuple[str, ...] = ()

    @property
    def x_hash(self) -> int:
        """`text_hash` of x."""
        return text_hash(self.x)

    @property
    def y_hash(self) -> int:
        """`text_hash` of y."""
        return text_hash(self.y)
