"""`adjoin adapt`: a model that comes along, trained on with a folder's own pairs.

A tenth of the files with pairs is kept out; the model before and the model after find their y by their x, beside
BM25. The folder is indexed by the better of the two.
"""

import glob
import shutil
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from adjoin.cli.progress import counting, counting_bytes, training_display
from adjoin.errors import AdjoinError
from adjoin.evaluation import write_task
from adjoin.evaluation.report.report import MODEL
from adjoin.evaluation.run import Contestant
from adjoin.evaluation.systems.system import Named
from adjoin.files import write_json
from adjoin.index.update import update_index
from adjoin.mining import MiningOptions, mine
from adjoin.model.encoder import Encoder
from adjoin.model.locations import portable_name
from adjoin.pairs.dataset import PairDataset
from adjoin.pairs.pair import text_hash
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe
from adjoin.workflows.held_out import measure, task_of

FEWEST_PAIRS = 64  # below that a training would learn the folder by heart
KEPT_OUT = 10  # of so many files one
MOST_KEPT_OUT = 1_000  # pairs
BEFORE = "before"
_MARK, _ROOMS = "adapted.json", ("all", "held-out", "eval", "pairs", "model", "report", "index")


@dataclass(frozen=True)
class Adaptation:
    """What is adapted to what.

    Attributes:
        root: the folder: code, prose, or both.
        out: the folder for pairs, report and the adapted model.
        model: what is trained on: the name of a model that comes along, or a folder.
        index: the index's folder; None for `.adjoin` in the root.
        minutes: of training at most; None for all its epochs.
        seed: of the files kept out and the training.
    """

    root: Path
    out: Path
    model: str
    index: Path | None = None
    minutes: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class Adapted:
    """What came of it.

    Attributes:
        before, after: what each model reached on the files that were kept out (MRR among 1,000).
    """

    before: float
    after: float

    @property
    def better(self) -> bool:
        """Whether the model after is no worse than the one before."""
        return self.after >= self.before


def adapt(wanted: Adaptation, console: Console) -> Adapted:
    """Mine, train on, measure on files that were kept out, index.

    Raises:
        AdjoinError: `out` holds something else, the folder has too few pairs, or no model is there.
    """
    root, out = wanted.root, wanted.out
    before = Encoder.load(wanted.model)
    _make_room(out, portable_name(wanted.model))
    console.rule("1  Mine")
    kept_out = _hold_out(root, out, wanted.seed, console)
    with counting_bytes("Mining", console) as advance:
        manifest = mine(
            [root],
            out / "pairs",
            MiningOptions(exclude=tuple(map(glob.escape, kept_out)), decontaminate=(out / "eval",)),
            progress=advance,
        )
    console.print(f"{manifest['pairs']:,} pairs to train on; {len(kept_out):,} files are kept out")
    console.rule(f"2  Train {wanted.model} on")
    longest = before.description.max_tokens
    recipe = adapting_recipe(wanted.model, max_tokens=longest, minutes=wanted.minutes, seed=wanted.seed)
    with training_display(console) as watch:
        train(out / "pairs", out / "model", recipe, say=console.print, watch=watch)
    console.rule("3  Measure on the files that were kept out")
    after = Encoder.load(out / "model")
    result = _measured(before, after, out, console)
    console.rule("4  Index")
    if result.better:
        _index(wanted, after, portable_name(out / "model"), console)
    else:
        console.print("The model is not better after this training: the index is made by the one before.")
        _index(wanted, before, portable_name(wanted.model), console)
    return result


def adapting_recipe(model: str, *, max_tokens: int, minutes: float | None = None, seed: int = 0) -> Recipe:
    """How a model is trained on with few pairs, so that it learns their words and forgets little."""
    return Recipe.with_defaults(init=model, max_tokens=max_tokens, minutes=minutes, seed=seed, **_GENTLE)


# docs/LOG.md, 2026-11-28: chosen on packages that the model has never seen.
_GENTLE = {"epochs": 8, "learning_rate": 5e-4, "weight_learning_rate": 2e-3, "token_dropout": 0.3}


def _make_room(out: Path, model: str) -> None:
    """Forget an earlier adaptation, also one that was killed; refuse a folder that holds anything else."""
    if out.is_dir() and any(out.iterdir()):
        if not (out / _MARK).is_file():
            raise AdjoinError(f"{out} holds something else than an adaptation: choose another --out")
        for room in _ROOMS:
            shutil.rmtree(out / room, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / _MARK, {"model": model})


def _hold_out(root: Path, out: Path, seed: int, console: Console) -> list[str]:
    """Choose files to keep out and make a task of their pairs; gives the files' paths below the root."""
    with counting_bytes("Reading", console) as advance:
        mine([root], out / "all", MiningOptions(), progress=advance)
    dataset = PairDataset.open(out / "all")
    if len(dataset) < FEWEST_PAIRS:
        raise AdjoinError(
            f"{root} has {len(dataset)} pairs, too few to adapt to (expected {FEWEST_PAIRS} or more):"
            f" `adjoin index {root}` takes the model as it is"
        )
    pairs_of: dict[str, int] = {}
    for rows in dataset.batches(["origin"]):
        for origin in rows["origin"]:
            file = origin.rsplit(":", 1)[0]
            if "!" not in file:  # what lies in an archive cannot be kept out by its name
                pairs_of[file] = pairs_of.get(file, 0) + 1
    order = sorted(pairs_of, key=lambda file: text_hash(f"{seed} {file}"))
    kept_out: list[str] = []
    for file in order[: max(1, len(order) // KEPT_OUT)]:
        if sum(map(pairs_of.__getitem__, [*kept_out, file])) <= MOST_KEPT_OUT:
            kept_out.append(file)
    if not kept_out or len(kept_out) == len(order):
        raise AdjoinError(f"{root} has pairs in {len(order)} files only: too few to keep one out and measure")
    base = root if root.is_dir() else root.parent
    with counting_bytes("Keeping out", console) as advance:
        mine([base / file for file in kept_out], out / "held-out", MiningOptions(), progress=advance)
    write_task(out / "eval" / "held-out", task_of("held-out", PairDataset.open(out / "held-out")))
    return kept_out


def _measured(before: Encoder, after: Encoder, out: Path, console: Console) -> Adapted:
    contestants: dict[str, Contestant] = {
        MODEL: Named(after, "after", after.fingerprint),
        BEFORE: Named(before, BEFORE, before.fingerprint),
    }
    report = measure(out / "eval", contestants, str(out / "model"), out / "report", console, BEFORE)
    (suite,) = report.suites()
    values = {row: report.mean(row, suite, report.metric_of(suite)) for row in (MODEL, BEFORE)}
    found = {row: value.value if value else 0.0 for row, value in values.items()}
    return Adapted(before=found[BEFORE], after=found[MODEL])


def _index(wanted: Adaptation, encoder: Encoder, model: str, console: Console) -> None:
    folder = wanted.index or wanted.root / ".adjoin"
    with counting("Indexing", "files", console) as advance:
        report = update_index(wanted.root, folder, encoder, model=model, progress=advance)
    console.print(f"{folder}: {report.summary()}")
    console.print(f"The model: {model}; the report: {wanted.out / 'report' / 'report.html'}", soft_wrap=True)
    console.print(f'Next: adjoin search "what you look for" --index {folder}', soft_wrap=True)
