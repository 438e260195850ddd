"""What a tokenizer.json from elsewhere must not have: the library would run without end, or out of memory."""

import json
import re
from collections.abc import Iterator
from typing import Any

MOST_BYTES = 64_000_000  # of tokenizer.json; 262,144 tokens and their merges take 33 million
MOST_GROWTH = 64  # times that a text may become longer by replacements; ligatures become 18 characters
HIGHEST_ID = (1 << 22) - 1  # the library reserves memory up to it; the largest vocabularies have a million tokens


def wrong_rule(content: str) -> str:
    """Return which rule of a tokenizer.json is refused, with the reason; empty if none is.

    Replacements by long texts, one after another, fill the memory. The library's regular expressions backtrack:
    a repetition inside a repetition, such as `(a+)+`, takes time without end.

    Args:
        content: the text of the file.

    Raises:
        ValueError: it is no JSON object.
    """
    parsed = json.loads(content)
    if not isinstance(parsed, dict):
        raise ValueError(f"it is a {type(parsed).__name__}, expected an object")
    if wrong := _wrong_ids(parsed):
        return wrong
    growth = 1
    for part in ("normalizer", "pre_tokenizer"):
        for rule in _rules(parsed.get(part)):
            pattern, text = rule.get("pattern"), rule.get("content", rule.get("prepend"))
            regex = pattern.get("Regex") if isinstance(pattern, dict) else None
            if isinstance(regex, str) and _is_nested(regex):
                return f"the {part} has the expression {regex!r:.80}, whose repetitions are nested"
            if part == "normalizer" and isinstance(text, str):
                growth *= max(1, len(text))
                if growth > MOST_GROWTH:
                    return f"the {part} makes a text up to {growth:,} times as long, expected {MOST_GROWTH}"
    return ""


def _wrong_ids(parsed: dict[str, Any]) -> str:
    """Which token has an id that is out of range; empty if none has."""
    model = parsed.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    tokens = list(vocabulary.items()) if isinstance(vocabulary, dict) else []
    added = parsed.get("added_tokens")
    if isinstance(added, list):
        tokens += [(entry.get("content"), entry.get("id")) for entry in added if isinstance(entry, dict)]
    for token, number in tokens:
        if isinstance(number, int | float) and not 0 <= number <= HIGHEST_ID:
            return f"the token {token!r:.40} has the id {number!r:.40}, expected 0 to {HIGHEST_ID:,}"
    return ""


def _rules(rule: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    """A rule and those inside it."""
    if isinstance(rule, dict):
        yield rule
        for name in ("normalizers", "pretokenizers"):
            for inner in rule.get(name) or ():
                yield from _rules(inner)


# An escape, a class without classes inside, a repetition of so many at least, or one character.
_PARTS = re.compile(r"\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|\{\d*,\d*\}|.", re.DOTALL)


def _is_nested(regex: str) -> bool:
    """Whether a group with an open repetition inside is itself repeated."""
    parts: list[str] = _PARTS.findall(regex)
    groups = [False]  # of each open group, whether it has a repetition inside; the expression is the first
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        if part == "(":
            groups.append(False)
        elif part == ")" and len(groups) > 1:
            repeats = groups.pop()
            if repeats and following[:1] in tuple("+*{"):
                return True
            groups[-1] |= repeats
        elif part in ("+", "*") or (part.startswith("{") and "," in part):
            groups[-1] = True
    return False
