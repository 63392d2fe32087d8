"""A network between client and server that breaks once, at a given request."""

from __future__ import annotations

import select
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from .waiting import wait_until

SOCKET = ".s.PGSQL.5432"
CHUNK = 65536
IDLE = b"Z\0\0\0\5I"  # ReadyForQuery, outside of a transaction: what there was is committed


@dataclass
class Network:
    """Where a client reaches the server, and how often an answer was lost."""

    url: str
    lost: int = 0


class _Connections:
    """Forwards, until a request comes that is to be lost."""

    def __init__(self, network: Network, server: str, request: bytes, after_it: bool) -> None:
        self._network = network
        self._server = server
        self._request = request
        self._after_it = after_it

    def serve(self, client: socket.socket) -> None:
        """One connection, to its end."""
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._server)
            while True:
                for readable in select.select([client, server], [], [])[0]:
                    data = readable.recv(CHUNK)
                    if not data:
                        return
                    if readable is client and self._request in data and not self._network.lost:
                        self._network.lost += 1
                        if self._after_it:
                            self._let_it_do(server, data)
                        return
                    (server if readable is client else client).sendall(data)

    def _let_it_do(self, server: socket.socket, data: bytes) -> None:
        server.sendall(data)
        answer = b""
        while not answer.endswith(IDLE):
            more = server.recv(CHUNK)
            assert more
            answer += more


@contextmanager
def losing_an_answer(url: str, request: bytes, *, after_it: bool) -> Iterator[Network]:
    """A network that breaks at the first request with these bytes.

    Args:
        url: of the server, by its Unix socket.
        after_it: the server gets the request, and commits; else it never does.
    """
    parts = urlsplit(url)
    [server] = parse_qs(parts.query)["host"]
    with tempfile.TemporaryDirectory(prefix="lost.") as folder:
        network = Network(url.replace(f"host={server}", f"host={folder}"))
        connections = _Connections(network, str(Path(server) / SOCKET), request, after_it)
        threads: list[threading.Thread] = []
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(Path(folder) / SOCKET))
            listener.listen()

            def accept() -> None:
                while True:
                    try:
                        client, _ = listener.accept()
                    except OSError:
                        return
                    thread = threading.Thread(target=connections.serve, args=(client,))
                    thread.start()
                    threads.append(thread)

            accepting = threading.Thread(target=accept)
            accepting.start()
            try:
                yield network
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                accepting.join()
        wait_until(lambda: not any(t.is_alive() for t in threads), "all connections are closed")
