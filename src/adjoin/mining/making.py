"""One task → one part: read its inputs, pair, mask, decontaminate, and note what the merge will decide by.

This is what a worker runs, here or on another machine: everything it needs comes as arguments or lies in the
work folder.
"""

import gc
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from adjoin.cleaning.allow_list import Licences
from adjoin.cleaning.decontamination import HeldOut
from adjoin.cleaning.masking import masked
from adjoin.cleaning.near_duplicates import SIZE, signatures
from adjoin.cleaning.templates import template_hash
from adjoin.corpus import Columns, Document, SourceRecord, read_source
from adjoin.mining.options import ALL_KINDS, MiningOptions
from adjoin.mining.parts import KEYS, ROWS, PartFiles, PartWriter, schema
from adjoin.mining.work import Input, Task
from adjoin.pairs.functions import KIND as DOCSTRING_FUNCTION
from adjoin.pairs.functions import function_pairs
from adjoin.pairs.languages import LANGUAGES
from adjoin.pairs.pair import Pair, text_hash
from adjoin.pairs.passages import KINDS, PassageOptions, passage_pairs
from adjoin.tally import Tally

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every task of a mining is done with.

    Attributes:
        folder: where the parts go.
        options: how is mined.
        held_out: the index of evaluation data; None if there is none.
    """

    folder: Path
    options: MiningOptions
    held_out: Path | None = None


def make_part(task: Task, shop: Workshop) -> int:
    """Make the part of a task, unless it is there already.

    Returns:
        How many pairs were found, before the merge.

    Raises:
        OSError: the disk is full, or the work folder may not be written.
    """
    files = PartFiles(shop.folder, task.number)
    if files.done:
        return int(files.read_report()["rows"])
    writer = PartWriter(files, SIZE)
    often = gc.get_threshold()
    gc.set_threshold(100_000, *often[1:])  # to look for cycles among millions of texts took 3 %
    try:
        bench = _Bench(shop, writer)
        reports = [bench.take(given) for given in task.inputs]
        bench.clear()
    except BaseException:
        writer.close()
        raise
    finally:
        gc.set_threshold(*often)
    for number, report in enumerate(reports):
        report["counts"] = dict(sorted((bench.counts[number] + Counter(report["counts"])).items()))
    examples = {reason: places for reason, places in sorted(bench.tally.examples.items())}
    writer.finish({"inputs": reports, "examples": examples})
    return writer.rows


def pairs_of(document: Document, tally: Tally, options: MiningOptions) -> Iterator[Pair]:
    """All pairs of one Document: of prose, or functions of a language that has a grammar."""
    if document.is_prose and KINDS.isdisjoint(options.kinds):
        tally.add("prose, of which no pairs were asked for")
    elif document.is_prose:
        yield from passage_pairs(document, tally, _passage_options(options))
    elif document.language not in LANGUAGES:
        tally.add(f"no grammar for {document.language}", document.origin)
    elif DOCSTRING_FUNCTION in options.kinds:
        yield from function_pairs(document, tally)
    else:
        tally.add("code, of which no pairs were asked for")


def _passage_options(options: MiningOptions) -> PassageOptions:
    return _passages(options.min_words, options.max_words, frozenset(options.kinds), options.languages)


@cache
def _passages(min_words: int, max_words: int, kinds: frozenset[str], languages: tuple[str, ...]) -> PassageOptions:
    return PassageOptions(min_words, max_words, kinds, languages)


@cache
def _licences(allowed: tuple[str, ...]) -> Licences | None:
    return Licences.of(allowed) if allowed else None


@cache
def _opened(held_out: Path) -> HeldOut:
    return HeldOut.open(held_out)


@dataclass
class _Bench:
    """The pairs that are being worked on, `ROWS` at a time whatever input they come from.

    Attributes:
        shop: what the work is done with.
        writer: where it goes.
        tally: examples of everything that was left out.
        counts: input → what was left out after reading.
    """

    shop: Workshop
    writer: PartWriter
    tally: Tally = field(default_factory=Tally)
    counts: dict[int, Counter[str]] = field(default_factory=dict)
    _pairs: list[Pair] = field(default_factory=list)
    _inputs: list[int] = field(default_factory=list)
    _ready: list[Pair] = field(default_factory=list)
    _ready_inputs: list[int] = field(default_factory=list)

    def take(self, given: Input) -> dict[str, Any]:
        """Read one input.

        Returns:
            What the manifest will say of it.
        """
        number = len(self.counts)
        self.counts[number] = Counter()
        record, tally, options = SourceRecord(), Tally(), self.shop.options
        for document in read_source(given.source, tally, columns=Columns(**options.columns), record=record):
            tally.add("documents")
            for pair in pairs_of(document, tally, options):
                self._pairs.append(pair)
                self._inputs.append(number)
            if len(self._pairs) >= ROWS:
                self.sift()
        self.tally.merge(tally)
        return {
            "origin": given.source.origin,
            "package": given.package,
            "sha256": record.sha256,
            "bytes": record.bytes,
            "licence": record.licence,
            "repository": record.repository,
            "counts": tally.counts,
        }

    def sift(self) -> None:
        """Mask and decontaminate what has been read, and write what there is a row group of."""
        pairs, inputs = self._masked(), self._inputs
        self._pairs, self._inputs = [], []
        reasons = [""] * len(pairs)
        if self.shop.held_out is not None:
            reasons = _opened(self.shop.held_out).reasons_against(pairs)
        licences = _licences(self.shop.options.licences)
        for pair, number, reason in zip(pairs, inputs, reasons, strict=True):
            if not reason and licences and pair.licence and not licences.allows(pair.licence):
                reason = "licence not allowed"  # a pair without one has its input's, known when all of it is read
            if reason:
                self._count(reason, number, pair.origin)
            else:
                self._ready.append(pair)
                self._ready_inputs.append(number)
        while len(self._ready) >= ROWS:
            self._write()

    def clear(self) -> None:
        """Write everything that has been read."""
        self.sift()
        if self._ready:
            self._write()

    def _write(self) -> None:
        pairs, inputs = self._ready[:ROWS], self._ready_inputs[:ROWS]
        self._ready, self._ready_inputs = self._ready[ROWS:], self._ready_inputs[ROWS:]
        hashes = _Hashes()
        keys = _keys(pairs, inputs, hashes)
        signed = signatures([pair.y for pair in pairs], [pair.language for pair in pairs])
        self.writer.write(_table(pairs, inputs), keys, signed)

    def _masked(self) -> list[Pair]:
        what = frozenset(self.shop.options.mask)
        if not what:
            return self._pairs
        found = []
        for pair, number in zip(self._pairs, self._inputs, strict=True):
            (x, in_x), (y, in_y) = masked(pair.x, what), masked(pair.y, what)
            for name, times in (in_x + in_y).items():
                self._count(f"{name} masked", number, pair.origin, times)
            found.append(_with_texts(pair, x, y) if in_x or in_y else pair)
        return found

    def _count(self, reason: str, number: int, example: str, times: int = 1) -> None:
        self.counts[number][reason] += times
        self.tally.add(reason, example, times)


class _Hashes(dict[str, int]):
    """`text_hash`, once a text: a passage is the y of one pair and the x of the next."""

    def __missing__(self, text: str) -> int:
        found = self[text] = text_hash(text)
        return found


def _with_texts(pair: Pair, x: str, y: str) -> Pair:
    return Pair(x, y, pair.kind, pair.language, pair.origin, pair.group, pair.name, pair.licence, pair.repository)


def _table(pairs: list[Pair], inputs: list[int]) -> "pyarrow.Table":
    import pyarrow

    wanted = schema()
    fields = attrgetter(*(name for name in wanted.names if name != "input"))
    columns = [*zip(*map(fields, pairs), strict=True), inputs]  # "input" is the last
    arrays = [pyarrow.array(values, field.type) for values, field in zip(columns, wanted, strict=True)]
    return pyarrow.Table.from_arrays(arrays, schema=wanted)


def _keys(pairs: list[Pair], inputs: list[int], hashes: _Hashes) -> npt.NDArray[np.void]:
    keys = np.zeros(len(pairs), KEYS)
    keys["x_hash"] = [hashes[pair.x] for pair in pairs]
    keys["y_hash"] = [hashes[pair.y] for pair in pairs]
    keys["input"] = inputs
    # Only documentation repeats one sentence for many functions; a passage is its own template.
    keys["template"] = [
        template_hash(pair.x, pair.name) if pair.kind == DOCSTRING_FUNCTION else hashes[pair.y] for pair in pairs
    ]
    keys["kind"] = [ALL_KINDS.index(pair.kind) for pair in pairs]
    keys["licensed"] = [bool(pair.licence) for pair in pairs]
    return keys
