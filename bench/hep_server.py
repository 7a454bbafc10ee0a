"""A HEP server over TCP that is good or bad as it is told, and what it has in the end.

    python bench/hep_server.py DIRECTORY

Standard input says how it is to be, a word a line: good, down (the port is closed), slow (it
reads 1 kB a second) or resets (each connection after a second).
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

PORT = 9060
SLOW_BYTES = 1_000  # read a second
CALL_ID = re.compile(rb"\r\nCall-ID: ([^\r\n]+)")


class BadServer:
    """Takes HEP over TCP into a file for each connection.

    Args:
        directory: For the files, numbered as the connections came.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._mode = "good"
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()

    def run(self) -> None:
        """Be as standard input says, until that ends; then read what is on its way."""
        for line in sys.stdin:
            self._mode = line.strip()
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _listen(self) -> None:
        number = 0
        while not self._ended.is_set():
            if self._mode == "down":
                time.sleep(0.05)
                continue
            with socket.create_server(("127.0.0.1", PORT)) as listener:
                listener.settimeout(0.05)
                while self._mode != "down" and not self._ended.is_set():
                    with suppress(TimeoutError):
                        accepted, _ = listener.accept()
                        number += 1
                        path = self._directory / f"{number:06}.hep"
                        thread = threading.Thread(target=self._read, args=(accepted, path))
                        thread.start()
                        self._threads.append(thread)

    def _read(self, stream: socket.socket, path: Path) -> None:
        began = time.monotonic()
        stream.settimeout(0.05)
        with stream, path.open("wb", buffering=0) as file:
            while True:
                mode = self._mode
                if mode == "down" or (mode == "resets" and time.monotonic() - began >= 1):
                    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                try:
                    data = stream.recv(SLOW_BYTES if mode == "slow" else 65_536)
                except TimeoutError:
                    if self._ended.is_set():
                        return
                    continue
                except OSError:
                    return
                if not data:
                    return
                file.write(data)
                if mode == "slow":
                    time.sleep(1)


@dataclass(slots=True)
class Came:
    """What a server has in the end.

    Attributes:
        messages: Distinct SIP messages, as `identity` gives, in order.
        again: Messages that came more than once.
        backward: SIP messages captured before the one ahead of them in the same connection.
        packets: RTP packets that the reports of all periods tell of, by SSRC.
        connections: How many there were.
    """

    messages: list[tuple[bytes, bytes]] = field(default_factory=list)
    again: int = 0
    backward: int = 0
    packets: Counter[int] = field(default_factory=Counter)
    connections: int = 0


def identity(path: bytes, payload: bytes) -> tuple[bytes, bytes]:
    """Return the Call-ID of a SIP message, and what stands for addresses and content."""
    found = CALL_ID.search(payload)
    digest = hashlib.blake2b(path + payload, digest_size=16).digest()
    return found[1] if found else b"", digest


def read_server(directory: Path) -> Came:
    """Return what the files of a server hold."""
    came = Came()
    known: set[bytes] = set()
    for path in sorted(directory.iterdir()):
        came.connections += 1
        times = []
        for message in split(path.read_bytes()):
            chunks = dict(chunks_of(message))
            sip = chunks[11] == b"\x01"
            if sip:
                times.append(chunks[9] + chunks[10])
            digest = hashlib.blake2b(message, digest_size=16).digest()
            if digest in known:
                came.again += 1
                continue
            known.add(digest)
            if sip:
                where = chunks[3] + chunks[4] + chunks[7] + chunks[8]
                came.messages.append(identity(where, chunks[15]))
            elif chunks[11] == b"\x23":
                report = json.loads(chunks[15])
                if report["TYPE"] != "FINAL":
                    came.packets[int(report["SSRC"], 16)] += report["TOTAL_PK"]
        came.backward += sum(later < earlier for earlier, later in pairwise(times))
    return came


def split(stream: bytes) -> Iterator[bytes]:
    """Give the whole messages of a stream."""
    offset = 0
    while offset + 6 <= len(stream):
        end = offset + int.from_bytes(stream[offset + 4 : offset + 6], "big")
        if end > len(stream):
            return
        yield stream[offset:end]
        offset = end


def chunks_of(message: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 6
    while offset + 6 <= len(message):
        _, kind, length = struct.unpack_from(">HHH", message, offset)
        yield kind, message[offset + 6 : offset + length]
        offset += length


if __name__ == "__main__":
    BadServer(Path(sys.argv[1])).run()
