import numpy as np
import pyarrow
import pytest

from adjoin.arrow import number_array, text_array


@pytest.mark.parametrize("texts", [[], [""], ["a", "", "žluťoučký kůň", "漢字\n", "\0"] * 3])
def test_texts_are_what_pyarrow_makes_of_them(texts: list[str]) -> None:
    made = text_array([text.encode() for text in texts])
    assert made.equals(pyarrow.array(texts, pyarrow.string()))
    made.validate(full=True)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_numbers_too_also_those_of_a_column(dtype: type[np.integer]) -> None:
    rows = np.zeros(4, [("name", "S3"), ("number", dtype)])
    rows["number"] = [1, -2, np.iinfo(dtype).max, 0]
    for values in (rows["number"], rows["number"][:0]):  # strided, and empty
        made = number_array(values)
        assert made.equals(pyarrow.array(np.ascontiguousarray(values)))
        made.validate(full=True)
