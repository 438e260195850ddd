"""Folders as people have them, of several architectures, with small random weights."""

from pathlib import Path
from typing import Any

import torch
import transformers

from adjoin.tokens import Tokenizer

GPT2_SIZES: dict[str, Any] = {"n_embd": 16, "n_layer": 3, "n_head": 2, "n_positions": 64}
SIZES: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 32,
}
CONFIGS: dict[str, Any] = {
    "gpt2": lambda **more: transformers.GPT2Config(**GPT2_SIZES, **more),
    "gpt_bigcode": lambda **more: transformers.GPTBigCodeConfig(**GPT2_SIZES, **more),  # the first StarCoder
    "starcoder2": lambda **more: transformers.Starcoder2Config(**SIZES, **more),
    "llama": lambda **more: transformers.LlamaConfig(**SIZES, tie_word_embeddings=False, **more),
    "qwen2": lambda **more: transformers.Qwen2Config(**SIZES, tie_word_embeddings=True, **more),
    "qwen3": lambda **more: transformers.Qwen3Config(**SIZES, head_dim=8, **more),
}
ARCHITECTURES = sorted(CONFIGS)


def random_model(architecture: str, rows: int = 600, **more: object) -> transformers.PreTrainedModel:
    """A causal model with its head in float32; no token is special, unless `more` names it."""
    special = {"bos_token_id": None, "eos_token_id": None, **more}
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(CONFIGS[architecture](vocab_size=rows, **special)).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # biases and norms too, which start alike for all tokens
            parameter += 0.1 * torch.randn_like(parameter)
    return model


def saved(model: transformers.PreTrainedModel, tokenizer: Tokenizer, folder: Path) -> Path:
    """A checkpoint: config.json, model.safetensors, tokenizer.json."""
    model.save_pretrained(folder)
    assert (folder / "model.safetensors").is_file()
    (folder / "tokenizer.json").write_text(tokenizer.to_json())
    return folder


def generative(architecture: str, tokenizer: Tokenizer, folder: Path) -> Path:
    """A checkpoint of random weights."""
    return saved(random_model(architecture), tokenizer, folder)
