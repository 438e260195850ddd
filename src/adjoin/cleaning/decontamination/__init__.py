"""Decontamination: find training pairs that repeat held-out evaluation data."""
