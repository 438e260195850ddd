"""The suites: linear probe, k-NN and zero-shot, sentence similarity, search, social bias, and vector space."""
