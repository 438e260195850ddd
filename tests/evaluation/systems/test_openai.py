import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from adjoin.errors import AdjoinError
from adjoin.evaluation.systems.openai import OpenAIServer

Answer = tuple[int, dict[str, str], bytes]


def vector_of(text: str) -> NDArray[np.float32]:
    return np.array([len(text), text.count("a"), 1], np.float32)


def entry(place: int, vector: NDArray[np.float32], in_base64: bool = False) -> dict[str, Any]:
    content = base64.b64encode(vector.astype("<f4").tobytes()).decode() if in_base64 else vector.tolist()
    return {"object": "embedding", "index": place, "embedding": content}


def answer_with(entries: object) -> Answer:
    return 200, {}, json.dumps({"object": "list", "data": entries}).encode()


def refusal(status: int, message: str = "no", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, named, json.dumps({"error": {"message": message}}).encode()


def as_asked(request: dict[str, Any]) -> Answer:
    """The answer of a server without faults."""
    in_base64 = request.get("encoding_format") == "base64"
    return answer_with([entry(i, vector_of(text), in_base64) for i, text in enumerate(request["input"])])


class Server:
    """Answers from a script, then as `behave` says; remembers what it was asked."""

    def __init__(self) -> None:
        self.script: list[Answer] = []
        self.behave: Callable[[dict[str, Any]], Answer] = as_asked
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.waits: list[float] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                server.paths.append(self.path)
                server.headers.append(dict(self.headers))
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests.append(request)
                status, headers, body = server.script.pop(0) if server.script else server.behave(request)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                server.paths.append(f"GET {self.path}")
                self.send_error(500)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()
        self.address = f"http://127.0.0.1:{self.http.server_port}/v1"

    def system(self, model: str = "org/model") -> OpenAIServer:
        return OpenAIServer(f"{self.address}#{model}", wait=self.waits.append)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    running = Server()
    yield running
    running.http.shutdown()
    running.http.server_close()


def expected(texts: list[str]) -> NDArray[np.float32]:
    vectors = np.stack([vector_of(text) for text in texts])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_vectors_come_in_base64_at_length_1(server: Server) -> None:
    texts = ["a", "banana", "bb"]
    system = server.system()
    vectors = system.encode_query(texts)
    np.testing.assert_allclose(vectors, expected(texts), rtol=1e-6)
    np.testing.assert_array_equal(system.encode_document(texts), vectors)
    assert vectors.dtype == np.float32
    assert server.paths == ["/v1/embeddings"] * 2
    assert {name: server.requests[0][name] for name in ("model", "encoding_format")} == {
        "model": "org/model",
        "encoding_format": "base64",
    }
    assert system.name == "org/model"
    assert "Authorization" not in server.headers[0]


def test_a_server_that_knows_numbers_only(server: Server) -> None:
    def numbers(request: dict[str, Any]) -> Answer:
        return refusal(422, "encoding_format") if "encoding_format" in request else as_asked(request)

    server.behave = numbers
    system = server.system()
    np.testing.assert_allclose(system.encode_query(["a", "bb"]), expected(["a", "bb"]), rtol=1e-6)
    system.encode_query(["c"])
    assert ["encoding_format" in request for request in server.requests] == [True, False, False]
    server.behave = lambda request: as_asked({"input": request["input"]})  # numbers although base64 was asked for
    np.testing.assert_allclose(server.system().encode_query(["a"]), expected(["a"]), rtol=1e-6)


def test_one_refused_text_does_not_end_base64(server: Server) -> None:
    system = server.system()
    server.script = [refusal(400, "too long"), refusal(400, "too long")]
    with pytest.raises(AdjoinError, match="400 Bad Request: too long; look at"):
        system.encode_query(["a"])
    system.encode_query(["a"])
    assert "encoding_format" in server.requests[-1]


def test_batches_of_64_in_any_order(server: Server) -> None:
    def turned(request: dict[str, Any]) -> Answer:
        return answer_with([entry(i, vector_of(text)) for i, text in enumerate(request["input"])][::-1])

    server.behave = turned
    texts = [("a" * (i * 37 % 11)) + "b" * (i % 7 + 1) for i in range(150)]
    np.testing.assert_allclose(server.system().encode_document(texts), expected(texts), rtol=1e-6)
    assert [len(request["input"]) for request in server.requests] == [64, 64, 22]


def test_blank_texts_are_not_sent(server: Server) -> None:
    vectors = server.system().encode_query(["", "a", " \n"])
    np.testing.assert_array_equal(vectors[[0, 2]], 0)
    assert server.requests[0]["input"] == ["a"]
    assert server.system().encode_query([]).shape == (0, 3)
    np.testing.assert_array_equal(server.system().encode_query([""]), np.zeros((1, 3)))
    server.system().encode_query(["half \udcff"])
    assert server.requests[-1]["input"] == ["half ?"]


def test_busy_servers_are_asked_again(server: Server) -> None:
    server.script = [refusal(429, Retry_After="7"), refusal(503), refusal(500, Retry_After="9999")]
    np.testing.assert_allclose(server.system().encode_query(["a"]), expected(["a"]), rtol=1e-6)
    assert server.waits == [7.0, 1.0, 60.0]


def test_still_busy(server: Server) -> None:
    server.behave = lambda request: refusal(503, "loading\nthe model")
    with pytest.raises(AdjoinError) as caught:
        server.system().encode_query(["a"])
    message = str(caught.value)
    assert "503 Service Unavailable: loading the model, at each of 6 tries" in message
    assert "\n" not in message
    assert server.waits == [0.5, 1.0, 2.0, 4.0, 8.0]


def test_an_answer_that_breaks_off_is_asked_for_again(server: Server) -> None:
    status, headers, body = as_asked({"input": ["a"]})
    server.script = [(status, headers | {"Content-Length": str(len(body) + 9)}, body)]
    np.testing.assert_allclose(server.system().encode_query(["a"]), expected(["a"]), rtol=1e-6)
    assert server.waits == [0.5]


def test_unreachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    waits: list[float] = []
    with pytest.raises(
        AdjoinError, match=r"/v1/embeddings .*cannot be reached .*refused.* at each of 6 tries"
    ) as no:
        OpenAIServer(f"{address}#m", wait=waits.append).encode_query(["a"])
    assert "\n" not in str(no.value)
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0]


def test_the_key_is_sent_and_never_printed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret\n")
    server.script = [refusal(401, "bad key")]
    with pytest.raises(AdjoinError, match=r"401 Unauthorized: bad key; set .*OPENAI_API_KEY") as caught:
        server.system().encode_query(["a"])
    assert server.headers[0]["Authorization"] == "Bearer sk-secret"
    assert "sk-secret" not in str(caught.value)
    assert not server.waits, "another try would not help"
    monkeypatch.setenv("OPENAI_API_KEY", "sk\r\nX-Other: 1")
    with pytest.raises(AdjoinError, match="OPENAI_API_KEY has characters"):
        server.system().encode_query(["a"])


def test_the_key_does_not_follow_a_redirect(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    for status in (301, 302, 307, 308):
        server.script = [(status, {"Location": f"{server.address}/elsewhere"}, b"")]
        with pytest.raises(AdjoinError, match=rf"{status} .*give the address that it leads to"):
            server.system().encode_query(["a"])
    assert set(server.paths) == {"/v1/embeddings"}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((200, {}, b"<html>hello</html>"), "answers '<html>hello</html>': expected JSON with \"data\""),
        ((200, {}, b""), "answers '': expected JSON"),
        ((200, {}, b"[]"), "answers '[]': expected JSON"),
        ((200, {}, b'{"data": 7}'), "expected JSON"),
        ((200, {}, b'{"data": [{"index": 0}, {"index": 1}]}'), "expected JSON"),
        (answer_with([{"index": 0, "embedding": "not base64!"}] * 2), "expected JSON"),
        (answer_with([entry(0, vector_of("a"))]), "gives 1 vectors for 2 texts"),
        (answer_with([entry(0, vector_of("a"))] * 2), "gives 2 vectors for 2 texts"),
        (answer_with([{"index": True, "embedding": [1]}, {"index": 0, "embedding": [1]}]), "for 2 texts"),
        (answer_with([entry(0, vector_of("a")), entry(1, vector_of("a")[:2])]), "shapes [(2,), (3,)]"),
        (answer_with([entry(0, np.zeros(0)), entry(1, np.zeros(0))]), "shapes [(0,)]"),
        (answer_with([entry(0, np.zeros((1, 3))), entry(1, np.zeros((1, 3)))]), "shapes [(1, 3)]"),
        (answer_with([entry(i, np.array([1, np.nan])) for i in (0, 1)]), "not finite"),
        (refusal(404, "no such model"), "404 Not Found: no such model; look at the address"),
        ((403, {}, b"plain words"), "403 Forbidden: plain words; set the environment variable OPENAI_API_KEY"),
        ((405, {}, b'["odd"]'), "405 Method Not Allowed: "),
    ],
)
def test_wrong_answers_are_one_line(server: Server, answer: Answer, message: str) -> None:
    server.script = [answer]
    with pytest.raises(AdjoinError) as caught:
        server.system().encode_query(["a", "b"])
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"the server {server.address}/embeddings with the model org/model ")
    assert "\n" not in str(caught.value)


def test_the_dimension_may_not_change(server: Server) -> None:
    system = server.system()
    system.encode_query(["a"])
    server.script = [answer_with([entry(0, np.ones(4, np.float32))])]
    with pytest.raises(AdjoinError, match="gave vectors of 4 numbers after such of 3"):
        system.encode_query(["a"])


@pytest.mark.parametrize(
    "spec",
    [
        "https://host/v1",
        "https://host/v1#",
        "https://#model",
        "ftp://host/v1#m",
        "https://host:port/v1#m",
        "https://ho st/v1#m",
        "https://host/v1\n#m",
        "https://höst/v1#m",
        "http://[::1/v1#m",
    ],
)
def test_what_is_no_address(spec: str) -> None:
    with pytest.raises(AdjoinError, match=r"is no address of a model: expected one such as https://host/v1#model"):
        OpenAIServer(spec)


def test_address_and_model_are_the_fingerprint() -> None:
    first = OpenAIServer("https://host/v1#a")
    same = ["https://host/v1/#a", "https://host/v1/embeddings#a"]
    assert {OpenAIServer(spec).fingerprint for spec in same} == {first.fingerprint}
    others = ["https://host/v1#b", "https://other/v1#a", "http://host/v1#a"]
    assert len({OpenAIServer(spec).fingerprint for spec in others} | {first.fingerprint}) == 4
