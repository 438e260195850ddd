"""Masking: replace e-mail addresses and secrets by placeholders.

Secrets are known by their own form (`secret_formats`), by the name before them (`named_secrets`), or by where they
stand (`credentials`). Each pattern runs only on texts that contain one of its fixed strings, so clean text costs
little, and looks at a bounded part of the text, so long lines take linear time.
"""

from collections import Counter
from collections.abc import Iterable

from adjoin.cleaning.addresses import emails
from adjoin.cleaning.credentials import credentials
from adjoin.cleaning.named_secrets import named_secrets
from adjoin.cleaning.secret_formats import formatted_secrets
from adjoin.errors import AdjoinError

EMAILS, SECRETS = "emails", "secrets"
WHAT = frozenset({EMAILS, SECRETS})
EMAIL_PLACEHOLDER, SECRET_PLACEHOLDER = "<email>", "<secret>"

Span = tuple[int, int]


def masked(text: str, what: frozenset[str]) -> tuple[str, Counter[str]]:
    """Replace e-mail addresses and secrets in a text by placeholders. The number of lines stays.

    Args:
        text: prose or code.
        what: what to mask, a subset of `WHAT`: "emails", "secrets".

    Returns:
        The masked text, and how many of each were masked.

    Raises:
        AdjoinError: `what` has another name, or detect-secrets is not installed.
    """
    if not what <= WHAT:
        raise AdjoinError(f"cannot mask {', '.join(sorted(what - WHAT))}: expected {' or '.join(sorted(WHAT))}")
    counts: Counter[str] = Counter()
    if SECRETS in what:  # first, since the password in a URL and the host after it look like an e-mail address
        spans = [*formatted_secrets(text), *named_secrets(text), *credentials(text)]
        text, counts[SECRETS] = _replace_spans(text, spans, SECRET_PLACEHOLDER)
    if EMAILS in what:
        text, counts[EMAILS] = _replace_spans(text, emails(text), EMAIL_PLACEHOLDER)
    return text, +counts


def _replace_spans(text: str, spans: Iterable[Span], placeholder: str) -> tuple[str, int]:
    """Replace each span by the placeholder; overlapping spans are merged. Returns the text and the number."""
    pieces: list[str] = []
    end_before = 0
    for begin, end in sorted(spans):
        if begin < end_before:
            if end > end_before:
                end_before = end
            continue
        pieces += (text[end_before:begin], placeholder)
        end_before = end
    pieces.append(text[end_before:])
    return "".join(pieces), len(pieces) // 2
