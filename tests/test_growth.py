import pytest

from growth import assert_linear, lines_run


def test_quadratic_work_is_distinguished_from_linear() -> None:
    assert_linear(lambda size: sum(range(size)), 2_000_000)
    with pytest.raises(AssertionError, match="more than linear"):
        assert_linear(lambda size: sum(sum(range(size)) for _ in range(size)), 4_000)


def test_lines_are_counted_within_calls_too() -> None:
    def called() -> None:
        for _ in range(10):
            pass

    assert lines_run(called) == lines_run(lambda: called()) - 1 > 20
