"""Pairs (x, y) from documents, such as neighbouring passages and documented functions, and their dataset."""
