import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adjoin.errors import AdjoinError
from adjoin.locks import exclusive

HOLD = """
import sys, time
from pathlib import Path
from adjoin.locks import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(1_000_000)
"""


def test_one_process_at_a_time_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(AdjoinError, match=r"another process is writing to .*folder: wait"), exclusive(folder):
            pass
        holder.send_signal(signal.SIGKILL)
    with exclusive(folder):
        pass


def test_it_is_released_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), exclusive(tmp_path):
        raise ZeroDivisionError
    with exclusive(tmp_path):
        pass


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(AdjoinError, match=r"cannot write to .*file/x: Not a directory; choose another --out"),
        exclusive(tmp_path / "file" / "x"),
    ):
        pass
