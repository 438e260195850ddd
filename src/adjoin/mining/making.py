"""One task to one part: read the inputs, make pairs, mask and decontaminate them, and store the merge's keys.

Workers run this, on this machine or another. All they need comes as arguments or lies in the work folder.
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
from adjoin.files import state_of
from adjoin.mining.options import ALL_KINDS, MiningOptions
from adjoin.mining.parts import KEYS, ROWS, PartFiles, PartWriter, schema, without_repeats
from adjoin.mining.work import Input, MiningTask
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

CHANGED = "changed while it was read"  # its pairs, and its hash, may be of two versions


@dataclass(frozen=True, slots=True)
class MiningContext:
    """The options and folders that all tasks of one mining run share.

    Attributes:
        folder: the work folder, which receives the parts.
        options: the mining options.
        evaluation_index: folder of the index of evaluation data; None without decontamination.
    """

    folder: Path
    options: MiningOptions
    evaluation_index: Path | None = None


def make_part(task: MiningTask, context: MiningContext) -> int:
    """Make the part of a task, unless it exists already.

    Returns:
        The number of pairs before the merge.

    Raises:
        OSError: the disk is full, or the work folder may not be written.
    """
    files = PartFiles(context.folder, task.number)
    if files.done:
        return files.read_report().rows
    writer = PartWriter(files, SIZE)
    gc_thresholds = gc.get_threshold()
    gc.set_threshold(
        100_000, *gc_thresholds[1:]
    )  # searching for cycles among millions of texts took 3 % of the time
    try:
        builder = _PartBuilder(context, writer)
        reports = [builder.take(given) for given in task.inputs]
        builder.flush()
    except BaseException:
        writer.close()
        raise
    finally:
        gc.set_threshold(*gc_thresholds)
    for number, report in enumerate(reports):
        report["counts"] = dict(sorted((builder.counts[number] + Counter(report["counts"])).items()))
    examples = {reason: places for reason, places in sorted(builder.tally.examples.items())}
    writer.finish(reports, examples)
    return writer.rows


def pairs_of(document: Document, tally: Tally, options: MiningOptions) -> Iterator[Pair]:
    """All pairs of one Document: passages of prose, or functions of a language with a grammar, names included."""
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
def _opened(evaluation_index: Path) -> Decontaminator:
    return Decontaminator.open(evaluation_index)


@dataclass
class _PartBuilder:
    """Collects pairs of all inputs of a task, and filters and writes them `ROWS` at a time.

    Attributes:
        context: options and folders of the run.
        writer: writes the part.
        tally: examples of everything that was left out.
        counts: input number to the counts of what was left out after reading.
    """

    context: MiningContext
    writer: PartWriter
    tally: Tally = field(default_factory=Tally)
    counts: dict[int, Counter[str]] = field(default_factory=dict)
    _pairs: list[Pair] = field(default_factory=list)
    _inputs: list[int] = field(default_factory=list)
    _ready: list[Pair] = field(default_factory=list)
    _ready_inputs: list[int] = field(default_factory=list)

    def take(self, given: Input) -> dict[str, Any]:
        """Read one input and collect its pairs.

        Returns:
            The input's entry in the manifest.
        """
        number = len(self.counts)
        self.counts[number] = Counter()
        record, tally, options = SourceRecord(), Tally(), self.context.options
        before = state_of(given.source.path)
        for document in read_source(given.source, tally, columns=Columns(**options.columns), record=record):
            tally.add("documents")
            for pair in pairs_of(document, tally, options):
                self._pairs.append(pair)
                self._inputs.append(number)
            if len(self._pairs) >= ROWS:
                self.filter_pairs()
        if state_of(given.source.path) != before:
            tally.add(CHANGED, given.source.origin)
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

    def filter_pairs(self) -> None:
        """Mask and decontaminate the collected pairs, hide names, and write every full row group."""
        pairs, inputs = self._masked(), self._inputs
        self._pairs, self._inputs = [], []
        reasons = [""] * len(pairs)
        if self.context.evaluation_index is not None:
            reasons = _opened(self.context.evaluation_index).reasons_against(pairs)
        licences = _licences(self.context.options.licences)
        for pair, number, reason in zip(pairs, inputs, reasons, strict=True):
            if not reason and licences and pair.licence and not licences.allows(pair.licence):
                # Pairs without a licence take that of their input, which is known when all of it is read.
                reason = "licence not allowed"
            if reason:
                self._count(reason, number, pair.origin)
            else:
                # After decontamination, which compares all letters of a function, its name included.
                self._ready.append(hidden(pair) if pair.kind == NAME_FUNCTION else pair)
                self._ready_inputs.append(number)
        while len(self._ready) >= ROWS:
            self._write()

    def flush(self) -> None:
        """Filter and write everything collected so far."""
        self.filter_pairs()
        if self._ready:
            self._write()

    def _write(self) -> None:
        rows = _Rows.of(self._ready[:ROWS], self._ready_inputs[:ROWS])
        self._ready, self._ready_inputs = self._ready[ROWS:], self._ready_inputs[ROWS:]
        self.writer.write(rows.table(), rows.keys(), rows.signatures())

    def _masked(self) -> list[Pair]:
        what = frozenset(self.context.options.mask)
        if not what:
            return self._pairs
        masked_pairs = []
        for pair, number in zip(self._pairs, self._inputs, strict=True):
            (x, in_x), (y, in_y) = masked(pair.x, what), masked(pair.y, what)
            for name, times in (in_x + in_y).items():
                self._count(f"{name} masked", number, pair.origin, times)
            masked_pairs.append(pair._replace(x=x, y=y) if in_x or in_y else pair)
        return masked_pairs

    def _count(self, reason: str, number: int, example: str, times: int = 1) -> None:
        self.counts[number][reason] += times
        self.tally.add(reason, example, times)


@dataclass(frozen=True, slots=True)
class _Rows:
    """R pairs as columns. Each of the T different texts is encoded and hashed once: many are a y and the next x.

    Attributes:
        columns: the fields of `Pair`, with one value per row.
        inputs: the input number of each row.
        texts: the different texts among x and y.
        encoded: the texts as UTF-8.
        hashes: their `text_hash` [T].
        x: index of each row's x in `texts` [R].
        y: index of each row's y in `texts` [R].
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
        index_of = dict(zip(texts, range(len(texts)), strict=True))
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        has_code = not KINDS_OF_CODE.isdisjoint(columns["kind"])
        hashed = map(text_hash, texts) if has_code else map(hash_of_folded, encoded)
        hashes = np.fromiter(hashed, np.int64, len(texts))
        x, y = (np.fromiter(map(index_of.__getitem__, columns[side]), np.int32, len(pairs)) for side in "xy")
        return cls(columns, np.array(inputs, np.int32), list(texts), encoded, hashes, x, y)

    def table(self) -> "pyarrow.Table":
        """The rows as a table of the part's `schema`."""
        import pyarrow

        texts, part_schema = text_array(self.encoded), schema()
        made = {"x": texts.take(without_repeats(self.x, self.y)), "y": texts.take(number_array(self.y))}
        made["group"] = number_array(np.array(self.columns["group"], np.int64))
        made["input"] = number_array(self.inputs)
        for name in part_schema.names:
            if name not in made:
                made[name] = text_array([value.encode() for value in self.columns[name]])
        return pyarrow.Table.from_arrays([made[name] for name in part_schema.names], schema=part_schema)

    def keys(self) -> npt.NDArray[np.void]:
        """The rows' keys, see `KEYS`."""
        columns = self.columns
        keys = np.zeros(len(self.inputs), KEYS)
        keys["x_hash"], keys["y_hash"] = self.hashes[self.x], self.hashes[self.y]
        keys["input"] = self.inputs
        keys["template"] = keys["y_hash"]  # a passage is a template of its own
        keys["kind"] = np.fromiter(map(ALL_KINDS.index, columns["kind"]), np.int8, len(keys))
        for row in np.flatnonzero(keys["kind"] == ALL_KINDS.index(DOCSTRING_FUNCTION)):
            keys["template"][row] = template_hash(columns["x"][row], columns["name"][row])
        names = keys["kind"] == ALL_KINDS.index(NAME_FUNCTION)  # names share no templates with documentation
        keys["template"][names] = joint(keys["kind"][names], keys["x_hash"][names])
        keys["licensed"] = np.fromiter(map(bool, columns["licence"]), np.bool_, len(keys))
        return keys

    def signatures(self) -> Signatures:
        """The MinHash signature of each y."""
        return signatures([self.encoded[place] for place in self.y], self.columns["language"])
