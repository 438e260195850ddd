"""Verification: mine a dataset again from its input and compare."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjoin.errors import AdjoinError
from adjoin.mining.engines import Engine
from adjoin.mining.options import MiningOptions
from adjoin.mining.run import MiningProgress, mine
from adjoin.pairs.dataset import MANIFEST, PairDataset, sha256_of_file
from adjoin.unfinished import temporary_folder

_LINES = 5  # differences of each kind that are listed


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of a verification.

    Attributes:
        pairs: number of pairs in the dataset.
        inputs: number of inputs in the dataset.
        differences: one line per difference; empty if every byte is the same.
    """

    pairs: int
    inputs: int
    differences: tuple[str, ...]


def verify(
    roots: Sequence[Path],
    folder: Path,
    *,
    decontaminate: Sequence[Path] = (),
    engine: Engine | None = None,
    progress: MiningProgress | None = None,
) -> Verification:
    """Mine `roots` again with the options of a dataset's manifest, and compare every hash and count.

    Args:
        roots: what the dataset was mined from.
        folder: the dataset.
        decontaminate: the evaluation folders, if there were any. The manifest has only their names.
        engine: where the work runs; None for one worker process per CPU core.
        progress: called after each task.

    Raises:
        AdjoinError: there is no dataset, it was not mined, or the roots or evaluation folders differ from its own.
        OSError: the disk is full.
    """
    dataset = PairDataset.open(folder)
    known = dataset.manifest
    if not isinstance(known.get("options"), dict) or not isinstance(known.get("inputs"), list):
        raise AdjoinError(f"{folder / MANIFEST} names no options and inputs: it was not made by `adjoin mine`")
    names = [path.resolve().name for path in decontaminate]
    if names != known["options"].get("decontaminate", []):
        raise AdjoinError(
            f"{folder} was decontaminated against {known['options'].get('decontaminate')}, not {names}: give"
            " --decontaminate as it was given then"
        )
    values = {**known["options"], "decontaminate": [str(path) for path in decontaminate]}
    options = MiningOptions.of_values(values, str(folder / MANIFEST))
    place = folder.resolve()
    with temporary_folder(place.with_name(f"{place.name}.verify")) as beside:
        derived = mine(roots, beside / "pairs", options, engine=engine, own=[place], progress=progress)
    damaged = [
        f"{shard['file']} on the disk is not the one in the manifest: expected {shard['sha256'][:12]}"
        for shard in known["shards"]
        if sha256_of_file(folder / shard["file"]) != shard["sha256"]
    ]
    differences = [*damaged, *_of_inputs(known, derived), *_of_counts(known, derived), *_of_rest(known, derived)]
    return Verification(len(dataset), len(known["inputs"]), tuple(differences))


def _of_inputs(known: dict[str, Any], derived: dict[str, Any]) -> list[str]:
    before = {given["origin"]: given for given in known["inputs"]}
    now = {given["origin"]: given for given in derived["inputs"]}
    lines = []
    for what, origins in (
        ("is gone", before.keys() - now.keys()),
        ("is new", now.keys() - before.keys()),
        ("has changed", {o for o in before.keys() & now.keys() if before[o]["sha256"] != now[o]["sha256"]}),
    ):
        lines += [f"input {origin} {what}" for origin in sorted(origins)[:_LINES]]
        if len(origins) > _LINES:
            lines.append(f"and {len(origins) - _LINES:,} more inputs: {what}")
    return lines


def _of_counts(known: dict[str, Any], derived: dict[str, Any]) -> list[str]:
    before, now = known.get("counts", {}), derived["counts"]
    return [
        f"{name}: {before.get(name, 0):,} in the manifest, {now.get(name, 0):,} now"
        for name in sorted(before.keys() | now.keys())
        if before.get(name, 0) != now.get(name, 0)
    ]


def _of_rest(known: dict[str, Any], derived: dict[str, Any]) -> list[str]:
    lines = [
        f"version of {name}: {known.get('versions', {}).get(name)} in the manifest, {version} now"
        for name, version in derived["versions"].items()
        if known.get("versions", {}).get(name) != version
    ]
    before, now = ([shard["sha256"] for shard in manifest["shards"]] for manifest in (known, derived))
    if before != now:
        same = sum(a == b for a, b in zip(before, now, strict=False))
        lines.append(f"shards: {same} of {len(before)} have the same bytes")
    elif not lines and {**known, "format": 0, "hash": 0} != {**derived, "format": 0, "hash": 0}:
        lines.append("the shards are the same, another entry of the manifest is not")
    return lines
