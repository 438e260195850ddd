"""Which index of a database answers for a path: that of the nearest indexed folder above, or the named one."""

from pathlib import Path

import pytest
from bag_encoder import BagEncoder, write

from adjoin.errors import AdjoinError
from adjoin.index.folders.choice import Choice
from adjoin.index.folders.repositories import Repositories
from adjoin.index.folders.status import status_of
from adjoin.index.folders.stored import stored_targets
from adjoin.index.folders.targets import Target
from adjoin.index.postgres.address import StoreAddress, name_of
from adjoin.index.refresh import refresh
from postgres_server import Server


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path / "app", {"src/a.py": "def alpha(): pass\n", "docs/b.md": "# Beta\n\nSome words.\n"})


def test_an_index_is_found_from_below(
    postgres: Server, root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    database = StoreAddress.parse(postgres.url())
    assert stored_targets(database, [root / "src"]) == [
        Target(root / "src", database.for_root(root / "src"), root / "src")
    ], "no index is there yet"
    refresh(root, database.for_root(root), BagEncoder())
    (whole,) = stored_targets(database, [root])
    assert (whole.root, whole.within) == (root, {})
    assert isinstance(whole.folder, StoreAddress)
    assert whole.folder.name == name_of(root)
    (part,) = stored_targets(database, [root / "src", root / "docs/b.md"])
    assert (part.root, set(part.within)) == (root, {"src", "docs/b.md"})
    monkeypatch.chdir(root / "src")
    assert stored_targets(database)[0].root == root
    assert stored_targets(database)[0].within == {}
    other = write(tmp_path / "other", {"c.py": "def c(): pass\n"})
    assert [target.root for target in stored_targets(database, [other, root])] == [other, root]
    with pytest.raises(AdjoinError, match="absent does not exist"):
        stored_targets(database, [root / "absent"])


def test_a_named_index_is_searched_from_another_copy(
    postgres: Server, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = postgres.address()
    refresh(root, address, BagEncoder())
    (target,) = stored_targets(address, [root / "src"])
    assert (target.root, set(target.within)) == (root, {"src"})
    with pytest.raises(AdjoinError, match=r"is not in .*app, which is the folder of postgresql://"):
        stored_targets(address, [tmp_path])
    copy = root.rename(tmp_path / "copy")
    write(copy, {"new.py": "def new(): pass\n"})
    (target,) = stored_targets(address, [copy])
    assert target.root == copy
    monkeypatch.setattr("adjoin.index.folders.repositories.refresh", None)  # a search leaves it as it is
    found = Repositories(words_only=True).search([target], "alpha", mode="lexical")
    assert [one.file for one in found] == [str(copy / "src/a.py")]


def test_the_choice_of_files_is_kept_with_the_index(postgres: Server, root: Path) -> None:
    address = postgres.address()
    assert Choice.of(address) == Choice()
    choice = Choice.made(address, None, ["docs/"])
    refresh(root, address, BagEncoder(), exclude=choice.exclude)
    choice.write(address)
    assert Choice.made(address, ["*.py"], None) == Choice(["*.py"], ["docs/"])
    state = status_of(Target(root, address))
    assert [record.path for record in state.indexed()] == ["src/a.py"]
    assert (state.added, state.changed, state.removed) == ([], [], [])
    assert f"index: {address}, " in "\n".join(state.lines())
    postgres.execute(f"UPDATE \"{address.schema}\".meta SET value = '[1' WHERE key = 'choice'")
    with pytest.raises(AdjoinError, match=r"the choice of files in .* is damaged"):
        Choice.of(address)
