"""The manifest: everything that explains a dataset. No date and no absolute path: equal input, equal bytes."""

import sys
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from adjoin.cleaning.decontamination import decontaminate as decontamination
from adjoin.mining.merging import WHY, Verdict
from adjoin.mining.parts import ROWS, PartFiles
from adjoin.pairs.languages import LANGUAGES
from adjoin.pairs.passages import PASSAGE_RULES
from adjoin.pairs.quality import RULES as FUNCTION_RULES
from adjoin.pairs.synonyms import SYNONYM_RULES
from adjoin.pairs.terms import TERM_RULES
from adjoin.tally import Tally

# What decides about the bytes: who reads, who parses, who compresses.
_PACKAGES = ("adjoin", "pyarrow", "tree-sitter", "rensa", "pyromark", "resiliparse")


def versions() -> dict[str, str]:
    """The versions on which a dataset depends."""
    grammars = sorted({row.grammar.replace("_", "-") for row in LANGUAGES.values()})
    packages = (*_PACKAGES, *grammars)
    python = ".".join(map(str, sys.version_info[:2]))
    return {"python": python, **{name: version(name) for name in packages}}


def why() -> dict[str, str]:
    """The reason behind each rule that leaves pairs out, in one sentence, by the rule's name."""
    functions = {rule.name: rule.reason for rule in FUNCTION_RULES}
    return {**functions, **PASSAGE_RULES, **TERM_RULES, **SYNONYM_RULES, **decontamination.RULES, **WHY}


def counts_of(
    parts: Sequence[PartFiles], reports: Sequence[dict[str, Any]], verdict: Verdict | None, found: Tally
) -> dict[str, Any]:
    """What was read, what was left out of it and why, what stays: in all, by package and by input.

    Args:
        parts: in order.
        reports: each part's, see `PartFiles.read_report`.
        verdict: of the merge; None if there is nothing to decide.
        found: what was passed over before any source was read.

    Returns:
        The manifest's entries pairs, bytes, places, counts, rules, examples and inputs.
    """
    totals: Counter[str] = Counter(found.counts)
    places: Counter[str] = Counter()
    inputs = []
    examples = Tally(examples={reason: list(known) for reason, known in found.examples.items()})
    for number, (part, report) in enumerate(zip(parts, reports, strict=True)):
        merged = verdict.counts_of(part, number, len(report["inputs"])) if verdict else []
        for given, outcome in zip(report["inputs"], merged, strict=True):
            counts = Counter(given["counts"]) + outcome
            pairs = counts.pop("pairs", 0)
            totals.update(counts)
            places[given["package"]] += pairs
            inputs.append({**given, "pairs": pairs, "counts": dict(sorted(counts.items()))})
        examples.merge(Tally(examples=report["examples"]))
    for name, origin in _examples_of_merge(parts, verdict):
        examples.examples.setdefault(name, []).append(origin)
    totals["sources"] = len(inputs)
    rules = {name: reason for name, reason in sorted(why().items()) if name in totals}
    return {
        "pairs": verdict.kept if verdict else 0,
        "bytes": sum(given["bytes"] for given in inputs),
        "places": {name: pairs for name, pairs in sorted(places.items()) if pairs},
        "counts": dict(sorted(totals.items())),
        "rules": rules,
        "examples": {reason: sorted(known) for reason, known in sorted(examples.examples.items())},
        "inputs": inputs,
    }


def _examples_of_merge(parts: Sequence[PartFiles], verdict: Verdict | None) -> list[tuple[str, str]]:
    """A reason and where one of its pairs stands, a few times each."""
    import pyarrow.parquet

    found = []
    for name, number, row in verdict.examples() if verdict else ():
        with pyarrow.parquet.ParquetFile(parts[number].pairs) as file:
            origins = file.read_row_group(row // ROWS, columns=["origin"]).column("origin")
        found.append((name, origins[row % ROWS].as_py()))
    return found
