"""How many bytes the pages of a Parquet file become, read from their headers before Arrow makes room for them.

A page of a few bytes may state 2 GB, and Arrow would get them. A value of a dictionary page counts once in the
file and once per row in memory. So the headers, in Thrift's compact protocol, are read here first.
"""

import io
from dataclasses import dataclass
from typing import IO, Any

MAX_DICTIONARY = 128 << 20  # bytes of a dictionary page whose values are looked at

_HEADER = 1 << 12  # bytes that hold nearly every page header
_LONGEST_HEADER = 1 << 20  # bytes; statistics may make one long
_PADDING = 100  # bytes behind a column that early writers did not count, and Arrow reads
_DEEPEST = 16  # structures within one another in a header; the format has three
_STRUCTURE = 12  # a type of Thrift's
_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3  # types of pages
_PREFIXED = 7  # the encoding DELTA_BYTE_ARRAY, in which a value repeats the beginning of the one before
_IN_DICTIONARY = (2, 8)  # the encodings whose values are numbers of dictionary entries
_WIDEST_NUMBER = 16  # bytes of a value that is no string
_STRINGS = 6  # the physical type BYTE_ARRAY
_PLAIN = 0  # the codec of pages that are not compressed
# The codecs that Arrow can decompress by name.
_CODECS = {1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}


@dataclass(frozen=True, slots=True)
class RowGroup:
    """What a file's description says of one row group.

    Attributes:
        rows: number of rows.
        bytes: size of its values, unpacked but encoded.
        columns: the description of each column, as field number of the format → integer or structure.
    """

    rows: int
    bytes: int
    columns: list[dict[int, Any]]


def row_groups(file: IO[bytes], longest: int) -> list[RowGroup] | None:
    """Return the row groups of a Parquet file, None if their description has more than `longest` bytes.

    pyarrow's own access to them ends the process where the numbers of a damaged file do not agree.

    Raises:
        ValueError: the description is damaged.
        OSError: the disk failed.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 8))
    length = int.from_bytes(file.read(4), "little")
    if length > size - 8:
        raise ValueError("a description that is longer than the file")
    if length > longest:
        return None
    file.seek(size - 8 - length)
    try:
        description, _ = _structure(file.read(length), 0, 0)
        groups = []
        for group in description.get(4, []):
            columns = [column[3] for column in group[1]]
            groups.append(RowGroup(_integer(group, 3), _integer(group, 2), columns))
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("a damaged description") from error
    return groups


def _integer(structure: dict[int, Any], number: int) -> int:
    value = structure.get(number, 0)
    if not isinstance(value, int):
        raise ValueError("no number where one is expected")
    return value


@dataclass(slots=True)
class ColumnSizes:
    """What one column of one row group becomes, in bytes.

    Attributes:
        dictionary: its dictionary page.
        page: its largest data page.
        unencoded: all its data pages whose values stand in the page, not in the dictionary.
        value: a bound for a value: the mean of each page, the longest one where a page repeats values.
        values: number of values, those that are missing among them.
        grows: whether all values together may become more than the pages.
    """

    dictionary: int = 0
    page: int = 0
    unencoded: int = 0
    value: int = 1
    values: int = 0
    grows: bool = False


def column_sizes(file: IO[bytes], column: dict[int, Any]) -> ColumnSizes:
    """Return what one column of one row group becomes.

    Args:
        file: the Parquet file; its position is moved.
        column: its description, one of `RowGroup.columns`.

    Raises:
        ValueError: a page header is damaged.
        OSError: the disk failed.
    """
    sizes = ColumnSizes()
    place, dictionary = _integer(column, 9), _integer(column, 11)
    if dictionary > 0:
        place = min(place, dictionary)
    end = place + _integer(column, 7)
    number_of_values = _integer(column, 5)
    largest_entry = 0
    while sizes.values < number_of_values and place < end + _PADDING:
        try:
            header, start = _header(file, place)
            kind, unpacked, packed = (_integer(header, number) for number in (1, 2, 3))
        except ValueError:
            if place >= end:
                break
            raise ValueError("a damaged page header") from None
        if unpacked < 0 or packed < 0 or place < 0:
            raise ValueError("a page of negative size")
        place = start + packed
        if kind == _DICTIONARY:
            sizes.dictionary = max(sizes.dictionary, unpacked)
            largest_entry = max(largest_entry, _largest_entry(file, start, header, column))
        elif kind in (_DATA, _DATA_V2):
            about = header.get(5 if kind == _DATA else 8)
            if not isinstance(about, dict):
                raise ValueError("a damaged page header")
            number = _integer(about, 1)
            sizes.values += max(number, 0)
            sizes.page = max(sizes.page, unpacked)
            encoding = about.get(2 if kind == _DATA else 4)
            prefixed = encoding == _PREFIXED
            sizes.grows = sizes.grows or prefixed
            sizes.unencoded += 0 if encoding in _IN_DICTIONARY else unpacked
            sizes.value = max(sizes.value, unpacked if prefixed else -(-unpacked // max(number, 1)))
        else:
            sizes.page = max(sizes.page, unpacked)
    sizes.value = max(sizes.value, largest_entry)
    return sizes


def _largest_entry(file: IO[bytes], start: int, header: dict[int, Any], column: dict[int, Any]) -> int:
    """The longest value of a dictionary page; the size of the page where that cannot be told."""
    import pyarrow as pa

    unpacked, packed = header[2], header[3]
    if column.get(1) != _STRINGS:
        return _WIDEST_NUMBER
    if unpacked > MAX_DICTIONARY or packed > MAX_DICTIONARY:  # it is refused anyway
        return int(unpacked)
    file.seek(start)
    data = file.read(packed)
    if column.get(4) != _PLAIN:
        try:
            data = pa.decompress(data, unpacked, _CODECS[column[4]], asbytes=True)
        except (KeyError, ValueError, OSError, pa.ArrowException):
            return int(unpacked)
    largest = place = 0
    while place + 4 <= len(data):
        length = int.from_bytes(data[place : place + 4], "little")
        largest = max(largest, min(length, unpacked))
        place += 4 + length
    return largest


def _header(file: IO[bytes], place: int) -> tuple[dict[int, Any], int]:
    """The page header at `place`, and the position behind it.

    Raises:
        ValueError: it is damaged, or longer than `_LONGEST_HEADER`.
    """
    for longest in (_HEADER, _LONGEST_HEADER):
        if place < 0:
            break
        file.seek(place)
        data = file.read(longest)
        try:
            header, length = _structure(data, 0, 0)
        except IndexError:  # it goes on behind these bytes
            continue
        return header, place + length
    raise ValueError("a damaged page header")


def _structure(data: bytes, place: int, depth: int) -> tuple[dict[int, Any], int]:
    """A structure of Thrift's compact protocol as field number → value.

    Values are integers, structures and lists of structures; others are left out.

    Raises:
        IndexError: the data end within it.
        ValueError: it is damaged.
    """
    fields: dict[int, Any] = {}
    number = 0
    while head := data[place]:
        place += 1
        if head >> 4:
            number += head >> 4
        else:
            number, place = _number(data, place)
        kind = head & 15
        if kind in (1, 2):  # a field's truth value stands in its type
            continue
        value, place = _value(data, place, kind, depth)
        if value is not None:
            fields[number] = value
    return fields, place + 1


def _value(data: bytes, place: int, kind: int, depth: int) -> tuple[Any, int]:
    """The value at `place`, None for one that is left out, and the position behind it."""
    if depth > _DEEPEST:
        raise ValueError("a structure that is too deep")
    if kind in (1, 2, 3):
        return None, place + (data[place] >= 0)  # an IndexError at the end
    if kind in (4, 5, 6):
        return _number(data, place)
    if kind in (7, 8):  # a floating-point number, or bytes
        length, place = (8, place) if kind == 7 else _size(data, place)
        if place + length > len(data):
            raise IndexError
        return None, place + length
    if kind in (9, 10):
        return _items(data, place, depth)
    if kind == _STRUCTURE:
        return _structure(data, place, depth + 1)
    raise ValueError("a value of an unknown type")


def _items(data: bytes, place: int, depth: int) -> tuple[list[dict[int, Any]], int]:
    """The structures of the list at `place`, none of a list of other values, and the position behind it."""
    length, inner = data[place] >> 4, data[place] & 15
    place += 1
    if length == 15:
        length, place = _size(data, place)
    items = []
    for _ in range(length):
        item, place = _value(data, place, inner, depth + 1)
        if inner == _STRUCTURE:
            items.append(item)
    return items, place


def _size(data: bytes, place: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number that is too long")


def _number(data: bytes, place: int) -> tuple[int, int]:
    value, place = _size(data, place)
    return value >> 1 ^ -(value & 1), place
