"""Planted secrets and addresses of the common kinds are masked; code and prose about secrets is not."""

from pathlib import Path

import pytest
from planted_secrets import ADDRESSES, FINAL, LAST, LATER, SECRETS, filled

from adjoin.cleaning.masking import EMAILS, WHAT, masked
from adjoin.mining import MiningOptions, mine
from adjoin.pairs.dataset import PairDataset
from growth import assert_linear


@pytest.mark.parametrize("template", [*SECRETS, *ADDRESSES, *LATER, *LAST, *FINAL])
def test_no_planted_secret_is_left(template: str) -> None:
    for seed in range(3):  # other random digits
        text, secrets = filled(template, seed)
        result, counts = masked(f"Before.\n{text}\nAfter.", WHAT)
        left = [secret for secret in secrets if secret in result]
        # One in a few hundred random values looks like a word, or has no digit.
        assert not left or seed, (text, result)
        assert result.startswith("Before.\n")
        assert result.endswith("\nAfter.")
        assert sum(counts.values()) >= len(secrets) - len(left)


def test_few_random_secrets_look_like_words() -> None:
    left, number = [], 0
    for template in [*SECRETS, *LATER, *LAST, *FINAL]:
        for seed in range(3, 23):
            text, secrets = filled(template, seed)
            result = masked(text, WHAT)[0]
            number += len(secrets)
            left += [text for secret in secrets if secret in result]
    assert number > 2_000
    assert len(left) < number / 50, left


NO_SECRETS = """
password: str
password: str = None, token: Optional[str] = None
def login(user, password=None, token2=""):
self.password = password2
pwd = os.getcwd(); passwd = getpass.getpass("Password 2: ")
token = tokens[index2]; key1 = key2
the password is stored as sha256; the token is 32bytes
The password is checked again, the password is required
password must have 8 characters, password field2
Enter your password: <password>
password=$PASSWORD1 --password "$DB_PASS2" --token ${{ secrets.TOKEN_1 }}
password = os.environ["DB_PASSWORD_2"]
password: ${DB_PASSWORD1}
{"password": "{{ vault_password2 }}"}
PASSWORD = config("PASSWORD1")
password: your-password-here1, changeme, xxxxxxxx1, example123
api_key: "your-api-key-1234", "<api key 1>"
passwd: u32, secret: [u8; 32], token: uint256
password_hasher = "argon2id"; password_hash = 'pbkdf2_sha256'
"password": "password1", "user": "user1"
tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased-v2")
checksum = "7cb06600ea8b2814ac26e946201cdb304296262aad67d046a16a7ec85d0ff87c"
commit 3f786850e387550fdab836ed7e6dc881de23001b
id: 8c4b8a1e-3f6d-4f0a-9d55-6f0f7a1c2b3e
<img src="data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4">
http://user:pass@host.test, https://<username>:<password>@host, f"s3://{key1}:{secret1}@{path}"
basic authentication, Basic usage, bearer of good news
Authorization: Bearer <token>, Authorization: Bearer {token1}
class PasswordToken2Wav(Base): token2 = "Qwen2_5OmniToken2WavModel"
[["token", "Qwen2_5OmniToken2WavBigVGANModel"], ("password", "password2")]
session = requests.Session(); cookie = cookies["a1"]
secret_name = "projects/my-project/secrets/database1"
token_pattern = r"([0-9]{1,3}(?:st|nd|rd|th))\\s\\b(\\w{2,})\\b"
PrivateKey = rust_openssl.hpke.MLKEM768X25519PrivateKey
see usr_07.txt of the user manual |usr_07.txt|
machine HOST login USER password PASSWORD
bypass: node2vec1; compass = point2d
pin = 4; pin: 13
SK-2 and AC adapters, key-value, sl.no, pat.find, EAAA
""".strip().split("\n")

NO_ADDRESSES = """
y = q@k.mT + a@b.data + w@self.map + x@layer.weight
getty@tty1.service, user@1000.slice
lodash@4.17.21, @types/node@18.x, pkg@latest.tgz
@app.route("/a"), @pytest.fixture, foo@bar
icon@2x.png, large@small.svg
git@github.com:owner/name.git, deploy@host.test:/srv/www
ssh://joe@host.test/path
weights@[1.5, 2.5], m@[1.2.3], [1.2.3.4]
at [at], look (at) this. Dot
module.py@main.py, a@b.c
@media.screen, a @ b.com
""".strip().split("\n")


@pytest.mark.parametrize("text", [*NO_SECRETS, *NO_ADDRESSES])
def test_what_only_speaks_of_secrets_stays(text: str) -> None:
    assert masked(text, WHAT)[0] == text


def test_this_repository_has_no_false_alarms() -> None:
    """Our own code and documents speak of passwords and tokens a lot, and hold none."""
    found = []
    root = Path(__file__).resolve().parents[2]
    for path in [*root.glob("src/adjoin/**/*.py"), *root.glob("docs/*.md"), root / "README.md"]:
        for line in path.read_text().split("\n"):
            result = masked(line, WHAT)[0]
            if result != line and "<email>" not in result:
                found.append(f"{path.name}: {line}")
    assert found == []


@pytest.mark.parametrize(
    "piece",
    ["a@", "a.", "password=", '"password": "', "A1b", "://a:", "eyJ", "password is ", "login a password ", "user:",
     "[at]", "é@", "1234567890:", "-----BEGIN PRIVATE KEY-----", "$6$a.", "Bearer ", "--password ", "sk-ant-",
     "a@[1.1.1.1", "\\n"],
)  # fmt: skip
def test_time_is_linear_in_the_length_of_a_line(piece: str) -> None:
    assert_linear(lambda length: masked(piece * (length // len(piece)), WHAT), 200_000)


def test_both_sides_of_every_kind_of_pair_are_masked(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    _, (secret,) = filled("«=hunter|digits:2»")
    (source / "door.py").write_text(
        "def open_door(door, key):\n"
        f'    """Open the door. The password is {secret}, ask jane@firm.org for more of it."""\n'
        f'    password = "{secret}"  # or write to jane@firm.org\n    door.turn(key, password)\n    return door\n'
    )
    prose = f"The key of the door lies below the mat. The password is {secret}, ask jane@firm.org about it. " * 12
    (source / "door.md").write_text(f"# Doors of {secret}: password: {secret}\n\n{prose}\n\n## Keys\n\n{prose}\n")
    (source / "q.jsonl").write_text('{"text": "' + prose + '"}\n')
    out = tmp_path / "pairs"
    mine([source], out, MiningOptions(mask=(EMAILS, "secrets"), keep_near_duplicates=True))
    kinds: set[str] = set()
    for batch in PairDataset.open(out).batches(["x", "y", "kind"]):
        kinds.update(batch["kind"])
        for side in (*batch["x"], *batch["y"]):
            assert "jane@firm.org" not in side
            assert f"password is {secret}" not in side
            assert f'"{secret}"' not in side
    assert len(kinds) >= 2
