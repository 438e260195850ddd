"""Presets: model sizes by name. One name sets layers, dimension, heads and vocabulary size.

`nano` to `mini` are for laptops. S to XL are the paper's sizes (table 1). Their depth and width are those of the
GPT-3 models that the paper starts from (arXiv 2005.14165, table 2.1). The gated MLP of the Llama block has as many
parameters as GPT-3's. `static` is not a transformer but a table of token vectors.
"""

from dataclasses import dataclass
from typing import Any

from adjoin.errors import AdjoinError


@dataclass(frozen=True, slots=True)
class Preset:
    """The size of a model.

    Attributes:
        layers: number of transformer blocks; 0 for a static table.
        dimension: D, width of the hidden state and length of an embedding.
        heads: number of attention heads.
        vocabulary_size: V, if the tokenizer is trained with the model.
    """

    layers: int
    dimension: int
    heads: int
    vocabulary_size: int

    @property
    def mlp_width(self) -> int:
        """Inner width of the gated MLP. Three matrices of 8/3 D have the parameters of two of 4 D."""
        return -(-8 * self.dimension // 3 // 64) * 64  # rounded up to a multiple of 64, for fast kernels

    @property
    def parameters(self) -> int:
        """Number of parameters, the token embedding table included."""
        table = self.vocabulary_size * self.dimension
        if self.layers == 0:
            return table + self.vocabulary_size
        block = 4 * self.dimension**2 + 3 * self.dimension * self.mlp_width + 2 * self.dimension
        return table + self.layers * block + self.dimension


PRESETS: dict[str, Preset] = {
    "static": Preset(layers=0, dimension=512, heads=0, vocabulary_size=16_384),
    "nano": Preset(layers=2, dimension=128, heads=2, vocabulary_size=8_192),
    "micro": Preset(layers=4, dimension=256, heads=4, vocabulary_size=16_384),
    "mini": Preset(layers=6, dimension=384, heads=6, vocabulary_size=16_384),
    "S": Preset(layers=24, dimension=1024, heads=16, vocabulary_size=50_257),
    "M": Preset(layers=24, dimension=2048, heads=16, vocabulary_size=50_257),
    "L": Preset(layers=32, dimension=4096, heads=32, vocabulary_size=50_257),
    "XL": Preset(layers=96, dimension=12288, heads=96, vocabulary_size=50_257),
}


def preset_named(name: str) -> Preset:
    """Return the preset of a name, such as "nano".

    Raises:
        AdjoinError: there is no preset of this name.
    """
    if name not in PRESETS:
        raise AdjoinError(f"unknown preset {name!r}: expected one of {', '.join(PRESETS)}")
    return PRESETS[name]


def transformer_config(preset: Preset, vocabulary_size: int, max_tokens: int) -> Any:  # noqa: ANN401 - untyped library
    """Return the LlamaConfig of a preset: RMS norm, rotary positions, gated MLP, tied head.

    Args:
        preset: layers, dimension and heads.
        vocabulary_size: V, of the tokenizer.
        max_tokens: maximum sequence length; the model has positions for at least 2,048 tokens.
    """
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=vocabulary_size,
        hidden_size=preset.dimension,
        intermediate_size=preset.mlp_width,
        num_hidden_layers=preset.layers,
        num_attention_heads=preset.heads,
        num_key_value_heads=preset.heads,
        max_position_embeddings=max(2048, max_tokens),
        tie_word_embeddings=True,
        use_cache=False,
        bos_token_id=None,
        eos_token_id=None,
    )
