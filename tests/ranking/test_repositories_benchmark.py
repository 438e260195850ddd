"""The metric of benchmarks/repositories.py by hand, and its report on a small repository."""

import json
import math
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from adjoin.index.search import Hit

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import repositories

    return repositories


def hit(path: str, first: int = 1, last: int = 9) -> Hit:
    return Hit(path, first, last, "python", "function", "", 1.0, "")


def test_each_target_counts_once_at_its_first_hit(benchmark: ModuleType) -> None:
    one, two = benchmark.Target("src/a.py"), benchmark.Target("b.py")
    hits = [hit("x.py"), hit("src/a.py"), hit("src/a.py"), hit("deep/b.py")]
    expected = (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3))
    assert benchmark.ndcg(hits, [one, two]) == pytest.approx(expected)
    assert benchmark.ndcg([hit("src/a.py"), hit("b.py")], [one, two]) == 1.0
    assert benchmark.ndcg([hit("x.py")] * 10 + [hit("b.py")], [two]) == 0.0


def test_a_path_ends_at_a_folder(benchmark: ModuleType) -> None:
    assert benchmark.Target("args.go").is_hit_by(hit("cmd/args.go"))
    assert not benchmark.Target("args.go").is_hit_by(hit("zsh_args.go"))


@pytest.mark.parametrize(
    ("first", "last", "met"), [(1, 4, False), (1, 5, True), (7, 7, True), (8, 20, True), (9, 20, False)]
)
def test_lines_must_meet_where_a_target_has_them(benchmark: ModuleType, first: int, last: int, met: bool) -> None:
    assert benchmark.Target("a.py", 5, 8).is_hit_by(hit("a.py", first, last)) is met


def test_report(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "small"
    (folder / "source").mkdir(parents=True)
    (folder / "source" / "sessions.py").write_text("def delete_old(sessions):\n    sessions.clear()\n")
    (folder / "source" / "views.py").write_text("def show_page(request):\n    return request.page\n")
    questions = [
        {"query": "delete old sessions", "relevant": ["sessions.py"], "secondary": [], "category": "semantic"},
        {"query": "show_page", "relevant": [{"path": "views.py", "start_line": 1, "end_line": 2}], "secondary": [],
         "category": "symbol"},
    ]  # fmt: skip
    (folder / "queries.json").write_text(json.dumps(questions))
    command = [
        sys.executable,
        BENCHMARKS / "repositories.py",
        "--data",
        tmp_path / "data",
        "--report",
        tmp_path / "out",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    rows = {row["task"]: row for row in report["results"]}
    assert set(rows) == {"all", "semantic", "symbol", "all/small"}
    assert rows["all"]["metric"] == "ndcg@10"
    assert (rows["all"]["value"], rows["all"]["n"]) == (1.0, 2)
    assert set(report["baselines"]) == {"bm25", "vectors", "fusion"}
    assert not list(folder.rglob(".adjoin"))
    assert "| search |" in (tmp_path / "out" / "report.md").read_text()
