"""The whole journey by the command line, on the small source tree: mine, train, evaluate, embed, index, search."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from adjoin.cli import main
from adjoin.evaluation import RetrievalTask, write_task
from adjoin.pairs.dataset import PairDataset
from patience import wait_until

COMMAND = "import sys; from adjoin.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture(scope="module")
def journey(source_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pairs/, model/, eval/tree, repo/ and repo/.adjoin, made by the verbs alone."""
    root = tmp_path_factory.mktemp("journey")
    shutil.copytree(source_tree, root / "repo")
    assert main(["mine", str(root / "repo"), "--out", str(root / "pairs"), "--workers", "1"]) == 0
    options = ["--dimension", "64", "--batch", "32", "--vocabulary", "600", "--epochs", "20"]
    assert main(["train", str(root / "pairs"), "--out", str(root / "model"), *options]) == 0
    rows = next(PairDataset.open(root / "pairs").batches(["x", "y", "kind"]))
    functions = [i for i, kind in enumerate(rows["kind"]) if kind == "docstring-function"]
    task = RetrievalTask(
        name="tree",
        document_ids=[f"d{i}" for i in functions],
        documents=[rows["y"][i] for i in functions],
        query_ids=[f"q{i}" for i in functions],
        queries=[rows["x"][i] for i in functions],
        relevant=[{place: 1.0} for place in range(len(functions))],
        languages=["python"] * len(functions),
    )
    write_task(root / "eval" / "tree", task)
    assert main(["index", str(root / "repo"), "--model", str(root / "model")]) == 0
    return root


def test_evaluate_reports_model_and_baselines(journey: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = journey / "report"
    places = ["--data", str(journey / "eval"), "--report", str(report), "--cache", str(journey / "cache")]
    assert main(["evaluate", str(journey / "model"), *places]) == 0
    content = json.loads((report / "report.json").read_text())
    assert set(content["baselines"]) == {"untrained", "bm25", "hybrid 0.5", "untrained hybrid 0.5"}
    values = {r["metric"]: r for r in content["results"]}
    assert values["mrr@1000"]["n"] == 100
    assert values["mrr@1000"]["low"] <= values["mrr@1000"]["value"] <= values["mrr@1000"]["high"]
    assert values["mrr@1000"]["value"] > 0.9
    assert "mrr@1000" in (report / "report.md").read_text()
    assert "tree" in capsys.readouterr().out
    other = ["--report", str(journey / "other")]
    assert main(["evaluate", "random", *places, *other, "--beside", "bm25", str(journey / "model")]) == 0
    content = json.loads((journey / "other" / "report.json").read_text())
    assert len(content["baselines"]) == 4
    assert content["baselines"]["bm25"] == json.loads((report / "report.json").read_text())["baselines"]["bm25"]


def test_a_training_is_measured_on_the_way_and_the_steps_compared(
    journey: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, options = (
        journey / "watched",
        ["--dimension", "32", "--batch", "32", "--vocabulary", "600", "--steps", "8"],
    )
    validation = ["--evaluate-every", "3", "--evaluate-data", str(journey / "eval"), "--evaluate-limit", "40"]
    command = ["train", str(journey / "pairs"), "--out", str(out), *options, *validation]
    assert main([*command, "--keep", "similarity"]) == 1
    assert "unknown score 'similarity' to keep the best by: expected retrieval, code" in capsys.readouterr().err
    assert not out.exists()
    assert main([*command, "--keep", "code/tree"]) == 0
    output = capsys.readouterr().out
    lines = [json.loads(line) for line in (out / "training" / "evaluations.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [3, 6, 8]
    scores = [line["scores"]["code/tree"] for line in lines]
    best = scores.index(max(scores))
    assert f"after step 3: code {scores[0]:.3f}" in output
    assert json.loads((out / "adjoin.json").read_text())["training"]["steps"] == lines[best]["step"]
    steps = [str(out / "training" / "evaluations" / f"step-{step:08d}") for step in (3, 6, 8)]
    environment = json.loads((Path(steps[0]) / "report.json").read_text())["environment"]
    assert environment["step"] == 3
    assert environment["batch"] == 32
    assert environment["parameters"] > 500 * 32
    assert main(["compare", *steps, "--report", str(journey / "compared")]) == 0
    state = next((out / "training").glob("step-0*"))
    places = ["--data", str(journey / "eval"), "--report", str(journey / "state"), "--no-cache"]
    assert main(["evaluate", str(state), *places, "--beside", "untrained"]) == 0
    assert json.loads((journey / "state" / "report.json").read_text())["environment"]["step"] == 8
    assert "Means over training steps" in (journey / "compared" / "comparison.html").read_text()


def test_options_of_evaluation_alone_are_refused(journey: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", str(journey / "pairs"), "--out", str(journey / "never")]
    for options, message in (
        (["--keep", "code"], "--keep goes with --evaluate-every STEPS"),
        (["--evaluate-every", "5"], "give --evaluate-data FOLDER"),
        (["--evaluate-every", "5", "--evaluate-data", str(journey / "pairs")], "no evaluation data in"),
        (
            ["--evaluate-every", "5", "--evaluate-data", str(journey / "eval"), "--evaluate-suite", "space"],
            "--evaluate-suite space: expected probe, similarity, retrieval, code",
        ),
    ):
        assert main([*command, *options]) == 1
        assert message in capsys.readouterr().err
    assert not (journey / "never").exists()


def test_compare_puts_reports_beside_each_other(journey: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = ["--data", str(journey / "eval"), "--cache", str(journey / "cache"), "--beside", "bm25"]
    for system in ("random", "lsa"):
        assert main(["evaluate", system, *places, "--report", str(journey / "reports" / system)]) == 0
    capsys.readouterr()
    runs = [str(journey / "reports" / system) for system in ("random", "lsa")]
    assert main(["compare", *runs, "--report", str(journey / "comparison")]) == 0
    assert "tree" in capsys.readouterr().out
    page = (journey / "comparison" / "comparison.html").read_text()
    assert "random" in page
    assert "lsa" in page
    assert main(["compare", runs[0], str(journey / "nowhere")]) == 1
    assert "no report at" in capsys.readouterr().err


def test_search_answers_with_file_and_line(journey: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = ["--index", str(journey / "repo" / ".adjoin")]
    assert main(["search", "merge a table", *index, "--json"]) == 0
    best = json.loads(capsys.readouterr().out)[0]
    assert best["path"] == "table.py"
    lines = (journey / "repo" / "table.py").read_text().split("\n")
    assert "merge_table" in best["name"]
    assert "\n".join(lines[best["first_line"] - 1 : best["last_line"]]) == best["text"]
    assert main(["search", "merge a table", *index, "--limit", "1"]) == 0
    assert f"table.py:{best['first_line']}-{best['last_line']}" in capsys.readouterr().out


def test_a_limit_beyond_all_numbers_gives_all(journey: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["search", "merge", "--index", str(journey / "repo" / ".adjoin"), "--json", "--limit", "9" * 25]) == 0
    )
    assert len(json.loads(capsys.readouterr().out)) > 40


def test_index_again_embeds_only_what_changed_and_forgets_what_is_gone(
    journey: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = tmp_path / "repo"
    shutil.copytree(journey / "repo", repo, ignore=shutil.ignore_patterns(".adjoin"))
    command = ["index", str(repo), "--model", str(journey / "model")]
    assert main(command) == 0
    (repo / "file.py").unlink()
    (repo / "new.py").write_text("def defenestrate_window(window):\n    window.throw()\n    return window\n")
    capsys.readouterr()
    assert main(command) == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "1 added" in output
    assert "1 removed" in output
    assert main(["search", "defenestrate the window", "--index", str(repo / ".adjoin"), "--json"]) == 0
    hits = json.loads(capsys.readouterr().out)
    assert hits[0]["path"] == "new.py"
    assert not any(hit["path"] == "file.py" for hit in hits)


def test_embed_writes_vectors_and_ids(journey: Path, tmp_path: Path) -> None:
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"_id": "a", "text": "open a file"}\n{"_id": "b", "text": "merge a table"}\n')
    assert main(["embed", str(journey / "model"), str(texts), "--out", str(tmp_path / "out")]) == 0
    vectors = np.load(tmp_path / "out" / "vectors.npy")
    assert vectors.shape == (2, 64)
    from adjoin import Encoder

    np.testing.assert_allclose(
        vectors, Encoder.load(journey / "model").encode_document(["open a file", "merge a table"])
    )


def test_the_public_door(journey: Path) -> None:
    import adjoin

    searcher = adjoin.load_index(journey / "repo" / ".adjoin")
    assert searcher.search("merge a table", limit=1)[0].path == "table.py"
    assert (
        adjoin.search("merge a table", index=journey / "repo" / ".adjoin", limit=1)[0].name.find("merge_table")
        >= 0
    )


def test_the_weight_of_the_vectors_can_be_given(journey: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["search", "merge what a table gave", "--index", str(journey / "repo" / ".adjoin"), "--json"]
    texts = []
    for weight in ("0", "1"):
        capsys.readouterr()
        assert main([*command, "--dense-weight", weight]) == 0
        texts.append([hit["text"] for hit in json.loads(capsys.readouterr().out)])
    assert texts[0] != texts[1]


WRONG = [
    (["mine", "NOWHERE", "--out", "OUT"], "NOWHERE"),
    (["mine", "REPO", "--out", "OUT", "--workers", "0"], "--workers 0"),
    (["train", "NOWHERE", "--out", "OUT"], "no pairs at"),
    (["train", "PAIRS", "--out", "OUT", "--preset", "huge"], "unknown preset 'huge'"),
    (["train", "PAIRS", "--out", "OUT", "--batch", "5000"], "pairs do not fill one batch of 5,000"),
    (["train", "PAIRS", "--out", "OUT", "--dimension", "0"], "--dimension 0"),
    (["train", "PAIRS", "--out", "OUT", "--init", "NOWHERE"], "no checkpoint at"),
    (["train", "PAIRS", "--out", "OUT", "--recipe", "NOWHERE"], "no recipe at"),
    (["evaluate", "NOWHERE", "--data", "EVAL"], "no system 'NOWHERE'"),
    (["evaluate", "MODEL", "--data", "REPO"], "REPO"),
    (["embed", "MODEL", "NOWHERE", "--out", "OUT"], "NOWHERE"),
    (["embed", "MODEL", "REPO", "--out", "OUT", "--role", "passage"], "--role passage"),
    (["index", "NOWHERE", "--model", "MODEL"], "NOWHERE"),
    (["index", "REPO", "--model", "NOWHERE"], "no model at"),
    (["search", "x", "--index", "NOWHERE"], "NOWHERE"),
    (["search", "", "--index", "REPO/.adjoin"], "the query is empty"),
    (["search", "x", "--index", "REPO/.adjoin", "--limit", "0"], "limit is 0"),
    (["search", "x", "--index", "REPO/.adjoin", "--language", "cobol"], "cobol"),
    (["search", "x", "--index", "REPO/.adjoin", "--dense-weight", "2"], "dense_weight is 2.0 in mode 'hybrid'"),
    (["search", "x", "--index", "REPO/.adjoin", "--dense-weight", ".2", "--mode", "dense"], "in mode 'dense'"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_a_mistake_is_one_line_and_a_non_zero_exit(
    arguments: list[str], message: str, journey: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {
        "NOWHERE": str(tmp_path / "nowhere"),
        "OUT": str(tmp_path / "out"),
        "REPO": str(journey / "repo"),
        "PAIRS": str(journey / "pairs"),
        "MODEL": str(journey / "model"),
        "EVAL": str(journey / "eval"),
    }

    def placed(text: str) -> str:
        for name, place in places.items():
            text = text.replace(name, place)
        return text

    assert main([placed(argument) for argument in arguments]) == (2 if arguments[0] == "search" else 1)
    error = capsys.readouterr().err
    assert error.startswith("adjoin: ")
    assert error.count("\n") == 1
    assert placed(message) in error
    assert not (tmp_path / "out").exists()


def test_ctrl_c_while_mining_leaves_no_dataset(tmp_path: Path) -> None:
    many = tmp_path / "in"
    many.mkdir()
    for i in range(4000):
        (many / f"m{i}.py").write_text(
            f'def f{i}(a):\n    """Return the value of number {i}."""\n    b = a\n    return b\n' * 5
        )
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "mine", str(many), "--out", str(tmp_path / "pairs")],
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: bool(list(tmp_path.glob(".pairs.mining"))), process)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert process.returncode == 130
    message = "interrupted; what stood at --out before still does, and the same command goes on from here"
    assert error == f"adjoin: {message}\n"
    assert {path.name for path in tmp_path.iterdir()} <= {"in", ".pairs.mining"}  # the parts that are done


def test_help_answers_at_once() -> None:
    """A quarter of a second on a quiet machine: no library of a verb is imported for it."""
    heavy = {"torch", "transformers", "pyarrow", "ray", "scipy", "sklearn", "matplotlib", "tree_sitter"}
    listed = "import runpy, sys, atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "
    run = listed + "sys.argv = ['adjoin', '--help']; runpy.run_module('adjoin', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", run], check=True, capture_output=True, text=True)
    assert "usage: adjoin" in done.stdout
    modules = set(done.stderr.split())
    assert "adjoin.cli" in modules
    assert not heavy & modules
