"""A network in small: a Unix socket before that of PostgreSQL, where each request comes later.

By hand: python -m bench.phase2.proxy TARGET LISTEN SECONDS
"""

from __future__ import annotations

import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import BaseRequestHandler, ForkingMixIn, UnixStreamServer
from statistics import median

from ..cluster import ROOT, BenchError, Cluster, connect, short_folder

SOCKET = ".s.PGSQL.5432"
CHUNK = 65536


class _Server(ForkingMixIn, UnixStreamServer):
    """A process for each connection, so that none waits for another's."""

    request_queue_size = 128
    max_children = 128

    def __init__(self, target: str, listen: str, seconds: float) -> None:
        self.target, self.pause = target, _pause(seconds) if seconds > 0 else 0.0
        super().__init__(listen, _Handler)


class _Handler(BaseRequestHandler):
    """One connection. A client and PostgreSQL take turns, so that the process may sleep."""

    def handle(self) -> None:
        assert isinstance(self.server, _Server)
        client = self.request
        with socket.socket(socket.AF_UNIX) as target:
            target.connect(self.server.target)
            while True:
                for readable in select.select([client, target], [], [])[0]:
                    data = readable.recv(CHUNK)
                    if not data:
                        return
                    if readable is target:
                        client.sendall(data)
                        continue
                    if self.server.pause > 0:
                        time.sleep(self.server.pause)
                    target.sendall(data)


def _pause(seconds: float) -> float:
    """What to ask time.sleep for, which takes longer than it is asked for."""
    late = []
    for _ in range(200):
        started = time.monotonic()
        time.sleep(seconds)
        late.append(time.monotonic() - started - seconds)
    return max(0.0, seconds - median(late))


@contextmanager
def network(cluster: Cluster, seconds: float) -> Iterator[Cluster]:
    """The same cluster behind a delay of so many seconds a round trip."""
    folder = short_folder("np.")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "bench.phase2.proxy"),
            *(cluster.directory / SOCKET, folder / SOCKET, str(seconds)),
        ],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        if process.stdout.readline() != b"ready\n":
            raise BenchError("the proxy does not start")
        yield Cluster(folder)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
        shutil.rmtree(folder)


def round_trip_seconds(url: str, count: int = 500) -> float:
    """The median time of the smallest query."""
    times = []
    with connect(url) as connection:
        for _ in range(count):
            started = time.monotonic()
            connection.execute("SELECT 1", prepare=True)
            times.append(time.monotonic() - started)
    return median(times)


def main(target: str | Path, listen: str | Path, seconds: float) -> None:
    """Serve until ended."""
    with _Server(str(target), str(listen), seconds) as server:
        print("ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
