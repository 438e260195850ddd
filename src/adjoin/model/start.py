"""Start: how a model is initialised: with random weights, a pretrained checkpoint, or a static table.

The paper starts from a generative language model, and says that the contrastive signal alone does not suffice.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from adjoin.errors import AdjoinError
from adjoin.files import wrong_types
from adjoin.model.presets import preset_named


@dataclass(frozen=True, slots=True)
class Start:
    """How to build the untrained model, as adjoin.json keeps it under "start".

    Attributes:
        preset: name of a size, see `PRESETS`; None with a transformer checkpoint.
        checkpoint: a transformers folder or a GGUF file; with the preset "static" a static model; or None.
        layers: keep only the checkpoint's first so many layers; None for all.
        dimension: D of a static table; None for the preset's.
        seed: seed of the random weights.
        pruned: whether the checkpoint's vocabulary is reduced to the tokens of the training texts (pruning.py).
        vectors_from: a causal language model from whose token embeddings a static table is initialised
            (vocabulary_transfer.py).
    """

    preset: str | None = "static"
    checkpoint: str | None = None
    layers: int | None = None
    dimension: int | None = None
    seed: int = 0
    pruned: bool | None = None
    vectors_from: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the fields that are not None."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Read what `as_json` returned. Unknown keys, such as a later version's, are refused.

        Raises:
            AdjoinError: naming the key and what was expected.
        """
        declared = {field.name: field.type for field in fields(cls)}
        if unknown := sorted(content.keys() - declared.keys()):
            raise AdjoinError(f"unknown start {', '.join(unknown)}: expected {', '.join(declared)}")
        if wrong := wrong_types(content, declared):
            raise AdjoinError(f"the model's start cannot be made again: {wrong}")
        start = cls(**{"preset": None, **content})
        if start.seed < 0:
            raise AdjoinError(f"the model's start cannot be made again: seed is {start.seed}, expected 0 or more")
        if start.checkpoint is None:
            preset_named(start.preset or "")
        return start

    @property
    def is_static(self) -> bool:
        """Whether the model is a static table."""
        return self.preset == "static"
