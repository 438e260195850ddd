"""Compare one training step of Adjoin with sentence-transformers 6 and a plain GradCache loop.

    pip install --constraint constraints.txt --requirement benchmarks/requirements.txt
    python benchmarks/training.py                                    # mini, 128 tokens, batch 1,024: ten minutes
    python benchmarks/training.py --preset nano --batch 64           # a quick try
    python benchmarks/training.py --device cuda --preset S --batch 12288 --rounds 5

All implementations get the same pairs in the same batches (pairs_file.py), and the same weights, optimizer,
precision and threads. Each runs in its own process (workers.py), so that its peak memory can be measured. They
take turns within each round, so that changes in machine load affect all of them. The best mini-batch sizes of
sentence-transformers are searched first. A few small steps warm up and compare losses.

Gradients, clipping and optimizer are timed. Tokenization and the padded matrices of the others' data loaders are
not timed.

Useful FLOPs are 6 N per token and 6 L D T^2 per sequence of T tokens, forward and backward together. N is the
number of weights without the token embeddings, L the number of layers, D the width. Attention counts its causal
half. Padding, recomputation and the matrix of logits do not count. The share of peak is relative to the fastest
square matrix product in the same precision with the same threads, measured before and after.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from pairs_file import FILE, as_expected, read_pairs_file, write_pairs_file
from peers import IMPLEMENTATIONS, Setting
from rich.console import Console
from workers import Stretch, Task, Worker

from adjoin.files import write_json
from adjoin.model.build import random_transformer
from adjoin.model.presets import PRESETS
from adjoin.model.pretrained import library_quiet
from adjoin.model.start import Start
from adjoin.pairs.dataset import sha256_of_file
from adjoin.tokens import Ragged, Tokenizer, encode_all
from adjoin.training.execution import TOKEN_BUDGET
from adjoin.training.hardware import available_memory, half_precision, matmul_peak

OUT = Path("build/benchmark-training.json")
NAMES = {
    "adjoin": "Adjoin",
    "st-cached": "sentence-transformers, cached, {} per mini-batch",
    "st-tokens": "sentence-transformers, cached, {:,} tokens per mini-batch",
    "st-plain": "sentence-transformers, plain",
    "gradcache": "GradCache loop, 32 per mini-batch",
}
# Sizes to try for sentence-transformers. The largest one decides how many pairs are tried.
SIZES = {"cpu": (4, 8, 16, 32, 64), "cuda": (32, 64, 128, 256, 512, 1024)}
TOKENS = {"cpu": (512, 1_024, 2_048, 4_096), "cuda": (8_192, 16_384, 32_768, 65_536)}
CHECK_STEPS, CHECK_PAIRS = 4, 64
PROBES = (16, 32)  # batch sizes from which the memory of the plain loss is extrapolated
_MARGIN = 0.6  # share of the free memory that may be used
console = Console(width=150, highlight=False, soft_wrap=True)


@dataclass
class Row:
    """The measurements of one implementation.

    Attributes:
        name: printed name.
        rounds: its measured steps on the whole batch.
        check: its losses in the small steps.
        note: why it was left out, or "".
    """

    name: str
    rounds: list[Stretch]
    check: list[float]
    note: str = ""

    @property
    def losses(self) -> list[float]:
        """The losses of all its steps."""
        return self.check + [stretch.loss for stretch in self.rounds]


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--preset", default="mini", choices=[name for name in PRESETS if name != "static"])
    parser.add_argument("--tokens", type=int, default=128, help="longest sequence")
    parser.add_argument("--batch", type=int, default=1_024, help="pairs per batch")
    parser.add_argument("--rounds", type=int, default=1, help="measured steps of each implementation")
    parser.add_argument("--implementations", default=",".join(IMPLEMENTATIONS), help="a comma-separated selection")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--precision", default="auto", choices=["auto", "float32", "bfloat16"])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--token-budget", type=int, help="ours: padded tokens per micro-batch")
    parser.add_argument(
        "--kept-tokens", type=int, help="ours: padded tokens whose graphs are kept (default: the token budget)"
    )
    parser.add_argument("--quick", action="store_true", help="do not search sizes: 32 sequences, 4,096 tokens")
    parser.add_argument("--pairs", type=Path, default=FILE)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    if unknown := set(options.implementations.split(",")) - IMPLEMENTATIONS.keys():
        parser.error(
            f"unknown implementations {', '.join(unknown)}: expected some of {', '.join(IMPLEMENTATIONS)}"
        )
    return options


def wants_bfloat16(options: argparse.Namespace) -> bool:
    """Whether matrix products run in bfloat16. By default they do if the hardware supports it."""
    if options.precision != "auto":
        return bool(options.precision == "bfloat16")
    return half_precision(torch.device(options.device)) is not None


def prepare(options: argparse.Namespace, folder: Path) -> tuple[Ragged, Ragged]:
    """Tokenize the pairs, and write the initial model into `folder`."""
    from transformers import PreTrainedTokenizerFast

    if not options.pairs.exists():
        console.print(f"Mining {options.pairs} ...")
        write_pairs_file(options.pairs)
    if not as_expected(options.pairs):
        console.print(f"{options.pairs} is not the published file: compare only figures of this run.")
    x_texts, y_texts = read_pairs_file(options.pairs)
    if len(x_texts) < options.batch:
        sys.exit(f"--batch {options.batch}: {options.pairs} has {len(x_texts)} pairs; give a smaller one")
    tokenizer = Tokenizer.train(iter(x_texts + y_texts), PRESETS[options.preset].vocabulary_size)
    x = encode_all(tokenizer, x_texts, "query", options.tokens)
    y = encode_all(tokenizer, y_texts, "document", options.tokens)
    body = random_transformer(Start(preset=options.preset), tokenizer.vocabulary_size, options.tokens)
    with library_quiet():
        body.model.save_pretrained(folder)
        # With [ ] { } inside the ids, these two only satisfy sentence-transformers' loader.
        PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend, pad_token="[", eos_token="]").save_pretrained(
            folder
        )
    return x, y


def useful_flops(options: argparse.Namespace, lengths: np.ndarray[Any, np.dtype[np.int64]]) -> float:
    """Useful FLOPs of sequences of these lengths; see the file's docstring."""
    preset = PRESETS[options.preset]
    weights = preset.parameters - preset.vocabulary_size * preset.dimension
    attention = preset.layers * preset.dimension * float((lengths.astype(np.float64) ** 2).sum())
    return 6 * weights * float(lengths.sum()) + 6 * attention


def best_sizes(task: Task, setting: Setting, names: list[str], *, quick: bool) -> dict[str, Setting]:
    """The fastest mini-batches of sentence-transformers: by number of sequences, and by number of tokens."""
    mini_batch, tokens = 32, 4_096
    if not quick and {"st-cached", "st-tokens"} & set(names):
        with Worker("st-cached", setting, task) as worker:  # a process of its own, so that no peak is affected
            pairs = min(task.batch, max(SIZES[setting.device]))
            worker.ask("try", pairs, 32, None)
            if "st-cached" in names:
                sizes = [size for size in SIZES[setting.device] if size <= pairs]
                mini_batch = min(sizes, key=lambda size: float(worker.ask("try", pairs, size, None)))
            if "st-tokens" in names:
                tokens = min(TOKENS[setting.device], key=lambda some: float(worker.ask("try", pairs, 32, some)))
    return {
        "st-cached": replace(setting, mini_batch=mini_batch),
        "st-tokens": replace(setting, mini_batch=32, mini_batch_tokens=tokens),
    }


def too_large(task: Task, setting: Setting) -> str:
    """Why the plain loss does not fit into memory, or "".

    Its memory grows faster than the batch, because the longest query, to which all are padded, gets longer. Hence
    the margin.
    """
    with Worker("st-plain", setting, task) as worker:
        small, large = (int(worker.ask("memory", min(pairs, task.batch // 2))) for pairs in PROBES)
        needed = large + (large - small) / (PROBES[1] - PROBES[0]) * (task.batch - PROBES[1])
        free = _MARGIN * available_memory(torch.device(setting.device))
    return (
        ""
        if needed < free
        else f"does not fit: about {needed / 2**30:.0f} GiB, {free / 2**30:.0f} GiB are available"
    )


@contextmanager
def all_of(settings: dict[str, Setting], task: Task) -> Iterator[dict[str, Worker]]:
    """One process per implementation, stopped at the end."""
    workers = {name: Worker(name, setting, task) for name, setting in settings.items()}
    try:
        yield workers
    finally:
        for worker in workers.values():
            worker.close()


def measure(options: argparse.Namespace, setting: Setting, task: Task) -> list[Row]:
    """The rows of all implementations, ours first."""
    names = options.implementations.split(",")
    settings = {name: setting for name in names}
    sizes = best_sizes(task, setting, names, quick=options.quick)
    settings.update({name: sizes[name] for name in names if name in sizes})
    rows = {
        name: Row(NAMES[name].format(own.mini_batch_tokens or own.mini_batch), [], [])
        for name, own in settings.items()
    }
    if "st-plain" in settings and (note := too_large(task, setting)):
        rows["st-plain"].note = note
        del settings["st-plain"]
    with all_of(settings, task) as workers:
        for name, worker in workers.items():
            rows[name].check = [worker.ask("step", number, CHECK_PAIRS).loss for number in range(CHECK_STEPS)]
        for number in range(options.rounds):
            for name, worker in workers.items():  # in turn
                stretch = worker.ask("step", number, task.batch)
                rows[name].rounds.append(stretch)
                speed = task.batch / stretch.seconds
                console.print(
                    f"round {number + 1}, {rows[name].name}: {speed:.1f} pairs/s, loss {stretch.loss:.4f}"
                )
    return list(rows.values())


def figures(row: Row, rows: list[Row], task: Task, peak: float, flops: list[float]) -> dict[str, Any]:
    """The figures of an implementation, as in the table."""
    first = next(other for other in rows if other.rounds)
    seconds = [stretch.seconds for stretch in row.rounds]
    useful = median(work / time for work, time in zip(flops, seconds, strict=True))
    return {
        "pairs_per_second": task.batch / median(seconds),
        "tokens_per_second": median(stretch.tokens / stretch.seconds for stretch in row.rounds),
        "padding": row.rounds[-1].padding,
        "useful_gflops": useful / 1e9,
        "share_of_peak": useful / peak,
        "peak_memory": max(stretch.peak_memory for stretch in row.rounds),
        "at_rest": row.rounds[0].at_rest,
        "loss": row.losses[-1],
        "loss_differs": max(abs(a - b) for a, b in zip(row.losses, first.losses, strict=True)),
    }


def show(rows: list[Row], figures_of: dict[str, dict[str, Any]]) -> None:
    """Print the Markdown table."""
    console.print(
        "| | pairs/s | against ours | real tokens/s | padding | useful GFLOP/s | of the peak | peak memory, GiB |"
        " of it the step's | loss | differs by at most |\n|" + " --- |" + " ---: |" * 10
    )
    fastest = next(iter(figures_of.values()))["pairs_per_second"]
    for row in rows:
        if row.note:
            console.print(f"| {row.name} | {row.note} |" + " |" * 9)
            continue
        f = figures_of[row.name]
        console.print(
            f"| {row.name} | {f['pairs_per_second']:,.1f} | {f['pairs_per_second'] / fastest:.2f}"
            f" | {f['tokens_per_second']:,.0f} | {f['padding']:.0%} | {f['useful_gflops']:,.0f}"
            f" | {f['share_of_peak']:.0%} | {f['peak_memory'] / 2**30:.2f}"
            f" | {(f['peak_memory'] - f['at_rest']) / 2**30:.2f} | {f['loss']:.4f} | {f['loss_differs']:.0e} |"
        )


def main() -> None:
    """Measure, print and write."""
    options = parse()
    torch.set_num_threads(options.threads)
    bfloat16 = wants_bfloat16(options)
    with tempfile.TemporaryDirectory() as name:
        x, y = prepare(options, Path(name))
        budget = options.token_budget or TOKEN_BUDGET[options.device]
        kept = options.kept_tokens or budget  # the last micro-batch's graph needs no extra memory
        setting = Setting(Path(name), options.device, bfloat16, budget, kept)
        task = Task(x, y, options.batch, options.threads)
        dtype, device = torch.bfloat16 if bfloat16 else torch.float32, torch.device(options.device)
        peaks = [matmul_peak(dtype, device)]
        rows = measure(options, setting, task)
        peaks.append(matmul_peak(dtype, device))
    batches = [task.sequences(number, task.batch) for number in range(options.rounds)]
    flops = [useful_flops(options, batch.lengths_B) for batch in batches]
    figures_of = {row.name: figures(row, rows, task, max(peaks), flops) for row in rows if row.rounds}
    precision = "bfloat16" if bfloat16 else "float32"
    console.print(
        f"\n{options.preset}, {options.tokens} tokens, batch {options.batch:,}, {precision}, {options.device},"
        f" {options.threads} threads; peak {peaks[0] / 1e9:,.0f} before, {peaks[1] / 1e9:,.0f} GFLOP/s after\n"
    )
    show(rows, figures_of)
    content = {
        "options": {name: str(value) for name, value in vars(options).items()},
        "precision": precision,
        "pairs": sha256_of_file(options.pairs),
        "torch": torch.__version__,
        "peaks": peaks,
        "figures": figures_of,
        "rounds": {row.name: [asdict(stretch) for stretch in row.rounds] for row in rows},
        "check": {row.name: row.check for row in rows},
        "left_out": {row.name: row.note for row in rows if row.note},
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(options.out, json.loads(json.dumps(content)))


if __name__ == "__main__":
    main()
