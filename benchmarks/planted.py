"""Measure decontamination and near-duplicate removal with planted texts, through the whole mining pipeline.

    python benchmarks/planted.py --eval FOLDER [--clean FOLDER] [--prose FOLDER] [--number 1000] [--seed 0]

The benchmark plants texts in a corpus of clean code and prose, `--number` of each kind:
- Evaluation functions with documentation, half of them with words other than the evaluation's. They are verbatim,
  re-indented, or have comments added, removed or changed. They are at the end of a clean file, in a class, or in a
  file of their own.
- Evaluation passages: verbatim, truncated, two joined, or between clean paragraphs.
- Copies of clean functions and passages with one or two small changes.

The corpus is mined three times: as a control, with `decontaminate`, and without near duplicates. Only plants that
give a pair in the control count. A plant counts as found if none of its pairs remains. The exit status is 1 if a
target is missed.

By default, clean code comes from installed packages that are younger than the evaluation sets, and clean prose
from the documentation of all installed packages.
"""

import argparse
import random
import re
import shutil
import sys
import sysconfig
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from planted_corpus import WHOLE, Corpus, Plant, Row, by_place, first_line
from planted_texts import evaluation_texts, grams, words_of
from rich.console import Console
from rich.table import Table

from adjoin.cleaning.decontamination.code import without_comments
from adjoin.cleaning.decontamination.decontaminate import RULES
from adjoin.cleaning.decontamination.evaluation_files import CODE, read_evaluation_texts
from adjoin.cleaning.near_duplicates import signatures
from adjoin.corpus.document import PROSE
from adjoin.mining import Engine, MiningOptions, mine
from adjoin.pairs.dataset import PairDataset
from adjoin.tally import Tally

FOUND, LOST, NEAR_FOUND = 0.99, 0.001, 0.98  # targets: at least, at most, at least
YOUNG = ("accelerate", "huggingface_hub", "lancedb", "narwhals", "peft", "pydantic", "rich", "transformers",
         "typer")  # fmt: skip
GRAM = {True: 10, False: 13}  # tokens of code, words of prose that a pair shares with a text it repeats
LIKE = 0.6  # Jaccard similarity of words or 3-grams from which two texts count as similar
LOOKED_AT = 500  # clean pairs lost as near duplicates whose most similar pairs are searched


def dataset(corpus: Corpus, name: str, options: MiningOptions) -> tuple[list[Row], dict[str, int]]:
    """Mine the corpus. Returns its pairs and the counts of the manifest."""
    out = corpus.folder.parent / name
    manifest = mine([corpus.folder], out, options, engine=Engine(workers=1))
    columns = ["x", "y", "kind", "language", "origin"]
    rows = []
    for batch in PairDataset.open(out).batches(columns):
        for x, y, kind, language, origin in zip(*(batch[name] for name in columns), strict=True):
            rows.append(Row(x, y, kind, language, origin.rpartition(":")[0], first_line(origin)))
    return rows, manifest["counts"]


def share_of(plants: list[Plant], pairs_found: Callable[[Plant], int], table: Table) -> tuple[float, list[Plant]]:
    """Add one row per variant to the table.

    Returns:
        The share found, without whole records, and the plants that were missed.
    """
    number, hits = Counter[str](), Counter[str]()
    missed = []
    for plant in plants:
        number[plant.variant] += plant.pairs
        hits[plant.variant] += pairs_found(plant)
        if pairs_found(plant) < plant.pairs:
            missed.append(plant)
    extra = {WHOLE: number.pop(WHOLE, 0)}
    for variant in sorted(number) + [name for name in extra if extra[name]]:
        total = number[variant] or extra[variant]
        table.add_row(variant, f"{total:,}", f"{hits[variant]:,}", f"{hits[variant] / total:.2%}")
    total, found_in_all = sum(number.values()), sum(hits[variant] for variant in number)
    table.add_row("all" if not extra[WHOLE] else "all but whole records",
                  f"{total:,}", f"{found_in_all:,}", f"{found_in_all / max(total, 1):.2%}")  # fmt: skip
    return found_in_all / max(total, 1), missed


def rightly_lost(rows: Sequence[Row], folder: Path) -> set[int]:
    """The clean rows that do repeat an evaluation text.

    A row repeats it by a run of words, by a whole short text, or by half of its code.
    """
    tokens = [words_of(row.y) for row in rows]
    prose = [
        [*words_of(row.x), "|", *(() if row.language != PROSE else words)]
        for row, words in zip(rows, tokens, strict=True)
    ]
    looked_up: dict[bool, dict[tuple[str, ...], set[int]]] = {True: defaultdict(set), False: defaultdict(set)}
    for n, row in enumerate(rows):
        for gram in grams(prose[n], GRAM[False]):
            looked_up[False][gram].add(n)
        if row.language != PROSE:
            for gram in grams(tokens[n], GRAM[True]):
                looked_up[True][gram].add(n)
    lines = [f" {' '.join(words)} " for words in prose]
    right: set[int] = set()
    for text in read_evaluation_texts([folder], {}, Tally()) if rows else ():
        is_code, words = text.kind == CODE, words_of(text.text)
        shared = Counter(n for gram in grams(words, GRAM[is_code]) for n in looked_up[is_code].get(gram, ()))
        if is_code:
            right |= {n for n, times in shared.items() if times >= 0.5 * len(grams(tokens[n], GRAM[True]))}
        elif 3 <= len(words) < GRAM[False]:
            short = f" {' '.join(words)} "
            right |= {n for n, line in enumerate(lines) if short in line}
        else:
            right |= set(shared)
    return right


def count_by_language(rows: Iterable[Row], of: Iterable[Row]) -> str:
    """How many of the second rows are among the first, per language."""
    counts, totals = (Counter(row.language for row in each) for each in (rows, of))
    return ", ".join(f"{counts[name]:,} of {number:,} in {name}" for name, number in sorted(totals.items()))


def similarity(one: Row, other: Row) -> float:
    """Jaccard similarity of two pairs' y: of single words or of three in a row, whichever is larger."""
    texts = (row.y if row.language == PROSE else without_comments(row.y, row.language) for row in (one, other))
    a, b = (re.findall(r"\w+|[^\w\s]", text.lower()) for text in texts)
    sets = [(set(a), set(b)), (grams(a, 3), grams(b, 3))]
    return max(len(x & y) / max(len(x | y), 1) for x, y in sets)


def nearest_similarities(lost: Sequence[Row], rows: Sequence[Row]) -> list[float]:
    """Similarity of each lost row to its nearest row of the same kind, among five candidates by signature."""
    of_kind = defaultdict(list)
    for row in rows:
        of_kind[row.kind].append(row)
    result = []
    signed = {
        kind: signatures([r.y.encode() for r in some], [r.language for r in some])
        for kind, some in of_kind.items()
    }
    for row in lost:
        agreement = (signed[row.kind] == signatures([row.y.encode()], [row.language])[0]).sum(axis=1)
        others = [of_kind[row.kind][n] for n in np.argsort(-agreement)[:6]]
        result.append(max((similarity(row, other) for other in others if other != row), default=0.0))
    return result


def clean_rows(rows: Iterable[Row], corpus: Corpus) -> list[Row]:
    """The pairs that come from no plant."""
    hosted = {plant.place: plant.first for plant in corpus.held if plant.first}
    return [row for row in rows if row.place.startswith("clean/") and row.first < hosted.get(row.place, 1 << 30)]


def judge_held_out(corpus: Corpus, folder: Path, control: list[Row], console: Console) -> bool:
    """Evaluate decontamination. Returns whether both targets are met."""
    options = MiningOptions(template_cap=0, decontaminate=(folder,), keep_near_duplicates=True)
    rows, counts = dataset(corpus, "decontaminated", options)
    before, after = by_place(control), by_place(rows)
    table = Table("planted evaluation text", "number", "found", "share")
    counted = [plant for plant in corpus.held if plant.rows(before)]
    share_found, missed = share_of(counted, lambda plant: int(not plant.rows(after)), table)
    console.print(table)
    console.print(f"{len(corpus.held) - len(counted)} plants gave no pair in the control", *_named(missed))
    clean, kept = clean_rows(control, corpus), Counter(clean_rows(rows, corpus))
    gone = [row for row in clean if not kept[row]]
    right = rightly_lost(gone, folder)
    wrong = [row for n, row in enumerate(gone) if n not in right]
    share = len(wrong) / max(len(clean), 1)
    console.print(
        f"clean pairs lost: {len(gone):,} of {len(clean):,}; {len(right):,} of them repeat an evaluation text,"
        f" {len(wrong):,} ({share:.3%}) do not: {count_by_language(wrong, clean)}",
        *(f"\n  {row.place}:{row.first} {row.x[:80]!r}" for row in wrong[:40]),
    )
    console.print("by rule:", ", ".join(f"{rule} {counts.get(rule, 0):,}" for rule in RULES))
    return verdict(console, share_found >= FOUND, share <= LOST)


def judge_near(corpus: Corpus, control: list[Row], console: Console) -> bool:
    """Evaluate near-duplicate removal. Returns whether both targets are met."""
    rows, _ = dataset(corpus, "deduplicated", MiningOptions(template_cap=0))
    before, after = by_place(control), by_place(rows)
    table = Table("planted near duplicate", "number", "found", "share")
    share_found, missed = share_of(corpus.near, lambda plant: plant.pairs - len(plant.rows(after)), table)
    exact = sum(plant.pairs - len(plant.rows(before)) for plant in corpus.near if plant.variant != WHOLE)
    console.print(table)
    missed = [plant for plant in missed if plant.variant != WHOLE]
    console.print(f"{exact} of them differ only in white space: exact duplicates", *_named(missed))
    clean, kept = clean_rows(control, corpus), Counter(clean_rows(rows, corpus))
    gone = [row for row in clean if not kept[row]]
    looked_at = corpus.chance.sample(gone, min(LOOKED_AT, len(gone)))
    like = nearest_similarities(looked_at, clean)
    wrong = [(value, row) for value, row in zip(like, looked_at, strict=True) if value < LIKE]
    share = len(wrong) / max(len(like), 1) * len(gone) / max(len(clean), 1)
    bounds = (0.0, LIKE, 0.7, 0.8, 0.9, 1.01)
    console.print(
        f"clean pairs lost: {len(gone):,} of {len(clean):,}; nearest similarity of {len(like)} of them:",
        ", ".join(f"{low:.1f}-{high:.1f}: {sum(low <= value < high for value in like)}"
                  for low, high in pairwise(bounds)),
        f"\nlost without a pair of similarity {LIKE}: {share:.3%} of the clean pairs",
        *(f"\n  {value:.2f} {row.place}:{row.first} {row.x[:80]!r}" for value, row in wrong[:20]),
    )  # fmt: skip
    return verdict(console, share_found >= NEAR_FOUND, share <= LOST)


def _named(missed: list[Plant]) -> list[str]:
    return [f"\n  missed: {plant.variant}: {plant.place}:{plant.first}" for plant in missed[:40]]


def verdict(console: Console, finds_enough: bool, loses_few: bool) -> bool:
    """Print whether the targets are met."""
    outcome = {True: "met", False: "MISSED"}
    console.print(f"target of plants found: {outcome[finds_enough]}; of clean pairs lost: {outcome[loses_few]}\n")
    return finds_enough and loses_few


def documentation(site: Path, target: Path) -> list[Path]:
    """The prose of installed packages: Markdown, reStructuredText and package descriptions."""
    for path in sorted(site.glob("*.dist-info/METADATA")):
        text = path.read_text("utf-8", "replace").partition("\n\n")[2]
        if text.strip():
            target.mkdir(parents=True, exist_ok=True)
            (target / f"{path.parent.name}.md").write_text(text, "utf-8")
    return [target, *sorted(path for path in site.rglob("*") if path.suffix in (".md", ".rst") and path.is_file())]


def main(arguments: Sequence[str] | None = None) -> int:
    """Plant, mine and print. Returns 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--eval", type=Path, metavar="FOLDER", required=True)
    for name in ("clean", "prose", "work"):
        parser.add_argument(f"--{name}", type=Path, metavar="FOLDER")
    parser.add_argument("--number", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    console, site = Console(soft_wrap=True, highlight=False), Path(sysconfig.get_path("purelib"))
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        corpus = Corpus(Path(folder) / "corpus", random.Random(options.seed))
        code = [options.clean] if options.clean else [site / name for name in YOUNG if (site / name).is_dir()]
        prose = [options.prose] if options.prose else documentation(site, Path(folder) / "documentation")
        corpus.fill(code, prose)
        functions, passages = evaluation_texts(options.eval, corpus.chance)
        corpus.plant_functions(functions, options.number)
        corpus.plant_passages(passages, options.number)
        corpus.copy_functions(options.number)
        corpus.copy_passages(options.number)
        corpus.copy_records(options.number // 10)
        control, _ = dataset(corpus, "control", MiningOptions(template_cap=0, keep_near_duplicates=True))
        kept = [judge_held_out(corpus, options.eval, control, console), judge_near(corpus, control, console)]
        if options.work:
            shutil.copytree(folder, options.work / "planted", dirs_exist_ok=True)
    return int(not all(kept))


if __name__ == "__main__":
    sys.exit(main())
