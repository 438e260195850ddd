"""Pairs → fewer and better pairs: what must not be trained on, and what says the same again, is left out."""
