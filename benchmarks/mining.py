"""Mining in MB/s of source, beside a plain tree-sitter loop and the CodeSearchNet way: `make bench-mining`.

    python benchmarks/mining.py [--python FOLDER] [--go FOLDER] [--prose FOLDER] [--stream GB] [--quick]

Python is what the set-up installs, tests and all; Go and prose are packages of our corpus recipes, downloaded once
into build/. Ours is the whole way, from files on the disk to a dataset on the disk, with duplicates and near
duplicates out; the others only find the pairs and keep them in memory:

- plain loop: parse each file, walk all nodes in Python, keep each function with the comment before it or the
  string inside it: what one writes first;
- CodeSearchNet's way: besides, tokens of code by walking each function's leaves, and tokens of its documentation.

`--stream GB` instead measures the peak memory of mining one file of so many gigabytes of JSON lines.
"""

import argparse
import contextlib
import dataclasses
import json
import random
import re
import shutil
import string
import subprocess
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
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
    "go": ("code.toml", ("golang-1.19-src",)),
    "prose": ("prose.toml", ("anarchism", "developers-reference", "debian-reference-en")),
}
_FUNCTIONS = {"function_definition", "function_declaration", "method_declaration"}
_TOKEN = re.compile(r"\w+|[^\w\s]")


def walk(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """All nodes below one, as most people write it."""
    yield node
    for child in node.children:
        yield from walk(child)


def documentation(node: tree_sitter.Node, language: str) -> str:
    """The string that opens a Python function, or the comments right before a Go one."""
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
    """Pairs that a loop over all nodes finds."""
    parser = parser_for(language)
    pairs = []
    for path in files(folder, suffix):
        for node in walk(parser.parse(path.read_bytes()).root_node):
            if node.type in _FUNCTIONS and (found := documentation(node, language)):
                pairs.append((found, (node.text or b"").decode("utf-8", "replace")))
    return len(pairs)


def codesearchnet_way(folder: Path, suffix: str, language: str) -> int:
    """The same, with the tokens of both sides as that data set's makers stored them."""
    parser = parser_for(language)
    pairs = []
    for path in files(folder, suffix):
        for node in walk(parser.parse(path.read_bytes()).root_node):
            if node.type in _FUNCTIONS and (found := documentation(node, language)):
                leaves = [leaf.text for leaf in walk(node) if not leaf.children and leaf.type != "comment"]
                pairs.append((found, node.text, leaves, _TOKEN.findall(found)))
    return len(pairs)


def files(folder: Path, suffix: str) -> list[Path]:
    """The source files below a folder."""
    return sorted(path for path in folder.rglob(f"*{suffix}") if path.is_file())


def ours(folder: Path, suffix: str, workers: int) -> int:
    """Pairs that `adjoin mine` puts on the disk."""
    with tempfile.TemporaryDirectory() as out:
        manifest = mine([folder], Path(out) / "pairs", MiningOptions(), engine=Engine(workers=workers))
    return int(manifest["pairs"])


def measure(folder: Path, suffix: str, language: str, console: Console) -> Table:
    """A table of all contestants over one folder that holds nothing but files of one suffix."""
    size = sum(path.stat().st_size for path in files(folder, suffix)) / 1e6
    contestants: dict[str, Callable[[], int]] = {
        "adjoin mine, one worker": lambda: ours(folder, suffix, 1),
        "adjoin mine, two workers": lambda: ours(folder, suffix, 2),
    }
    if language != "prose":
        contestants["plain loop, in memory"] = lambda: plain_loop(folder, suffix, language)
        contestants["CodeSearchNet's way, in memory"] = lambda: codesearchnet_way(folder, suffix, language)
    table = Table("", "MB/s", "pairs", "seconds", title=f"{language}: {size:,.1f} MB of *{suffix}")
    one = 0.0
    for name, contestant in contestants.items():
        began = time.perf_counter()
        pairs = contestant()
        seconds = time.perf_counter() - began
        one = one or seconds
        note = f" ({one / seconds:.2f}x)" if name.endswith("two workers") else ""
        table.add_row(name, f"{size / seconds:,.1f}{note}", f"{pairs:,}", f"{seconds:,.1f}")
        console.print(f"{language}, {name}: {size / seconds:,.1f} MB/s{note}")
    return table


def copied(source: Path, name: str, suffixes: tuple[str, ...], limit: int) -> Path:
    """The files of some suffixes below a folder, as far as `limit` bytes, in a folder of their own."""
    target = BUILD / f"{name}-{limit >> 20}"
    if not target.exists():
        unfinished = target.with_name(target.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        size = 0
        for path in sorted(path for suffix in suffixes for path in files(source, suffix)):
            if size > limit:
                break
            place = unfinished / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
            size += path.stat().st_size
        unfinished.rename(target)
    return target


def downloaded(what: str) -> Path:
    """Packages of one of our recipes, as they came."""
    recipe_name, names = PACKAGES[what]
    recipe = CorpusRecipe.read(CORPORA / recipe_name)
    groups = (
        dataclasses.replace(group, packages=tuple(package for package in group.packages if package.name in names))
        for group in recipe.groups
    )
    wanted = dataclasses.replace(recipe, groups=tuple(group for group in groups if group.packages))
    folder = BUILD / "downloads"
    tally = Tally()
    if not [*collect(wanted, folder, tally, budget=4 << 30, keep=True)]:
        raise AdjoinError(f"no package of {', '.join(names)} could be had: {tally.summary()}")
    return folder


def go_sources() -> Path:
    """The sources of Go and its standard library."""
    folder = BUILD / "go"
    if not folder.exists():
        (deb,) = downloaded("go").rglob("golang-*.deb")
        subprocess.run(["dpkg-deb", "-x", str(deb), str(folder)], check=True)
    return folder


def prose_lines(limit: int) -> Path:
    """The running text of documentation packages as JSON lines: what a corpus of prose mostly comes as."""
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
        for number in range(8):  # files, so that two workers can share them
            with (unfinished / f"text-{number}.jsonl").open("w", encoding="utf-8") as file:
                while size < limit * (number + 1) // 8 and (document := next(documents, None)) is not None:
                    size += file.write(json.dumps({"title": document.section, "text": document.text}) + "\n")
        unfinished.rename(folder)
    return folder


def peak_of_stream(gigabytes: float, console: Console) -> None:
    """Mine one file of JSON lines with no two equal texts, and print the highest memory of all processes."""
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
    """JSON lines of so many bytes: real texts, again and again, each time with other letters for the small ones.

    So no word comes back, and no passage is a duplicate or a near one: the merge has to keep them all.
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
    """Note the highest resident memory of this process and its children together."""
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
    parser.add_argument("--quick", action="store_true", help="a sixth of the input")
    options = parser.parse_args()
    console = Console(soft_wrap=True, highlight=False)
    limit = (10 if options.quick else 64) << 20
    if options.stream:
        peak_of_stream(options.stream, console)
        return
    python = copied(options.python or Path(sysconfig.get_path("purelib")), "python", (".py",), limit)
    go = copied(options.go or go_sources(), "go", (".go",), limit)
    prose = options.prose or prose_lines(limit)
    tables = [measure(python, ".py", "python", console), measure(go, ".go", "go", console)]
    tables.append(measure(prose, ".jsonl", "prose", console))
    for table in tables:
        console.print(table)


if __name__ == "__main__":
    main()
