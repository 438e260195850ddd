"""Checks that what is taken out of a checkpoint, its first layers or its text part, computes the same alone."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from adjoin.errors import AdjoinError
from adjoin.model.stored.layers import architecture_of, described, text_config


@torch.no_grad()
def check_cut(whole: nn.Module, cut: nn.Module, layers: int, number: int, path: Path) -> None:
    """Check that the last block of a cut model gives the states that it gave inside the whole model.

    Args:
        whole: the causal body that was cut.
        cut: the body of its first layers.
        layers: how many the cut one has.
        number: how many the whole one has.
        path: the checkpoint, for the message.

    Raises:
        AdjoinError: the states differ, or the blocks of a model cannot be told.
    """
    name = f"--layers {layers}: {path} ({architecture_of(whole.config)})"
    try:
        states, cut_states = _states_after(whole, layers, number), _states_after(cut, layers, layers)
    except Exception as error:  # a model that cannot run raises anything
        raise AdjoinError(f"{name} cannot be cut: {described(error)}; keep all {number}") from None
    if states is None or cut_states is None:
        raise AdjoinError(f"{name} cannot be cut: its blocks are not in one list; keep all {number}")
    if states.shape != cut_states.shape or not torch.allclose(states, cut_states, rtol=1e-3, atol=1e-4):
        raise AdjoinError(
            f"{name} cannot be cut: its first layers compute something else alone; keep all {number}"
        )


def _states_after(model: Any, layers: int, number: int) -> Tensor | None:  # noqa: ANN401 - a transformers model
    """The states (1, T, D) after so many blocks of a model that has `number`."""
    stacks = [module for module in model.modules() if isinstance(module, nn.ModuleList) and len(module) == number]
    if not stacks:
        return None
    states: list[Tensor] = []

    def note(module: nn.Module, inputs: Any, output: Any) -> None:  # noqa: ANN401 - torch's own
        states.append(output[0] if isinstance(output, tuple | list) else output)

    was_training = model.training
    handle = stacks[0][layers - 1].register_forward_hook(note)
    try:
        vocabulary = int(model.get_input_embeddings().num_embeddings)
        ids_BT = torch.arange(1, 13)[None] * 7919 % vocabulary
        model.eval()(input_ids=ids_BT.to(next(model.parameters()).device), use_cache=False)
    finally:
        handle.remove()
        model.train(was_training)
    return states[0] if states else None


@torch.no_grad()
def text_model(loaded: Any, path: Path) -> Any:  # noqa: ANN401 - a transformers model
    """The causal language model inside a multimodal one, on its own, with the same weights.

    Args:
        loaded: a transformers model with a head.
        path: the checkpoint, for the message.

    Returns:
        The model itself if it has text only.

    Raises:
        AdjoinError: transformers has no causal model of that part alone, or it computes something else.
    """
    from transformers import AutoModelForCausalLM

    config = text_config(loaded.config)
    if config is loaded.config:
        return loaded
    name = f"the checkpoint {path} ({architecture_of(loaded.config)})"
    try:
        head = loaded.get_output_embeddings()
        if hasattr(loaded.config, "tie_word_embeddings"):
            config.tie_word_embeddings = head is not None and head.weight is loaded.get_input_embeddings().weight
        text = name_body(AutoModelForCausalLM.from_config(config, dtype=torch.float32))
        part = loaded.get_decoder()
        text.base_model.load_state_dict(part.state_dict())
        if head is not None and (own := text.get_output_embeddings()) is not None:
            own.load_state_dict(head.state_dict())
        ids_BT = torch.arange(1, 13)[None] * 7919 % int(text.get_input_embeddings().num_embeddings)
        alone, inside = (model.eval()(input_ids=ids_BT, use_cache=False)[0] for model in (text.base_model, part))
        same = torch.allclose(alone, inside, rtol=1e-3, atol=1e-4)
    except Exception as error:  # such a model raises anything where its parts do not fit
        raise AdjoinError(
            f"{name} has other parts than text, and its text part cannot stand alone: {described(error)}"
        ) from None
    if not same:
        raise AdjoinError(f"{name} has other parts than text, and its text part computes something else alone")
    return text


def name_body(model: Any) -> Any:  # noqa: ANN401 - a transformers model
    """Let `base_model` of a causal model be its body, where its class names a part that it lacks (Llama 4).

    Without that, transformers returns the model itself, whose first output is the logits.
    """
    if model.base_model is model and isinstance(getattr(model, "model", None), nn.Module):
        model.base_model_prefix = "model"
    return model
