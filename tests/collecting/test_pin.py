from pathlib import Path

from fake_clients import row, wheel_row

from adjoin.collecting import CorpusRecipe, collect, pin
from adjoin.tally import Tally

TEXT = """
name = "small"
about = "A test."
debian = "bookworm"
[mine]
cap = 5
[[group]]
registry = "pypi"
language = "python"
leave_out = ["pylint"]
packages = ["alpha", "beta 1.0", "{pinned}"]
[[group]]
registry = "npm"
language = "javascript"
packages = ["@scope/delta"]
[[group]]
registry = "debian"
language = "go"
packages = ["zoph"]
[[group]]
registry = "debian-source"
language = "java"
packages = ["jlib", "elsewhere"]
"""


def unpinned(tmp_path: Path) -> CorpusRecipe:
    path = tmp_path / "recipe.toml"
    path.write_text(TEXT.format(pinned=wheel_row("gamma")))
    return CorpusRecipe.read(path, pinned=False)


def test_a_pinned_recipe_collects_what_it_was_pinned_to(tmp_path: Path, fakes: Path) -> None:
    tally = Tally()
    pinned = pin(unpinned(tmp_path), tmp_path / "out", tally)
    rows = [package.row for package, _ in pinned.packages()]
    assert rows == [
        wheel_row("alpha", "2.0"),
        wheel_row("beta"),
        wheel_row("gamma"),
        row("@scope/delta", "7.0.0", "bytes of scope-delta@7.0.0"),
        row("zoph", "1:4.0-1", "bytes of zoph"),
        row("jlib", "1:3.1-2", "bytes of jlib docs", "bytes of jlib"),  # -docs before .tar in the order of names
    ]
    assert pinned.mine == {"cap": 5}
    assert tally.counts == {"not in the registry": 1}
    (tmp_path / "pinned.toml").write_text(pinned.text())
    recipe = CorpusRecipe.read(tmp_path / "pinned.toml")
    assert recipe == pinned
    before = (fakes / "log").read_text()
    tally = Tally()
    [batch] = collect(recipe, tmp_path / "out", tally, budget=10_000)
    assert len(batch) == 6
    assert not tally.counts
    assert "gamma==1.0" in (fakes / "log").read_text().removeprefix(before)  # the others were there


def test_afresh_forgets_the_versions(tmp_path: Path, fakes: Path) -> None:
    pinned = pin(unpinned(tmp_path), tmp_path / "out", Tally(), afresh=True)
    versions = {package.name: package.version for package, _ in pinned.packages()}
    assert versions["beta"] == versions["gamma"] == "2.0"


def test_what_is_gone_is_left_out_and_counted(tmp_path: Path, fakes: Path) -> None:
    (fakes / "gone-beta").touch()
    (fakes / "gone-zoph").touch()
    tally = Tally()
    pinned = pin(unpinned(tmp_path), tmp_path / "out", tally)
    assert [group.registry for group in pinned.groups] == ["pypi", "npm", "debian-source"]
    assert "beta" not in {package.name for package, _ in pinned.packages()}
    assert tally.counts == {"not in the registry": 3}
