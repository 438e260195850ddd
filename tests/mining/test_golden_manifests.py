"""Manifests of small corpora, compared byte by byte with those in tests/golden.

A change that should not alter what is mined leaves the golden manifests alone. One that should alter it rewrites
them: `ADJOIN_GOLDEN=write pytest tests/mining/test_golden_manifests.py`, and the difference is part of the commit.

Shards depend on the version of pyarrow that writes them. Under other versions than those in the golden manifest,
the shards' hashes are left out of the comparison, and the rest must still be equal.
"""

import gzip
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from adjoin.mining import ALL_KINDS, Engine, MiningOptions, mine
from small_sources import NOUNS, VERBS, paragraph_about

GOLDEN = Path(__file__).parents[1] / "golden"
SAMPLES = Path(__file__).parents[1] / "pairs" / "samples"
HEADINGS = [f"How the {noun} goes to the {NOUNS[turn - 7]}" for turn, noun in enumerate(NOUNS)]


def write_prose(root: Path) -> None:
    """One file for each format of prose, each with three sections that no other file has."""
    root.mkdir()
    parts = [(HEADINGS[i], f"{paragraph_about(NOUNS[i])} {paragraph_about(NOUNS[i - 1])}") for i in range(10)]
    rest = "\n\n".join(f"{title}\n{'=' * len(title)}\n\n{text}" for title, text in parts[:3])
    (root / "guide.rst").write_text(f"{rest}\n")
    (root / "guide.md").write_text("\n\n".join(f"## {title}\n\n{text}" for title, text in parts[2:5]) + "\n")
    html = "".join(f"<h2>{title}</h2><p>{text}</p>" for title, text in parts[4:7])
    (root / "page.html").write_text(f"<html><head><title>Pages</title></head><body>{html}</body></html>\n")
    latex = "\n".join(f"\\section{{{title}}}\n{text}\n" for title, text in parts[6:9])
    (root / "paper.tex").write_text(f"\\documentclass{{article}}\\begin{{document}}\n{latex}\\end{{document}}\n")
    (root / "notes.txt").write_text("\n\n".join(text for _, text in parts[7:10]) + "\n")
    man = "\n".join(f".SH {title.upper()}\n{text}" for title, text in parts[:2])
    (root / "tool.1").write_text(f'.TH TOOL 1 "May" "tool"\n{man}\n')
    record = {"question": "Where does the lost header go?", "answer": paragraph_about("header"), "licence": "MIT"}
    lines = [record, {"title": HEADINGS[4], "text": parts[1][1]}]
    (root / "records.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    mail = f"From a@b.example Mon Jan  1 00:00:00 2024\nSubject: {HEADINGS[8]}\n\n{parts[9][1]}\n\n"
    (root / "list.mbox").write_text(mail)
    entries = (
        f"{noun}\n\n   1. <things> Of the {verb} kind, which one may {verb} or also send.\n\n"
        for noun, verb in zip(NOUNS, VERBS, strict=True)
    )
    front = "00-database-info\n   A dictionary that is in the public domain.\n\n"
    (root / "small.dict.dz").write_bytes(gzip.compress((front + "".join(entries)).encode(), mtime=0))


def without_versions(manifest: str) -> dict[str, Any]:
    """What does not depend on the libraries' versions."""
    changing = ("versions", "hash", "shards")
    return {name: value for name, value in json.loads(manifest).items() if name not in changing}


def versions(manifest: str) -> dict[str, str]:
    return dict(json.loads(manifest)["versions"])


@pytest.mark.parametrize("name", ["functions", "prose", "everything"])
def test_manifests_are_the_golden_ones(name: str, source_tree: Path, tmp_path: Path) -> None:
    root = tmp_path / name
    if name == "functions":
        shutil.copytree(SAMPLES, root)
        options = MiningOptions(kinds=tuple(ALL_KINDS))
    elif name == "prose":
        write_prose(root)
        options = MiningOptions(min_words=24, max_words=64)
    else:
        shutil.copytree(source_tree, root)
        shutil.copytree(SAMPLES, root / "samples")
        write_prose(root / "prose")
        options = MiningOptions(kinds=tuple(ALL_KINDS), mask=("emails", "secrets"), template_cap=3, package_cap=60)
    mine([root], tmp_path / "pairs", options, engine=Engine(workers=1))
    made = (tmp_path / "pairs" / "manifest.json").read_text()
    file = GOLDEN / f"manifest-{name}.json"
    if os.environ.get("ADJOIN_GOLDEN") == "write":
        file.write_text(made)
    expected = file.read_text()
    if versions(made) == versions(expected):
        assert made == expected
    else:
        assert without_versions(made) == without_versions(expected)
