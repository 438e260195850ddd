"""The whole way from what people have to a dataset of pairs, at any scale, the same bytes every time."""

from adjoin.mining.engines import Engine
from adjoin.mining.options import ALL_KINDS, MiningOptions
from adjoin.mining.run import mine

__all__ = ["ALL_KINDS", "Engine", "MiningOptions", "mine"]
