"""A function's name as a query, for functions that nobody described: `parseHTTPResponse` → "parse http response".

Whoever names a function says in a few words what it does. For the pair to teach that, y must not show the name:
it stands there as "_", also where the function calls itself.
"""

import re

from adjoin.pairs.pair import Pair

KIND = "name-function"

# A plural of capitals ("URLs"), capitals up to the next word's ("HTTP" of "HTTPResponse"), or a word. Digits
# belong to what stands before them ("utf8"), unless they count dimensions ("3D").
_WORD = re.compile(
    r"(?:[A-Z]{2,}s(?![a-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+)(?:\d++(?!D(?![a-z])))?|\d++(?:D(?![a-z]))?"
)
_ENDINGS = "?!="  # of Ruby's predicates, of what changes its receiver, and of setters


def words_of(identifier: str) -> list[str]:
    """The words of a name in lower case, cut at case and at whatever is no letter or digit; ASCII only."""
    return [word.lower() for word in _WORD.findall(identifier)]


def name_in_words(name: str) -> str:
    """A function's name in words: its own, or if that is a single one, the class's before it.

    Args:
        name: with the classes around it: "Encoder.load" → "encoder load", "Encoder.load_all" → "load all".
    """
    *classes, own = name.rsplit(".", 2)
    words = words_of(own)
    if classes and sum(not word.isdigit() for word in words) == 1:
        words = [*words_of(classes[-1]), *words]
    return " ".join(words)


def hidden(pair: Pair) -> Pair:
    """The pair of kind `KIND` with "_" wherever y has the function's own name, or that between underscores.

    A pair is made with the name in place, so that it can first be compared with code that is held out.
    """
    core = pair.name.rpartition(".")[2].rstrip(_ENDINGS).strip("_")
    return pair._replace(y=_replace_name(core, pair.y)) if core else pair


def _replace_name(core: str, code: str) -> str:
    # Not a pattern: to compile one for each function takes as long as to parse it.
    pieces, copied, position = [], 0, code.find(core)
    while position >= 0:
        first, end = position, position + len(core)
        while first > copied and code[first - 1] == "_":
            first -= 1
        while code.startswith("_", end):
            end += 1
        if not code[max(first - 1, 0) : first].isalnum() and not code[end : end + 1].isalnum():
            pieces += [code[copied:first], "_"]
            copied = end
        position = code.find(core, max(end, position + 1))
    return "".join([*pieces, code[copied:]])
