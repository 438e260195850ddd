"""Does this dataset come out of this input? Derive it again and compare."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjoin.errors import AdjoinError
from adjoin.mining.engines import Engine
from adjoin.mining.options import MiningOptions
from adjoin.mining.run import Progress, mine
from adjoin.pairs.dataset import MANIFEST, PairDataset, sha256_of_file

_LINES = 5  # of each kind of difference that are told


@dataclass(frozen=True, slots=True)
class Verification:
    """What deriving a dataset again has shown.

    Attributes:
        pairs: of the dataset.
        inputs: of the dataset.
        differences: a line each; empty if every byte is the same.
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
    progress: Progress | None = None,
) -> Verification:
    """Mine `roots` again with the options in a dataset's manifest, and compare every hash and every count.

    Args:
        roots: what the dataset was mined from.
        folder: the dataset.
        decontaminate: the folders that were held out, if there were any: a manifest knows their names only.
        engine: who does the work.
        progress: called after each task.

    Raises:
        AdjoinError: there is no dataset, it was not mined, or the roots or held-out folders are not its own.
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
    with tempfile.TemporaryDirectory(prefix=".verify.", dir=folder.resolve().parent) as beside:
        derived = mine(roots, Path(beside) / "pairs", options, engine=engine, progress=progress)
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
