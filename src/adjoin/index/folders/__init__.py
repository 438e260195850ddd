"""Folders and their indexes: which index answers for a path, which files it holds, its state, several at once.

targets.py (paths -> indexes) -> repositories.py (refresh each, search each, merge)
choice.py (--include, --exclude)   status.py (what is in, what not and why, what changed)
"""
