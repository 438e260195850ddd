"""git's configuration as git reads it, and where repositories are."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adjoin.corpus.git.repository import parse_config, repository_around, repository_at

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

PARTS = ["a", "~/x", " ", "\t", '"', '" "', "\\\\", '\\"', "\\n", "\\t", "#", ";", "=", "[", "\\\n", "é", "0"]
VALUES = st.lists(st.sampled_from(PARTS), max_size=6).map("".join)
LINES = st.one_of(
    st.tuples(st.sampled_from(["key = ", "Key=", "  other-1\t=  ", "core = "]), VALUES).map("".join),
    st.sampled_from(
        ["flag", "# comment", "; = x", "", "[core]", "[Core] x = 1", '[core "Sub] s"]', "[a.b-c]", "k ; c"]
    ),
)


@needs_git
@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(LINES, max_size=6), ending=st.sampled_from(["\n", "\r\n"]), mark=st.sampled_from(["", "\ufeff"])
)
def test_what_git_reads(tmp_path: Path, lines: list[str], ending: str, mark: str) -> None:
    file = tmp_path / "config"
    text = mark + ending.join(["[core]", *lines, ""])
    file.write_bytes(text.encode())
    run = subprocess.run(["git", "config", "--file", str(file), "--list", "-z"], capture_output=True, check=False)
    settings_of_file = [(key, value.replace("\t", " ")) for key, value in parse_config(text)]
    if run.returncode == 0:
        # git before 2.45 writes a space for a tab inside a value
        written = [entry.replace("\t", " ").partition("\n") for entry in run.stdout.decode().split("\0") if entry]
        assert settings_of_file == [(key, value if equals else "true") for key, equals, value in written]


@given(st.text('[]"\\=#;\n ab.\r\0é', max_size=30))
def test_any_text_is_read_to_its_end(text: str) -> None:
    assert all(isinstance(value, str) for _, value in parse_config(text))


@needs_git
def test_where_a_repository_is(tmp_path: Path) -> None:
    (tmp_path / "top" / "sub" / "deep").mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "top")], check=True)
    for folder in ("top", "top/sub", "top/sub/deep"):
        found = repository_around(tmp_path / folder)
        assert found is not None
        assert found.top == tmp_path / "top"
    (tmp_path / "top" / "sub" / ".git").mkdir()
    assert repository_at(tmp_path / "top" / "sub") is None  # an empty .git is none


@pytest.mark.parametrize("content", ["", "gitdir: ", "gitdir: absent", "gitdir: \0", "gitdir: .git", "x" * 5000])
def test_a_git_file_that_leads_nowhere(tmp_path: Path, content: str) -> None:
    (tmp_path / ".git").write_text(content)
    assert repository_at(tmp_path) is None
