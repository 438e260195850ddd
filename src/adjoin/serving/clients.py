"""How the usual coding assistants are told about `adjoin mcp`. Their documentation was checked in 2026-11."""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def command_line(paths: Sequence[Path] = (), model: str | None = None, store: str | None = None) -> list[str]:
    """The command that starts this installation's server: an absolute program, so that no PATH is needed.

    Args:
        paths: the repositories that may be searched, made absolute; none for the client's current folder.
        model: the model for new indexes; None for the default.
        store: the URL of the database that holds the indexes, without a password; None for folders.
    """
    script = Path(sys.executable).with_name("adjoin")
    found = str(script) if os.access(script, os.X_OK) else shutil.which("adjoin")
    words = [found, "mcp"] if found else [sys.executable, "-m", "adjoin", "mcp"]
    if model:
        words += ["--model", str(Path(model).resolve()) if Path(model).is_dir() else model]
    if store:
        words += ["--store", store]
    return words + [str(path.resolve()) for path in paths]


def configurations(command: Sequence[str]) -> str:
    """The configuration of each client, as text to copy.

    Args:
        command: the program and its arguments, as `command_line` gives them.
    """
    program, *arguments = command
    server = {"command": program, "args": arguments}
    common = {"mcpServers": {"adjoin": server}}
    opencode = {"type": "local", "command": list(command)}
    sections = [
        ("Claude Code, in a shell", shlex.join(["claude", "mcp", "add", "adjoin", "--", *command])),
        ("Claude Code, for everybody: .mcp.json in the repository", _json(common)),
        ("Claude Desktop: claude_desktop_config.json (Settings, Developer, Edit Config)", _json(common)),
        ("Cursor: .cursor/mcp.json in the repository, or ~/.cursor/mcp.json", _json(common)),
        ("Windsurf: ~/.codeium/windsurf/mcp_config.json", _json(common)),
        ("Gemini CLI: .gemini/settings.json in the repository, or ~/.gemini/settings.json", _json(common)),
        (
            "VS Code: .vscode/mcp.json in the repository",
            _json({"servers": {"adjoin": {"type": "stdio", **server}}}),
        ),
        ("Zed: settings.json", _json({"context_servers": {"adjoin": {**server, "env": {}}}})),
        ("opencode 2, in a shell", shlex.join(["opencode", "mcp", "add", "adjoin", "--", *command])),
        ("opencode 2: opencode.json", _json({"mcp": {"servers": {"adjoin": opencode}}})),
        ("opencode 1: opencode.json", _json({"mcp": {"adjoin": {**opencode, "enabled": True}}})),
        ("Codex, in a shell", shlex.join(["codex", "mcp", "add", "adjoin", "--", *command])),
        (
            "Codex: ~/.codex/config.toml",
            f"[mcp_servers.adjoin]\ncommand = {_toml(program)}\nargs = [{', '.join(map(_toml, arguments))}]",
        ),
    ]
    return "\n".join(f"# {title}\n{text}\n" for title, text in sections)


def _json(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return json.dumps(value, indent=2)


def _toml(text: str) -> str:
    """A basic string of TOML. Its escapes are those of JSON."""
    return json.dumps(text)
