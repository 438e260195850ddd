from pathlib import Path

import pytest

from adjoin.collecting import CorpusRecipe
from adjoin.errors import AdjoinError

RECIPES = Path(__file__).parents[2] / "recipes" / "corpora"
HASH = "sha256:" + "0" * 64
HEAD = 'name = "small"\nabout = "A test."\ndebian = "bookworm"\n'
ROW = f'"networkx 3.5 100 {HASH}"'


def recipe_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return path


def group(rows: str = ROW, registry: str = "pypi", more: str = "") -> str:
    return f'[[group]]\nregistry = "{registry}"\nlanguage = "python"\n{more}\npackages = [{rows}]\n'


def test_reads_what_it_writes(tmp_path: Path) -> None:
    text = HEAD + '[mine]\ncap = 8000\nlanguages = ["go"]\n'
    text += group(more='leave_out = ["pylint*"]')
    text += group(f'"jlib 1:3.1-2 9 {HASH} {HASH}"', "debian-source", 'licence = "MIT"')
    recipe = CorpusRecipe.read(recipe_of(tmp_path, text))
    assert recipe.mine == {"cap": 8000, "languages": ["go"]}
    assert recipe.size == 109
    assert [package.id for package, _ in recipe.packages()] == ["pypi:networkx 3.5", "debian-source:jlib 1:3.1-2"]
    assert len(recipe.groups[1].packages[0].hashes) == 2
    assert [group.licence for group in recipe.groups] == ["", "MIT"]
    again = tmp_path / "again.toml"
    again.write_text(recipe.text())
    assert CorpusRecipe.read(again) == recipe


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (HEAD + "speed = 1\n" + group(), "unknown key 'speed'"),
        (HEAD + "[minee]\n" + group(), "unknown key 'minee' in a recipe, did you mean 'mine'? expected"),
        (
            HEAD + group(more='license = "MIT"'),
            "unknown key 'license' in a group, did you mean 'licence'? expected",
        ),
        (HEAD + group(f'"networkx 3.5 {"9" * 40} {HASH}"'), "expected NAME VERSION BYTES sha256:HEX"),
        (HEAD + group(more="hurry = true"), "group 1: unknown key 'hurry'"),
        ('about = "x"\n' + group(), "name is None; expected a string"),
        (HEAD, "no [[group]]"),
        (HEAD + "group = 3\n", "no [[group]]"),
        (HEAD + "mine = 3\n" + group(), "mine is 3; expected a table"),
        (HEAD + group(registry="crates"), "registry is 'crates'; expected pypi, debian"),
        (HEAD + group(""), "packages is empty; expected one row per package"),
        (HEAD + group(more='licence = ""'), "group 1: licence is ''; expected a string"),
        (HEAD + group("7"), "packages is [7]; expected a list of strings"),
        (HEAD + group('"networkx"'), "pypi:networkx is not pinned"),
        (HEAD + group('"networkx 3.5"'), "pypi:networkx 3.5 is not pinned"),
        (HEAD + group(f'"networkx 3.5 {HASH}"'), "expected NAME VERSION BYTES sha256:HEX"),
        (HEAD + group(f'"networkx 3.5 many {HASH}"'), "expected NAME VERSION BYTES sha256:HEX"),
        (HEAD + group('"networkx 3.5 100 sha256:12"'), "'sha256:12' is not a hash"),
        (HEAD + group('"networkx 3.5 100 md5:00"'), "'md5:00' is not a hash"),
        (
            HEAD + group(f'"networkx 3.5 100 {HASH} {HASH}"'),
            "2 hashes; expected one, because a package of pypi is one file",
        ),
        (HEAD + group(f'"--index-url 3.5 100 {HASH}"'), "'--index-url' is not a package name"),
        (HEAD + group(f'"networkx -3 100 {HASH}"'), "'-3' is not a version"),
        (HEAD + group('""'), "'' is not a package name"),
        (HEAD + group(f"{ROW}, {ROW}"), "pypi:networkx is listed twice"),
        (HEAD + group() + group(), "pypi:networkx is listed twice"),
        (HEAD + group(more='leave_out = ["Net*"]'), "is excluded (leave_out has 'Net*')"),
        (
            HEAD + group(more='leave_out = ["a.b"]').replace("networkx", "A_B"),
            "is excluded (leave_out has 'a.b')",
        ),
        (HEAD.replace("bookworm", "12; rm") + group(), "debian is '12; rm'; expected the codename"),
        ('name = "x"\nabout = "x"\n' + group(f'"zoph 1 9 {HASH}"', "debian"), "name their release"),
        ("name = ", "cannot be read"),
    ],
)
def test_malformed_recipes_are_refused_in_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = recipe_of(tmp_path, text)
    with pytest.raises(AdjoinError) as caught:
        CorpusRecipe.read(path)
    assert complaint in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(AdjoinError, match=r"no corpus recipe at .*nowhere"):
        CorpusRecipe.read(tmp_path / "nowhere.toml")


def test_rows_without_versions_wait_for_the_pin(tmp_path: Path) -> None:
    recipe = CorpusRecipe.read(recipe_of(tmp_path, HEAD + group('"networkx", "ase 3.1"')), pinned=False)
    assert [package.row for package, _ in recipe.packages()] == ["networkx", "ase 3.1"]


@pytest.mark.parametrize("name", ["code", "dictionaries", "prose"])
def test_the_recipes_that_we_ship_are_pinned(name: str) -> None:
    recipe = CorpusRecipe.read(RECIPES / f"{name}.toml")
    assert recipe.name == name
    assert recipe.size < 3e9


# Packages that the code search sets are cut from, under the names that registries have them.
MEASURED_ON = {
    "pypi": ["librosa", "pylint", "pyOpenSSL", "PyKMIP", "s4cmd", "you-get"],
    "npm": ["axios", "negotiator", "semantic-ui-react"],
    "debian-source": ["georegression", "rx-java"],
    "debian": [
        "golang-etcd-server-dev",
        "golang-github-hashicorp-raft-dev",
        "golang-google-appengine-dev",
        "ruby-gitlab",
        "ruby-net-ssh",
        "ruby-paper-trail",
    ],
}


@pytest.mark.parametrize("registry", MEASURED_ON)
def test_the_code_recipe_leaves_out_what_it_is_measured_on(registry: str) -> None:
    recipe = CorpusRecipe.read(RECIPES / "code.toml")
    taken = {package.name.lower() for package, _ in recipe.packages() if package.registry == registry}
    assert taken
    assert not taken & {name.lower() for name in MEASURED_ON[registry]}
    for name in MEASURED_ON[registry]:
        assert any(group.leaves_out(name) for group in recipe.groups if group.registry == registry), name
