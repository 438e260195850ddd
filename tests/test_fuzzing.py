"""The fuzzing harness notices what it is there for."""

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.errors import AdjoinError
from fuzzing import fuzz

NUMBERS = st.integers(0, 255)


@given(NUMBERS)
def well(number: int) -> None:
    if number % 2:
        raise AdjoinError(f"{number} is odd")


@given(NUMBERS)
def crashing(number: int) -> None:
    if number == 77:
        os.abort()


@given(NUMBERS)
def hanging(number: int) -> None:
    while number == 77:
        pass


@given(NUMBERS)
def wrong(number: int) -> None:
    assert number != 77, "seventy-seven"


@given(NUMBERS)
def hungry(number: int) -> None:
    if number == 77:
        assert len(bytearray(300 << 20)) > number


@given(NUMBERS)
def chatty(number: int) -> None:
    raise AdjoinError(f"first line\n{number}")


def test_what_is_well_passes() -> None:
    fuzz(well, 2000)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (crashing, "a crash, SIGABRT after the input {'number': 77}"),
        pytest.param(hanging, "more than 10 CPU-seconds after the input {'number': 77}", marks=pytest.mark.slow),
        (wrong, "seventy-seven"),
        (hungry, "expected at most 250"),
        (chatty, "has several lines: first line"),
    ],
)
def test_what_is_not_well_fails(case: "object", message: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(message)):
        fuzz(case, 2000, memory=250 << 20)  # type: ignore[arg-type]
