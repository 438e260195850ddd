import numpy as np
import pytest

from adjoin.vectors import unit_rows


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int8])
def test_rows_have_length_1(dtype: type) -> None:
    vectors = np.array([[3, 4], [0, 0], [-2, 0]], dtype)
    unit = unit_rows(vectors)
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, [[0.6, 0.8], [0, 0], [-1, 0]], rtol=1e-6)
    assert vectors.tolist() == [[3, 4], [0, 0], [-2, 0]]


def test_no_rows() -> None:
    assert unit_rows(np.empty((0, 3))).shape == (0, 3)
