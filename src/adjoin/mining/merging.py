"""The merge: decides which pairs of all parts stay. It works on columns of numbers, so millions of pairs fit.

Rules apply in this order: repository, licence, duplicates, near duplicates, caps. Of equals the first stays. A
column is in memory only while it is needed: 20 million pairs take at most 560 MB, for near duplicates.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from adjoin.cleaning.allow_list import Licences
from adjoin.cleaning.caps import joint, over_cap
from adjoin.cleaning.decontamination.decontaminate import Decontaminator
from adjoin.cleaning.exact_duplicates import exact_duplicates
from adjoin.cleaning.near_duplicates import CODE_THRESHOLD, PROSE_THRESHOLD, SignatureFiles, near_duplicates
from adjoin.mining.options import ALL_KINDS, MiningOptions
from adjoin.mining.parts import KEYS, PartFiles, PartReport
from adjoin.pairs.functions import KINDS as KINDS_OF_CODE
from adjoin.pairs.names import KIND as NAME_FUNCTION

LICENCE, DUPLICATE, NEAR_DUPLICATE, TEMPLATE, PACKAGE, REPOSITORY = 1, 2, 3, 4, 5, 6
REASONS = {
    REPOSITORY: "held-out repository",
    LICENCE: "licence not allowed",
    DUPLICATE: "duplicate",
    NEAR_DUPLICATE: "near duplicate",
    TEMPLATE: "template over cap",
    PACKAGE: "package over cap",
}
RULE_REASONS = {
    "licence not allowed": "its licence is not among those asked for",
    "duplicate": "the same y, white space aside, makes an earlier pair of its kind",
    "near duplicate": "an earlier pair of its kind has nearly the same y, by MinHash",
    "template over cap": "too many pairs of its package say the same of a function but for names and numbers",
    "package over cap": "one package must not outweigh the others",
}
_EXAMPLES = 3
_THRESHOLDS = [CODE_THRESHOLD if kind in KINDS_OF_CODE else PROSE_THRESHOLD for kind in ALL_KINDS]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision about every pair of all parts.

    Attributes:
        reasons: one number per pair, in the order of the parts: 0 if it stays, otherwise a key of `REASONS`.
        first_rows: the first row of each part, and the number of all rows at the end.
    """

    reasons: npt.NDArray[np.uint8]
    first_rows: npt.NDArray[np.int64]

    @property
    def kept(self) -> int:
        """The number of pairs that stay."""
        return int(np.count_nonzero(self.reasons == 0))

    def of_part(self, number: int) -> npt.NDArray[np.uint8]:
        """The reasons of one part's rows."""
        return self.reasons[self.first_rows[number] : self.first_rows[number + 1]]

    def counts_of(self, part: PartFiles, number: int, inputs: int) -> list[Counter[str]]:
        """For each input of a part: what was left out by reason, and under "pairs" how many pairs stay."""
        reasons, sources = self.of_part(number), _column(part, "input")
        counts: list[Counter[str]] = [Counter() for _ in range(inputs)]
        for reason, name in {0: "pairs", **REASONS}.items():
            for index, times in enumerate(np.bincount(sources[reasons == reason], minlength=inputs)):
                if times:
                    counts[index][name] = int(times)
        return counts

    def examples(self) -> Iterator[tuple[str, int, int]]:
        """The first few rows of each reason: reason, number of the part, row in the part."""
        for reason, name in REASONS.items():
            for row in np.flatnonzero(self.reasons == reason)[:_EXAMPLES]:
                part = int(np.searchsorted(self.first_rows, row, side="right")) - 1
                yield name, part, int(row - self.first_rows[part])


def decide(
    parts: Sequence[PartFiles],
    reports: Sequence[PartReport],
    options: MiningOptions,
    decontaminator: Decontaminator | None = None,
    threads: int = 1,
) -> Verdict:
    """Decide which pairs of all parts stay.

    Args:
        parts: the parts, in order.
        reports: their reports, see `PartFiles.read_report`.
        options: licences, near duplicates and caps.
        decontaminator: evaluation data to check repositories against. A package's repository is known only after
            all of it has been read, so it is checked here.
        threads: number of threads.
    """
    first_rows = np.cumsum([0, *(report.rows for report in reports)], dtype=np.int64)
    reasons = np.zeros(int(first_rows[-1]), np.uint8)
    verdict = Verdict(reasons, first_rows)
    if decontaminator is not None:
        holds = decontaminator.repositories.contains
        refused = _of_inputs(parts, reports, lambda given: holds(given["repository"], given["origin"], ""))
        reasons[refused] = REPOSITORY
    if options.licences:
        allows = Licences.of(options.licences).allows
        refused = _of_inputs(parts, reports, lambda given: not allows(given["licence"]))
        # Workers have judged the pairs that have a licence of their own.
        reasons[refused & ~_all(parts, "licensed") & (reasons == 0)] = LICENCE
    kinds = _all(parts, "kind")
    reasons[exact_duplicates(_all(parts, "y_hash"), kinds, reasons == 0)] = DUPLICATE
    if not options.keep_near_duplicates:
        signed = SignatureFiles([part.signatures for part in parts])
        reasons[near_duplicates(signed, reasons == 0, kinds, _THRESHOLDS, threads)] = NEAR_DUPLICATE
    if options.template_cap:
        templates = joint(_packages(parts, reports), _all(parts, "template"))
        reasons[over_cap(templates, _all(parts, "y_hash"), options.template_cap, reasons == 0)] = TEMPLATE
        del templates
    if options.package_cap:
        packages = _packages(parts, reports)
        # Name pairs have a cap of their own: they outnumber documented functions and must not displace them.
        of_names = kinds == ALL_KINDS.index(NAME_FUNCTION)
        packages[of_names] = -1 - packages[of_names]
        reasons[over_cap(packages, _all(parts, "y_hash"), options.package_cap, reasons == 0)] = PACKAGE
    return verdict


def _column(part: PartFiles, name: str) -> npt.NDArray[Any]:
    """One column of the keys of a part."""
    return _all([part], name)


def _all(parts: Sequence[PartFiles], name: str) -> npt.NDArray[Any]:
    """One column of the keys of all parts."""
    rows = sum(part.read_report().rows for part in parts)
    column, done = np.empty(rows, KEYS[name]), 0
    for block in (block for part in parts for block in part.key_blocks()):
        column[done : done + len(block)] = block[name]
        done += len(block)
    return column


def _of_inputs(
    parts: Sequence[PartFiles], reports: Sequence[PartReport], judge: Callable[[dict[str, Any]], bool]
) -> npt.NDArray[np.bool_]:
    """Judge every input, and give each pair the judgement of its input."""
    judged = [np.zeros(0, bool)]
    for part, report in zip(parts, reports, strict=True):
        judged.append(np.array([judge(given) for given in report.inputs], bool)[_column(part, "input")])
    return np.concatenate(judged)


def _packages(parts: Sequence[PartFiles], reports: Sequence[PartReport]) -> npt.NDArray[np.int32]:
    """The number of each pair's package."""
    numbers: dict[str, int] = {}
    packages = np.empty(sum(report.rows for report in reports), np.int32)
    done = 0
    for part, report in zip(parts, reports, strict=True):
        names = [numbers.setdefault(given["package"], len(numbers)) for given in report.inputs]
        of_inputs = np.array(names, np.int32)
        for block in part.key_blocks():
            packages[done : done + len(block)] = of_inputs[block["input"]]
            done += len(block)
    return packages
