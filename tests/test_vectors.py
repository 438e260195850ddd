import numpy as np
import pytest

from adjoin.vectors import UnusableVectorError, check_rows, unit_rows


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int8])
def test_rows_have_length_1(dtype: type) -> None:
    vectors = np.array([[3, 4], [0, 0], [-2, 0]], dtype)
    unit = unit_rows(vectors)
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, [[0.6, 0.8], [0, 0], [-1, 0]], rtol=1e-6)
    assert vectors.tolist() == [[3, 4], [0, 0], [-2, 0]]


def test_no_rows() -> None:
    assert unit_rows(np.empty((0, 3))).shape == (0, 3)


@pytest.mark.parametrize(("value", "kind"), [(0.0, "zero"), (np.nan, "not finite"), (np.inf, "not finite")])
def test_a_row_that_cannot_be_compared_is_named(value: float, kind: str) -> None:
    vectors = np.eye(4, dtype=np.float32)
    check_rows(vectors, list("abcd"), "m")
    vectors[2] = value
    message = rf"texts\[12\] \('c'\) gets a vector that is {kind}: .* of m "
    with pytest.raises(UnusableVectorError, match=message) as caught:
        check_rows(vectors, list("abcd"), "m", first=10)
    assert (caught.value.row, caught.value.kind) == (12, kind)
