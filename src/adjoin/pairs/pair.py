"""The pair (x, y) of texts that belong together, and the hash by which texts are compared."""

import hashlib
from typing import NamedTuple


def text_hash(text: str) -> int:
    """Return a signed 64-bit hash of a text with its white space folded.

    Texts with the same hash count as equal: the loss uses it to mask false negatives, and mining to drop exact
    duplicates.
    """
    encoded = text.encode("utf-8", "surrogatepass")
    if not _is_folded(text, encoded):
        encoded = " ".join(text.split()).encode("utf-8", "surrogatepass")
    return hash_of_folded(encoded)


def hash_of_folded(encoded: bytes) -> int:
    """Return `text_hash` of a text in UTF-8 whose white space is already folded, as in every passage."""
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest(), "big", signed=True)


_OTHER_SPACES = bytes(code for code in range(128) if chr(code).isspace() and chr(code) != " ")


def _is_folded(text: str, encoded: bytes) -> bool:
    """Whether a text has single spaces between its words and no other white space.

    This takes a third of the time of folding. Non-ASCII text must also be printable, since white space other than
    " " is not.
    """
    if "  " in text or text[:1] == " " or text[-1:] == " ":
        return False
    if text.isascii():
        return len(encoded.translate(None, _OTHER_SPACES)) == len(encoded)
    return text.isprintable()


class Pair(NamedTuple):
    """Two texts that belong together, a positive pair of contrastive training (arXiv 2201.10005, section 2).

    It is a named tuple because mining makes millions of pairs. Creating a frozen dataclass takes four times as
    long, and `zip` turns tuples into columns.

    Attributes:
        x: the query-like side: a docstring's summary, a name in words, a passage.
        y: the document-like side: an implementation, the next passage.
        kind: how the pair was found: "docstring-function", "name-function", "neighbours", "title-passage",
            "question-answer", "term-definition", "synonyms", "definition-definition" or "labelled".
        language: the language of y: a programming language, or "text" for prose.
        origin: where y comes from, as "path:first-last" with line numbers.
        group: pairs with the same group are not negatives of each other, such as passages of one document or
            definitions of one term.
        name: the function's name with the classes around it; empty for prose.
        licence: the licence of y, as far as its source says.
        repository: where y is developed, as far as its source says: "owner/name" on a forge, or an address.
        negatives: explicit negatives: texts like y that people have labelled as not belonging to x.
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
        """The `text_hash` of x."""
        return text_hash(self.x)

    @property
    def y_hash(self) -> int:
        """The `text_hash` of y."""
        return text_hash(self.y)
