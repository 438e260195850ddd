"""Texts that callers give: half surrogate pairs, and what counts as a list of texts.

A list of texts is anything that yields `str` in an order: a list, a tuple, an array, a column of a table, a
generator. Everything else is refused with its place, since an embedding of the wrong thing looks like any other.
pandas, polars, Arrow and datasets are told by their attributes, so none of them is imported.
"""

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from os import PathLike
from typing import Any

from adjoin.errors import AdjoinError

_LISTS = "a list, a tuple, an array, a column of a table or a generator of texts"
_IN_MEMORY = ("numpy", "pandas", "polars", "pyarrow")  # their arrays can be read twice at no cost
_MISSING = ("NAType", "NaTType", "MaskedConstant")  # missing values of pandas and NumPy
_SHOWN_COLUMNS, _SHOWN = 5, 40  # names, and characters of a value


def valid_unicode(text: str) -> str:
    """Return the text with "?" in place of each lone surrogate; most texts are returned unchanged.

    JSON escapes, broken files and the command line may bring half a surrogate pair. Tokenizers, Arrow and servers
    accept UTF-8 only.
    """
    return text.encode("utf-8", "replace").decode()


def check_text(value: object, name: str) -> str:
    """Return a value that must be one text.

    Args:
        value: what the caller gave.
        name: its place for the message, such as "query" or "texts[3]".

    Raises:
        AdjoinError: it is not a `str`.
    """
    if isinstance(value, str):
        return value
    raise AdjoinError(f"{name} is {described(value)}, expected a text (str){_remedy(value)}")


def _remedy(value: object) -> str:
    """What to do with a value that is no text, where that is clear."""
    if isinstance(value, bytes | bytearray | memoryview):
        return "; decode it: bytes(...).decode()"
    if isinstance(value, PathLike):
        return "; read the file: Path(...).read_text()"
    if value is None or type(value).__name__ in _MISSING or (isinstance(value, float) and math.isnan(value)):
        return "; leave missing values out, or put '' in their place"
    return ""


def text_parts(texts: Iterable[str], rows: int, name: str = "texts") -> Iterator[list[str]]:
    """Check a list of texts and yield it in parts, so that a generator is read in flat memory.

    What lies in memory is checked whole before the first part.

    Args:
        texts: a list, a tuple, an array of strings of one dimension, a column of a table (pandas, polars, Arrow,
            datasets), or a generator. Its index is ignored.
        rows: the most texts of a part.
        name: the argument's name, for messages.

    Yields:
        Lists of 1 to `rows` texts, in order.

    Raises:
        AdjoinError: `texts` is no list of texts. The message names the place, such as texts[3].
    """
    _check_kind(texts, name)
    if isinstance(texts, list | tuple) or _library(texts) in _IN_MEMORY:
        for place, text in enumerate(_plain(texts)):
            if not isinstance(text, str):
                check_text(text, f"{name}[{place}]")
    return _parts(texts, rows, name)


def text_list(texts: Iterable[str], name: str = "texts") -> list[str]:
    """Check a list of texts and return it as a list; arguments and errors as for `text_parts`."""
    if type(texts) is list and all(type(text) is str for text in texts):
        return texts
    return [text for part in text_parts(texts, 4_096, name) for text in part]


def number_of(texts: object) -> int | None:
    """The number of texts if it is known beforehand, or None, as of a generator."""
    return len(texts) if isinstance(texts, list | tuple) or _library(texts) in _IN_MEMORY else None  # type: ignore[arg-type]


def described(value: object) -> str:
    """A value in a few words for a message of one line: a number or short bytes as they are, else its type."""
    if value is None or type(value) in (bool, int, float, complex, bytes):
        try:
            text = repr(value)
        except ValueError:  # an int of thousands of digits
            return "a very large int"
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    kind = " ".join(type(value).__name__.split()) or "object"
    article = "an" if kind[0].lower() in "aeiou" or kind == "ndarray" else "a"
    return f"{article} {kind}" + (f" of {len(value)}" if isinstance(value, list | tuple | dict) else "")


def meant(name: object, known: Iterable[str]) -> str:
    """Guess which known name was meant: `; did you mean 'role'?`, or an empty string if none is close."""
    close = difflib.get_close_matches(str(name)[:99].strip().lower(), list(known), 1, 0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def _library(value: object) -> str:
    return type(value).__module__.partition(".")[0]


def _parts(texts: Iterable[str], rows: int, name: str) -> Iterator[list[str]]:
    remaining, first = _plain(texts), 0
    while part := list(islice(remaining, rows)):
        for place, text in enumerate(part):
            if not isinstance(text, str):
                check_text(text, f"{name}[{first + place}]")
        yield part
        first += len(part)


def _plain(texts: Any) -> Iterator[Any]:  # noqa: ANN401 - checked by the caller
    """The values one by one; those of Arrow as Python's, a part at a time."""
    if _library(texts) != "pyarrow":
        return iter(texts)
    return (value for start in range(0, len(texts), 4_096) for value in texts[start : start + 4_096].to_pylist())


def _check_kind(texts: Any, name: str) -> None:  # noqa: ANN401 - whatever the caller gave
    """Refuse what is no list of texts, whatever its elements are."""
    if isinstance(texts, str):
        raise AdjoinError(f"{name}: expected a list of texts, got one string: write [text]")
    if isinstance(texts, bytes | bytearray | memoryview):
        raise AdjoinError(f"{name} is {described(texts)}, expected a list of texts: decode it, and write [text]")
    if isinstance(texts, Mapping):
        keys = _listed(list(islice(texts, _SHOWN_COLUMNS + 1)))
        raise AdjoinError(f"{name} is {described(texts)} with the keys {keys}, expected {_LISTS}: pass one value")
    if isinstance(texts, set | frozenset):
        raise AdjoinError(f"{name} is {described(texts)}, which has no order: pass a list, such as sorted(...)")
    if _library(texts) == "polars" and hasattr(texts, "collect"):
        raise AdjoinError(f"{name} is {described(texts)}, expected {_LISTS}: collect() it, and pass one column")
    if (columns := _columns(texts)) is not None:
        example = f", such as {name}[{columns[0]!r:.{_SHOWN}}]" if columns else ""
        raise AdjoinError(
            f"{name} is {described(texts)} with the columns {_listed(columns)}, expected {_LISTS}: pass one column"
            + example
        )
    shape = getattr(texts, "shape", None)
    if isinstance(shape, tuple) and len(shape) != 1:
        raise AdjoinError(f"{name} is {described(texts)} of shape {shape}, expected one dimension: {_LISTS}")
    remedy = _remedy(texts) if isinstance(texts, PathLike) else ""
    if not (hasattr(texts, "null_count") if _library(texts) == "pyarrow" else _is_iterable(texts)):
        raise AdjoinError(f"{name} is {described(texts)}, expected {_LISTS}{remedy}")


def _is_iterable(value: Any) -> bool:  # noqa: ANN401 - whatever the caller gave
    try:
        iter(value)
    except TypeError:
        return False
    return True


def _columns(table: Any) -> list[Any] | None:  # noqa: ANN401 - of any library
    """The names of a table's columns; None for what is no table. Its kinds: pandas, polars, Arrow, datasets."""
    if isinstance(table, list | tuple):
        return None
    for attribute in ("column_names", "columns"):
        names = getattr(table, attribute, None)
        if names is None or isinstance(names, str) or callable(names):
            continue
        try:
            return list(names)
        except TypeError:
            continue
    return None


def _listed(names: Sequence[Any]) -> str:
    """The first names, each in one line."""
    shown = ", ".join(f"{_one_line(name)}" for name in names[:_SHOWN_COLUMNS])
    return (shown or "(none)") + ", ..." * (len(names) > _SHOWN_COLUMNS)


def _one_line(name: object) -> str:
    return repr(name)[:_SHOWN] if isinstance(name, str) else described(name)
