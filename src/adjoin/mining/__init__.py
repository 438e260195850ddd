"""The whole way from what people have to a dataset of pairs, at any scale, the same bytes every time."""

from adjoin.mining.mine import ALL_KINDS, MiningOptions, mine

__all__ = ["ALL_KINDS", "MiningOptions", "mine"]
