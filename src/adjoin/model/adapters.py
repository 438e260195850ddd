"""LoRA adapters (Hu et al. 2021, arXiv 2106.09685): low-rank matrices are trained, the body's weights are frozen.

W x becomes W x + (alpha / rank) B A x. A is random and B is zero, so the untrained adapters change nothing. After
training, B A is added to W and an ordinary model is saved.
"""

import warnings
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn

from adjoin.errors import AdjoinError
from adjoin.model.bodies import TransformerBody
from adjoin.model.stored.layers import architecture_of, described


def with_lora(
    body: TransformerBody, rank: int, alpha: int | None = None, *, seed: int = 0, planned: bool = False
) -> TransformerBody:
    """Freeze a body and add a LoRA adapter to each linear layer of its blocks.

    Args:
        body: a transformer. Its model is changed in place, so use only the returned body.
        rank: rank of an adapter: A is (rank, inputs), B is (outputs, rank).
        alpha: an adapter's output is scaled by alpha / rank. None for twice the rank, as in LLM2Vec
            (arXiv 2404.05961).
        seed: seed of A. The global random state does not change.
        planned: make adapters of random numbers in both matrices, also of fake tensors, which peft cannot move.

    Returns:
        A body whose trainable parameters are those of the adapters.

    Raises:
        AdjoinError: peft is not installed, rank or alpha is not positive, or this architecture has no linear
            layers that peft knows.
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
    device = next(body.parameters()).device
    try:
        with (
            torch.random.fork_rng(),
            warnings.catch_warnings(),
            torch.device("meta") if planned else nullcontext(),
        ):
            warnings.simplefilter("ignore", FutureWarning)  # peft 0.21 uses a deprecated name
            warnings.simplefilter("ignore", RuntimeWarning)  # and warns of patterns of its own that do not match
            torch.manual_seed(seed)
            model = get_peft_model(body.model, config)
        if planned:
            _materialize(model, device)
        return TransformerBody(model)
    except Exception as error:  # peft knows the layers of most architectures, and raises anything for others
        raise AdjoinError(
            f"--lora {rank}: the architecture {architecture_of(body.model.config)} takes no adapters:"
            f" {described(error)}; train it whole"
        ) from None


def _materialize(model: nn.Module, device: torch.device) -> None:
    """Replace parameters on the meta device by small random numbers on a device."""
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None and parameter.device.type == "meta" and device.type != "meta":
                numbers = 0.02 * torch.randn(parameter.shape, device=device)
                module._parameters[name] = nn.Parameter(numbers, requires_grad=parameter.requires_grad)


def has_adapters(body: TransformerBody) -> bool:
    """Whether a body has adapters, see `with_lora`."""
    return hasattr(body.model, "merge_and_unload")


def merged(body: TransformerBody) -> Any:  # noqa: ANN401 - a transformers model, an untyped library
    """Merge a body's adapters into its weights, in place, and return the transformers model to be saved.

    The body cannot be trained any further.
    """
    return body.model.merge_and_unload()
