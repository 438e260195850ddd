"""Changes the configuration of a checkpoint: cuts it to its first layers, or takes its text part.

Architectures keep per-layer settings under many names: lists with an entry per layer, or one nested list. Whether
a cut model computes what its first layers computed in the whole one is checked on values (parts.py), not by names.
"""

import re
from pathlib import Path
from typing import Any

from adjoin.errors import AdjoinError

# Lists that have nothing to do with layers, also where they are as long as there are layers.
_NOT_PER_LAYER = re.compile(r"token|architectures|label|language|rope|_id$|_ids$")
_SHARED = (
    "num_kv_shared_layers",
    "num_hidden_groups",
    "num_mem_blocks",
)  # the last layers use parts of earlier ones


def architecture_of(config: Any) -> str:  # noqa: ANN401 - a transformers config
    """The name of an architecture, for messages: the model type of a transformers config."""
    return str(getattr(config, "model_type", "") or type(config).__name__)


def number_of_layers(config: Any) -> int | None:  # noqa: ANN401 - a transformers config
    """How many layers a transformers config declares; None if it has no such number."""
    number = getattr(config, "num_hidden_layers", None)
    return number if isinstance(number, int) else None


def keep_layers(config: Any, layers: int, path: Path) -> None:  # noqa: ANN401 - a transformers config
    """Cut a transformers config to its first layers, in place.

    Raises:
        AdjoinError: there are fewer layers, or this architecture has no number of layers to cut.
    """
    number = number_of_layers(config)
    if number is None:
        raise AdjoinError(
            f"--layers {layers}: {path} ({architecture_of(config)}) does not say how many layers it has"
        )
    if not 1 <= layers <= number:
        raise AdjoinError(f"--layers {layers}: {path} has {number} layers, expected 1 to that")
    if layers == number:
        return
    if shared := next((name for name in _SHARED if getattr(config, name, None)), None):
        raise AdjoinError(
            f"--layers {layers}: {path} ({architecture_of(config)}) cannot be cut: its layers share parts"
            f" ({shared}); keep all {number}"
        )
    lists = {name: value for name, value in vars(config).items() if isinstance(value, list | tuple)}
    per_layer = {name: v for name, v in lists.items() if len(v) == number and not _NOT_PER_LAYER.search(name)}
    try:
        for name, value in per_layer.items():
            setattr(config, name, value[:layers])
        if "attention_types" in lists and "attention_layers" in per_layer:  # GPT-Neo: [[pattern, repetitions]]
            config.attention_types = [[list(config.attention_layers), 1]]
        config.num_hidden_layers = layers
    except Exception as error:  # configs check what is set, each in its own way
        raise AdjoinError(
            f"--layers {layers}: {path} ({architecture_of(config)}) cannot be cut: {described(error)};"
            f" keep all {number}"
        ) from None


def text_config(config: Any) -> Any:  # noqa: ANN401 - a transformers config
    """The config of a model's causal text part; the config itself if it has no other part."""
    getter = getattr(config, "get_text_config", None)
    return config if getter is None else getter(decoder=True)


def described(error: Exception) -> str:
    """An error of torch or transformers in one line."""
    return f"{type(error).__name__} {' '.join(str(error).split()):.200}"
