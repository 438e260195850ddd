"""Search over a repository: ours beside semble's, in one run, each measurement in a process of its own.

    python -m venv PEER && PEER/bin/pip install semble==0.7.0
    python benchmarks/search.py --peer-python PEER/bin/python --work FOLDER --out OUT [REPOSITORY ...]

Without a REPOSITORY, the installed scipy. Each is copied to FOLDER, so that the edit does not touch it.

- index: from nothing. Refresh: nothing changed, then after one function was added to one file. Cold search: one
  `search` from the shell with its refresh; semble refreshes too. Warm: 100 questions to an open index.
- CPU-s are those of the process with its workers, MB the largest process.
- semble's weights cannot be downloaded here. It reads a random table over our tokenizer's vocabulary, which costs
  the same time as a trained one. --dimensions has its widths: 1024 is as wide as ours, 256 is what it ships.
- Both read all kinds of text (semble: --content all), one BLAS thread.
- bytes / text: of the index, by the bytes of the files that ours has indexed.

The table goes to stdout, the figures to OUT/search.json.
"""

import argparse
import importlib.util
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

QUESTIONS = 100
TARGETS = {"index": 15.0, "unchanged": 0.3, "cold": 0.5}  # CPU-seconds on scipy
_sentence = re.compile(r"^\s*(?:#|//|\*|--)?\s*((?:[A-Za-z]{2,}\s+){3,11}[A-Za-z]{2,})\.?\s*$", re.MULTILINE)
_name = re.compile(r"\b(?:def|class|func|function|struct|interface|fn)\s+([A-Za-z_]\w{4,})")

OURS_WARM = """
import json, os, sys, time
from adjoin import load_index
questions = json.load(open(sys.argv[2]))
index = load_index(sys.argv[1] + "/.adjoin")
index.search("warm up")
times = []
for question in questions:
    start, own = time.perf_counter(), time.process_time()
    index.search(question)
    times.append((time.perf_counter() - start, time.process_time() - own))
files = index.status().files.values()
text = sum(file.size for file in files if file.pieces)
print(json.dumps({"times": times, "pieces": len(index), "files": sum(f.pieces > 0 for f in files), "text": text}))
"""
SEMBLE = "import sys; from semble.cli import main; sys.argv[0] = 'semble'; main()"
SEMBLE_WARM = """
import json, sys, time
from semble import ContentType, SembleIndex
questions = json.load(open(sys.argv[2]))
index = SembleIndex.from_path(sys.argv[1], content=list(ContentType))
index.search("warm up")
times = []
for question in questions:
    start, own = time.perf_counter(), time.process_time()
    index.search(question)
    times.append((time.perf_counter() - start, time.process_time() - own))
stats = index.stats
print(json.dumps({"times": times, "pieces": stats.total_chunks, "files": stats.indexed_files}))
"""


def run(command: Sequence[str], environment: dict[str, str]) -> tuple[dict[str, float], str]:
    """Run a command; give its CPU-seconds with its children's, its wall time and memory, and its output."""
    start = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):  # 1: no result
        raise SystemExit(f"{' '.join(command)}: ended with status {process.returncode}")
    figures = {
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "wall_s": time.perf_counter() - start,
        "mb": usage.ru_maxrss / 1024,
    }
    return figures, output


def measure(
    once: Sequence[str], search: Sequence[str], warm: Sequence[str], edited: Path, environment: dict[str, str]
) -> dict[str, Any]:
    """Measure one system on one repository.

    Args:
        once: makes or refreshes the index.
        search: asks one question from the shell.
        warm: asks many and prints the times.
        edited: the file that gets one more function.
        environment: of all of them.
    """
    result: dict[str, Any] = {"index": run(once, environment)[0], "unchanged": run(once, environment)[0]}
    result["cold"] = min((run(search, environment)[0] for _ in range(3)), key=lambda figures: figures["cpu_s"])
    figures, output = run(warm, environment)
    said = json.loads(output.splitlines()[-1])
    wall, cpu = 1e3 * np.array(said.pop("times")).T
    figures |= {f"p{percent}_ms": float(np.percentile(wall, percent)) for percent in (50, 99)}
    figures |= {f"cpu_p{percent}_ms": float(np.percentile(cpu, percent)) for percent in (50, 99)}
    result |= {"warm": figures, **said}
    before = edited.read_bytes()
    edited.write_bytes(before + b"\n\ndef one_more_function(path):\n    return open(path).read()\n")
    result["edit"] = run(once, environment)[0]
    edited.write_bytes(before)
    return result


def random_table(folder: Path, dimension: int) -> None:
    """Write a static model with random vectors that semble can read."""
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer

    from adjoin.model.locations import locate_model

    tokenizer = Tokenizer.from_file(str(locate_model("code") / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    size = (tokenizer.get_vocab_size(), dimension)
    save_file(
        {"embeddings": np.random.default_rng(0).standard_normal(size, np.float32)}, folder / "model.safetensors"
    )
    config = {"model_type": "model2vec", "architectures": ["StaticModel"], "normalize": True}
    config |= {"hidden_dim": dimension, "seq_length": 1_000_000}
    (folder / "config.json").write_text(json.dumps(config))


def questions_about(repository: Path) -> list[str]:
    """Sentences and names of a repository, the same at each run."""
    sentences: set[str] = set()
    names: set[str] = set()
    for path in sorted(repository.rglob("*")):
        if path.is_file() and path.suffix and path.stat().st_size < 200_000:
            text = path.read_text(encoding="utf-8", errors="ignore")
            sentences |= set(_sentence.findall(text))
            names |= set(_name.findall(text))
    seeded, half = random.Random(0), QUESTIONS // 2
    return [
        question
        for found in (sentences, names)
        for question in seeded.sample(sorted(found), min(half, len(found)))
    ]


def copied(repository: Path, work: Path) -> Path:
    """Copy a repository without indexes and compiled files."""
    target = work / repository.name if repository.name != "source" else work / repository.parent.name
    shutil.rmtree(target, ignore_errors=True)
    left_out = shutil.ignore_patterns(".adjoin", "__pycache__", "*.so", "*.pyc")
    shutil.copytree(repository, target, ignore=left_out, symlinks=True)
    return target


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def compare(repository: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Measure all systems on one repository."""
    work: Path = options.work
    root = copied(repository, work)
    questions = questions_about(root)
    asked = work / "questions.json"
    asked.write_text(json.dumps(questions))
    sources = [path for path in root.rglob("*") if path.suffix in (".py", ".go", ".ts", ".hpp", ".h", ".php")]
    edited = max(sources, key=lambda path: (path.stat().st_size < 20_000, path.stat().st_size))
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # installed packages are compiled once
    python = sys.executable
    result = {
        "adjoin": measure(
            [python, "-m", "adjoin", "index", str(root)],
            [python, "-m", "adjoin", "search", questions[0], str(root)],
            [python, "-c", OURS_WARM, str(root), str(asked)],
            edited,
            environment,
        )
    }
    result["adjoin"]["bytes"] = size_of(root / ".adjoin")
    shutil.rmtree(root / ".adjoin")
    for dimension in options.dimensions if options.peer_python else ():
        table, cache = work / f"table-{dimension}", work / "cache"
        if not (table / "config.json").exists():
            random_table(table, dimension)
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir()
        own = environment | {"SEMBLE_MODEL_NAME": str(table), "SEMBLE_CACHE_LOCATION": str(cache)}
        own |= {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
        own.pop("PYTHONPATH", None)
        search = [options.peer_python, "-c", SEMBLE, "search", questions[0], str(root), "--content", "all"]
        warm = [options.peer_python, "-c", SEMBLE_WARM, str(root), str(asked)]
        name = f"semble, {dimension} dimensions"
        result[name] = measure(search, search, warm, edited, own)
        result[name]["bytes"] = size_of(cache)
    return result


def table(repository: str, systems: dict[str, Any]) -> str:
    """The figures of one repository as text."""
    text = systems["adjoin"]["text"]
    lines = [f"{repository}: {systems['adjoin']['files']:,} files, {text / 1e6:.1f} MB of text"]
    heads = ("pieces", "index", "MB", "unchanged", "edit", "cold", "MB", "warm p50", "p99", "MB", "bytes/text")
    lines.append(f"{'':<24}" + "".join(f"{head:>11}" for head in heads))
    for name, found in systems.items():
        cells = [f"{found['pieces']:,}", f"{found['index']['cpu_s']:.2f}", f"{found['index']['mb']:.0f}"]
        cells += [f"{found[step]['cpu_s']:.2f}" for step in ("unchanged", "edit", "cold")]
        cells += [f"{found['cold']['mb']:.0f}", f"{found['warm']['cpu_p50_ms']:.1f}"]
        cells += [
            f"{found['warm']['cpu_p99_ms']:.1f}",
            f"{found['warm']['mb']:.0f}",
            f"{found['bytes'] / text:.2f}",
        ]
        lines.append(f"{name:<24}" + "".join(f"{cell:>11}" for cell in cells))
    return "\n".join(lines)


def main() -> None:
    """Measure all repositories and print a table of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repositories", nargs="*", type=Path, metavar="REPOSITORY")
    parser.add_argument("--peer-python", help="a Python that has semble; without it, only ours")
    parser.add_argument("--dimensions", type=int, nargs="+", default=[1024, 256])
    parser.add_argument("--work", type=Path, required=True, help="folder for copies and indexes")
    parser.add_argument("--out", type=Path, help="folder for search.json")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if not options.repositories:
        found = importlib.util.find_spec("scipy")
        assert found is not None
        assert found.origin is not None
        options.repositories = [Path(found.origin).parent]
    result = {}
    for repository in options.repositories:
        result[str(repository)] = compare(repository, options)
        sys.stdout.write(table(str(repository), result[str(repository)]) + "\n\n")
        sys.stdout.flush()
    sys.stdout.write(
        "index, unchanged, edit, cold: CPU-seconds; warm: CPU-milliseconds a question; MB: largest process\n"
    )
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "search.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
