"""A trial of a checkpoint's body before the first step of a training, so that no training is lost on it.

    check_body       runs, is causal, does not mix the texts of a batch, gives the same vectors again
    check_training   gradients reach what is trained, and a saved body loads with the same vectors

transformers has some two hundred causal architectures and they differ in all of this. A few short texts tell. What
fails is refused in one line that names the checkpoint, its architecture and the reason.
"""

import copy
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from adjoin.errors import AdjoinError
from adjoin.model.adapters import has_adapters, merged
from adjoin.model.bodies import TransformerBody, drop_graphs, in_mode
from adjoin.model.pretrained import library_quiet, load_transformer
from adjoin.model.stored.layers import architecture_of, described
from adjoin.tokens import Ragged

LENGTHS = (2, 3, 5, 9, 17)  # tokens of the texts that are tried: no, one and a few words between the delimiters
CLOSE = 1e-3  # between unit vectors: float32 of deep models differs by some 1e-5, a wrong computation by 0.1
LARGEST_COPIED = 250_000_000  # parameters: 1 GB, written and read again in some seconds


def check_body(body: TransformerBody, name: str, longest: int | None = None) -> None:
    """Try a body on a few random texts. It costs some ten forward passes of 36 tokens and one of `longest`.

    Args:
        body: any body, on any device.
        name: the checkpoint, for messages.
        longest: tokens of the longest text of the training; None to try short ones only.

    Raises:
        AdjoinError: the body cannot run, is not causal, mixes texts, changes its weights, or gives other vectors
            when it is asked again.
    """
    lengths = [length for length in LENGTHS if length <= min(longest or body.longest, body.longest)] or [2]
    with _refused(body, name), _unchanged(body):
        tokens = sample_tokens(body.vocabulary_size, lengths)
        vectors_BD = _embed(body, tokens)
        if vectors_BD.shape != (len(lengths), body.dimension):
            raise AdjoinError(f"its vectors have the shape {tuple(vectors_BD.shape)}, not one row per text")
        if not vectors_BD.isfinite().all():
            raise AdjoinError("its vectors are not finite")
        if not vectors_BD.any(dim=1).all():
            raise AdjoinError("its vectors are zero")
        causal = body.is_causal()
    if not causal:
        raise AdjoinError(
            f"{name} ({_architecture(body)}) is not a causal model: its states depend on later tokens; take a"
            " decoder, such as a Llama"
        )
    with _refused(body, name), _unchanged(body):
        alone_BD = torch.cat([_embed(body, tokens.take(np.array([row]))) for row in range(len(lengths))])
        if _differ(vectors_BD, alone_BD):
            raise AdjoinError("the vector of a text depends on the other texts of its batch")
        if _differ(vectors_BD, _embed(body, tokens)):
            raise AdjoinError("the same texts get other vectors when they are encoded again")
        first, second = (_embed(body, tokens, training=True) for _ in range(2))
        if _differ(first, second):
            raise AdjoinError("a training step cannot be repeated: one random state gives other vectors")
    if longest is not None and LENGTHS[-1] < longest <= body.longest:
        with _refused(body, name, f"a text of {longest:,} tokens, as --max-tokens allows, fails: "):
            if not _embed(body, sample_tokens(body.vocabulary_size, [longest])).isfinite().all():
                raise AdjoinError("its vector is not finite")


def check_training(body: TransformerBody, name: str, folder: Path) -> None:
    """Try a backward pass, and whether the body gives the same vectors once it is saved and loaded.

    It is written and read as a whole, in some seconds. Bodies of more than `LARGEST_COPIED` parameters are not
    tried: the copy, or its gradients, might not fit.

    Args:
        body: the body as it is trained, with its adapters if it has any. It is unchanged.
        name: the checkpoint, for messages.
        folder: a folder that can be written, for the saved body.

    Raises:
        AdjoinError: no gradient reaches what is trained, the body cannot be saved or loaded, or gives other
            vectors then.
    """
    if sum(p.numel() for p in body.parameters()) > LARGEST_COPIED:
        return
    tokens = sample_tokens(body.vocabulary_size, [length for length in LENGTHS if length <= body.longest])
    with _refused(body, name, "it cannot be trained: "), _unchanged(body):
        check_gradients(body, tokens)
    with _refused(body, name, "trained, it could not be saved and loaded again: "), library_quiet():
        tried = copy.deepcopy(body)
        if has_adapters(tried):
            _move_adapters(tried)
        vectors_BD = _embed(tried, tokens)
        model = merged(tried) if has_adapters(tried) else tried.model
        if _differ(_embed(TransformerBody(model), tokens), vectors_BD):
            raise AdjoinError("merging its adapters changes the vectors")
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as unfinished:
            model.save_pretrained(unfinished)
            try:
                loaded = TransformerBody(load_transformer(Path(unfinished)))
            except AdjoinError as error:  # whose advice is for a model that somebody copied
                reason = str(error).replace(f"the model {unfinished} is damaged", "it is incomplete")
                raise AdjoinError(reason.replace(unfinished, "the copy").replace("; copy it again", "")) from None
            if _differ(_embed(loaded, tokens), vectors_BD):
                raise AdjoinError("it gives other vectors then")


def check_gradients(body: TransformerBody, tokens: Ragged) -> None:
    """Run one backward pass in training mode, whose gradients are dropped again.

    Raises:
        AdjoinError: no gradient reaches the trained parameters, or one is not finite.
    """
    trained = [parameter for parameter in body.parameters() if parameter.requires_grad]
    before = [parameter.grad for parameter in trained]
    for parameter in trained:
        parameter.grad = None
    try:
        with torch.random.fork_rng(), torch.enable_grad(), in_mode(body, training=True):
            vectors_BD = body(tokens)
            direction_BD = torch.linspace(-1, 1, vectors_BD.numel()).reshape(vectors_BD.shape).to(vectors_BD)
            torch.autograd.backward(vectors_BD, direction_BD)
        reached = [parameter.grad for parameter in trained if parameter.grad is not None]
        if not any(bool(gradient.any()) for gradient in reached):
            raise AdjoinError("no gradient reaches its weights")
        if not all(bool(gradient.isfinite().all()) for gradient in reached):
            raise AdjoinError("its gradients are not finite")
    finally:
        for parameter, gradient in zip(trained, before, strict=True):
            parameter.grad = gradient
        drop_graphs(body)


def same_vectors(body: TransformerBody, tokens: Ragged) -> Callable[[Ragged], bool]:
    """Remember a body's vectors, to tell whether it gives the same after its table was changed.

    Args:
        body: any body, which may be changed in place afterwards.
        tokens: texts with the ids of today's table.

    Returns:
        A function of the same texts with the ids of the new table.
    """
    before = _embed(body, tokens)
    return lambda renumbered: not _differ(before, _embed(body, renumbered))


def sample_tokens(vocabulary: int, lengths: list[int]) -> Ragged:
    """Random sequences of these lengths, always the same."""
    ids_N = np.random.default_rng(0).integers(vocabulary, size=sum(lengths), dtype=np.int32)
    return Ragged(ids_N, np.array(lengths, np.int64))


@torch.no_grad()
def _embed(body: TransformerBody, tokens: Ragged, *, training: bool = False) -> Tensor:
    """Vectors (B, D) in evaluation mode, or in training mode from one random state."""
    with torch.random.fork_rng(), in_mode(body, training=training):
        torch.manual_seed(0)
        vectors_BD: Tensor = body(tokens)
    return vectors_BD.float().cpu()


def _differ(first_BD: Tensor, second_BD: Tensor) -> bool:
    """Whether two sets of unit vectors differ by more than rounding."""
    if first_BD.shape != second_BD.shape:
        return True
    return not bool(((first_BD - second_BD).norm(dim=1) < CLOSE).all())


@torch.no_grad()
def _move_adapters(body: TransformerBody) -> None:
    """Give adapters, which begin as zero, some effect, as a training would."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for parameter in body.parameters():
            if parameter.requires_grad:
                parameter.add_(0.02 * torch.randn_like(parameter))


@contextmanager
def _unchanged(body: TransformerBody) -> Iterator[None]:
    """Refuse a body that changes its weights by computing: replicas share them, and checkpoints keep them."""
    before = [parameter._version for parameter in body.parameters()]
    yield
    if not has_adapters(body) and before != [parameter._version for parameter in body.parameters()]:
        raise AdjoinError("it changes its weights while it computes")


@contextmanager
def _refused(body: TransformerBody, name: str, what: str = "") -> Iterator[None]:
    """Turn any error into one line that names the checkpoint and its architecture."""
    try:
        yield
    except AdjoinError as error:
        raise AdjoinError(f"{name} ({_architecture(body)}) cannot be used: {what}{error}") from None
    except MemoryError:
        raise
    except Exception as error:  # two hundred architectures raise anything
        raise AdjoinError(f"{name} ({_architecture(body)}) cannot be used: {what}{described(error)}") from None


def _architecture(body: TransformerBody) -> str:
    return architecture_of(body.model.config)
