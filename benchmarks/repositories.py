"""Measure search over repositories: nDCG@10 of questions whose answers are files.

    python benchmarks/repositories.py --data FOLDER --report OUT

FOLDER/NAME/source holds a repository's code and FOLDER/NAME/queries.json its questions: a list of {"query",
"relevant", "secondary", "category"}. Targets are paths, or {"path", "start_line", "end_line"}. Each repository is
indexed into a temporary folder and searched through `Searcher.search(query, limit=10)`, as `adjoin search` does.

The metric. A hit counts for a target if its path ends with the target's path, folder by folder ("zsh_args.go" does
not end with "args.go"), and its lines meet the target's where the target has lines. Relevant and secondary targets
count alike, each once, at the rank of its first hit. Ranks are those of the ten hits as a user sees them: three
pieces of one file take three ranks, and the second and third gain nothing. nDCG@10 = Σ 1 / log2(rank + 1) over the
targets that were hit, divided by the same sum with the targets at the first ranks.

Baselines on the same pieces: "bm25" and "vectors" alone, and "fusion", the sum of both z-scores over all pieces
with the model's own weight, which `adjoin search` was before it had a ranking. OUT/report.json has a result for
all questions, for each category, and for each repository ("all/NAME"), with 95 % bootstrap intervals over
questions, and the paired differences to the baselines. OUT/report.md is a table of them, OUT/questions.jsonl has
each question.
"""

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from adjoin import Encoder
from adjoin.errors import AdjoinError
from adjoin.evaluation.bootstrap import mean_of
from adjoin.evaluation.report.report import MODEL, Report, environment
from adjoin.evaluation.result import Result
from adjoin.files import read_json, write_atomically, write_json
from adjoin.index.refresh import refresh
from adjoin.index.search import Hit
from adjoin.index.searcher import Searcher, load_index
from adjoin.model.locations import locate_model
from adjoin.ranking.fusion import dense_weight_of, z_score_fusion
from adjoin.ranking.order import best_first

K = 10
METRIC = f"ndcg@{K}"
SUITE, ALL = "repositories", "all"
BASELINES = ("bm25", "vectors", "fusion")
EVERY_PIECE = 1 << 40  # a limit above any index


@dataclass(frozen=True, slots=True)
class Target:
    """A file, or lines of it, that answers a question. Without lines, `first_line` is 0."""

    path: str
    first_line: int = 0
    last_line: int = 0

    def is_hit_by(self, hit: Hit) -> bool:
        """Whether a hit lies in the target."""
        if not f"/{hit.path}".endswith(f"/{self.path}"):
            return False
        return not self.first_line or (hit.first_line <= self.last_line and self.first_line <= hit.last_line)


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a repository with its targets."""

    text: str
    targets: tuple[Target, ...]
    category: str


@dataclass(frozen=True, slots=True)
class Row:
    """The value of one question for each system."""

    repository: str
    question: str
    category: str
    values: dict[str, float]
    first_hits: tuple[str, ...]


def read_questions(path: Path) -> list[Question]:
    """Read a queries.json.

    Raises:
        AdjoinError: the file is missing or has another form.
    """
    content = read_json(path, "list of questions")
    try:
        return [
            Question(
                str(row["query"]),
                tuple(_target(target) for target in (*row["relevant"], *row.get("secondary", ()))),
                str(row["category"]),
            )
            for row in content
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise AdjoinError(
            f"{path} is no list of questions ({type(error).__name__}: {error}): expected query, relevant, "
            "secondary and category in each"
        ) from None


def _target(value: Any) -> Target:  # noqa: ANN401 - a path, or an object with a path and lines
    if isinstance(value, str):
        return Target(value)
    first = int(value.get("start_line") or 0)
    return Target(str(value["path"]), first, int(value.get("end_line") or first))


def ndcg(hits: Sequence[Hit], targets: Sequence[Target]) -> float:
    """nDCG@10 of hits, best first: each target counts once, at the rank of its first hit."""
    ranks = (
        next((rank for rank, hit in enumerate(hits[:K], 1) if target.is_hit_by(hit)), None) for target in targets
    )
    gained = sum(1 / math.log2(rank + 1) for rank in ranks if rank is not None)
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(targets), K) + 1))
    return gained / best if best else 0.0


def fusion(searcher: Searcher, query: str, weight: float) -> list[Hit]:
    """The first hits by the weighted sum of the z-scores of vectors and BM25 over all pieces."""
    dense = searcher.search(query, limit=EVERY_PIECE, mode="dense")
    words = {
        (hit.path, hit.first_line, hit.last_line, hit.name): hit.score
        for hit in searcher.search(query, limit=EVERY_PIECE, mode="lexical")
    }
    words_N = np.array([words.get((hit.path, hit.first_line, hit.last_line, hit.name), 0.0) for hit in dense])
    fused_N = z_score_fusion([np.array([hit.score for hit in dense]), words_N], [weight, 1 - weight])
    return [dense[place] for place in best_first(fused_N, K).tolist()]


def measure(folder: Path, model: str, baselines: bool) -> list[Row]:
    """Index one repository into a temporary folder and ask its questions.

    Args:
        folder: FOLDER/NAME.
        model: name or folder of the model.
        baselines: whether to measure the baselines too.
    """
    encoder = Encoder.load(locate_model(model))
    questions = read_questions(folder / "queries.json")
    rows = []
    with tempfile.TemporaryDirectory(prefix="adjoin-repositories-") as index:
        refresh(folder / "source", Path(index) / "index", encoder, model=model)
        searcher = load_index(Path(index) / "index")
        for question in questions:
            hits = {MODEL: searcher.search(question.text, limit=K)}
            if baselines:
                hits["bm25"] = searcher.search(question.text, limit=K, mode="lexical")
                hits["vectors"] = searcher.search(question.text, limit=K, mode="dense")
                hits["fusion"] = fusion(searcher, question.text, dense_weight_of(encoder))
            values = {system: ndcg(found, question.targets) for system, found in hits.items()}
            first_hits = tuple(f"{hit.path}:{hit.first_line}" for hit in hits[MODEL][:3])
            rows.append(Row(folder.name, question.text, question.category, values, first_hits))
    return rows


def report_of(rows: Sequence[Row], model: str) -> Report:
    """The results of all systems: over all questions, for each category and for each repository."""
    groups = {ALL: list(rows)}
    for category in sorted({row.category for row in rows}):
        groups[category] = [row for row in rows if row.category == category]
    for name in dict.fromkeys(row.repository for row in rows):
        groups[f"{ALL}/{name}"] = [row for row in rows if row.repository == name]
    systems = {
        system: [
            Result(SUITE, task, METRIC, mean_of(np.array([row.values[system] for row in chosen])))
            for task, chosen in groups.items()
        ]
        for system in rows[0].values
    }
    return Report(f"adjoin search ({model})", systems, environment(datetime.now(UTC).date().isoformat()))


def differences(report: Report) -> list[dict[str, Any]]:
    """The paired differences between search and each baseline, over all questions and by category."""
    return [
        {
            "suite": SUITE, "task": comparison.task, "metric": METRIC, "minus": comparison.other,
            "value": comparison.difference.value, "low": comparison.difference.interval()[0],
            "high": comparison.difference.interval()[1], "p": comparison.difference.p,
        }
        for name in report.systems
        if name != MODEL
        for comparison in report.comparisons(SUITE, METRIC, name)
        if comparison.task != "mean"
    ]  # fmt: skip


def as_markdown(report: Report) -> str:
    """The report as a table: a row for each system, then a row for each repository."""
    tasks = report.tasks(SUITE)
    numbers = {task: _result(report, MODEL, task).estimate.n for task in tasks}
    lines = [
        f"# Search over repositories: {report.model}",
        "",
        f"{METRIC} with 95 % bootstrap intervals over questions.",
        "",
        "| | " + " | ".join(f"{task} ({numbers[task]})" for task in tasks) + " |",
        "| --- |" + " --- |" * len(tasks),
    ]
    for system in report.systems:
        name = "search" if system == MODEL else system
        lines.append(f"| {name} | " + " | ".join(_cell(_result(report, system, task)) for task in tasks) + " |")
    lines += ["", "| repository | " + " | ".join("search" if s == MODEL else s for s in report.systems) + " |"]
    lines.append("| --- |" + " --- |" * len(report.systems))
    for task in report.subsets(SUITE):
        values = [f"{_result(report, system, task).estimate.value:.3f}" for system in report.systems]
        lines.append(f"| {task.partition('/')[2]} | " + " | ".join(values) + " |")
    return "\n".join(lines) + "\n"


def _result(report: Report, system: str, task: str) -> Result:
    result = report.find(system, SUITE, task, METRIC)
    assert result is not None, f"{system} has no result for {task}"
    return result


def _cell(result: Result) -> str:
    low, high = result.estimate.interval()
    return f"{result.estimate.value:.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    """Measure all repositories and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with NAME/queries.json and NAME/source")
    parser.add_argument("--report", type=Path, required=True, help="folder to write the report to")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these repositories; all by default")
    parser.add_argument("--model", default="code", help="name or folder of the model")
    parser.add_argument("--no-baselines", action="store_true", help="measure the search alone")
    parser.add_argument("--jobs", type=int, default=1, help="repositories at a time, each in a process")
    arguments = parser.parse_args()
    folders = sorted(path.parent for path in arguments.data.glob("*/queries.json"))
    if arguments.only:
        missing = sorted(set(arguments.only) - {folder.name for folder in folders})
        if missing:
            parser.error(f"no {', '.join(missing)} in {arguments.data}")
        folders = [folder for folder in folders if folder.name in arguments.only]
    without_source = [folder.name for folder in folders if not (folder / "source").is_dir()]
    if not folders or without_source:
        missing_source = f"; no source in {', '.join(without_source)}" if without_source else ""
        parser.error(f"{arguments.data} has no NAME/queries.json with NAME/source beside it{missing_source}")
    task = partial(measure, model=arguments.model, baselines=not arguments.no_baselines)
    rows: list[Row] = []
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for folder, measured in zip(folders, pool.map(task, folders), strict=True):
            rows += measured
            sys.stderr.write(f"{folder.name}: {np.mean([row.values[MODEL] for row in measured]):.3f}\n")
    report = report_of(rows, arguments.model)
    arguments.report.mkdir(parents=True, exist_ok=True)
    report.write(arguments.report)
    write_json(arguments.report / "report.json", report.to_json() | {"differences": differences(report)})
    lines = [json.dumps({"repository": r.repository, "query": r.question, "category": r.category, **r.values,
                         "first": r.first_hits}, ensure_ascii=False) for r in rows]  # fmt: skip
    write_atomically(arguments.report / "questions.jsonl", "\n".join(lines) + "\n")
    write_atomically(arguments.report / "report.md", as_markdown(report))
    sys.stdout.write(as_markdown(report))


if __name__ == "__main__":
    main()
