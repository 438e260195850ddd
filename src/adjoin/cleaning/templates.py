"""Templates of boilerplate documentation, such as "Sets the `retry_count` of this request".

SDKs and generated code document thousands of functions with one sentence. Its template is the sentence without the
parts that vary. `over_cap` then keeps a sample of the pairs that share a template.
"""

import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache

_BLANK = "_"
_QUOTED = re.compile(r"""`[^`]*`|"[^"]*"|(?<!\w)'[^']*'(?!\w)|\{[^{}]*\}|<[^<>]*>|\[[^\[\]]*\]""")
# A word that looks like code: a digit, an underscore, camelCase, CAPITALS, a dotted name, a path, a call.
_CODE = re.compile(r"\d|_|[a-z][A-Z]|[A-Z]{2}|\w(?:\.|::|->|/|\\)\w|\w\(\)")
_WORD = re.compile(r"[^\W_]+")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def template(x: str, name: str) -> str:
    """Return a sentence with its variable parts blanked: "_ the user s _" for `Gets the user's mail_id.`.

    Quoted parts, numbers, identifiers and the words of the function's own name (`getMailId` here) become "_".
    Neighbouring blanks are merged. Case and punctuation are removed.

    Args:
        x: a docstring's summary.
        name: the function's name, with the classes around it; empty for prose.
    """
    name_words = _words_of(name)
    words: list[str] = []
    for word in _words(_QUOTED.sub(f" {_BLANK} ", x)):
        blank = word == _BLANK or word in name_words or _stem(word) in name_words
        if not blank:
            words.append(word)
        elif not words or words[-1] != _BLANK:
            words.append(_BLANK)
    return " ".join(words)


def _words(text: str) -> Iterator[str]:
    """Words in lower case, with a blank for each that looks like code."""
    for token in text.split():
        bare = token.strip(".,;:!?()")
        if bare.isalpha() and (bare[1:].islower() or len(bare) == 1):  # most words: no regular expression needed
            yield bare.lower()
        elif _CODE.search(token):
            yield _BLANK
        else:
            yield from (word.lower() for word in _WORD.findall(token))


def template_hash(x: str, name: str) -> int:
    """Return a signed 64-bit hash of `template(x, name)`, the same in every process and version."""
    text = template(x, name).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)


@lru_cache(maxsize=1024)
def _words_of(name: str) -> frozenset[str]:
    return frozenset(_stem(part.lower()) for part in _PARTS.findall(name))


def _stem(word: str) -> str:
    """Without the "s" of a plural or of "gets"."""
    return word[:-1] if len(word) > 3 and word.endswith("s") else word
