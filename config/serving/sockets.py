"""Options of the web server's sockets for which granian has no settings."""

import os
import socket
import sys
from contextlib import suppress


def end_unread_answers(seconds: float) -> None:
    """Make the kernel end connections whose client has taken nothing of an answer for so long.

    Connections inherit this from the listening socket, which is found among the open files of this
    process. Works on Linux only.
    """
    if sys.platform != "linux":
        return
    for number in map(int, os.listdir("/proc/self/fd")):
        # Most are no sockets, and one is the folder itself.
        with (
            suppress(OSError),
            socket.fromfd(number, socket.AF_INET, socket.SOCK_STREAM) as candidate,
        ):
            if candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                milliseconds = round(seconds * 1_000)
                candidate.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
