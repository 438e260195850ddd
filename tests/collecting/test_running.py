"""What a registry's client says is told without the passwords of registries and proxies."""

import threading
from pathlib import Path

import pytest

from adjoin.collecting.running import run_client


@pytest.mark.parametrize(
    "said",
    [
        "ERROR: 401 at https://joe:SECRET@pypi.test/simple",
        "npm ERR! request to https://registry.test/left-pad?token=SECRET failed",
        "E: Failed to fetch http://SECRET@mirror.test/debian",
        "proxy http://joe:SECRET@proxy.test:3128 refused",
        "the token SECRET is wrong",
    ],
)
def test_complaints_hide_keys(said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "Kp9vW2xM5rB8nC3yD6"
    monkeypatch.setenv("NPM_TOKEN", secret)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    client = tmp_path / "client"
    client.write_text(f"#!/bin/sh\necho '{said.replace('SECRET', secret)}' >&2\nexit 1\n")
    client.chmod(0o700)
    outcome = run_client(["client"], tmp_path, threading.Event(), 60.0)
    assert outcome.reason
    assert outcome.detail
    assert secret not in outcome.detail
    assert "***" in outcome.detail
