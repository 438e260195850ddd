"""Passwords and keys are hidden in messages; what is none of them stays."""

import pickle

import pytest

from adjoin.errors import AdjoinError, first_line
from adjoin.redaction import redacted, secrets_of_environment, without
from growth import assert_linear

KEY = "q7" + "Zt4Kp9Vw2Xm5Rb8Nc3Yd6Hf"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no system 'http://user:PW@host/v1#m'", "no system 'http://***@host/v1#m'"),
        ("HTTPS://token@host/", "HTTPS://***@host/"),
        ("http://h/v1?api-key=K#m", "http://h/v1?api-key=***#m"),
        ("http://h/v1?a=1&access_token=K&b=2", "http://h/v1?a=1&access_token=***&b=2"),
        ("http://h/v1#m?api-key=K", "http://h/v1#m?api-key=***"),
        ("http://h/%3Fapi-key%3DK", "http://h/%3Fapi-key%3D***"),
        ("ftp://u:p/w@x@host/a", "ftp://***@host/a"),
        ("http:/user:pw@host", "http:/***@host"),
        ("http://user:pw%40host/v1", "http://***@host/v1"),
        (f"http://host/v1?{KEY}#m", "http://host/v1?***#m"),
        ("postgresql://joe:pw@db/main?sslpassword=x", "postgresql://***@db/main?sslpassword=***"),
        ("socks5://u:p@127.0.0.1:9 fails", "socks5://***@127.0.0.1:9 fails"),
        (f"https://gateway.test/{KEY}/v1#m", "https://gateway.test/***/v1#m"),
        (f"Authorization: Bearer {KEY}", "Authorization: Bearer ***"),
        ("Authorization: Basic dXNlcjpwdw==", "Authorization: Basic ***"),
        ("key " + "sk-" + "proj-" + KEY, "key ***"),
    ],
)
def test_keys_are_hidden(text: str, expected: str) -> None:
    assert redacted(text) == expected
    assert str(AdjoinError(text)) == expected
    assert first_line(ValueError(text + "\nmore")) == expected
    assert redacted(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "ssh://git@host/owner/name",
        "postgresql://joe@db:5432/main?index=shop",
        "expected one such as https://host/v1#model-name",
        "Basic authentication is needed, or a bearer token",
        "write to jane@firm.org: she knows",
        "/home/joe/a=b/key=3.txt: no such file; expected text=body",
        "file:///home/joe/0123456789abcdef0123456789abcdef/x",
        "",
    ],
)
def test_what_is_no_key_stays(text: str) -> None:
    assert redacted(text) == text


def test_known_secrets_are_hidden_in_every_form_and_in_part() -> None:
    secret = "p/ss+w rd=" + KEY
    for form in (secret, "p%2Fss%2Bw%20rd%3D" + KEY, "p%2Fss%2Bw+rd%3D" + KEY, secret[:14], KEY[4:16]):
        said = without(f"the key {form} is wrong", {secret})
        assert form[:9] not in said
        assert "***" in said
        assert said.startswith("the key ")
        assert said.endswith(" is wrong")
    assert without("a short pw", {"pw", ""}) == "a short ***"


def test_the_environment_names_its_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://joe:pr0xy@proxy.test:3128")
    monkeypatch.setenv("MY_API_KEY", KEY)
    monkeypatch.setenv("EDITOR", "an-editor")
    secrets = secrets_of_environment()
    assert {"joe:pr0xy", "pr0xy", KEY} <= secrets
    assert "an-editor" not in secrets


def test_an_error_survives_a_worker() -> None:
    error = pickle.loads(pickle.dumps(AdjoinError("http://u:p@host is wrong")))
    assert str(error) == "http://***@host is wrong"
    assert str(AdjoinError()) == ""


@pytest.mark.parametrize("piece", ["a@", "://", "?key=", "http://u:p@", "Basic ", "%3D", "/1a", "sk-"])
def test_time_is_linear(piece: str) -> None:
    assert_linear(lambda length: redacted(piece * (length // len(piece))), 400_000)
