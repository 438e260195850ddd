"""The configuration that `adjoin mcp --print-config` prints can be read by the clients."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from adjoin.serving.clients import command_line, configurations

COMMAND = ["/opt/my tools/adjoin", "mcp", '/src/a "b"']


def sections() -> dict[str, str]:
    parts = re.split(r"^# (.*)$", configurations(COMMAND), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize(
    ("client", "keys"),
    [
        ("Claude Code, for everybody", ["mcpServers", "adjoin"]),
        ("Claude Desktop", ["mcpServers", "adjoin"]),
        ("Cursor", ["mcpServers", "adjoin"]),
        ("Windsurf", ["mcpServers", "adjoin"]),
        ("Gemini CLI", ["mcpServers", "adjoin"]),
        ("VS Code", ["servers", "adjoin"]),
        ("Zed", ["context_servers", "adjoin"]),
    ],
)
def test_json(client: str, keys: list[str]) -> None:
    (text,) = (text for title, text in sections().items() if title.startswith(client))
    value = json.loads(text)
    for key in keys:
        value = value[key]
    assert [value["command"], *value["args"]] == COMMAND
    assert (value.get("type") == "stdio") == (client == "VS Code")


def test_the_others() -> None:
    by_title = sections()
    second = json.loads(by_title["opencode 2: opencode.json"])["mcp"]["servers"]["adjoin"]
    first = json.loads(by_title["opencode 1: opencode.json"])["mcp"]["adjoin"]
    assert second == {"type": "local", "command": COMMAND}
    assert first == {**second, "enabled": True}
    codex = tomllib.loads(by_title["Codex: ~/.codex/config.toml"])["mcp_servers"]["adjoin"]
    assert [codex["command"], *codex["args"]] == COMMAND
    for title in ("Claude Code, in a shell", "Codex, in a shell", "opencode 2, in a shell"):
        words = shlex.split(by_title[title])
        assert words[1:5] == ["mcp", "add", "adjoin", "--"]
        assert words[5:] == COMMAND


def test_the_command_needs_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = command_line([Path("repo")], "text")
    assert Path(words[0]).is_absolute()
    assert words[-4:] == ["mcp", "--model", "text", str(tmp_path / "repo")]
    assert command_line()[-1] == "mcp"
