"""LoRA (Hu et al. 2021, arXiv 2106.09685): the body rests, small matrices beside its linear layers are trained.

W x becomes W x + (alpha / rank) B A x, with A at random and B zero: before the training all vectors are the body's
own. After it B A is added to W, and an ordinary model is saved.
"""

import warnings
from typing import Any

import torch

from adjoin.errors import AdjoinError
from adjoin.model.bodies import TransformerBody


def with_lora(body: TransformerBody, rank: int, alpha: int | None = None, *, seed: int = 0) -> TransformerBody:
    """A body of which only adapters train, one beside each linear layer of its blocks.

    Args:
        body: any transformer; its model is changed in place, so use only what is returned.
        rank: inner width of an adapter: A is (rank, inputs), B (outputs, rank).
        alpha: what an adapter adds is scaled by alpha / rank; twice the rank if None, as LLM2Vec has it
            (arXiv 2404.05961).
        seed: of A; the global random state stays as it is.

    Raises:
        AdjoinError: peft is not installed, or rank or alpha is not positive.
    """
    try:
        from peft import LoraConfig, get_peft_model
        from transformers.pytorch_utils import Conv1D
    except ImportError as error:
        raise AdjoinError(
            f"LoRA needs {error.name}, which is not installed: pip install 'adjoin[train]'"
        ) from None
    alpha = 2 * rank if alpha is None else alpha
    if rank < 1 or alpha < 1:
        raise AdjoinError(f"LoRA of rank {rank} and alpha {alpha}: expected 1 or more of each, such as 16 and 32")
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        target_modules="all-linear",
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in body.model.modules()),  # GPT-2's: W transposed
    )
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft 0.21 asks transformers 5 by an old name
        torch.manual_seed(seed)
        return TransformerBody(get_peft_model(body.model, config))


def merged(body: TransformerBody) -> Any:  # noqa: ANN401 - a transformers model, an untyped library
    """The ordinary transformers model that a body with adapters has become, to be saved.

    The adapters are added to the weights in place: the body cannot be trained on.
    """
    return body.model.merge_and_unload()
