"""One thread for NumPy's matrix products, where they are too small for several."""

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np

_GET, _SET = "openblas_get_num_threads", "openblas_set_num_threads"
_NAMES = [(prefix, suffix) for prefix in ("scipy_", "") for suffix in ("64_", "")]
_lock = threading.Lock()
_inside = _before = 0  # blocks that are being run; threads before the first of them


@cache
def _functions() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """OpenBLAS' own functions; None if NumPy has another BLAS, which is then left as it is.

    They are looked up in the library that NumPy has loaded: 0.1 CPU-ms. threadpoolctl takes 7, and 0.1 a block.
    """
    try:
        library = ctypes.CDLL(np._core._multiarray_umath.__file__)  # type: ignore[attr-defined]
    except (AttributeError, OSError, TypeError):
        return None
    for prefix, suffix in _NAMES:
        try:
            return getattr(library, f"{prefix}{_GET}{suffix}"), getattr(library, f"{prefix}{_SET}{suffix}")
        except AttributeError:
            continue
    return None


@contextmanager
def one_thread() -> Iterator[None]:
    """Run NumPy's matrix products on one thread in this block, and on as many as before after it.

    OpenBLAS takes several threads for a row and a matrix, which costs 10 times the time that it saves. The number
    is the whole process's: products of other threads also take one meanwhile. Blocks may overlap.
    """
    global _inside, _before
    functions = _functions()
    if functions is None:
        yield
        return
    number_of_threads, set_threads = functions
    with _lock:
        if not _inside:
            _before = number_of_threads()
            set_threads(1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                set_threads(_before)
