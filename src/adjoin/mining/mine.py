"""The whole way from folders to a dataset: sources → Documents → Pairs → shards and manifest.

Worker processes read and parse, a batch of sources each; the parent cleans and writes in the sources' order, so
the result does not depend on the number of workers.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from adjoin.cleaning.exact import Cleaner
from adjoin.corpus import Document, Source, find_sources, read_source
from adjoin.errors import AdjoinError
from adjoin.files import folder_in_one_piece
from adjoin.pairs.dataset import MANIFEST, write_manifest, write_shards
from adjoin.pairs.functions import KIND as DOCSTRING_FUNCTION
from adjoin.pairs.functions import function_pairs
from adjoin.pairs.languages import LANGUAGES
from adjoin.pairs.pair import Pair
from adjoin.pairs.passages import KIND as NEIGHBOURS
from adjoin.pairs.passages import passage_pairs
from adjoin.tally import Tally
from adjoin.workers import in_order

ALL_KINDS = (DOCSTRING_FUNCTION, NEIGHBOURS)
SOURCES_PER_TASK = 32

Progress = Callable[[int, int, int], None]  # sources done, sources in all, pairs kept


@dataclass(frozen=True, slots=True)
class MiningOptions:
    """What to mine and what to leave out.

    Attributes:
        exclude: shell patterns; a source is left out if one matches its origin or a folder above it.
        kinds: which kinds of pairs to keep.
        held_out: `text_hash` numbers of texts that must not be trained on, on either side.
        workers: processes that read and parse; None for one a processor.
    """

    exclude: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ALL_KINDS
    held_out: frozenset[int] = field(default=frozenset(), repr=False)
    workers: int | None = None


def pairs_of(document: Document, tally: Tally) -> Iterator[Pair]:
    """All pairs of one Document: passages of prose, functions of a language that has a grammar."""
    if document.is_prose:
        yield from passage_pairs(document, tally)
    elif document.language in LANGUAGES:
        yield from function_pairs(document, tally)
    else:
        tally.add(f"no grammar for {document.language}", document.origin)


def mine(
    roots: Sequence[Path], out: Path, options: MiningOptions, progress: Progress | None = None
) -> dict[str, Any]:
    """Mine the pairs of everything below `roots` into the dataset `out`.

    A dataset that stands at `out` is replaced when the new one is complete; a failure or an interruption
    leaves it as it was.

    Returns:
        The manifest.

    Raises:
        AdjoinError: a root is missing, `out` is something else than a dataset, or no pair was found.
        OSError: the disk is full or `out` may not be written.
    """
    if out.exists() and not (out / MANIFEST).exists() and (not out.is_dir() or any(out.iterdir())):
        raise AdjoinError(f"{out} exists and is not a dataset of pairs; choose another --out")
    tally = Tally()
    sources = find_sources(roots, tally, exclude=options.exclude)
    tally.add("sources", number=len(sources))
    kept = _Kept()
    with folder_in_one_piece(out) as folder:
        cleaner = Cleaner(options.held_out, tally)
        mined = _mined(sources, options, tally, lambda done: progress and progress(done, len(sources), kept.pairs))
        shards = write_shards(kept.watch(cleaner.clean(mined)), folder)
        if not shards:
            raise AdjoinError(f"no pairs in {', '.join(map(str, roots))} ({tally.summary() or 'nothing to read'})")
        manifest = _manifest(roots, options, tally, kept, shards)
        write_manifest(folder, manifest)
    return manifest


@dataclass
class _Kept:
    """Counts of what reaches the shards."""

    pairs: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    places: Counter[str] = field(default_factory=Counter)

    def watch(self, pairs: Iterator[Pair]) -> Iterator[Pair]:
        for pair in pairs:
            self.pairs += 1
            self.kinds[f"{pair.kind} {pair.language}"] += 1
            self.places[pair.origin.split("/")[0].split("!")[0].split(":")[0]] += 1
            yield pair


def _manifest(
    roots: Sequence[Path], options: MiningOptions, tally: Tally, kept: _Kept, shards: list[dict[str, Any]]
) -> dict[str, Any]:
    """Everything that explains the shards; no date and no absolute path, so that equal input gives equal bytes."""
    return {
        "pairs": kept.pairs,
        "kinds": dict(sorted(kept.kinds.items())),
        "places": dict(sorted(kept.places.items())),
        "counts": dict(sorted(tally.counts.items())),
        "examples": {reason: sorted(places) for reason, places in sorted(tally.examples.items())},
        "roots": [root.resolve().name for root in roots],
        "options": {
            "exclude": list(options.exclude),
            "kinds": list(options.kinds),
            "held_out": len(options.held_out),
        },
        "versions": {"adjoin": version("adjoin"), "pyarrow": version("pyarrow")},
        "shards": shards,
    }


def _mined(
    sources: list[Source], options: MiningOptions, tally: Tally, done: Callable[[int], object]
) -> Iterator[Pair]:
    tasks = [sources[i : i + SOURCES_PER_TASK] for i in range(0, len(sources), SOURCES_PER_TASK)]
    finished = 0
    results = in_order(partial(_read_and_pair, kinds=options.kinds), tasks, options.workers)
    for task, (pairs, counts) in zip(tasks, results, strict=True):
        tally.merge(counts)
        yield from pairs
        finished += len(task)
        done(finished)


def _read_and_pair(sources: list[Source], kinds: tuple[str, ...]) -> tuple[list[Pair], Tally]:
    tally = Tally()
    pairs: list[Pair] = []
    for source in sources:
        for document in read_source(source, tally):
            tally.add("documents")
            pairs.extend(pair for pair in pairs_of(document, tally) if pair.kind in kinds)
    return pairs, tally
