"""What can be measured: baselines, token tables, sentence-transformers, servers; and a cache of their vectors."""
