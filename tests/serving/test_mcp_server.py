"""A client of the official SDK talks to `python -m adjoin mcp` over stdio, in a repository made for it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from adjoin import __version__
from adjoin.serving.budget import estimated_tokens

FILES = {
    "src/upload.py": (
        "def retry_upload(path, attempts):\n"
        '    """Send a file again after a failure, with exponential backoff."""\n'
        "    for attempt in range(attempts):\n"
        "        if send(path):\n"
        "            return True\n"
        "        wait(2**attempt)\n"
        "    return False\n"
    ),
    "src/download.py": (
        "def retry_download(url, attempts):\n"
        '    """Fetch a file again after a failure, with exponential backoff."""\n'
        "    for attempt in range(attempts):\n"
        "        if fetch(url):\n"
        "            return True\n"
        "        wait(2**attempt)\n"
        "    return False\n"
    ),
    "src/colour.go": "package colour\n\n// Mix two colours.\nfunc Mix(a, b int) int {\n\treturn (a + b) / 2\n}\n",
    "docs/guide.md": "# Guide\n\nUploads are retried with exponential backoff.\n",
    "picture.bin": "\0\1\2",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    return root


def talk(folder: Path, work: Callable[[Client], Awaitable[None]], *arguments: str) -> None:
    """Start the server in a folder and let a client work with it."""

    async def run() -> None:
        environment = {name: os.environ[name] for name in ("PYTHONPATH", "HOME") if name in os.environ}
        words = ["-m", "adjoin", "mcp", *arguments]
        server = StdioServerParameters(command=sys.executable, args=words, cwd=folder, env=environment)
        async with Client(server) as client:
            await work(client)

    asyncio.run(run())


async def text_of(client: Client, tool: str, *, error: bool = False, **arguments: object) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error is error, result.content
    (content,) = result.content
    return str(content.text)


def test_a_session(repository: Path) -> None:
    async def work(client: Client) -> None:
        assert client.server_info is not None
        assert (client.server_info.name, client.server_info.version) == ("adjoin", __version__)
        assert "search" in (client.instructions or "")
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {"search", "similar", "status"}
        search = tools["search"].input_schema
        assert set(search["properties"]) == {"query", "paths", "languages", "limit", "repository", "max_tokens"}
        assert search["required"] == ["query"]
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools.values())
        assert all(
            "description" in value for tool in tools.values() for value in tool.input_schema["properties"].values()
        )

        answer = await text_of(client, "search", query="send a file again after a failure")
        assert "src/upload.py:1-7 retry_upload\n```python\ndef retry_upload(" in answer
        assert (repository / ".adjoin").is_dir()
        answer = await text_of(client, "search", query="retry", languages=["go"])
        assert "src/colour.go" in answer
        assert "upload.py" not in answer
        answer = await text_of(client, "search", query="retry", paths=["src/*", "!*download*"])
        assert "src/upload.py" in answer
        assert "download.py" not in answer
        assert "guide.md" not in answer
        answer = await text_of(client, "search", query="retry", repository="docs")
        assert "guide.md" in answer
        assert "upload.py" not in answer
        assert (await text_of(client, "search", query="retry", limit=1)).count("```") == 2

        answer = await text_of(client, "similar", file="src/upload.py", line=3)
        assert answer.startswith("src/download.py:1-7 retry_download")
        assert "src/upload.py" not in answer

        answer = await text_of(client, "status")
        assert str(repository) in answer
        assert "left out: 1 binary" in answer

        (repository / "src" / "new.py").write_text("def defenestrate(window):\n    window.throw()\n")
        answer = await text_of(client, "search", query="defenestrate")
        assert answer.startswith("src/new.py:1-2 defenestrate")

    talk(repository, work)


def test_the_budget(repository: Path) -> None:
    body = "".join(f"    total += weigh_anchor({number})\n" for number in range(500))
    (repository / "long.py").write_text(f"def weigh_anchor_often(total):\n{body}    return total\n")

    async def work(client: Client) -> None:
        for budget in (100, 700, 4000):
            answer = await text_of(client, "search", query="weigh anchor often", max_tokens=budget)
            assert "long.py:1" in answer
            assert "more lines: read long.py:" in answer or "results are left out" in answer or budget == 4000
            assert estimated_tokens(answer) <= budget
        assert "\nalso " in answer  # the function is long: it has more pieces

    talk(repository, work)


def test_mistakes_are_tool_errors_in_one_line(repository: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "secret.py").write_text("secret = 1\n")

    async def work(client: Client) -> None:
        for tool, arguments, message in (
            ("search", {"query": " "}, "the query is empty"),
            ("search", {"query": "x", "languages": ["cobol"]}, "cobol"),
            ("search", {"query": "x", "repository": str(other)}, "is none of this server's"),
            ("search", {"query": "x", "repository": ".."}, "is none of this server's"),
            ("similar", {"file": "src/none.py", "line": 1}, "src/none.py is no file"),
            ("similar", {"file": str(other / "secret.py"), "line": 1}, "is in none of"),
            ("similar", {"file": "src/upload.py", "line": 99}, "99"),
        ):
            answer = await text_of(client, tool, error=True, **arguments)
            assert message in answer
            assert answer.count("\n") == 0
        assert not (other / ".adjoin").exists()
        result = await client.call_tool("search", {"query": "x", "max_tokens": 1})
        assert result.is_error
        answer = await text_of(client, "search", query="retry")  # it still serves
        assert "upload.py" in answer

    talk(repository, work)


def test_several_repositories(repository: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "again.py").write_text('def retry_print(page):\n    """Print a page again."""\n    return page\n')

    async def work(client: Client) -> None:
        answer = await text_of(client, "search", query="retry")
        assert f"{repository}/src/upload.py" in answer
        assert f"{other}/again.py" in answer
        answer = await text_of(client, "search", query="retry", repository="other")
        assert "upload.py" not in answer

    talk(tmp_path, work, str(repository), str(other))


def test_the_configuration_is_printed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "adjoin", "mcp", "--print-config", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "[mcp_servers.adjoin]\ncommand = " in done.stdout
    assert json.dumps(str(tmp_path)) in done.stdout


def test_without_the_sdk_the_remedy_is_named(tmp_path: Path) -> None:
    code = "import sys; sys.modules['mcp'] = None; from adjoin.cli import main; sys.exit(main(['mcp']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "adjoin: `adjoin mcp` needs the package mcp: pip install 'adjoin[mcp]'\n"
