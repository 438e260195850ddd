"""Mining options: with the input, they determine every byte of a dataset."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adjoin.errors import AdjoinError, nearest
from adjoin.files import wrong_types
from adjoin.pairs.definitions import KIND as DEFINITION_DEFINITION
from adjoin.pairs.functions import KIND as DOCSTRING_FUNCTION
from adjoin.pairs.names import KIND as NAME_FUNCTION
from adjoin.pairs.passages import KIND as NEIGHBOURS
from adjoin.pairs.passages import QUESTION_ANSWER, TITLE_PASSAGE
from adjoin.pairs.synonyms import KIND as SYNONYMS
from adjoin.pairs.terms import KIND as TERM_DEFINITION

# New kinds are appended: parts store the index of a kind.
ALL_KINDS = (
    DOCSTRING_FUNCTION,
    NEIGHBOURS,
    TITLE_PASSAGE,
    QUESTION_ANSWER,
    NAME_FUNCTION,
    TERM_DEFINITION,
    SYNONYMS,
    DEFINITION_DEFINITION,
)
DEFAULT_KINDS = tuple(kind for kind in ALL_KINDS if kind != NAME_FUNCTION)
MASKS = ("emails", "secrets")


@dataclass(frozen=True, slots=True)
class MiningOptions:
    """What to mine and what to leave out.

    Attributes:
        exclude: shell patterns. A source is skipped if one matches its origin or a folder above it.
        kinds: the kinds of pairs to keep.
        columns: columns of JSON lines and Parquet by role ("text" to "body"). Other roles use the usual names.
        min_words: least length of a passage. Each length is drawn between this and `max_words`.
        max_words: greatest length of a passage.
        languages: natural languages of prose to keep, as ISO 639-1 codes; empty for all.
        decontaminate: folders of evaluation data or pairs that no mined pair may repeat.
        keep_near_duplicates: whether to keep a pair whose y nearly repeats an earlier one.
        template_cap: how many pairs of one package may share a template of x; 0 for no limit.
        package_cap: how many pairs one package may give, and how many name pairs besides; 0 for no limit.
        mask: what to replace by a placeholder in x and y, see `MASKS`.
        licences: allowed licences as SPDX ids, "permissive" or "unknown"; empty for all.
    """

    exclude: tuple[str, ...] = ()
    kinds: tuple[str, ...] = DEFAULT_KINDS
    columns: Mapping[str, str] = field(default_factory=dict)
    min_words: int = 32
    max_words: int = 128
    languages: tuple[str, ...] = ()
    decontaminate: tuple[Path, ...] = ()
    keep_near_duplicates: bool = False
    template_cap: int = 20
    package_cap: int = 0
    mask: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for what, given, known in (("kind", self.kinds, ALL_KINDS), ("mask", self.mask, MASKS)):
            if unknown := [name for name in given if name not in known]:
                raise AdjoinError(f"unknown {what} {unknown[0]!r}, expected {', '.join(known)}")
        for name in ("template_cap", "package_cap"):
            if getattr(self, name) < 0:
                raise AdjoinError(f"{name} {getattr(self, name)}: expected 0 (none) or more")

    def for_manifest(self) -> dict[str, Any]:
        """The options as plain values. Folders appear by name only: a manifest holds no absolute paths."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        values["decontaminate"] = [path.resolve().name for path in self.decontaminate]
        values["columns"] = dict(self.columns)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def of_values(cls, values: Mapping[str, Any], place: str) -> "MiningOptions":
        """Build options from a manifest or from the table of a recipe.

        Args:
            values: option names to values, with lists for tuples.
            place: where the values come from, for error messages.

        Raises:
            AdjoinError: an option is unknown or has a wrong type.
        """
        fields = {f.name: f for f in dataclasses.fields(cls)}
        if unknown := sorted(values.keys() - fields.keys()):
            meant = nearest(unknown[0], fields)
            raise AdjoinError(
                f"{place}: unknown option {unknown[0]!r:.60}{meant or ','} expected {', '.join(fields)}"
            )
        lists = {name for name, f in fields.items() if str(f.type).startswith("tuple")}
        declared = {
            name: list if name in lists else dict if name == "columns" else type(f.default)
            for name, f in fields.items()
        }
        if wrong := wrong_types(values, declared):
            raise AdjoinError(f"{place}: {wrong}")
        for name in lists & values.keys():
            if not all(isinstance(entry, str) for entry in values[name]):
                raise AdjoinError(f"{place}: {name} is {values[name]!r:.60}, expected a list of strings")
        plain: dict[str, Any] = {name: tuple(value) if name in lists else value for name, value in values.items()}
        if "decontaminate" in plain:
            plain["decontaminate"] = tuple(map(Path, plain["decontaminate"]))
        return cls(**plain)
