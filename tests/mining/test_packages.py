"""A recipe's packages → a dataset: what lies there with the right hash need not be downloaded."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from adjoin.cli import main
from adjoin.collecting import CorpusRecipe
from adjoin.mining import Engine, MiningOptions
from adjoin.mining.packages import mine_packages
from adjoin.pairs.dataset import PairDataset


def function(name: str) -> str:
    body = "".join(f"  const {name}{i} = {name}Of(value, {i});\n" for i in range(3))
    comment = f"/** Works out the {name} of all given values. */\n"
    return comment + f"function {name}(value) {{\n{body}  return {name}0;\n}}\n"


def npm_package(folder: Path, name: str, code: str, licence: str = "MIT") -> str:
    """Write NAME-1.0.0.tgz; its row in a recipe."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for path, text in (("package/index.js", code), ("package/package.json", json.dumps({"license": licence}))):
            member = tarfile.TarInfo(path)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    (folder / "npm").mkdir(parents=True, exist_ok=True)
    (folder / "npm" / f"{name}-1.0.0.tgz").write_bytes(data.getvalue())
    return f"{name} 1.0.0 {len(data.getvalue())} sha256:{hashlib.sha256(data.getvalue()).hexdigest()}"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    downloads = tmp_path / "downloads"
    rows = [
        npm_package(downloads, "one", function("median") + function("variance")),
        npm_package(downloads, "two", function("median") + function("quantile")),
    ]
    rows_text = json.dumps(rows)
    text = (
        'name = "small"\nabout = "Two packages."\n[mine]\nkinds = ["docstring-function"]\n'
        f'[[group]]\nregistry = "npm"\nlanguage = "javascript"\npackages = {rows_text}\n'
    )
    (tmp_path / "recipe.toml").write_text(text)
    return tmp_path / "recipe.toml"


def test_packages_and_folders_become_one_dataset(recipe: Path, source_tree: Path, tmp_path: Path) -> None:
    calls: list[tuple[int, int, int]] = []
    manifest = mine_packages(
        CorpusRecipe.read(recipe),
        tmp_path / "out",
        MiningOptions(template_cap=0),
        downloads=tmp_path / "downloads",
        budget=10**9,
        keep=True,
        also=[source_tree],
        engine=Engine(workers=1),
        progress=lambda *counts: calls.append(counts),
    )
    assert manifest["kinds"]["docstring-function javascript"] == 3
    assert manifest["kinds"]["docstring-function python"] == 100
    assert manifest["places"]["one"] == 2
    assert manifest["places"]["two"] == 1
    assert manifest["counts"]["duplicate"] == 1
    assert manifest["roots"] == ["small", source_tree.name]
    assert calls[-1][:2] == (2, 2)
    first = manifest["inputs"][0]
    assert (first["package"], first["licence"], first["pairs"]) == ("one", "MIT", 2)
    rows = next(PairDataset.open(tmp_path / "out").batches(["licence", "origin", "name"]))
    assert rows["licence"][0] == "MIT"
    assert rows["origin"][0].startswith("one-1.0.0.tgz!package/index.js:")
    assert rows["name"][:2] == ["median", "variance"]


def test_a_groups_licence_holds_where_a_package_names_none_that_is_known(tmp_path: Path) -> None:
    downloads = tmp_path / "downloads"
    licences = ["MIT", "see COPYING", "", "CC-BY-NC-4.0", "see COPYING"]
    rows = [npm_package(downloads, f"p{n}", function(f"f{n}"), licence) for n, licence in enumerate(licences)]

    def group(licence: str, rows: list[str]) -> str:
        return f'[[group]]\nregistry = "npm"\nlanguage = "javascript"\n{licence}packages = {json.dumps(rows)}\n'

    (tmp_path / "recipe.toml").write_text(
        'name = "small"\nabout = "Of an archive with rules, and of one without."\n'
        + group('licence = "LicenseRef-scancode-free-unknown"\n', rows[:4])
        + group("", rows[4:])
    )
    recipe = CorpusRecipe.read(tmp_path / "recipe.toml")
    manifest = mine_packages(
        recipe,
        tmp_path / "out",
        MiningOptions(kinds=("docstring-function",), licences=("permissive", "copyleft")),
        downloads=downloads,
        budget=10**9,
        keep=True,
        engine=Engine(workers=1),
    )
    free = "LicenseRef-scancode-free-unknown"
    assert [given["licence"] for given in manifest["inputs"]] == ["MIT", free, free, "CC-BY-NC-4.0", "see COPYING"]
    assert [given["pairs"] for given in manifest["inputs"]] == [1, 1, 1, 0, 0]
    rows_licences = next(PairDataset.open(tmp_path / "out").batches(["licence"]))["licence"]
    assert rows_licences == ["MIT", free, free]


def test_on_the_command_line_with_the_recipes_options(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, downloads = tmp_path / "out", tmp_path / "downloads"
    arguments = ["collect", str(recipe), "--out", str(out), "--downloads", str(downloads), "--workers", "1"]
    assert main([*arguments, "--keep"]) == 0
    assert "docstring-function javascript" in capsys.readouterr().out
    assert len(list(downloads.rglob("*.tgz"))) == 2
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert main(arguments) == 0
    assert not list(downloads.rglob("*.tgz")), "mined and deleted"
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert main(["collect", str(recipe)]) == 1
    assert "--out is missing" in capsys.readouterr().err
    assert main([*arguments, "--budget-gb", "0"]) == 1
    assert "--budget-gb 0.0: expected more than 0" in capsys.readouterr().err
