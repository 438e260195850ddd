"""Which documentation is one sentence filled in again and again, such as "Sets the `retry_count` of this request".

SDKs and generated code document thousands of functions this way. The sentence's template is what is left without
the parts that change; `over_cap` then keeps a sample of each.
"""

import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache

PACKAGE_CAP = 20  # pairs of one template in one package
OVERALL_CAP = 1000  # and in the whole dataset

_BLANK = "_"
_QUOTED = re.compile(r"""`[^`]*`|"[^"]*"|(?<!\w)'[^']*'(?!\w)|\{[^{}]*\}|<[^<>]*>|\[[^\[\]]*\]""")
# What is written like code: a digit, an underscore, camelCase, CAPITALS, a dotted name, a path, a call.
_CODE = re.compile(r"\d|_|[a-z][A-Z]|[A-Z]{2}|\w(?:\.|::|->|/|\\)\w|\w\(\)")
_WORD = re.compile(r"[^\W_]+")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def template(x: str, name: str) -> str:
    """The sentence without what is filled in: `Gets the user's mail_id.` of `getMailId` is "_ the user s _".

    Quoted parts, numbers, identifiers and the words of the function's own name become one blank, also several
    beside each other; case and punctuation go.

    Args:
        x: a docstring's summary.
        name: of the function, with the classes around it; empty for prose.
    """
    named = _words_of(name)
    words: list[str] = []
    for word in _words(_QUOTED.sub(f" {_BLANK} ", x)):
        blank = word == _BLANK or word in named or _stem(word) in named
        if not blank:
            words.append(word)
        elif not words or words[-1] != _BLANK:
            words.append(_BLANK)
    return " ".join(words)


def _words(text: str) -> Iterator[str]:
    """Words in lower case, and a blank for each that is written like code."""
    for piece in text.split():
        bare = piece.strip(".,;:!?()")
        if bare.isalpha() and (bare[1:].islower() or len(bare) == 1):  # nearly all: no need for an expression
            yield bare.lower()
        elif _CODE.search(piece):
            yield _BLANK
        else:
            yield from (word.lower() for word in _WORD.findall(piece))


def template_hash(x: str, name: str) -> int:
    """A signed 64-bit number that stands for `template`."""
    text = template(x, name).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)


@lru_cache(maxsize=1024)
def _words_of(name: str) -> frozenset[str]:
    return frozenset(_stem(part.lower()) for part in _PARTS.findall(name))


def _stem(word: str) -> str:
    """Without the "s" of a plural or of "gets"."""
    return word[:-1] if len(word) > 3 and word.endswith("s") else word
