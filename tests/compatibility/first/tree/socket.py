def open_socket(socket, retries=3):
    """Open a socket and give what came of it.

    Args:
        socket: it.
    """
    result = socket.open(retries)
    # inner comment on socket
    return result


def close_socket(socket, retries=3):
    """Close a socket and give what came of it.

    Args:
        socket: it.
    """
    result = socket.close(retries)
    # inner comment on socket
    return result


def parse_socket(socket, retries=3):
    """Parse a socket and give what came of it.

    Args:
        socket: it.
    """
    result = socket.parse(retries)
    # inner comment on socket
    return result


def write_socket(socket, retries=3):
    """Write a socket and give what came of it.

    Args:
        socket: it.
    """
    result = socket.write(retries)
    # inner comment on socket
    return result


def merge_socket(socket, retries=3):
    """Merge a socket and give what came of it.

    Args:
        socket: it.
    """
    result = socket.merge(retries)
    # inner comment on socket
    return result


def split_socket(socket, retries=3):
    """Split a socket and give what came of it.

    Args:
        socket: it.
    """
    result = socket.split(retries)
    # inner comment on socket
    return result


def count_socket(socket, retries=3):
    """Count a socket and give what came of it.

    Args:
        socket: it.
    """
    result = socket.count(retries)
    # inner comment on socket
    return result


def sort_socket(socket, retries=3):
    """Sort a socket and give what came of it.

    Args:
        socket: it.
    """
    result = socket.sort(retries)
    # inner comment on socket
    return result


def load_socket(socket, retries=3):
    """Load a socket and give what came of it.

    Args:
        socket: it.
    """
    result = socket.load(retries)
    # inner comment on socket
    return result


def send_socket(socket, retries=3):
    """Send a socket and give what came of it.

    Args:
        socket: it.
    """
    result = socket.send(retries)
    # inner comment on socket
    return result
