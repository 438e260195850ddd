"""`adjoin search` as people and scripts use it: which index, filters, forms of output, exit status, pipes."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adjoin.cli import main

UPLOAD = (
    "def retry_upload(path, attempts):\n"
    '    """Send a file again after a failure."""\n'
    "    for attempt in range(attempts):\n"
    "        if send(path):\n"
    "            return True\n"
    "        wait(2**attempt)\n"
    "    return False\n"
)
FILES = {
    "src/net/upload.py": UPLOAD,
    "src/net/poll.c": "int wait_for(struct source *s) {\n\treturn s->poll(s);\n}\n",
    "docs/guide.md": "# Guide\n\nUploads are retried with exponential backoff.\n",
    "docs/a name.md": "# Retries\n\nHow often uploads are retried.\n",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with an index."""
    root = tmp_path_factory.mktemp("search") / "repo"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    assert main(["search", "retry", str(root)]) == 0
    return root


@pytest.fixture
def repo(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A copy of it as the current folder."""
    root = tmp_path / "repo"
    shutil.copytree(made, root)
    monkeypatch.chdir(root)
    capsys.readouterr()
    return root


def run(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of `adjoin search`."""
    status = main(["search", *words])
    return (status, *capsys.readouterr())


def paths(*words: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The files of the results, weak ones too, each once, best first."""
    status, out, _ = run(*words, "--json", capsys=capsys)
    assert status in (0, 1)
    return list(dict.fromkeys(hit["file"] for hit in json.loads(out)))


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell command in which ADJOIN stands for the program."""
    text = command.replace("ADJOIN", f"{sys.executable} -m adjoin")
    return subprocess.run(["bash", "-c", text], cwd=folder, capture_output=True, text=True)


def test_the_first_search_makes_the_index_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "new"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "upload.py").write_text(UPLOAD)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    monkeypatch.chdir(root / "sub")
    status, out, error = run("send a file again", capsys=capsys)
    assert status == 0
    assert out.startswith("upload.py:1-7  retry_upload")  # as seen from the current folder
    assert error.startswith(f"adjoin: indexed {root}: 1 files, 1 pieces")
    assert error.count("\n") == 1
    assert (root / ".adjoin").is_dir()  # of the repository, not of the folder
    assert not (root / "sub" / ".adjoin").exists()
    shown = subprocess.run(["git", "status", "--short"], cwd=root, capture_output=True, text=True, check=True)
    assert ".adjoin" not in shown.stdout
    assert run("send a file again", capsys=capsys)[2] == ""  # the second says nothing


def test_a_search_sees_what_changed(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repo / "src" / "new.py").write_text("def defenestrate(window):\n    window.throw()\n")
    (repo / "docs" / "guide.md").unlink()
    assert run("defenestrate", "--no-refresh", capsys=capsys)[1].find("src/new.py") == -1
    assert paths("defenestrate", capsys=capsys)[0] == "src/new.py"
    assert "docs/guide.md" not in paths("backoff", capsys=capsys)


def test_any_subfolder_finds_the_index(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repo / "src" / "net")
    found = paths("retry upload", "-n", "9", capsys=capsys)
    assert found[0] == "upload.py"
    assert set(found) == {"upload.py", "poll.c", "../../docs/guide.md", "../../docs/a name.md"}
    assert all(Path(file).is_file() for file in found)
    assert not (repo / "src" / "net" / ".adjoin").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["docs"], {"docs/guide.md", "docs/a name.md"}),
        (["./docs/"], {"docs/guide.md", "docs/a name.md"}),
        (["src/net/upload.py"], {"src/net/upload.py"}),
        (["docs/guide.md", "src"], {"docs/guide.md", "src/net/upload.py", "src/net/poll.c"}),
        (["docs", "."], set(FILES)),
        (["--path", "*.md"], {"docs/guide.md", "docs/a name.md"}),
        (["--path", "src", "--path", "*.md", "--exclude", "*.c"], set(FILES) - {"src/net/poll.c"}),
        (["--path", "!*.md"], {"src/net/upload.py", "src/net/poll.c"}),
        (["--path", "*.md", "--path", "!docs/g*"], {"docs/a name.md"}),
        (["docs", "--path", "*g*e.md"], {"docs/guide.md"}),
        (["--language", "python"], {"src/net/upload.py"}),
    ],
)
def test_what_is_searched(
    words: list[str], expected: set[str], repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert set(paths("retry", "-n", "9", *words, capsys=capsys)) == expected


def test_paths_are_shown_as_they_were_given(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert paths("retry_upload", "repo", capsys=capsys)[0] == "repo/src/net/upload.py"
    assert paths("retry_upload", str(repo / "src"), capsys=capsys)[0] == f"{repo}/src/net/upload.py"
    assert paths("retry_upload", "--index", "repo/.adjoin", capsys=capsys)[0] == "repo/src/net/upload.py"
    (tmp_path / "link").symlink_to(repo)
    assert paths("retry_upload", "link", capsys=capsys)[0] == "link/src/net/upload.py"


def test_several_repositories(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "again.go").write_text("package again\n\n// Print sends a page again.\nfunc Print(page int) {\n}\n")
    monkeypatch.chdir(tmp_path)
    status, out, error = run("sends a page again", "repo", "other", "--json", capsys=capsys)
    hits = json.loads(out)
    assert status == 0
    assert hits[0]["file"] == "other/again.go"
    assert {hit["root"] for hit in hits} == {str(repo), str(other)}
    scores = [hit["score"] for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert "indexed" in error
    assert (other / ".adjoin").is_dir()
    assert len(json.loads(run("again", "repo", "other", "--json", "-n", "1", capsys=capsys)[1])) == 1
    # A language of one repository only is no mistake.
    assert paths("again", "repo", "other", "--language", "go", capsys=capsys) == ["other/again.go"]


def test_similar(repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (repo / "src" / "download.py").write_text(UPLOAD.replace("upload", "download").replace("Send", "Fetch"))
    found = paths("--similar", "src/net/upload.py:3", capsys=capsys)
    assert found[0] == "src/download.py"
    assert "src/net/upload.py" not in found
    assert set(paths("--similar", "src/net/upload.py:3", "docs", capsys=capsys)) <= {
        "docs/guide.md",
        "docs/a name.md",
    }
    monkeypatch.chdir(repo.parent)
    assert paths("--similar", "repo/src/net/upload.py:1", capsys=capsys)[0] == "repo/src/download.py"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "what to search for is missing"),
        (["retry", "nowhere"], "nowhere does not exist"),
        (["retry", "docs", "--index", ".adjoin"], "--index .adjoin with PATH docs"),
        (["retry", "--index", "nowhere"], "no index at nowhere"),
        (["retry", "--language", "cobol"], "no pieces in cobol"),
        (["retry", "--limit", "0"], "limit is 0"),
        (["--similar", "src/net/upload.py"], "expected FILE:LINE"),
        (["--similar", "nowhere.py:3"], "nowhere.py is no file"),
        (["--similar", "src/net/upload.py:99"], "99"),
        ([""], "the query is empty"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    words: list[str], message: str, repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, error = run(*words, capsys=capsys)
    assert (status, out) == (2, "")
    assert error.startswith("adjoin: ")
    assert error.count("\n") == 1
    assert message in error


def test_a_folder_that_may_not_be_meant_is_not_indexed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    status, _, error = run("retry", capsys=capsys)
    assert status == 2
    assert "is no repository: name the folder" in error
    assert not (tmp_path / ".adjoin").exists()


def test_an_index_that_cannot_be_refreshed_still_answers(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from adjoin.locks import exclusive

    with exclusive(repo / ".adjoin"):  # another process refreshes it
        status, out, error = run("retry_upload", "-l", capsys=capsys)
    assert (status, out.splitlines()[0]) == (0, "src/net/upload.py")
    assert f"{repo} is searched as it was indexed last" in error
    assert error.count("\n") == 1


def test_another_model_is_refused_and_changes_nothing(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, error = run("retry", "--model", "text", capsys=capsys)
    assert status == 2 or "did not make the index" in error
    assert paths("retry_upload", capsys=capsys)[0] == "src/net/upload.py"


def test_weak_results_are_status_1(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import dataclasses

    from adjoin.index.searcher import Searcher

    real = Searcher.search

    def weak(self: Searcher, *words: object, **options: object) -> list[object]:
        return [dataclasses.replace(hit, weak=True) for hit in real(self, *words, **options)]  # type: ignore[arg-type]

    monkeypatch.setattr(Searcher, "search", weak)
    status, out, _ = run("retry", capsys=capsys)
    assert status == 1
    assert out.startswith("No good answer; the nearest are:\n")
    for form in ("-l", "--vimgrep"):
        status, out, error = run("retry", form, "--limit", "2", capsys=capsys)
        assert (status, out) == (1, "")
        assert error == "adjoin: no good answer; 2 weak results are not listed, --json has them\n"
    assert "1 weak result is not listed" in run("retry", "-l", "--limit", "1", capsys=capsys)[2]
    status, out, _ = run("retry", "--json", capsys=capsys)
    assert status == 1
    assert all(hit["weak"] for hit in json.loads(out))


def test_nothing_is_status_1(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, error = run("zyzzyva", "--mode", "lexical", capsys=capsys)
    assert (status, out, error) == (1, "Nothing found.\n", "")
    assert run("zyzzyva", "--mode", "lexical", "--json", capsys=capsys)[:2] == (1, "[]\n")
    assert run("zyzzyva", "--mode", "lexical", "-l", capsys=capsys)[:2] == (1, "")


@pytest.mark.parametrize("query", ["->poll", "-x"])
def test_code_is_a_query(query: str, repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [query] if query == "->poll" else ["--", query]
    status, out, _ = run("-n", "1", *words, capsys=capsys)
    assert status in (0, 1)
    if query == "->poll":
        assert "src/net/poll.c:1-3" in out


def test_a_pipe(repo: Path) -> None:
    done = shell("ADJOIN search 'retry an upload' | head -1; echo ${PIPESTATUS[@]}", repo)
    first, statuses = done.stdout.splitlines()
    assert first.startswith("src/net/upload.py:1-7  retry_upload")
    assert statuses in ("0 0", "141 0")
    assert done.stderr == ""
    done = shell("ADJOIN search retry -l0 | xargs -0 grep -c Retries", repo)
    assert "docs/a name.md:1\n" in done.stdout
    assert done.stderr == ""
    done = shell("if ADJOIN search zyzzyva --mode lexical > none; then echo yes; else echo no $?; fi", repo)
    assert done.stdout == "no 1\n"
    done = shell("ADJOIN search retry --language cobol; echo $?; ADJOIN search retry --nonsense; echo $?", repo)
    assert done.stdout == "2\n2\n"
    done = shell("ADJOIN search retry_upload --vimgrep | cut -d: -f1,2,3 | head -1", repo)
    assert done.stdout == "src/net/upload.py:1:1\n"


def test_a_reader_that_has_gone_is_no_error(repo: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "adjoin", "search", "retry"]
    done = subprocess.run(command, cwd=repo, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_output_is_no_traceback(closed: str, repo: Path) -> None:
    done = shell(f"ADJOIN search retry_upload {closed}; echo $? > status; ADJOIN search zyzzyva -l {closed}", repo)
    assert ((repo / "status").read_text(), done.returncode) == ("0\n", 1)
    assert "Traceback" not in done.stderr


def test_ctrl_c_within_a_function_that_c_calls(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise SystemError("returned a result with an exception set") from KeyboardInterrupt()

    monkeypatch.setattr("adjoin.index.folders.repositories.Repositories.search", interrupted)
    status, out, err = run("retry", capsys=capsys)
    assert (status, out) == (130, "")
    assert err.startswith("adjoin: interrupted; the index is as it was")


def test_piped_output_is_plain_and_whole(repo: Path) -> None:
    (repo / "long.py").write_text(f"weigh_anchor = '{'w' * 500}'\n")
    done = subprocess.run(
        [sys.executable, "-m", "adjoin", "search", "weigh anchor"],
        cwd=repo,
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "40", "TERM": "xterm-256color"},
    )
    assert "w" * 500 in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    colour = shell("ADJOIN search 'weigh anchor' --color always", repo)
    assert "\x1b[1;36mlong.py:1-1\x1b[0m" in colour.stdout


def test_escape_codes_of_files_never_reach_the_terminal(repo: Path) -> None:
    evil = "\x1b]0;title\x07\x1b[31m\u202e"
    (repo / "evil\x1b[31m.py").write_text(
        f"def beware():\n    return '{evil}'\n"
        + "    # padding, as a file of control characters only is no text\n" * 9
    )
    for form in ("", "-l", "--vimgrep", "--json", "--explain", "--color never"):
        done = shell(f"ADJOIN search beware -n 1 {form}", repo)
        assert done.returncode == 0
        assert "evil" in done.stdout
        assert not set(done.stdout + done.stderr) & set("\x1b\x07\u202e")


def test_a_search_imports_what_it_needs_only(repo: Path) -> None:
    """Half a CPU-second and 200 MB in all: parsers, rich, lexers and the SDK are for other moments."""
    heavy = {"rich", "pygments", "tree_sitter", "pyarrow", "torch", "mcp", "pydantic", "adjoin.pieces.reading"}
    heavy |= {"adjoin.training.recipe", "adjoin.corpus.reading", "adjoin.pairs.quality"}
    listed = "import runpy, sys, atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "
    run = listed + "sys.argv = ['adjoin', 'search', 'retry']; runpy.run_module('adjoin', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", run], cwd=repo, capture_output=True, text=True, check=True)
    modules = set(done.stderr.split())
    assert "adjoin.index.refresh" in modules
    assert not heavy & modules


def test_escape_codes_in_messages_never_reach_the_terminal(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, error = run("retry", "evil\x1b[31m\x07", capsys=capsys)
    assert (status, error.count("\n")) == (2, 1)
    assert not set(error) & set("\x1b\x07")
    from adjoin.locks import exclusive

    root = repo.rename(repo.with_name("evil\x1b[31m"))
    with exclusive(root / ".adjoin"):
        status, out, error = run("retry_upload", str(root), capsys=capsys)
    assert "is searched as it was indexed last" in error
    assert not set(out + error) & set("\x1b")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("plain", [False, True])
def test_a_terminal(plain: bool, repo: Path) -> None:
    import pty

    (repo / "long.py").write_text(f"def weigh_anchor():\n    return '{'w' * 500}'\n")
    terminal, end = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    environment |= {"COLUMNS": "50", "TERM": "xterm"} | ({"NO_COLOR": "1"} if plain else {})
    command = [sys.executable, "-m", "adjoin", "search", "weigh anchor", "-n", "1"]
    process = subprocess.Popen(command, cwd=repo, stdout=end, stderr=end, env=environment)
    os.close(end)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while part := os.read(terminal, 4096):
            shown += part
    os.close(terminal)
    assert process.wait() == 0
    text = shown.decode().replace("\r\n", "\n").split("\x1b[K")[-1]  # without the line of progress
    assert ("\x1b[1;36m" in text) is not plain
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
    assert lines[0].startswith("long.py:1-2  weigh_anchor")
    assert max(map(len, lines)) <= 50
    assert lines[-1].endswith("ww…")
