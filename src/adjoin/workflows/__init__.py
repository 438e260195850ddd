"""Whole runs from input to result, as functions: evaluate, adapt, reproduce and the demo."""
