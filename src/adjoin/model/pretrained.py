"""Pretrained checkpoints through transformers: a folder with safetensors, a GGUF file, or a transformer of ours.

Nothing is downloaded and no remote code is run. Weights are returned in float32.
"""

import copy
import io
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

from adjoin.errors import AdjoinError
from adjoin.model.locations import locate_model, quantized_files
from adjoin.model.quantized_weights import read_quantized
from adjoin.model.start import Start
from adjoin.model.stored.checkpoint import building_bounded, check_checkpoint, check_types
from adjoin.model.stored.config import read_config
from adjoin.model.stored.gguf_header import read_gguf_header
from adjoin.model.stored.layers import architecture_of, keep_layers, number_of_layers, text_config
from adjoin.model.stored.safetensors_header import StoredTensor
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import Tokenizer

# Nothing is downloaded, no code of a checkpoint is run, and nobody is asked on the terminal whether it may.
_LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
# Asks transformers for a report of the weights, also of those of another shape, which it would raise an error for.
_TOLD: dict[str, Any] = {"output_loading_info": True, "ignore_mismatched_sizes": True}


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

    tensors = check_checkpoint(folder)
    try:
        with library_quiet(), _bounded(folder, tensors):
            if quantized_files(folder):
                model = AutoModel.from_config(AutoConfig.from_pretrained(folder, **_LOCAL)).float()
                info = _set_quantized(model, folder)
            else:
                model, info = AutoModel.from_pretrained(
                    folder, use_safetensors=True, dtype=torch.float32, **_LOCAL, **_TOLD
                )
    except AdjoinError:
        raise
    except Exception as error:  # a damaged file raises anything from KeyError to the Rust reader's own errors
        raise AdjoinError(
            f"the model {folder} is damaged or cut short: {one_line(error)}; copy it again"
        ) from None
    check_types(folder, tensors, dict(model.named_parameters()))
    if wrong := _wrong_weights(info, "") or _wrong_numbers(model):
        raise AdjoinError(f"the model {folder} is damaged: {wrong}; copy it again")
    _with_plain_outputs(model.config)
    return model.eval()


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

    from adjoin.model.stored.parts import check_cut, name_body, text_model

    if not path.exists():
        raise AdjoinError(f"no checkpoint at {path}: expected a transformers folder or a .gguf file")
    arguments = _arguments_for(path)
    tensors = check_checkpoint(path) if path.is_dir() else read_gguf_header(path)
    try:
        with library_quiet(), _bounded(path, tensors):
            _check_causal_class(path, arguments)
            loaded, info = _load_whole(path, arguments)
        with library_quiet():
            tokenizer = _load_tokenizer(path, arguments)
        if path.is_dir():
            check_types(path, check_checkpoint(path), dict(loaded.named_parameters()))
        if wrong := _wrong_weights(info, f"{loaded.base_model_prefix}.") or _wrong_numbers(loaded):
            raise AdjoinError(f"the checkpoint {path} is damaged: {wrong}; download it again")
        tokenizer.check_fits(loaded.get_input_embeddings().num_embeddings, path)
    except AdjoinError:
        raise
    except Exception as error:  # as in `load_transformer`
        raise AdjoinError(f"the checkpoint {path} cannot be opened: {one_line(error)}") from None
    with library_quiet():
        loaded = text_model(loaded, path)
    config, number = copy.deepcopy(loaded.config), number_of_layers(loaded.config)
    _set_plain(config)
    if layers is not None:
        keep_layers(config, layers, path)
    try:
        with library_quiet():
            fresh = name_body(AutoModelForCausalLM.from_config(config, dtype=torch.float32))
            weights = loaded.state_dict()
            fresh.load_state_dict({name: weights[name] for name in fresh.state_dict()})
    except Exception as error:  # a config that was cut, or one of an odd architecture
        cut = "" if layers is None else f"--layers {layers}: "
        raise AdjoinError(
            f"{cut}the checkpoint {path} ({architecture_of(config)}) cannot be built: {one_line(error)}"
        ) from None
    if layers is not None and number is not None and layers < number:
        check_cut(loaded.base_model, fresh.base_model, layers, number, path)
    return fresh, tokenizer


def describe_checkpoint(start: Start) -> tuple[Any, Tokenizer]:
    """Read the configuration and the tokenizer of a start's checkpoint, without its weights.

    Raises:
        AdjoinError: there is no such checkpoint, it is damaged, or it has fewer layers.
    """
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig

    path = locate_model(start.checkpoint or "")
    arguments = _arguments_for(path)
    if path.is_dir():
        read_config(path)
    else:
        read_gguf_header(path)
    try:
        with library_quiet():
            config = AutoConfig.from_pretrained(**{n: v for n, v in arguments.items() if n != "use_safetensors"})
            tokenizer = _load_tokenizer(path, arguments)
    except AdjoinError:
        raise
    except Exception as error:  # as in `load_transformer`
        raise AdjoinError(f"the checkpoint {path} cannot be opened: {one_line(error)}") from None
    config = text_config(config)
    _set_plain(config)
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise AdjoinError(_no_causal_model(path, config))
    if start.layers is not None:
        keep_layers(config, start.layers, path)
    return config, tokenizer


def _load_whole(path: Path, arguments: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """A causal language model with all its parts, and what transformers reports of its weights."""
    import torch
    from transformers import AutoModelForCausalLM

    from adjoin.model.stored.parts import name_body

    if quantized_files(path):
        return _load_quantized_generative(path)
    loaded, info = AutoModelForCausalLM.from_pretrained(**arguments, dtype=torch.float32, **_TOLD)
    renamed = name_body(loaded).base_model_prefix != type(loaded).base_model_prefix
    return loaded, _load_body_alone(loaded, arguments) if renamed and info["missing_keys"] else info


def _load_body_alone(loaded: Any, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - a transformers model
    """Set the body's weights from a model of ours, whose names transformers does not match (Llama 4's class)."""
    import torch
    from transformers import AutoModel

    body, info = AutoModel.from_pretrained(**arguments, dtype=torch.float32, **_TOLD)
    loaded.base_model.load_state_dict(body.state_dict())
    return {**info, "missing_keys": {f"{loaded.base_model_prefix}.{name}" for name in info["missing_keys"]}}


def _load_quantized_generative(folder: Path) -> tuple[Any, dict[str, Any]]:
    """A quantized model of ours under a head, and its wrong weights in the form transformers reports them."""
    from transformers import AutoConfig, AutoModelForCausalLM

    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder, **_LOCAL)).float()
    return model, _set_quantized(model.base_model, folder, f"{model.base_model_prefix}.")


def _set_quantized(body: Any, folder: Path, prefix: str = "") -> dict[str, Any]:  # noqa: ANN401 - a transformers model
    """Set the weights of a body to those of a quantized model, and report as transformers does."""
    weights, expected = read_quantized(folder), body.state_dict()
    shapes = {name: (weights[name].shape, expected[name].shape) for name in weights.keys() & expected.keys()}
    wrong = {name: both for name, both in shapes.items() if both[0] != both[1]}
    right = {name: weights[name] for name in shapes.keys() - wrong.keys()}
    missing = body.load_state_dict(right, strict=False).missing_keys
    return {
        "missing_keys": {prefix + name for name in missing if name not in wrong},
        "mismatched_keys": {(prefix + name, *both) for name, both in wrong.items()},
        "unexpected_keys": {prefix + name for name in weights.keys() - expected.keys()},
    }


def _wrong_weights(info: dict[str, Any], prefix: str) -> str:
    """How a checkpoint's weights differ from the body that its config.json declares; empty if they do not.

    transformers fills what is missing or of another shape with random numbers, and leaves out what is too much.

    Args:
        info: the report of transformers.
        prefix: what the names of the body's weights begin with.
    """
    missing = sorted(name for name in info["missing_keys"] if name.startswith(prefix))
    if missing:
        return f"{len(missing)} weights are missing, such as {missing[0]}"
    for name, stored, declared in sorted(info.get("mismatched_keys", ()), key=lambda entry: str(entry[0])):
        return f"{name} has the shape {tuple(stored)}, config.json declares {tuple(declared)}"
    extra = sorted(info.get("unexpected_keys", ()))
    if extra and not prefix:  # a model of ours has its own weights only
        return f"{len(extra)} weights are not of this model, such as {extra[0]}"
    beyond = [name for name in extra if re.search(r"\b(layers|h|blocks)\.\d+\.", name)]
    return (
        f"{len(beyond)} weights are of layers that config.json does not declare, such as {beyond[0]}"
        if beyond
        else ""
    )


def _wrong_numbers(model: Any) -> str:  # noqa: ANN401 - a transformers model
    """What is wrong with the numbers of a model's weights: one that is not finite, or a table of zeros."""
    for name, weight in model.named_parameters():
        if not weight.sum().isfinite() and not (finite := weight.isfinite()).all():
            return f"{name} has {int((~finite).sum()):,} numbers that are not finite"
    return "" if model.get_input_embeddings().weight.any() else "the token embeddings are all zero"


def _with_plain_outputs(config: Any) -> Any:  # noqa: ANN401 - a transformers config
    """The same config, of a model that returns its states and nothing else, whatever config.json asks for."""
    config.return_dict, config.output_hidden_states, config.output_attentions = True, False, False
    return config


def _bounded(path: Path, tensors: "dict[str, StoredTensor] | tuple[int, int]") -> AbstractContextManager[None]:
    """Bound what is built for a checkpoint by its tensors, or by their number and that of their numbers."""
    if isinstance(tensors, tuple):
        return building_bounded(path, *tensors)
    return building_bounded(path, len(tensors), sum(tensor.numbers for tensor in tensors.values()))


def one_line(error: Exception) -> str:
    """Return one line for an error of transformers, whose messages may have several lines, or only a name."""
    words = " ".join(str(error).split())
    words = re.sub(r"^(Class v|V)alidation error for (field|validator) '\w+': \w+: ", "", words)
    if words.startswith("Unrecognized configuration class"):
        return "its architecture has no causal language model; take a decoder, such as a Llama"
    if isinstance(error, KeyError):
        return f"config.json names {words:.100}, which transformers does not know"
    kind = "" if " " in words else f"{type(error).__name__} "
    return kind + (words if len(words) <= 300 else words[:300].rsplit(". ", 1)[0])


def _check_causal_class(path: Path, arguments: dict[str, Any]) -> None:
    """Check that transformers has a causal language model of a checkpoint's architecture and of its text part."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig

    if not path.is_dir():
        return  # GGUF: the reader knows causal architectures only
    config = AutoConfig.from_pretrained(**{n: v for n, v in arguments.items() if n != "use_safetensors"})
    for part in (config, text_config(config)):
        if type(part) not in MODEL_FOR_CAUSAL_LM_MAPPING:
            raise AdjoinError(_no_causal_model(path, part))


def _no_causal_model(path: Path, config: Any) -> str:  # noqa: ANN401 - a transformers config
    return (
        f"the checkpoint {path} cannot be opened: its architecture {architecture_of(config)} has no causal"
        " language model; take a decoder, such as a Llama"
    )


def _set_plain(config: Any) -> None:  # noqa: ANN401 - a transformers config
    """Set what a configuration asks for beside the states, so that a body returns them, and only them."""
    if hasattr(config, "quantization_config"):
        del config.quantization_config  # the weights are plain now; marked as quantized, they could not be saved
    _with_plain_outputs(config)
    if getattr(config, "rescale_every", 0):  # RWKV halves weights in place for float16, and doubles them to train
        config.rescale_every = 0


def _arguments_for(path: Path) -> dict[str, Any]:
    """The arguments of `from_pretrained` for a local folder or GGUF file."""
    if path.is_dir():
        return {"pretrained_model_name_or_path": str(path), "use_safetensors": True, **_LOCAL}
    return {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name, **_LOCAL}


def _load_tokenizer(path: Path, arguments: dict[str, Any]) -> Tokenizer:
    if path.is_dir() and (path / TOKENIZER_FILE).is_file():
        return Tokenizer.load(path / TOKENIZER_FILE)
    from transformers import AutoTokenizer

    arguments = {name: value for name, value in arguments.items() if name != "use_safetensors"}
    return Tokenizer(AutoTokenizer.from_pretrained(**arguments).backend_tokenizer)
