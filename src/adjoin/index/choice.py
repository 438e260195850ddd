"""Which files an index holds, as `adjoin index --include --exclude` said: a refresh by a search holds to it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from adjoin.files import read_as, write_json

NAME = "choice.json"


@dataclass(frozen=True)
class Choice:
    """The patterns that were given when a folder was indexed.

    Attributes:
        include: if there are any, only files that match one are indexed, even if they are ignored.
        exclude: files that match one are left out.
    """

    include: list[str] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if wrong := [pattern for pattern in (*self.include, *self.exclude) if not isinstance(pattern, str)]:
            raise ValueError(f"{wrong[0]!r} is no pattern, expected a text")

    @classmethod
    def of(cls, folder: Path) -> "Choice":
        """Read the choice that is kept beside an index; an empty one if none is.

        Raises:
            AdjoinError: the file is damaged.
        """
        path = folder / NAME
        if not path.exists():
            return cls()
        return read_as(path, cls, "choice of files", "remove it and run `adjoin index` again")

    @classmethod
    def made(cls, folder: Path, include: Sequence[str] | None, exclude: Sequence[str] | None) -> "Choice":
        """The choice that holds from now on: what is given, and for what is not given what is kept.

        Args:
            folder: the folder of the index.
            include: patterns; None if none were given. One empty pattern forgets those that are kept.
            exclude: the same.

        Raises:
            AdjoinError: the file is damaged.
        """
        kept = cls.of(folder)
        return cls(_given(include, kept.include), _given(exclude, kept.exclude))

    def write(self, folder: Path) -> None:
        """Keep the choice beside an index, if it is not there already.

        Raises:
            OSError: the file cannot be written.
        """
        path = folder / NAME
        if self != Choice.of(folder):
            write_json(path, asdict(self))


def _given(patterns: Sequence[str] | None, kept: list[str]) -> list[str]:
    return kept if patterns is None else [pattern for pattern in patterns if pattern]
