"""Import of labelled pairs: a JSON Lines file → a dataset of pairs with explicit negatives.

    {"x": "sort a list", "y": "def sort(...): ...", "negatives": ["def shuffle(...): ..."], "group": "lists"}

"negatives" and "group" are optional. Pairs of the same group are not negatives of each other.
"""

import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from adjoin.errors import AdjoinError
from adjoin.files import folder_in_one_piece, numbered_lines, refuse_special, wrong_types
from adjoin.outputs import replaced_folder
from adjoin.pairs.dataset import DATASET, NEGATIVES, write_manifest, write_shards
from adjoin.pairs.pair import Pair, text_hash
from adjoin.tally import Tally
from adjoin.texts import valid_unicode

KIND, LANGUAGE = "labelled", "text"

_FIELDS = {"x": str, "y": str, "negatives": list, "group": str | int}
_EXAMPLE = '{"x": "...", "y": "...", "negatives": ["..."]}'


def import_labelled(file: Path, out: Path) -> dict[str, Any]:
    """Convert a file of labelled pairs to a dataset.

    All pairs are kept in order, also repeated ones, since the loss masks equal texts. Pairs with an empty side and
    empty negatives are left out and counted. A dataset at `out` is replaced when the new one is complete.

    Args:
        file: JSON Lines, one object per line; see the module.
        out: the folder of the new dataset.

    Returns:
        The manifest.

    Raises:
        AdjoinError: the file is missing or has no pairs, a line is malformed, or `out` is not a dataset.
        OSError: the disk is full or `out` cannot be written.
    """
    refuse_special(file, "file of labelled pairs")
    if not file.is_file():
        raise AdjoinError(f"no labelled pairs at {file}: expected a file with lines such as {_EXAMPLE}")
    tally = Tally()
    with replaced_folder(out, DATASET, inputs=[file]) as place, folder_in_one_piece(place) as folder:
        shards = write_shards(_pairs(file, tally), folder, negatives=True)
        if not shards:
            counts = tally.summary() or "it is empty"
            raise AdjoinError(f"no pairs in {file} ({counts}): expected lines such as {_EXAMPLE}")
        manifest = _manifest(file, tally, shards)
        write_manifest(folder, manifest)
    return manifest


def _manifest(file: Path, tally: Tally, shards: list[dict[str, Any]]) -> dict[str, Any]:
    """A manifest like that of a mined dataset, without date or absolute path: equal input gives equal bytes."""
    pairs = sum(shard["rows"] for shard in shards)
    return {
        "pairs": pairs,
        "kinds": {f"{KIND} {LANGUAGE}": pairs},
        "places": {file.name: pairs},
        NEGATIVES: tally.counts["negatives"],
        "counts": dict(sorted(tally.counts.items())),
        "examples": {reason: sorted(places) for reason, places in sorted(tally.examples.items())},
        "roots": [file.name],
        "versions": {"adjoin": version("adjoin"), "pyarrow": version("pyarrow")},
        "shards": shards,
    }


def _pairs(file: Path, tally: Tally) -> Iterator[Pair]:
    with file.open("rb") as lines:
        for number, line in numbered_lines(lines, file):
            tally.add("lines")
            origin = f"{file.name}:{number}"
            if not line.strip():
                tally.add("empty line", origin)
                continue
            entry = _parse_line(line, f"{file}:{number}")
            for name in entry.keys() - _FIELDS.keys():
                tally.add(f"field {name} passed over", origin)
            x, y, *negatives = (
                valid_unicode(text) for text in (entry["x"], entry["y"], *entry.get("negatives", []))
            )
            if not x.strip() or not y.strip():
                tally.add("empty side", origin)
                continue
            non_empty = tuple(text for text in negatives if text.strip())
            tally.add("negatives", number=len(non_empty))
            if len(non_empty) < len(negatives):
                tally.add("empty negative", origin, len(negatives) - len(non_empty))
            # Without a group, a pair gets one of its own, from file and line.
            group = f"{file.name} group {json.dumps(entry['group'])}" if "group" in entry else origin
            yield Pair(x, y, KIND, LANGUAGE, origin, text_hash(group), negatives=non_empty)


def _parse_line(line: bytes, place: str) -> dict[str, Any]:
    try:
        entry = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise AdjoinError(f"{place} is not JSON ({error}): expected a line such as {_EXAMPLE}") from None
    if not isinstance(entry, dict):
        raise AdjoinError(f"{place} is {line.decode().strip()[:60]!r}: expected a line such as {_EXAMPLE}")
    if missing := [name for name in ("x", "y") if name not in entry]:
        raise AdjoinError(f"{place} lacks {' and '.join(missing)}: expected a line such as {_EXAMPLE}")
    if wrong := wrong_types(entry, _FIELDS):
        raise AdjoinError(f"{place}: {wrong}; expected a line such as {_EXAMPLE}")
    for negative in entry.get("negatives", []):
        if not isinstance(negative, str):
            raise AdjoinError(f"{place}: a negative is {negative!r:.60}, expected str; correct the line")
    return entry
