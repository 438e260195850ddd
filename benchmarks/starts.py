"""Inputs of the experiments on initialisation: a sample of the pairs, and checkpoints with different weights."""

from pathlib import Path
from typing import Any

import torch

from adjoin.files import folder_in_one_piece, write_atomically
from adjoin.model.locations import locate_model
from adjoin.model.pretrained import load_generative
from adjoin.pairs.dataset import MANIFEST, PairDataset, write_manifest, write_shard
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import Tokenizer

START_LAYERS = 2  # layers of a language model that two cores can train


def sample(datasets: list[Path], least: int, folder: Path) -> Path:
    """Write a dataset of at least `least` pairs, drawn evenly from several datasets, unless it exists.

    Args:
        datasets: folders of pairs.
        least: minimum number of pairs.
        folder: the folder to create.

    Returns:
        `folder`.
    """
    if not (folder / MANIFEST).is_file():
        import pyarrow.parquet

        parts = [part for pairs in datasets for part in PairDataset.open(pairs).parts()]
        number = sum(part.rows for part in parts)
        stride = max(1, number // least)
        with folder_in_one_piece(folder) as unfinished:
            shards: list[dict[str, Any]] = []
            for part in parts[::stride]:
                with pyarrow.parquet.ParquetFile(part.path) as file:
                    shards.append(write_shard([file.read_row_group(part.number)], unfinished, len(shards)))
            write_manifest(unfinished, {"pairs": sum(shard["rows"] for shard in shards), "shards": shards})
    return folder


def starts(init: str, out: Path) -> dict[str, Path]:
    """Write three checkpoints of one architecture: a language model's first layers, its embeddings only, random.

    Args:
        init: the language model.
        out: the folder to create, unless it exists.

    Returns:
        "generative", "vectors" and "scratch" → folder.
    """
    folders = {name: out / name for name in ("generative", "vectors", "scratch")}
    if not out.is_dir():
        from transformers import AutoModelForCausalLM

        model, tokenizer = load_generative(locate_model(init), START_LAYERS)
        table = model.get_input_embeddings().weight.detach()
        torch.manual_seed(0)
        random_model = AutoModelForCausalLM.from_config(model.config)
        with folder_in_one_piece(out) as unfinished:
            save(model, tokenizer, unfinished / "generative")
            save(random_model, tokenizer, unfinished / "scratch")
            with torch.no_grad():
                random_model.get_input_embeddings().weight.copy_(table)
            save(random_model, tokenizer, unfinished / "vectors")
    return folders


def save(model: Any, tokenizer: Tokenizer, folder: Path) -> None:  # noqa: ANN401 - a transformers model
    """Write a checkpoint with its tokenizer."""
    model.save_pretrained(folder)
    write_atomically(folder / TOKENIZER_FILE, tokenizer.to_json())
