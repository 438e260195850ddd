"""A training's options: defaults that depend on the body, read from a TOML file or the command line.

`Recipe`'s docstring is the reference of all options. The command line is generated from it
(cli/training_arguments.py): each field's type, choices and description.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from adjoin.errors import AdjoinError, nearest
from adjoin.files import read_toml, wrong_types
from adjoin.model.locations import is_static_model, locate_model, portable_name
from adjoin.model.presets import preset_named
from adjoin.training.schedule import SCHEDULES, Budget

if TYPE_CHECKING:
    from adjoin.model.start import Start  # not loaded here: `adjoin --help` builds its options from this module

OPTIMIZERS = ("adamw", "muon")
PRECISIONS = ("auto", "float32", "bfloat16", "float64")
LOSS_PRECISIONS = ("full", "bfloat16")

FORMER_NAMES = {"neighbours": "local_negatives"}  # name in version 0.1.0 → today's


@dataclass(frozen=True, slots=True)
class Recipe:
    """All options of a training.

    A training ends at the first of `steps`, `epochs` and `minutes` that it reaches. The learning rate follows the
    progress towards that end. An option of None is chosen by the preset, the data or the machine.

    Attributes:
        preset: size of the model: static, nano, micro, mini, or the paper's S, M, L, XL; ignored with init
        init: checkpoint to start from: a transformers folder, a GGUF file, a static model, or code or text
        vectors_from: causal language model whose token embeddings initialise a static model
        layers: keep only the first N layers of the init checkpoint
        prune: remove tokens that the data never use from the vocabulary of the init checkpoint
        lora: train LoRA adapters of this rank instead of all weights of the init checkpoint
        dimension: dimension of a static model's vectors
        hidden: width of the hidden layer on top of a static model; 0 for none
        vocabulary: vocabulary size (default: the preset's); with prune, the most tokens to keep
        max_tokens: longest sequence in tokens, delimiters included; longer texts are truncated and counted
        batch: pairs per batch over all ranks (default: by model and number of pairs)
        sources: draw each batch from one source, or mixed from all
        mixing_temperature: sample sources in proportion to their pairs to the power 1/T
        local_negatives: consecutive pairs, usually of one file or package, that share a batch as hard negatives
        dimensions: Matryoshka lengths: average the loss over vectors truncated to each of them
        epochs: stop after this many passes over the data
        steps: stop after this many batches
        minutes: stop after this much time in training steps
        optimizer: AdamW for all weights, or Muon for the matrices inside the blocks and AdamW for the rest
        learning_rate: peak learning rate of the body
        weight_learning_rate: peak learning rate of a static model's token weights
        tau_learning_rate: peak learning rate of the temperature parameter tau
        weight_decay: decoupled weight decay, on matrices only
        schedule: learning rate after the warm-up
        warmup: share of the training in which the learning rate rises
        decay: share of the training in which the wsd schedule falls
        clip: largest gradient norm; larger gradients are scaled down
        average: save an exponential moving average of the weights with this decay
        token_dropout: share of the tokens dropped at random each time a text is read
        crop_x: share of the x texts cropped to a random span of 4 to 48 tokens
        crop_y: share of the y texts cropped to a random span of 4 to 48 tokens
        precision: matmul dtype of the body; auto is bfloat16 where the hardware multiplies it, else float32
        loss_precision: matmul dtype of the loss; full is the dtype of the vectors
        token_budget: padded tokens per micro-batch; changes memory, not the result (default: by the machine)
        memory: GB for activations kept between the two passes; the rest is recomputed (default: by the machine)
        threads: CPU threads per rank (default: the fastest number, measured)
        compile: compile the body with torch.compile
        shard: shard weights, gradients and optimizer state over the ranks (FSDP2)
        dense_weight: weight of the vectors in the model's hybrid search, 0 to 1 (default: that of init, or 0.5)
        seed: seed of all random choices
        checkpoint_minutes: minutes between checkpoints
    """

    preset: str = "static"
    init: str | None = None
    vectors_from: str | None = None
    layers: int | None = None
    prune: bool = False
    lora: int | None = None
    dimension: int | None = None
    hidden: int | None = None
    vocabulary: int | None = None
    max_tokens: int = 256
    batch: int | None = None
    sources: str = "one"
    mixing_temperature: float = 1.0
    local_negatives: int = 1
    dimensions: list[int] | None = None
    epochs: float | None = None
    steps: int | None = None
    minutes: float | None = None
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    weight_learning_rate: float = 1e-2
    tau_learning_rate: float = 1e-2
    weight_decay: float = 0.01
    schedule: str = "linear"
    warmup: float = 0.05
    decay: float = 0.2
    clip: float = 1.0
    average: float | None = None
    token_dropout: float = 0.0
    crop_x: float = 0.0
    crop_y: float = 0.0
    precision: str = "auto"
    loss_precision: str = "full"
    token_budget: int | None = None
    memory: float | None = None
    threads: int | None = None
    compile: bool = False
    shard: bool = False
    dense_weight: float | None = None
    seed: int = 0
    checkpoint_minutes: float = 2.0

    @classmethod
    def with_defaults(cls, **given: Any) -> Self:  # noqa: ANN401 - any of the fields
        """Make a recipe of the given options and of defaults that suit the body.

        Args:
            given: options by name, also by a name of `FORMER_NAMES`; None counts as not given.

        Raises:
            AdjoinError: an option does not exist, or its value is out of range.
        """
        given = with_current_names({name: value for name, value in given.items() if value is not None})
        cls._check_names_and_types(given)
        init = given.get("init")
        static = given.get("preset", "static") == "static" if init is None else is_static_model(locate_model(init))
        muon = {"learning_rate": _MUON_RATE} if given.get("optimizer") == "muon" else {}
        recipe = cls(**{**(_STATIC if static else _TRANSFORMER), **muon, **given})
        if recipe.epochs is None and recipe.steps is None and recipe.minutes is None:
            recipe = replace(recipe, epochs=_EPOCHS_STATIC if static else _EPOCHS_TRANSFORMER)
        recipe.check()
        return recipe

    @classmethod
    def for_pretraining(cls, **given: Any) -> Self:  # noqa: ANN401 - any of the fields
        """Make a recipe of a generative training. The default body is the smallest transformer, nano.

        Args:
            given: options by name; `batch` counts rows of `max_tokens` tokens.

        Raises:
            AdjoinError: as `with_defaults`, or an option is of contrastive trainings only.
        """
        set_options = {name: value for name, value in given.items() if value is not None and value is not False}
        given = with_current_names(set_options)
        if wrong := sorted(given.keys() & CONTRASTIVE_ONLY):
            raise AdjoinError(f"{', '.join(wrong)}: for `adjoin train` only; leave it out of `adjoin pretrain`")
        if given.get("preset") == "static" and given.get("init") is None:
            raise AdjoinError("--preset static is a table, no language model: expected a transformer such as nano")
        anew = given.get("init") is None and given.get("optimizer", "adamw") == "adamw"
        rate = {"learning_rate": _RATE_FROM_NOTHING} if anew else {}
        return cls.with_defaults(**{"preset": "nano", "max_tokens": _ROW, **rate, **given})

    @classmethod
    def read(cls, path: Path) -> dict[str, Any]:
        """Read the options in a TOML file.

        Returns:
            Options by their current names. Names and types are checked; see `with_defaults` for the rest.

        Raises:
            AdjoinError: the file is missing or not TOML, or an option is unknown or has a wrong type.
        """
        try:
            given = with_current_names(read_toml(path, "recipe"))
            cls._check_names_and_types(given)
        except AdjoinError as error:
            place = "" if str(path) in str(error) else f"the recipe {path}: "
            raise AdjoinError(f"{place}{error}") from None
        return given

    @classmethod
    def _check_names_and_types(cls, given: Mapping[str, Any]) -> None:
        declared = {field.name: field.type for field in fields(cls)}
        if unknown := sorted(set(given) - declared.keys()):
            names, meant = ", ".join(f"{name:.60}" for name in unknown[:6]), nearest(unknown[0], declared)
            expected = ", ".join(sorted(declared))
            raise AdjoinError(f"unknown recipe option {names}{meant or ':'} expected {expected}")
        if wrong := wrong_types(given, declared):
            raise AdjoinError(f"wrong recipe option: {wrong}")
        for name, value in given.items():
            numbers = [n for n in (value if isinstance(value, list) else [value]) if isinstance(n, int | float)]
            if any(abs(number) > _LARGEST for number in numbers):
                raise AdjoinError(f"{name} is {value!r:.40}: expected at most {_LARGEST:,}")

    @classmethod
    def option_texts(cls) -> dict[str, str]:
        """The description of each option, from the docstring of this class, for the command line's help."""
        attributes = (cls.__doc__ or "").partition("Attributes:\n")[2]
        texts = re.findall(r"^ {8}(\w+): (.*(?:\n {12}.*)*)", attributes, flags=re.MULTILINE)
        return {name: " ".join(text.split()) for name, text in texts}

    def check(self) -> None:
        """Check each value, and options that exclude each other.

        Raises:
            AdjoinError: naming the value and what was expected.
        """
        if self.init is None:
            preset_named(self.preset)
        for source in filter(None, (self.init, self.vectors_from)):
            if not locate_model(source).exists():
                raise AdjoinError(f"no checkpoint at {source}: expected a transformers folder or a .gguf file")
        if self.dimension is not None and not (self.start.is_static and 1 <= self.dimension <= _WIDEST):
            raise AdjoinError(
                f"--dimension {self.dimension}: expected 1 to {_WIDEST:,} for a static model; a transformer has"
                " the dimension of its preset"
            )
        for name, low, high in _BOUNDS:
            value = getattr(self, name)
            if value is not None and (value < low or (high is not None and value > high)):
                raise AdjoinError(f"{name} is {value}: expected {low}{f' to {high}' if high else ' or more'}")
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise AdjoinError(f"{name} is {getattr(self, name)!r}: expected one of {', '.join(known)}")
        lengths = self.dimensions
        if lengths is not None and (not lengths or any(type(n) is not int or n < 1 for n in lengths)):
            raise AdjoinError(f"dimensions is {self.dimensions}: expected lengths of 1 or more, such as [64, 256]")
        self._check_together()

    def _check_sizes(self) -> None:
        """Check options of size against the body."""
        if self.init is not None and self.start.is_static:
            for name in ("layers", "prune", "dimension", "hidden", "vocabulary"):
                if getattr(self, name):
                    raise AdjoinError(
                        f"{name} cannot be combined with a static model as --init, which keeps its sizes"
                    )
        if self.vectors_from is not None and (self.init is not None or not self.start.is_static):
            raise AdjoinError("vectors_from is for a new static model: leave it, or init, out")
        if self.hidden and not self.start.is_static:
            raise AdjoinError(
                f"hidden is {self.hidden}: only a static model has a hidden layer on top; leave it out"
            )

    def _check_together(self) -> None:
        """Check options against each other."""
        self._check_sizes()
        if self.layers is not None and self.init is None:
            raise AdjoinError(
                f"--layers {self.layers} goes with --init CHECKPOINT; the layers of a preset are fixed"
            )
        if self.prune and self.init is None:
            raise AdjoinError("prune goes with --init CHECKPOINT; a preset's vocabulary is learned from the pairs")
        if self.lora is not None and self.init is None:
            raise AdjoinError("lora goes with --init CHECKPOINT: a model of random weights has nothing to adapt")
        if self.start.is_static:
            for name in ("lora", "compile", "shard"):
                if getattr(self, name):
                    raise AdjoinError(f"{name} is for transformers: leave it out for a static model")
        if self.shard and (self.lora is not None or self.average is not None):
            raise AdjoinError("shard cannot be combined with lora or average: leave one of them out")

    @property
    def start(self) -> "Start":
        """How the untrained model is made: from a preset, a checkpoint or a static model."""
        from adjoin.model.start import Start

        if self.init is not None and is_static_model(locate_model(self.init)):
            return Start("static", portable_name(self.init), seed=self.seed)
        if self.init is not None:
            return Start(None, portable_name(self.init), self.layers, None, self.seed, self.prune or None)
        vectors_from = None if self.vectors_from is None else portable_name(self.vectors_from)
        return Start(self.preset, None, None, self.dimension, self.seed, vectors_from=vectors_from)

    def batch_for(self, number: int, ranks: int = 1) -> int:
        """The batch size: the given one, or one that suits the body and the number of pairs.

        Without a given size, few pairs still make at least 16 batches per epoch, of at least 16 pairs each.

        Args:
            number: pairs in the data.
            ranks: processes that share each batch evenly.

        Raises:
            AdjoinError: the pairs do not fill one batch, or the given batch is not divisible by the ranks.
        """
        usual = _BATCH_STATIC if self.start.is_static else _BATCH_TRANSFORMER
        size = min(usual, max(16, number // _STEPS_PER_EPOCH))
        batch = self.batch or max(ranks, size - size % ranks)
        if batch % ranks:
            raise AdjoinError(
                f"a batch of {batch:,} pairs is not divisible by {ranks} ranks; give another --batch"
            )
        if number < batch:
            raise AdjoinError(
                f"{number:,} pairs do not fill one batch of {batch:,}: mine more"
                + (", or give a smaller --batch" if self.batch else "")
            )
        return batch

    def budget(self, steps_per_epoch: int) -> Budget:
        """When a training of so many steps per epoch ends."""
        by_epochs = math.ceil(self.epochs * steps_per_epoch) if self.epochs else None
        steps = min((bound for bound in (self.steps, by_epochs) if bound is not None), default=None)
        return Budget(steps, None if self.minutes is None else 60 * self.minutes)

    def as_json(self) -> dict[str, Any]:
        """All options except those that are None or False."""
        return {name: value for name, value in asdict(self).items() if value is not None and value is not False}


def with_current_names(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options by today's names, from a recipe that may use those of an earlier version (`FORMER_NAMES`).

    Raises:
        AdjoinError: an option is given by both names.
    """
    for former, current in FORMER_NAMES.items():
        if former in options and current in options:
            raise AdjoinError(f"{former} is the former name of {current}: give one of them")
    return {FORMER_NAMES.get(name, name): value for name, value in options.items()}


_LARGEST = 1 << 53  # of any number: what every reader of JSON keeps
_WIDEST = 65_536  # dimensions of a static model

CHOICES: dict[str, tuple[str, ...]] = {
    "sources": ("one", "mixed"),
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "precision": PRECISIONS,
    "loss_precision": LOSS_PRECISIONS,
}
_BOUNDS: tuple[tuple[str, float, float | None], ...] = (
    ("layers", 1, 1_000),
    ("lora", 1, 1 << 16),
    ("batch", 2, None),
    ("hidden", 0, 1 << 16),
    ("max_tokens", 3, 1 << 24),
    ("local_negatives", 1, None),
    ("mixing_temperature", 1e-3, None),
    ("token_budget", 1, None),
    ("memory", 0, None),
    ("threads", 1, 1024),
    ("vocabulary", 512, 1 << 20),  # the learner reserves memory for what is asked, or ends the process
    ("steps", 1, None),
    ("epochs", 0.001, None),
    ("minutes", 0.001, None),
    ("token_dropout", 0, 0.95),
    ("crop_x", 0, 1),
    ("crop_y", 0, 1),
    ("warmup", 0, 1),
    ("decay", 0, 1),
    ("average", 0, 1),
    ("learning_rate", 0, None),
    ("weight_learning_rate", 0, None),
    ("tau_learning_rate", 0, None),
    ("weight_decay", 0, None),
    ("clip", 1e-6, None),
    ("dense_weight", 0, 1),
    ("seed", 0, (1 << 32) - 1),
    ("checkpoint_minutes", 0, None),
)

# Options without a meaning in a generative training, which has no pairs and no temperature.
CONTRASTIVE_ONLY = {
    *("crop_x", "crop_y", "dense_weight", "dimension", "dimensions", "hidden", "lora", "loss_precision", "memory"),
    *("local_negatives", "mixing_temperature", "prune", "shard", "sources", "vectors_from"),
    *("tau_learning_rate", "token_dropout", "weight_learning_rate"),
}

# Measured in docs/LOG.md; the paper gives none of these.
_STATIC: dict[str, Any] = {"learning_rate": 5e-4, "max_tokens": 512, "token_dropout": 0.3, "weight_decay": 0.0}
_TRANSFORMER: dict[str, Any] = {"learning_rate": 1e-3, "max_tokens": 128}
# Options whose default depends on the body.
BODY_DEFAULTS = frozenset({*_STATIC, *_TRANSFORMER, "epochs"})
# AdamW from random weights, nano, 64 steps of 16 rows: held-out loss 5.57 at 1e-3, 5.31 at 3e-3, 5.51 at 1e-2.
_RATE_FROM_NOTHING, _ROW = 3e-3, 256
_MUON_RATE = 3e-3  # 1e-3, the rate of AdamW, is too low for Muon
_BATCH_STATIC, _BATCH_TRANSFORMER, _STEPS_PER_EPOCH = 1_024, 512, 16
_EPOCHS_STATIC, _EPOCHS_TRANSFORMER = 10.0, 1.0
