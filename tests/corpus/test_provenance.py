"""Licence and repository of archives, and of files by the folders around them."""

from pathlib import Path

import pytest

from adjoin.corpus import find_sources
from adjoin.corpus.package_metadata import Facts
from adjoin.corpus.provenance import MAX_EVIDENCE, Package
from adjoin.tally import Tally

ISC = (
    "Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is "
    "hereby granted, provided that the above copyright notice appears in all copies."
)


def offered(members: dict[str, str]) -> Facts:
    package = Package(Facts("given", "given"))
    for path, text in members.items():
        if package.wants(path, len(text)):
            package.offer(path, text.encode())
    return package.facts


def test_what_is_given_holds_where_nothing_is_said() -> None:
    assert offered({"a.py": "x", "package.json": "{"}) == Facts("given", "given")


@pytest.mark.parametrize("reverse", [False, True])
def test_nearest_to_the_top_decides(reverse: bool) -> None:
    members = [
        ("p/package.json", '{"name": "p", "version": "1", "license": "MIT", "repository": "o/n"}'),
        ("p/sub/package.json", '{"name": "q", "version": "2", "license": "GPL-3.0", "repository": "x/y"}'),
        ("p/LICENSE", ISC),
    ]
    assert offered(dict(members[::-1] if reverse else members)) == Facts("MIT", "o/n", "p", "1")


@pytest.mark.parametrize("folder", ["p-1.dist-info", "p-1.dist-info/licenses"])
def test_text_of_a_licence_before_vague_words(folder: str) -> None:
    members = {"p-1.dist-info/METADATA": "Name: p\nLicense: BSD-like\n", f"{folder}/LICENSE": ISC}
    assert offered(members).licence == "ISC"
    assert (
        offered({"p-1.dist-info/METADATA": "License: BSD-like\n", "p/vendor/a/LICENSE": ISC}).licence == "BSD-like"
    )


def test_only_so_many_files_are_looked_at() -> None:
    package = Package(Facts())
    for number in range(MAX_EVIDENCE + 1):
        if package.wants(f"{number}/package.json", 2):
            package.offer(f"{number}/package.json", b"{}")
    assert not package.wants("package.json", 2)
    assert not Package(Facts()).wants("package.json", 1 << 30)


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def facts_by_origin(root: Path) -> dict[str, tuple[str, str]]:
    return {source.origin: (source.licence, source.repository) for source in find_sources([root], Tally())}


def test_folders_and_what_lies_below_them(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            ".git/config": '[core]\n\tx = 1\n[remote "origin"]\n\turl = https://u:p@github.com/o/n.git\n',
            "LICENSE": ISC, "a.py": "x", "sub/b.py": "x",
            "own/package.json": '{"license": "MIT", "repository": "x/y"}',
            "own/deep/c.js": "x",
        },
    )  # fmt: skip
    expected = {"a.py": ("ISC", "o/n"), "sub/b.py": ("ISC", "o/n"), "own/deep/c.js": ("MIT", "x/y")}
    assert facts_by_origin(tmp_path) == expected
    assert facts_by_origin(tmp_path / "sub") == {"b.py": ("ISC", "o/n")}  # up to the folder with .git
    assert facts_by_origin(tmp_path / "own" / "deep" / "c.js") == {"c.js": ("MIT", "x/y")}


def test_folders_above_count_only_within_a_working_copy(tmp_path: Path) -> None:
    write(tmp_path, {"LICENSE": ISC, "sub/b.py": "x"})
    assert facts_by_origin(tmp_path / "sub") == {"b.py": ("", "")}


def test_installed_packages(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    write(
        site,
        {
            "p/a.py": "x", "p_one.py": "x", "q/b.py": "x", "shared/c.py": "x",
            "p-1.dist-info/METADATA": "Name: p\nLicense: MIT\nHome-page: https://github.com/o/p\n",
            "p-1.dist-info/top_level.txt": "p\np_one\n",
            "q-1.dist-info/METADATA": "Name: q\nLicense: BSD\nHome-page: https://e.org/q\n",
            "q-1.dist-info/RECORD": "q/b.py,sha256=x,1\nshared/c.py,,\n", "q-1.dist-info/licenses/LICENSE": ISC,
            "r-1.dist-info/METADATA": "Name: r\nLicense: GPL-3\n", "r-1.dist-info/top_level.txt": "shared\n",
        },
    )  # fmt: skip
    expected = {
        "p/a.py": ("MIT", "o/p"), "p_one.py": ("MIT", "o/p"), "q/b.py": ("ISC", "e.org/q"), "shared/c.py": ("", "")
    }  # fmt: skip
    seen = facts_by_origin(site)
    assert {name: seen[name] for name in expected} == expected
    assert facts_by_origin(site / "q") == {"b.py": ("ISC", "e.org/q")}
    assert facts_by_origin(site / "p_one.py") == {"p_one.py": ("MIT", "o/p")}


def test_go_paths_are_of_their_own_repository(tmp_path: Path) -> None:
    write(tmp_path, {"gocode/src/github.com/o/n/a.go": "x", "gocode/src/github.com/o/n/LICENSE": ISC})
    assert facts_by_origin(tmp_path) == {"gocode/src/github.com/o/n/a.go": ("ISC", "o/n")}
