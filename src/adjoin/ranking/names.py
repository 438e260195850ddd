"""The parts of names in code, in which `parseHTTPResponse`, `parse_http_response` and a question's words agree."""

import re
from functools import lru_cache

from adjoin.ranking.lexical import terms

_SMALL = r"[^\W\d_A-Z]"  # a letter other than an ASCII capital, as in `ranking.lexical`
_parts = re.compile(rf"[A-Z]+(?!{_SMALL})|[A-Z]?{_SMALL}+|\d+").findall
_CACHED = 1 << 16  # names; the symbols and path words of a large repository


@lru_cache(_CACHED)
def name_parts(name: str) -> tuple[str, ...]:
    """Split a name at case changes, at punctuation and between letters and digits; lower-case the parts.

    `parseHTTPResponse2` gives ("parse", "http", "response", "2").
    """
    return tuple(part.lower() for part in _parts(name))


@lru_cache(_CACHED)
def joined(name: str) -> str:
    """The parts of a name without what separates them: one key for its spellings in all conventions."""
    return "".join(name_parts(name))


@lru_cache(_CACHED)
def name_stems(name: str) -> tuple[str, ...]:
    """The stemmed parts of a name, in order, without stop words and repetitions.

    Raises:
        AdjoinError: PyStemmer is not installed.
    """
    return tuple(dict.fromkeys(stem for part in name_parts(name) for stem in terms(part)))
