import mmap
import os
from pathlib import Path

import psutil
import pytest
import torch

from adjoin.training import hardware as machine
from adjoin.training.hardware import (
    DATASHEETS,
    available_memory,
    best_threads,
    cpu_count,
    half_precision,
    matmul_peak,
    memory_bandwidth,
    peak_memory,
    reset_peak_memory,
)

CPU = torch.device("cpu")
LINUX = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no Linux")


def test_measured_figures_are_those_of_a_computer() -> None:
    before, random = torch.get_num_threads(), torch.get_rng_state()
    assert 1e7 < matmul_peak(torch.float32, CPU, threads=1) < 1e13
    assert 1e7 < matmul_peak(torch.bfloat16, CPU) < 1e14
    assert 1e7 < memory_bandwidth(CPU) < 1e13
    assert 1 << 20 < available_memory(CPU) < 1 << 50
    assert 1 <= best_threads() <= cpu_count()
    assert torch.get_num_threads() == before
    assert torch.equal(torch.get_rng_state(), random)  # a resumed training must not notice


def test_a_slow_device_is_given_small_products_only(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(machine, "_product", lambda size, *_: lambda: sizes.append(size))
    monkeypatch.setattr(machine, "seconds_of", lambda work, _: work() or 1.0)
    assert matmul_peak(torch.float32, CPU) == 2 * 256**3
    assert sizes == [256, 256]


@LINUX
def test_the_peak_of_memory_is_seen_and_forgotten() -> None:
    if not reset_peak_memory(CPU):
        pytest.skip("the kernel does not allow it")
    before = peak_memory(CPU)
    held = mmap.mmap(-1, 1 << 27)  # 128 MiB of the system's, not of what malloc kept of earlier tests
    held.write(b"x" * (1 << 27))
    assert peak_memory(CPU) > before + (100 << 20)
    held.close()
    assert reset_peak_memory(CPU)
    assert peak_memory(CPU) < before + (100 << 20)


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({1: 1.0, 2: 0.6, 4: 0.4}, 4),
        ({1: 1.0, 2: 1.3, 4: 2.0}, 1),  # as on a machine that others use
        ({1: 1.0, 2: 0.5, 4: 0.49}, 2),  # too little gained
        ({1: 1.0, 2: 0.96, 4: 0.93}, 2),  # within 5 % of the best
    ],
)
def test_the_fastest_number_of_threads_is_chosen(
    seconds: dict[int, float], chosen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    monkeypatch.setattr(machine, "seconds_of", lambda *_: seconds[torch.get_num_threads()])
    monkeypatch.setitem(machine._SECONDS, "threads", 0.01)
    assert best_threads(seconds) == chosen
    assert torch.get_num_threads() == before


def test_threads_are_measured_up_to_the_number_of_cores() -> None:
    assert best_threads([3]) == 3
    assert [machine._powers_of_two(number) for number in (1, 2, 6, 8)] == [[1], [1, 2], [1, 2, 4, 6], [1, 2, 4, 8]]


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty machine, whose /proc and /sys/fs/cgroup a test fills."""
    for name, folder in (("_PROC", "proc"), ("_CGROUPS", "cgroup")):
        monkeypatch.setattr(machine, name, tmp_path / folder)
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "proc"))
    names = ("MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached", "Shmem", "Active", "Inactive", "Slab")
    sizes = (1000, 100, 800, 0, 0, 0, 0, 0, 0)
    lines = (f"{name}: {size} kB\n" for name, size in zip(names, sizes, strict=True))
    write(tmp_path / "proc/meminfo", "".join(lines))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    return tmp_path


def write(path: Path, text: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}")


def test_without_cgroups_the_kernel_alone_tells(system: Path) -> None:
    assert available_memory(CPU) == 800 << 10
    assert cpu_count() == 8
    write(system / "proc/self/cgroup", "0::/\n")
    write(system / "cgroup/memory.max", "max\n")
    write(system / "cgroup/memory.current", "5\n")
    write(system / "cgroup/cpu.max", "max 100000\n")
    assert available_memory(CPU) == 800 << 10
    assert cpu_count() == 8


def test_the_tightest_cgroup_around_us_counts(system: Path) -> None:
    write(system / "proc/self/cgroup", "0::/outer/inner\n")
    for folder, limit, used, files, quota in (
        ("outer", 500_000, 100_000, 40_000, 250),
        ("outer/inner", "max", 7, 0, 300),
    ):
        write(system / "cgroup" / folder / "memory.max", limit)
        write(system / "cgroup" / folder / "memory.current", used)
        write(system / "cgroup" / folder / "memory.stat", f"anon 3\ninactive_file {files}\n")
        write(system / "cgroup" / folder / "cpu.max", f"{quota} 100")
    assert available_memory(CPU) == 500_000 - 100_000 + 40_000  # files in memory can be dropped
    assert cpu_count() == 2  # two and a half


def test_version_1_within_a_container_is_read_at_its_root(system: Path) -> None:
    write(system / "proc/self/cgroup", "5:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/\n")
    memory, cpu = system / "cgroup/memory", system / "cgroup/cpu"
    write(memory / "memory.limit_in_bytes", 300_000)
    write(memory / "memory.usage_in_bytes", 310_000)
    write(memory / "memory.stat", "inactive_file 1\ntotal_inactive_file 2000\n")
    write(cpu / "cpu.cfs_quota_us", 50_000)
    write(cpu / "cpu.cfs_period_us", 100_000)
    assert available_memory(CPU) == 0  # above its limit already
    assert cpu_count() == 1  # half a core
    write(cpu / "cpu.cfs_quota_us", -1)
    assert cpu_count() == 8


def test_where_the_kernel_tells_no_peak_the_library_does(system: Path) -> None:
    assert not reset_peak_memory(CPU)
    assert 1 << 20 < peak_memory(CPU) < 1 << 45


def test_half_precision_only_in_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    for answers, expected in (
        ((False, False), None),
        ((True, False), torch.bfloat16),
        ((False, True), torch.bfloat16),
    ):
        for probe, answer in zip(probes, answers, strict=True):
            monkeypatch.setattr(torch.cpu, probe, lambda answer=answer: answer, raising=False)
        assert half_precision(CPU) == expected
    for probe in probes:
        monkeypatch.delattr(torch.cpu, probe)
    assert half_precision(CPU) is None
    for capability, expected in (((7, 5), None), ((8, 0), torch.bfloat16), ((9, 0), torch.bfloat16)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _, capability=capability: capability)
        assert half_precision(torch.device("cuda", 0)) == expected


def test_datasheets_are_in_plain_units() -> None:
    for name, sheet in DATASHEETS.items():
        assert 1e14 < sheet.flops < 1e16, name
        assert 1e10 < sheet.memory < 1e12, name
        assert 1e11 < sheet.bandwidth < 1e13, name
