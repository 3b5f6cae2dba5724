"""Connections that end by themselves."""

import errno
import socket

import pytest

from config.serving.sockets import end_unread_answers


def test_a_connection_ends_when_its_client_reads_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        end_unread_answers(0.5)
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            client.connect(listener.getsockname())
            connection, _ = listener.accept()
            with connection, pytest.raises(TimeoutError) as ended:
                connection.sendall(bytes(64 * 1024 * 1024))

    # The kernel's time-out, not one of this socket.
    assert ended.value.errno == errno.ETIMEDOUT
