"""`adjoin demo`: the main job, end to end, on what is installed here.

Mine every installed package but two; train the cheapest encoder; measure it on the two beside BM25; index one of
them and ask it what a developer would ask. Everything lands below one folder, and the report says where BM25 is
better.
"""

import datetime
import shutil
import sysconfig
import time
from pathlib import Path

from rich.console import Console

from adjoin.cli.progress import counting, counting_bytes, training_display
from adjoin.cli.tables import funnel
from adjoin.errors import AdjoinError
from adjoin.evaluation import RetrievalTask, load_tasks, write_task
from adjoin.evaluation.display import render_table, write_report
from adjoin.evaluation.jobs import search_jobs
from adjoin.evaluation.report import BM25_NAME, MODEL, UNTRAINED
from adjoin.evaluation.run import run_evaluation
from adjoin.evaluation.scorers import BM25Scorer
from adjoin.evaluation.systems.system import Named
from adjoin.index.display import show
from adjoin.index.searcher import load_index
from adjoin.index.update import update_index
from adjoin.mining import MiningOptions, mine
from adjoin.model.encoder import Encoder
from adjoin.pairs.dataset import PairDataset
from adjoin.pairs.functions import KIND as DOCSTRING_FUNCTION
from adjoin.training.contrast import train
from adjoin.training.recipe import Recipe

HELD_OUT = ("scipy", "sympy")  # whole packages that the model never sees: 2,700 and 5,600 documented functions
ASKED = "scipy"
QUESTIONS = (
    "find a root of a function inside an interval",
    "solve an initial value problem for a system of differential equations",
    "nearest neighbours of a point in a k-d tree",
)


def run(out: Path, *, minutes: float | None = None) -> None:
    """Run the whole demo into the folder `out`; what an earlier demo left there is replaced.

    Raises:
        AdjoinError: a held-out package is not installed, or `out` holds something else.
    """
    console = Console()
    began = time.monotonic()
    packages = Path(sysconfig.get_path("purelib"))
    missing = [name for name in HELD_OUT if not (packages / name).is_dir()]
    if missing:
        raise AdjoinError(
            f"the demo measures on {', '.join(missing)}, not installed here: pip install 'adjoin[demo]'"
        )
    _make_room(out)

    console.rule("1  Keep whole packages out")
    _hold_out(packages, out, console)
    console.rule("2  Mine the other installed packages")
    _mine_the_rest(packages, out, console)
    console.rule("3  Train")
    recipe = Recipe.with_defaults(preset="static", minutes=minutes)
    with training_display(console) as watch:
        train(out / "pairs", out / "model", recipe, say=console.print, watch=watch)
    shutil.copy(out / "model" / "training" / "curve.png", out / "curve.png")
    console.rule("4  Measure on the packages that were kept out")
    _measure(out, console)
    console.rule(f"5  Index {ASKED} and ask it")
    _ask(packages / ASKED, out, console)
    console.rule()
    spent = (time.monotonic() - began) / 60
    console.print(f"Done in {spent:.1f} minutes. Report: {out / 'report.md'}, curve: {out / 'curve.png'}")
    console.print("Now on a repository of your own:", style="bold")
    console.print(f"  .venv/bin/adjoin index PATH/TO/REPOSITORY --model {out / 'model'}", soft_wrap=True)
    console.print(
        '  .venv/bin/adjoin search "what you are looking for" --index PATH/TO/REPOSITORY/.adjoin', soft_wrap=True
    )


_ROOMS = (
    "pairs",
    "held-out",
    "eval",
    "model",
    "index",
    "report.json",
    "report.md",
    "report.html",
    "replicates.npz",
    "curve.png",
)


def _make_room(out: Path) -> None:
    """Forget an earlier demo, also one that was killed; refuse to touch a folder that is none."""
    if not out.exists():
        return
    ours = tuple(prefix for room in _ROOMS for prefix in (room, f".{room}."))  # the second: half-written ones
    if not out.is_dir() or not all(entry.name.startswith(ours) for entry in out.iterdir()):
        raise AdjoinError(f"{out} holds something else than a demo: choose another --out")
    shutil.rmtree(out)


def _hold_out(packages: Path, out: Path, console: Console) -> None:
    """Make an evaluation task of each held-out package."""
    for name in HELD_OUT:
        options = MiningOptions(kinds=(DOCSTRING_FUNCTION,))
        with counting_bytes(f"Reading {name}:", console) as advance:
            mine([packages / name], out / "held-out" / name, options, progress=advance)
        dataset = PairDataset.open(out / "held-out" / name)
        task = _task(name, dataset)
        write_task(out / "eval" / name, task)
        console.print(f"{name}: {len(task.queries):,} documented functions, for measuring only")


def _task(name: str, dataset: PairDataset) -> RetrievalTask:
    """Summaries as queries, implementations as documents; of equal summaries the first counts."""
    origins, xs, ys, seen = [], [], [], set()
    for rows in dataset.batches(["x", "y", "origin", "x_hash"]):
        for x, y, origin, x_hash in zip(rows["x"], rows["y"], rows["origin"], rows["x_hash"], strict=True):
            if x_hash not in seen:
                seen.add(x_hash)
                origins.append(origin)
                xs.append(x)
                ys.append(y)
    return RetrievalTask(
        name=name,
        document_ids=origins,
        documents=ys,
        query_ids=[f"summary of {origin}" for origin in origins],
        queries=xs,
        relevant=[{index: 1.0} for index in range(len(xs))],
        languages=["python"] * len(ys),
    )


def _mine_the_rest(packages: Path, out: Path, console: Console) -> None:
    exclude = tuple(pattern for name in HELD_OUT for pattern in (name, f"{name}-*", f"{name}.*"))
    exclude += ("*/externals", "*/vendored")  # changed copies of others' code, of the held-out packages' too
    # Their copies inside other packages are left out by decontamination, changed comments and all.
    options = MiningOptions(exclude=exclude, decontaminate=(out / "eval",))
    with counting_bytes("Mining", console) as advance:
        manifest = mine([packages], out / "pairs", options, progress=advance)
    console.print(funnel(manifest))


def _measure(out: Path, console: Console) -> None:
    model, untrained = Encoder.load(out / "model"), Encoder.load_untrained(out / "model")
    report = run_evaluation(
        search_jobs(load_tasks(out / "eval")),
        {
            MODEL: Named(model, "trained", model.fingerprint),
            UNTRAINED: Named(untrained, UNTRAINED, f"{model.fingerprint} {UNTRAINED}"),
            BM25_NAME: BM25Scorer(),
        },
        str(out / "model"),
        date=datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
    )
    write_report(out, report)
    for suite in report.suites():
        console.print(render_table(report, suite, report.metric_of(suite)))
        for comparison in report.comparisons(suite, report.metric_of(suite), BM25_NAME):
            console.print(comparison.sentence())


def _ask(package: Path, out: Path, console: Console) -> None:
    encoder = Encoder.load(out / "model")
    with counting("Indexing", "files", console) as advance:
        report = update_index(
            package, out / "index", encoder, model=str((out / "model").resolve()), progress=advance
        )
    console.print(report.summary())
    searcher = load_index(out / "index")
    for question in QUESTIONS:
        console.print(f"\n[bold]? {question}[/bold]")
        show(searcher.search(question, limit=1), console, query=question)
