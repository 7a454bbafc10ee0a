"""TZSP from routers as a source of packets, without any right to capture.

What comes is given as the packets that it came in, so it is decoded, recorded and saved like
TZSP in a capture file. Its times are those of arrival here: RouterOS sends none.
"""

from collections import Counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sipscope.capture.datagrams import Arrivals, BulkSocket
from sipscope.capture.listener import AllowList, parse_listen
from sipscope.decode.batch import PacketBatch
from sipscope.decode.tzsp import CARRYING, KEEPING_OPEN, PORT, VERSION

SHORTEST: Final = 5  # bytes: the header and the end of its tags

KEEP_ALIVE: Final = "keep-alive"
NOT_TZSP: Final = "not TZSP"
NO_FRAME: Final = "no frame"


class TzspSource:
    """A port to which routers stream packets.

    Attributes:
        name: The address, such as `tzsp:127.0.0.1:37008`.
        kind: `tzsp`.
        arrival_times: True: the times are those of arrival, on top of what the way took.
        address: Where it listens.
        packets: Packets given so far.
        bytes: Bytes given so far, with the headers of their datagrams.
        truncated_packets: None: who sends frames cut short is told with the senders.
        damaged: None: what did not come cannot be told, there are no numbers in RouterOS' TZSP.
        allow: Who may send, and how many others were refused.
        rejected: Datagrams that were no frame, by reason.
    """

    kind = "tzsp"
    arrival_times = True
    truncated_packets = 0
    damaged: str | None = None

    def __init__(self, where: str, *, source: int = 0, allow: AllowList | None = None) -> None:
        """Listen.

        Args:
            where: A port, or an address and a port, as in `192.0.2.9:37008`; loopback and port
                37008 unless given.
            source: Index of this source in the engine's list.
            allow: Who may send; everybody who can reach the address unless given.

        Raises:
            UsageError: `where` cannot be read.
            SourceError: The port is taken, or the address is not ours.
        """
        self.allow = AllowList() if allow is None else allow
        self.rejected: Counter[str] = Counter()
        self.packets = 0
        self.bytes = 0
        self._source = source
        self._socket = BulkSocket(*parse_listen(where, PORT))
        self.address = self._socket.address
        self.name = f"tzsp:{self.address}"

    @property
    def kernel_drops(self) -> int:
        """Datagrams that the kernel had no room for."""
        return self._socket.drops

    def fileno(self) -> int:
        """Return the descriptor to wait for before `read`."""
        return self._socket.fileno()

    def read(self, now: int) -> PacketBatch | None:
        """Return the packets that came, None when there are none; `now` is the time in ns."""
        arrivals = self._socket.receive(now)
        if arrivals is None:
            return None
        arrivals = arrivals.where(self._allowed(arrivals))
        arrivals = arrivals.where(self._carrying(arrivals))
        if not len(arrivals.slot):
            return None
        # Wherever it came, what is recorded is to be known by its port again.
        batch = self._socket.packet_batch(
            arrivals, port=PORT, source=self._source, number=self.packets + 1
        )
        self.packets += len(batch)
        self.bytes += len(batch.buffer)
        return batch

    def close(self) -> None:
        """Listen no longer."""
        self._socket.close()

    def _allowed(self, arrivals: Arrivals) -> NDArray[np.bool_]:
        """Tell whose datagrams to take, and count the others'."""
        addresses, sender, counts = np.unique(
            np.ascontiguousarray(arrivals.source).view("V16")[:, 0],
            return_inverse=True,
            return_counts=True,
        )
        versions = arrivals.version[np.unique(sender, return_index=True)[1]]
        allowed = np.ones(len(addresses), np.bool_)
        rows = zip(addresses.tolist(), versions.tolist(), counts.tolist(), strict=True)
        for number, (address, version, count) in enumerate(rows):
            if not self.allow.allows(address[:4] if version == 4 else address):
                allowed[number] = False
                self.allow.refused += count - 1
        let_in: NDArray[np.bool_] = allowed[sender]
        return let_in

    def _carrying(self, arrivals: Arrivals) -> NDArray[np.bool_]:
        """Tell which datagrams begin like TZSP with a frame in it, and count the others."""
        head = self._socket.octets(arrivals, SHORTEST)
        tzsp = (arrivals.length >= SHORTEST - 1) & (head[:, 0] == VERSION)
        keeping = tzsp & np.isin(head[:, 1], KEEPING_OPEN)
        carrying: NDArray[np.bool_] = tzsp & np.isin(head[:, 1], CARRYING)
        carrying &= arrivals.length > SHORTEST
        without = tzsp & ~keeping & ~carrying
        for reason, found in ((NOT_TZSP, ~tzsp), (KEEP_ALIVE, keeping), (NO_FRAME, without)):
            if count := int(found.sum()):
                self.rejected[reason] += count
        return carrying
