"""Secrets and e-mail addresses are masked, and text that resembles them is not."""

import random
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.cleaning.masking import EMAILS, SECRETS, WHAT, masked
from adjoin.errors import AdjoinError


def drawn(length: int, letters: str = string.ascii_letters + string.digits, seed: int = 1) -> str:
    return "".join(random.Random(seed).choices(letters, k=length))


def joined(*parts: str) -> str:
    """Put together here only, so that no scanner takes this file for a leak."""
    return "".join(parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to jane.doe+list@mail.example.org.", "Write to <email>."),
        ("<jane@example.com>, 'joe@firm.co.uk'", "<<email>>, '<email>'"),
        ("mailto:jane_d@sub.uni-x.de?subject=a", "mailto:<email>?subject=a"),
        ("# Copyright 2020 Jane <j@x.io>\n# and joe-s@y.net", "# Copyright 2020 Jane <<email>>\n# and <email>"),
        ("JANE@EXAMPLE.COM", "<email>"),
        ("müller@köln.example says jörg@example.de", "<email> says <email>"),
    ],
)
def test_addresses(text: str, expected: str) -> None:
    result, counts = masked(text, frozenset({EMAILS}))
    assert result == expected
    assert counts == Counter({EMAILS: expected.count("<email>")})


@pytest.mark.parametrize(
    "text",
    [
        "@property\ndef a(self): ...",
        "y = q@k.mean(1) + a@b.T + w@self.weight",
        "git clone git@github.com:owner/name.git",
        "ssh://joe@host.example.org/path",
        "joe@host.example.org:/var/backup",
        "icon@2x.png and sprite@large.svg",
        "npm i lodash@4.17.21 @types/node@18.x.y",
        "@Override public void a() {} // @author Jane",
        "somebody at example dot org",
        "a@b, x@localhost, @@, @",
        "user@module.py",
    ],
)
def test_what_is_no_address(text: str) -> None:
    assert masked(text, WHAT) == (text, Counter())


SECRET_TEXTS = [
    ("aws_access_key_id = {}", joined("AKIA", "Z7VR5MQTXW2LPN4C")),
    ("aws_secret_access_key = '{}'", drawn(40)),
    ("git clone https://x:{}@github.com/a/b", joined("gh", "p_", drawn(36))),
    ("token: {}", joined("glp", "at-", drawn(20))),
    ("client = Slack({})", joined("xo", "xb-123456789012-123456789012-", drawn(24, string.ascii_lowercase))),
    ("post('{}')", joined("https://hooks.sl", "ack.com/services/T0ABCDEF1/B0ABCDEF1/", drawn(24))),
    ("stripe.api_key = {}", joined("sk_l", "ive_", drawn(24))),
    ("Authorization: Bearer {}", joined("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.", drawn(43))),
    ("postgres://joe:{}@db.example.org/main", "s3cretw0rd"),
    ('password = "{}"', "Tr0ub4dor&3"),
    ("DB_PASSWORD: '{}'", "kX9#mQ2$vL".replace("$", "!")),
    ('api_key: str = "{}"', drawn(32)),
    ("const apiKey = `{}`;", drawn(40, seed=4)),
    ('{{"client_secret": "{}"}}', drawn(32, "0123456789abcdef")),
    ("export API_TOKEN={}", drawn(40, seed=2)),
    ('if (accessKey === "{}") {{', drawn(24, seed=3)),
    ("key = '{}'", joined("AIz", "a", drawn(35))),
    ("a;{};b", joined("AccountKey=", drawn(86), "==")),
]


@pytest.mark.parametrize(("text", "secret"), SECRET_TEXTS, ids=[text for text, _ in SECRET_TEXTS])
def test_secrets(text: str, secret: str) -> None:
    result, counts = masked(text.format(secret), frozenset({SECRETS}))
    assert secret not in result
    assert result == text.format("<secret>")
    assert counts == Counter({SECRETS: 1})


@pytest.mark.parametrize(
    "text",
    [
        "commit = 'a94a8fe5ccb19ba61c4c0873d391e987982fbbd3'",
        "Fixed in 3f786850e387550fdab836ed7e6dc881de23001b (see #12)",
        "token = '123e4567-e89b-12d3-a456-426614174000'",
        "password = getpass.getpass('Password: ')",
        "password = 'changeme'; secret = 'your-secret-here'; token = '<your token 123>'",
        "api_key = os.environ['API_KEY']",
        "token = self.next_token_after_whitespace()",
        "secret_name = 'projects/my-project/secrets/database'",
        "token = 'tests/fixtures/tokenizer.json'",
        "password: '{password1A}', secret: '${SECRET_VALUE_1}', token='%(token)s1A'",
        'PASSWORD_RESET_TOKEN_GENERATOR = "django.contrib.auth.tokens.Generator"',
        "TOKEN_TYPE = 'http://www.example.org/2001/XMLSchema#Token'",
        "tokens = tokenizer.encode_plus_and_return_all_tensors(text)",
        "http://www.example.org:8080/a@b",
        "GGGGACAAGTTTGTACAAAAAAGCAGGCTTAACCATGGCAGAGATGGGGAG",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n-----END PUBLIC KEY-----",
        "token_ids = 'abcdefghijklmnopqrstuvwxyz0123456789'",
        "\ud800 token",
    ],
)
def test_what_is_no_secret(text: str) -> None:
    assert masked(text, frozenset({SECRETS})) == (text, Counter())


@pytest.mark.parametrize("lead", ["", "# ", '    "', " * "])
def test_a_private_key_is_masked_line_by_line(lead: str) -> None:
    body = [drawn(64, seed=seed) for seed in range(4)] + [drawn(21) + "=="]
    begin, end = ("-----" + word + " RSA PRIVATE" + " KEY-----" for word in ("BEGIN", "END"))
    text = "\n".join(["before", *(lead + line for line in (begin, *body, end)), "after " + drawn(30)])
    result, counts = masked(text, WHAT)
    expected = ["before", *(lead + line for line in (begin, *["<secret>"] * 5, end)), "after " + drawn(30)]
    assert result.split("\n") == expected
    assert counts == Counter({SECRETS: 5})


def test_both_at_once_and_neither() -> None:
    text = "ftp://joe:hunter2A@ftp.example.org, jane@example.org"
    assert masked(text, WHAT) == ("ftp://joe:<secret>@ftp.example.org, <email>", Counter({EMAILS: 1, SECRETS: 1}))
    assert masked(text, frozenset()) == (text, Counter())
    with pytest.raises(AdjoinError, match="cannot mask names: expected emails or secrets"):
        masked(text, frozenset({"names"}))


@given(
    st.text(max_size=200) | st.lists(st.sampled_from([*"@:=\"'\n -İ", "token", "a@b.com", "x9Q" * 9])).map("".join)
)
def test_lines_stay(text: str) -> None:
    result, counts = masked(text, WHAT)
    assert result.count("\n") == text.count("\n")
    assert (result == text) == (not counts)
    assert masked(result, frozenset({EMAILS}))[0] == result
