"""What this machine can do, measured in a moment: products, memory, threads. Nothing here is set for good."""

import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import torch

_PROC, _CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
_SMALLEST_PRODUCT, _LARGEST_PRODUCT = 256, {"cpu": 2_048, "cuda": 8_192}  # rows of square matrices
_TRAINING_PRODUCT = (2_048, 384, 1_024)  # a micro-batch's tokens through the first matrix of mini's gated MLP
_COPIED = {"cpu": 1 << 27, "cuda": 1 << 29}  # bytes: well above what caches hold
_SECONDS = {"product": 0.4, "copy": 0.3, "threads": 0.3}  # the last a candidate
_ROUNDS = 5
_FEWER_IF_WITHIN = 1.05  # another thread must gain more than 5 %: others may want the processor

_M_MMAP_THRESHOLD = -3  # malloc.h


class Datasheet(NamedTuple):
    """What a maker promises of a device, for planning on paper.

    Attributes:
        flops: of dense bfloat16 products, summed in float32, in FLOP/s.
        memory: in bytes.
        bandwidth: of that memory, in bytes/s.
    """

    flops: float
    memory: float
    bandwidth: float


# From NVIDIA's data sheets; SXM modules where there are several. An H200 keeps up about 790e12 of the 989e12.
DATASHEETS = {
    "H200": Datasheet(989e12, 141e9, 4.8e12),
    "H100": Datasheet(989e12, 80e9, 3.35e12),
    "A100": Datasheet(312e12, 80e9, 2.0e12),
    "L40S": Datasheet(362e12, 48e9, 0.864e12),
    "RTX4090": Datasheet(165e12, 24e9, 1.008e12),
}


def half_precision(device: torch.device) -> torch.dtype | None:
    """bfloat16 where the device multiplies it in hardware; None elsewhere, where emulation is far slower."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else None
    if device.type == "cpu":
        probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        if any(getattr(torch.cpu, probe, lambda: False)() for probe in probes):
            return torch.bfloat16
    return None


def matmul_peak(dtype: torch.dtype, device: torch.device, threads: int | None = None) -> float:
    """The best FLOP/s of square products, larger and larger ones as far as half a second goes.

    Args:
        dtype: of the numbers.
        device: where they are.
        threads: of the processor; None for as many as torch uses.
    """
    with _threads(threads or torch.get_num_threads()):
        size, best = _SMALLEST_PRODUCT, 0.0
        product = _product(size, size, size, dtype, device)
        seconds_of(product, device)  # libraries start at the first call
        ends = time.perf_counter() + _SECONDS["product"]
        while True:
            seconds = seconds_of(product, device)
            best = max(best, 2 * size**3 / seconds)
            left = ends - time.perf_counter()
            if size < _LARGEST_PRODUCT.get(device.type, _SMALLEST_PRODUCT) and left > 2 * 8 * seconds:
                size *= 2
                product = _product(size, size, size, dtype, device)
            elif left < seconds:
                return best


def memory_bandwidth(device: torch.device) -> float:
    """The best bytes/s, read and written, of copying a large tensor."""
    number = _COPIED.get(device.type, 1 << 27)
    source = torch.ones(number, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)

    def copy() -> object:
        return target.copy_(source)

    seconds_of(copy, device)  # the first touch of memory is slow
    ends = time.perf_counter() + _SECONDS["copy"]
    times = [seconds_of(copy, device)]
    while time.perf_counter() + times[-1] < ends:
        times.append(seconds_of(copy, device))
    return 2 * number / min(times)


def available_memory(device: torch.device) -> int:
    """Bytes that can still be taken: of a GPU's memory, or of the machine's and of what our cgroups allow."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = _fields(_PROC / "meminfo").get("MemAvailable")
    if free is None:  # no Linux
        free = _psutil().virtual_memory().available
    return max(0, min([free, *_memory_allowances()]))


def peak_memory(device: torch.device) -> int:
    """The most bytes this process has held since it started or `reset_peak_memory` was called."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    highest = _fields(_PROC / "self" / "status").get("VmHWM")
    if highest is not None:
        return highest
    if sys.platform == "win32":
        return int(_psutil().Process().memory_info().peak_wset)
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used << 10


def reset_peak_memory(device: torch.device) -> bool:
    """Let `peak_memory` start anew, from what is held now; False where the kernel does not allow it."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return True
    try:
        (_PROC / "self" / "clear_refs").write_text("5")
    except OSError:
        return False
    return "VmHWM" in _fields(_PROC / "self" / "status")


def return_freed_memory() -> None:
    """Let glibc give large tensors back to the system when they are freed, rather than hold on to some.

    A training's peak was lower by it, at about 2 % of its speed (docs/LOG.md). Elsewhere nothing is done.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").mallopt(_M_MMAP_THRESHOLD, 4 << 20)


def cpu_count() -> int:
    """How many processors this process may use: by its affinity, and by what its cgroups grant, rounded down."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    number = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, int(min([number, *_cpu_quotas()])))


def best_threads(candidates: Iterable[int] | None = None) -> int:
    """The number of threads at which the processor is fastest at a training's product, by measurement.

    The candidates take turns, so that what others do on the machine meets all of them; the median tells, for it
    holds the waits that the best time leaves out. About 0.3 s a candidate.

    Args:
        candidates: None for 1, 2, 4 and so on to `cpu_count()`.

    Returns:
        For torch.set_num_threads; the fewest of those within 5 % of the fastest.
    """
    numbers = sorted(set(candidates)) if candidates is not None else _powers_of_two(cpu_count())
    if len(numbers) == 1:
        return numbers[0]
    device = torch.device("cpu")
    product = _product(*_TRAINING_PRODUCT, torch.float32, device)
    times: dict[int, list[float]] = {number: [] for number in numbers}
    for _ in range(_ROUNDS):
        for number in numbers:
            with _threads(number):
                seconds_of(product, device)  # threads start
                ends = time.perf_counter() + _SECONDS["threads"] / _ROUNDS
                while not times[number] or time.perf_counter() < ends:
                    times[number].append(seconds_of(product, device))
    medians = {number: median(measured) for number, measured in times.items()}
    return next(n for n in numbers if medians[n] <= _FEWER_IF_WITHIN * min(medians.values()))


def _powers_of_two(last: int) -> list[int]:
    return [*(1 << i for i in range((last - 1).bit_length())), last]


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _product(
    rows: int, inner: int, columns: int, dtype: torch.dtype, device: torch.device
) -> Callable[[], object]:
    """A product of random matrices: of zeros, a GPU draws less power and runs faster than it ever does at work."""
    random = torch.Generator(device).manual_seed(0)  # our own: a training's random numbers stay as they are
    left = torch.randn(rows, inner, device=device, generator=random).to(dtype)
    right = torch.randn(inner, columns, device=device, generator=random).to(dtype)
    return lambda: left @ right


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """How long some work takes, a GPU's own part of it included."""
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


def _psutil() -> Any:  # noqa: ANN401 - an untyped library, which accelerate brings along
    import psutil

    return psutil


def _memory_allowances() -> Iterator[int]:
    """What is left of each cgroup's limit; files that it holds in memory for later reading can be dropped."""
    names = (
        ("memory.max", "memory.current", "inactive_file"),  # version 2
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),  # version 1
    )
    for folder in _cgroups("memory"):
        for limit_name, usage_name, files in names:
            limit, usage = _numbers(folder / limit_name), _numbers(folder / usage_name)
            if limit and usage:
                yield limit[0] - usage[0] + _fields(folder / "memory.stat").get(files, 0)


def _cpu_quotas() -> Iterator[float]:
    """Processors' worth of time that each cgroup grants; none is yielded where there is no bound."""
    for folder in _cgroups("cpu"):
        for numbers in (
            _numbers(folder / "cpu.max"),  # version 2
            _numbers(folder / "cpu.cfs_quota_us") + _numbers(folder / "cpu.cfs_period_us"),  # version 1
        ):
            if len(numbers) == 2 and numbers[0] > 0:  # "max" is no number, version 1 says -1
                yield numbers[0] / numbers[1]


def _cgroups(controller: str) -> Iterator[Path]:
    """The folders of this process's cgroups and of those around them, for each bounds what is inside."""
    for line in _text(_PROC / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root = _CGROUPS
        elif controller in controllers.split(","):
            root = _CGROUPS / controller
        else:
            continue
        folder = root / path.lstrip("/")  # within a container it may not exist; the root then is the container's
        yield from (part for part in (folder, *folder.parents) if part.is_relative_to(root))


def _fields(path: Path) -> dict[str, int]:
    """The numbers of a file of names and numbers, those in kB as bytes."""
    rows = (line.replace(":", " ").split() for line in _text(path).splitlines())
    return {
        row[0]: int(row[1]) << (10 if row[2:] == ["kB"] else 0)
        for row in rows
        if len(row) > 1 and row[1].isdecimal()
    }


def _numbers(path: Path) -> list[int]:
    """The whole numbers in a file; none if it is missing."""
    return [int(word) for word in _text(path).split() if word.removeprefix("-").isdecimal()]


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
