"""Checkpoints of unlike causal architectures with small random weights, made on the spot."""

from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

from adjoin.tokens import Tokenizer

ROWS = 600  # of the token embedding table; the tests' tokenizer has fewer
_USUAL: dict[str, Any] = {
    "vocab_size": ROWS,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 128,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 0,
}
_GPT: dict[str, Any] = {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 128, "vocab_size": ROWS}
_FALCON = {
    name: _USUAL[name] for name in ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
}
_OPT = {**_FALCON, "ffn_dim": 64, "max_position_embeddings": 128}
_MIXTURE: dict[str, Any] = {**_USUAL, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
_WINDOW: dict[str, Any] = {**_USUAL, "sliding_window": 8}
_SHARED: dict[str, Any] = {**_MIXTURE, "shared_expert_intermediate_size": 16}
_LATENT: dict[str, Any] = {
    **_USUAL,
    "num_key_value_heads": 4,
    "n_routed_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
    "kv_lora_rank": 8,
    "q_lora_rank": 8,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
    "n_group": 2,
    "topk_group": 1,
    "first_k_dense_replace": 1,
}
_LINEAR = {
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}
_VISION: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}
_GEMMA: dict[str, Any] = {**_WINDOW, "query_pre_attn_scalar": 8}

# name → (model type, settings). A name may say a variant of a type.
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", _USUAL),
    "falcon": ("falcon", {**_FALCON, "parallel_attn": True, "multi_query": True}),
    "falcon-new": ("falcon", {**_FALCON, "new_decoder_architecture": True, "num_kv_heads": 2}),
    "falcon-alibi": ("falcon", {**_FALCON, "parallel_attn": False, "alibi": True, "bias": True}),
    "opt-narrow": ("opt", {**_OPT, "word_embed_proj_dim": 16, "do_layer_norm_before": False}),
    "opt": ("opt", {**_OPT, "word_embed_proj_dim": 32}),
    "gpt_neo": (
        "gpt_neo",
        {
            "hidden_size": 32,
            "num_layers": 4,
            "num_heads": 4,
            "vocab_size": ROWS,
            "max_position_embeddings": 128,
            "attention_types": [[["global", "local"], 2]],
            "window_size": 8,
            "intermediate_size": 64,
        },
    ),
    "mellum": ("mellum", _MIXTURE),
    "jamba": ("jamba", {**_USUAL, "num_experts": 4, "attn_layer_period": 2, "attn_layer_offset": 1}),
    "gemma3-vision": ("gemma3", {"text_config": _GEMMA, "vision_config": _VISION, "mm_tokens_per_image": 4}),
    "gemma3_text": ("gemma3_text", _GEMMA),
    "llama4_text": ("llama4_text", {**_USUAL, "num_local_experts": 4, "intermediate_size_mlp": 64}),
    "mamba": ("mamba", {"hidden_size": 32, "num_hidden_layers": 3, "vocab_size": ROWS, "state_size": 4}),
    "rwkv": (
        "rwkv",
        {
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "vocab_size": ROWS,
            "attention_hidden_size": 32,
            "rescale_every": 1,
        },
    ),
    "mixtral": ("mixtral", {**_WINDOW, "num_local_experts": 4}),
    "bloom": ("bloom", {"hidden_size": 32, "n_layer": 3, "n_head": 4, "vocab_size": ROWS}),
    "bert-decoder": ("bert", {**_USUAL, "is_decoder": True}),
    "roformer": ("roformer", {**_USUAL, "is_decoder": False}),
    "gpt2": ("gpt2", _GPT),
    "gptj": ("gptj", {**_GPT, "rotary_dim": 4}),
    "gpt_neox": ("gpt_neox", _USUAL),
    "gpt_oss": ("gpt_oss", {**_WINDOW, "num_local_experts": 4}),
    "codegen": ("codegen", {**_GPT, "rotary_dim": 4}),
    "mpt": ("mpt", {"d_model": 32, "n_layers": 3, "n_heads": 4, "max_seq_len": 128, "vocab_size": ROWS}),
    "phi": ("phi", _USUAL),
    "phi3": ("phi3", _WINDOW),
    "stablelm-parallel": ("stablelm", {**_USUAL, "use_parallel_residual": True}),
    "cohere": ("cohere", _USUAL),
    "cohere2": ("cohere2", _WINDOW),
    "olmo3": ("olmo3", _WINDOW),
    "olmoe": ("olmoe", {**_USUAL, "num_experts": 4, "num_experts_per_tok": 2}),
    "persimmon": ("persimmon", _USUAL),
    "smollm3": ("smollm3", _USUAL),
    "qwen3_moe": ("qwen3_moe", _MIXTURE),
    "qwen3_next": ("qwen3_next", {**_SHARED, **_LINEAR}),
    "deepseek_v3": ("deepseek_v3", _LATENT),
    "lfm2": (
        "lfm2",
        {**_USUAL, "layer_types": ["conv", "full_attention", "conv"], "block_dim": 32, "block_ff_dim": 64},
    ),
    "recurrent_gemma": ("recurrent_gemma", {**_USUAL, "lru_width": 32, "attention_window_size": 8}),
    "biogpt": ("biogpt", _USUAL),
    "xglm": (
        "xglm",
        {
            "d_model": 32,
            "ffn_dim": 64,
            "num_layers": 3,
            "attention_heads": 4,
            "vocab_size": ROWS,
            "max_position_embeddings": 128,
        },
    ),
    "ctrl": ("ctrl", {"n_embd": 32, "n_layer": 3, "n_head": 4, "dff": 64, "n_positions": 128, "vocab_size": ROWS}),
    "modernbert-decoder": ("modernbert-decoder", {**_USUAL, "local_attention": 8}),
    "nemotron": ("nemotron", _USUAL),
}


def made(name: str, tokenizer: Tokenizer, folder: Path) -> Path:
    """Write a checkpoint of an architecture with its head, as transformers writes it, and a tokenizer."""
    kind, settings = CONFIGS[name]
    torch.manual_seed(0)
    model: transformers.PreTrainedModel = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(kind, **settings), dtype=torch.float32
    )
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 0.2)  # so that every layer counts
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(tokenizer.to_json())
    return folder
