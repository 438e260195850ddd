"""Where a training starts: random weights in a preset's size, a checkpoint, or a static table.

The paper starts from a generative language model and says that the contrastive signal alone is not sufficient
without one. A checkpoint is a transformers folder (safetensors) or a GGUF file, whole or its first k layers.
"""

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from adjoin.errors import AdjoinError
from adjoin.files import wrong_types
from adjoin.model.locations import WEIGHTS_FILE, locate_model, quantized_files
from adjoin.model.presets import preset_named, transformer_config
from adjoin.model.pruning import keep_rows, needed_tokens, pruned_tokenizer
from adjoin.model.static import read_tensors, start_vectors
from adjoin.model.vocabulary_transfer import transplanted_vectors
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import Tokenizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from adjoin.model.bodies import StaticBody, TransformerBody


@dataclass(frozen=True, slots=True)
class Start:
    """How to make the untrained model again, as adjoin.json keeps it.

    Attributes:
        preset: a size's name, or None with a checkpoint.
        checkpoint: a transformers folder, a GGUF file, or with the preset "static" a static model; or None.
        layers: keep the checkpoint's first so many layers, or None for all.
        dimension: of a static table.
        seed: of the random weights.
        pruned: whether the checkpoint's vocabulary is reduced to what the texts need (pruning.py).
        vectors_from: a causal language model whose token embeddings a static table begins with (transplant.py).
    """

    preset: str | None = "static"
    checkpoint: str | None = None
    layers: int | None = None
    dimension: int | None = None
    seed: int = 0
    pruned: bool | None = None
    vectors_from: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The fields that say something."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """What `as_json` gave; keys of a later version, which may mean another start, are refused.

        Raises:
            AdjoinError: naming the key and what was expected.
        """
        declared = {field.name: field.type for field in fields(cls)}
        if unknown := sorted(content.keys() - declared.keys()):
            raise AdjoinError(f"unknown start {', '.join(unknown)}: expected {', '.join(declared)}")
        if wrong := wrong_types(content, declared):
            raise AdjoinError(f"the model's start cannot be made again: {wrong}")
        start = cls(**{"preset": None, **content})
        if start.seed < 0:
            raise AdjoinError(f"the model's start cannot be made again: seed is {start.seed}, expected 0 or more")
        if start.checkpoint is None:
            preset_named(start.preset or "")
        return start

    @property
    def is_static(self) -> bool:
        """Whether the body is a static table."""
        return self.preset == "static"


@contextmanager
def library_quiet() -> Iterator[None]:
    """Keep transformers' progress bars and reports off the terminal: we say ourselves what went wrong."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with redirect_stderr(io.StringIO()):  # a bar of the GGUF reader's, which asks nobody
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def missing_weights(info: dict[str, Any], prefix: str) -> str:
    """The weights of the body that a checkpoint lacks, which transformers would fill with random numbers."""
    missing = sorted(name for name in info["missing_keys"] if name.startswith(prefix))
    return f"{len(missing)} weights are missing, such as {missing[0]}" if missing else ""


def static_body(
    tokenizer: Tokenizer, start: Start, weights_V: "NDArray[np.float32]", hidden: int = 0
) -> "StaticBody":
    """A static table: the checkpoint's; or first vectors, the given token weights (V,), and a layer on top."""
    from adjoin.model.bodies import StaticBody

    if start.checkpoint is not None:
        return StaticBody.from_tensors(read_tensors(locate_model(start.checkpoint) / WEIGHTS_FILE))
    dimension = start.dimension or preset_named("static").dimension
    vectors_VD = first_vectors(tokenizer, start, dimension)
    return StaticBody(vectors_VD, weights_V, openings=tokenizer.openings, hidden=hidden, seed=start.seed)


def first_vectors(tokenizer: Tokenizer, start: Start, dimension: int) -> "NDArray[np.float32]":
    """The token vectors (V, D) with which a static table begins: random ones, or a language model's.

    Raises:
        AdjoinError: as `transplanted_vectors`.
    """
    if start.vectors_from is None:
        return start_vectors(tokenizer.vocabulary_size, dimension, start.seed)
    model, theirs = load_generative(locate_model(start.vectors_from), layers=1)
    embeddings = model.get_input_embeddings().weight.detach().numpy()
    return transplanted_vectors(tokenizer, embeddings, theirs, dimension, start.seed)


def random_transformer(start: Start, vocabulary_size: int, max_tokens: int) -> "TransformerBody":
    """A body with random weights in a preset's size; the same for the same seed."""
    import torch
    from transformers import AutoModel

    from adjoin.model.bodies import TransformerBody

    config = transformer_config(preset_named(start.preset or ""), vocabulary_size, max_tokens)
    with torch.random.fork_rng():
        torch.manual_seed(start.seed)
        return TransformerBody(AutoModel.from_config(config))


def random_generative(start: Start, vocabulary_size: int, max_tokens: int) -> Any:  # noqa: ANN401
    """A causal language model with random weights in a preset's size; the same for the same seed."""
    import torch
    from transformers import AutoModelForCausalLM

    config = transformer_config(preset_named(start.preset or ""), vocabulary_size, max_tokens)
    with torch.random.fork_rng():
        torch.manual_seed(start.seed)
        return AutoModelForCausalLM.from_config(config)


def load_generative(path: Path, layers: int | None = None) -> tuple[Any, Tokenizer]:
    """Open a causal language model with its head, weights in float32.

    Args:
        path: a transformers folder, or a GGUF file.
        layers: keep only the first so many layers.

    Returns:
        A fresh transformers model (free of quantisation marks, so that it can be saved) and its tokenizer.

    Raises:
        AdjoinError: there is no such checkpoint, it is damaged, or it has fewer layers.
    """
    import torch
    from transformers import AutoModelForCausalLM

    if not path.exists():
        raise AdjoinError(f"no checkpoint at {path}: expected a transformers folder or a .gguf file")
    where = _where(path)
    try:
        with library_quiet():
            if quantized_files(path):
                loaded, info = _unpacked(path)
            else:
                loaded, info = AutoModelForCausalLM.from_pretrained(
                    **where, dtype=torch.float32, output_loading_info=True
                )
            tokenizer = _tokenizer(path, where)
        if missing := missing_weights(info, f"{loaded.base_model_prefix}."):
            raise AdjoinError(f"the checkpoint {path} is damaged: {missing}; take a whole one")
        tokenizer.check_fits(loaded.get_input_embeddings().num_embeddings, path)
    except AdjoinError:
        raise
    except Exception as error:  # a damaged file raises anything from KeyError to the Rust reader's own errors
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise AdjoinError(f"the checkpoint {path} cannot be opened: {reason}") from None
    config = loaded.config
    if layers is not None:
        _keep_layers(config, layers, path)
    if hasattr(config, "quantization_config"):
        del config.quantization_config  # the weights are plain now; marked so, they could not be saved
    fresh = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    weights = loaded.state_dict()
    fresh.load_state_dict({name: weights[name] for name in fresh.state_dict()})
    return fresh, tokenizer


def _unpacked(folder: Path) -> tuple[Any, dict[str, Any]]:
    """A packed model of ours under a head, and which weights of its body are missing, as transformers tells it."""
    from transformers import AutoConfig, AutoModelForCausalLM

    from adjoin.model.quantized_weights import read_quantized

    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder, local_files_only=True)).float()
    missing = model.base_model.load_state_dict(read_quantized(folder), strict=False).missing_keys
    return model, {"missing_keys": {f"{model.base_model_prefix}.{name}" for name in missing}}


def describe_checkpoint(start: Start) -> tuple[Any, Tokenizer]:
    """The configuration and the tokenizer of the checkpoint that a start names, without its weights.

    Raises:
        AdjoinError: there is no such checkpoint, it is damaged, or it has fewer layers.
    """
    from transformers import AutoConfig

    path = locate_model(start.checkpoint or "")
    where = _where(path)
    try:
        with library_quiet():
            config = AutoConfig.from_pretrained(**{n: v for n, v in where.items() if n != "use_safetensors"})
            tokenizer = _tokenizer(path, where)
    except AdjoinError:
        raise
    except Exception as error:  # as in `load_generative`
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise AdjoinError(f"the checkpoint {path} cannot be opened: {reason}") from None
    if start.layers is not None:
        _keep_layers(config, start.layers, path)
    return config, tokenizer


def _keep_layers(config: Any, layers: int, path: Path) -> None:  # noqa: ANN401 - an untyped library's
    """Cut a configuration to its first layers; refuse more than it has."""
    if not 1 <= layers <= config.num_hidden_layers:
        raise AdjoinError(f"--layers {layers}: {path} has {config.num_hidden_layers} layers, expected 1 to that")
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:layers]


def _where(path: Path) -> dict[str, Any]:
    """The arguments by which transformers finds a folder or a GGUF file, never the network, never remote code."""
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    if path.is_dir():
        return {"pretrained_model_name_or_path": str(path), "use_safetensors": True, **local}
    return {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name, **local}


def _tokenizer(path: Path, where: dict[str, Any]) -> Tokenizer:
    if path.is_dir() and (path / TOKENIZER_FILE).is_file():
        return Tokenizer.load(path / TOKENIZER_FILE)
    from transformers import AutoTokenizer

    arguments = {name: value for name, value in where.items() if name != "use_safetensors"}
    return Tokenizer(AutoTokenizer.from_pretrained(**arguments).backend_tokenizer)


def checkpoint_body(
    start: Start,
    *,
    texts: Iterable[str] | None = None,
    most: int | None = None,
    pruned: Tokenizer | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> tuple["TransformerBody", Tokenizer]:
    """The body and the tokenizer of the checkpoint that a start names.

    Args:
        start: with `pruned`, the vocabulary is reduced; the other arguments matter only then.
        texts: the corpus, read as a stream: the tokens that it is made of stay.
        most: tokens to keep; None for all that the texts need.
        pruned: the vocabulary that came of it, where it is known: a trained model's; `texts` are not read then.
        say: told how many tokens and parameters that saves, in a line.

    Raises:
        AdjoinError: as `load_generative`, the model is not causal, or its vocabulary cannot be pruned.
    """
    from adjoin.model.bodies import TransformerBody

    model, tokenizer = load_generative(locate_model(start.checkpoint or ""), start.layers)
    body = TransformerBody(model.base_model)
    if not body.is_causal():
        raise AdjoinError(
            f"{start.checkpoint} is no causal model: its states depend on what stands to their right"
        )
    if not start.pruned:
        return body, tokenizer
    if pruned is None:
        assert texts is not None  # else nothing would stay but the alphabet
        pruned = pruned_tokenizer(tokenizer, needed_tokens(tokenizer, texts, most))
    parameters = sum(p.numel() for p in body.parameters())
    keep_rows(body.model, tokenizer, pruned)
    saved = parameters - sum(p.numel() for p in body.parameters())
    say(
        f"vocabulary pruned from {tokenizer.vocabulary_size:,} to {pruned.vocabulary_size:,} tokens:"
        f" {saved:,} of {parameters:,} parameters saved"
    )
    return body, pruned
