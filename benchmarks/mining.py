"""Mining speed in MB/s, compared with a plain tree-sitter loop and CodeSearchNet's method: `make bench-mining`.

    python benchmarks/mining.py [--python FOLDER] [--go FOLDER] [--prose FOLDER] [--stream GB] [--quick]

Python comes from the installed packages, including tests. Go and prose come from packages of our corpus recipes,
which are downloaded once into build/. Ours runs the whole pipeline, from files on disk to a dataset on disk,
without duplicates and near duplicates. It runs with one worker (this process) and with two (this one and a child,
whose start counts), alternately, three times. The table has the medians.

The others only find the pairs, once, in a sixth of the input, and keep them in memory:

- Plain loop: parse each file, visit all nodes in Python, and keep each function with the comment before it or the
  string inside it.
- CodeSearchNet's method: in addition, tokenize the code by visiting each function's leaves, and tokenize the
  documentation.

`--stream GB` instead measures the peak memory of mining one file of JSON lines of that size.
"""

import argparse
import contextlib
import dataclasses
import json
import random
import re
import shutil
import statistics
import string
import subprocess
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import tree_sitter
from rich.console import Console
from rich.table import Table

from adjoin.collecting import CorpusRecipe, collect
from adjoin.corpus import find_sources, read_source
from adjoin.errors import AdjoinError
from adjoin.mining import Engine, MiningOptions, mine
from adjoin.pairs.languages import parser_for
from adjoin.tally import Tally

BUILD = Path("build/bench-mining")
CORPORA = Path("recipes/corpora")
PACKAGES = {
    "go": (
        "code.toml",
        (
            "golang-1.19-src",
            "golang-github-cilium-ebpf-dev",
            "golang-github-cloudflare-circl-dev",
            "golang-github-go-git-go-git-dev",
            "golang-github-prometheus-alertmanager-dev",
            "golang-github-snapcore-snapd-dev",
            "golang-github-syncthing-syncthing-dev",
            "golang-golang-x-image-dev",
            "golang-golang-x-text-dev",
            "golang-gvisor-gvisor-dev",
            "golang-mongodb-mongo-driver-dev",
        ),
    ),
    "prose": (
        "prose.toml",
        ("anarchism", "git-doc", "libreoffice-help-en-us", "linux-doc-6.1", "perl-doc", "postgresql-doc-15"),
    ),
}
_FUNCTIONS = {"function_definition", "function_declaration", "method_declaration"}
_FILES = 32  # files of prose, so that two workers can share them
_TOKEN = re.compile(r"\w+|[^\w\s]")


def walk(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """All nodes below one, visited recursively."""
    yield node
    for child in node.children:
        yield from walk(child)


def documentation(node: tree_sitter.Node, language: str) -> str:
    """The docstring of a Python function, or the comments right before a Go function."""
    if language == "python":
        body = node.child_by_field_name("body")
        first = body.named_children[0] if body is not None and body.named_children else None
        is_string = first is not None and first.named_children and first.named_children[0].type == "string"
        return (first.text or b"").decode("utf-8", "replace") if first is not None and is_string else ""
    lines: list[str] = []
    before = node.prev_sibling
    while before is not None and before.type == "comment":
        lines.append((before.text or b"").decode("utf-8", "replace"))
        before = before.prev_sibling
    return "\n".join(reversed(lines))


def plain_loop(folder: Path, suffix: str, language: str) -> int:
    """Number of pairs that a loop over all nodes finds."""
    parser = parser_for(language)
    pairs = []
    for path in files(folder, suffix):
        for node in walk(parser.parse(path.read_bytes()).root_node):
            if node.type in _FUNCTIONS and (text := documentation(node, language)):
                pairs.append((text, (node.text or b"").decode("utf-8", "replace")))
    return len(pairs)


def codesearchnet_method(folder: Path, suffix: str, language: str) -> int:
    """The same, with the tokens of both sides as in that data set."""
    parser = parser_for(language)
    pairs = []
    for path in files(folder, suffix):
        for node in walk(parser.parse(path.read_bytes()).root_node):
            if node.type in _FUNCTIONS and (text := documentation(node, language)):
                leaves = [leaf.text for leaf in walk(node) if not leaf.children and leaf.type != "comment"]
                pairs.append((text, node.text, leaves, _TOKEN.findall(text)))
    return len(pairs)


def files(folder: Path, suffix: str) -> list[Path]:
    """The source files below a folder."""
    return sorted(path for path in folder.rglob(f"*{suffix}") if path.is_file())


@dataclasses.dataclass(frozen=True)
class Measured:
    """The input of a measurement.

    Attributes:
        language: name of the language as in `adjoin mine`, or "prose".
        suffix: suffix of its files.
        folder: input of ours.
        sample: smaller input of the slower implementations; None to skip them.
    """

    language: str
    suffix: str
    folder: Path
    sample: Path | None = None


def ours(folder: Path, workers: int) -> int:
    """Number of pairs that `adjoin mine` writes."""
    with tempfile.TemporaryDirectory() as out:
        manifest = mine([folder], Path(out) / "pairs", MiningOptions(), engine=Engine(workers=workers))
    return int(manifest["pairs"])


def measure(what: Measured, rounds: int, console: Console) -> Table:
    """A table of all implementations over folders with files of one suffix only."""
    size, name = megabytes(what.folder, what.suffix), what.language
    table = Table("", "MB/s", "pairs", "seconds", title=f"{name}: {size:,.1f} MB of *{what.suffix}")
    times: dict[int, list[float]] = {1: [], 2: []}
    pairs = 0
    for _ in range(rounds):
        for workers, taken in times.items():
            began = time.perf_counter()
            pairs = ours(what.folder, workers)
            taken.append(time.perf_counter() - began)
            console.print(f"{name}, {workers} workers: {size / taken[-1]:,.1f} MB/s")
    one, two = (statistics.median(taken) for taken in times.values())
    table.add_row("adjoin mine, one worker", f"{size / one:,.1f}", f"{pairs:,}", f"{one:,.1f}")
    table.add_row("adjoin mine, two", f"{size / two:,.1f} ({one / two:.2f}x)", f"{pairs:,}", f"{two:,.1f}")
    if what.sample is None:
        return table
    size = megabytes(what.sample, what.suffix)
    for title, implementation in (("plain loop", plain_loop), ("CodeSearchNet's method", codesearchnet_method)):
        began = time.perf_counter()
        number = implementation(what.sample, what.suffix, what.language)
        seconds = time.perf_counter() - began
        table.add_row(
            f"{title}, in memory, {size:,.1f} MB", f"{size / seconds:,.1f}", f"{number:,}", f"{seconds:,.1f}"
        )
        console.print(f"{name}, {title}: {size / seconds:,.1f} MB/s")
    return table


def megabytes(folder: Path, suffix: str) -> float:
    """Total size of the source files below a folder."""
    return sum(path.stat().st_size for path in files(folder, suffix)) / 1e6


def copied(source: Path, name: str, suffix: str, limit: int) -> Path:
    """Copy the files with a suffix, up to `limit` bytes, into a new folder."""
    target = BUILD / f"{name}-{limit >> 20}"
    if not target.exists():
        unfinished = target.with_name(target.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        size = 0
        for path in files(source, suffix):
            if size > limit:
                break
            place = unfinished / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
            size += path.stat().st_size
        unfinished.rename(target)
    return target


def downloaded(what: str) -> Path:
    """Download packages of one of our recipes."""
    recipe_name, names = PACKAGES[what]
    recipe = CorpusRecipe.read(CORPORA / recipe_name)
    groups = (
        dataclasses.replace(group, packages=tuple(package for package in group.packages if package.name in names))
        for group in recipe.groups
    )
    selected = dataclasses.replace(recipe, groups=tuple(group for group in groups if group.packages))
    folder = BUILD / "downloads"
    tally = Tally()
    if not [*collect(selected, folder, tally, budget=4 << 30, keep=True)]:
        raise AdjoinError(f"no package of {', '.join(names)} could be downloaded: {tally.summary()}")
    return folder


def go_sources() -> Path:
    """The sources of Go, its standard library and some larger packages."""
    folder = BUILD / "go"
    if not folder.exists():
        unfinished = folder.with_name(folder.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        for deb in sorted(downloaded("go").rglob("golang-*.deb")):
            subprocess.run(["dpkg-deb", "-x", str(deb), str(unfinished)], check=True)
        unfinished.rename(folder)
    return folder


def prose_lines(limit: int) -> Path:
    """The text of documentation packages as JSON lines, the most common format of prose corpora."""
    folder = BUILD / f"prose-{limit >> 20}"
    if not folder.exists():
        unfinished = folder.with_name(folder.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        documents = (
            document
            for source in find_sources([downloaded("prose")], Tally())
            for document in read_source(source, Tally())
            if document.is_prose
        )
        size = 0
        for number in range(_FILES):
            with (unfinished / f"text-{number}.jsonl").open("w", encoding="utf-8") as file:
                while size < limit * (number + 1) // _FILES and (document := next(documents, None)) is not None:
                    size += file.write(json.dumps({"title": document.section, "text": document.text}) + "\n")
        unfinished.rename(folder)
    return folder


def peak_of_stream(gigabytes: float, console: Console) -> None:
    """Mine one file of distinct JSON lines, and print the peak memory of all processes."""
    source = prose_lines(64 << 20) / "text-0.jsonl"
    texts = [json.loads(line)["text"] for line in source.read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        stream = Path(folder) / "stream.jsonl"
        with stream.open("w", encoding="utf-8") as file:
            for line in distinct_texts(texts, int(gigabytes * 1e9)):
                file.write(line)
        peak, done = [0], threading.Event()
        watcher = threading.Thread(target=watch_memory, args=(peak, done))
        watcher.start()
        began = time.perf_counter()
        manifest = mine([stream], Path(folder) / "pairs", MiningOptions(), engine=Engine(workers=1))
        seconds = time.perf_counter() - began
        done.set()
        watcher.join()
        size = stream.stat().st_size / 1e9
    console.print(
        f"{size:.1f} GB in one file: {manifest['pairs']:,} pairs in {seconds:,.0f} s,"
        f" {1e3 * size / seconds:.1f} MB/s, peak memory {peak[0] / 2**30:.2f} GiB"
    )


def distinct_texts(texts: list[str], size: int) -> Iterator[str]:
    """JSON lines of a total size: real texts, repeated with other lowercase letters each time.

    No word repeats, and no passage is a duplicate or near duplicate. So the merge has to keep all of them.
    """
    chance = random.Random(0)
    letters = string.ascii_lowercase
    written = number = 0
    while written < size:
        others = str.maketrans(letters, "".join(chance.sample(letters, len(letters)))) if number else {}
        for text in texts:
            line = json.dumps({"title": f"text {number}", "text": text.translate(others)}) + "\n"
            written += len(line)
            number += 1
            yield line


def watch_memory(peak: list[int], done: threading.Event) -> None:
    """Record the peak resident memory of this process and its children."""
    process = psutil.Process()
    while not done.wait(0.2):
        sizes = []
        for one in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                sizes.append(one.memory_info().rss)
        peak[0] = max(peak[0], sum(sizes))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("python", "go", "prose"):
        parser.add_argument(f"--{name}", type=Path, metavar="FOLDER")
    parser.add_argument("--stream", type=float, metavar="GB")
    parser.add_argument("--quick", action="store_true", help="a sixteenth of the input, one round")
    options = parser.parse_args()
    console = Console(soft_wrap=True, highlight=False)
    limit, rounds = (12 << 20, 1) if options.quick else (192 << 20, 3)
    if options.stream:
        peak_of_stream(options.stream, console)
        return
    sources = {"python": options.python or Path(sysconfig.get_path("purelib")), "go": options.go or go_sources()}
    inputs = [
        Measured(
            language, suffix, *(copied(sources[language], language, suffix, size) for size in (limit, limit // 6))
        )
        for language, suffix in (("python", ".py"), ("go", ".go"))
    ]
    inputs.append(Measured("prose", ".jsonl", options.prose or prose_lines(limit)))
    tables = [measure(what, rounds, console) for what in inputs]
    for table in tables:
        console.print(table)


if __name__ == "__main__":
    main()
