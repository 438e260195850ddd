"""Dictionaries in the dictd format (`.dict`, `.dict.dz`): entries, definitions, translations."""
