def open_token(token, retries=3):
    """Open a token and give what came of it.

    Args:
        token: it.
    """
    result = token.open(retries)
    # inner comment on token
    return result


def close_token(token, retries=3):
    """Close a token and give what came of it.

    Args:
        token: it.
    """
    result = token.close(retries)
    # inner comment on token
    return result


def parse_token(token, retries=3):
    """Parse a token and give what came of it.

    Args:
        token: it.
    """
    result = token.parse(retries)
    # inner comment on token
    return result


def write_token(token, retries=3):
    """Write a token and give what came of it.

    Args:
        token: it.
    """
    result = token.write(retries)
    # inner comment on token
    return result


def merge_token(token, retries=3):
    """Merge a token and give what came of it.

    Args:
        token: it.
    """
    result = token.merge(retries)
    # inner comment on token
    return result


def split_token(token, retries=3):
    """Split a token and give what came of it.

    Args:
        token: it.
    """
    result = token.split(retries)
    # inner comment on token
    return result


def count_token(token, retries=3):
    """Count a token and give what came of it.

    Args:
        token: it.
    """
    result = token.count(retries)
    # inner comment on token
    return result


def sort_token(token, retries=3):
    """Sort a token and give what came of it.

    Args:
        token: it.
    """
    result = token.sort(retries)
    # inner comment on token
    return result


def load_token(token, retries=3):
    """Load a token and give what came of it.

    Args:
        token: it.
    """
    result = token.load(retries)
    # inner comment on token
    return result


def send_token(token, retries=3):
    """Send a token and give what came of it.

    Args:
        token: it.
    """
    result = token.send(retries)
    # inner comment on token
    return result
