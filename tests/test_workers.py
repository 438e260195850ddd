import os
import time

import pytest

from adjoin.errors import AdjoinError
from adjoin.workers import as_done, in_order


def slow_square(number: int) -> tuple[int, int]:
    time.sleep(0.05 if number % 3 == 0 else 0)
    return number * number, os.getpid()


def fail(number: int) -> int:
    raise AdjoinError(f"no {number}")


def die(number: int) -> int:
    os._exit(number)


def test_results_come_in_order_from_several_processes() -> None:
    numbers = list(range(20))
    results = list(in_order(slow_square, numbers, 2))
    assert [square for square, _ in results] == [number * number for number in numbers]
    assert os.getpid() not in {process for _, process in results}


def test_one_worker_is_this_process() -> None:
    assert {process for _, process in in_order(slow_square, [1, 2], 1)} == {os.getpid()}
    assert {process for _, process in in_order(slow_square, [1], 8)} == {os.getpid()}
    assert list(in_order(slow_square, [], None)) == []


def test_an_error_of_a_worker_and_its_death_are_one_line() -> None:
    with pytest.raises(AdjoinError, match="no 5"):
        list(in_order(fail, [5, 6], 2))
    with pytest.raises(AdjoinError, match="one of 2 workers was killed"):
        list(in_order(die, [9, 9], 2))


def slow_if_first(number: int) -> int:
    time.sleep(1.5 if number == 0 else 0.0)
    return number * number


@pytest.mark.parametrize("workers", [1, 2])
def test_as_done_gives_every_task_with_its_result(workers: int) -> None:
    expected = [(number, number * number) for number in range(20)]
    assert sorted(as_done(slow_if_first, range(20), workers)) == expected


def test_as_done_does_not_wait_for_a_long_one() -> None:
    done = list(as_done(slow_if_first, range(20), 2))
    assert done[-1][0] == 0, "the other worker did all the others meanwhile"
