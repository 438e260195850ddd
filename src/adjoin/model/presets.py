"""Model sizes by name: one dial sets layers, width, heads and dimension.

`nano` to `mini` are for laptops; S to XL are the paper's sizes (table 1), their depth and width those of the
GPT-3 models it starts from (arXiv 2005.14165, table 2.1), with the Llama block's gated MLP of the same weight.
`static` is no transformer at all: a table of token vectors.
"""

from dataclasses import dataclass
from typing import Any

from adjoin.errors import AdjoinError


@dataclass(frozen=True, slots=True)
class Preset:
    """A body's size.

    Attributes:
        layers: transformer blocks; 0 for the static table.
        dimension: width of the hidden state, which is the embedding's dimension D.
        heads: attention heads.
        vocabulary_size: tokens, where the tokenizer is trained with the model.
    """

    layers: int
    dimension: int
    heads: int
    vocabulary_size: int

    @property
    def mlp_width(self) -> int:
        """Inner width of the gated MLP: 8/3 of D makes its three matrices weigh as much as 4 D does with two."""
        return -(-8 * self.dimension // 3 // 64) * 64  # rounded up to a multiple of 64, which kernels like

    @property
    def parameters(self) -> int:
        """Trained numbers, the embedding table among them."""
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
    """Look a size up.

    Raises:
        AdjoinError: there is none of this name.
    """
    if name not in PRESETS:
        raise AdjoinError(f"unknown preset {name!r}: expected one of {', '.join(PRESETS)}")
    return PRESETS[name]


def transformer_config(preset: Preset, vocabulary_size: int, max_tokens: int) -> Any:  # noqa: ANN401 - untyped library
    """A preset as a stock decoder: Llama style, with RMS norm, rotary positions, gated MLP and tied head."""
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
