"""What .gitignore files say, each for its own folder and what lies below it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

NAME = ".gitignore"
_MAX_BYTES = 1 << 20  # of a .gitignore file; what is longer is something else under this name


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The .gitignore files from a root down to one folder.

    Attributes:
        files: the innermost first, since its last matching line decides: its folder as a prefix of paths below
            the root ("" or "a/b/"), and its patterns.
    """

    files: tuple[tuple[str, "GitIgnoreSpec"], ...] = ()

    def within(self, folder: str, path: Path) -> "IgnoreRules":
        """The rules inside a folder that has a .gitignore file of its own.

        Args:
            folder: the folder as a prefix of paths below the root: "" for the root itself, or "a/b/".
            path: its .gitignore file.

        Raises:
            OSError: it cannot be read.
        """
        with path.open("rb") as file:
            lines = file.read(_MAX_BYTES).decode("utf-8", "surrogateescape").splitlines()
        return IgnoreRules(((folder, _spec(lines)), *self.files))

    def ignore(self, path: str) -> bool:
        """Whether a path below the root is ignored; a folder's path ends with a slash."""
        for folder, spec in self.files:
            verdict = spec.check_file(path.removeprefix(folder)).include
            if verdict is not None:
                return verdict
        return False


def _spec(lines: list[str]) -> "GitIgnoreSpec":
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError:  # one bad pattern, which git passes over as well
        return GitIgnoreSpec.from_lines([line for line in lines if _is_pattern(line)])


def _is_pattern(line: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True
