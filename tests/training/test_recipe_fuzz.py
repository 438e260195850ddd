"""Recipes of trainings and of corpora, with pieces changed, doubled, cut and of other types: one line, or a recipe."""  # noqa: E501

from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.collecting.recipe import CorpusRecipe
from adjoin.errors import AdjoinError
from adjoin.mining import MiningOptions
from adjoin.training.recipe import CHOICES, Recipe
from fuzzing import fuzz

PLACE = Path(mkdtemp(prefix="adjoin-fuzz-"))
NAMES = [*Recipe.__dataclass_fields__, "stpes", "neighbours", "train", "mine", "group", '"a.b"', "x.y", ""]
HASH = "sha256:" + "0" * 64

numbers = st.one_of(
    st.integers(-10, 1000), st.sampled_from([2**31, 2**63, 2**64, 10**30, 10**400, -(2**70)]), st.floats(width=32)
).map(repr)
words = st.sampled_from(
    ["", "static", "nano", "code", "text", "muon", "package:os/x", "\0", "../..", "\udcff", "é" * 40, HASH]
    + [choice for known in CHOICES.values() for choice in known]
)
texts = st.one_of(words, st.text(max_size=12)).map(
    lambda text: '"' + text.encode("utf-8", "replace").decode().replace("\\", "\\\\").replace('"', '\\"') + '"'
)
plain = st.one_of(
    numbers, texts, st.sampled_from(["true", "false", "nan", "inf", "-inf", "1979-05-27", "0x_f", "'", "[["])
)
values = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda parts: f"[{', '.join(parts)}]"),
        st.lists(inner, max_size=2).map(
            lambda parts: "{" + ", ".join(f"k{n} = {v}" for n, v in enumerate(parts)) + "}"
        ),
    ),
    max_leaves=6,
)
lines = st.tuples(st.sampled_from(NAMES), values).map(" = ".join)
likely = st.sampled_from(
    ["steps = 3", "epochs = 1.5", 'preset = "nano"', "batch = 16", "seed = 0", 'init = "code"', "layers = 2", "lora = 4",  # noqa: E501
     "prune = true", "dimensions = [4, 8]", "hidden = 16", 'optimizer = "muon"', "shard = true", "warmup = 0.1"]
)  # fmt: skip
rows = st.one_of(
    st.sampled_from([f"networkx 3.5 100 {HASH}", "networkx", "a 1", f"a 1 9 {HASH} {HASH}", f"-x 1 9 {HASH}", ""]),
    st.text(max_size=30),
).map(
    lambda row: (
        '"' + row.encode("utf-8", "replace").decode().replace("\\", "").replace('"', "").replace("\n", " ") + '"'
    )
)
groups = st.builds(
    lambda registry, inside, more: (
        f'[[group]]\nregistry = {registry}\nlanguage = "Python"\npackages = [{", ".join(inside)}]\n{more}\n'
    ),
    st.sampled_from(['"pypi"', '"debian"', '"npm"', '"crates"', "5"]),
    st.lists(rows, max_size=3),
    st.one_of(
        st.just(""),
        lines,
        st.sampled_from(['leave_out = ["*"]', 'licence = "MIT"', "packages = 3", "language = 1"]),
    ),
)
mined = st.lists(
    st.tuples(st.sampled_from([*MiningOptions.__dataclass_fields__, "colour"]), values).map(" = ".join), max_size=3
)
corpora = st.builds(
    lambda head, table, parts: head + "\n[mine]\n" + "\n".join(table) + "\n" + "\n".join(parts),
    st.sampled_from(
        [
            'name = "x"\nabout = "y"',
            'name = "x"',
            "name = 5\nabout = 1",
            'name = "x"\nabout = "y"\ndebian = "bookworm"',
        ]
    ),
    mined,
    st.lists(groups, max_size=3),
)


@st.composite
def damaged(draw: Any, content: Any) -> bytes:  # noqa: ANN401 - hypothesis
    """The bytes of a text, sometimes cut, doubled, with other bytes inside or in another encoding."""
    text = draw(content)
    data: bytes = text.encode(draw(st.sampled_from(["utf-8"] * 8 + ["utf-16", "utf-8-sig", "utf-32"])), "replace")
    how = draw(st.sampled_from(["", "", "", "cut", "doubled", "byte", "deep"]))
    at = draw(st.integers(0, max(0, len(data) - 1)))
    if how == "cut":
        return data[:at]
    if how == "doubled":
        return data + b"\n" + data
    if how == "byte":
        return data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
    return data + b"\nx = " + b"[" * 2000 if how == "deep" else data


@given(damaged(st.lists(st.one_of(likely, lines), max_size=6).map("\n".join)), st.booleans())
def a_training(data: bytes, generative: bool) -> None:
    path = PLACE / "training.toml"
    path.write_bytes(data)
    given = Recipe.read(path)
    recipe = Recipe.for_pretraining(**given) if generative else Recipe.with_defaults(**given)
    try:
        assert recipe.budget(100) is not None
        recipe.batch_for(1000)
    except AdjoinError:
        pass
    assert recipe == Recipe(**recipe.as_json())


@given(damaged(corpora), st.booleans())
def a_corpus(data: bytes, pinned: bool) -> None:
    path = PLACE / "corpus.toml"
    path.write_bytes(data)
    recipe = CorpusRecipe.read(path, pinned=pinned)
    MiningOptions.of_values(recipe.mine, "the recipe's [mine]")
    path.write_text(recipe.text())
    assert CorpusRecipe.read(path, pinned=pinned) == recipe


@pytest.mark.parametrize("case", [a_training, a_corpus])
def test_some_recipes_are_read_or_refused(case: Any) -> None:  # noqa: ANN401
    fuzz(case, 300)


@pytest.mark.slow
@pytest.mark.parametrize("case", [a_training, a_corpus])
def test_many_recipes_are_read_or_refused(case: Any) -> None:  # noqa: ANN401
    fuzz(case, 5_000)
