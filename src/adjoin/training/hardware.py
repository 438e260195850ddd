"""Measurements of this machine: matmul speed, memory bandwidth, free memory, number of threads."""

import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil
import torch

_PROC, _CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
_SMALLEST_PRODUCT, _LARGEST_PRODUCT = 256, {"cpu": 2_048, "cuda": 8_192}  # rows of square matrices
_TRAINING_PRODUCT = (2_048, 384, 1_024)  # a micro-batch's tokens through the first matrix of mini's gated MLP
_COPIED = {"cpu": 1 << 27, "cuda": 1 << 29}  # bytes: well above what caches hold
_SECONDS = {"product": 0.4, "copy": 0.3, "threads": 0.3}  # "threads": per candidate
_ROUNDS = 5
_FEWER_IF_WITHIN = 1.05  # another thread must gain more than 5 %: other processes may need the core

_M_MMAP_THRESHOLD = -3  # malloc.h


class Datasheet(NamedTuple):
    """A GPU's datasheet, for plans of machines that are not there.

    Attributes:
        flops: FLOP/s of dense bfloat16 products with float32 accumulation.
        memory: size of the memory in bytes.
        bandwidth: bandwidth of that memory in bytes/s.
    """

    flops: float
    memory: float
    bandwidth: float


# From NVIDIA's data sheets; SXM modules where there are several. An H200 sustains about 790e12 of the 989e12.
DATASHEETS = {
    "H200": Datasheet(989e12, 141e9, 4.8e12),
    "H100": Datasheet(989e12, 80e9, 3.35e12),
    "A100": Datasheet(312e12, 80e9, 2.0e12),
    "L40S": Datasheet(362e12, 48e9, 0.864e12),
    "RTX4090": Datasheet(165e12, 24e9, 1.008e12),
}


def half_precision(device: torch.device) -> torch.dtype | None:
    """bfloat16 if the device multiplies it in hardware, else None: emulation is far slower than float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else None
    if device.type == "cpu":
        probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        if any(getattr(torch.cpu, probe, lambda: False)() for probe in probes):
            return torch.bfloat16
    return None


def matmul_peak(dtype: torch.dtype, device: torch.device, threads: int | None = None) -> float:
    """Measure the peak FLOP/s of square matrix products of growing size, in about half a second.

    Args:
        dtype: dtype of the matrices.
        device: device of the matrices.
        threads: CPU threads; None for the number that torch uses.
    """
    with _threads(threads or torch.get_num_threads()):
        size, best = _SMALLEST_PRODUCT, 0.0
        product = _product(size, size, size, dtype, device)
        seconds_of(product, device)  # the first call initialises libraries
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
    """Measure the peak bytes/s, read plus written, of copying a large tensor."""
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
    """Free bytes: of a GPU's memory, or of the machine's within the limits of our cgroups."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free: int = psutil.virtual_memory().available
    return max(0, min([free, *_memory_allowances()]))


def peak_memory(device: torch.device) -> int:
    """The most bytes this process has held since its start or the last `reset_peak_memory`."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    highest = _fields(_PROC / "self" / "status").get("VmHWM")
    if highest is not None:
        return highest
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used << 10


def reset_peak_memory(device: torch.device) -> bool:
    """Restart `peak_memory` from what is held now; False if the kernel does not allow it."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return True
    try:
        (_PROC / "self" / "clear_refs").write_text("5")
    except OSError:
        return False
    return "VmHWM" in _fields(_PROC / "self" / "status")


def return_freed_memory() -> None:
    """Make glibc return the memory of freed large tensors to the system at once.

    This lowers the peak memory of a training, at about 2 % of its speed (docs/LOG.md). With another C library
    nothing is done.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").mallopt(_M_MMAP_THRESHOLD, 4 << 20)


def cpu_count() -> int:
    """CPU cores that this process may use, by its affinity and by the quotas of its cgroups, rounded down."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    number = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, int(min([number, *_cpu_quotas()])))


def best_threads(candidates: Iterable[int] | None = None) -> int:
    """Measure which number of threads computes a training's typical product fastest.

    The candidates take turns, so that other load on the machine affects all of them. Medians are compared, as the
    minimum leaves out the waiting. Takes about 0.3 s per candidate.

    Args:
        candidates: numbers of threads; None for 1, 2, 4 and so on up to `cpu_count()`.

    Returns:
        A number for torch.set_num_threads: the smallest within 5 % of the fastest.
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
    """A product of random matrices: with zeros a GPU draws less power and runs faster than in a training."""
    random = torch.Generator(device).manual_seed(
        0
    )  # our own generator: the training's random numbers stay as they are
    left = torch.randn(rows, inner, device=device, generator=random).to(dtype)
    right = torch.randn(inner, columns, device=device, generator=random).to(dtype)
    return lambda: left @ right


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """Wall-clock seconds of a function, including the work that it starts on a GPU."""
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


def _memory_allowances() -> Iterator[int]:
    """Bytes left within each cgroup's limit; inactive page cache can be reclaimed. psutil reads no cgroups."""
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
    """CPU cores that each cgroup grants; nothing for one without a limit. loky and joblib read the root only."""
    for folder in _cgroups("cpu"):
        for numbers in (
            _numbers(folder / "cpu.max"),  # version 2
            _numbers(folder / "cpu.cfs_quota_us") + _numbers(folder / "cpu.cfs_period_us"),  # version 1
        ):
            if len(numbers) == 2 and numbers[0] > 0:  # "max" is no number, version 1 says -1
                yield numbers[0] / numbers[1]


def _cgroups(controller: str) -> Iterator[Path]:
    """The folders of this process's cgroups and of their parents, whose limits hold as well."""
    for line in _text(_PROC / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root = _CGROUPS
        elif controller in controllers.split(","):
            root = _CGROUPS / controller
        else:
            continue
        folder = root / path.lstrip("/")  # missing within a container, whose own root it is then
        yield from (part for part in (folder, *folder.parents) if part.is_relative_to(root))


def _fields(path: Path) -> dict[str, int]:
    """Name → number in a file of such lines, kB as bytes."""
    rows = (line.replace(":", " ").split() for line in _text(path).splitlines())
    return {
        row[0]: int(row[1]) << (10 if row[2:] == ["kB"] else 0)
        for row in rows
        if len(row) > 1 and row[1].isdecimal()
    }


def _numbers(path: Path) -> list[int]:
    """The integers in a file; none if it is missing."""
    return [int(word) for word in _text(path).split() if word.removeprefix("-").isdecimal()]


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
