def open_table(table, retries=3):
    """Open a table and give what came of it.

    Args:
        table: it.
    """
    result = table.open(retries)
    # inner comment on table
    return result


def close_table(table, retries=3):
    """Close a table and give what came of it.

    Args:
        table: it.
    """
    result = table.close(retries)
    # inner comment on table
    return result


def parse_table(table, retries=3):
    """Parse a table and give what came of it.

    Args:
        table: it.
    """
    result = table.parse(retries)
    # inner comment on table
    return result


def write_table(table, retries=3):
    """Write a table and give what came of it.

    Args:
        table: it.
    """
    result = table.write(retries)
    # inner comment on table
    return result


def merge_table(table, retries=3):
    """Merge a table and give what came of it.

    Args:
        table: it.
    """
    result = table.merge(retries)
    # inner comment on table
    return result


def split_table(table, retries=3):
    """Split a table and give what came of it.

    Args:
        table: it.
    """
    result = table.split(retries)
    # inner comment on table
    return result


def count_table(table, retries=3):
    """Count a table and give what came of it.

    Args:
        table: it.
    """
    result = table.count(retries)
    # inner comment on table
    return result


def sort_table(table, retries=3):
    """Sort a table and give what came of it.

    Args:
        table: it.
    """
    result = table.sort(retries)
    # inner comment on table
    return result


def load_table(table, retries=3):
    """Load a table and give what came of it.

    Args:
        table: it.
    """
    result = table.load(retries)
    # inner comment on table
    return result


def send_table(table, retries=3):
    """Send a table and give what came of it.

    Args:
        table: it.
    """
    result = table.send(retries)
    # inner comment on table
    return result
