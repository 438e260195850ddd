"""Hostile input by the command line: one line on standard error, a non-zero exit, nothing lost."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from adjoin.cli import main
from patience import wait_until

COMMAND = "import sys; from adjoin.cli import main; sys.exit(main(sys.argv[1:]))"
SMALL = ["--dimension", "8", "--batch", "16", "--vocabulary", "600", "--steps", "2"]


@pytest.fixture(scope="module")
def model(pairs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small static model."""
    out = tmp_path_factory.mktemp("models") / "model"
    assert main(["train", str(pairs_folder), "--out", str(out), *SMALL]) == 0
    return out


def one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must fail, and return its error message."""
    capsys.readouterr()
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("adjoin: ")
    assert error.count("\n") == 1
    return error


def edited(folder: Path, place: Path, file: str, **changes: object) -> Path:
    """A copy of a folder with other values in one of its JSON files."""
    shutil.copytree(folder, place)
    content = json.loads((place / file).read_text()) | changes
    (place / file).write_text(json.dumps({name: value for name, value in content.items() if value is not ...}))
    return place


@pytest.mark.parametrize(
    "arguments", [["train", "p", "--out", "o", "--epochs", "many"], ["mine", "p", "--out", ""]]
)
def test_wrong_usage_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    "changes",
    [{"shards": ...}, {"shards": 5}, {"shards": [5]}, {"hash": 5}, {"shards": [{"file": "a", "rows": "many"}]}],
)
def test_a_damaged_manifest(
    changes: dict[str, object], pairs_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = edited(pairs_folder, tmp_path / "pairs", "manifest.json", **changes)
    assert "is damaged" in one_line(["train", str(pairs), "--out", str(tmp_path / "out")], capsys)


@pytest.mark.parametrize("damage", ["column", "type", "null", "rows"])
def test_a_shard_that_is_not_ours(
    damage: str, pairs_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = shutil.copytree(pairs_folder, tmp_path / "pairs")
    path = pairs / "pairs-00000.parquet"
    table = pyarrow.parquet.read_table(path)
    changed = {
        "column": lambda: table.drop(["group"]),
        "type": lambda: table.set_column(0, "x", pyarrow.array(range(len(table)))),
        "null": lambda: table.set_column(0, "x", pyarrow.array([None] * len(table), pyarrow.string())),
        "rows": lambda: table.slice(0, 40),
    }[damage]()
    pyarrow.parquet.write_table(changed, path)
    assert "cannot be read" in one_line(["train", str(pairs), "--out", str(tmp_path / "out"), *SMALL], capsys)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_tokens": "x"}, "max_tokens is 'x', expected int"),
        ({"start": []}, "start is"),
        ({"kind": "banana"}, "kind is 'banana'"),
    ],
)
def test_a_damaged_description(
    changes: dict[str, object], message: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "t.txt"
    texts.write_text("a graph\n")
    damaged = edited(model, tmp_path / "m", "adjoin.json", **changes)
    assert message in one_line(["embed", str(damaged), str(texts), "--out", str(tmp_path / "o")], capsys)


def test_a_tokenizer_of_another_model(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    last = max(vocabulary, key=lambda token: int(vocabulary[token]))
    other = edited(
        model, tmp_path / "m", "tokenizer.json", model=tokenizer["model"] | {"vocab": vocabulary | {last: 99_999}}
    )
    (tmp_path / "t.txt").write_text("a graph\n")
    message = one_line(["embed", str(other), str(tmp_path / "t.txt"), "--out", str(tmp_path / "o")], capsys)
    assert "not of one model" in " ".join(message.split())


def test_embed_does_not_overwrite_its_input(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "ids.jsonl"
    texts.write_text('{"_id": "a", "text": "precious"}\n')
    assert "holds the input" in one_line(["embed", str(model), str(texts), "--out", str(tmp_path)], capsys)
    assert "precious" in texts.read_text()


def test_half_a_surrogate_pair_is_text_like_any(model: Path, tmp_path: Path) -> None:
    texts = tmp_path / "t.jsonl"
    texts.write_text('{"_id": "a", "text": "open \\ud800 file"}\n')
    assert main(["embed", str(model), str(texts), "--out", str(tmp_path / "out")]) == 0


def test_json_too_deep_to_parse(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = tmp_path / "t.jsonl"
    texts.write_text("[" * 100_000)
    assert "is not JSON" in one_line(["embed", str(model), str(texts), "--out", str(tmp_path / "o")], capsys)


def test_train_refuses_a_folder_with_another_model(
    pairs_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.safetensors").write_text("precious")
    message = one_line(["train", str(pairs_folder), "--out", str(tmp_path), *SMALL], capsys)
    assert "would be overwritten" in message
    assert (tmp_path / "model.safetensors").read_text() == "precious"


def test_a_tokenizer_without_a_checkpoint_is_not_taken_over(
    pairs_folder: Path, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "out" / "training").mkdir(parents=True)
    (tmp_path / "out" / "tokenizer.json").write_text("half-written")
    assert main(["train", str(pairs_folder), "--out", str(tmp_path / "out"), *SMALL]) == 0
    assert (tmp_path / "out" / "tokenizer.json").read_bytes() == (model / "tokenizer.json").read_bytes()


def test_names_with_brackets_are_no_markup(pairs_folder: Path, tmp_path: Path) -> None:
    assert main(["train", str(pairs_folder), "--out", str(tmp_path / "a[/b] :bug:"), *SMALL]) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_output_that_cannot_be_written(source_tree: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", COMMAND, "mine", str(source_tree), "--workers", "1", "--out"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*command, str(tmp_path / "a")], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("adjoin: No space left on device")
    assert done.stderr.count("\n") == 1
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*command, str(tmp_path / "b")], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.slow
def test_a_terminal_without_greek_letters(pairs_folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", COMMAND, "train", str(pairs_folder), "--out", str(tmp_path / "m"), *SMALL]
    done = subprocess.run(command, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_while_workers_start(tmp_path: Path) -> None:
    many = tmp_path / "in"
    many.mkdir()
    for i in range(4000):
        (many / f"m{i}.py").write_text(f'def f{i}(a):\n    """Return number {i}."""\n    return a\n')
    command = [
        sys.executable,
        "-c",
        COMMAND,
        "mine",
        str(many),
        "--out",
        str(tmp_path / "pairs"),
        "--workers",
        "4",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    # The workers are started next, and import for a second.
    wait_until(lambda: bool(list(tmp_path.glob(".pairs.*"))), process)
    time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, error = process.communicate()
    assert process.returncode == 130
    assert error.count("\n") == 1
