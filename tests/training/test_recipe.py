from pathlib import Path

import pytest

from adjoin.errors import AdjoinError
from adjoin.model.presets import PRESETS
from adjoin.training.recipe import Recipe
from adjoin.training.schedule import Budget, lr_scale


def test_defaults_depend_on_the_body_and_given_options_win() -> None:
    static, nano = Recipe.with_defaults(preset="static"), Recipe.with_defaults(preset="nano")
    assert static.token_dropout > 0
    assert nano.token_dropout == 0
    assert Recipe.with_defaults(preset="static", token_dropout=0.0).token_dropout == 0
    assert Recipe.with_defaults(steps=5).epochs is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "huge"}, "unknown preset 'huge': expected one of static, nano"),
        ({"preset": "nano", "dimension": 5}, "--dimension 5"),
        ({"dimension": 0}, "--dimension 0"),
        ({"layers": 3}, "--layers 3 goes with --init"),
        ({"init": "/nowhere"}, "no checkpoint at /nowhere"),
        ({"batch": 1}, "batch is 1: expected 2 or more"),
        ({"token_dropout": 1.5}, "token_dropout is 1.5: expected 0 to 0.95"),
        ({"steps": 0}, "steps is 0"),
        ({"colour": "red"}, "unknown recipe option colour: expected average, batch"),
        ({"stpes": 3}, r"unknown recipe option stpes, did you mean 'steps'\?"),
        ({"learningrate": 3}, r"did you mean 'learning_rate'\?"),
        ({"local-negatives": 3}, r"did you mean 'local_negatives'\?"),
        ({"steps": 10**30}, "steps is 1000000"),
        ({"learning_rate": 1e300}, "learning_rate is 1e\\+300"),
        ({"dimensions": [10**30]}, "dimensions is"),
        ({"lora": 10**9, "init": "code"}, "lora is 1000000000: expected 1 to 65536"),
        ({"max_tokens": 10**12}, "max_tokens is 1000000000000: expected 3 to"),
        ({"batch": "many"}, "batch is 'many', expected int"),
        ({"steps": 1.5}, "steps is 1.5, expected int"),
        ({"batch": True}, "batch is True, expected int"),
        ({"preset": ["nano"]}, "preset is"),
        ({"seed": -1}, "seed is -1: expected 0 to"),
        ({"epochs": 0.0}, "epochs is 0"),
        ({"minutes": 0}, "minutes is 0"),
        ({"epochs": float("nan")}, "epochs is nan"),
        ({"vocabulary": 10**11}, "vocabulary is 100000000000"),
        ({"weight_decay": -1}, "weight_decay is -1"),
        ({"dense_weight": 1.5}, "dense_weight is 1.5: expected 0 to 1"),
        ({"dense_weight": -0.1}, "dense_weight is -0.1: expected 0 to 1"),
        ({"dense_weight": "half"}, "dense_weight is 'half', expected float"),
    ],
)
def test_wrong_options_are_one_line(options: dict[str, object], message: str) -> None:
    with pytest.raises(AdjoinError, match=message):
        Recipe.with_defaults(**options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stpes = 3", r"unknown recipe option stpes, did you mean 'steps'\?"),
        ("steps = 3\nsteps = 4", "cannot be read: Cannot overwrite a value"),
        ("steps = '3'", "steps is '3', expected int"),
        ("epochs = nan", "epochs is nan"),
        ("epochs = inf", "epochs is inf"),
        ("seed = 1" + "0" * 5000, "cannot be read"),
        ("seed = 1" + "0" * 40, "seed is 1000"),
        ("[train]\nsteps = 3", "unknown recipe option train"),
        ("steps = ", "cannot be read"),
        ("x = " + "[" * 5000, "cannot be read|recipe option x"),
        ("\ufeffsteps = 3", "cannot be read"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_it(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    for content in (text.encode(), b"\xff\xfe" + text.encode("utf-16-le")):
        path.write_bytes(content)
        with pytest.raises(AdjoinError, match=message if content == text.encode() else "cannot be read") as caught:
            Recipe.read(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_options_by_their_former_names_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "old.toml"
    path.write_text("neighbours = 4\n")
    assert Recipe.read(path) == {"local_negatives": 4}
    assert Recipe.with_defaults(neighbours=4) == Recipe.with_defaults(local_negatives=4)
    with pytest.raises(AdjoinError, match="neighbours is the former name of local_negatives: give one of them"):
        Recipe.with_defaults(neighbours=4, local_negatives=8)
    with pytest.raises(AdjoinError, match="local_negatives is 0: expected 1 or more"):
        Recipe.with_defaults(neighbours=0)


def test_recipe_files(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text('preset = "nano"\nsteps = 7\n')
    assert Recipe.with_defaults(**Recipe.read(path)).steps == 7
    path.write_text("preset = ")
    with pytest.raises(AdjoinError, match="cannot be read"):
        Recipe.read(path)
    with pytest.raises(AdjoinError, match="missing"):
        Recipe.read(tmp_path / "none.toml")


def test_the_rate_rises_falls_and_ends_at_zero() -> None:
    assert lr_scale(0, 0.1) == 0.01
    assert lr_scale(0.05, 0.1) == pytest.approx(0.5)
    assert lr_scale(0.1, 0.1) == 1
    assert lr_scale(0.55, 0.1) == pytest.approx(0.5)
    assert lr_scale(1, 0.1) == 0
    assert lr_scale(0, 0) == 1


def test_the_first_bound_ends_the_training() -> None:
    assert Budget(10, None).progress(5, 1e9) == 0.5
    assert Budget(10, 100.0).progress(5, 80) == 0.8
    assert Budget(10, 100.0).progress(20, 80) == 1


def test_the_batch_suits_body_and_number_of_pairs() -> None:
    static, nano = Recipe.with_defaults(), Recipe.with_defaults(preset="nano")
    assert (static.batch_for(1_000_000), nano.batch_for(1_000_000)) == (1_024, 512)
    assert (static.batch_for(1_600), static.batch_for(100)) == (100, 16)
    assert Recipe.with_defaults(batch=300).batch_for(300) == 300
    with pytest.raises(AdjoinError, match="299 pairs do not fill one batch of 300: mine more, or give"):
        Recipe.with_defaults(batch=300).batch_for(299)
    with pytest.raises(AdjoinError, match="9 pairs do not fill one batch of 16: mine more"):
        static.batch_for(9)


def test_the_recipes_of_the_repository_are_what_they_say() -> None:
    folder = Path(__file__).parents[2] / "recipes"
    options = {path.stem: Recipe.read(path) for path in sorted(folder.glob("*.toml"))}
    static = Recipe.with_defaults(**options["static"])
    # Named in the file, for a reader; the defaults of a static table all the same.
    assert (static.epochs, static.learning_rate, static.token_dropout, static.max_tokens) == (
        (usual := Recipe.with_defaults()).epochs,
        usual.learning_rate,
        usual.token_dropout,
        usual.max_tokens,
    )
    assert static.batch == usual.batch_for(1_000_000)
    assert static.dimension == PRESETS["static"].dimension
    start = Recipe.with_defaults(**options["smollm2-4"], init=str(folder)).start  # any path that exists
    assert start.layers == 4
