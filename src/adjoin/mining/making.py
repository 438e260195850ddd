"""One task → one part: read its inputs, pair, mask, decontaminate, and note what the merge will decide by.

This is what a worker runs, here or on another machine: everything it needs comes as arguments or lies in the
work folder.
"""

import gc
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from adjoin.arrow import number_array, text_array
from adjoin.cleaning.allow_list import Licences, is_known
from adjoin.cleaning.caps import joint
from adjoin.cleaning.decontamination.decontaminate import Decontaminator
from adjoin.cleaning.masking import masked
from adjoin.cleaning.near_duplicates import SIZE, Signatures, signatures
from adjoin.cleaning.templates import template_hash
from adjoin.corpus import Columns, Document, SourceRecord, read_source
from adjoin.mining.options import ALL_KINDS, MiningOptions
from adjoin.mining.parts import KEYS, ROWS, PartFiles, PartWriter, schema, without_repeats
from adjoin.mining.work import Input, Task
from adjoin.pairs.functions import KIND as DOCSTRING_FUNCTION
from adjoin.pairs.functions import KINDS as KINDS_OF_CODE
from adjoin.pairs.functions import function_pairs
from adjoin.pairs.languages import LANGUAGES
from adjoin.pairs.names import KIND as NAME_FUNCTION
from adjoin.pairs.names import hidden
from adjoin.pairs.pair import Pair, hash_of_folded, text_hash
from adjoin.pairs.passages import KINDS, PassageOptions, passage_pairs
from adjoin.pairs.synonyms import KINDS as SYNONYMS
from adjoin.pairs.synonyms import synonym_pairs
from adjoin.pairs.terms import KINDS as TERMS
from adjoin.pairs.terms import term_pairs
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
    """All pairs of one Document: of prose, or functions of a language that has a grammar; names still in place."""
    kinds = SYNONYMS if document.expressions else TERMS if document.term else KINDS
    if document.is_prose and kinds.isdisjoint(options.kinds):
        tally.add("prose, of which no pairs were asked for")
    elif document.expressions:
        yield from synonym_pairs(document, tally)
    elif document.term:
        yield from term_pairs(document, tally, _passage_options(options))
    elif document.is_prose:
        yield from passage_pairs(document, tally, _passage_options(options))
    elif document.language not in LANGUAGES:
        tally.add(f"no grammar for {document.language}", document.origin)
    elif not KINDS_OF_CODE.isdisjoint(options.kinds):
        yield from function_pairs(document, tally, options.kinds)
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
def _opened(held_out: Path) -> Decontaminator:
    return Decontaminator.open(held_out)


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
            "licence": given.licence if given.licence and not is_known(record.licence) else record.licence,
            "repository": record.repository,
            "counts": tally.counts,
        }

    def sift(self) -> None:
        """Mask and decontaminate what has been read, hide names, and write what there is a row group of."""
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
                # Behind decontamination, which knows code that is held out by all of its letters.
                self._ready.append(hidden(pair) if pair.kind == NAME_FUNCTION else pair)
                self._ready_inputs.append(number)
        while len(self._ready) >= ROWS:
            self._write()

    def clear(self) -> None:
        """Write everything that has been read."""
        self.sift()
        if self._ready:
            self._write()

    def _write(self) -> None:
        rows = _Rows.of(self._ready[:ROWS], self._ready_inputs[:ROWS])
        self._ready, self._ready_inputs = self._ready[ROWS:], self._ready_inputs[ROWS:]
        self.writer.write(rows.table(), rows.keys(), rows.signatures())

    def _masked(self) -> list[Pair]:
        what = frozenset(self.shop.options.mask)
        if not what:
            return self._pairs
        found = []
        for pair, number in zip(self._pairs, self._inputs, strict=True):
            (x, in_x), (y, in_y) = masked(pair.x, what), masked(pair.y, what)
            for name, times in (in_x + in_y).items():
                self._count(f"{name} masked", number, pair.origin, times)
            found.append(pair._replace(x=x, y=y) if in_x or in_y else pair)
        return found

    def _count(self, reason: str, number: int, example: str, times: int = 1) -> None:
        self.counts[number][reason] += times
        self.tally.add(reason, example, times)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Pairs on their way into a part, each text encoded and hashed once: a passage is y of one and x of the next.

    Attributes:
        columns: the fields of `Pair`, each with a value a row.
        inputs: of each row.
        texts: the different x and y.
        encoded: each of them as UTF-8.
        hashes: `text_hash` of each of them [T].
        x: which of them is each row's x [R].
        y: and which is its y [R].
    """

    columns: dict[str, tuple[Any, ...]]
    inputs: npt.NDArray[np.int32]
    texts: list[str]
    encoded: list[bytes]
    hashes: npt.NDArray[np.int64]
    x: npt.NDArray[np.int32]
    y: npt.NDArray[np.int32]

    @classmethod
    def of(cls, pairs: list[Pair], inputs: list[int]) -> "_Rows":
        columns = dict(zip(Pair._fields, zip(*pairs, strict=True), strict=True))
        texts = dict.fromkeys(columns["x"])
        texts.update(dict.fromkeys(columns["y"]))
        places = dict(zip(texts, range(len(texts)), strict=True))
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        has_code = not KINDS_OF_CODE.isdisjoint(columns["kind"])
        hashed = map(text_hash, texts) if has_code else map(hash_of_folded, encoded)
        hashes = np.fromiter(hashed, np.int64, len(texts))
        x, y = (np.fromiter(map(places.__getitem__, columns[side]), np.int32, len(pairs)) for side in "xy")
        return cls(columns, np.array(inputs, np.int32), list(texts), encoded, hashes, x, y)

    def table(self) -> "pyarrow.Table":
        """The columns of `schema`."""
        import pyarrow

        texts, wanted = text_array(self.encoded), schema()
        made = {"x": texts.take(without_repeats(self.x, self.y)), "y": texts.take(number_array(self.y))}
        made["group"] = number_array(np.array(self.columns["group"], np.int64))
        made["input"] = number_array(self.inputs)
        for name in wanted.names:
            if name not in made:
                made[name] = text_array([value.encode() for value in self.columns[name]])
        return pyarrow.Table.from_arrays([made[name] for name in wanted.names], schema=wanted)

    def keys(self) -> npt.NDArray[np.void]:
        """What the merge decides by."""
        columns = self.columns
        keys = np.zeros(len(self.inputs), KEYS)
        keys["x_hash"], keys["y_hash"] = self.hashes[self.x], self.hashes[self.y]
        keys["input"] = self.inputs
        keys["template"] = keys["y_hash"]  # a passage is its own template
        keys["kind"] = np.fromiter(map(ALL_KINDS.index, columns["kind"]), np.int8, len(keys))
        for row in np.flatnonzero(keys["kind"] == ALL_KINDS.index(DOCSTRING_FUNCTION)):
            keys["template"][row] = template_hash(columns["x"][row], columns["name"][row])
        names = keys["kind"] == ALL_KINDS.index(NAME_FUNCTION)  # a name is its own template, never documentation's
        keys["template"][names] = joint(keys["kind"][names], keys["x_hash"][names])
        keys["licensed"] = np.fromiter(map(bool, columns["licence"]), np.bool_, len(keys))
        return keys

    def signatures(self) -> Signatures:
        """Of each y."""
        return signatures([self.encoded[place] for place in self.y], self.columns["language"])
