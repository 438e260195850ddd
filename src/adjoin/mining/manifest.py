"""The manifest of a dataset: options, versions, counts, inputs. It holds no dates and no absolute paths."""

import sys
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from adjoin.cleaning.decontamination import decontaminate as decontamination
from adjoin.mining.merging import RULE_REASONS, Verdict
from adjoin.mining.parts import ROWS, PartFiles, PartReport
from adjoin.pairs.languages import LANGUAGES
from adjoin.pairs.passages import PASSAGE_RULES
from adjoin.pairs.quality import RULES as FUNCTION_RULES
from adjoin.pairs.synonyms import SYNONYM_RULES
from adjoin.pairs.terms import TERM_RULES
from adjoin.tally import Tally

# Libraries that decide about the bytes of a dataset: they read, parse and compress.
_PACKAGES = ("adjoin", "pyarrow", "tree-sitter", "rensa", "pyromark", "resiliparse")


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that a dataset depends on."""
    grammars = sorted({row.grammar.replace("_", "-") for row in LANGUAGES.values()})
    packages = (*_PACKAGES, *grammars)
    python = ".".join(map(str, sys.version_info[:2]))
    return {"python": python, **{name: version(name) for name in packages}}


def rule_reasons() -> dict[str, str]:
    """Rule name to the reason for the rule, in one sentence, for all rules that leave pairs out."""
    functions = {rule.name: rule.reason for rule in FUNCTION_RULES}
    return {**functions, **PASSAGE_RULES, **TERM_RULES, **SYNONYM_RULES, **decontamination.RULES, **RULE_REASONS}


def counts_of(
    parts: Sequence[PartFiles], reports: Sequence[PartReport], verdict: Verdict | None, skipped: Tally
) -> dict[str, Any]:
    """Count what was read, what was left out and why, and what stays: in total, per package and per input.

    Args:
        parts: the parts, in order.
        reports: their reports, see `PartFiles.read_report`.
        verdict: the verdict of the merge; None if there is nothing to merge.
        skipped: what was skipped before any source was read.

    Returns:
        The entries pairs, bytes, places, counts, rules, examples and inputs of the manifest.
    """
    totals: Counter[str] = Counter(skipped.counts)
    places: Counter[str] = Counter()
    inputs = []
    examples = Tally(examples={reason: list(known) for reason, known in skipped.examples.items()})
    for number, (part, report) in enumerate(zip(parts, reports, strict=True)):
        merged = verdict.counts_of(part, number, len(report.inputs)) if verdict else []
        for given, outcome in zip(report.inputs, merged, strict=True):
            counts = Counter(given["counts"]) + outcome
            pairs = counts.pop("pairs", 0)
            totals.update(counts)
            places[given["package"]] += pairs
            inputs.append({**given, "pairs": pairs, "counts": dict(sorted(counts.items()))})
        examples.merge(Tally(examples=report.examples))
    for name, origin in _examples_of_merge(parts, verdict):
        examples.examples.setdefault(name, []).append(origin)
    totals["sources"] = len(inputs)
    rules = {name: reason for name, reason in sorted(rule_reasons().items()) if name in totals}
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
    """A few examples per reason of the merge: the reason and the origin of the pair."""
    import pyarrow.parquet

    examples = []
    for name, number, row in verdict.examples() if verdict else ():
        with pyarrow.parquet.ParquetFile(parts[number].pairs) as file:
            origins = file.read_row_group(row // ROWS, columns=["origin"]).column("origin")
        examples.append((name, origins[row % ROWS].as_py()))
    return examples
