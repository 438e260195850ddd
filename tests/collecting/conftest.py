from pathlib import Path

import pytest
from fake_clients import install_fakes


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that configures the stand-ins for the clients, first on the PATH."""
    switches = tmp_path / "switches"
    switches.mkdir()
    install_fakes(tmp_path / "fakes")
    monkeypatch.setenv("FAKES", str(switches))
    monkeypatch.setenv("PATH", f"{tmp_path / 'fakes'}:/usr/bin:/bin")
    return switches
