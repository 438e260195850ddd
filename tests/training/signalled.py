"""The command line in a process of its own, which may send itself a signal amid a training."""

import signal

COMMAND = "import sys; from adjoin.cli import main; sys.exit(main(sys.argv[1:]))"


def signalled(sign: signal.Signals, step: int) -> str:
    """`COMMAND`, with a signal as soon as the checkpoint of a step is written: nobody can send it too late."""
    return f"""
import os
from adjoin.training.loop import Run
save = Run.save
def save_and_signal(run):
    save(run)
    if run.progress.step == {step}:
        os.kill(os.getpid(), {int(sign)})
Run.save = save_and_signal
{COMMAND}
"""
