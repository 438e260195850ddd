"""How a hit and its neighbours are named in one line, for people and for programs.

An index keeps the names of all that a piece defines. Those of many small definitions would fill a screen.
"""

import re
from collections.abc import Sequence

from adjoin.index.search import Place

MOST_NAMES = 3
_REST = "…"
_qualifier = re.compile(r"(.+?)(?:\.|::|#)[^.:#]+").fullmatch


def short_name(name: str, most: int = MOST_NAMES) -> str:
    """The name of a piece with at most `most` of the definitions in it, and "…" for the others.

    What qualifies all of them is written once: "Map.lock, Map.free" becomes "Map: lock, free".
    """
    names = name.split(", ")
    if len(names) == 1:
        return name
    qualifiers = {found[1] if (found := _qualifier(one)) else "" for one in names}
    common = qualifiers.pop() if len(qualifiers) == 1 else ""
    shown = (
        [re.sub(r"^(?:\.|::|#)", "", one.removeprefix(common)) for one in names[:most]] if common else names[:most]
    )
    return (f"{common}: " if common else "") + ", ".join(shown + [_REST] * (len(names) > most))


def also_line(places: Sequence[Place]) -> str:
    """Further pieces of a file in one line, such as "also 143-238 find_lib; 240-249 search"; "" for none."""
    named = [f"{one.first_line}-{one.last_line} {short_name(one.name, 1)}".rstrip() for one in places]
    return f"also {'; '.join(named)}" if named else ""
