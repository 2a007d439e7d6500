"""The socket customers reach. The supervisor holds it, so that a gateway's restart refuses nobody."""

import errno
import socket

BACKLOG = 1024  # connections that wait while a gateway starts


class ListenError(Exception):
    """The address cannot be listened on; the message says what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 picks a free one.

    Raises:
        ListenError: the port is taken, or the address is not ours.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except socket.gaierror as error:
        raise ListenError(f"CALLBOARD_HOST={host} is not an address: {error.strerror}") from error
    held = socket.socket(family, kind, protocol)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(address)
        held.listen(BACKLOG)
    except OSError as error:
        held.close()
        raise ListenError(_reason(host, port, error)) from error
    held.setblocking(False)
    return held


def url_of(held: socket.socket) -> str:
    """Return the URL of a listening socket as a person on this machine would type it."""
    host, port = held.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}.get(host, host)  # noqa: S104  # read, not bound
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _reason(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken by another program: stop it, or set CALLBOARD_PORT (0 picks a free one)"
    return f"cannot listen on {host} port {port}: {error.strerror}; set CALLBOARD_HOST and CALLBOARD_PORT"
