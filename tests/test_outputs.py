"""Where a verb writes: what `--out` may be, for every verb the same, and one writer at a time."""

import os
import shutil
import socket
from pathlib import Path

import pytest

from adjoin.cli import main
from adjoin.errors import AdjoinError
from adjoin.locks import LOCK, exclusive, exclusive_beside, in_use
from adjoin.outputs import Owner, checked_folder, filled_folder, replaced_folder

SMALL = ["--dimension", "8", "--batch", "16", "--vocabulary", "600", "--steps", "2"]
THINGS = Owner("a folder of things", r"thing\d+|mark", "mark")
Verbs = dict[str, list[str]]
RECIPE = """
about = "a small one"
[corpus]
recipe = "corpus.toml"
licences = ["permissive"]
[train]
steps = 1
[report]
suites = ["retrieval"]
beside = ["bm25"]
"""


@pytest.fixture(scope="module")
def model(pairs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small static model, without its training."""
    out = tmp_path_factory.mktemp("models") / "model"
    assert main(["train", str(pairs_folder), "--out", str(out), *SMALL]) == 0
    shutil.rmtree(out / "training")
    return out


@pytest.fixture(scope="module")
def verbs(source_tree: Path, pairs_folder: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Verbs:
    """The verbs that write a folder, up to the name of that folder."""
    base = tmp_path_factory.mktemp("inputs")
    (base / "t.txt").write_text("one\ntwo\n")
    data = base / "data" / "retrieval" / "small"
    (data / "qrels").mkdir(parents=True)
    (data / "corpus.jsonl").write_text('{"_id": "d", "text": "a"}\n{"_id": "e", "text": "b"}\n')
    (data / "queries.jsonl").write_text('{"_id": "q", "text": "a"}\n')
    (data / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\td\t1\n")
    evaluate = ["evaluate", "bm25", "--data", str(base / "data"), "--no-cache", "--beside", "random", "--report"]
    for name in ("one", "two"):
        assert main([*evaluate, str(base / name)]) == 0
    recipes = Path(__file__).parents[1] / "recipes" / "corpora"
    shutil.copy(recipes / "dictionaries.toml", base / "corpus.toml")
    (base / "recipe.toml").write_text(RECIPE)
    return {
        "collect": ["collect", str(base / "corpus.toml"), "--out"],
        "reproduce": ["reproduce", str(base / "recipe.toml"), "--data", str(base / "data"), "--out"],
        "compare": ["compare", str(base / "one"), str(base / "two"), "--report"],
        "mine": ["mine", str(source_tree), "--workers", "1", "--out"],
        "train": ["train", str(pairs_folder), *SMALL, "--out"],
        "pretrain": ["pretrain", str(source_tree), "--steps", "1", "--vocabulary", "600", "--out"],
        "embed": ["embed", str(model), str(base / "t.txt"), "--out"],
        "pack": ["model", "pack", str(model), "--out"],
        "ensemble": ["model", "ensemble", str(model), str(model), "--out"],
        "grow": ["model", "grow", str(model), "--layers", "3", "--dimension", "128", "--out"],
        "index": ["index", str(source_tree), "--model", str(model), "--out"],
        "evaluate": evaluate,
        "adapt": ["adapt", str(source_tree), "--model", str(model), "--out"],
        "demo": ["demo", "--out"],
    }


REPLACING = ("mine", "collect", "pack", "ensemble", "grow")
SHARING = ("index", "evaluate", "compare")  # their folder may hold other files
FILLING = ("train", "pretrain", "embed", "adapt", "demo", "reproduce")
VERBS = (*REPLACING, *SHARING, *FILLING)


def refused(command: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(command) == 1
    error = capsys.readouterr().err
    assert error.startswith("adjoin: ")
    assert error.count("\n") == 1
    return error


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_no_folder_is_refused(
    verb: str, verbs: Verbs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").write_text("precious")
    (tmp_path / "to-file").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(tmp_path)  # the name of a socket is short
        try:
            server.bind("socket")
        finally:
            os.chdir(here)
        before = sorted(tmp_path.iterdir())
        for out, message in {
            tmp_path / "loop": "Too many levels of symbolic links",
            tmp_path / "one": "Too many levels of symbolic links",
            tmp_path / "loop" / "below": "Too many levels of symbolic links",
            tmp_path / "dangling": "is a link to",
            tmp_path / "file": "is a file, expected a folder",
            tmp_path / "to-file": "is a file, expected a folder",
            tmp_path / "file" / "below": "Not a directory",
            tmp_path / "pipe": "is a named pipe, expected a folder",
            tmp_path / "socket": "is a socket, expected a folder",
            Path("/dev/null"): "is a device, expected a folder",
            tmp_path / ("n" * 256): "File name too long",
        }.items():
            error = refused([*verbs[verb], str(out)], capsys)
            own = verb in ("evaluate", "compare") and "cannot write to --report" in error
            assert message in error or own, out
        assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("verb", [*REPLACING, *FILLING])
def test_a_folder_with_other_files_is_left_alone(
    verb: str, verbs: Verbs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "project"
    (out / "tables").mkdir(parents=True)
    for name in ("manifest.json", "index.json", "notes.txt", "tables/t.csv"):
        (out / name).write_text("{}")
    before = sorted(out.rglob("*"))
    assert "holds something else than" in refused([*verbs[verb], str(out)], capsys)
    assert sorted(out.rglob("*")) == before
    assert sorted(tmp_path.iterdir()) == [out]


def test_an_index_among_other_files_deletes_none(verbs: Verbs, tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "t.csv").write_text("precious")
    (tmp_path / "index.json").write_text("precious")
    assert main([*verbs["index"], str(tmp_path)]) == 0
    assert (tmp_path / "tables" / "t.csv").read_text() == (tmp_path / "index.json").read_text() == "precious"


@pytest.mark.parametrize("verb", VERBS)
def test_a_second_writer_is_refused(
    verb: str, verbs: Verbs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    hold = exclusive_beside if verb in REPLACING else exclusive
    with hold(out):
        before = sorted(tmp_path.rglob("*"))
        assert f"another process is writing to {out}: wait" in refused([*verbs[verb], str(out)], capsys)
        assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("verb", ["mine", "train", "embed", "pack", "index", "evaluate"])
def test_a_link_to_a_folder_is_followed(verb: str, verbs: Verbs, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "real")
    for _ in range(1 if verb == "train" else 2):
        assert main([*verbs[verb], f"{tmp_path / 'link'}/"]) == 0
    assert (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "link"]
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["real"], "no litter, no lock"
    assert any((tmp_path / "disk" / "real").iterdir())


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")
def test_another_file_system(verbs: Verbs, tmp_path: Path) -> None:
    folder = Path("/dev/shm") / f"adjoin-{os.getpid()}"
    folder.mkdir()
    try:
        (tmp_path / "link").symlink_to(folder / "pairs")
        (folder / "pairs").mkdir()
        for _ in range(2):
            assert main([*verbs["mine"], str(tmp_path / "link")]) == 0
        assert [path.name for path in folder.iterdir()] == ["pairs"]
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("where", [".", "in", "in/sub/.."])
def test_the_input_is_not_overwritten(where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in"
    (source / "sub").mkdir(parents=True)
    (source / "a.py").write_text('def f(a):\n    """Return the sum of all numbers."""\n    return sum(a)\n')
    out = str(tmp_path / where)
    for verb in (["mine"], ["pretrain"], ["embed", "text"], ["index"], ["adapt"]):
        error = refused([*verb, str(source), "--out", out], capsys)
        assert "the input" in error or "holds something else" in error
    assert sorted(path.name for path in source.iterdir()) == ["a.py", "sub"]


def test_an_output_in_its_input_is_not_read(source_tree: Path, tmp_path: Path) -> None:
    root = tmp_path / "in"
    shutil.copytree(source_tree, root)
    command = ["mine", str(root), "--workers", "1", "--out"]
    assert main([*command, str(tmp_path / "beside")]) == 0
    for _ in range(2):
        assert main([*command, str(root / "pairs")]) == 0
        for path in (tmp_path / "beside").iterdir():
            assert (root / "pairs" / path.name).read_bytes() == path.read_bytes(), path.name
    assert main([*command, str(root / "pairs"), "--verify"]) == 0
    assert sorted(path.name for path in root.iterdir() if path.name.startswith(".")) == []


def test_a_dataset_is_not_mined_over_itself(
    pairs_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = shutil.copytree(pairs_folder, tmp_path / "pairs")
    before = sorted(path.name for path in pairs.iterdir())
    assert "is the input" in refused(["mine", str(pairs), "--out", str(pairs)], capsys)
    shard = str(pairs / "pairs-00000.parquet")
    assert "holds the input" in refused(["mine", shard, "--out", str(pairs)], capsys)
    (pairs / "notes.txt").write_text("precious")
    assert "notes.txt" in refused(["mine", str(pairs_folder), "--out", str(pairs)], capsys)
    assert sorted(path.name for path in pairs.iterdir()) == sorted([*before, "notes.txt"])


def test_a_model_is_not_packed_over_its_training(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = shutil.copytree(model, tmp_path / "trained")
    (trained / "training").mkdir()
    assert "training" in refused(["model", "pack", str(model), "--out", str(trained)], capsys)
    assert "is the input" in refused(["model", "pack", str(trained), "--out", str(trained)], capsys)
    assert (trained / "training").is_dir()


def test_a_report_does_not_lie_in_its_data(
    verbs: Verbs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = Path(verbs["evaluate"][3])
    for report in (data, data / "report", data / "retrieval" / "small"):
        assert "lies in the input" in refused([*verbs["evaluate"], str(report)], capsys)
    assert sorted(path.name for path in data.iterdir()) == ["retrieval"]


def test_an_owner_knows_its_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    THINGS.check(out)
    out.mkdir()
    THINGS.check(out)
    (out / LOCK).touch()
    (out / ".thing1.abcd1234.unfinished").touch()
    THINGS.check(out)
    (out / "thing1").touch()
    with pytest.raises(AdjoinError, match=r"out holds something else than a folder of things, thing1: choose"):
        THINGS.check(out)
    (out / "mark").touch()
    THINGS.check(out)
    for number in range(5):
        (out / f"note {number}").touch()
    with pytest.raises(AdjoinError, match=r"things, note 0, note 1, note 2 and 2 more: choose another --out"):
        THINGS.check(out)


def test_held_folders_leave_no_lock(tmp_path: Path) -> None:
    with replaced_folder(tmp_path / "a", THINGS) as folder:
        assert folder == tmp_path / "a"
        assert (tmp_path / ".a.lock").exists()
    with filled_folder(tmp_path / "b", THINGS) as folder:
        assert (folder / LOCK).exists()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".a.lock").write_text("of a killed process")
    with replaced_folder(tmp_path / "a", THINGS):
        pass
    assert list(tmp_path.iterdir()) == []


def test_readers_keep_a_writer_away_and_not_each_other(tmp_path: Path) -> None:
    with in_use(tmp_path) as first:
        with first.writing(), pytest.raises(AdjoinError, match="another process is writing to"), in_use(tmp_path):
            pass
        with (
            in_use(tmp_path) as second,
            pytest.raises(AdjoinError, match=r"another process is using .*: wait"),
            second.writing(),
        ):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("precious")
    (tmp_path / LOCK).symlink_to(tmp_path / "target")
    with pytest.raises(AdjoinError, match=r"lock is not the file of a lock"), exclusive(tmp_path):
        pass
    assert (tmp_path / "target").read_text() == "precious"


def test_a_place_that_does_not_exist_yet(tmp_path: Path) -> None:
    assert checked_folder(tmp_path / "a" / "b", inputs=[tmp_path]) == tmp_path / "a" / "b"
    assert list(tmp_path.iterdir()) == []
