"""The result cache returns results unchanged, and never for another job, system or setting."""

from pathlib import Path

import numpy as np

from adjoin.evaluation.bootstrap import mean_of
from adjoin.evaluation.result import Result, ResultCache

RESULTS = [
    Result("probe", "MR", "accuracy", mean_of(np.array([1.0, 0.0, 1.0])), ("a note", "another")),
    Result("probe", "MR", "knn", mean_of(np.array([0.0, 0.0, 1.0]))),
]


def same(results: list[Result] | None, expected: list[Result]) -> bool:
    if results is None:
        return False
    return all(
        (a.key, a.notes, a.estimate.value, a.estimate.n) == (b.key, b.notes, b.estimate.value, b.estimate.n)
        and (a.estimate.replicates == b.estimate.replicates).all()
        for a, b in zip(results, expected, strict=True)
    )


def test_what_was_kept_is_found(tmp_path: Path) -> None:
    cache = ResultCache(tmp_path, 0, 999)
    assert cache.get("job", "system", "MR") is None
    cache.put("job", "system", "MR", RESULTS)
    assert same(cache.get("job", "system", "MR"), RESULTS)
    assert same(ResultCache(tmp_path, 0, 999).get("job", "system", "MR"), RESULTS)


def test_other_data_systems_and_settings_are_not_in_the_cache(tmp_path: Path) -> None:
    ResultCache(tmp_path, 0, 999).put("job", "system", "MR", RESULTS)
    assert ResultCache(tmp_path, 0, 999).get("other", "system", "MR") is None
    assert ResultCache(tmp_path, 0, 999).get("job", "other", "MR") is None
    assert ResultCache(tmp_path, 1, 999).get("job", "system", "MR") is None
    assert ResultCache(tmp_path, 0, 99).get("job", "system", "MR") is None


def test_a_damaged_file_is_measured_again(tmp_path: Path) -> None:
    cache = ResultCache(tmp_path, 0, 999)
    cache.put("job", "system", "MR", RESULTS)
    (file,) = tmp_path.rglob("*.npz")
    for content in (file.read_bytes()[:50], b"", b"no archive"):
        file.write_bytes(content)
        assert cache.get("job", "system", "MR") is None


def test_without_a_folder_nothing_is_kept() -> None:
    cache = ResultCache(None, 0, 999)
    cache.put("job", "system", "MR", RESULTS)
    assert cache.get("job", "system", "MR") is None


def test_results_have_the_name_that_the_task_has_today(tmp_path: Path) -> None:
    results = [
        *RESULTS,
        Result("similarity", "MR/news", "spearman", mean_of(np.array([1.0]))),
        Result("bias", "MRS", "p", mean_of(np.array([1.0]))),
        Result("bias", "of WEAT", "p", mean_of(np.array([1.0]))),
    ]
    cache = ResultCache(tmp_path, 0, 999)
    cache.put("job", "system", "MR", results)
    (file,) = tmp_path.rglob("*.npz")
    for name in ("films/of 2026", "", "MR", "MRS"):
        again = cache.get("job", "system", name)
        assert again is not None
        assert [each.task for each in again] == [name, name, f"{name}/news", "MRS", "of WEAT"]
    assert list(tmp_path.rglob("*.npz")) == [file]
