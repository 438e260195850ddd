"""Pairs on disk → batches of M pairs → micro-batches under a token budget."""
