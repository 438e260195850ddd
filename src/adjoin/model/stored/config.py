"""The config.json of a transformers checkpoint, checked before transformers reads it.

transformers builds what the file declares: a million layers take minutes, and memory without end. It also guesses
a missing model type from the folder's name.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adjoin.errors import AdjoinError, first_line

FILE = "config.json"
MOST_BYTES = 4_000_000  # the names of 1,000 classes take 50,000
MOST_LABELS = 100_000
MOST_LAYERS = 1_000  # the deepest models have some 130
LARGEST_NUMBER = 1 << 53  # more than any size, and the largest that every JSON reader keeps

# What a causal model has by one of these names: whole numbers of 1 or more.
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_decoder_layers", "decoder_layers")
_SIZES = (
    "vocab_size",
    "hidden_size",
    "n_embd",
    "d_model",
    "num_attention_heads",
    "n_head",
    "n_heads",
    "num_heads",
)
# Keys by which transformers may run a function that a hub provides.
_CODE = ("attn_implementation", "_attn_implementation", "experts_implementation", "_experts_implementation")
_LABELS = ("num_labels", "num_classes")  # transformers makes a dictionary of so many names
_POSITIVE = ("num_key_value_heads", "rope_theta")
_COUNT = re.compile(r"(num|n)_\w+|\w+_(layers|heads|size|dim)|d_\w+")


def read_config(folder: Path) -> dict[str, Any]:
    """Read the config.json of a checkpoint and check what it declares.

    Args:
        folder: the checkpoint.

    Raises:
        AdjoinError: the file is missing, damaged or too large, names no model type, an encoder, quantized weights
            of another library or a size that cannot be. The message names the file and the key.
    """
    path = folder / FILE
    config = _read(path)
    try:
        wrong = _wrong_kind(config) or _wrong_sizes(config)
    except RecursionError:
        wrong = "it is nested too deeply"
    if wrong:
        raise AdjoinError(f"the checkpoint {folder} cannot be opened: {FILE}: {wrong}")
    return config


def check_layers(folder: Path, config: dict[str, Any], tensors: int) -> None:
    """Check that a checkpoint has a tensor for each layer.

    Args:
        folder: the checkpoint, for the message.
        config: from `read_config`.
        tensors: tensors in its weight files.

    Raises:
        AdjoinError: naming the key and both numbers.
    """
    for name, value in _leaves(config):
        if name.rpartition(".")[2] in _LAYERS and value > tensors:
            raise AdjoinError(
                f"the checkpoint {folder} cannot be opened: {FILE}: {name} is {value:,}, the weights have"
                f" {tensors:,} tensors; copy it again"
            )


def _read(path: Path) -> dict[str, Any]:
    prefix = f"the checkpoint {path.parent} cannot be opened: {path.name}"
    if path.is_dir() or not path.is_file():
        raise AdjoinError(
            f"{prefix} is {'a folder' if path.is_dir() else 'missing'}; expected a transformers folder"
        )
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise AdjoinError(f"{prefix} has {size:,} bytes, expected at most {MOST_BYTES:,}; copy it again")
        config = json.loads(path.read_bytes().decode(), object_pairs_hook=_without_repetition)
    except (OSError, ValueError, RecursionError) as error:
        raise AdjoinError(f"{prefix} is not JSON in UTF-8: {first_line(error)}; copy it again") from None
    if not isinstance(config, dict):
        raise AdjoinError(f"{prefix} is a {type(config).__name__}, expected an object; copy it again")
    return config


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys differ."""
    content: dict[str, Any] = {}
    for name, value in pairs:
        if name in content:
            raise ValueError(f"the key {name!r:.60} stands twice")
        content[name] = value
    return content


def _wrong_kind(config: dict[str, Any]) -> str:
    """Why a model of this kind cannot be used; empty if it can."""
    kind = config.get("model_type")
    if not isinstance(kind, str) or not kind:
        return f"model_type is {kind!r:.60}, expected the name of an architecture, such as 'llama'"
    if config.get("is_encoder_decoder") not in (None, False):
        return f"is_encoder_decoder is {config['is_encoder_decoder']!r:.20}: {kind} is not causal; take a decoder"
    if config.get("auto_map") is not None and not _is_known(kind):
        return f"{kind!r:.60} needs code of its own (auto_map), which is never run: take another architecture"
    for name in _CODE:
        if isinstance(config.get(name), str) and "/" in config[name]:
            return f"{name} is {config[name]!r:.60}, which names code of a hub: remove the key"
    if config.get("transformers_weights") is not None:
        named = config["transformers_weights"]
        return f"transformers_weights is {named!r:.60}: remove the key, and name the file model.safetensors"
    quantized = config.get("quantization_config")
    if quantized is not None:
        method = quantized.get("quant_method") if isinstance(quantized, dict) else quantized
        return f"quantization_config is of the kind {method!r:.60}: give plain weights, or a GGUF file"
    return ""


def _is_known(kind: str) -> bool:
    """Whether transformers has an architecture of its own by this name."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    return kind in CONFIG_MAPPING_NAMES


def _wrong_sizes(config: dict[str, Any]) -> str:
    """Which size cannot be; empty if all can."""
    for name, value in _leaves(config):
        key = name.rpartition(".")[2]
        if value != value:
            return f"{name} is NaN, expected a number"
        if isinstance(value, int | float) and abs(value) > LARGEST_NUMBER and abs(value) != float("inf"):
            return f"{name} is {value!r:.40}, expected at most {LARGEST_NUMBER:,}"
        if key in _LABELS and isinstance(value, int) and value > MOST_LABELS:
            return f"{name} is {value:,}, expected at most {MOST_LABELS:,}"
        if key in _POSITIVE and value is not None and not (isinstance(value, int | float) and value > 0):
            return f"{name} is {value!r:.40}, expected a number above 0"
        if key in (*_LAYERS, *_SIZES) and (type(value) is not int or value < 1):
            return f"{name} is {value!r:.40}, expected a whole number of 1 or more"
        if key in _LAYERS and value > MOST_LAYERS:
            return f"{name} is {value:,}, expected at most {MOST_LAYERS:,}"
        if _COUNT.fullmatch(key) and isinstance(value, int | float) and value < 0 and value != -1:
            return f"{name} is {value!r:.40}, expected 0 or more"
    return ""


def _leaves(content: Any, name: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - JSON
    """All values that are no objects or lists, with their names."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _leaves(value, f"{name}.{key}" if name else key)
    elif isinstance(content, list):
        for value in content:
            yield from _leaves(value, name)
    else:
        yield name, content
