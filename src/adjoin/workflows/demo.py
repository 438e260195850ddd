"""`adjoin demo`: the main job, end to end: the model that comes along, adapted to a repository, answers questions.

The repository is scipy as it is installed here, which the model has never seen, or one that is given.
"""

import shutil
import sysconfig
import time
from pathlib import Path

from rich.console import Console

from adjoin.errors import AdjoinError
from adjoin.index.display import show
from adjoin.index.searcher import load_index
from adjoin.workflows.adapt import Adaptation, adapt

ASKED = "scipy"
QUESTIONS = (
    "find a root of a function inside an interval",
    "solve an initial value problem for a system of differential equations",
    "nearest neighbours of a point in a k-d tree",
)


def run(out: Path, *, repository: Path | None = None, minutes: float | None = None) -> None:
    """Run the whole demo into the folder `out`; what an earlier demo left there is replaced.

    Raises:
        AdjoinError: there is no such repository, it has too few pairs, or `out` holds something else.
    """
    console = Console()
    began = time.monotonic()
    root = repository or Path(sysconfig.get_path("purelib")) / ASKED
    if not root.is_dir():
        reason = "no folder" if repository else "not installed here: pip install 'adjoin[demo]'"
        raise AdjoinError(f"the demo adapts to {root}, which is {reason}")
    done = adapt(Adaptation(root, out, model="code", index=out / "index", minutes=minutes), console)
    shutil.copy(out / "model" / "training" / "curve.png", out / "curve.png")
    if repository is None:
        console.rule(f"5  Ask {ASKED}")
        searcher = load_index(out / "index")
        for question in QUESTIONS:
            console.print(f"\n[bold]? {question}[/bold]")
            show(searcher.search(question, limit=1), console, query=question)
    console.rule()
    spent = (time.monotonic() - began) / 60
    console.print(
        f"Done in {spent:.1f} minutes. Report: {out / 'report' / 'report.html'}, curve: {out / 'curve.png'}"
    )
    console.print("Now ask your own questions, or adapt it to a repository of your own:", style="bold")
    console.print(f'  .venv/bin/adjoin search "what you are looking for" --index {out / "index"}', soft_wrap=True)
    console.print("  .venv/bin/adjoin adapt PATH/TO/REPOSITORY --out runs/mine", soft_wrap=True)
    if not done.better:
        console.print("(The adaptation did not help here: the index is made by the model as it came.)")
