"""Speed of each stage on this machine, on packages that are installed for development: `make bench`.

Prints a Markdown table: mining and encoding in MB/s and texts/s, training in pairs/s, indexing in pieces/s, and
search in milliseconds. Training is compared with a plain loop (random micro-batches, no sorting) over the same
body.
"""

import statistics
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from adjoin import Encoder
from adjoin.batches.cache import TokenCache
from adjoin.batches.sampler import Sampler
from adjoin.index.refresh import refresh
from adjoin.index.searcher import load_index
from adjoin.mining import MiningOptions, mine
from adjoin.model.build import random_transformer
from adjoin.model.start import Start
from adjoin.objective.contrastive import Temperature, contrastive_loss
from adjoin.objective.identity import Identity
from adjoin.objective.step import ContrastiveStep
from adjoin.pairs.dataset import PairDataset
from adjoin.tokens import Ragged, Tokenizer
from adjoin.training.contrast import train
from adjoin.training.log import StepReport
from adjoin.training.recipe import Recipe

PACKAGE = "sympy"
BATCH, MAX_TOKENS, STEPS = 256, 128, 3


@contextmanager
def timed(seconds: list[float]) -> Iterator[None]:
    """Append the wall time of the block to a list."""
    began = time.perf_counter()
    yield
    seconds.append(time.perf_counter() - began)


def plain_step(body: torch.nn.Module, temperature: Temperature, sampler: Sampler, step: int) -> None:
    """One training step as in most training loops: each side is one padded matrix in batch order."""
    batch = sampler.batch(step)

    def embed(side: Ragged) -> torch.Tensor:
        return torch.cat([body(side.take(rows)) for rows in np.array_split(np.arange(len(side)), 8)])

    identity = Identity.of(batch.identity_3M)
    loss = contrastive_loss(embed(batch.x), embed(batch.y), temperature.logit_scale, identity=identity)
    torch.autograd.backward(loss)


def transformer_rates(pairs: PairDataset, folder: Path) -> dict[str, float]:
    """Pairs per second of a training step of the `nano` body: plain, ours with and without cached gradients."""
    texts = [text for rows in pairs.batches(["x", "y"]) for side in rows.values() for text in side]
    tokenizer = Tokenizer.train(iter(texts), 8_192)
    sampler = Sampler(TokenCache.build([pairs], tokenizer, MAX_TOKENS, folder), BATCH)
    body, temperature = random_transformer(Start(preset="nano"), 8_192, MAX_TOKENS), Temperature()
    workers = torch.get_num_threads()  # one micro-batch per thread
    one_pass = ContrastiveStep(body, temperature, token_budget=512, kept_tokens=10**9, workers=workers)
    cached = ContrastiveStep(body, temperature, token_budget=512, kept_tokens=0, workers=workers)
    ways: dict[str, Callable[[int], object]] = {
        "plain loop": lambda step: plain_step(body, temperature, sampler, step),
        "sorted, cached gradients": lambda step: cached(sampler.batch(step)),
        "sorted, one pass": lambda step: one_pass(sampler.batch(step)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for step in range(STEPS + 1):
        for name, way in ways.items():  # in turn, so that machine load affects all of them
            with timed(seconds[name]):
                way(step)
    return {name: BATCH / statistics.median(times[1:]) for name, times in seconds.items()}


def main() -> None:
    """Measure and print."""
    package = Path(sysconfig.get_path("purelib")) / PACKAGE
    megabytes = sum(path.stat().st_size for path in package.rglob("*.py")) / 1e6
    rows: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds: list[float] = []
        with timed(seconds):
            manifest = mine([package], folder / "pairs", MiningOptions())
        rows.append(
            (
                "mining",
                f"{megabytes / seconds[-1]:.1f} MB of source/s, {manifest['pairs'] / seconds[-1]:,.0f} pairs/s",
            )
        )
        reports: list[StepReport] = []
        train(folder / "pairs", folder / "model", Recipe.with_defaults(epochs=3), watch=reports.append)
        speed = statistics.median(report.pairs_per_second for report in reports)
        rows.append(("training, static, batch 1,024", f"{speed:,.0f} pairs/s"))
        dataset = PairDataset.open(folder / "pairs")
        for way, rate in transformer_rates(dataset, folder / "tokens").items():
            rows.append((f"training, nano, batch {BATCH}, {MAX_TOKENS} tokens: {way}", f"{rate:,.0f} pairs/s"))
        encoder = Encoder.load(folder / "model")
        texts = [text for batch in dataset.batches(["y"]) for text in batch["y"]]
        with timed(seconds):
            encoder.encode_document(texts)
        rows.append(("encoding, static", f"{len(texts) / seconds[-1]:,.0f} functions/s"))
        with timed(seconds):
            report = refresh(package, folder / "index", encoder, model=str(folder / "model"))
        rows.append(("indexing", f"{report.pieces / seconds[-1]:,.0f} pieces/s ({report.pieces:,} pieces)"))
        searcher = load_index(folder / "index")
        searches: list[float] = []
        for query in ("differentiate a function", "factor a polynomial", "solve a linear system") * 7:
            with timed(searches):
                searcher.search(query)
        rows.append(("searching, hybrid", f"{1000 * statistics.median(searches):.0f} ms"))
    console = Console(width=120)
    console.print("| stage | speed |\n| --- | ---: |", highlight=False)
    for stage, figure in rows:
        console.print(f"| {stage} | {figure} |", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
