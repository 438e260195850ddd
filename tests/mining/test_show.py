from pathlib import Path

import numpy as np
import pytest

from adjoin.cli import main
from adjoin.errors import AdjoinError
from adjoin.mining.show import draw_lengths, lengths_of, samples_of
from adjoin.pairs.dataset import PairDataset


def test_lengths_are_those_of_the_texts(pairs_folder: Path) -> None:
    dataset = PairDataset.open(pairs_folder)
    rows = next(dataset.batches(["x", "y", "kind"]))
    lengths = {item.what: item for item in lengths_of(dataset)}
    code = lengths["docstring-function python"]
    expected = [len(x) for x, kind in zip(rows["x"], rows["kind"], strict=True) if kind == "docstring-function"]
    assert code.x.tolist() == expected
    assert sum(len(item.y) for item in lengths.values()) == len(dataset)


def test_samples_are_drawn_by_seed_and_kind(pairs_folder: Path) -> None:
    dataset = PairDataset.open(pairs_folder)
    drawn = samples_of(dataset, 7, 1, kind="docstring-function", language="python")
    assert drawn == samples_of(dataset, 7, 1, kind="docstring-function", language="python")
    assert drawn != samples_of(dataset, 7, 2, kind="docstring-function", language="python")
    assert {row["kind"] for row in drawn} == {"docstring-function"}
    rows = next(dataset.batches(["x", "y", "origin"]))
    assert {(row["x"], row["y"], row["origin"]) for row in drawn} <= set(zip(*rows.values(), strict=True))
    assert len(samples_of(dataset, 10_000, 0)) == len(dataset)
    with pytest.raises(AdjoinError, match="no pair of kind '' and language 'cobol'"):
        samples_of(dataset, 1, 0, language="cobol")


@pytest.mark.slow
def test_the_picture_has_a_row_for_each_kind(pairs_folder: Path, tmp_path: Path) -> None:
    from matplotlib.image import imread

    lengths = lengths_of(PairDataset.open(pairs_folder))
    draw_lengths(lengths, tmp_path / "all.png")
    draw_lengths(lengths[:1], tmp_path / "one.png")
    whole, one = imread(tmp_path / "all.png"), imread(tmp_path / "one.png")
    assert whole.shape[0] > one.shape[0] > 100
    assert np.ptp(whole[..., :3]) > 0.5


def test_on_the_command_line(pairs_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "lengths.png"
    assert main(["pairs", "show", str(pairs_folder), "--number", "2", "--picture", str(picture)]) == 0
    output = capsys.readouterr().out
    assert picture.exists()
    assert output.count("╭") == 2
    for word in ("docstring-function python", "Lengths in characters", "functions", "50%"):
        assert word in output
    assert main(["pairs", "show", str(tmp_path), "--picture", str(picture)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_without_matplotlib_the_pairs_are_shown_and_no_picture(
    pairs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("adjoin.cli.mining_verbs.find_spec", lambda name: None)
    assert main(["pairs", "show", str(pairs_folder), "--number", "1"]) == 0
    assert "it needs matplotlib" in capsys.readouterr().out
