"""Models that were trained apart become one; what does not belong together is refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from adjoin import Encoder
from adjoin.cli import main
from adjoin.errors import AdjoinError
from adjoin.model.ensemble import make_ensemble
from adjoin.model.quantization import quantize
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe

TEXTS = ["open a file", "def close(handle): handle.close()"]


def trained(pairs: Path, out: Path, seed: int, **options: object) -> Path:
    given = {"dimension": 32, "hidden": 8, "vocabulary": 600, "batch": 32, "steps": 4, **options}
    train(pairs, out, Recipe.with_defaults(seed=seed, **given))
    return out


@pytest.fixture(scope="module")
def models(pairs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("models")
    return [trained(pairs_folder, folder / str(seed), seed) for seed in range(2)]


def test_a_joined_model_is_both(models: list[Path], tmp_path: Path) -> None:
    description = make_ensemble(models, tmp_path / "both")
    first, second = (Encoder.load(model) for model in models)
    both = Encoder.load(tmp_path / "both")
    assert both.dimension == description.dimension == 64
    assert both.description.tau == pytest.approx((first.description.tau + second.description.tau) / 2)
    assert len(both.description.training["joined"]) == 2
    vectors = both.encode_document(TEXTS)
    np.testing.assert_allclose(vectors[:, :32] * 2**0.5, first.encode_document(TEXTS), atol=1e-5)
    np.testing.assert_allclose(vectors[:, 32:] * 2**0.5, second.encode_document(TEXTS), atol=1e-5)
    truncated = both.encode_document(TEXTS, truncate_dim=32)
    np.testing.assert_allclose(truncated, first.encode_document(TEXTS), atol=1e-5)
    assert Encoder.load_untrained(tmp_path / "both").dimension == 32  # as each of them began


def test_it_is_packed_and_trained_on_as_any_other(models: list[Path], pairs_folder: Path, tmp_path: Path) -> None:
    make_ensemble(models, tmp_path / "both")
    assert quantize(tmp_path / "both", tmp_path / "small").cosine > 0.999
    before = Encoder.load(tmp_path / "small").encode_query(TEXTS)
    train(pairs_folder, tmp_path / "on", Recipe.with_defaults(init=str(tmp_path / "small"), batch=32, steps=2))
    after = Encoder.load(tmp_path / "on").encode_query(TEXTS)
    assert after.shape == before.shape == (2, 64)
    assert 0.5 < (before * after).sum(axis=1).min() < 0.99999


def test_what_does_not_belong_together_is_refused(models: list[Path], pairs_folder: Path, tmp_path: Path) -> None:
    narrow = trained(pairs_folder, tmp_path / "narrow", 0, dimension=16)
    coarse = trained(pairs_folder, tmp_path / "coarse", 0, vocabulary=520)
    shutil.copytree(models[0], tmp_path / "none")
    (tmp_path / "none" / "adjoin.json").unlink()
    for second, message in (
        (narrow, "other sizes"),
        (coarse, "another tokenizer"),
        (tmp_path / "none", "is not a static model"),
    ):
        with pytest.raises(AdjoinError, match=message):
            make_ensemble([models[0], second], tmp_path / "out")
    with pytest.raises(AdjoinError, match="two or more"):
        make_ensemble(models[:1], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_verb_says_what_it_made(
    models: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["model", "ensemble", *map(str, models), "--out", str(tmp_path / "both")]) == 0
    assert "an ensemble of 2 models, dimension 64" in " ".join(capsys.readouterr().out.split())
