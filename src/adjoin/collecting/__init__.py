"""Packages of public registries, by the registries' own clients: what a corpus is made of, pinned by hashes."""

from adjoin.collecting.collect import Collected, collect
from adjoin.collecting.pin import pin
from adjoin.collecting.recipe import CorpusRecipe, Group, Package

__all__ = ["Collected", "CorpusRecipe", "Group", "Package", "collect", "pin"]
