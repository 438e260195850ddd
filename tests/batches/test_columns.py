import resource
import signal
from pathlib import Path

import numpy as np
import pytest

from adjoin.batches.columns import open_column
from adjoin.npy import GrowingArray


@pytest.mark.parametrize("row_shape", [(), (3,), (2, 5)])
def test_a_finished_column_is_what_numpy_saves(tmp_path: Path, row_shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).integers(0, 1000, (20, *row_shape))
    column = GrowingArray(tmp_path / "a.npy", "<i8", row_shape)
    for first in range(0, 20, 6):
        column.append(values[first : first + 6])
    column.append(values[:0])
    column.finish()
    np.save(tmp_path / "b.npy", values)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    assert open_column(tmp_path / "a.npy", 20).tolist() == values.tolist()


def test_going_on_cuts_off_what_was_not_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    column = GrowingArray(path, "<u2")
    column.append(np.arange(10))
    column.close()
    column = GrowingArray(path, "<u2", rows=4)
    column.append(np.array([7]))
    assert column.rows == 5
    column.finish()
    assert open_column(path, 5).tolist() == [0, 1, 2, 3, 7]
    assert path.stat().st_size == 128 + 5 * 2
    with pytest.raises(ValueError, match="expected at least 140 for 6 rows"):
        GrowingArray(path, "<u2", rows=6)
    GrowingArray(path, "<u2").finish()
    assert open_column(path, 0).tolist() == []


def test_a_full_disk_is_an_error_and_no_death(tmp_path: Path) -> None:
    column = GrowingArray(tmp_path / "a.npy", "<i8")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
        with pytest.raises(OSError, match="File too large"):
            column.append(np.arange(10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    column.close()
