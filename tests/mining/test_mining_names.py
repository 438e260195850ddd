"""Name-function pairs: without the option nothing changes, and with it no documented function is lost."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adjoin.cleaning.near_duplicates import signatures
from adjoin.cli import main
from adjoin.mining import ALL_KINDS, Engine, MiningOptions, mine
from adjoin.mining.options import DEFAULT_KINDS
from adjoin.mining.verify import verify
from adjoin.pairs.dataset import PairDataset
from adjoin.pairs.functions import KIND as DOCSTRING_FUNCTION
from adjoin.pairs.names import KIND as NAME_FUNCTION
from adjoin.pairs.pair import text_hash
from adjoin.workflows.held_out import task_of
from small_sources import NOUNS, VERBS

BOTH = (DOCSTRING_FUNCTION, NAME_FUNCTION)
COLUMNS = ("x", "y", "kind", "name", "origin", "group", "x_hash", "y_hash")


def rows_of(folder: Path) -> list[dict[str, Any]]:
    batches = PairDataset.open(folder).batches(COLUMNS)
    return [
        dict(zip(COLUMNS, row, strict=True))
        for rows in batches
        for row in zip(*map(rows.get, COLUMNS), strict=True)
    ]


def mined(tree: Path, out: Path, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - of MiningOptions
    return mine([tree], out, MiningOptions(**options), engine=Engine(workers=1))


def undescribed(verb: str, noun: str) -> str:
    """A function without documentation, whose words and names tell it from the others."""
    turn = VERBS.index(verb)
    steps = "".join(
        f"    {noun}.{VERBS[turn - back]}({turn}, '{NOUNS[turn - back]} {verb}')\n" for back in range(4)
    )
    head = f"def {verb}_{noun}({noun}):\n    if {noun}.{verb}ed:\n        {verb}_{noun}({noun}.next)\n"
    return f"{head}{steps}    return {turn}\n"


@pytest.fixture
def tree(source_tree: Path, tmp_path: Path) -> Path:
    """The documented functions in one package, others beside them without documentation."""
    root = tmp_path / "tree"
    shutil.copytree(source_tree, root / "pack")
    (root / "pack" / "plain.py").write_text("\n\n".join(undescribed(verb, "engine") for verb in VERBS))
    return root


def test_names_are_not_mined_unless_asked_for(tree: Path, tmp_path: Path) -> None:
    assert ALL_KINDS[4] == NAME_FUNCTION, "a kind's place is stored: new ones come last"
    manifest = mined(tree, tmp_path / "out")
    assert not any(kind.startswith(NAME_FUNCTION) for kind in manifest["kinds"])
    assert manifest["counts"]["no documented function"] == 1
    assert manifest["options"]["kinds"] == list(DEFAULT_KINDS)


def test_names_alone_and_beside_documentation(tree: Path, tmp_path: Path) -> None:
    alone = mined(tree, tmp_path / "alone", kinds=(NAME_FUNCTION,), keep_near_duplicates=True)
    assert alone["kinds"] == {"name-function python": 110}
    rows = rows_of(tmp_path / "alone")
    assert {row["x"] for row in rows} == {f"{verb} {noun}" for verb in VERBS for noun in [*NOUNS, "engine"]}
    for row in rows:
        assert row["name"] not in row["y"]
        assert (row["x_hash"], row["y_hash"]) == (text_hash(row["x"]), text_hash(row["y"]))
    recursive = next(row for row in rows if row["name"] == "open_engine")
    assert recursive["y"].startswith("def _(engine):\n    if engine.opened:\n        _(engine.next)\n")

    both = mined(tree, tmp_path / "both", kinds=BOTH, template_cap=0)
    assert both["kinds"] == {"docstring-function python": 100, "name-function python": 10}
    described = mined(tree, tmp_path / "described", kinds=(DOCSTRING_FUNCTION,), template_cap=0)
    assert described["kinds"] == {"docstring-function python": 100}
    kept = [row for row in rows_of(tmp_path / "both") if row["kind"] == DOCSTRING_FUNCTION]
    assert kept == rows_of(tmp_path / "described")
    for manifest in (alone, both, described):
        not_rules = {"sources", "documents", "functions", "prose, of which no pairs were asked for"}
        assert manifest["counts"].keys() - not_rules <= manifest["rules"].keys(), "each rule says why"


@pytest.mark.parametrize(("changed", "kept"), [(0, 1), (3, 2), (10, 2)])
def test_near_duplicates_of_names_are_found_as_code_is(tmp_path: Path, changed: int, kept: int) -> None:
    """Three lines of ten make two functions, though passages that had so much in common would be one."""
    lines = [f"    {verb}_{noun} = {noun}.{verb}({noun})\n" for verb, noun in zip(VERBS, NOUNS, strict=True)]
    others = [f"    {verb}er = the_{verb}s[{verb}er]\n" for verb in VERBS]
    first, second = ("".join(some) for some in (lines, [*others[:changed], *lines[changed:]]))
    (tmp_path / "a.py").write_text(f"def run_first(a):\n{first}\n\ndef run_second(a):\n{second}")
    manifest = mined(tmp_path / "a.py", tmp_path / "out", kinds=(NAME_FUNCTION,))
    assert manifest["pairs"] == kept
    texts = [row["y"].encode() for row in rows_of(tmp_path / "out")]
    if changed == 3:
        one, other = signatures(texts, ["python", "python"])
        assert 0.6 < np.mean(one == other) < 0.8


def test_template_cap_counts_the_same_name_in_a_package(tmp_path: Path) -> None:
    for package in ("one", "two"):
        for number, noun in enumerate(NOUNS):
            (tmp_path / "tree" / package).mkdir(parents=True, exist_ok=True)
            code = undescribed(VERBS[number], noun).replace(f"{VERBS[number]}_{noun}", "run_it")
            words = f'    """Run it."""\n    {noun} = "{package}"\n'
            first, _, rest = code.partition("\n")
            (tmp_path / "tree" / package / f"{noun}.py").write_text(f"{first}\n{words}{rest}")
    for cap, expected in ((3, 6), (0, 20)):
        options = {"kinds": (NAME_FUNCTION,), "template_cap": cap, "keep_near_duplicates": True}
        manifest = mined(tmp_path / "tree", tmp_path / f"out-{cap}", **options)
        assert manifest["kinds"] == {"name-function python": expected}
        assert manifest["counts"].get("template over cap", 0) == 20 - expected


def test_a_name_that_reads_like_documentation_has_a_template_of_its_own(tmp_path: Path) -> None:
    """`merge_two_ways` and "Merge two ways" above another function: neither takes the other's place."""
    body = "(a, b):\n{}    total = a + {}\n    return [total, b]\n"
    described = "def join" + body.format('    """Merge two ways"""\n', 1)
    (tmp_path / "a.py").write_text(f"{described}\n\ndef merge_two_ways{body.format('', 'b.most(a, 7)')}")
    manifest = mined(tmp_path / "a.py", tmp_path / "out", kinds=BOTH, template_cap=1, keep_near_duplicates=True)
    assert manifest["kinds"] == {"docstring-function python": 1, "name-function python": 1}
    assert {row["x"].lower() for row in rows_of(tmp_path / "out")} == {"merge two ways"}


def test_package_cap_counts_names_for_themselves(tree: Path, tmp_path: Path) -> None:
    options = {"template_cap": 0, "package_cap": 7, "keep_near_duplicates": True}
    both = mined(tree, tmp_path / "both", kinds=BOTH, **options)
    assert both["kinds"] == {"docstring-function python": 7, "name-function python": 7}
    assert both["counts"]["package over cap"] == 96
    mined(tree, tmp_path / "described", kinds=(DOCSTRING_FUNCTION,), **options)
    kept = [row for row in rows_of(tmp_path / "both") if row["kind"] == DOCSTRING_FUNCTION]
    assert kept == rows_of(tmp_path / "described")
    everything = mined(tree, tmp_path / "everything", kinds=ALL_KINDS, **options)
    before = mined(tree, tmp_path / "before", kinds=DEFAULT_KINDS, **options)
    assert everything["kinds"] == {**before["kinds"], "name-function python": 7}


def test_a_held_out_function_is_known_before_its_name_is_hidden(tmp_path: Path) -> None:
    """It is short and speaks of itself throughout: without its name little of it is left."""
    code = "def tell_sum(a):\n    tell_sum.a = a\n    return a.tell_sum(tell_sum)\n"
    records = {
        "corpus": {"_id": "d", "text": code, "language": "python"},
        "queries": {"_id": "q", "text": "adds the leaves of a tree"},
    }
    held_out = tmp_path / "eval" / "code" / "codesearch-python"
    (held_out / "qrels").mkdir(parents=True)
    for name, record in records.items():
        (held_out / f"{name}.jsonl").write_text(json.dumps(record))
    (held_out / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\td\t1\n")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.py").write_text(f"{code}\n\n{undescribed('open', 'file')}")
    manifest = mined(
        tmp_path / "tree", tmp_path / "out", kinds=(NAME_FUNCTION,), decontaminate=(tmp_path / "eval",)
    )
    assert manifest["counts"]["held-out code"] == 1
    assert [row["x"] for row in rows_of(tmp_path / "out")] == ["open file"]


@pytest.mark.parametrize("kinds", [(NAME_FUNCTION,), BOTH])
def test_any_number_of_workers_gives_what_verifies(tree: Path, tmp_path: Path, kinds: tuple[str, ...]) -> None:
    mined(tree, tmp_path / "out", kinds=kinds)
    verification = verify([tree], tmp_path / "out", engine=Engine(workers=2))
    assert verification.differences == ()


def test_on_the_command_line(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    assert main(["mine", str(tree), "--out", out, "--workers", "1", "--kinds", NAME_FUNCTION]) == 0
    assert main(["mine", str(tree), "--out", out, "--workers", "1", "--verify"]) == 0
    capsys.readouterr()
    picture = str(tmp_path / "lengths.png")
    assert main(["pairs", "show", out, "--kind", NAME_FUNCTION, "--number", "2", "--picture", picture]) == 0
    output = capsys.readouterr().out
    assert "name-function python" in output
    assert "def _(" in output
    with pytest.raises(SystemExit):
        main(["mine", "--help"])
    help_told = " ".join(capsys.readouterr().out.split()).replace("- ", "-")  # lines may end at a hyphen
    assert all(kind in help_told for kind in ALL_KINDS)


def test_names_that_are_held_out_are_a_task_of_code(tree: Path, tmp_path: Path) -> None:
    mined(tree, tmp_path / "out", kinds=(NAME_FUNCTION,))
    task = task_of("own", PairDataset.open(tmp_path / "out"))
    assert set(task.languages) == {"python"}
