"""Which jobs an evaluation folder has."""

from pathlib import Path

import numpy as np
import pytest
from evaluation_folder import data
from small_tasks import RandomEmbedder, task_of

from adjoin.errors import AdjoinError
from adjoin.evaluation import write_task
from adjoin.evaluation.jobs import find_jobs, search_jobs
from adjoin.evaluation.report.report import JUDGED

__all__ = ["data"]


def names(jobs: list) -> list[tuple[str, str]]:
    return [(job.suite, job.task) for job in jobs]


def test_every_suite_that_has_data(data: Path) -> None:
    assert names(find_jobs(data)) == [
        ("probe", "MOOD"),
        ("similarity", "STS99"),
        ("retrieval", "letters"),
        ("code", "functions"),
        ("bias", "associations"),
        ("space", "functions"),
    ]
    assert names(find_jobs(data, suites=["code", "probe"])) == [("code", "functions"), ("probe", "MOOD")]
    assert names(find_jobs(data, suites=["retrieval", "code"], tasks=["letters"])) == [("retrieval", "letters")]


def test_a_suites_folder_and_a_tasks_folder_will_do(data: Path) -> None:
    assert names(find_jobs(data / "sts", suites=["similarity"])) == [("similarity", "STS99")]
    assert names(find_jobs(data / "code" / "functions", suites=["code", "retrieval"])) == [("code", "functions")]
    assert names(find_jobs(data / "classification" / "MOOD", suites=["probe"])) == [("probe", "MOOD")]


def test_digests_stand_for_the_data(data: Path) -> None:
    one, other = find_jobs(data), find_jobs(data)
    assert [job.digest for job in one] == [job.digest for job in other]
    assert len({job.digest for job in one}) == len(one)
    file = data / "classification" / "MOOD" / "all.tsv"
    file.write_text(file.read_text().replace("number 7", "number seven"))
    changed = find_jobs(data)
    assert [job.task for a, job in zip(one, changed, strict=True) if a.digest != job.digest] == ["MOOD"]


def test_a_limit_keeps_what_is_relevant(data: Path) -> None:
    (job,) = find_jobs(data, suites=["retrieval"], limit=5, seed=1)
    assert job.search is not None
    assert len(job.search.queries) == 5
    for query, relevant in zip(job.search.queries, job.search.relevant, strict=True):
        number = query.split()[1]
        assert [job.search.documents[d].split()[1] for d in relevant] == [number]
    (again,) = find_jobs(data, suites=["retrieval"], limit=5, seed=1)
    (other,) = find_jobs(data, suites=["retrieval"], limit=5, seed=2)
    assert again.digest == job.digest != other.digest


def test_a_limited_corpus_is_a_crowd(tmp_path: Path) -> None:
    task = task_of([{i: 1.0} for i in range(30)], [f"d {i}" for i in range(3000)], name="large")
    write_task(tmp_path / "large", task)
    (job,) = find_jobs(tmp_path, suites=["retrieval"], limit=10)
    assert job.search is not None
    assert len(job.search.documents) == 1000


def test_each_job_measures(data: Path) -> None:
    for job in find_jobs(data):
        if job.measure is not None:
            results = job.measure(RandomEmbedder(), 0)
            assert results
            assert {result.suite for result in results} == {job.suite}
            assert all(np.isfinite(result.estimate.value) for result in results)


def test_mistakes_are_one_line(data: Path, tmp_path: Path) -> None:
    with pytest.raises(AdjoinError, match=r"unknown suite 'probes' .did you mean probe.*: expected probe, sim"):
        find_jobs(data, suites=["probes"])
    with pytest.raises(AdjoinError, match=r"unknown task 'CR' in .*: expected MOOD"):
        find_jobs(data, tasks=["CR"])
    with pytest.raises(AdjoinError, match="a limit of 0 texts"):
        find_jobs(data, limit=0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(AdjoinError, match=r"no evaluation data in .*empty for probe, similarity"):
        find_jobs(tmp_path / "empty")
    (data / "sts" / "STS99" / "news.tsv").write_text("score\ttext1\ttext2\nhigh\ta\tb\n")
    with pytest.raises(AdjoinError, match=r"news.tsv.* 2"):
        find_jobs(data, suites=["similarity"])


def test_search_tasks_in_memory_are_jobs_too() -> None:
    task = task_of([{0: 1.0}], ["a", "b"], name="small")
    (job,) = search_jobs([task])
    assert (job.suite, job.task, job.texts, job.search) == ("retrieval", "small", 3, task)


def settings_by_name(folder: Path) -> dict[str, tuple[str, str]]:
    return {job.task: (job.digest, job.settings) for job in find_jobs(folder, suites=JUDGED)}


def test_the_digest_is_of_the_data_and_not_of_its_name(data: Path) -> None:
    before = settings_by_name(data)
    names = {"MOOD": "mine", "STS99": "yours", "letters": "texts", "functions": "calls"}
    for path in [*data.glob("*/*")]:
        path.rename(path.with_name(names[path.name]))
    after = settings_by_name(data)
    assert {names[name]: digest for name, digest in before.items()} == after


def test_a_name_that_changes_the_label_texts_is_measured_again(data: Path) -> None:
    """Zero-shot classification asks for "a negative movie review" where the task is named SST2."""
    before = settings_by_name(data)["MOOD"]
    (data / "classification" / "MOOD").rename(data / "classification" / "SST2")
    after = settings_by_name(data)["SST2"]
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_a_linked_folder_has_the_name_of_its_link(data: Path) -> None:
    (data / "sts" / "STS100").symlink_to(data / "sts" / "STS99")
    assert names(find_jobs(data, suites=["similarity"])) == [("similarity", "STS100"), ("similarity", "STS99")]
