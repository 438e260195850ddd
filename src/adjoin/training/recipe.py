"""A whole training's options, with defaults that depend on the body, from a TOML file or the command line."""

import tomllib
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

from adjoin.errors import AdjoinError
from adjoin.files import wrong_types
from adjoin.model.presets import preset_named
from adjoin.model.start import Start


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is trained, and how long.

    The training ends at the first of `steps`, `epochs` and `minutes` that is reached; the learning rate has come
    down to zero by then.

    Attributes:
        preset: size of the body; ignored with a checkpoint.
        init: checkpoint to start from: a transformers folder or a GGUF file.
        layers: keep only the checkpoint's first so many layers.
        dimension: of a static table's vectors.
        vocabulary: tokens to learn from the pairs; None for the preset's number.
        max_tokens: longest sequence, delimiters included.
        batch: pairs a batch, M; None for what suits body and number of pairs.
        epochs, steps, minutes: bounds; at least one must be given.
        learning_rate: of the body, at its highest.
        weight_learning_rate: of a static table's token weights.
        tau_learning_rate: of the temperature parameter.
        weight_decay: AdamW's, on matrices only.
        warmup: share of the training in which the rate rises.
        clip: largest norm of the gradient.
        token_dropout: share of the tokens left out at each visit.
        token_budget: padded tokens of a micro-batch; small ones pad less and stay in the processor's cache.
        memory_tokens: padded tokens whose activations may be kept: a larger batch is embedded twice.
        seed: of everything random.
        checkpoint_minutes: how often the state is saved.
    """

    preset: str = "static"
    init: str | None = None
    layers: int | None = None
    dimension: int | None = None
    vocabulary: int | None = None
    max_tokens: int = 256
    batch: int | None = None
    epochs: float | None = None
    steps: int | None = None
    minutes: float | None = None
    learning_rate: float = 1e-3
    weight_learning_rate: float = 1e-2
    tau_learning_rate: float = 1e-2
    weight_decay: float = 0.01
    warmup: float = 0.05
    clip: float = 1.0
    token_dropout: float = 0.0
    token_budget: int = 2_048
    memory_tokens: int = 16_384
    seed: int = 0
    checkpoint_minutes: float = 2.0

    @classmethod
    def with_defaults(cls, **given: Any) -> Self:  # noqa: ANN401 - any of the fields
        """A recipe of the given options; the others by what suits the body.

        Raises:
            AdjoinError: an option does not exist, or its value is out of range.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(given) - known)
        if unknown:
            raise AdjoinError(f"unknown recipe option {', '.join(unknown)}: expected {', '.join(sorted(known))}")
        given = {name: value for name, value in given.items() if value is not None}
        if wrong := wrong_types(given, {field.name: field.type for field in fields(cls)}):
            raise AdjoinError(f"wrong recipe option: {wrong}")
        static = given.get("init") is None and given.get("preset", "static") == "static"
        recipe = cls(**{**(_STATIC if static else _TRANSFORMER), **given})
        if recipe.epochs is None and recipe.steps is None and recipe.minutes is None:
            recipe = replace(recipe, epochs=_EPOCHS_STATIC if static else _EPOCHS_TRANSFORMER)
        recipe.check()
        return recipe

    @classmethod
    def read(cls, path: Path) -> dict[str, Any]:
        """The options of a recipe file.

        Raises:
            AdjoinError: the file is missing or not TOML.
        """
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise AdjoinError(f"no recipe at {path}: the file is missing") from None
        except (OSError, ValueError, RecursionError) as error:
            raise AdjoinError(f"the recipe {path} cannot be read: {error}") from None

    def check(self) -> None:
        """Refuse values out of range.

        Raises:
            AdjoinError: naming the value and what was expected.
        """
        if self.init is None:
            preset_named(self.preset)
        elif not Path(self.init).exists():
            raise AdjoinError(f"no checkpoint at {self.init}: expected a transformers folder or a .gguf file")
        if self.layers is not None and self.init is None:
            raise AdjoinError(f"--layers {self.layers} goes with --init CHECKPOINT; a preset has its own number")
        if self.dimension is not None and not (self.start.is_static and 1 <= self.dimension <= _WIDEST):
            raise AdjoinError(
                f"--dimension {self.dimension}: a static table takes 1 to {_WIDEST:,}, a transformer has its"
                " preset's"
            )
        bounds = (
            ("batch", 2, None),
            ("max_tokens", 3, None),
            ("token_budget", 1, None),
            ("memory_tokens", 0, None),
            ("vocabulary", 512, 1 << 20),  # the learner reserves memory for what is asked, or ends the process
            ("steps", 1, None),
            ("epochs", 0.001, None),
            ("minutes", 0.001, None),
            ("token_dropout", 0, 0.95),
            ("warmup", 0, 1),
            ("learning_rate", 0, None),
            ("weight_learning_rate", 0, None),
            ("tau_learning_rate", 0, None),
            ("weight_decay", 0, None),
            ("clip", 1e-6, None),
            ("seed", 0, (1 << 32) - 1),
            ("checkpoint_minutes", 0, None),
        )
        for name, low, high in bounds:
            value = getattr(self, name)
            if value is not None and (value < low or (high is not None and value > high)):
                raise AdjoinError(f"{name} is {value}: expected {low}{f' to {high}' if high else ' or more'}")

    @property
    def start(self) -> Start:
        """Where the training begins."""
        if self.init is not None:
            return Start(None, str(Path(self.init).resolve()), self.layers, None, self.seed)
        return Start(self.preset, None, None, self.dimension, self.seed)

    def batch_for(self, number: int) -> int:
        """The batch size, given or settled for so many pairs.

        A small set of pairs gets at least `_STEPS_AN_EPOCH` batches an epoch, of at least 16 pairs.

        Raises:
            AdjoinError: the pairs do not fill one batch.
        """
        usual = _BATCH_STATIC if self.start.is_static else _BATCH_TRANSFORMER
        batch = self.batch or min(usual, max(16, number // _STEPS_AN_EPOCH))
        if number < batch:
            raise AdjoinError(
                f"{number:,} pairs do not fill one batch of {batch:,}: mine more"
                + (", or give a smaller --batch" if self.batch else "")
            )
        return batch

    def as_json(self) -> dict[str, Any]:
        """All options that are set."""
        return {name: value for name, value in asdict(self).items() if value is not None}


_WIDEST = 65_536  # dimensions of a static table

# Measured in docs/LOG.md; the paper gives none of these.
_STATIC: dict[str, Any] = {"learning_rate": 5e-4, "max_tokens": 512, "token_dropout": 0.3, "weight_decay": 0.0}
_TRANSFORMER: dict[str, Any] = {"learning_rate": 1e-3, "max_tokens": 128}
_BATCH_STATIC, _BATCH_TRANSFORMER, _STEPS_AN_EPOCH = 1_024, 512, 16
_EPOCHS_STATIC, _EPOCHS_TRANSFORMER = 10.0, 1.0
