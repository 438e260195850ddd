"""Builds the body of a model from its Start: the one place where untrained bodies are made.

    build_body            the body of a new training; with `lora`, with adapters beside its linear layers
    build_random_body     the same shapes with random weights, for planning; no checkpoint's weights are read
    build_untrained_table a static table for use with NumPy alone
    checkpoint_body       a checkpoint's body and tokenizer, its vocabulary pruned on request

torch and transformers are imported where they are needed, so that a static model works without them.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.model.locations import WEIGHTS_FILE, locate_model
from adjoin.model.presets import preset_named, transformer_config
from adjoin.model.pretrained import describe_checkpoint, load_generative
from adjoin.model.pruning import keep_rows, needed_tokens, pruned_tokenizer
from adjoin.model.start import Start
from adjoin.model.static import (
    POSITIONS,
    START_WEIGHTS,
    VECTORS,
    WEIGHTS,
    Layout,
    StaticTable,
    Tensors,
    start_vectors,
)
from adjoin.model.table_file import read_table
from adjoin.model.vocabulary_transfer import transferred_vectors
from adjoin.tokens import DELIMITERS, Tokenizer

if TYPE_CHECKING:
    from adjoin.model.bodies import AnyBody, StaticBody, TransformerBody


def build_body(
    start: Start,
    tokenizer: Tokenizer,
    *,
    max_tokens: int,
    weights_V: NDArray[np.float32] | None = None,
    hidden: int = 0,
    lora: int | None = None,
) -> "AnyBody":
    """Build the body that a training begins with, on the CPU in float32.

    To restore a trained body, build it with the same arguments and load its state dict.

    Args:
        start: random weights, a checkpoint or a static model. A checkpoint's vocabulary is reduced to the
            tokenizer's tokens if `start.pruned`.
        tokenizer: the model's tokenizer, with V tokens.
        max_tokens: maximum sequence length, delimiters included; for a transformer without a checkpoint.
        weights_V: initial token weights of a static table; ones if None. A static checkpoint has its own.
        hidden: H, width of the layer on top of a static table; 0 for none. A static checkpoint has its own.
        lora: rank of LoRA adapters beside a transformer's linear layers; None for none.

    Returns:
        A `StaticBody` or a `TransformerBody`. The same arguments give the same weights.

    Raises:
        AdjoinError: the checkpoint is missing or damaged, is not causal, or does not fit the tokenizer.
    """
    if start.is_static:
        return _static_body(tokenizer, start, weights_V, hidden)
    if start.checkpoint is None:
        body = random_transformer(start, tokenizer.vocabulary_size, max_tokens)
    else:
        body, _ = checkpoint_body(start, pruned=tokenizer)
    return _with_lora(body, lora, start.seed)


def build_random_body(
    start: Start, vocabulary_size: int, *, max_tokens: int, hidden: int = 0, lora: int | None = None
) -> "AnyBody":
    """Build a body of the same shapes as `build_body`, with random weights in place of a checkpoint's.

    Planning counts its parameters and runs it, also under torch's FakeTensorMode. Of a transformer checkpoint only
    the configuration is read. A static checkpoint is read whole.

    Args:
        start: as for `build_body`.
        vocabulary_size: V; less than the checkpoint's where its vocabulary is to be pruned.
        max_tokens: as for `build_body`.
        hidden: as for `build_body`.
        lora: as for `build_body`.

    Raises:
        AdjoinError: the checkpoint is missing or damaged.
    """
    from adjoin.model.bodies import StaticBody, TransformerBody

    if start.is_static and start.checkpoint is not None:
        return StaticBody.from_tensors(_static_checkpoint(start.checkpoint))
    if start.is_static:
        vectors_VD = start_vectors(vocabulary_size, _static_dimension(start), start.seed)
        weights_V = np.ones(vocabulary_size, np.float32)
        return StaticBody(vectors_VD, weights_V, openings=range(len(DELIMITERS)), hidden=hidden)
    if start.checkpoint is None:
        body = random_transformer(start, vocabulary_size, max_tokens)
    else:
        body = TransformerBody(_random_checkpoint(start, vocabulary_size))
    return _with_lora(body, lora, start.seed, planned=True)


def build_untrained_table(start: Start, tokenizer: Tokenizer, trained: Tensors) -> StaticTable:
    """Build the static table that a trained one began as, without torch.

    Args:
        start: the start of the trained model, without a checkpoint.
        tokenizer: tokenizer of the trained model.
        trained: tensors of the trained model, which give its dimension and initial token weights. Of an ensemble,
            the first member's table is built.
    """
    vectors_VD = first_vectors(tokenizer, start, Layout.of(trained).width)
    tensors = {VECTORS: vectors_VD, POSITIONS: np.ones(1, np.float32)}
    if START_WEIGHTS in trained:
        tensors[WEIGHTS] = trained[START_WEIGHTS]
    return StaticTable(tensors)


def checkpoint_body(
    start: Start,
    *,
    texts: Iterable[str] | None = None,
    most: int | None = None,
    pruned: Tokenizer | None = None,
    max_tokens: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> tuple["TransformerBody", Tokenizer]:
    """Load the body and the tokenizer of a start's transformer checkpoint.

    Args:
        start: names the checkpoint. The vocabulary is pruned if `start.pruned`; only then are the other arguments
            used.
        texts: the training texts, read as a stream; their tokens are kept.
        most: maximum number of tokens to keep; None for all that the texts need.
        pruned: a known pruned vocabulary, such as a trained model's; `texts` are not read then.
        max_tokens: maximum sequence length of a training, which is tried too; None to try short ones only.
        say: called with one line that says how many tokens and parameters pruning saves.

    Raises:
        AdjoinError: the checkpoint is missing or damaged, cannot be used (see `trial.check_body`), or its
            vocabulary cannot be pruned.
    """
    from adjoin.model.bodies import TransformerBody
    from adjoin.model.trial import check_body

    model, tokenizer = load_generative(locate_model(start.checkpoint or ""), start.layers)
    body = TransformerBody(model.base_model)
    check_body(body, start.checkpoint or "", max_tokens)
    if not start.pruned:
        return body, tokenizer
    if pruned is None:
        assert texts is not None  # else only the alphabet would be kept
        pruned = pruned_tokenizer(tokenizer, needed_tokens(tokenizer, texts, most))
    parameters = sum(p.numel() for p in body.parameters())
    _prune_body(body, tokenizer, pruned, start.checkpoint or "")
    saved = parameters - sum(p.numel() for p in body.parameters())
    say(
        f"vocabulary pruned from {tokenizer.vocabulary_size:,} to {pruned.vocabulary_size:,} tokens:"
        f" {saved:,} of {parameters:,} parameters saved"
    )
    return body, pruned


def _prune_body(body: "TransformerBody", tokenizer: Tokenizer, pruned: Tokenizer, name: str) -> None:
    """Reduce a body's table to a pruned vocabulary, and check that the vectors of kept tokens stay.

    Raises:
        AdjoinError: naming the checkpoint and its architecture.
    """
    from adjoin.model.stored.layers import architecture_of, described
    from adjoin.model.trial import LENGTHS, same_vectors, sample_tokens
    from adjoin.tokens import Ragged

    prefix = f"{name} ({architecture_of(body.model.config)}): its vocabulary cannot be pruned"
    tokens = sample_tokens(pruned.vocabulary_size, [length for length in LENGTHS if length <= body.longest])
    old_ids, new_ids = tokenizer.backend.get_vocab(), pruned.backend.get_vocab()
    old_V = np.array([old_ids.get(token, 0) for token in sorted(new_ids, key=new_ids.__getitem__)], np.int32)
    try:
        still_same = same_vectors(body, Ragged(old_V[tokens.ids_N], tokens.lengths_B))
        keep_rows(body.model, tokenizer, pruned)
        same = still_same(tokens)
    except AdjoinError:
        raise
    except Exception as error:  # architectures with other tables of the vocabulary's size raise anything
        raise AdjoinError(f"{prefix}: {described(error)}; keep it whole, without --prune") from None
    if not same:
        raise AdjoinError(f"{prefix}: the texts of kept tokens get other vectors; keep it whole, without --prune")


def first_vectors(tokenizer: Tokenizer, start: Start, dimension: int) -> NDArray[np.float32]:
    """Make the token vectors (V, D) that a static table begins with: random, or from a language model.

    Raises:
        AdjoinError: the language model is missing or damaged, or has fewer dimensions.
    """
    if start.vectors_from is None:
        return start_vectors(tokenizer.vocabulary_size, dimension, start.seed)
    model, source = load_generative(locate_model(start.vectors_from), layers=1)
    embeddings = model.get_input_embeddings().weight.detach().numpy()
    return transferred_vectors(tokenizer, embeddings, source, dimension, start.seed)


def random_transformer(start: Start, vocabulary_size: int, max_tokens: int) -> "TransformerBody":
    """Build a transformer body of a preset's size with random weights; the same weights for the same seed."""
    from transformers import AutoModel

    from adjoin.model.bodies import TransformerBody

    return TransformerBody(_random_model(AutoModel, start, vocabulary_size, max_tokens))


def random_generative(start: Start, vocabulary_size: int, max_tokens: int) -> Any:  # noqa: ANN401
    """Build a causal language model of a preset's size with random weights; the same weights for the same seed."""
    from transformers import AutoModelForCausalLM

    return _random_model(AutoModelForCausalLM, start, vocabulary_size, max_tokens)


def _random_model(factory: Any, start: Start, vocabulary_size: int, max_tokens: int) -> Any:  # noqa: ANN401
    import torch

    config = transformer_config(preset_named(start.preset or ""), vocabulary_size, max_tokens)
    with torch.random.fork_rng():
        torch.manual_seed(start.seed)
        return factory.from_config(config)


def _random_checkpoint(start: Start, vocabulary_size: int) -> Any:  # noqa: ANN401 - a transformers model
    """A transformers model without a head of a checkpoint's shapes, with random weights."""
    import torch
    from transformers import AutoModel

    from adjoin.model.stored.layers import architecture_of, described

    config, _ = describe_checkpoint(start)
    try:
        config.vocab_size = vocabulary_size
        return AutoModel.from_config(config, dtype=torch.float32)
    except Exception as error:  # configs of two hundred architectures raise anything
        if (
            type(error).__name__ == "DataDependentOutputException"
        ):  # of fake tensors; planning builds real ones then
            raise
        raise AdjoinError(
            f"the checkpoint {start.checkpoint} ({architecture_of(config)}) cannot be built: {described(error)}"
        ) from None


def _static_body(
    tokenizer: Tokenizer, start: Start, weights_V: NDArray[np.float32] | None, hidden: int = 0
) -> "StaticBody":
    """Build a static table, arguments as for `build_body`."""
    from adjoin.model.bodies import StaticBody

    if start.checkpoint is not None:
        tensors = _static_checkpoint(start.checkpoint)
        tokenizer.check_fits(len(tensors[VECTORS]), locate_model(start.checkpoint))
        return StaticBody.from_tensors(tensors)
    vectors_VD = first_vectors(tokenizer, start, _static_dimension(start))
    if weights_V is None:
        weights_V = np.ones(len(vectors_VD), np.float32)
    return StaticBody(vectors_VD, weights_V, openings=tokenizer.openings, hidden=hidden, seed=start.seed)


def _static_checkpoint(name: str) -> dict[str, NDArray[Any]]:
    return read_table(locate_model(name) / WEIGHTS_FILE)


def _static_dimension(start: Start) -> int:
    return start.dimension or preset_named("static").dimension


def _with_lora(
    body: "TransformerBody", rank: int | None, seed: int, *, planned: bool = False
) -> "TransformerBody":
    from adjoin.model.adapters import with_lora

    return body if rank is None else with_lora(body, rank, seed=seed, planned=planned)
