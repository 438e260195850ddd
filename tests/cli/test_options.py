"""Options of the verbs, from the command line to what they change."""

import contextlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from adjoin.cli import main
from adjoin.evaluation import RetrievalTask, write_task
from adjoin.pairs.dataset import PairDataset
from adjoin.tokens import Tokenizer
from collecting.fake_clients import install_fakes, wheel_row
from model.small_checkpoints import generative
from small_sources import NOUNS, VERBS, function_source, paragraph_about

Rows = dict[str, list[Any]]
COLUMNS = ["x", "y", "kind", "origin", "licence"]


def mined(out: Path, root: Path, *options: str) -> Rows:
    """The pairs that `adjoin mine` finds."""
    assert main(["mine", str(root), "--out", str(out), "--workers", "1", *options]) == 0
    rows: Rows = {name: [] for name in COLUMNS}
    for batch in PairDataset.open(out).batches(COLUMNS):
        for name in COLUMNS:
            rows[name] += batch[name]
    return rows


def of_kind(rows: Rows, kind: str, column: str = "y") -> list[Any]:
    return [value for value, kind_of_pair in zip(rows[column], rows["kind"], strict=True) if kind_of_pair == kind]


def test_columns_say_where_records_have_their_text(tmp_path: Path) -> None:
    records = [{"headline": f"The {noun} and its use", "essay": paragraph_about(noun)} for noun in NOUNS]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    columns = ["--columns", "text=essay", "title=headline", "--keep-near-duplicates"]
    rows = mined(tmp_path / "out", tmp_path / "a.jsonl", *columns)
    assert set(of_kind(rows, "title-passage", "x")) == {record["headline"] for record in records}
    arguments = ["mine", str(tmp_path / "a.jsonl"), "--out", str(tmp_path / "none"), "--workers", "1"]
    assert main(arguments) == 1, "without them there is no text in these records"


def test_words_bound_a_passage(source_tree: Path, tmp_path: Path) -> None:
    options = ["--kinds", "neighbours", "--keep-near-duplicates"]
    usual = mined(tmp_path / "usual", source_tree / "guide.md", *options)
    short = mined(tmp_path / "short", source_tree / "guide.md", *options, "--words", "10", "30")
    assert max(len(x.split()) for x in usual["x"]) > 60
    assert all(10 <= len(x.split()) <= 30 for x in short["x"])
    assert len(short["x"]) > len(usual["x"])


def test_languages_are_those_of_prose(source_tree: Path, tmp_path: Path) -> None:
    kinds = [
        Counter(mined(tmp_path / language, source_tree, "--languages", language)["kind"])
        for language in ("en", "de")
    ]
    assert kinds[0]["neighbours"] > 0
    assert kinds[1] == {"docstring-function": kinds[0]["docstring-function"]}


def test_mask_puts_marks_in_the_place_of_addresses(tmp_path: Path) -> None:
    source = function_source("open", "file").replace("inner comment", "as jane.doe@mailserver.com asked")
    (tmp_path / "a.py").write_text(source)
    assert "jane.doe@mailserver.com" in mined(tmp_path / "plain", tmp_path / "a.py")["y"][0]
    (y,) = mined(tmp_path / "masked", tmp_path / "a.py", "--mask", "emails")["y"]
    assert "@" not in y
    assert "as <email> asked" in y


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two packages of ten functions with documentation of one template, under two licences."""
    root = tmp_path_factory.mktemp("packages")
    for package, licence, noun in (("open", "MIT", NOUNS[0]), ("closed", "Proprietary", NOUNS[1])):
        (root / package).mkdir()
        (root / package / "module.py").write_text("\n\n".join(function_source(verb, noun) for verb in VERBS))
        (root / package / "package.json").write_text(json.dumps({"name": package, "license": licence}))
    return root


@pytest.mark.parametrize("licence", ["MIT", "permissive"])
def test_licences_leave_out_all_others(licence: str, packages: Path, tmp_path: Path) -> None:
    assert len(set(mined(tmp_path / "all", packages)["licence"])) == 2
    assert set(mined(tmp_path / "some", packages, "--licences", licence)["licence"]) == {"MIT"}


def test_template_cap_bounds_what_a_package_says_again_and_again(packages: Path, tmp_path: Path) -> None:
    assert len(mined(tmp_path / "all", packages, "--template-cap", "0")["x"]) == 20
    assert len(mined(tmp_path / "some", packages, "--template-cap", "3")["x"]) == 6


def test_decontaminate_leaves_out_what_the_folder_holds(source_tree: Path, tmp_path: Path) -> None:
    held_out = mined(tmp_path / "held-out", source_tree / "socket.py")
    all_pairs = mined(tmp_path / "all", source_tree)
    rest = mined(tmp_path / "rest", source_tree, "--decontaminate", str(tmp_path / "held-out"))
    assert set(held_out["y"]) <= set(all_pairs["y"])
    assert not set(held_out["y"]) & set(rest["y"])
    assert {origin.partition(":")[0] for origin in set(all_pairs["origin"]) - set(rest["origin"])} == {"socket.py"}


def test_near_duplicates_stay_if_they_are_to(tmp_path: Path) -> None:
    lines = "".join(f"    step_{noun} = {noun}.{verb}()\n" for verb, noun in zip(VERBS, NOUNS, strict=True))
    (tmp_path / "in").mkdir()
    for name, change in (("a", ""), ("b", "    again = 1\n")):
        head = 'def work(file, socket):\n    """Open a file and give what came of it."""\n'
        (tmp_path / "in" / f"{name}.py").write_text(f"{head}{lines}{change}    return step_file\n")
    assert len(mined(tmp_path / "usual", tmp_path / "in")["y"]) == 1
    assert len(mined(tmp_path / "kept", tmp_path / "in", "--keep-near-duplicates")["y"]) == 2


@pytest.mark.parametrize(("which", "beta"), [("missing", "1.0"), ("all", "2.0")])
def test_pin_writes_versions_and_hashes_into_the_recipe(
    which: str, beta: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "switches").mkdir()
    install_fakes(tmp_path / "fakes")
    monkeypatch.setenv("FAKES", str(tmp_path / "switches"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'fakes'}:/usr/bin:/bin")
    recipe = tmp_path / "recipe.toml"
    group = '[[group]]\nregistry = "pypi"\nlanguage = "python"\npackages = ["alpha", "beta 1.0"]\n'
    recipe.write_text(f'name = "small"\nabout = "A test."\n{group}')
    assert main(["collect", str(recipe), "--pin", which]) == 0
    assert wheel_row("alpha", "2.0") in recipe.read_text()
    assert wheel_row("beta", beta) in recipe.read_text()


@pytest.fixture(scope="module")
def evaluation_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tasks of code search and one of search, of 40 documents each."""
    root = tmp_path_factory.mktemp("eval")
    for place, noun in (("code/a", "file"), ("code/b", "socket"), ("retrieval/c", "graph")):
        texts = [f"{verb} the {noun} number {number}" for verb in VERBS for number in range(4)]
        some = range(0, len(texts), 4)
        task = RetrievalTask(
            name=place[-1],
            document_ids=[f"d{i}" for i in range(len(texts))],
            documents=texts,
            query_ids=[f"q{i}" for i in some],
            queries=[texts[i][::-1] for i in some],
            relevant=[{i: 1.0} for i in some],
            languages=["python"] * len(texts) if place.startswith("code") else [],
        )
        write_task(root / place, task)
    return root


def evaluated(data: Path, report: Path, *options: str) -> dict[str, Any]:
    """The report of a system that needs no training."""
    command = ["evaluate", "random", "--data", str(data), "--report", str(report), "--beside", "words"]
    assert main([*command, "--no-cache", *options]) == 0
    content: dict[str, Any] = json.loads((report / "report.json").read_text())
    return content


@pytest.mark.parametrize(
    ("options", "tasks"),
    [
        ([], {("code", "a"), ("code", "b"), ("retrieval", "c")}),
        (["--suite", "code"], {("code", "a"), ("code", "b")}),
        (["--suite", "retrieval", "code", "--tasks", "b", "c"], {("code", "b"), ("retrieval", "c")}),
    ],
)
def test_suites_and_tasks_choose(
    options: list[str], tasks: set[tuple[str, str]], evaluation_data: Path, tmp_path: Path
) -> None:
    report = evaluated(evaluation_data, tmp_path / "report", *options)
    assert {(result["suite"], result["task"]) for result in report["results"]} == tasks


def test_faiss_searches_corpora_from_a_size_on(
    evaluation_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adjoin.evaluation.systems.faiss_search.FOUND", 2)  # of 40: what it does not find is last
    values = {}
    for least in (None, 41, 40):
        options = [] if least is None else ["--faiss", str(least)]
        report = evaluated(evaluation_data, tmp_path / f"{least}", "--tasks", "c", *options)
        assert report["environment"].get("faiss from") == least
        values[least] = [result["value"] for result in report["results"]]
    assert values[None] == values[41] != values[40]


def test_adapt_names_the_repository_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error says where it looked; adaptations that are run to their end are in workflows/test_adapt.py."""
    assert main(["adapt", str(tmp_path / "mine"), "--out", str(tmp_path / "out")]) == 1
    assert str(tmp_path / "mine") in capsys.readouterr().err


SMALL = ["--batch", "16", "--max-tokens", "48", "--steps", "2"]


def trained(pairs: Path, out: Path, *options: str, **recipe: object) -> dict[str, Any]:
    """The description of a model that `adjoin train` trained, and its log."""
    lines = {"threads": 1, "precision": "float32", **recipe}
    file = out.with_suffix(".toml")
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items()))
    assert main(["train", str(pairs), "--out", str(out), "--recipe", str(file), *SMALL, *options]) == 0
    log = map(json.loads, (out / "training" / "log.jsonl").read_text().splitlines())
    return {**json.loads((out / "adjoin.json").read_text()), "log": list(log)}


@pytest.fixture(scope="module")
def checkpoint(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generative("llama", tokenizer, tmp_path_factory.mktemp("checkpoint") / "llama")


def test_lora_changes_the_weights_by_a_low_rank(checkpoint: Path, pairs_folder: Path, tmp_path: Path) -> None:
    trained(pairs_folder, tmp_path / "m", "--init", str(checkpoint), "--lora", "2")
    before, after = load_file(checkpoint / "model.safetensors"), load_file(tmp_path / "m" / "model.safetensors")
    ranks = set()
    for name, tensor in after.items():
        old = before[name if name in before else f"model.{name}"]
        change = tensor - old
        if name.endswith("_proj.weight"):
            ranks.add(int(torch.linalg.matrix_rank(change, atol=1e-6)))
        else:
            assert not change.any(), name
    assert ranks <= {0, 1, 2}
    assert max(ranks) > 0


def test_prune_keeps_the_tokens_that_the_pairs_need(checkpoint: Path, packages: Path, tmp_path: Path) -> None:
    mined(tmp_path / "pairs", packages)
    vocabularies = []
    for name, options in (("whole", []), ("pruned", ["--prune"])):
        trained(tmp_path / "pairs", tmp_path / name, "--init", str(checkpoint), *options)
        vocabularies.append(Tokenizer.load(tmp_path / name / "tokenizer.json").vocabulary_size)
    assert 256 < vocabularies[1] < vocabularies[0]  # bytes stay


def test_vectors_from_are_where_a_table_begins(checkpoint: Path, pairs_folder: Path, tmp_path: Path) -> None:
    from adjoin import Encoder

    still = {"learning_rate": 0.0, "weight_learning_rate": 0.0}
    tables = []
    for name, options in (("plain", []), ("begun", ["--vectors-from", str(checkpoint)])):
        trained(pairs_folder, tmp_path / name, "--dimension", "8", "--vocabulary", "600", *options, **still)
        tables.append(Encoder.load(tmp_path / name).body.vectors_VD)
    assert tables[0].shape == tables[1].shape
    assert not np.allclose(*tables, atol=0.1)


@pytest.mark.slow
def test_memory_is_for_activations_that_are_kept(pairs_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twice = []
    for memory in ("0", "1"):
        sizes = ["--preset", "nano", "--vocabulary", "600", "--token-budget", "300", *SMALL]
        assert main(["plan", str(pairs_folder), *sizes, "--memory", memory, "--json"]) == 0
        twice.append(json.loads(capsys.readouterr().out)["recomputed"])
    assert twice[0] > 0.5
    assert twice[1] == 0


def test_sources_are_one_a_batch_or_mixed(
    pairs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from adjoin.batches.sampler import Sampler

    names: list[str] = []
    batch = Sampler.batch

    def noting(sampler: Sampler, step: int) -> object:
        made = batch(sampler, step)
        names.append(made.source)
        return made

    monkeypatch.setattr(Sampler, "batch", noting)
    drawn_sources = []
    for sources in ("one", "mixed"):
        names.clear()
        size = ["--dimension", "8", "--vocabulary", "600", "--batch", "4", "--steps", "24"]
        trained(pairs_folder, tmp_path / sources, *size, "--sources", sources)
        drawn_sources.append(set(names))
    assert "docstring-function/python" in drawn_sources[0]
    assert len(drawn_sources[0]) > 1, "what fills no batch is together in one of its own"
    assert drawn_sources[1] == {"mixed"}


def test_token_dropout_leaves_tokens_out(pairs_folder: Path, tmp_path: Path) -> None:
    tokens = []
    for share in ("0", "0.9"):
        sizes = ["--dimension", "8", "--vocabulary", "600", "--token-dropout", share]
        log = trained(pairs_folder, tmp_path / share, *sizes)["log"]
        tokens.append(np.mean([step["tokens_per_second"] / step["pairs_per_second"] for step in log]))
    assert tokens[1] < 0.5 * tokens[0]


def test_clip_bounds_the_gradient_of_each_step(pairs_folder: Path, tmp_path: Path) -> None:
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    norms: list[float] = []

    def note(optimizer: torch.optim.Optimizer, *_: object) -> None:
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        norms.append(float(torch.nn.utils.get_total_norm(gradients)))

    with contextlib.closing(_Removable(register_optimizer_step_pre_hook(note))):
        log = trained(pairs_folder, tmp_path / "m", "--dimension", "8", "--vocabulary", "600", clip=1e-3)["log"]
    assert all(step["grad_norm"] > 2e-3 for step in log), "of the gradient before"
    assert norms == pytest.approx([1e-3] * len(log), rel=1e-3)


class _Removable:
    def __init__(self, handle: "torch.utils.hooks.RemovableHandle") -> None:
        self.close = handle.remove


@pytest.mark.parametrize("wanted", [False, True])
def test_compile_is_for_the_body_of_a_transformer(
    wanted: bool, checkpoint: Path, pairs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The compiler itself takes half a minute. The test records its arguments and runs the module uncompiled."""
    compiled: list[object] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module, **options: compiled.append(options))
    trained(pairs_folder, tmp_path / "m", "--init", str(checkpoint), compile=wanted)
    assert compiled == [{"dynamic": True}] * wanted
