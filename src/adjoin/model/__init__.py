"""Models: the Encoder, static tables and causal transformers, and what builds and converts them."""
