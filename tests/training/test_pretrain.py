"""Generative pre-training on the small source tree: it learns, it resumes to the bit, others can go on with it."""

import json
import math
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from adjoin.batches.packing import PackedStreams, pack
from adjoin.cli import main
from adjoin.corpus import find_sources, read_source
from adjoin.errors import AdjoinError
from adjoin.model.encoder import Encoder
from adjoin.model.pretrained import load_generative
from adjoin.tally import Tally
from adjoin.tokens import Tokenizer
from adjoin.training import checkpoint, pretrain
from adjoin.training.log import StepReport
from adjoin.training.pretrain import CorpusInput, sample
from adjoin.training.recipe import Recipe
from small_sources import NOUNS, function_source
from training.signalled import COMMAND, signalled

SMALL = {"vocabulary": 600, "max_tokens": 32, "batch": 16, "threads": 1, "precision": "float32"}
FEW_STEPS = Recipe.for_pretraining(steps=6, checkpoint_minutes=0.0, token_budget=200, **SMALL)


@pytest.fixture(scope="module")
def learned(source_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the source tree after some epochs."""
    out = tmp_path_factory.mktemp("learned") / "start"
    recipe = Recipe.for_pretraining(epochs=10, learning_rate=5e-3, **SMALL)
    pretrain.pretrain(CorpusInput([source_tree], workers=1), out, recipe)
    return out


def weights(model: Path) -> bytes:
    return (model / "model.safetensors").read_bytes()


def losses(out: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (out / "training" / "log.jsonl").read_text().splitlines()]


def packed_of(root: Path, tokenizer: Tokenizer, folder: Path) -> PackedStreams:
    return pack(find_sources([root], Tally()), tokenizer, folder, Tally(), workers=1)


def test_it_learns_what_stands_together(learned: Path, source_tree: Path, tmp_path: Path) -> None:
    report = json.loads((learned / "pretrain.json").read_text())
    tokenizer = Tokenizer.load(learned / "tokenizer.json")
    packed = packed_of(source_tree, tokenizer, tmp_path / "p")
    counts = Counter(packed.held_out_N.tolist())
    entropy = -sum(n / counts.total() * math.log(n / counts.total()) for n in counts.values())
    before, after = report["held_out"]["before"], report["held_out"]["after"]
    assert before["nats"] == pytest.approx(
        math.log(tokenizer.vocabulary_size), abs=0.3
    )  # nothing is known: every token as likely
    assert after["nats"] < entropy / 2  # of single tokens, in the held-out documents' own frequencies
    content = packed.content
    per_byte = after["nats"] / math.log(2) * content.held_out_tokens / content.held_out_bytes
    assert after["bits_per_byte"] == pytest.approx(per_byte, abs=1e-5)
    assert [report[name] for name in ("tokens", "documents")] == [content.tokens, content.documents]
    assert report["data"] == content.data
    assert report["steps"] == len(losses(learned))
    assert (learned / "training" / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert not (learned / "training" / "tokens").exists()


def test_the_held_out_loss_is_the_folders_own(learned: Path, source_tree: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(learned).eval()
    assert json.loads((learned / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]
    assert model.lm_head.weight is model.model.embed_tokens.weight
    stream = packed_of(source_tree, Tokenizer.load(learned / "tokenizer.json"), tmp_path / "p").held_out_N
    total = 0.0
    for first in range(0, len(stream) - 1, 32):
        ids = torch.tensor(stream[first : first + 33].astype(int))[None]
        with torch.no_grad():
            total += model(input_ids=ids, labels=ids).loss.item() * (ids.shape[1] - 1)
    report = json.loads((learned / "pretrain.json").read_text())
    assert total / (len(stream) - 1) == pytest.approx(report["held_out"]["after"]["nats"], abs=1e-4)


def test_a_contrastive_training_starts_from_it(learned: Path, pairs_folder: Path, tmp_path: Path) -> None:
    options = ["--steps", "2", "--batch", "16", "--max-tokens", "48"]
    assert main(["train", str(pairs_folder), "--init", str(learned), "--out", str(tmp_path / "m"), *options]) == 0
    encoder = Encoder.load(tmp_path / "m")
    assert encoder.encode_query(["sort a table"]).shape == (1, 128)
    assert encoder.tokenizer.to_json() == (learned / "tokenizer.json").read_text()


def test_a_checkpoint_goes_on_with_its_tokenizer(learned: Path, source_tree: Path, tmp_path: Path) -> None:
    options = {"steps": 2, "max_tokens": 32, "learning_rate": 1e-4, "threads": 1, "precision": "float32"}
    recipe = Recipe.for_pretraining(init=str(learned), **options)
    report = pretrain.pretrain(CorpusInput([source_tree], workers=1), tmp_path / "m", recipe)
    before = json.loads((learned / "pretrain.json").read_text())["held_out"]["after"]
    assert report["held_out"]["before"]["nats"] == pytest.approx(before["nats"], abs=1e-4)
    assert (tmp_path / "m" / "tokenizer.json").read_text() == (learned / "tokenizer.json").read_text()
    assert load_generative(tmp_path / "m")[0].config.hidden_size == 128


def test_resumed_equals_uninterrupted_to_the_bit(source_tree: Path, tmp_path: Path) -> None:
    class Stop(Exception):  # noqa: N818 - not an error
        pass

    def stop(report: StepReport) -> None:
        if report.step == 4:  # the checkpoint of step 3 is on the disk, this step is not
            raise Stop

    reading = CorpusInput([source_tree], workers=1)
    whole = pretrain.pretrain(reading, tmp_path / "whole", FEW_STEPS)
    with pytest.raises(Stop):
        pretrain.pretrain(reading, tmp_path / "cut", FEW_STEPS, watch=stop)
    assert not (tmp_path / "cut" / "pretrain.json").exists()
    messages: list[str] = []
    cut = pretrain.pretrain(reading, tmp_path / "cut", FEW_STEPS, resume=True, say=messages.append)
    assert "resuming after step 3" in messages
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    assert cut["held_out"] == whole["held_out"]

    pretrain.pretrain(reading, tmp_path / "cut", FEW_STEPS, resume=True)  # finished: nothing is left to do
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    with pytest.raises(AdjoinError, match="already holds a training"):
        pretrain.pretrain(reading, tmp_path / "cut", FEW_STEPS)
    with pytest.raises(AdjoinError, match="another training: roots was"):
        pretrain.pretrain(CorpusInput([source_tree / "file.py"]), tmp_path / "cut", FEW_STEPS, resume=True)


def test_other_documents_are_refused_until_they_are_what_they_were(source_tree: Path, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    shutil.copytree(source_tree, root)
    reading, out = CorpusInput([root], workers=1), tmp_path / "m"
    pretrain.pretrain(reading, out, FEW_STEPS)
    before = weights(out)
    (root / "later.py").write_text("later = 1\n")
    for _ in range(2):
        with pytest.raises(AdjoinError, match=r"another training: data was [0-9a-f]{8}, is [0-9a-f]{8}:"):
            pretrain.pretrain(reading, out, FEW_STEPS, resume=True)
    (root / "later.py").unlink()
    pretrain.pretrain(reading, out, FEW_STEPS, resume=True)
    assert weights(out) == before


def run(root: Path, out: Path, *more: str, command: str = COMMAND) -> subprocess.CompletedProcess[str]:
    recipe = out.parent / "recipe.toml"
    recipe.write_text("checkpoint_minutes = 0.0\nthreads = 1\nprecision = 'float32'\n")
    sizes = ["--steps", "10", "--vocabulary", "600", "--max-tokens", "32", "--batch", "16", "--workers", "1"]
    options = ["--out", str(out), "--recipe", str(recipe), *sizes]
    return subprocess.run(
        [sys.executable, "-c", command, "pretrain", str(root), *options, *more],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_training_keeps_to_what_it_read(sign: signal.Signals, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    for noun in NOUNS:
        (root / f"{noun}.py").write_text("\n\n".join(function_source(verb, noun) for verb in ("open", "sort")))
    killed = run(root, tmp_path / "m", command=signalled(sign, step=3))
    assert checkpoint.latest(tmp_path / "m" / "training") is not None
    if sign == signal.SIGKILL:
        assert killed.returncode == -sign
    else:
        assert killed.returncode == 130
        assert killed.stderr.strip().splitlines()[-1] == (
            "adjoin: interrupted; the same command with --resume continues after the last finished step"
        )
    whole = Recipe.for_pretraining(steps=10, checkpoint_minutes=0.0, **SMALL)
    pretrain.pretrain(CorpusInput([root], workers=1), tmp_path / "whole", whole)
    (root / "later.py").write_text("later = 1\n")  # of no matter any more
    again = run(root, tmp_path / "m", "--resume")
    assert again.returncode == 0, again.stderr
    assert weights(tmp_path / "m") == weights(tmp_path / "whole")
    assert f"adjoin train PAIRS --init {tmp_path / 'm'}" in again.stdout
    assert "tokens/s" in again.stdout
    assert "pairs/s" not in again.stdout


def test_files_that_change_between_vocabulary_and_tokens_are_told(
    source_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "in"
    shutil.copytree(source_tree, root)
    learn, messages = pretrain.Tokenizer.train, []

    def changing(*given: Any, **named: Any) -> Any:  # noqa: ANN401
        (root / "guide.md").write_text((root / "guide.md").read_text() + "More of it.\n")
        return learn(*given, **named)

    monkeypatch.setattr(pretrain.Tokenizer, "train", changing)
    pretrain.pretrain(pretrain.CorpusInput([root], workers=1), tmp_path / "m", FEW_STEPS, say=messages.append)
    assert f"1 files changed while they were read, such as {root / 'guide.md'}" in messages


def test_the_vocabulary_is_learned_from_all_over_the_corpus(source_tree: Path) -> None:
    sources = find_sources([source_tree], Tally())
    everything = [document.text for source in sources for document in read_source(source, Tally())]
    assert list(sample(sources, 1 << 30)) == everything
    size = sum(source.path.stat().st_size for source in sources)
    some = "".join(sample(sources, size // 4))
    assert size // 5 < len(some) < size // 2
    assert "open_cache" in some
    assert "open_socket" in some


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    return message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--preset", "static"], "adjoin: --preset static is a table, no language model"),
        (["--preset", "huge"], "unknown preset 'huge'"),
        (["--workers", "0"], "--workers 0: expected 1 or more"),
        (["--batch", "100000"], "do not fill one batch of 100,000"),
        (["--init", "/nowhere"], "no checkpoint at /nowhere"),
        (["--exclude", "*"], "no text in"),
    ],
)
def test_wrong_options_are_one_line(
    options: list[str], message: str, source_tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--out", str(tmp_path / "m"), "--vocabulary", "600", "--workers", "1"]
    assert main(["pretrain", str(source_tree), *common, *options]) == 1
    assert message in one_line(capsys)


def test_what_cannot_be_read_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "corpus").mkdir()
    out = ["--out", str(tmp_path / "m")]
    assert main(["pretrain", str(tmp_path / "corpus"), *out]) == 1
    assert "no text in" in one_line(capsys)
    (tmp_path / "corpus" / "empty.py").write_text("\n")
    assert main(["pretrain", str(tmp_path / "corpus"), *out]) == 1
    assert "0 documents to read, expected 2 or more" in one_line(capsys)
    assert main(["pretrain", str(tmp_path / "nothing"), *out]) == 1
    assert "no such file or folder" in one_line(capsys)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.safetensors").write_text("")
    assert main(["pretrain", str(tmp_path / "corpus"), "--out", str(tmp_path / "other")]) == 1
    assert "not ours" in one_line(capsys)


def test_options_of_contrastive_trainings_are_refused() -> None:
    with pytest.raises(AdjoinError, match="lora, token_dropout: for `adjoin train` only"):
        Recipe.for_pretraining(lora=4, token_dropout=0.1)
    recipe = Recipe.for_pretraining()
    assert (recipe.preset, recipe.epochs, recipe.max_tokens) == ("nano", 1.0, 256)
    assert Recipe.for_pretraining(learning_rate=0.5).learning_rate == 0.5
    assert Recipe.for_pretraining(optimizer="muon") == Recipe.with_defaults(
        preset="nano", optimizer="muon", max_tokens=256
    )
