"""Decontamination: drop training pairs that repeat held-out evaluation data."""
