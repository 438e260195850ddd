"""What a part leaves out because it stands in the row above comes back."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow

from adjoin.arrow import number_array, text_array
from adjoin.mining.parts import with_repeats, without_repeats


def test_an_x_that_is_the_y_above_is_written_once_and_comes_back() -> None:
    texts = text_array([b"a", b"b", b"c", b"d", b""])
    x, y = np.array([0, 1, 2, 0, 4, 4], np.int32), np.array([1, 2, 3, 4, 4, 4], np.int32)
    written = texts.take(without_repeats(x, y))
    assert written.to_pylist() == ["a", None, None, "a", None, None]
    table = pyarrow.table({"x": written, "y": texts.take(number_array(y)), "row": number_array(x)})
    read = with_repeats(table)
    assert read.column("x").to_pylist() == ["a", "b", "c", "a", "", ""]
    assert read.drop_columns("x").equals(table.drop_columns("x"))


def test_rows_without_repeats_stay_as_they_are() -> None:
    x, y = np.array([0, 1], np.int32), np.array([2, 2], np.int32)
    texts = text_array([b"a", b"b", b"c"])
    table = pyarrow.table({"x": texts.take(without_repeats(x, y)), "y": texts.take(number_array(y))})
    assert with_repeats(table) is table


def test_mining_does_not_import_pandas(source_tree: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from adjoin.mining import *;"
        "mine([Path(sys.argv[1])], Path(sys.argv[2]), MiningOptions(), engine=Engine(workers=1));"
        "assert 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(source_tree), str(tmp_path / "out")], check=True)
