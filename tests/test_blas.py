import pytest

from adjoin import blas


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    numbers = [7]
    monkeypatch.setattr(blas, "_functions", lambda: (lambda: numbers[-1], numbers.append))
    return numbers


def test_the_threads_come_back_after_the_last_block_and_after_an_error(threads: list[int]) -> None:
    first, second = blas.one_thread(), blas.one_thread()
    first.__enter__()
    second.__enter__()
    assert threads == [7, 1]
    first.__exit__(None, None, None)
    assert threads == [7, 1]
    second.__exit__(None, None, None)
    assert threads == [7, 1, 7]
    with pytest.raises(ValueError, match="inside"), blas.one_thread():
        raise ValueError("inside")
    assert threads == [7, 1, 7, 1, 7]


def test_another_blas_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "_functions", lambda: None)
    with blas.one_thread():
        pass


def test_the_functions_of_this_numpy_work() -> None:
    functions = blas._functions()
    if functions is None:
        pytest.skip("NumPy has no OpenBLAS here")
    before = functions[0]()
    with blas.one_thread():
        assert functions[0]() == 1
    assert functions[0]() == before
