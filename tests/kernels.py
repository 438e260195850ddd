"""Run the numeric tests under every kernel that torch, MKL, oneDNN, OpenBLAS and NumPy can be held to on this CPU.

    python tests/kernels.py [NAME ...] [pytest's options]

Names, of `KERNELS` below, choose some of them; without one, all that this CPU can execute are run. A sum of
floating-point numbers has another order, and so another last digit, in each. A test that fails here claims more
than holds on another processor.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TESTS = ("objective", "ranking", "batches", "model", "index", "evaluation", "training", "test_embed.py")
NEEDED = {"avx2": {"avx2", "fma"}, "avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl"}}  # of /proc/cpuinfo
# Name → the CPU's features that it needs beyond any x86-64, the environment.
KERNELS: dict[str, tuple[str, dict[str, str]]] = {
    "lowest": (
        "",
        {
            "ATEN_CPU_CAPABILITY": "default",
            "MKL_CBWR": "COMPATIBLE",
            "ONEDNN_MAX_CPU_ISA": "SSE41",
            "OPENBLAS_CORETYPE": "Prescott",
        },
    ),
    "aten-default": ("", {"ATEN_CPU_CAPABILITY": "default"}),
    "aten-avx2": ("avx2", {"ATEN_CPU_CAPABILITY": "avx2"}),
    "aten-avx512": ("avx512", {"ATEN_CPU_CAPABILITY": "avx512"}),
    "mkl-compatible": ("", {"MKL_CBWR": "COMPATIBLE"}),
    "mkl-avx2": ("avx2", {"MKL_CBWR": "AVX2"}),
    "mkl-avx512": ("avx512", {"MKL_CBWR": "AVX512"}),
    "openblas-sandybridge": ("avx2", {"OPENBLAS_CORETYPE": "Sandybridge"}),
    "openblas-haswell": ("avx2", {"OPENBLAS_CORETYPE": "Haswell"}),
    "openblas-zen": ("avx2", {"OPENBLAS_CORETYPE": "Zen"}),
    "openblas-skylakex": ("avx512", {"OPENBLAS_CORETYPE": "SkylakeX"}),
    "onednn-sse41": ("", {"ONEDNN_MAX_CPU_ISA": "SSE41"}),
    "numpy-baseline": ("", {"NPY_DISABLE_CPU_FEATURES": "X86_V3"}),
    "two-threads": ("", dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "2")),
}
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def can_run(needed: str, features: set[str]) -> bool:
    return NEEDED.get(needed, set()) <= features


def main() -> int:
    names = [argument for argument in sys.argv[1:] if argument in KERNELS]
    options = [argument for argument in sys.argv[1:] if argument not in KERNELS]
    features = set(Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split())
    failed = []
    for name in names or KERNELS:
        needed, environment = KERNELS[name]
        if not can_run(needed, features):
            sys.stdout.write(f"{name}: not on this CPU\n")
            continue
        sys.stdout.write(f"{name}: {' '.join(f'{key}={value}' for key, value in environment.items())}\n")
        sys.stdout.flush()
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-m",
            "not slow",
            *options,
            *(str(HERE / test) for test in TESTS),
        ]
        if subprocess.run(command, env={**os.environ, **ONE_THREAD, **environment}, check=False).returncode:
            failed.append(name)
    sys.stdout.write(f"failed: {', '.join(failed) or 'none'}\n")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
