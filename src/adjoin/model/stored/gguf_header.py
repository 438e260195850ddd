"""The header of a GGUF file, walked through before the library reads it, which trusts every length in it.

    "GGUF", version, number of tensors, number of fields;  the fields: name, type, value;  the tensors: name,
    sizes, type, offset;  the weights

Source: docs/gguf.md of ggml.
"""

import struct
from pathlib import Path
from typing import Any, BinaryIO

from adjoin.errors import AdjoinError, first_line

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_MOST_FIELDS, _MOST_TENSORS, _MOST_ENTRIES = 10_000, 1_000_000, 4_000_000
_LONGEST = 100_000_000  # bytes of one string


def read_gguf_header(path: Path) -> tuple[int, int]:
    """Walk through the header of a GGUF file.

    Returns:
        The number of tensors, and of numbers in all of them.

    Raises:
        AdjoinError: the file is damaged or cut short, or declares more layers than it has tensors.
    """
    try:
        with path.open("rb") as file:
            return _Walk(file, path.stat().st_size).read()
    except (OSError, ValueError, struct.error) as error:
        raise AdjoinError(
            f"the checkpoint {path} cannot be opened: its header is damaged: {first_line(error)}; copy it again"
        ) from None


class _Walk:
    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size = file, size

    def read(self) -> tuple[int, int]:
        if self.file.read(4) != b"GGUF":
            raise ValueError("it does not begin with GGUF")
        version = self.number("I")
        if version not in (2, 3):
            raise ValueError(f"its version is {version}, expected 2 or 3")
        tensors = self.bounded(self.number("Q"), _MOST_TENSORS, "tensors")
        fields = self.bounded(self.number("Q"), _MOST_FIELDS, "fields")
        for _ in range(fields):
            name = self.string()
            value = self.value(self.number("I"))
            if name.endswith(b".block_count") and not (type(value) is int and 1 <= value <= tensors):
                raise ValueError(f"{name.decode(errors='replace')} is {value!r:.30}, it has {tensors:,} tensors")
        numbers = sum(self.tensor() for _ in range(tensors))
        if numbers > 8 * self.size:  # the smallest type has more than a bit for a number
            raise ValueError(f"its tensors have {numbers:,} numbers, the file has {self.size:,} bytes")
        return tensors, numbers

    def take(self, length: int) -> bytes:
        data = self.file.read(length)
        if len(data) < length:
            raise ValueError("the file ends too early")
        return data

    def number(self, kind: str) -> Any:  # noqa: ANN401 - an int, a float or a bool
        return struct.unpack(f"<{kind}", self.take(struct.calcsize(f"<{kind}")))[0]

    def bounded(self, number: int, most: int, what: str) -> int:
        if number > min(most, self.size):
            raise ValueError(f"it declares {number:,} {what} in {self.size:,} bytes")
        return number

    def string(self) -> bytes:
        return self.take(self.bounded(self.number("Q"), _LONGEST, "characters"))

    def value(self, kind: int) -> Any:  # noqa: ANN401 - a value of any type; arrays are passed over
        if kind in _SCALARS:
            return self.number(_SCALARS[kind])
        if kind == _STRING:
            return self.string()
        if kind != _ARRAY:
            raise ValueError(f"it has a field of the type {kind}")
        inner, length = self.number("I"), self.number("Q")
        if inner in _SCALARS:
            self.take(self.bounded(length, _LONGEST, "entries") * struct.calcsize(f"<{_SCALARS[inner]}"))
        elif inner == _STRING:
            for _ in range(self.bounded(length, _MOST_ENTRIES, "entries")):
                self.string()
        else:
            raise ValueError(f"it has an array of the type {inner}")
        return None

    def tensor(self) -> int:
        """Pass over a tensor's entry, and return how many numbers it has."""
        self.string()
        numbers = 1
        for _ in range(self.bounded(self.number("I"), 8, "dimensions")):
            numbers *= int(self.number("Q"))
        self.take(4 + 8)
        return numbers
