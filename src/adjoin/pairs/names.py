"""Name-function pairs: the name of an undocumented function, in words, as the query.

`parseHTTPResponse` gives "parse http response". In y the name is replaced by "_", also in recursive calls, since
otherwise the model would only have to match the words.
"""

import re

from adjoin.pairs.pair import Pair

KIND = "name-function"

# A plural of capitals ("URLs"), capitals before a capitalised word ("HTTP" in "HTTPResponse"), or a word. Digits
# belong to the word before them ("utf8"), except in dimensions ("3D").
_WORD = re.compile(
    r"(?:[A-Z]{2,}s(?![a-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+)(?:\d++(?!D(?![a-z])))?|\d++(?:D(?![a-z]))?"
)
_ENDINGS = "?!="  # Ruby's predicates, methods that change their receiver, and setters


def words_of(identifier: str) -> list[str]:
    """Split an identifier into words in lower case, at changes of case and at other characters; ASCII only."""
    return [word.lower() for word in _WORD.findall(identifier)]


def name_in_words(name: str) -> str:
    """Return a function's name in words, preceded by its class if the name is a single word.

    "Encoder.load" gives "encoder load"; "Encoder.load_all" gives "load all".

    Args:
        name: the function's name with the classes around it.
    """
    *classes, own = name.rsplit(".", 2)
    words = words_of(own)
    if classes and sum(not word.isdigit() for word in words) == 1:
        words = [*words_of(classes[-1]), *words]
    return " ".join(words)


def hidden(pair: Pair) -> Pair:
    """Return a name-function pair with the function's name in y replaced by "_", with underscores around it.

    Mining calls this last, since decontamination compares y with held-out code, name included.
    """
    core = pair.name.rpartition(".")[2].rstrip(_ENDINGS).strip("_")
    return pair._replace(y=_replace_name(core, pair.y)) if core else pair


def _replace_name(core: str, code: str) -> str:
    # Not a regular expression: compiling one per function takes as long as parsing the function.
    parts, copied, position = [], 0, code.find(core)
    while position >= 0:
        first, end = position, position + len(core)
        while first > copied and code[first - 1] == "_":
            first -= 1
        while code.startswith("_", end):
            end += 1
        if not code[max(first - 1, 0) : first].isalnum() and not code[end : end + 1].isalnum():
            parts += [code[copied:first], "_"]
            copied = end
        position = code.find(core, max(end, position + 1))
    return "".join([*parts, code[copied:]])
