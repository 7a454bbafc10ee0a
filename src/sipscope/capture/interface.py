"""A network interface as a source of packets, through libpcap."""

import fcntl
import socket
import struct
from contextlib import suppress

import numpy as np
import pcapy

from sipscope.capture.filter import LINK_TYPE_OF_DLT, filter_error
from sipscope.decode.batch import PacketBatch
from sipscope.errors import SipscopeError, SourceError

ANY = "any"
MOST_PACKETS = 10_000  # of a batch
BLOCK_TIME = 20  # ms after which the kernel hands over a block that is not full
CHECK_TIME = 1_000_000_000  # ns between two looks at the link and the drops
RETRY_TIME = 2_000_000_000  # ns between two attempts to open an interface that went away

# What pcap_activate(3) returns.
NO_SUCH_DEVICE = -5
PERMISSION_DENIED = (-8, -11)
NOT_UP = -9

# ioctl(2) requests and flags of netdevice(7)
SIOCGIFFLAGS = 0x8913
IFF_UP = 0x1
IFF_RUNNING = 0x40


class InterfaceSource:
    """A network interface, `any` for all of them.

    An interface that goes down or away is waited for: `status` says so meanwhile, and
    `fileno` changes when it comes back.

    Attributes:
        name: The interface.
        kind: `interface`.
        packets: Packets given so far.
        bytes: Captured bytes given so far.
        kernel_drops: Packets that the kernel had no room for, as of a second ago at most.
        truncated_packets: Packets that fill the snapshot length, so that more may be missing.
        status: Why nothing comes, in words; None when all is well.
    """

    kind = "interface"

    def __init__(
        self,
        name: str,
        *,
        source: int = 0,
        snaplen: int = 262_144,
        promiscuous: bool = True,
        buffer_bytes: int = 32 << 20,
        capture_filter: str = "",
    ) -> None:
        """Open the interface.

        Args:
            name: The interface, or `any`.
            source: Index of this source in the engine's list.
            snaplen: How many bytes of a packet are captured at most.
            promiscuous: Whether to take packets for other hosts, as from a mirror port.
            buffer_bytes: The kernel's buffer, which has to last while we are busy.
            capture_filter: Expression of pcap-filter(7). A filter on ports loses IP fragments.

        Raises:
            SourceError: It cannot be opened.
            FilterError: libpcap does not take the filter.
        """
        self.name = name
        self.packets = 0
        self.bytes = 0
        self.kernel_drops = 0
        self.truncated_packets = 0
        self.status: str | None = None
        self._source = source
        self._snaplen = snaplen
        self._promiscuous = promiscuous and name != ANY
        self._buffer_bytes = buffer_bytes
        self._filter = capture_filter
        self._absences = 0
        self._earlier_drops = 0  # of captures that ended when the interface went away
        self._next_check = 0
        self._capture: pcapy.Reader | None = None
        self._open()

    @property
    def damaged(self) -> str | None:
        """How often the interface went away, so that packets are missing; else None."""
        if not self._absences:
            return None
        return "the interface went away " + (
            "once" if self._absences == 1 else f"{self._absences:,} times"
        )

    def fileno(self) -> int | None:
        """Return the descriptor to wait for before `read`, None while the interface is away."""
        return None if self._capture is None else int(self._capture.getfd())

    def read(self, now: int) -> PacketBatch | None:
        """Return the packets that wait, None when there are none; `now` is the time in ns."""
        if now >= self._next_check:
            self._check(now)
        if self._capture is None:
            return None
        try:
            buffer, meta = self._capture.next_batch(MOST_PACKETS)
        except pcapy.PcapError:
            self._lose(now)
            return None
        if not meta:
            return None
        columns = np.frombuffer(meta, dtype=np.uint32).reshape(-1, 4).astype(np.int64)
        captured = columns[:, 3].copy()
        number = self.packets + 1
        self.packets += len(captured)
        self.bytes += len(buffer)
        self.truncated_packets += int((captured >= self._snaplen).sum())
        return PacketBatch(
            buffer=buffer,
            offset=columns[:, 2].copy(),
            captured=captured,
            wire=captured,
            time=columns[:, 0] * 1_000_000_000 + columns[:, 1] * 1000,
            link_type=self._link_type,
            source=self._source,
            number=number,
        )

    def close(self) -> None:
        """End the capture."""
        if self._capture is not None:
            self._count_drops()
            self._capture.close()
            self._capture = None

    def _open(self) -> None:
        capture = pcapy.create(self.name)
        capture.set_snaplen(self._snaplen)
        capture.set_promisc(int(self._promiscuous))
        capture.set_buffer_size(self._buffer_bytes)
        capture.set_timeout(BLOCK_TIME)
        code = capture.activate()
        if code < 0:
            raise _cannot_open(self.name, code)
        # Whatever its time-out, a read of a quiet interface would last for ever.
        capture.setnonblock(1)
        if self._filter:
            try:
                capture.setfilter(self._filter)
            except (pcapy.PcapError, ValueError) as error:
                capture.close()
                raise filter_error(self._filter, error) from error
        dlt = capture.datalink()
        self._link_type = LINK_TYPE_OF_DLT.get(dlt, dlt)
        self._index = _index(self.name)
        self._capture = capture

    def _check(self, now: int) -> None:
        """Count drops, look at the link, and open the interface again when it has come back."""
        self._next_check = now + CHECK_TIME
        if self._capture is None:
            self._next_check = now + RETRY_TIME
            try:
                self._open()
            except SipscopeError as error:
                self.status = self._gone() or error.message
                return
        self._count_drops()
        if self._index is None:  # `any`, or no network interface
            self.status = None
        elif _index(self.name) != self._index:
            self._lose(now)
        else:
            self.status = None if _has_link(self.name) else f"{self.name} has no link"

    def _lose(self, now: int) -> None:
        """Close an interface that went down or away."""
        self.close()
        self._absences += 1
        self._earlier_drops = self.kernel_drops
        self._next_check = now + RETRY_TIME
        self.status = self._gone() or f"{self.name} went down"

    def _gone(self) -> str | None:
        return f"{self.name} is gone" if self._index and _index(self.name) is None else None

    def _count_drops(self) -> None:
        # The third figure, drops of the interface, counts frames of protocols that Linux does
        # not know and that no capture misses.
        if self._capture is not None:
            with suppress(pcapy.PcapError):
                _, dropped, _ = self._capture.stats()
                self.kernel_drops = self._earlier_drops + dropped


def _cannot_open(name: str, code: int) -> SourceError:
    if code == NO_SUCH_DEVICE:
        present = ", ".join([ANY, *(other for _, other in socket.if_nameindex())])
        return SourceError(f"There is no interface {name}", f"There are: {present}")
    if code in PERMISSION_DENIED:
        return SourceError(
            f"Capturing on {name} takes the right to do so",
            "Run sipscope with sudo, or give cap_net_raw with setcap to a Python interpreter"
            " of its own, or read a file with -r",
        )
    if code == NOT_UP:
        return SourceError(f"{name} is down", f"Bring it up: ip link set {name} up")
    return SourceError(f"libpcap cannot capture on {name}", f"See why: tcpdump -i {name}")


def _index(name: str) -> int | None:
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return None


def _has_link(name: str) -> bool:
    """Tell whether an interface is up and has a carrier."""
    request = struct.pack("16sH14x", name.encode(), 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as inquiry:
        try:
            (flags,) = struct.unpack_from("H", fcntl.ioctl(inquiry, SIOCGIFFLAGS, request), 16)
        except OSError:
            return False
    return bool(flags & IFF_UP and flags & IFF_RUNNING)
