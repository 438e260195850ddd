"""Downloads the packages of a corpus from public registries with the registries' own clients, pinned by hashes."""

from adjoin.collecting.collect import Collected, collect
from adjoin.collecting.pin import pin
from adjoin.collecting.recipe import CorpusRecipe, Group, Package

__all__ = ["Collected", "CorpusRecipe", "Group", "Package", "collect", "pin"]
