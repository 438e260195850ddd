"""Small datasets of pairs made on the spot, and their token caches."""

from pathlib import Path

from adjoin.batches.cache import TokenCache
from adjoin.pairs.dataset import PairDataset, write_manifest, write_shards
from adjoin.pairs.pair import Pair
from adjoin.tokens import Tokenizer
from small_sources import NOUNS, VERBS, function_source

Sources = dict[tuple[str, str], int]  # (kind, language) → pairs


def pair(number: int, kind: str, language: str, negatives: int = 0) -> Pair:
    """A pair that no other number gives, with words of the tests' vocabulary."""
    verb, noun = VERBS[number % 10], NOUNS[number // 10 % 10]
    x = f"{verb} {noun} number {number} of {kind} {language} " + "again " * (number % 7)
    y = function_source(verb, noun) + f"# {number} {kind} {language}\n" * (1 + number % 5)
    others = tuple(f"{verb} no {noun} {number} {other}" for other in range(negatives))
    return Pair(x, y, kind, language, f"made:{number}", number // 3, negatives=others)


def write_pairs(folder: Path, pairs: list[Pair], *, negatives: bool = False) -> PairDataset:
    """A dataset of these pairs."""
    folder.mkdir(parents=True)
    shards = write_shards(pairs, folder, negatives=negatives)
    count = {"negatives": sum(len(pair.negatives) for pair in pairs)} if negatives else {}
    write_manifest(folder, {"pairs": len(pairs), **count, "shards": shards})
    return PairDataset.open(folder)


def dataset_of(folder: Path, sources: Sources, *, negatives: bool = False) -> PairDataset:
    """A dataset with a given number of pairs per source, the sources in turn."""
    names = [name for turn in range(max(sources.values())) for name in sources if turn < sources[name]]
    pairs = [pair(i, *name, (i % 4) if negatives else 0) for i, name in enumerate(names)]
    return write_pairs(folder, pairs, negatives=negatives)


def cache_of(folder: Path, sources: Sources, tokenizer: Tokenizer, *, negatives: bool = False) -> TokenCache:
    """The token cache of a dataset."""
    dataset = dataset_of(folder / "pairs", sources, negatives=negatives)
    return TokenCache.build([dataset], tokenizer, 64, folder / "cache", workers=1)
