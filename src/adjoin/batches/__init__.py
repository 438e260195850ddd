"""Token caches on disk, batches of M pairs, and micro-batches under a token budget."""
