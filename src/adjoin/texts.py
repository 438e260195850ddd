"""Texts that hold half a surrogate pair, which UTF-8 cannot encode."""


def valid_unicode(text: str) -> str:
    """Return the text with "?" in place of each lone surrogate; most texts are returned unchanged.

    JSON escapes, broken files and the command line may bring half a surrogate pair. Tokenizers, Arrow and servers
    accept UTF-8 only.
    """
    return text.encode("utf-8", "replace").decode()
