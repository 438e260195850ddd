"""Structures of text files: where the sections, keys, targets and blocks of a file begin."""
