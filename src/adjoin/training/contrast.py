"""The contrastive training: pairs in, a model folder out. The loop reads from top to bottom.

models/mine/
  adjoin.json, model.safetensors, tokenizer.json    the model; adjoin.json is written last
  training/log.jsonl, curve.png, step-NNNNNNNN/     how it came about; the state to resume from
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn

from adjoin.batches import Sampler, TokenizedPairs
from adjoin.errors import AdjoinError
from adjoin.files import write_atomically, write_json
from adjoin.model.bodies import StaticBody, TransformerBody
from adjoin.model.encoder import DESCRIPTION_FILE, WEIGHTS_FILE, Description
from adjoin.model.presets import preset_named
from adjoin.model.start import checkpoint_body, random_transformer, static_body
from adjoin.model.static import inverse_document_frequency
from adjoin.objective.contrastive import Temperature
from adjoin.objective.step import ContrastiveStep, StepResult
from adjoin.pairs.dataset import PairDataset
from adjoin.tokens import FILE as TOKENIZER_FILE
from adjoin.tokens import Ragged, Tokenizer
from adjoin.training import checkpoint
from adjoin.training.log import StepReport, TrainingLog, draw_curve
from adjoin.training.recipe import Recipe
from adjoin.training.schedule import Budget, rate

PAIRS_FOR_TOKENIZER = 50_000  # more change the vocabulary little and cost a minute (docs/LOG.md)

Say = Callable[[str], None]
Watch = Callable[[StepReport], None]


def train(
    pairs: Path,
    out: Path,
    recipe: Recipe,
    *,
    resume: bool = False,
    say: Say = lambda _: None,
    watch: Watch = lambda _: None,
) -> Description:
    """Train an encoder on a dataset of pairs.

    Args:
        pairs: the dataset's folder.
        out: the model's folder.
        recipe: all options.
        resume: go on from the last checkpoint below `out`, if there is one.
        say: told what is being prepared, in a line.
        watch: told about each step.

    Returns:
        The finished model's description.

    Raises:
        AdjoinError: the recipe, the pairs or a checkpoint is wrong, or the loss is no longer finite.
        KeyboardInterrupt: after the state was saved.
        OSError: the disk is full; the last checkpoint still stands.
    """
    dataset = PairDataset.open(pairs)
    training = out / "training"
    found = checkpoint.latest(training)
    if not resume and (found or (out / DESCRIPTION_FILE).exists()):
        raise AdjoinError(f"{out} already holds a training: --resume goes on with it, another --out starts afresh")

    tokenizer, body, tokens = _prepare(dataset, out, recipe, say)
    temperature = Temperature()
    modules = nn.ModuleDict({"body": body, "temperature": temperature})
    sampler = Sampler(tokens, recipe.batch, seed=recipe.seed, token_dropout=recipe.token_dropout)
    optimizer = torch.optim.AdamW(_parameter_groups(body, temperature, recipe), betas=(0.9, 0.98), fused=True)
    highest = [group["lr"] for group in optimizer.param_groups]
    identity = {"recipe": recipe.as_json(), "data": dataset.hash}
    progress = checkpoint.Progress(0, 0.0, identity)
    torch.manual_seed(recipe.seed)
    if found:
        progress = checkpoint.restore(found, modules, optimizer, identity)
        say(f"resuming at step {progress.step:,}")

    autocast = processor_precision() if body.pads else None
    step = ContrastiveStep(body, temperature, token_budget=recipe.token_budget, autocast=autocast)
    budget = _budget(recipe, sampler)
    log = TrainingLog(training / "log.jsonl", keep_steps=progress.step)
    saved_at = progress.elapsed
    body.train()
    try:
        while (share := budget.progress(progress.step, progress.elapsed)) < 1:
            began = time.perf_counter()
            for group, top in zip(optimizer.param_groups, highest, strict=True):
                group["lr"] = top * rate(share, recipe.warmup)
            optimizer.zero_grad(set_to_none=True)
            result = step(sampler.batch(progress.step))
            norm = torch.nn.utils.clip_grad_norm_(modules.parameters(), recipe.clip)
            if not math.isfinite(result.loss) or not math.isfinite(norm):  # before it reaches the weights
                raise AdjoinError(
                    f"step {progress.step + 1}: loss {result.loss}, gradient norm {float(norm)}; the weights are"
                    f" still good: lower the learning rate ({recipe.learning_rate}) and start again"
                )
            optimizer.step()
            temperature.clamp()

            seconds = time.perf_counter() - began
            progress.step += 1
            progress.elapsed += seconds
            report = _report(progress, result, seconds, temperature, sampler, recipe, budget, share)
            log.add(report)
            watch(report)
            if progress.elapsed - saved_at > 60 * recipe.checkpoint_minutes:
                log.flush()
                checkpoint.save(training, modules, optimizer, progress)
                saved_at = progress.elapsed
    except KeyboardInterrupt:
        log.flush()
        checkpoint.save(training, modules, optimizer, progress)
        raise
    finally:
        log.close()
    checkpoint.save(training, modules, optimizer, progress)
    draw_curve(
        training / "log.jsonl",
        training / "curve.png",
        f"{out.name}: {len(dataset):,} pairs, batch {recipe.batch:,}",
    )
    return _finish(out, body, tokenizer, temperature, recipe, dataset, progress)


def processor_precision() -> torch.dtype | None:
    """bfloat16 where the processor multiplies it in hardware, None elsewhere: emulated, it is many times slower."""
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return torch.bfloat16 if supported else None


def _prepare(
    dataset: PairDataset, out: Path, recipe: Recipe, say: Say
) -> tuple[Tokenizer, StaticBody | TransformerBody, TokenizedPairs]:
    """Tokenizer, untrained body, tokenized pairs."""
    body: StaticBody | TransformerBody | None = None
    path = out / TOKENIZER_FILE
    if recipe.init is not None:
        say(f"opening {recipe.init}")
        body, tokenizer = checkpoint_body(recipe.start)
    elif path.exists():  # an interrupted training's
        tokenizer = Tokenizer.load(path)
    else:
        say("learning the vocabulary")
        size = recipe.vocabulary or preset_named(recipe.preset).vocabulary_size
        tokenizer = Tokenizer.train(_texts(dataset, PAIRS_FOR_TOKENIZER), size)
    write_atomically(path, tokenizer.to_json())
    say(f"tokenizing {len(dataset):,} pairs")
    tokens = TokenizedPairs.from_dataset(dataset, tokenizer, recipe.max_tokens)
    say(f"{tokenizer.truncated:,} of {tokenizer.encoded:,} texts cut at {recipe.max_tokens} tokens")
    if body is None and recipe.start.is_static:
        both = Ragged.concatenate([tokens.x, tokens.y])
        body = static_body(tokenizer, recipe.start, inverse_document_frequency(both, tokenizer.vocabulary_size))
    elif body is None:
        body = random_transformer(recipe.start, tokenizer.vocabulary_size, recipe.max_tokens)
    return tokenizer, body, tokens


def _texts(dataset: PairDataset, pairs: int) -> Iterator[str]:
    """Both sides of about `pairs` pairs, spread evenly over the dataset."""
    stride = max(1, len(dataset) // pairs)
    rows: Iterable[tuple[str, str]] = (
        row for batch in dataset.batches(["x", "y"]) for row in zip(batch["x"], batch["y"], strict=True)
    )
    for x, y in islice(rows, 0, None, stride):
        yield x
        yield y


def _parameter_groups(
    body: StaticBody | TransformerBody, temperature: Temperature, recipe: Recipe
) -> list[dict[str, Any]]:
    """Matrices decay; vectors (norms, token weights) and tau do not."""
    vectors_rate = recipe.weight_learning_rate if isinstance(body, StaticBody) else recipe.learning_rate
    parameters = list(body.parameters())
    return [
        {
            "params": [p for p in parameters if p.ndim > 1],
            "lr": recipe.learning_rate,
            "weight_decay": recipe.weight_decay,
        },
        {"params": [p for p in parameters if p.ndim <= 1], "lr": vectors_rate, "weight_decay": 0.0},
        {"params": [temperature.tau], "lr": recipe.tau_learning_rate, "weight_decay": 0.0},
    ]


def _budget(recipe: Recipe, sampler: Sampler) -> Budget:
    by_epochs = math.ceil(recipe.epochs * sampler.steps_per_epoch) if recipe.epochs else None
    steps = min((bound for bound in (recipe.steps, by_epochs) if bound is not None), default=None)
    return Budget(steps, None if recipe.minutes is None else 60 * recipe.minutes)


def _report(
    progress: checkpoint.Progress,
    result: StepResult,
    seconds: float,
    temperature: Temperature,
    sampler: Sampler,
    recipe: Recipe,
    budget: Budget,
    share: float,
) -> StepReport:
    done = budget.progress(progress.step, progress.elapsed)
    return StepReport(
        step=progress.step,
        epoch=progress.step / sampler.steps_per_epoch,
        loss=result.loss,
        scale=float(temperature.scale.detach()),
        rate=rate(share, recipe.warmup),
        pairs_per_second=recipe.batch / seconds,
        tokens_per_second=result.tokens / seconds,
        padding=1 - result.tokens / result.padded,
        elapsed=progress.elapsed,
        left=progress.elapsed / done * (1 - done),
    )


def _finish(
    out: Path,
    body: StaticBody | TransformerBody,
    tokenizer: Tokenizer,
    temperature: Temperature,
    recipe: Recipe,
    dataset: PairDataset,
    progress: checkpoint.Progress,
) -> Description:
    """Write the model; adjoin.json comes last, so that a folder without it is no model."""
    if isinstance(body, StaticBody):
        from safetensors.torch import save as to_bytes

        write_atomically(out / WEIGHTS_FILE, to_bytes(body.tensors()))
    else:
        body.model.save_pretrained(out)
    description = Description(
        kind="static" if isinstance(body, StaticBody) else "transformer",
        dimension=body.dimension,
        max_tokens=recipe.max_tokens,
        tau=float(temperature.tau.detach()),
        start=recipe.start.as_json(),
        training={
            "recipe": recipe.as_json(),
            "pairs": len(dataset),
            "data": dataset.hash,
            "steps": progress.step,
            "seconds": round(progress.elapsed, 1),
            "truncated": tokenizer.truncated,
        },
    )
    write_json(out / DESCRIPTION_FILE, description.as_json())
    return description
