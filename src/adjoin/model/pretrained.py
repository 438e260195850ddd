"""Pretrained checkpoints through transformers: a folder with safetensors, a GGUF file, or a transformer of ours.

Nothing is downloaded and no remote code is run. Weights are returned in float32.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

from adjoin.errors import AdjoinError, first_line
from adjoin.model.locations import WEIGHTS_FILE, locate_model, quantized_files
from adjoin.model.quantized_weights import read_quantized
from adjoin.model.start import Start
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import Tokenizer


@contextmanager
def library_quiet() -> Iterator[None]:
    """Keep the progress bars and reports of transformers off the terminal; errors are reported by Adjoin."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with redirect_stderr(io.StringIO()):  # the GGUF reader draws a bar that no setting turns off
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def load_transformer(folder: Path) -> Any:  # noqa: ANN401 - a transformers model, an untyped library
    """Load the transformers model, without a head, of a model folder of ours.

    Raises:
        AdjoinError: the weights are missing or damaged.
    """
    import torch
    from transformers import AutoConfig, AutoModel

    quantized = quantized_files(folder)
    if not quantized and not (folder / WEIGHTS_FILE).is_file():
        raise AdjoinError(f"no weights at {folder / WEIGHTS_FILE}: the file is missing")
    try:
        with library_quiet():
            if quantized:
                model = AutoModel.from_config(AutoConfig.from_pretrained(folder, local_files_only=True)).float()
                model.load_state_dict(read_quantized(folder))
                return model.eval()
            model, info = AutoModel.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.float32, output_loading_info=True
            )
    except AdjoinError:
        raise
    except Exception as error:  # a damaged file raises anything from KeyError to the Rust reader's own errors
        raise AdjoinError(
            f"the model {folder} is damaged or cut short: {first_line(error)}; copy it again"
        ) from None
    if missing := _missing_weights(info, ""):
        raise AdjoinError(f"the model {folder} is damaged: {missing}; copy it again")
    return model


def load_generative(path: Path, layers: int | None = None) -> tuple[Any, Tokenizer]:
    """Load a causal language model with its head, weights in float32.

    Args:
        path: a transformers folder, or a GGUF file.
        layers: keep only the first so many layers; None for all.

    Returns:
        A new transformers model, which can be saved even if the checkpoint was quantized, and its tokenizer.

    Raises:
        AdjoinError: there is no such checkpoint, it is damaged, or it has fewer layers.
    """
    import torch
    from transformers import AutoModelForCausalLM

    if not path.exists():
        raise AdjoinError(f"no checkpoint at {path}: expected a transformers folder or a .gguf file")
    arguments = _arguments_for(path)
    try:
        with library_quiet():
            if quantized_files(path):
                loaded, info = _load_quantized_generative(path)
            else:
                loaded, info = AutoModelForCausalLM.from_pretrained(
                    **arguments, dtype=torch.float32, output_loading_info=True
                )
            tokenizer = _load_tokenizer(path, arguments)
        if missing := _missing_weights(info, f"{loaded.base_model_prefix}."):
            raise AdjoinError(f"the checkpoint {path} is damaged: {missing}; download it again")
        tokenizer.check_fits(loaded.get_input_embeddings().num_embeddings, path)
    except AdjoinError:
        raise
    except Exception as error:  # as in `load_transformer`
        raise AdjoinError(f"the checkpoint {path} cannot be opened: {first_line(error)}") from None
    config = loaded.config
    if layers is not None:
        _keep_layers(config, layers, path)
    if hasattr(config, "quantization_config"):
        del config.quantization_config  # the weights are plain now; marked as quantized, they could not be saved
    fresh = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    weights = loaded.state_dict()
    fresh.load_state_dict({name: weights[name] for name in fresh.state_dict()})
    return fresh, tokenizer


def describe_checkpoint(start: Start) -> tuple[Any, Tokenizer]:
    """Read the configuration and the tokenizer of a start's checkpoint, without its weights.

    Raises:
        AdjoinError: there is no such checkpoint, it is damaged, or it has fewer layers.
    """
    from transformers import AutoConfig

    path = locate_model(start.checkpoint or "")
    arguments = _arguments_for(path)
    try:
        with library_quiet():
            config = AutoConfig.from_pretrained(**{n: v for n, v in arguments.items() if n != "use_safetensors"})
            tokenizer = _load_tokenizer(path, arguments)
    except AdjoinError:
        raise
    except Exception as error:  # as in `load_transformer`
        raise AdjoinError(f"the checkpoint {path} cannot be opened: {first_line(error)}") from None
    if start.layers is not None:
        _keep_layers(config, start.layers, path)
    return config, tokenizer


def _load_quantized_generative(folder: Path) -> tuple[Any, dict[str, Any]]:
    """A quantized model of ours under a head, and its missing weights in the form transformers reports them."""
    from transformers import AutoConfig, AutoModelForCausalLM

    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder, local_files_only=True)).float()
    missing = model.base_model.load_state_dict(read_quantized(folder), strict=False).missing_keys
    return model, {"missing_keys": {f"{model.base_model_prefix}.{name}" for name in missing}}


def _missing_weights(info: dict[str, Any], prefix: str) -> str:
    """The body's weights that a checkpoint lacks; transformers would fill them with random numbers."""
    missing = sorted(name for name in info["missing_keys"] if name.startswith(prefix))
    return f"{len(missing)} weights are missing, such as {missing[0]}" if missing else ""


def _keep_layers(config: Any, layers: int, path: Path) -> None:  # noqa: ANN401 - a transformers config
    """Cut a configuration to its first layers."""
    if not 1 <= layers <= config.num_hidden_layers:
        raise AdjoinError(f"--layers {layers}: {path} has {config.num_hidden_layers} layers, expected 1 to that")
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:layers]


def _arguments_for(path: Path) -> dict[str, Any]:
    """The arguments of `from_pretrained` for a local folder or GGUF file."""
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    if path.is_dir():
        return {"pretrained_model_name_or_path": str(path), "use_safetensors": True, **local}
    return {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name, **local}


def _load_tokenizer(path: Path, arguments: dict[str, Any]) -> Tokenizer:
    if path.is_dir() and (path / TOKENIZER_FILE).is_file():
        return Tokenizer.load(path / TOKENIZER_FILE)
    from transformers import AutoTokenizer

    arguments = {name: value for name, value in arguments.items() if name != "use_safetensors"}
    return Tokenizer(AutoTokenizer.from_pretrained(**arguments).backend_tokenizer)
