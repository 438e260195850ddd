def open_file(file, retries=3):
    """Open a file and give what came of it.

    Args:
        file: it.
    """
    result = file.open(retries)
    # inner comment on file
    return result


def close_file(file, retries=3):
    """Close a file and give what came of it.

    Args:
        file: it.
    """
    result = file.close(retries)
    # inner comment on file
    return result


def parse_file(file, retries=3):
    """Parse a file and give what came of it.

    Args:
        file: it.
    """
    result = file.parse(retries)
    # inner comment on file
    return result


def write_file(file, retries=3):
    """Write a file and give what came of it.

    Args:
        file: it.
    """
    result = file.write(retries)
    # inner comment on file
    return result


def merge_file(file, retries=3):
    """Merge a file and give what came of it.

    Args:
        file: it.
    """
    result = file.merge(retries)
    # inner comment on file
    return result


def split_file(file, retries=3):
    """Split a file and give what came of it.

    Args:
        file: it.
    """
    result = file.split(retries)
    # inner comment on file
    return result


def count_file(file, retries=3):
    """Count a file and give what came of it.

    Args:
        file: it.
    """
    result = file.count(retries)
    # inner comment on file
    return result


def sort_file(file, retries=3):
    """Sort a file and give what came of it.

    Args:
        file: it.
    """
    result = file.sort(retries)
    # inner comment on file
    return result


def load_file(file, retries=3):
    """Load a file and give what came of it.

    Args:
        file: it.
    """
    result = file.load(retries)
    # inner comment on file
    return result


def send_file(file, retries=3):
    """Send a file and give what came of it.

    Args:
        file: it.
    """
    result = file.send(retries)
    # inner comment on file
    return result
