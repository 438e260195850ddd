"""What PostgreSQL cannot hold as it is: zero bytes in text, and keys that are longer than a page of a B-tree."""

import hashlib

LONGEST_KEY = 255  # bytes; a B-tree takes 2,704


def key_of(word: str) -> str:
    """The key under which a term, a name or a word of a path is found: itself, or a hash of a very long one."""
    encoded = word.encode("utf-8", "surrogatepass")
    if len(encoded) <= LONGEST_KEY:
        return text_of(word)
    return "#" + hashlib.blake2b(encoded, digest_size=16).hexdigest()


def text_of(text: str) -> str:
    """A text without zero bytes and halves of surrogate pairs, for which replacement characters stand."""
    if "\0" in text:
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-8", "replace").decode()
    return text
