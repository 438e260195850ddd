"""Where models are: the files of a model's folder, and the models that come with Adjoin, found by name.

Encoder.load("code")        adjoin index . --model code
"""

from pathlib import Path

from adjoin.files import read_json

DESCRIPTION_FILE, WEIGHTS_FILE = "adjoin.json", "model.safetensors"
SHIPPED = ("code",)
_FOLDER = Path(__file__).resolve().parents[1] / "shipped"


def place_of(model: str | Path) -> Path:
    """The folder of what a user names.

    Args:
        model: one of `SHIPPED`, or a folder. A folder that is called as one of them is given as `./code`, or as a
            Path.
    """
    return _FOLDER / model if isinstance(model, str) and model in SHIPPED else Path(model)


def lasting_name(model: str | Path) -> str:
    """What to note of a model so that it is found again from anywhere: a shipped one's name, or a whole path."""
    return model if isinstance(model, str) and model in SHIPPED else str(Path(model).resolve())


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
