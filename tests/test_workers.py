import multiprocessing
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from adjoin.errors import AdjoinError
from adjoin.workers import Pool, in_order
from patience import PATIENCE, wait_until


def slow_square(number: int) -> tuple[int, int]:
    time.sleep(0.05 if number % 3 == 0 else 0)
    return number * number, os.getpid()


def fail(number: int) -> int:
    raise AdjoinError(f"no {number}")


def die(number: int) -> int:
    os._exit(number)


def die_if_a_child(number: int) -> int:
    if multiprocessing.parent_process() is not None:
        os._exit(number)
    time.sleep(0.2)
    return number


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


def last_if_first(task: tuple[int, Path]) -> int:
    """The first task takes until the 19 others are done."""
    number, folder = task
    if number == 0:
        wait_until(lambda: len(list(folder.iterdir())) == 19)
    else:
        (folder / str(number)).touch()
    return number * number


@pytest.mark.parametrize("workers", [1, 2])
def test_as_done_gives_every_task_with_its_result(workers: int) -> None:
    with Pool(workers) as pool:
        done = sorted(pool.as_done(slow_square, range(20)))
    assert [(number, square) for number, (square, _) in done] == [(n, n * n) for n in range(20)]


def test_as_done_does_not_wait_for_a_long_one(tmp_path: Path) -> None:
    with Pool(2) as pool:
        done = list(pool.as_done(last_if_first, [(number, tmp_path) for number in range(20)]))
    assert done[-1] == ((0, tmp_path), 0), "the other worker did all the others meanwhile"


def test_the_processes_of_a_pool_stay_and_become_more_where_more_have_use() -> None:
    with Pool(3) as pool:
        here = {process for _, (_, process) in pool.as_done(slow_square, [1])}
        first, second = ({process for _, (_, process) in pool.as_done(slow_square, [3, 6] * 4)} for _ in range(2))
        assert here == {os.getpid()}
        assert len(first | second) <= 3
        left_early = pool.as_done(slow_square, range(20))
        next(left_early)
        left_early.close()
        assert len(list(pool.as_done(slow_square, range(20)))) == 20
    alive = [process for process in (first | second) - here if psutil.pid_exists(process)]
    assert not alive


def test_a_pool_tells_in_one_line_that_a_worker_was_killed() -> None:
    with Pool(2) as pool, pytest.raises(AdjoinError, match="one of 2 workers was killed"):
        list(pool.as_done(die_if_a_child, [9, 9, 9]))


def busy_without_a_thread(number: int) -> int:
    """Seconds in C, where no other thread of the process gets to run; the parent waits."""
    if multiprocessing.parent_process() is None:
        time.sleep(100)
    re.fullmatch(r"(a+)+b", "a" * 40)
    return number


ORPHANS = """
import sys
sys.path.insert(0, sys.argv[1])
from adjoin.workers import Pool
from test_workers import busy_without_a_thread
list(Pool(3).as_done(busy_without_a_thread, [1, 2, 3]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux to do it")
def test_a_killed_parent_takes_workers_along_that_cannot_notice() -> None:
    parent = subprocess.Popen([sys.executable, "-c", ORPHANS, str(Path(__file__).parent)])
    children: list[psutil.Process] = []
    while sum(child.cpu_times().user > 1.0 for child in children) < 2:
        assert parent.poll() is None
        time.sleep(0.1)
        children = [c for c in psutil.Process(parent.pid).children() if "spawn_main" in " ".join(c.cmdline())]
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(children, timeout=PATIENCE)
    for process in alive:
        process.kill()
    assert not alive
