"""Normalization of prose for decontamination: lower case, without accents and punctuation."""

import codecs
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from adjoin.cleaning.decontamination.ngrams import Letters, letter_table

_FOLD = "adjoin.fold"
PROSE_LETTERS = letter_table(
    bytes(byte if byte >= 128 else ord(chr(byte).lower()) if chr(byte).isalnum() else 0 for byte in range(256))
)


@lru_cache(maxsize=1 << 14)
def _folded(run: str) -> bytes:
    """Non-ASCII characters: letters and digits without accents, anything else as a space."""
    plain = unicodedata.normalize("NFKD", run.casefold())
    plain = "".join("" if unicodedata.category(c)[0] == "M" else c if c.isalnum() else " " for c in plain)
    return unicodedata.normalize("NFC", plain).encode("utf-8", "surrogatepass")


def _fold(error: UnicodeError) -> tuple[bytes, int]:
    assert isinstance(error, UnicodeEncodeError)
    return _folded(error.object[error.start : error.end]), error.end


# The encoder copies ASCII at memory speed and calls us only for each run of other characters.
codecs.register_error(_FOLD, _fold)


def prose_letters(texts: Sequence[str]) -> Letters:
    """Return the letters and digits of prose, in lower case and without accents."""
    return Letters.of([text.encode("ascii", _FOLD) for text in texts], PROSE_LETTERS)
