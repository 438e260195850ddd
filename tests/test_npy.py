import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from adjoin.npy import GrowingArray

RECORD = np.dtype([("hash", np.int64), ("kind", np.int8)])
ARRAYS: list[NDArray[Any]] = [
    np.arange(12, dtype="<i4"),
    np.linspace(0, 1, 21, dtype="<f4").reshape(7, 3),
    np.array([(1, 2), (3, 4), (5, 6), (7, 8)], RECORD),
    np.arange(24, dtype=np.uint8).reshape(6, 2, 2),
]


def saved(array: NDArray[Any]) -> bytes:
    """What numpy.save writes."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.dtype))
def test_appended_rows_equal_numpy_save(tmp_path: Path, array: NDArray[Any]) -> None:
    growing = GrowingArray(tmp_path / "a.npy", array.dtype, array.shape[1:])
    for start in range(0, len(array), 2):
        growing.append(array[start : start + 2])
        growing.append(array[:0])
    assert growing.rows == len(array)
    growing.finish()
    assert (tmp_path / "a.npy").read_bytes() == saved(array)


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.dtype))
@pytest.mark.parametrize("kept", [0, 1, 3])
def test_resumed_equals_uninterrupted(tmp_path: Path, array: NDArray[Any], kept: int) -> None:
    path = tmp_path / "a.npy"
    with GrowingArray(
        path, array.dtype, array.shape[1:]
    ) as growing:  # left without `finish`, like a killed writer
        growing.append(array[:kept])
        growing.append(array[:1])
    assert len(np.load(path)) == 0
    with path.open("ab") as file:
        file.write(b"half a row")
    growing = GrowingArray(path, array.dtype, array.shape[1:], rows=kept)
    growing.append(array[kept:])
    growing.finish()
    assert path.read_bytes() == saved(array)


def test_values_are_converted_to_the_dtype_of_the_file(tmp_path: Path) -> None:
    with GrowingArray(tmp_path / "a.npy", "<f4", (2,)) as growing:
        growing.append(np.asfortranarray([[1.5, 2], [3, 4]]))
        growing.finish()
    assert np.load(tmp_path / "a.npy").tolist() == [[1.5, 2], [3, 4]]


def test_a_file_with_fewer_rows(tmp_path: Path) -> None:
    with GrowingArray(tmp_path / "a.npy", "<i8") as growing:
        growing.append(np.arange(3))
    with pytest.raises(ValueError, match="it has 152 bytes, expected at least 160 for 4 rows"):
        GrowingArray(tmp_path / "a.npy", "<i8", rows=4)
    with pytest.raises(FileNotFoundError):
        GrowingArray(tmp_path / "none.npy", "<i8", rows=1)
