"""
A network for one sandbox: nothing in it but the doors that are opened.
"""

from __future__ import annotations

import ctypes
import fcntl
import socket
import socketserver
import struct
import threading
from contextlib import suppress
from typing import Any

_CLONE_NEWNET = 0x40000000
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1
_CHUNK = 1 << 16

Address = tuple[str, int]


def new_network(doors: tuple[Address, ...]) -> list[socket.socket]:
    """
    Move this thread into a network of its own; return a listener at any port of it, and one at each door's.

    Raises:
        OSError: This machine does not let us.
    """
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) < 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET)")
    with socket.socket() as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP))
    return [socket.create_server(address) for address in (("127.0.0.1", 0), *doors)]


class Door(socketserver.ThreadingTCPServer):
    """
    Hands connections that come in at a listener of the sandbox on to the same address outside.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(listener.getsockname(), _Passage, bind_and_activate=False)
        self.socket.close()
        self.socket = listener

    def handle_error(self, *_: Any) -> None:
        """
        Say nothing: what is inside is killed in the middle of a sentence, and what is outside may be stopped.
        """


class _Passage(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with socket.create_connection(self.server.server_address) as outside:  # type: ignore[arg-type]
            back = threading.Thread(target=_carry, args=(outside, self.request), daemon=True)
            back.start()
            _carry(self.request, outside)
            back.join()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
