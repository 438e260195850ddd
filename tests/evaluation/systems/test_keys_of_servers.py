"""Keys and passwords of servers: refused in addresses, and kept out of messages, logs, reports and caches."""

import contextlib
import json
import logging
import threading
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

from adjoin.cli import main
from adjoin.errors import AdjoinError
from adjoin.evaluation.systems.openai import OpenAIServer
from adjoin.evaluation.systems.opening import open_system

KEY = "q7Zt4Kp9/Vw2Xm5+Rb8Nc3Yd6Hf"


class Echo(BaseHTTPRequestHandler):
    """Answers vectors, or repeats in its refusal all it was told."""

    refuses = False

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.refuses:
            said = f"wrong: {self.headers['Authorization']} {quote(KEY, safe='')} {KEY[:12]} at {self.path}"
            content = json.dumps({"error": {"message": said}}).encode()
            self.send_response(401, f"No {self.headers['Authorization']}")
        else:
            rows = [np.float32([len(text), text.count("a"), 1]).tolist() for text in body["input"]]
            content = json.dumps({"data": [{"index": i, "embedding": row} for i, row in enumerate(rows)]}).encode()
            self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(Echo, "refuses", False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def parts(key: str) -> list[str]:
    """The key, quoted and plain, and each of its parts that would give it away."""
    return [quote(key, safe=""), *(key[start : start + 8] for start in range(len(key) - 7))]


def assert_hidden(text: str, key: str = KEY) -> None:
    assert not [part for part in parts(key) if part in text], text


@pytest.mark.parametrize(
    "spec",
    [
        "http://HOST/v1?api-key=KEY#m",
        "http://HOST/v1?KEY#m",
        "http://user:KEY@HOST/v1#m",
        "http://KEY@HOST/v1#m",
        "HTTPS://user:KEY@HOST/v1#m",
        "http://user:KEY%40HOST/v1#m",
        "http://HOST/v1%3Fapi-key%3DKEY#m",
        "http://HOST/v1#m?api-key=KEY",
        "http://HOST/v1#m&token=KEY",
        "http://user:KEY@HOST",
        "http:/user:KEY@HOST/v1#m",
        "ftp://user:KEY@HOST/v1#m",
        "http://user:p@KEY@HOST:port/v1#m",
    ],
)
def test_a_key_in_the_address_is_refused_and_not_repeated(
    spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = "Kp9vW2xM5rB8nC3yD6"
    given = spec.replace("KEY", key)
    with pytest.raises(AdjoinError) as caught:
        open_system(given)
    assert_hidden("".join(traceback.format_exception(caught.value)), key)
    (tmp_path / "tasks.tsv").write_text("a door\tdoors\na key\tkeys\n" * 20)
    report = str(tmp_path / "report")
    for words in (
        ["evaluate", given, "--data", str(tmp_path), "--report", report],
        ["evaluate", "random", "--data", str(tmp_path), "--report", report, "--beside", given],
        ["embed", given, str(tmp_path / "tasks.tsv"), "--out", report],
        ["index", str(tmp_path), "--model", given, "--out", report],
        ["compare", given],
        ["status", f"--no-such={given}"],
    ):
        with contextlib.suppress(SystemExit):
            assert main(words) != 0
        assert_hidden("".join(capsys.readouterr()), key)
    assert not [path for path in tmp_path.rglob("*") if key in str(path)]


def test_a_server_that_repeats_the_key(address: str, caplog: pytest.LogCaptureFixture) -> None:
    Echo.refuses = True
    caplog.set_level(logging.DEBUG, "adjoin")
    with pytest.raises(AdjoinError) as caught:
        OpenAIServer(f"{address}/v1#m", wait=lambda _: None).encode_query(["a door"])
    assert "401" in str(caught.value)
    assert "wrong" in str(caught.value)
    assert_hidden(str(caught.value) + caplog.text)


@pytest.mark.parametrize(
    "proxy", ["bad://joe:KEY@proxy.test", "http://joe:KEY@proxy.test:port", "http://joe:KEY@127.0.0.1:9"]
)
def test_a_proxy_with_a_password(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "Kp9vW2xM5rB8nC3yD6"
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", proxy.replace("KEY", key))
    monkeypatch.setenv("http_proxy", proxy.replace("KEY", key))
    with pytest.raises(AdjoinError) as caught:
        OpenAIServer("http://host.invalid/v1#m", wait=lambda _: None).encode_query(["a door"])
    assert_hidden("".join(traceback.format_exception(caught.value)), key)


def test_a_key_in_the_path_stands_in_no_file(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = "Kp9vW2xM5rB8nC3yD6hF7jL4"
    task = tmp_path / "tasks" / "classification" / "doors"
    task.mkdir(parents=True)
    (task / "labels.tsv").write_text("label\tname\n0\tdoors\n1\tkeys\n")
    for part in ("train", "test"):
        lines = "".join(f"0\ta door {number} of {part}\n1\tmy key {number} {part}\n" for number in range(30))
        (task / f"{part}.tsv").write_text(f"label\ttext\n{lines}")
    places = {"--data": "tasks", "--report": "report", "--cache": "cache"}
    words = ["evaluate", f"{address}/{key}/v1#org/model", "--suite", "probe", "--beside", "random"]
    status = main([*words, *(word for option, name in places.items() for word in (option, str(tmp_path / name)))])
    printed = "".join(capsys.readouterr())
    assert status == 0, printed
    assert_hidden(printed, key)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "report.html" for path in files)
    for path in files:
        assert_hidden(f"{path}\n{path.read_bytes().decode('latin-1')}", key)
        assert_hidden(path.read_bytes().decode("latin-1"))
