"""Known figures come back as they were, and never for something else."""

from pathlib import Path

import numpy as np

from adjoin.evaluation.bootstrap import mean_of
from adjoin.evaluation.result import Finding
from adjoin.evaluation.result_cache import KnownFindings

FINDINGS = [
    Finding("probe", "MR", "accuracy", mean_of(np.array([1.0, 0.0, 1.0])), ("a note", "another")),
    Finding("probe", "MR", "knn", mean_of(np.array([0.0, 0.0, 1.0]))),
]


def same(found: list[Finding] | None, expected: list[Finding]) -> bool:
    if found is None:
        return False
    return all(
        (a.key, a.notes, a.estimate.value, a.estimate.n) == (b.key, b.notes, b.estimate.value, b.estimate.n)
        and (a.estimate.replicates == b.estimate.replicates).all()
        for a, b in zip(found, expected, strict=True)
    )


def test_what_was_kept_is_found(tmp_path: Path) -> None:
    known = KnownFindings(tmp_path, 0, 999)
    assert known.find("job", "system") is None
    known.keep("job", "system", FINDINGS)
    assert same(known.find("job", "system"), FINDINGS)
    assert same(KnownFindings(tmp_path, 0, 999).find("job", "system"), FINDINGS)


def test_other_data_systems_and_settings_are_not_known(tmp_path: Path) -> None:
    KnownFindings(tmp_path, 0, 999).keep("job", "system", FINDINGS)
    assert KnownFindings(tmp_path, 0, 999).find("other", "system") is None
    assert KnownFindings(tmp_path, 0, 999).find("job", "other") is None
    assert KnownFindings(tmp_path, 1, 999).find("job", "system") is None
    assert KnownFindings(tmp_path, 0, 99).find("job", "system") is None


def test_a_damaged_file_is_measured_again(tmp_path: Path) -> None:
    known = KnownFindings(tmp_path, 0, 999)
    known.keep("job", "system", FINDINGS)
    (file,) = tmp_path.rglob("*.npz")
    for content in (file.read_bytes()[:50], b"", b"no archive"):
        file.write_bytes(content)
        assert known.find("job", "system") is None


def test_without_a_folder_nothing_is_kept() -> None:
    known = KnownFindings(None, 0, 999)
    known.keep("job", "system", FINDINGS)
    assert known.find("job", "system") is None
