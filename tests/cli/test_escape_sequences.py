"""No control character of a file, a name or a server reaches standard output or standard error, from any verb."""

import contextlib
import io
import json
import logging
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from adjoin.cli import main
from adjoin.cli.reporter import ConsoleReporter, SafeConsole, counting, evaluation_display
from adjoin.cli.terminal import CleanStream, clean_outputs

# What a terminal acts on: colours, titles, links, C1, bell, backspace, direction of writing, other line ends.
ACTS = (
    "\x1b[31m",
    "\x1b]0;title\x07",
    "\x1b]8;;http://evil.test\x1b\\",
    "\x9b2J",
    "\x9d0;t\x9c",
    "\x08\x08",
    "\x7f",
    "\u202e",
    "\u2066",
    "\u2028",
    "\u200f",
    "\x0b",
)
HOSTILE = "".join(ACTS)
FORBIDDEN = set(HOSTILE) - set("[]0123456789;:/\\titleJhpevls.mn") | {"\r", "\x00"}


def clean(text: str) -> bool:
    return not FORBIDDEN & set(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with hostile names and contents."""
    root = tmp_path / "in\x1b[31mput\u202e"
    (root / "sub\x9b2Jfolder").mkdir(parents=True)
    for number, act in enumerate(act.replace("/", "") for act in ACTS):
        (root / "sub\x9b2Jfolder" / f"a{number}{act}.py").write_text(
            f'def open{number}(door, key):\n    """Open the door {HOSTILE} with the key of guard {number}."""\n'
            f"    door.turn(key)  # {HOSTILE}\n    return door.open()\n"
        )
        (root / f"b{number}{act}.md").write_text(f"# Title {HOSTILE}\n\nA door {HOSTILE} is opened with a key.\n")
    (root / f"damaged{ACTS[0]}.ipynb").write_text("{")
    (root / f"damaged{ACTS[0]}.zip").write_bytes(b"PK\x03\x04")
    (root / f"damaged{ACTS[3]}.jsonl").write_text('{"text": \n')
    (root / "package.json").write_text(
        json.dumps({"name": f"n{HOSTILE}", "license": f"L{HOSTILE}", "version": "1"})
    )
    (root / "LICENSE").write_text(f"Licence {HOSTILE}\n")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text(f'[remote "origin"]\n\turl = https://h.test/{HOSTILE}\n')
    (root / "tasks" / f"task{ACTS[0]}").mkdir(parents=True)
    (root / "texts.txt").write_text(f"a door {HOSTILE}\n" * 3)
    (root / f"labels{ACTS[0]}.tsv").write_text(f"a door\tlabel{HOSTILE}\n" * 3)
    (root / f"recipe{ACTS[4]}.toml".replace("/", "")).write_text(f'x{HOSTILE} = "\n')
    (root / "bad.json").write_text(json.dumps({"x": HOSTILE}))
    return root


def verbs(root: Path) -> list[list[str]]:
    out = root.parent / f"out{ACTS[0]}"
    name = str(root)
    bad_toml, tsv = next(map(str, root.glob("recipe*"))), next(map(str, root.glob("labels*")))
    return [
        ["index", name, "--out", f"{out}/index"],
        ["index", name, "--dry-run"],
        ["search", "door key guard", "--index", f"{out}/index"],
        ["search", "door key guard", "--index", f"{out}/index", "--color", "never", "--explain", "-C", "2"],
        ["search", "door", "--index", f"{out}/index", "--json"],
        ["search", "door", "--index", f"{out}/index", "--vimgrep"],
        ["search", "door", "--index", f"{out}/index", "-l"],
        ["search", f"nothing{HOSTILE}", "--index", f"{out}/index", "--no-refresh"],
        ["search", "x", f"{name}/absent{HOSTILE}"],
        ["status", "--index", f"{out}/index"],
        ["status", "--index", f"{out}/index", "--files"],
        ["status", "--index", f"{out}/index", "--skipped"],
        ["status", "--index", f"{out}/index", "--json", "--skipped", "--files"],
        ["mine", name, "--out", f"{out}/pairs", "--workers", "1", "--keep-near-duplicates"],
        ["pairs", "show", f"{out}/pairs"],
        ["mine", f"{name}/absent{HOSTILE}", "--out", f"{out}/pairs2"],
        ["mine", name, "--out", f"{out}/pairs3", "--recipe", bad_toml],
        ["mine", name, "--out", f"{out}/pairs3", "--kinds", f"k{HOSTILE}"],
        ["collect", bad_toml, "--out", f"{out}/collected"],
        ["train", f"{name}/texts.txt", "--out", f"{out}/model"],
        ["train", f"{out}/pairs", "--out", f"{out}/model", "--init", f"{name}/bad.json", "--steps", "1"],
        ["plan", f"{out}/pairs", "--init", f"no{HOSTILE}"],
        ["embed", f"no{HOSTILE}", f"{name}/texts.txt", "--out", f"{out}/v"],
        ["embed", "text", f"{name}/texts{HOSTILE}", "--out", f"{out}/v"],
        ["evaluate", f"no{HOSTILE}", "--data", name, "--report", f"{out}/report"],
        ["evaluate", "random", "--data", tsv, "--report", f"{out}/report"],
        ["evaluate", "random", "--data", name, "--report", f"{out}/report", "--suite", "all", "--no-cache"],
        ["compare", f"{name}/no{HOSTILE}", name],
        ["model", "pack", f"{name}/no{HOSTILE}", "--out", f"{out}/packed"],
        ["model", "ensemble", name, name, "--out", f"{out}/e"],
        ["model", "grow", f"no{HOSTILE}", "--out", f"{out}/g"],
        ["reproduce", bad_toml, "--out", f"{out}/r"],
        ["adapt", f"{name}/absent{HOSTILE}", "--out", f"{out}/a"],
        ["mcp", name, "--print-config"],
        [f"verb{HOSTILE}"],
        ["search", "x", f"--no-such{HOSTILE}"],
        ["search", "x", "--limit", f"many{HOSTILE}"],
    ]


def test_no_verb_passes_them_on(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent / "cache"))
    wrong, shown = [], 0
    for words in verbs(folder):
        with contextlib.suppress(SystemExit):
            main(words)
        printed = "".join(capsys.readouterr())
        shown += "\N{REPLACEMENT CHARACTER}" in printed
        if not clean(printed):
            wrong.append((words, printed))
    assert not wrong
    assert shown > 15  # the names and texts did come by


def test_names_for_xargs_stay_as_they_are(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["index", str(folder), "--out", str(folder.parent / "index")])
    capsys.readouterr()
    main(["search", "door key guard", "--index", str(folder.parent / "index"), "-l", "-0", "--limit", "100"])
    names = [name for name in capsys.readouterr().out.split("\0") if name]
    assert names
    assert all(Path(name).is_file() for name in names)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("act", ACTS)
def test_every_way_to_print_is_safe_on_a_terminal(act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.table import Table
    from rich.text import Text

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    reporter = ConsoleReporter()
    reporter.section(f"a{act}")
    reporter.say(f"a{act}")
    reporter.command(f"a{act}")
    reporter.table(f"a{act}", ["a", f"b{act}"], [[f"c{act}", "1"]])
    SafeConsole().print(Text(f"a{act}"), f"b{act}", Table(title=f"t{act}"))
    with counting(f"a{act}", f"b{act}", SafeConsole()) as advance:
        advance(1, 2)
    with evaluation_display(SafeConsole()) as watch:
        watch(f"task{act}", 0.5)
    assert act not in terminal.getvalue()
    assert "task" in terminal.getvalue()


def test_logs_and_warnings_are_safe_and_without_keys(capsys: pytest.CaptureFixture[str]) -> None:
    with clean_outputs():
        logging.StreamHandler().emit(logging.LogRecord("a", 30, "a", 1, f"read {HOSTILE}", None, None))
        sys.stderr.write(warnings.formatwarning(f"odd {HOSTILE}", UserWarning, "a.py", 1))
        print(f"plain {HOSTILE}\r")  # noqa: T201
    printed = capsys.readouterr()
    assert "plain" in printed.out
    assert "read" in printed.err
    # Colours of our own pass, so those are made safe where they are printed.
    assert not {"\x9b", "\x07", "\x08", "\x7f", "\u202e", "\r", "\u2028"} & set(printed.out + printed.err)


def test_our_own_colours_pass_and_the_cursor_moves_on_a_terminal_only() -> None:
    ours = "\x1b[1;36mname\x1b[0m"
    moves = "\rdone\x1b[K\x1b[2A\x1b[?25l"
    plain, live = io.StringIO(), Terminal()
    for stream in (plain, live):
        CleanStream(stream).write(ours + moves)
        CleanStream(stream).writelines(["\ta\n", "\x1b]0;t\x07"])
    assert live.getvalue() == ours + moves + "\ta\n\ufffd]0;t\ufffd"
    assert plain.getvalue() == ours + "\ufffddone\ufffd[K\ufffd[2A\ufffd[?25l" + "\ta\n\ufffd]0;t\ufffd"


def test_a_traceback_is_safe_and_without_keys(tmp_path: Path) -> None:
    program = (
        "import adjoin.cli, adjoin.cli.arguments as a\n"
        "def broken(*_): raise RuntimeError('at http://u:pw1234@h \\x1b]0;t\\x07')\n"
        "a.build_parser = broken\n"
        "adjoin.cli.main(['status'])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert run.returncode == 1
    assert "RuntimeError" in run.stderr
    assert "pw1234" not in run.stderr
    assert clean(run.stderr)
