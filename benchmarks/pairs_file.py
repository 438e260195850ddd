"""The pairs that `training.py` trains on: one file, with the same bytes wherever the same packages are installed.

    python benchmarks/pairs_file.py [OUT]      # writes build/bench-pairs.jsonl, prints its checksum

The pairs are documented functions of packages that constraints.txt pins, without their tests. A summary has about
14 tokens, its function about 165. No two pairs share an x or a y. So no batch has false negatives, and all
implementations have the same task.
"""

import hashlib
import json
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from adjoin.files import write_atomically
from adjoin.mining import MiningOptions, mine
from adjoin.pairs.dataset import PairDataset, sha256_of_file
from adjoin.pairs.functions import KIND

FILE = Path("build/bench-pairs.jsonl")
PACKAGES = ("fontTools", "matplotlib", "mypy", "networkx", "numpy", "scipy", "sympy", "torch", "transformers")
TESTS = ("*/test", "*/tests", "*/testing")
SHA256 = "4fa3178dd17ba4f6a7b7c20d2ab5417918aedb93360ca4fe59be7a096e8a28c6"  # with the versions of constraints.txt


def write_pairs_file(path: Path) -> None:
    """Mine `PACKAGES` and write their pairs as JSON lines with x and y.

    Args:
        path: the file to write.

    Raises:
        AdjoinError: a package is not installed.
        OSError: the disk is full or `path` is not writable.
    """
    folder = Path(sysconfig.get_path("purelib"))
    with tempfile.TemporaryDirectory() as name:
        options = MiningOptions(exclude=TESTS, kinds=(KIND,))
        mine([folder / package for package in PACKAGES], Path(name) / "pairs", options)
        lines = [json.dumps({"x": x, "y": y}) for x, y in _distinct(PairDataset.open(Path(name) / "pairs"))]
    # In the order of a hash: mixed, and independent of any random generator's version.
    lines.sort(key=lambda line: hashlib.blake2b(line.encode()).digest())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, "".join(f"{line}\n" for line in lines))


def _distinct(dataset: PairDataset) -> Iterator[tuple[str, str]]:
    """The pairs whose x and y did not occur before."""
    seen: tuple[set[int], set[int]] = (set(), set())
    for rows in dataset.batches(["x", "y", "x_hash", "y_hash"]):
        for x, y, *hashes in zip(rows["x"], rows["y"], rows["x_hash"], rows["y_hash"], strict=True):
            if not any(number in before for number, before in zip(hashes, seen, strict=True)):
                yield x, y
            for number, before in zip(hashes, seen, strict=True):
                before.add(number)


def read_pairs_file(path: Path) -> tuple[list[str], list[str]]:
    """All x and all y."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row["x"] for row in rows], [row["y"] for row in rows]


def as_expected(path: Path) -> bool:
    """Whether the file is the one that the published figures were measured on."""
    return sha256_of_file(path) == SHA256


def main() -> None:
    """Write the file, and print its number of pairs and checksum."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    write_pairs_file(path)
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"{path}: {len(read_pairs_file(path)[0]):,} pairs, sha256 {sha256_of_file(path)}")
    if not as_expected(path):
        console.print(f"expected {SHA256}: the packages' versions are not those of constraints.txt")


if __name__ == "__main__":
    main()
