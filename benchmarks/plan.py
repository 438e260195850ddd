"""Compare the estimates of `adjoin plan` with measurements of `adjoin train` in six configurations.

    python benchmarks/plan.py                        # about ten minutes on two quiet cores
    python benchmarks/plan.py --only nano-256 static # a selection
    python benchmarks/plan.py --threads 1            # on a shared machine

Memory is the peak of the training process. Time is the median over steps, without the first. Each plan runs right
before its training, so that machine load affects both.
"""

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

# Name → options. No heavy imports here, since a child's peak memory includes its parent's size at the fork.
SMOL = {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 4, "vocab_size": 49_152}
SMOL |= {"num_attention_heads": 9, "num_key_value_heads": 3}
SETTINGS: dict[str, list[str]] = {
    "static": ["--preset", "static", "--dimension", "512", "--batch", "1024"],
    "nano-256": ["--preset", "nano", "--batch", "256", "--max-tokens", "64"],
    "nano-1024": ["--preset", "nano", "--batch", "1024", "--max-tokens", "128"],
    "micro": ["--preset", "micro", "--batch", "256", "--max-tokens", "128"],
    "mini": ["--preset", "mini", "--batch", "64", "--max-tokens", "128"],
    "llama-4x576": ["--init", "SMOL", "--batch", "64", "--max-tokens", "128"],
}
_MAKE_SMOL = """
import sys, torch, transformers
from pathlib import Path
from adjoin.pairs.dataset import PairDataset
from adjoin.tokens import Tokenizer
pairs, out, sizes = Path(sys.argv[1]), Path(sys.argv[2]), eval(sys.argv[3])
texts = (t for rows in PairDataset.open(pairs).batches(["x", "y"]) for side in rows.values() for t in side)
tokenizer = Tokenizer.train(texts, sizes["vocab_size"])
torch.manual_seed(0)
config = transformers.LlamaConfig(**sizes, tie_word_embeddings=True, bos_token_id=None, eos_token_id=None)
transformers.LlamaForCausalLM(config).save_pretrained(out)
(out / "tokenizer.json").write_text(tokenizer.to_json())
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """Memory and time of a training run, estimated or measured.

    Attributes:
        memory: bytes.
        seconds: per step.
    """

    memory: float
    seconds: float


def adjoin(*arguments: object) -> list[str]:
    """The command line of a user."""
    return [sys.executable, "-m", "adjoin", *map(str, arguments)]


def planned(pairs: Path, options: list[str]) -> Taken:
    """The estimate of `adjoin plan`."""
    done = subprocess.run(adjoin("plan", pairs, *options, "--json"), check=True, capture_output=True, text=True)
    plan: dict[str, Any] = json.loads(done.stdout)
    return Taken(plan["memory_total"], plan["step_seconds"])


def measured(pairs: Path, options: list[str], out: Path, batch: int) -> Taken:
    """The measurement of `adjoin train`."""
    child = subprocess.Popen(adjoin("train", pairs, *options, "--out", out), stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"the training failed: adjoin train {' '.join(options)}")
    lines = [json.loads(line) for line in (out / "training" / "log.jsonl").read_text().splitlines()]
    return Taken(used.ru_maxrss * 1024, median(batch / line["pairs_per_second"] for line in lines[1:]))


def prepare(folder: Path) -> Path:
    """Mine SymPy's functions, and write a checkpoint with random weights."""
    pairs, package = folder / "pairs", Path(sysconfig.get_path("purelib")) / "sympy"
    subprocess.run(adjoin("mine", package, "--out", pairs), check=True, stdout=subprocess.DEVNULL)
    make = [sys.executable, "-c", _MAKE_SMOL, str(pairs), str(folder / "smol"), repr(SMOL)]
    subprocess.run(make, check=True, stderr=subprocess.DEVNULL)
    return pairs


def row(name: str, plan: Taken, took: Taken) -> str:
    """One row of the table."""
    megabytes = f"{plan.memory / 1e6:,.0f} | {took.memory / 1e6:,.0f} | {plan.memory / took.memory - 1:+.0%}"
    seconds = f"{plan.seconds:.2f} | {took.seconds:.2f} | {plan.seconds / took.seconds - 1:+.0%}"
    return f"| {name} | {megabytes} | {seconds} |"


def main() -> None:
    """Plan, train and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, help="CPU threads (default: chosen by each command)")
    chosen = parser.parse_args()
    console = Console(width=130, highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pairs, recipe = prepare(folder), folder / "recipe.toml"
        threads = f"threads = {chosen.threads}\n" if chosen.threads else ""
        recipe.write_text(f"steps = {chosen.steps}\n{threads}")
        console.print("| training | planned MB | measured MB | | planned s/step | measured s/step | |")
        console.print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
        for setting in chosen.only:
            options = [str(folder / "smol") if o == "SMOL" else o for o in SETTINGS[setting]]
            options += ["--recipe", str(recipe)]
            batch = int(options[options.index("--batch") + 1])
            plan = planned(pairs, options)
            console.print(row(setting, plan, measured(pairs, options, folder / setting, batch)))


if __name__ == "__main__":
    main()
