"""Pairs that people have labelled: a JSON-lines file → a dataset, with explicit negatives.

    {"x": "sort a list", "y": "def sort(...): ...", "negatives": ["def shuffle(...): ..."], "group": "lists"}

"negatives" and "group" may be left out; pairs of one group are not negatives of each other.
"""

import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from adjoin.errors import AdjoinError
from adjoin.files import folder_in_one_piece, numbered_lines, wrong_types
from adjoin.pairs.dataset import MANIFEST, NEGATIVES, write_manifest, write_shards
from adjoin.pairs.pair import Pair, text_hash
from adjoin.tally import Tally

KIND, LANGUAGE = "labelled", "text"

_FIELDS = {"x": str, "y": str, "negatives": list, "group": str | int}
_EXAMPLE = '{"x": "...", "y": "...", "negatives": ["..."]}'


def import_labelled(file: Path, out: Path) -> dict[str, Any]:
    """Make the dataset `out` of a file of labelled pairs, one JSON object a line.

    All pairs stay, in order, repeated ones too: the loss knows equal texts. A pair with an empty side and an empty
    negative are left out and counted. A dataset that stands at `out` is replaced when the new one is complete.

    Returns:
        The manifest.

    Raises:
        AdjoinError: the file is missing or has no pair, a line is not what it should be, or `out` is something
            else than a dataset.
        OSError: the disk is full or `out` may not be written.
    """
    if out.exists() and not (out / MANIFEST).exists() and (not out.is_dir() or any(out.iterdir())):
        raise AdjoinError(f"{out} exists and is not a dataset of pairs; choose another --out")
    if not file.is_file():
        raise AdjoinError(f"no labelled pairs at {file}: expected a file with lines such as {_EXAMPLE}")
    tally = Tally()
    with folder_in_one_piece(out) as folder:
        shards = write_shards(_pairs(file, tally), folder, negatives=True)
        if not shards:
            raise AdjoinError(f"no pairs in {file} ({tally.summary() or 'it is empty'})")
        manifest = _manifest(file, tally, shards)
        write_manifest(folder, manifest)
    return manifest


def _manifest(file: Path, tally: Tally, shards: list[dict[str, Any]]) -> dict[str, Any]:
    """As a mined dataset's: no date and no absolute path, so that equal input gives equal bytes."""
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
                _without_surrogates(text) for text in (entry["x"], entry["y"], *entry.get("negatives", []))
            )
            if not x.strip() or not y.strip():
                tally.add("empty side", origin)
                continue
            kept = tuple(text for text in negatives if text.strip())
            tally.add("negatives", number=len(kept))
            if len(kept) < len(negatives):
                tally.add("empty negative", origin, len(negatives) - len(kept))
            # Of a file and a line where none is given: no other pair's.
            group = f"{file.name} group {json.dumps(entry['group'])}" if "group" in entry else origin
            yield Pair(x, y, KIND, LANGUAGE, origin, text_hash(group), negatives=kept)


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
            raise AdjoinError(f"{place}: a negative is {negative!r:.60}, expected str")
    return entry


def _without_surrogates(text: str) -> str:
    """The text as Unicode: half a surrogate pair, as JSON may bring it, becomes a "?", as everywhere."""
    return text.encode("utf-8", "replace").decode()
