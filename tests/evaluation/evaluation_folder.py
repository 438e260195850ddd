"""A small evaluation folder: one task of every suite."""

from pathlib import Path

import pytest
from small_tasks import task_of

from adjoin.evaluation import write_task

WORDS = ["good", "fine", "great", "bad", "poor", "awful"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One small task of every suite."""
    folder = tmp_path / "eval"
    probe = folder / "classification" / "MOOD"
    probe.mkdir(parents=True)
    (probe / "labels.tsv").write_text("label\tname\n0\tnegative\n1\tpositive\n")
    rows = [f"{int(i % 6 < 3)}\tthis is {WORDS[i % 6]} number {i}" for i in range(60)]
    (probe / "all.tsv").write_text("\n".join(["label\ttext", *rows]) + "\n")
    similar = folder / "sts" / "STS99"
    similar.mkdir(parents=True)
    rows = [f"{i % 6}.0\ttext {i}\ttext {i + i % 6}" for i in range(30)]
    (similar / "news.tsv").write_text("\n".join(["score\ttext1\ttext2", *rows]) + "\n")
    for suite, name, language in (("retrieval", "letters", ""), ("code", "functions", "go")):
        task = task_of(
            [{i: 1.0} for i in range(40)],
            [f"document {i} of {name}" for i in range(40)],
            name=name,
            queries=[f"query {i} for {name}" for i in range(40)],
            languages=[language] * 40,
        )
        write_task(folder / suite / name, task)
    return folder
