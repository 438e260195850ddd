"""What an ablation of starts needs: a sample of the pairs, and checkpoints that differ in what they know."""

from pathlib import Path
from typing import Any

import torch

from adjoin.files import folder_in_one_piece, write_atomically
from adjoin.model.locations import locate_model
from adjoin.model.pretrained import load_generative
from adjoin.pairs.dataset import MANIFEST, PairDataset, write_manifest, write_shard
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import Tokenizer

START_LAYERS = 2  # of a language model: what two cores can train


def sample(datasets: list[Path], least: int, folder: Path) -> Path:
    """Make, unless it is there, a dataset of at least so many pairs: stretches from all over some datasets."""
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
    """Three checkpoints of one shape, a language model's first layers: as they are, its token vectors, nothing."""
    places = {name: out / name for name in ("generative", "vectors", "scratch")}
    if not out.is_dir():
        from transformers import AutoModelForCausalLM

        model, tokenizer = load_generative(locate_model(init), START_LAYERS)
        table = model.get_input_embeddings().weight.detach()
        torch.manual_seed(0)
        anew = AutoModelForCausalLM.from_config(model.config)
        with folder_in_one_piece(out) as unfinished:
            save(model, tokenizer, unfinished / "generative")
            save(anew, tokenizer, unfinished / "scratch")
            with torch.no_grad():
                anew.get_input_embeddings().weight.copy_(table)
            save(anew, tokenizer, unfinished / "vectors")
    return places


def save(model: Any, tokenizer: Tokenizer, folder: Path) -> None:  # noqa: ANN401 - a transformers model
    """Write a checkpoint."""
    model.save_pretrained(folder)
    write_atomically(folder / TOKENIZER_FILE, tokenizer.to_json())
