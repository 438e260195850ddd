"""What `main` does before a verb runs."""

import os
import subprocess
import sys

import pytest

from adjoin.blas import _functions

ASK = """
import os, sys
from adjoin.cli import main
main(sys.argv[1:])
from adjoin.blas import _functions
print(os.environ.get("OPENBLAS_NUM_THREADS"), _functions()[0]())
"""


@pytest.mark.skipif(_functions() is None, reason="NumPy has another BLAS here")
@pytest.mark.parametrize("given", [None, "2"])
def test_search_imports_numpy_with_one_blas_thread_and_leaves_the_environment_as_it_was(given: str | None) -> None:
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "GOTO_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    if given is not None:
        environment["OPENBLAS_NUM_THREADS"] = given
    words = [sys.executable, "-c", ASK, "status", "no such folder"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    expected = ("None", "1") if given is None else (given, str(min(int(given), os.cpu_count() or 1)))
    assert tuple(done.stdout.split()) == expected
