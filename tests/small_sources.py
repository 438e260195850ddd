"""Source code made on the spot, small and with words that tell its functions apart."""

VERBS = ["open", "close", "parse", "write", "merge", "split", "count", "sort", "load", "send"]
NOUNS = ["file", "socket", "table", "matrix", "token", "header", "cache", "record", "image", "graph"]


def function_source(verb: str, noun: str) -> str:
    """A documented function whose words tell it from the others."""
    return (
        f"def {verb}_{noun}({noun}, retries=3):\n"
        f'    """{verb.capitalize()} a {noun} and give what came of it.\n\n    Args:\n        {noun}: it.\n'
        f'    """\n'
        f"    result = {noun}.{verb}(retries)\n"
        f"    # inner comment on {noun}\n"
        f"    return result\n"
    )


_TOLD = (
    "The {0} comes first, because nothing else in this guide can be understood without it.",
    "When somebody asks what a {0} is for, the shortest answer is that it carries what the next step needs.",
    "It is made once, changed seldom, and read by many who never learn where it came from.",
    "Two of them are never shared between threads, however tempting that may look on a busy day.",
    "If the {0} is missing, the program says so in one line and stops before any harm is done.",
    "Older versions kept every {0} in memory for ever, which is why long runs used to grow so slowly slow.",
)


def paragraph_about(noun: str) -> str:
    """A paragraph of running text about one noun; no two have the same sentences in the same order."""
    turn = NOUNS.index(noun)
    sentences = [*_TOLD[turn % 6 :], *_TOLD[: turn % 6]][: 5 + turn % 2]
    others = f"It goes together with the {NOUNS[turn - 1]} and, on good days, with the {NOUNS[turn - 3]} as well."
    return " ".join([*(sentence.format(noun) for sentence in sentences), others])
