"""The description of a model, adjoin.json: what the model is and how it was trained."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from adjoin.errors import AdjoinError
from adjoin.files import wrong_types
from adjoin.model.locations import DESCRIPTION_FILE, read_description
from adjoin.model.quantized_weights import SCALES
from adjoin.model.start import Start
from adjoin.model.static import START_WEIGHTS

FORMAT = 1
KINDS = ("static", "transformer")


@dataclass
class Description:
    """The content of adjoin.json: what a model is and how it was trained.

    Attributes:
        kind: "static" or "transformer".
        dimension: D, the length of an embedding.
        max_tokens: maximum sequence length, delimiters included. Longer texts are truncated and counted.
        tau: the trained temperature parameter. The logit scale is exp(tau).
        start: how to build the untrained model again, see `Start.as_json`.
        training: recipe, data and cost of the training, see `TrainingRecord`.
        dense_weight: weight of the embedding scores in hybrid search, 0 to 1; BM25 has the rest. It is 0.5 where
            the file does not give it.
    """

    kind: str
    dimension: int
    max_tokens: int
    tau: float
    start: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    dense_weight: float = 0.5

    def as_json(self) -> dict[str, Any]:
        """Return the content of adjoin.json."""
        return {
            "format": FORMAT,
            "kind": self.kind,
            "dimension": self.dimension,
            "max_tokens": self.max_tokens,
            "pooling": _POOLING[self.kind],
            "roles": dict(_ROLES),
            "tau": self.tau,
            "dense_weight": self.dense_weight,
            "start": self.start,
            "training": self.training,
        }

    @classmethod
    def read(cls, folder: Path) -> "Description":
        """Read adjoin.json of a model folder.

        Raises:
            AdjoinError: the file is missing, damaged, or of another format.
        """
        path = folder / DESCRIPTION_FILE
        if not folder.is_dir():
            raise AdjoinError(f"no model at {folder}: expected a folder made by `adjoin train`")
        if not path.exists():
            raise AdjoinError(
                f"{folder} has no {DESCRIPTION_FILE}: it is not a model, or its training did not finish"
                " (`adjoin train ... --resume` continues it)"
            )
        content = read_description(folder)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise AdjoinError(f"{path} is not a model description of format {FORMAT}")
        required = ("kind", "dimension", "max_tokens", "tau", "start", "training")
        missing = [name for name in required if name not in content]
        if missing:
            raise AdjoinError(f"{path} lacks {', '.join(missing)}")
        values = {name: content[name] for name in (*required, "dense_weight") if name in content}
        wrong = wrong_types(values, {field.name: field.type for field in fields(cls)})
        if not wrong and values["kind"] not in KINDS:
            wrong = f"kind is {values['kind']!r}, expected {' or '.join(KINDS)}"
        wrong = wrong or _out_of_range(values) or _of_another_kind(content)
        if wrong:
            raise AdjoinError(f"{path} is damaged: {wrong}; copy the model again")
        return cls(**values)


_BOUNDS: dict[str, tuple[float, float]] = {
    "dense_weight": (0, 1),
    "dimension": (1, 1 << 20),
    "max_tokens": (3, 1 << 30),
    "tau": (-100, 100),  # exp(tau) is a number; a training clamps it to 100
}
_POOLING = {"static": "sum", "transformer": "eos"}
_ROLES = {"query": "[ ]", "document": "{ }"}


def _out_of_range(values: Mapping[str, Any]) -> str:
    """Which number is out of its range; empty if none is."""
    for name, (low, high) in _BOUNDS.items():
        if name in values and not low <= values[name] <= high:
            return f"{name} is {values[name]!r:.40}, expected {low:,} to {high:,}"
    return ""


def _of_another_kind(content: Mapping[str, Any]) -> str:
    """What a model would be read differently for: pooling or delimiters that are not ours; empty if nothing is."""
    expected = {"pooling": _POOLING[content["kind"]], "roles": _ROLES}
    return next(
        (
            f"{name} is {content[name]!r:.80}, this version reads {value}"
            for name, value in expected.items()
            if content.get(name, value) != value
        ),
        "",
    )


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """How a model was trained: the content of `Description.training`. Fields that are None are left out.

    Attributes:
        recipe: the recipe's fields; a batch size that was chosen at the start included.
        data: the hash of each pair dataset.
        steps: optimizer steps.
        seconds: wall-clock time of the training.
        execution: the execution config, as JSON.
        pairs: training pairs.
        ranks: processes of the training.
        texts: texts that were tokenized.
        texts_truncated: texts longer than the maximum sequence length.
        labelled: what was counted while files of labelled pairs were read, one entry a file.
        batches_without_negatives: batches in which all pairs were false negatives of each other.
    """

    recipe: Mapping[str, Any]
    data: Sequence[str]
    steps: int
    seconds: float
    execution: Mapping[str, Any]
    pairs: int | None = None
    ranks: int | None = None
    texts: int | None = None
    texts_truncated: int | None = None
    labelled: Sequence[Mapping[str, Any]] | None = None
    batches_without_negatives: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the content of `Description.training`."""
        content = {
            "recipe": dict(self.recipe),
            "pairs": self.pairs,
            "data": self.data[0] if len(self.data) == 1 else list(self.data),
            "steps": self.steps,
            "seconds": round(self.seconds, 1),
            "execution": dict(self.execution),
            "ranks": self.ranks,
            "texts": self.texts,
            "texts_truncated": self.texts_truncated,
            "labelled": None if self.labelled is None else list(self.labelled),
            "batches_without_negatives": self.batches_without_negatives,
        }
        return {name: value for name, value in content.items() if value is not None}


def describe(
    start: Start, training: TrainingRecord, *, dimension: int, max_tokens: int, tau: float, dense_weight: float
) -> Description:
    """Describe a trained model.

    Args:
        start: how the model was initialised.
        training: recipe, data and cost of the training.
        dimension: D, the length of an embedding.
        max_tokens: maximum sequence length, delimiters included.
        tau: the trained temperature parameter.
        dense_weight: weight of the embedding scores in hybrid search, 0 to 1.
    """
    return Description(
        kind="static" if start.is_static else "transformer",
        dimension=dimension,
        max_tokens=max_tokens,
        tau=tau,
        start=start.as_json(),
        training=training.as_json(),
        dense_weight=dense_weight,
    )


def number_of_parameters(folder: Path) -> int:
    """Count a model's parameters from the headers of its weight files, without reading the weights.

    Quantization scales and the start weights of a static model are not counted.
    """
    from safetensors import safe_open

    number = 0
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "numpy") as file:
            names = [n for n in file.keys() if n != START_WEIGHTS and not n.endswith(SCALES)]  # noqa: SIM118 - no dict
            number += sum(math.prod(file.get_slice(name).get_shape()) for name in names)
    return number
