"""Two trainings that would write to one place, and data that is replaced while it is read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from adjoin.batches import tokenizing
from adjoin.errors import AdjoinError
from adjoin.mining import Engine, MiningOptions, mine
from adjoin.model.encoder import Encoder
from adjoin.pairs.dataset import PairDataset
from adjoin.training.contrast import train
from adjoin.training.log import StepReport
from adjoin.training.recipe import Recipe

COMMAND = "import sys; from adjoin.cli import main; sys.exit(main(sys.argv[1:]))"
SIZES = {"dimension": 8, "batch": 16, "vocabulary": 600, "max_tokens": 32, "threads": 1}
OPTIONS = ["--dimension", "8", "--batch", "16", "--vocabulary", "600", "--max-tokens", "32", "--threads", "1"]


def recipe(steps: int, max_tokens: int = 32) -> Recipe:
    return Recipe.with_defaults(preset="static", steps=steps, **{**SIZES, "max_tokens": max_tokens})


def second(pairs: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", COMMAND, "train", str(pairs), *OPTIONS, "--steps", "9", *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("more", [[], ["--resume"]])
def test_the_second_is_refused_and_the_first_goes_on(more: list[str], pairs_folder: Path, tmp_path: Path) -> None:
    out, ends = tmp_path / "m", []

    def watch(report: StepReport) -> None:
        if report.step == 1:
            before = files(out)
            ends.append(second(pairs_folder, "--out", str(out), *more))
            assert files(out) == before

    train(pairs_folder, out, recipe(3), watch=watch)
    (done,) = ends
    assert done.returncode == 1
    assert done.stderr.startswith(f"adjoin: another process is writing to {out}: wait")
    assert done.stderr.count("\n") == 1
    train(pairs_folder, tmp_path / "alone", recipe(3))
    assert (out / "model.safetensors").read_bytes() == (tmp_path / "alone" / "model.safetensors").read_bytes()
    assert sorted(path.name for path in out.iterdir()) == sorted(p.name for p in (tmp_path / "alone").iterdir())


def test_tokens_are_not_rebuilt_under_a_training_that_reads_them(pairs_folder: Path, tmp_path: Path) -> None:
    tokens, ends = tmp_path / "tokens", []

    def watch(report: StepReport) -> None:
        if report.step == 1:
            with pytest.raises(AdjoinError, match=r"another process is using .*tokens, which would"):
                train(pairs_folder, tmp_path / "other", recipe(2, max_tokens=16), tokens=tokens)
            train(pairs_folder, tmp_path / "same", recipe(2), tokens=tokens)
            ends.append(report.step)

    train(pairs_folder, tmp_path / "m", recipe(3), tokens=tokens, watch=watch)
    assert ends == [1]
    assert not (tokens / "lock").exists()


def test_tokens_half_deleted_are_made_again(pairs_folder: Path, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    train(pairs_folder, tmp_path / "m", recipe(2), tokens=tokens)
    whole = files(tokens)
    (tokens / "x_ids.npy").unlink()
    (tokens / "counts.npy").write_bytes(b"cut")
    train(pairs_folder, tmp_path / "n", recipe(2), tokens=tokens)
    assert files(tokens) == whole


def test_tokens_among_other_files_are_refused(pairs_folder: Path, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    (tokens / "rows-00000.npy").write_text("ours, perhaps")
    (tokens / "notes.txt").write_text("precious")
    with pytest.raises(AdjoinError, match=r"something else than a token cache, notes.txt"):
        train(pairs_folder, tmp_path / "m", recipe(2), tokens=tokens)
    assert sorted(path.name for path in tokens.iterdir()) == ["notes.txt", "rows-00000.npy"]


def replaced(pairs: Path, source: Path, how: str) -> None:
    """Replace a dataset by one with as many pairs."""
    if how == "shard":
        shard = pairs / "pairs-00000.parquet"
        mine([source], pairs.with_name("new"), MiningOptions(), engine=Engine(workers=1))
        shard.write_bytes((pairs.with_name("new") / shard.name).read_bytes())
    else:
        mine([source], pairs, MiningOptions(), engine=Engine(workers=1))


@pytest.mark.parametrize("how", ["shard", "dataset"])
def test_pairs_that_are_replaced_while_they_are_read(
    how: str, source_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, pairs = tmp_path / "in", tmp_path / "pairs"
    source.mkdir()
    for path in source_tree.iterdir():
        (source / path.name).write_text(path.read_text())
    mine([source], pairs, MiningOptions(), engine=Engine(workers=1))
    for path in source.glob("*.py"):
        path.write_text(path.read_text().replace("return", "return  not"))
    build = tokenizing.Writer.append

    def append(self: tokenizing.Writer, part: tokenizing.TokenizedPart) -> None:
        build(self, part)
        replaced(pairs, source, how)

    monkeypatch.setattr(tokenizing.Writer, "append", append)
    message = "is not the one that manifest.json describes" if how == "shard" else "changed while it was read"
    with pytest.raises(AdjoinError, match=message):
        train(pairs, tmp_path / "m", recipe(2))
    assert not list((tmp_path / "m" / "training").glob("step-*"))


def test_a_dataset_that_stays_the_same(pairs_folder: Path) -> None:
    PairDataset.open(pairs_folder).check_unchanged()


def test_a_model_that_is_replaced_after_it_was_loaded(pairs_folder: Path, tmp_path: Path) -> None:
    train(pairs_folder, tmp_path / "m", recipe(2))
    train(pairs_folder, tmp_path / "n", recipe(3))
    loaded = Encoder.load(tmp_path / "m")
    known = Encoder.load(tmp_path / "m").fingerprint
    for name in ("model.safetensors", "tokenizer.json"):
        (tmp_path / "n" / name).replace(tmp_path / "m" / name)
    with pytest.raises(AdjoinError, match=r"m changed since it was loaded: load it again"):
        _ = loaded.fingerprint
    assert Encoder.load(tmp_path / "m").fingerprint != known


def test_a_finished_training_with_litter_of_a_kill_is_cleaned(pairs_folder: Path, tmp_path: Path) -> None:
    """Killed amid the last deletions: the model is there, and so are parts of tokens and snapshots."""
    out = tmp_path / "m"
    train(pairs_folder, out, recipe(2))
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*"))
    tokens = out / "training" / "tokens"
    tokens.mkdir()
    (tokens / "cache.json").write_text(json.dumps({"complete": True}))
    (out / "training" / "snapshot").mkdir()
    (out / "training" / ".tokens.abcd1234.unfinished").mkdir()
    (out / ".model.safetensors.abcd1234.unfinished").mkdir()
    (out / "lock").touch()
    train(pairs_folder, out, recipe(2), resume=True)
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*")) == names
