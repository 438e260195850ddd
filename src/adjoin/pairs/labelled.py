"""Import of labelled pairs: a JSON Lines file → a dataset of pairs with explicit negatives.

    {"x": "sort a list", "y": "def sort(...): ...", "negatives": ["def shuffle(...): ..."], "group": "lists"}

"negatives" and "group" are optional. Pairs of the same group are not negatives of each other. A misspelt field is
an error. Other fields are passed over and counted, and so is whatever cannot be learned from.
"""

import json
import re
from array import array
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from adjoin.errors import AdjoinError
from adjoin.files import folder_in_one_piece, numbered_lines, refuse_special, wrong_types
from adjoin.outputs import replaced_folder
from adjoin.pairs.dataset import DATASET, NEGATIVES, write_manifest, write_shards
from adjoin.pairs.pair import Pair, text_hash
from adjoin.tally import EXAMPLES_PER_REASON, Tally
from adjoin.texts import valid_unicode

KIND, LANGUAGE = "labelled", "text"

_FIELDS = {"x": str, "y": str, "negatives": list, "group": str | int}
LONGEST_LINE = 16 << 20  # bytes; parsed, a line may take thirty times as much
_OTHER_NAMES = 20  # of unknown fields that are counted by themselves
_SHOWN = 40  # characters of a name in a message
_EXAMPLE = '{"x": "...", "y": "...", "negatives": ["..."]}'


def import_labelled(file: Path, out: Path) -> dict[str, Any]:
    """Convert a file of labelled pairs to a dataset.

    All pairs are kept in order, also repeated ones, since the loss masks equal texts. Left out are pairs with an
    empty side, and negatives that are empty, repeated in their line, or their line's own y. All of this is counted
    in the manifest. A dataset at `out` is replaced when the new one is complete.

    Args:
        file: JSON Lines, one object per line; see the module.
        out: the folder of the new dataset.

    Returns:
        The manifest.

    Raises:
        AdjoinError: the file is missing or has no pairs, a line is malformed or has a misspelt field, or `out` is
            not a dataset.
        OSError: the disk is full or `out` cannot be written.
    """
    refuse_special(file, "file of labelled pairs")
    if not file.is_file():
        raise AdjoinError(f"no labelled pairs at {file}: expected a file with lines such as {_EXAMPLE}")
    tally = Tally()
    seen = _Seen()
    with replaced_folder(out, DATASET, inputs=[file]) as place, folder_in_one_piece(place) as folder:
        shards = write_shards(_pairs(file, tally, seen), folder, negatives=True)
        seen.count(tally, file.name)
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
        "examples": dict(sorted(tally.examples.items())),
        "roots": [file.name],
        "versions": {"adjoin": version("adjoin"), "pyarrow": version("pyarrow")},
        "shards": shards,
    }


def counts_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return what an import counted, for the description of a model.

    Args:
        manifest: the manifest of an imported dataset.
    """
    return {"file": manifest["roots"][0], **{name: manifest[name] for name in ("pairs", "counts", "examples")}}


def summary_of(counts: dict[str, Any]) -> str:
    """Say in one line what an import kept and counted, with the first place of each count.

    Args:
        counts: from `counts_of`.
    """
    told = [f"{counts['pairs']:,} pairs with {counts['counts'].get(NEGATIVES, 0):,} negatives"]
    for reason, number in counts["counts"].items():
        if reason not in ("lines", NEGATIVES):
            place = counts["examples"].get(reason)
            told.append(f"{number:,} {reason}" + (f" ({place[0]})" if place else ""))
    return f"labelled pairs in {counts['file']}: {'; '.join(told)}"


class _Seen:
    """Hashes of what a file says, 16 bytes a pair and 8 a negative, to count what it says twice or both ways."""

    def __init__(self) -> None:
        self._answers, self._lines, self._negatives = array("Q"), array("q"), array("Q")

    def add(self, pair: Pair, line: int) -> None:
        """Note a pair and its negatives."""
        x = pair.x_hash
        self._answers.append(_combined(x, pair.y_hash))
        self._lines.append(line)
        self._negatives.extend(_combined(x, text_hash(negative)) for negative in pair.negatives)

    def count(self, tally: Tally, file: str) -> None:
        """Count pairs that repeat an earlier one, and negatives that another line has as an answer of their x."""
        answers_M, negatives_K = np.array(self._answers, np.uint64), np.array(self._negatives, np.uint64)
        _, first = np.unique(answers_M, return_index=True)
        if len(first) < len(answers_M):
            repeated = np.setdiff1d(np.arange(len(answers_M)), first, assume_unique=True)
            for place in repeated[:EXAMPLES_PER_REASON]:
                tally.add("repeated, kept", f"{file}:{self._lines[place]}", 0)
            tally.add("repeated, kept", number=len(repeated))
        if contradicted := int(np.isin(negatives_K, answers_M).sum()):
            tally.add("negative that is an answer in another line, kept", number=contradicted)


def _combined(x_hash: int, y_hash: int) -> int:
    return (x_hash * 0x9E3779B97F4A7C15 + y_hash) & 0xFFFFFFFFFFFFFFFF


def _pairs(file: Path, tally: Tally, seen: _Seen) -> Iterator[Pair]:
    names: set[str] = set()
    with file.open("rb") as lines:
        for number, line in numbered_lines(lines, file):
            tally.add("lines")
            origin = f"{file.name}:{number}"
            if not line.strip():
                tally.add("empty line", origin)
                continue
            entry = _parse_line(line, f"{file}:{number}")
            for name in (name for name in entry if name not in _FIELDS):
                if name in names or len(names) < _OTHER_NAMES:
                    names.add(name)
                    tally.add(f"field {_shown(name)} passed over", origin)
                else:
                    tally.add("further fields passed over", origin)
            x, y, *negatives = (
                valid_unicode(text) for text in (entry["x"], entry["y"], *entry.get("negatives", []))
            )
            if not x.strip() or not y.strip():
                tally.add("empty side", origin)
                continue
            # Without a group, a pair gets one of its own, from file and line.
            group = f"{file.name} group {json.dumps(entry['group'])}" if "group" in entry else origin
            kept = _kept_negatives(y, negatives, tally, origin)
            pair = Pair(x, y, KIND, LANGUAGE, origin, text_hash(group), negatives=kept)
            seen.add(pair, number)
            yield pair


def _kept_negatives(y: str, negatives: list[str], tally: Tally, origin: str) -> tuple[str, ...]:
    """The negatives of a pair that can be learned from; the others are counted."""
    own, kept = text_hash(y), dict[int, str]()
    for negative in negatives:
        value = text_hash(negative)
        if not negative.strip():
            tally.add("empty negative", origin)
        elif value == own:
            tally.add("negative that is its own y", origin)
        elif value in kept:
            tally.add("repeated negative", origin)
        else:
            kept[value] = negative
    tally.add("negatives", number=len(kept))
    return tuple(kept.values())


def _parse_line(line: bytes, place: str) -> dict[str, Any]:
    if len(line) > LONGEST_LINE:
        raise AdjoinError(f"{place} is longer than {LONGEST_LINE >> 20} MiB: expected a line such as {_EXAMPLE}")
    try:
        entry = json.loads(line.decode("utf-8-sig"), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise AdjoinError(f"{place} is not JSON ({error}): expected a line such as {_EXAMPLE}") from None
    if not isinstance(entry, dict):
        raise AdjoinError(f"{place} is {line.decode().strip()[:60]!r}: expected a line such as {_EXAMPLE}")
    for name in (name for name in entry if name not in _FIELDS):
        if meant := _meant(name):
            raise AdjoinError(
                f"{place}: the field {_shown(name)!r} is unknown, did you mean {meant!r}? Rename it, or remove it"
            )
    if missing := [name for name in ("x", "y") if name not in entry]:
        has = f"; it has {', '.join(map(_shown, list(entry)[:9]))}" if entry else ""
        raise AdjoinError(f"{place} lacks {' and '.join(missing)}{has}: expected a line such as {_EXAMPLE}")
    if wrong := wrong_types(entry, _FIELDS):
        raise AdjoinError(f"{place}: {wrong}; expected a line such as {_EXAMPLE}")
    for negative in entry.get("negatives", []):
        if not isinstance(negative, str):
            raise AdjoinError(f"{place}: a negative is {negative!r:.60}, expected str; correct the line")
    return entry


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON whose fields that we read stand once."""
    entry = dict(pairs)
    if len(entry) < len(pairs):
        names = [name for name, _ in pairs]
        if twice := [name for name in _FIELDS if names.count(name) > 1]:
            raise ValueError(f"{twice[0]} stands in it twice")
    return entry


def _meant(name: str) -> str | None:
    """The field that a misspelt name means: one edit away, in capitals, with spaces or marks, or a plural."""
    plain = re.sub(r"[\W_]+", "", name.lower()[:99])
    if plain in _FIELDS:
        return plain
    if (
        "negative" in plain
        or plain in ("neg", "negs")
        or _one_edit(plain, "negatives")
        or _one_edit(plain, "negative")
    ):
        return "negatives"
    return "group" if _one_edit(plain, "group") else None


def _one_edit(a: str, b: str) -> bool:
    """Whether one letter more, less, another, or two in the wrong order make `a` of `b`."""
    if a == b or abs(len(a) - len(b)) > 1:
        return a == b
    start = next((i for i, (p, q) in enumerate(zip(a, b, strict=False)) if p != q), min(len(a), len(b)))
    rest_a, rest_b = a[start:], b[start:]
    swapped = rest_a[1::-1] + rest_a[2:]
    return rest_b in (swapped, rest_a[1:]) or rest_b[1:] in (rest_a, rest_a[1:])


def _shown(name: str) -> str:
    """A field's name for messages: short, and without what would move the terminal's cursor."""
    return "".join(c if c.isprintable() else "?" for c in valid_unicode(name[:_SHOWN]))
