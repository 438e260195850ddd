"""1 rank = 2 ranks = 4 ranks, in float64, over gloo in real processes: the loss, and every gradient."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from adjoin.errors import AdjoinError
from adjoin.ranks import ALONE, default_device
from objective.rank import CASES
from objective.small_steps import assert_close, double_body, gradients, random_batch

HERE = Path(__file__).parent


def run_ranks(number: int, script: Path, *arguments: str) -> None:
    """Start processes as torchrun does, and wait until all have ended well."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    paths = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    common = {**os.environ, "PYTHONPATH": paths, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    processes = [
        subprocess.Popen(
            [sys.executable, script, *arguments],
            env={**common, "WORLD_SIZE": str(number), "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(number)
    ]
    try:
        ends = [(process.communicate()[1], process.returncode) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert all(code == 0 for _, code in ends), "\n".join(text for text, _ in ends)


@pytest.mark.slow
@pytest.mark.parametrize("number", [2, 4])
def test_one_rank_equals_many(number: int, tmp_path: Path) -> None:
    run_ranks(number, HERE / "rank.py", str(tmp_path / "found.npz"))
    arrays = np.load(tmp_path / "found.npz")
    body = double_body()
    for case, (pairs, longest, seed, negatives, *_, dimensions) in enumerate(CASES):
        batch = random_batch(pairs, longest, seed, most_negatives=negatives)
        result, expected = gradients(body, batch, dimensions=dimensions)
        assert arrays[f"{case} loss"].item() == pytest.approx(result.loss, abs=1e-9)
        names = sorted(name for name in arrays.files if name.startswith(f"{case} ") and "loss" not in name)
        assert_close([torch.from_numpy(arrays[name]) for name in names], expected)


def test_alone_nothing_is_exchanged() -> None:
    vectors = torch.ones(2, 3)
    assert ALONE.gather_rows(vectors, [2]) is vectors
    assert ALONE.all_reduce(vectors) is vectors
    assert ALONE.all_gather(5) == [5]
    assert ALONE.any(True)
    assert not ALONE.any(False)
    with pytest.raises(ZeroDivisionError):
        ALONE.on_main_rank(lambda: 1 // 0)  # type: ignore[arg-type, return-value]


def test_each_process_has_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert default_device() == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert default_device() == torch.device("cuda", 0)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert default_device() == torch.device("cuda", 1)
    for rank in ("2", "-1", "first"):
        monkeypatch.setenv("LOCAL_RANK", rank)
        with pytest.raises(AdjoinError, match=f"LOCAL_RANK is '{rank}', this machine has 2 GPUs"):
            default_device()
