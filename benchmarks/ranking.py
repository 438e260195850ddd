"""Measure what each number of the ranking does, on questions about repositories.

    python benchmarks/ranking.py --data FOLDER --report OUT

FOLDER is that of benchmarks/repositories.py, which defines the metric. Each repository is indexed and searched
once. The candidates of each question are kept, and ranked again with other numbers:

- ablation: one kind of evidence left out, with the paired difference and its 95 % bootstrap interval;
- sensitivity: one number halved or doubled;
- cross-validation: for each repository, the numbers that are best on all others among `--choices` random settings
  out of a coarse grid, measured on that repository;
- the floor: hits below it for the repository's own questions, for questions about the other repositories, and for
  questions about no software at all.

OUT/ranking.md has the tables.
"""

import argparse
import gc
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from repositories import K, Question, ndcg, read_questions

import adjoin.index.search as product
from adjoin import Encoder
from adjoin.evaluation.bootstrap import mean_of
from adjoin.files import write_atomically
from adjoin.index.refresh import refresh
from adjoin.index.search import RESERVE, Hit, spread_over_files
from adjoin.index.searcher import Searcher, load_index
from adjoin.model.locations import locate_model
from adjoin.ranking.evidence import Candidate
from adjoin.ranking.query import WORDS, Query
from adjoin.ranking.score import WEIGHTS, Ranked, Weights, rank

NOTHING = dict.fromkeys(WEIGHTS.kinds, 1.0)
ABLATION: dict[str, dict[str, Any]] = {
    "vectors": {"dense": dict.fromkeys(WEIGHTS.dense, 0.0)},
    "BM25": {"dense": dict.fromkeys(WEIGHTS.dense, 1.0)},
    "definition of a name in the query": {"definition": 0.0, "symbol": 0.0},
    "words in the name of what a piece defines": {"name": 0.0},
    "wording": {"phrase": 0.0},
    "words in the file's name": {"stem": 0.0, "exact": 0.0},
    "words in the folders": {"folders": 0.0},
    "all words in the path": {"stem": 0.0, "exact": 0.0, "folders": 0.0},
    "several good pieces in a file": {"coherence": 0.0},
    "match three times within a file": {"within": 1.0},
    "half price for further pieces of a file": {"repeated": 1.0},
    "kind of file": {"kinds": NOTHING},
}
VECTORS = "vectors"  # their share in plain questions
GRID: dict[str, Sequence[float]] = {
    VECTORS: (0.4, 0.5, 0.6, 0.7), "definition": (0.2, 0.3, 0.4), "name": (0.2, 0.3, 0.4),
    "stem": (0.2, 0.3, 0.4), "exact": (0.2, 0.3, 0.4), "folders": (0.2, 0.3, 0.4), "coherence": (0.2, 0.3, 0.4),
    "phrase": (0.25, 0.5), "symbol": (0.5, 1.0), "repeated": (0.3, 0.5),
}  # fmt: skip
NONSENSE = """how do I bake sourdough bread at home
what is the capital of mongolia
best hiking trails near lake geneva in autumn
symptoms of vitamin d deficiency in adults
when did the roman empire fall
how to change a flat tire on a bicycle
who won the football world cup in 1998
recipe for vegetarian lasagna with spinach
how do volcanoes form under the ocean
what time does the museum open on sundays
is it safe to drink tap water in peru
bluetooth pairing handshake
payroll tax calculation for employees
asdf qwer zxcv
calculate_shipping_cost
InvoiceLineItem""".splitlines()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with the candidates that the product's search found for it."""

    repository: str
    question: Question
    query: Query
    candidates: tuple[Candidate, ...]

    def ranked(self, weights: Weights) -> list[Ranked]:
        """The ten hits that search shows with these numbers."""
        return spread_over_files(rank(self.query, self.candidates, RESERVE * K, weights=weights), K)

    def value(self, weights: Weights) -> float:
        """nDCG@10 of the candidates ranked with these numbers."""
        ranked = self.ranked(weights)
        return ndcg([_hit(one.candidate) for one in ranked], self.question.targets)

    def is_weak(self) -> bool:
        """Whether the best hit is below the floor."""
        ranked = self.ranked(WEIGHTS)
        return not ranked or ranked[0].weak


def _hit(one: Candidate) -> Hit:
    return Hit(one.path, one.first_line, one.last_line, one.language, one.kind, one.name, 0.0, "")


class Recorder:
    """Stands between the product's search and its ranking, and keeps what passes."""

    def __init__(self) -> None:
        self.last: tuple[Query, tuple[Candidate, ...]] | None = None

    def __call__(
        self, query: Query, candidates: Sequence[Candidate], limit: int, *, dense_weight: float | None = None
    ) -> list[Ranked]:
        """Rank as the product does."""
        self.last = query, tuple(candidates)
        return rank(query, candidates, limit, dense_weight=dense_weight)

    def ask(self, searcher: Searcher, repository: str, question: Question) -> Asked:
        """Search and return what the ranking got."""
        searcher.search(question.text, limit=K)
        assert self.last is not None
        return Asked(repository, question, *self.last)


def record(folders: Sequence[Path], model: str) -> tuple[list[Asked], list[Asked], list[Asked]]:
    """Index all repositories and ask their own questions, those of others (20 each) and nonsense."""
    recorder = Recorder()
    vars(product)["rank"] = recorder
    encoder = Encoder.load(locate_model(model))
    questions = {folder.name: read_questions(folder / "queries.json") for folder in folders}
    generator = np.random.default_rng(0)
    own, foreign, nonsense = [], [], []
    for folder in folders:
        with tempfile.TemporaryDirectory(prefix="adjoin-ranking-") as index:
            refresh(folder / "source", Path(index) / "index", encoder, model=model)
            searcher = load_index(Path(index) / "index")
            others = [one for name, asked in questions.items() if name != folder.name for one in asked]
            chosen = generator.permutation(len(others))[:20]
            own += [recorder.ask(searcher, folder.name, one) for one in questions[folder.name]]
            foreign += [recorder.ask(searcher, folder.name, others[place]) for place in chosen]
            nonsense += [recorder.ask(searcher, folder.name, Question(one, (), "")) for one in NONSENSE]
    return own, foreign, nonsense


def values_of(asked: Sequence[Asked], weights: Weights) -> NDArray[np.float64]:
    """nDCG@10 of each question with these numbers."""
    return np.array([one.value(weights) for one in asked])


def changed(
    base: NDArray[np.float64], asked: Sequence[Asked], changes: dict[str, dict[str, Any]]
) -> Iterator[str]:
    """A table row for each change of the numbers."""
    categories = sorted({one.question.category for one in asked})
    yield f"| | all | difference | {' | '.join(categories)} |"
    yield "| --- | --- | --- |" + " --- |" * len(categories)
    for name, change in {"as it is": {}, **changes}.items():
        values = values_of(asked, replace(WEIGHTS, **change))
        low, high = mean_of(values - base).interval()
        by_category = [values[[one.question.category == name for one in asked]].mean() for name in categories]
        yield (
            f"| {name} | {values.mean():.3f} | {(values - base).mean():+.3f} [{low:+.3f}, {high:+.3f}] | "
            + " | ".join(f"{value:.3f}" for value in by_category)
            + " |"
        )


def sensitivity() -> dict[str, dict[str, Any]]:
    """Each number halved and doubled; the share of vectors in plain questions moved by 0.2."""
    changes: dict[str, dict[str, Any]] = {
        f"vectors {share:.1f}": {"dense": {**WEIGHTS.dense, WORDS: share}} for share in (0.4, 0.5, 0.7, 0.8)
    }
    for name in ("definition", "symbol", "name", "phrase", "stem", "exact", "folders", "coherence", "repeated"):
        for factor in (0.5, 2.0):
            changes[f"{name} times {factor}"] = {name: getattr(WEIGHTS, name) * factor}
    return changes


def cross_validated(asked: Sequence[Asked], choices: int) -> Iterator[str]:
    """Choose the numbers without one repository at a time, and measure them on it."""
    generator = np.random.default_rng(0)
    settings = [{name: float(generator.choice(values)) for name, values in GRID.items()} for _ in range(choices)]
    values_CQ = np.array([values_of(asked, _weights(setting)) for setting in settings])
    names = np.array([one.repository for one in asked])
    held_out = np.empty(len(asked))
    for name in dict.fromkeys(names):
        best = values_CQ[:, names != name].mean(axis=1).argmax()
        held_out[names == name] = values_CQ[best, names == name]
    low, high = mean_of(held_out).interval()
    means_C = np.sort(values_CQ.mean(axis=1))
    yield f"Left out and measured: {held_out.mean():.3f} [{low:.3f}, {high:.3f}]."
    for category in sorted({one.question.category for one in asked}):
        chosen = [one.question.category == category for one in asked]
        yield f"{category}: {held_out[chosen].mean():.3f}."
    yield (
        f"The {choices} settings themselves: lowest {means_C[0]:.3f}, median {np.median(means_C):.3f}, "
        f"highest {means_C[-1]:.3f}."
    )


def _weights(setting: dict[str, float]) -> Weights:
    numbers: dict[str, Any] = {name: value for name, value in setting.items() if name != VECTORS}
    return replace(WEIGHTS, dense={**WEIGHTS.dense, WORDS: setting[VECTORS]}, **numbers)


def weak_share(asked: Sequence[Asked]) -> str:
    """The share of questions whose best hit is below the floor."""
    return f"{np.mean([one.is_weak() for one in asked]):.1%}"


def main() -> None:
    """Record, rank again, write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with NAME/queries.json and NAME/source")
    parser.add_argument("--report", type=Path, required=True, help="folder to write ranking.md to")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these repositories; all by default")
    parser.add_argument("--model", default="code", help="name or folder of the model")
    parser.add_argument("--choices", type=int, default=50, help="settings to choose from in cross-validation")
    arguments = parser.parse_args()
    folders = sorted(path.parent for path in arguments.data.glob("*/queries.json"))
    folders = [folder for folder in folders if not arguments.only or folder.name in arguments.only]
    own, foreign, nonsense = record(folders, arguments.model)
    gc.collect()
    gc.freeze()  # half a million candidates, which the collector would visit again and again
    base = values_of(own, WEIGHTS)
    lines = [
        f"# The ranking's numbers: {len(own)} questions, {len(folders)} repositories", "",
        "## Left out", "", *changed(base, own, ABLATION), "",
        "## Halved and doubled", "", *changed(base, own, sensitivity()), "",
        "## Cross-validation", "", *cross_validated(own, arguments.choices), "",
        "## Weak", "",
        f"Best hit below the floor of {WEIGHTS.floor}: {weak_share(own)} of the repositories' own questions, "
        f"{weak_share(foreign)} of questions about other repositories, {weak_share(nonsense)} of nonsense.",
    ]  # fmt: skip
    arguments.report.mkdir(parents=True, exist_ok=True)
    write_atomically(arguments.report / "ranking.md", "\n".join(lines) + "\n")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
