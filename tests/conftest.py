"""Fixtures of several test packages: source code, a dataset of pairs, a tokenizer."""

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from adjoin import sandbox
from adjoin.mining import Engine, MiningOptions, mine
from adjoin.tokens import Tokenizer
from postgres_server import postgres
from small_sources import NOUNS, VERBS, function_source, paragraph_about

__all__ = ["postgres"]

# A busy machine breaks no test: examples have no deadline, and the same ones are tried in every run.
# `pytest --hypothesis-profile explore` draws new ones.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", settings.get_profile("explore"), derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def _interrupts_reach_us() -> None:
    """Take SIGINT as a terminal's shell hands it out: a job in the background is started with it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def parsers_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse in the test's process, so that a test may change how."""
    monkeypatch.setattr(sandbox, "_is_expendable", True)


@pytest.fixture(scope="session")
def source_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of ten modules with a hundred documented functions, and a page of prose."""
    root = tmp_path_factory.mktemp("tree")
    for noun in NOUNS:
        (root / f"{noun}.py").write_text("\n\n".join(function_source(verb, noun) for verb in VERBS))
    paragraphs = [paragraph_about(noun) for noun in NOUNS]
    (root / "guide.md").write_text("# Guide\n\n" + "\n\n".join(paragraphs) + "\n")
    return root


@pytest.fixture(scope="session")
def pairs_folder(source_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pairs of `source_tree`."""
    out = tmp_path_factory.mktemp("mined") / "pairs"
    mine([source_tree], out, MiningOptions(), engine=Engine(workers=1))
    return out


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """A byte-level BPE learned from those functions."""
    return Tokenizer.train((function_source(v, n) for v in VERBS for n in NOUNS), 600)
