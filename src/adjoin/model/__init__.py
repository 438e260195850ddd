"""The Encoder: texts → unit vectors, over a static table or any causal transformers model."""
