"""One thread for linear algebra, also in scipy and scikit-learn."""

from collections.abc import Iterator
from contextlib import contextmanager

from adjoin.errors import AdjoinError


@contextmanager
def one_thread_of_all() -> Iterator[None]:
    """Limit all linear algebra to one thread, in NumPy, SciPy and scikit-learn.

    L-BFGS computes thousands of small products. On a busy machine, threads that wait for one another take ten
    times as long: 3.3 s instead of 0.3 s for 300 items of 12 dimensions on two cores, at times minutes.
    `blas.one_thread` limits NumPy's products alone. It is faster, for blocks that are entered often.

    Raises:
        AdjoinError: scikit-learn is missing.
    """
    try:
        import sklearn.linear_model  # noqa: F401 - loads SciPy's own OpenBLAS: only loaded libraries can be limited
        from threadpoolctl import threadpool_limits  # a dependency of scikit-learn
    except ImportError as error:
        raise AdjoinError(f"this needs scikit-learn ({error}): pip install 'adjoin[evaluate]'") from None
    with threadpool_limits(1):
        yield
