"""A whole training's options, with defaults that depend on the body, from a TOML file or the command line."""

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

from adjoin.errors import AdjoinError
from adjoin.files import read_toml, wrong_types
from adjoin.model.locations import is_static_model, locate_model, portable_name
from adjoin.model.presets import preset_named
from adjoin.model.start import Start
from adjoin.training.schedule import SCHEDULES

OPTIMIZERS = ("adamw", "muon")
PRECISIONS = ("auto", "float32", "bfloat16", "float64")
LOSS_PRECISIONS = ("full", "bfloat16")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is trained, and how long.

    The training ends at the first of `steps`, `epochs` and `minutes` that is reached; the learning rate has come
    down to zero by then.

    Attributes:
        preset: size of the body; ignored with a checkpoint.
        init: checkpoint to start from: a transformers folder, a GGUF file, or a static model, also by its name.
        vectors_from: a causal language model whose token embeddings a static table begins with, as for init.
        layers: keep only the checkpoint's first so many layers.
        prune: leave out of the checkpoint's vocabulary what the data never need, and what is beyond `vocabulary`.
        lora: train adapters of this rank instead of the checkpoint's weights.
        dimension: of a static table's vectors.
        hidden: width of a static table's layer on top; 0 for none.
        vocabulary: tokens to learn from the pairs; None for the preset's number. With `prune`, how many of the
            checkpoint's may stay, the most frequent ones; None for all that the data need.
        max_tokens: longest sequence, delimiters included.
        batch: pairs a batch, M, over all ranks; None for what suits body and number of pairs. Of a generative
            training, rows of `max_tokens` tokens.
        sources: "one": each batch is of one source; "mixed": of all.
        mixing_temperature: a source's share is proportional to its pairs to the power of one over this.
        neighbours: so many pairs that stand next to each other in the data, as a rule of one file or package, stay
            together in a batch: they are harder to tell apart than any others.
        dimensions: the loss is the mean over vectors cut to each of these lengths (Matryoshka).
        epochs, steps, minutes: bounds; at least one must be given.
        optimizer: "adamw" or "muon".
        learning_rate: of the body, at its highest.
        weight_learning_rate: of a static table's token weights.
        tau_learning_rate: of the temperature parameter.
        weight_decay: AdamW's, on matrices only.
        schedule: how the rate falls after its rise: "linear", "cosine", "wsd" or "constant".
        warmup: share of the training in which the rate rises.
        decay: share of the training in which "wsd" falls.
        clip: largest norm of the gradient.
        average: decay of the running average of the weights that is saved in place of the last step's.
        token_dropout: share of the tokens left out at each visit.
        crop_x: share of the x that are cut to a stretch of 4 to 48 tokens, anew at each visit.
        crop_y: likewise of the y.
        precision: of the body's products: "float32", "bfloat16", "float64", or "auto" for what the machine is
            made for. The weights are float32 but for "float64".
        loss_precision: of the loss's matrix products: "full" for the vectors' own, or "bfloat16".
        token_budget: padded tokens of a micro-batch; None for what the planner finds for the machine.
        memory: GB that the activations of a step may take besides one micro-batch: what does not fit is embedded
            twice. None for the planner's choice.
        threads: of the processor; None to measure which number is fastest.
        compile: let torch.compile fuse the body's operations.
        shard: cut the weights over the ranks (FSDP2), for bodies whose gradients and moments fit none alone; for
            now each rank must hold the whole weights for a moment at the start.
        dense_weight: the share of the vectors in a hybrid search, 0 to 1, which the model is to carry. None for
            that of the model that is trained on, or half. It moves no weight of the model.
        seed: of everything random.
        checkpoint_minutes: how often the state is saved.
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
    neighbours: int = 1
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
        """A recipe of a generative training; the smallest transformer if nothing is said of the body.

        Raises:
            AdjoinError: as `with_defaults`, or an option is for contrastive trainings only.
        """
        given = {name: value for name, value in given.items() if value is not None and value is not False}
        if wrong := sorted(given.keys() & _CONTRASTIVE_ONLY):
            raise AdjoinError(f"{', '.join(wrong)}: for `adjoin train` only; leave it out of `adjoin pretrain`")
        if given.get("preset") == "static" and given.get("init") is None:
            raise AdjoinError("--preset static is a table, no language model: expected a transformer such as nano")
        anew = given.get("init") is None and given.get("optimizer", "adamw") == "adamw"
        rate = {"learning_rate": _RATE_FROM_NOTHING} if anew else {}
        return cls.with_defaults(**{"preset": "nano", "max_tokens": _ROW, **rate, **given})

    @classmethod
    def read(cls, path: Path) -> dict[str, Any]:
        """The options of a recipe file.

        Raises:
            AdjoinError: the file is missing or not TOML.
        """
        return read_toml(path, "recipe")

    def check(self) -> None:
        """Refuse values out of range.

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
                f"--dimension {self.dimension}: a static table takes 1 to {_WIDEST:,}, a transformer has its"
                " preset's"
            )
        for name, low, high in _BOUNDS:
            value = getattr(self, name)
            if value is not None and (value < low or (high is not None and value > high)):
                raise AdjoinError(f"{name} is {value}: expected {low}{f' to {high}' if high else ' or more'}")
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise AdjoinError(f"{name} is {getattr(self, name)!r}: expected one of {', '.join(known)}")
        lengths = self.dimensions
        if lengths is not None and (not lengths or any(type(n) is not int or n < 1 for n in lengths)):
            raise AdjoinError(f"dimensions is {self.dimensions}: expected lengths of 1 or more, such as [64, 256]")
        self._check_together()

    def _check_sizes(self) -> None:
        """Refuse sizes that the body does not have, or has already."""
        if self.init is not None and self.start.is_static:
            for name in ("layers", "prune", "dimension", "hidden", "vocabulary"):
                if getattr(self, name):
                    raise AdjoinError(f"{name} does not go with a static model as --init: it keeps its own sizes")
        if self.vectors_from is not None and (self.init is not None or not self.start.is_static):
            raise AdjoinError("vectors_from is for a static table that is made anew; leave it, or init, out")
        if self.hidden and not self.start.is_static:
            raise AdjoinError(f"hidden is {self.hidden}: only a static table has that layer, no transformer")

    def _check_together(self) -> None:
        """Refuse options that do not go with one another."""
        self._check_sizes()
        if self.layers is not None and self.init is None:
            raise AdjoinError(f"--layers {self.layers} goes with --init CHECKPOINT; a preset has its own number")
        if self.prune and self.init is None:
            raise AdjoinError("prune goes with --init CHECKPOINT; a preset's vocabulary is learned from the pairs")
        if self.lora is not None and self.init is None:
            raise AdjoinError("lora goes with --init CHECKPOINT: beside random weights there is nothing to adapt")
        if self.start.is_static:
            for name in ("lora", "compile", "shard"):
                if getattr(self, name):
                    raise AdjoinError(f"{name} is for transformers; a static table takes no such option")
        if self.shard and (self.lora is not None or self.average is not None):
            raise AdjoinError("shard goes neither with lora nor with average: leave one of them out")

    @property
    def start(self) -> Start:
        """Where the training begins."""
        if self.init is not None and is_static_model(locate_model(self.init)):
            return Start("static", portable_name(self.init), seed=self.seed)
        if self.init is not None:
            return Start(None, portable_name(self.init), self.layers, None, self.seed, self.prune or None)
        vectors_from = None if self.vectors_from is None else portable_name(self.vectors_from)
        return Start(self.preset, None, None, self.dimension, self.seed, vectors_from=vectors_from)

    def batch_for(self, number: int, ranks: int = 1) -> int:
        """The batch size, given or execution for so many pairs.

        A small set of pairs gets at least `_STEPS_AN_EPOCH` batches an epoch, of at least 16 pairs.

        Args:
            number: of pairs.
            ranks: among whom each batch is shared evenly.

        Raises:
            AdjoinError: the pairs do not fill one batch, or the ranks cannot share the given one.
        """
        usual = _BATCH_STATIC if self.start.is_static else _BATCH_TRANSFORMER
        some = min(usual, max(16, number // _STEPS_AN_EPOCH))
        batch = self.batch or max(ranks, some - some % ranks)
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

    def as_json(self) -> dict[str, Any]:
        """All options that are set."""
        return {name: value for name, value in asdict(self).items() if value is not None and value is not False}


_WIDEST = 65_536  # dimensions of a static table

_CHOICES: dict[str, tuple[str, ...]] = {
    "sources": ("one", "mixed"),
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "precision": PRECISIONS,
    "loss_precision": LOSS_PRECISIONS,
}
_BOUNDS: tuple[tuple[str, float, float | None], ...] = (
    ("lora", 1, None),
    ("batch", 2, None),
    ("hidden", 0, 1 << 16),
    ("max_tokens", 3, None),
    ("neighbours", 1, None),
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

# Of which a generative training has nothing to make: pairs, temperature, a second body, other people's weights.
_CONTRASTIVE_ONLY = {
    *("crop_x", "crop_y", "dense_weight", "dimension", "dimensions", "hidden", "lora", "loss_precision", "memory"),
    *("mixing_temperature", "neighbours", "prune", "shard", "sources", "vectors_from"),
    *("tau_learning_rate", "token_dropout", "weight_learning_rate"),
}

# Measured in docs/LOG.md; the paper gives none of these.
_STATIC: dict[str, Any] = {"learning_rate": 5e-4, "max_tokens": 512, "token_dropout": 0.3, "weight_decay": 0.0}
_TRANSFORMER: dict[str, Any] = {"learning_rate": 1e-3, "max_tokens": 128}
# Of AdamW from random weights: nano, 64 steps of 16 rows, held-out loss 5.57 at 1e-3, 5.31 here, 5.51 at 1e-2.
_RATE_FROM_NOTHING, _ROW = 3e-3, 256
_MUON_RATE = 3e-3  # AdamW's 1e-3 is too low for it
_BATCH_STATIC, _BATCH_TRANSFORMER, _STEPS_AN_EPOCH = 1_024, 512, 16
_EPOCHS_STATIC, _EPOCHS_TRANSFORMER = 10.0, 1.0
