def open_matrix(matrix, retries=3):
    """Open a matrix and give what came of it.

    Args:
        matrix: it.
    """
    result = matrix.open(retries)
    # inner comment on matrix
    return result


def close_matrix(matrix, retries=3):
    """Close a matrix and give what came of it.

    Args:
        matrix: it.
    """
    result = matrix.close(retries)
    # inner comment on matrix
    return result


def parse_matrix(matrix, retries=3):
    """Parse a matrix and give what came of it.

    Args:
        matrix: it.
    """
    result = matrix.parse(retries)
    # inner comment on matrix
    return result


def write_matrix(matrix, retries=3):
    """Write a matrix and give what came of it.

    Args:
        matrix: it.
    """
    result = matrix.write(retries)
    # inner comment on matrix
    return result


def merge_matrix(matrix, retries=3):
    """Merge a matrix and give what came of it.

    Args:
        matrix: it.
    """
    result = matrix.merge(retries)
    # inner comment on matrix
    return result


def split_matrix(matrix, retries=3):
    """Split a matrix and give what came of it.

    Args:
        matrix: it.
    """
    result = matrix.split(retries)
    # inner comment on matrix
    return result


def count_matrix(matrix, retries=3):
    """Count a matrix and give what came of it.

    Args:
        matrix: it.
    """
    result = matrix.count(retries)
    # inner comment on matrix
    return result


def sort_matrix(matrix, retries=3):
    """Sort a matrix and give what came of it.

    Args:
        matrix: it.
    """
    result = matrix.sort(retries)
    # inner comment on matrix
    return result


def load_matrix(matrix, retries=3):
    """Load a matrix and give what came of it.

    Args:
        matrix: it.
    """
    result = matrix.load(retries)
    # inner comment on matrix
    return result


def send_matrix(matrix, retries=3):
    """Send a matrix and give what came of it.

    Args:
        matrix: it.
    """
    result = matrix.send(retries)
    # inner comment on matrix
    return result
