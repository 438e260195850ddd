"""`--store postgresql://...` of index, search, status and mcp: the same answers, and no password is shown."""

import json
from pathlib import Path

import pytest

from adjoin.cli import main
from adjoin.serving.workspace import Workspace
from postgres_server import Server

FILES = {
    "door.py": "def open_the_door(key):\n    return key.turn()\n",
    "lib/gate.py": "def close_gate(lock):\n    lock.shut()\n",
    "guide.md": "# Doors\n\nTurn the key to open the door.\n",
}


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "a repo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "a repo"


@pytest.fixture
def url(postgres: Server) -> str:
    postgres.execute("GRANT CREATE ON DATABASE postgres TO locked")
    return postgres.url("locked", password="sesame")


def run(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    capsys.readouterr()
    assert main(list(words)) == status
    shown = capsys.readouterr()
    assert "sesame" not in shown.out + shown.err
    return shown.out + shown.err


def test_index_search_and_status(repo: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = run(capsys, "index", "a repo", "--store", url, "--exclude", "*.md").splitlines()
    assert lines[0].startswith("index: postgresql://locked@/postgres?host=")
    assert "&index=a-repo-" in lines[0]
    assert lines[-1].startswith("  adjoin search \"what you look for\" 'a repo' --store 'postgresql://locked@/")
    assert not (repo / ".adjoin").exists()
    shown = run(capsys, "status", "a repo", "--store", url)
    assert "files: 2, " in shown
    assert "changed since: nothing" in shown
    assert json.loads(run(capsys, "status", "a repo", "--store", url, "--json"))["index"].startswith(
        "postgresql://"
    )
    (repo / "new.py").write_text("def sing_loudly(song):\n    return song\n")
    for query, path in (("open the door", "door.py"), ("sing loudly", "new.py")):
        hits = json.loads(run(capsys, "search", query, "a repo", "--store", url, "--json"))
        assert hits[0]["path"] == path
        run(capsys, "index", "a repo")
        alone = json.loads(run(capsys, "search", query, "a repo", "--json", "--exclude", "*.md"))
        assert alone[0]["path"] == hits[0]["path"]
    similar = run(capsys, "search", "--similar", "a repo/door.py:1", "--store", url, "-l")
    assert "a repo/lib/gate.py" in similar or "lib/gate.py" in similar
    within = run(capsys, "search", "close gate", "a repo/lib", "--store", url, "-l")
    assert within.split("\n")[0] == "a repo/lib/gate.py"


@pytest.mark.parametrize("verb", [["index", "a repo"], ["search", "door", "a repo"], ["status", "a repo"]])
def test_mistakes_are_one_line(repo: Path, url: str, verb: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status = 2 if verb[0] == "search" else 1
    for wrong, said in (
        (url.replace("sesame", "guessed"), "password authentication failed"),
        ("mysql://me:guessed@host/db", "--store is no URL of PostgreSQL"),
        ("postgresql://me:guessed@127.0.0.1:1/db", "onnection refused"),
    ):
        shown = run(capsys, *verb, "--store", wrong, status=status)
        assert said in shown
        assert "guessed" not in shown
        assert len(shown.strip().splitlines()) == 1
    if verb[0] != "search":
        option = "--out" if verb[0] == "index" else "--index"
        shown = run(capsys, *verb, "--store", url, option, "elsewhere", status=status)
        assert "with the folder elsewhere: expected one of them" in shown


def test_the_server_for_assistants(repo: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    from adjoin.index.postgres.address import StoreAddress

    shown = run(capsys, "mcp", "a repo", "--store", url, "--print-config")
    assert '"--store"' in shown
    workspace = Workspace([repo], store=StoreAddress.parse(url))
    assert workspace.search("open the door")[0].hit.path in FILES
    assert "index: postgresql://locked@/" in workspace.status()
    assert not (repo / ".adjoin").exists()
