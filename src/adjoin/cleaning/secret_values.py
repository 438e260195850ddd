"""Whether a value looks like a secret: random, or like a password that a person made up."""

import re
import string
from itertools import pairwise
from math import log2

LEAST_HEXADECIMAL_ENTROPY = 3.0  # bits per character; 32 random digits have 3.6 on average
LEAST_ENTROPY = 3.6  # bits per character; 20 random letters and digits have 4.1, names in code about 3.3
LONGEST_WORDS = 3.0  # letters on average; random letters of both cases give 1.9, names in code 4 and more
LEAST_RANDOM = 20  # characters of a value that is judged by its entropy
LONGEST_PASSWORD = 64

_HEXADECIMAL = re.compile(r"(?:[0-9a-f]{32,}|[0-9A-F]{32,})\Z")
_DUMMY = re.compile(
    r"example|change|your|dummy|placeholder|redacted|insert|x{4}|\*{3}|\.{3}|0{6}|1234|abcd|qwerty|://",
    re.IGNORECASE,
)
# What a program fills in: ${NAME}, $(command), {{ name }}, <name>, %(name)s, %s, $NAME, %NAME%, #{name}.
_TEMPLATE = re.compile(
    r"[$#%]\{|\$\(|\{\{|\}\}|<[^<>]*>|%\(\w*\)|%[sdrivx]\b|\A\{[^{}]*\}\Z|\{[\w.!:\[\]]*\}|\A\$\w+\Z"
    r"|\A%\w+%\Z|\$[A-Z_]{3}"
    r"|\[[^\[\]]*\]|\(\w*\)"
)
_PATH = re.compile(r"\A(?:~|\.{1,2}|[A-Za-z]:)?[/\\]|\A[\w.-]+(?:/[\w.-]+)+/?\Z")
# Words with digits that are names of things.
_TECHNICAL = re.compile(
    r"(?<![A-Za-z])(?:"
    r"sha-?[0-9]+|md[2456]|utf-?(?:8|16|32)|base-?[0-9]{2}|b(?:16|32|64|85)|x509|oauth[12]?|http[23]|ipv[46]"
    r"|u?int-?(?:8|16|32|64|128)|[uif](?:8|16|32|64|128)|argon2\w{0,2}|pbkdf2|pkcs-?#?[0-9]{1,2}|p12"
    r"|rfc-?[0-9]{3,4}"
    r"|ed25519|x25519|secp256\w1|curve25519|aes-?[0-9]*|[rephb]s(?:256|384|512)|rsa-?[0-9]*|win(?:32|64)"
    r"|latin-?1"
    r"|iso-?8859(?:-[0-9]+)?|cp125[0-9]|py(?:thon)?[23]|k8s|ec2|s3|db2|neo4j|log4j|i18n|l10n|a11y|tls-?v?1?"
    r"|ssl-?v?[23]?|v[0-9]+|h[1-6](?![a-z])|ntlmv?[12]?|socks[45]?|gpt-?[0-9]|[0-9](?:st|nd|rd|th)(?![a-z])"
    r"|[0-9]+-?(?:bit|byte|char|character|digit|kb|mb|day|hour|minute|second|time|word|letter)s?(?![a-z]))",
    re.IGNORECASE,
)
# Words that examples and names are made of.
_TRIVIAL = re.compile(
    r"(?:passwords?|passwd|passphrase|passcode|pass|pwd|pw|username|user|usr|login|admin|root|guest|secrets?"
    r"|token|keys?|test(?:ing|er)?|tmp|temp"
    r"|foo|bar|baz|qux|spam|eggs|demo|sample|simple|my|new|old|the|some|another|other|default|wrong|invalid"
    r"|valid|correct|incorrect|bad|good|fake"
    r"|mock|stub|first|second|third|value|param(?:eter)?|arg(?:ument)?|field|input|output|name|string|str"
    r"|text|data|hello|world|api|app|db"
    r"|auth|access|refresh|client|server|service|account|email|mail|hash|salt|id|type|len(?:gth)?|size|index"
    r"|idx|num|item|key|val|result|res"
    r"|response|request|req|obj|object|node|step|page|form|label|line|row|col|column|level|version|ver|part"
    r"|section|group|option|opt|config|cfg"
    r"|abcdefghi?j?|abc|xyz|asdf|aaa+|bbb+|ccc+|xxx+|yyy+|zzz+|alice|bob|eve|carol|joe|jane|john|one|two"
    r"|letmein|confirm(?:ation)?|reset|repeat"
    r"|again|verify|enter|set|get|is|has|of|for|to|attr|prop|sha|md|utf|base|int|oauth|http|ssl|tls|url|lib"
    r"|urllib|py|ref|ptr|buf(?:fer)?|tok|bytes?|chars?"
    r"|encoded|decoded|encrypted|plain|hashed|raw|block|cipher|layer|task|job|header|query|char|bit|byte"
    r"|state|entry|attention|pos)+",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^A-Za-z0-9]+")
_MARKS = frozenset("!@#$%^&*~?+=")
_STRONG_MARKS = frozenset("!@#$^&*~")
# Operators and calls: what code has beside a name.
_CODE = re.compile(r"&&|\|\||[!=<>]=|\+\+|--|->|=>|::|\?\.|\?:|\+=|\A[!&*~^#@$%?+=-]|[=+&*]\Z|\w&\w+=")
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*(?:[.:-]{1,2}[A-Za-z_$][\w$-]*)*\Z")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\Z", re.IGNORECASE)
_BASE32 = re.compile(r"[A-Z2-7]{16,}={0,6}\Z")


def entropy(value: str) -> float:
    """Shannon's entropy of a value's characters, in bits per character, of its first 500."""
    value = value[:500]
    shares = [value.count(character) / len(value) for character in set(value)]
    return -sum(share * log2(share) for share in shares)


def is_dummy(value: str) -> bool:
    """Whether a value stands for another one: a template, an example, a sequence of the alphabet."""
    return bool(_DUMMY.search(value) or _TEMPLATE.search(value)) or is_sequence(value)


def is_sequence(value: str) -> bool:
    """Whether the letters and digits of a value are a part of the alphabet or of all digits."""
    folded = re.sub(r"[^a-z0-9]", "", value.lower())
    letters, digits = string.ascii_lowercase, string.digits
    return any(
        folded in sequence * 2
        for sequence in (
            letters,
            digits,
            digits + letters,
            letters + digits,
            letters * 2 + digits,
            "0123456789abcdef",
        )
    )


def is_uuid(value: str) -> bool:
    """Whether a value is a UUID that is no sequence."""
    return _UUID.match(value) is not None and entropy(value) > LEAST_HEXADECIMAL_ENTROPY and "1234" not in value


def is_random(value: str) -> bool:
    """Whether a value of 20 characters or more looks random."""
    if len(value) < LEAST_RANDOM or is_sequence(value) or _UUID.match(value):
        return False
    if _HEXADECIMAL.match(value):
        return not _DUMMY.search(value) and entropy(value.lower()) >= LEAST_HEXADECIMAL_ENTROPY
    digits = sum(map(str.isdigit, value))
    both = any(map(str.islower, value)) and any(map(str.isupper, value))
    marks = 0 if "\\" in value or "(?" in value else sum(c in _MARKS or c in "()-_" for c in value)
    if _DUMMY.search(value) or (_TEMPLATE.search(value) and not (len(value) >= 40 and marks >= 5 and digits >= 2)):
        return False
    if _PATH.match(value) and (value[0] in "/.~" or _changes(value) < 6):
        return False
    if digits >= 2 and both:
        return entropy(value) >= LEAST_ENTROPY and _word_length(value) < LONGEST_WORDS
    if value.isalnum():  # of one case
        return digits >= 4 and _changes(value) >= 6 and entropy(value) >= LEAST_ENTROPY
    return marks >= 5 and digits >= 2 and _changes(value) >= 8 and entropy(value) >= 4.0


def _word_length(value: str) -> float:
    """The mean length of the words of letters in a value, as its capitals and other characters divide them."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", value)
    return sum(map(len, words)) / max(1, len(words))


def is_seed(value: str) -> bool:
    """Whether a value is the seed of one-time passwords: 16 letters and digits of base32 or more."""
    return (
        _BASE32.match(value) is not None
        and any(map(str.isdigit, value))
        and not is_dummy(value)
        and entropy(value) >= 2.8
    )


def _changes(value: str) -> int:
    """How often a value changes between letters, digits and marks."""
    kinds = ["d" if c.isdigit() else "l" if c.isalpha() else "m" for c in value]
    return sum(one != other for one, other in pairwise(kinds))


def is_password(value: str, *, least: int = 6) -> bool:
    """Whether a value looks like a password of a person: letters with digits or marks, and no name of a thing.

    Args:
        value: the text after "password =", without quotes.
        least: the smallest number of characters.
    """
    if not least <= len(value) <= LONGEST_PASSWORD or is_dummy(value) or _PATH.match(value) or is_hash_name(value):
        return False
    digits = any(map(str.isdigit, value))
    letters = any(map(str.isalpha, value))
    marks = any(character in _STRONG_MARKS for character in value[1:])
    both = any(map(str.islower, value)) and any(map(str.isupper, value))
    if not letters or not (digits or (marks and both)):
        return False
    if _UUID.match(value) or (" " in value):
        return False
    return not is_trivial(value)


def is_hash_name(value: str) -> bool:
    """Whether a value names a thing with digits, such as "sha256" or "utf-8"."""
    return not any(map(str.isdigit, _TECHNICAL.sub("", value)))


def is_trivial(value: str) -> bool:
    """Whether a value consists of words of examples and names, of technical words, and of numbers."""
    words = [word for word in _WORDS.findall(_TECHNICAL.sub("", value)) if word[0].isalpha()]
    if len(words) == 1 and len(words[0]) <= 2:
        return True
    return all(_TRIVIAL.fullmatch(word) for word in words)


def is_name_of_code(value: str) -> bool:
    """Whether a value could be an identifier, an attribute or an expression of code."""
    return _IDENTIFIER.match(value) is not None or _CODE.search(value) is not None
