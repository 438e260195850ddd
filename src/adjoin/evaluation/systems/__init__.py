"""Systems to evaluate: baselines, token tables, sentence-transformers and servers; and a vector cache."""
