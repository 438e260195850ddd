"""Mining: files, folders and packages to a dataset of pairs, at any scale. The same input gives the same bytes."""

from adjoin.mining.engines import Engine
from adjoin.mining.options import ALL_KINDS, MiningOptions
from adjoin.mining.run import mine

__all__ = ["ALL_KINDS", "Engine", "MiningOptions", "mine"]
