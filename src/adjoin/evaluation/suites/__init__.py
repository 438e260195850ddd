"""Suites: what is measured. Probe, nearest neighbours, similarity, retrieval, code search, bias, vector space."""
