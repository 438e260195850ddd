"""Small slices, so that tests with few rows have several."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from adjoin.cleaning import slices


@contextmanager
def slices_of_few(few: int) -> Iterator[None]:
    """More rows than these are cut into slices, worked on three at a time."""
    with patch.object(slices, "_SINGLE_SLICE", few), patch.object(slices, "_BLOCK", 3):
        yield
