"""Ray does what the worker processes do, to the byte."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from adjoin.errors import AdjoinError
from adjoin.mining import Engine, MiningOptions, mine, work


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_unknown_engines_and_numbers_of_workers_are_one_line() -> None:
    with pytest.raises(AdjoinError, match="--engine spark: expected local or ray"):
        Engine("spark")
    with pytest.raises(AdjoinError, match="--workers 0: expected 1 or more"):
        Engine(workers=0)


@pytest.mark.slow
def test_ray_gives_the_same_bytes(source_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray", reason="the extra ray is not installed")
    monkeypatch.setattr(work, "TASK_BYTES", 3000)
    mine([source_tree], tmp_path / "local", MiningOptions(), engine=Engine(workers=1))
    try:
        mine([source_tree], tmp_path / "ray", MiningOptions(), engine=Engine("ray", workers=2))
    finally:
        ray.shutdown()
    assert content(tmp_path / "local") == content(tmp_path / "ray")


NOTED_CALLS = """
import os, socket, sys
def note(what, host, port):
    with open(os.environ["CALLS"], "a") as log:
        log.write(f"{what} {host}:{port} {sys.argv[:1]}\\n")
for name in ("connect", "connect_ex"):
    def noted(self, address, _does=getattr(socket.socket, name), _name=name):
        if isinstance(address, tuple):
            note(_name, *address[:2])
        return _does(self, address)
    setattr(socket.socket, name, noted)
def resolved(host, port=0, *rest, _does=socket.getaddrinfo, **options):
    note("resolve", host, port)
    return _does(host, port, *rest, **options)
socket.getaddrinfo = resolved
"""
OURS = ("127.", "localhost", "::1", "0.0.0.0", "None")


@pytest.mark.slow
def test_ray_calls_nobody(source_tree: Path, tmp_path: Path) -> None:
    """Every Python process of Ray notes its connections."""
    pytest.importorskip("ray", reason="the extra ray is not installed")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NOTED_CALLS)
    calls, path = tmp_path / "calls", os.pathsep.join([str(tmp_path / "site"), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path, "CALLS": str(calls), "RAY_USAGE_STATS_ENABLED": "1"}
    words = ["mine", str(source_tree), "--out", str(tmp_path / "pairs"), "--engine", "ray", "--workers", "1"]
    subprocess.run([sys.executable, "-m", "adjoin", *words], env=environment, check=True, capture_output=True)
    assert calls.is_file()  # the log works: Ray's processes call each other
    own = {str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None)} | {own_address()}
    elsewhere = [
        line
        for line in calls.read_text().splitlines()
        if not line.split()[1].startswith(OURS) and line.split()[1].rpartition(":")[0] not in own
    ]
    assert elsewhere == []


def own_address() -> str:
    """The address of this machine as others see it; a datagram's socket sends nothing when it connects."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:  # no network
            return "127.0.0.1"
        return str(probe.getsockname()[0])
