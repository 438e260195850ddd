import hashlib
import threading
from pathlib import Path

import pytest
from fake_clients import row, wheel_row

from adjoin.collecting import Collected, CorpusRecipe, collect
from adjoin.errors import AdjoinError
from adjoin.tally import Tally
from patience import wait_until

PIP = ("pypi", "python", [wheel_row("alpha"), wheel_row("beta"), wheel_row("gamma")])
NPM = ("npm", "javascript", [row("@scope/delta", "1.2.3", "bytes of scope-delta@1.2.3")])
DEB = (
    "debian",
    "go",
    [row("golang-x-dev", "1:2.0-1", "bytes of golang-x-dev"), row("zoph", "1.5", "bytes of zoph")],
)
SOURCE = ("debian-source", "java", [row("jlib", "1:3.1-2", "bytes of jlib", "bytes of jlib docs")])


def recipe_of(tmp_path: Path, *groups: tuple[str, str, list[str]]) -> CorpusRecipe:
    text = 'name = "small"\nabout = "A test."\ndebian = "bookworm"\n'
    for registry, language, rows in groups:
        quoted = ", ".join(f'"{one}"' for one in rows)
        text += f'[[group]]\nregistry = "{registry}"\nlanguage = "{language}"\npackages = [{quoted}]\n'
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return CorpusRecipe.read(path)


def calls(fakes: Path) -> list[str]:
    log = fakes / "log"
    return log.read_text().splitlines() if log.exists() else []


def names(batches: list[list[Collected]]) -> list[list[str]]:
    return [[one.package.name for one in batch] for batch in batches]


def test_every_registry_gives_its_files(tmp_path: Path, fakes: Path) -> None:
    recipe, tally = recipe_of(tmp_path, PIP, NPM, DEB, SOURCE), Tally()
    [batch] = collect(recipe, tmp_path / "out", tally, budget=10_000, keep=True)
    assert [[str(f.relative_to(tmp_path / "out")) for f in one.files] for one in batch] == [
        ["pypi/alpha-1.0-py3-none-any.whl"],
        ["pypi/beta-1.0-py3-none-any.whl"],
        ["pypi/gamma-1.0-py3-none-any.whl"],
        ["npm/scope-delta-1.2.3.tgz"],
        ["debian/golang-x-dev_1%3a2.0-1_all.deb"],
        ["debian/zoph_1.5_all.deb"],
        ["debian-source/jlib_3.1.orig.tar.xz", "debian-source/jlib_3.1.orig-docs.tar.gz"],
    ]
    assert [one.group.language for one in batch] == ["python"] * 3 + ["javascript", "go", "go", "java"]
    for one in batch:
        hashes = ["sha256:" + hashlib.sha256(file.read_bytes()).hexdigest() for file in one.files]
        assert tuple(hashes) == one.package.hashes
    assert not tally.counts


def test_no_command_line_runs_code_or_touches_the_system(tmp_path: Path, fakes: Path) -> None:
    list(collect(recipe_of(tmp_path, PIP, NPM, DEB, SOURCE), tmp_path / "out", Tally(), budget=10_000))
    [pip] = [call for call in calls(fakes) if call.startswith("pip ")]
    assert pip.endswith("alpha==1.0 beta==1.0 gamma==1.0")
    assert {"--no-deps", "--only-binary=:all:", "--platform=any", "--implementation=cp"} <= set(pip.split())
    [npm] = [call for call in calls(fakes) if call.startswith("npm ")]
    assert npm.startswith("npm pack --ignore-scripts ")
    assert npm.endswith("@scope/delta@1.2.3")
    apt = [call.split() for call in calls(fakes) if call.startswith("apt-get ")]
    apt = [call for call in apt if "--print-uris" not in call]
    assert [call[-1] for call in apt] == ["update", "zoph=1.5", "jlib=1:3.1-2"]
    assert apt[1][-3] == "download"
    assert apt[2][-4:-1] == ["source", "--download-only", "--tar-only"]
    private = tmp_path / "out" / ".apt-bookworm"
    for call in apt:
        assert {f"-o=Dir::State={private}/state", "-o=Dir::Etc::sourceparts=-"} <= set(call)
    sources = (private / "sources.list").read_text().splitlines()
    assert [line.split()[0] for line in sources] == ["deb", "deb-src"]
    assert all(line.endswith("http://mirror.test/debian bookworm main") for line in sources)


def test_batches_stay_within_half_the_budget_and_go_when_the_next_is_asked_for(
    tmp_path: Path, fakes: Path
) -> None:
    recipe, out = recipe_of(tmp_path, PIP), tmp_path / "out"
    size = max(package.size for package, _ in recipe.packages())
    seen = []
    for batch in collect(recipe, out, Tally(), budget=2 * size):
        seen.append(batch)
        assert all(file.exists() for one in batch for file in one.files)
        assert sum(file.stat().st_size for file in out.glob("pypi/*")) <= 2 * size
        assert not any(file.exists() for earlier in seen[:-1] for one in earlier for file in one.files)
    assert names(seen) == [["alpha"], ["beta"], ["gamma"]]
    assert list(out.glob("pypi/*")) == []
    assert list(out.glob(".unfinished*")) == []


def test_keep_keeps_all_and_a_second_run_downloads_nothing(tmp_path: Path, fakes: Path) -> None:
    recipe, out = recipe_of(tmp_path, PIP, NPM, DEB, SOURCE), tmp_path / "out"
    first = list(collect(recipe, out, Tally(), budget=100, keep=True))
    assert len(first) > 1
    before = calls(fakes)
    again = list(collect(recipe, out, Tally(), budget=100, keep=True))
    assert again == first
    assert calls(fakes) == before


def test_a_file_that_was_changed_is_downloaded_again(tmp_path: Path, fakes: Path) -> None:
    recipe, out = recipe_of(tmp_path, PIP), tmp_path / "out"
    list(collect(recipe, out, Tally(), budget=10_000, keep=True))
    changed = out / "pypi" / "beta-1.0-py3-none-any.whl"
    changed.write_text("x")
    [batch] = collect(recipe, out, Tally(), budget=10_000, keep=True)
    assert changed.read_text() == "bytes of beta==1.0"
    assert len(batch) == 3
    assert calls(fakes)[-1].endswith(" beta==1.0")
    assert "alpha" not in calls(fakes)[-1]


def test_what_is_done_is_not_downloaded(tmp_path: Path, fakes: Path) -> None:
    progress_calls: list[tuple[int, int, int]] = []
    recipe = recipe_of(tmp_path, PIP)
    [batch] = collect(
        recipe,
        tmp_path / "out",
        Tally(),
        budget=10_000,
        done={"pypi:alpha 1.0", "pypi:gamma 1.0"},
        progress=lambda *now: progress_calls.append(now),
    )
    assert names([batch]) == [["beta"]]
    assert progress_calls == [(1, 1, batch[0].package.size)]
    assert "alpha" not in " ".join(calls(fakes))


def test_one_that_is_gone_does_not_take_the_others_along(tmp_path: Path, fakes: Path) -> None:
    (fakes / "gone-beta").touch()
    (fakes / "gone-zoph").touch()
    tally = Tally()
    [batch] = collect(recipe_of(tmp_path, PIP, DEB), tmp_path / "out", tally, budget=10_000)
    assert names([batch]) == [["alpha", "gamma", "golang-x-dev"]]
    assert tally.counts == {"not in the registry": 2}
    assert sum(" download " in call for call in calls(fakes) if call.startswith("apt-get")) == 1
    assert [example.partition(":")[2].split(":")[0] for example in tally.examples["not in the registry"]] == [
        "beta 1.0",
        "zoph 1.5",
    ]


def test_other_bytes_than_the_recipe_has_are_counted_and_not_kept(tmp_path: Path, fakes: Path) -> None:
    (fakes / "other-bytes").touch()
    tally = Tally()
    assert list(collect(recipe_of(tmp_path, PIP), tmp_path / "out", tally, budget=10_000, keep=True)) == []
    assert tally.counts == {"hash differs": 3}
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_without_the_network_each_registry_is_tried_twice_and_no_more(tmp_path: Path, fakes: Path) -> None:
    (fakes / "offline").touch()
    tally = Tally()
    assert list(collect(recipe_of(tmp_path, PIP), tmp_path / "out", tally, budget=10_000)) == []
    assert tally.counts == {"network error": 3}
    assert "Could not connect" in tally.examples["network error"][0]
    assert len(calls(fakes)) == 2


def test_a_missing_client_is_counted(tmp_path: Path, fakes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    tally = Tally()
    assert list(collect(recipe_of(tmp_path, PIP, NPM), tmp_path / "out", tally, budget=10_000)) == []
    assert tally.counts == {"client missing": 4}
    assert "no pip on the PATH" in tally.examples["client missing"][0]


def test_a_full_disk_ends_the_run(tmp_path: Path, fakes: Path) -> None:
    (fakes / "full").touch()
    with pytest.raises(AdjoinError, match=r"the disk of .* is full: make room"):
        list(collect(recipe_of(tmp_path, PIP), tmp_path / "out", Tally(), budget=10_000))
    assert list((tmp_path / "out").glob(".unfinished*")) == []


def test_a_package_that_the_budget_cannot_hold_is_counted(tmp_path: Path, fakes: Path) -> None:
    tally = Tally()
    large = ("pypi", "python", [wheel_row("alpha"), wheel_row("a-very-long-name-of-a-package")])
    [batch] = collect(recipe_of(tmp_path, large), tmp_path / "out", tally, budget=50)
    assert names([batch]) == [["alpha"]]
    assert tally.counts == {"larger than half the disk budget": 1}
    with pytest.raises(AdjoinError, match="a disk budget of 0 bytes; expected"):
        list(collect(recipe_of(tmp_path, large), tmp_path / "out", tally, budget=0))


def test_an_interrupted_download_leaves_no_final_name(tmp_path: Path, fakes: Path) -> None:
    recipe, out = recipe_of(tmp_path, PIP), tmp_path / "out"
    before = set(threading.enumerate())  # other tests may have left threads of Ray or of a progress bar
    size = max(package.size for package, _ in recipe.packages())
    (fakes / "slow-gamma").touch()
    batches = collect(recipe, out, Tally(), budget=2 * size)
    assert names([next(batches), next(batches)]) == [["alpha"], ["beta"]]
    wait_until((fakes / "begun").exists)
    batches.close()  # as Ctrl-C does, by leaving the loop; the download would go on for ever
    assert not (out / "pypi" / "gamma-1.0-py3-none-any.whl").exists()
    assert list(out.glob(".unfinished*")) == []
    assert set(threading.enumerate()) <= before


def test_what_a_killed_run_left_is_removed(tmp_path: Path, fakes: Path) -> None:
    left = tmp_path / "out" / ".unfinished-abc"
    left.mkdir(parents=True)
    (left / "alpha-1.0-py3-none-any.whl").write_text("half")
    [batch] = collect(recipe_of(tmp_path, PIP), tmp_path / "out", Tally(), budget=10_000)
    assert len(batch) == 3
    assert not left.exists()


def test_without_a_mirror_of_debian_the_error_says_what_is_missing(tmp_path: Path, fakes: Path) -> None:
    apt = tmp_path / "fakes" / "apt-get"
    apt.write_text('#!/bin/sh\necho "$*" >> "$FAKES/log"\n')
    tally = Tally()
    assert list(collect(recipe_of(tmp_path, DEB), tmp_path / "out", tally, budget=10_000)) == []
    assert tally.counts == {"no mirror of Debian": 2}
    assert len(calls(fakes)) == 1
