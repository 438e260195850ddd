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
