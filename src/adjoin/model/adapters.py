"""LoRA adapters (Hu et al. 2021, arXiv 2106.09685): low-rank matrices are trained, the body's weights are frozen.

W x becomes W x + (alpha / rank) B A x. A is random and B is zero, so the untrained adapters change nothing. After
training, B A is added to W and an ordinary model is saved.
"""

import warnings
from typing import Any

import torch

from adjoin.errors import AdjoinError
from adjoin.model.bodies import TransformerBody


def with_lora(body: TransformerBody, rank: int, alpha: int | None = None, *, seed: int = 0) -> TransformerBody:
    """Freeze a body and add a LoRA adapter to each linear layer of its blocks.

    Args:
        body: a transformer. Its model is changed in place, so use only the returned body.
        rank: rank of an adapter: A is (rank, inputs), B is (outputs, rank).
        alpha: an adapter's output is scaled by alpha / rank. None for twice the rank, as in LLM2Vec
            (arXiv 2404.05961).
        seed: seed of A. The global random state does not change.

    Returns:
        A body whose trainable parameters are those of the adapters.

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
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in body.model.modules()),  # GPT-2: W transposed
    )
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft 0.21 uses a deprecated name
        torch.manual_seed(seed)
        return TransformerBody(get_peft_model(body.model, config))


def merged(body: TransformerBody) -> Any:  # noqa: ANN401 - a transformers model, an untyped library
    """Merge a body's adapters into its weights, in place, and return the transformers model to be saved.

    The body cannot be trained any further.
    """
    return body.model.merge_and_unload()
