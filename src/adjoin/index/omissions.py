"""What of a file is not in its pieces, and why: kept with the file's record, named by `adjoin status`."""

from collections.abc import Sequence
from dataclasses import dataclass

from adjoin.tally import Tally


@dataclass(frozen=True, slots=True)
class Omission:
    """A file that is not indexed, or what of a file is not, for one reason.

    Attributes:
        origin: the file or folder, relative to the indexed root.
        reason: why, such as "binary".
        number: how many members of an archive, or parts of a file, it concerns.
        examples: the first of these members, as "archive.jar!path/in/it"; empty unless the file is an archive.
        in_part: whether the rest of the file is indexed.
    """

    origin: str
    reason: str
    number: int = 1
    examples: tuple[str, ...] = ()
    in_part: bool = False

    def described(self) -> str:
        """The reason with what it concerns, such as "in part: binary (118 in it: !a.class, !b.class, ...)"."""
        detail = ""
        if self.examples:
            more = ", ..." if self.number > len(self.examples) else ""
            members = ", ".join(example.removeprefix(self.origin) for example in self.examples)
            detail = f" ({self.number:,} in it: {members}{more})"
        elif self.number > 1:
            detail = f" ({self.number:,} times)"
        return f"{'in part: ' if self.in_part else ''}{self.reason}{detail}"


def written(tally: Tally, origin: str) -> str:
    """What was skipped while one file was read, as its record keeps it: a line for each reason.

    Args:
        tally: what was counted while this file was read, and no other.
        origin: the file.
    """
    lines = []
    for reason, number in tally.counts.items():
        members = [example for example in tally.examples.get(reason, []) if example.startswith(f"{origin}!")]
        lines.append("\t".join([reason, *([str(number)] if number > 1 or members else []), *map(_plain, members)]))
    return "\n".join(lines)


def _plain(text: str) -> str:
    """A name without the characters that separate fields and lines."""
    return " ".join(text.split("\t")).replace("\n", " ").replace("\r", " ")


def omissions(origin: str, reason: str, pieces: int) -> list[Omission]:
    """Read what `written` has written of a file that holds this number of pieces."""
    found = []
    for line in reason.split("\n") if reason else ():
        name, *rest = line.split("\t")
        number = int(rest[0]) if rest else 1
        found.append(Omission(origin, name, number, tuple(rest[1:]), in_part=pieces > 0))
    return found


def count(omitted: Sequence[Omission], tally: Tally) -> None:
    """Count each file once for each reason, with its first member as the example if it is an archive."""
    for one in omitted:
        tally.add(one.reason, one.examples[0] if one.examples else one.origin)
