"""UDP datagrams in bulk: thousands with one call of recvmmsg(2), as columns.

One call for each datagram would take four times as long, and make objects for each.
"""

import ctypes
import errno
import mmap
import os
import socket
from contextlib import suppress
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.capture.listener import (
    IP_PKTINFO,
    IPV6_PKTINFO,
    IPV6_RECVPKTINFO,
    LINKTYPE_RAW,
    SO_RXQ_OVFL,
    SO_TIMESTAMPNS,
    UDP,
    endpoint,
    listening_socket,
)
from sipscope.decode.batch import Column, PacketBatch

MOST_DATAGRAMS: Final = 4_096  # of one reading
SECOND: Final = 1_000_000_000

_MOST_AT_ONCE = 1_024  # of one call, says the kernel
_HEADERS = 48  # room for IPv6 and UDP before each payload
_SLOT = 65_536 + _HEADERS
_NAME = 28  # bytes of a sockaddr_in6
_CONTROL = 128
_MOST_CONTROLS = 4
_NOTHING_THERE = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR)
_MAPPED = np.frombuffer(bytes(10) + b"\xff\xff", np.uint8)


class _Piece(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """struct msghdr."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("pieces", ctypes.c_void_p),
        ("piece_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    """struct mmsghdr."""

    _fields_ = (("header", _Header), ("length", ctypes.c_uint))


_SIZE_T = f"u{ctypes.sizeof(ctypes.c_size_t)}"
_MESSAGE = np.dtype(
    {
        "names": ["name_length", "control_length", "length"],
        "formats": ["u4", _SIZE_T, "u4"],
        "offsets": [
            _Header.name_length.offset,
            _Header.control_length.offset,
            _Message.length.offset,
        ],
        "itemsize": ctypes.sizeof(_Message),
    }
)
_CONTROL_HEADER = np.dtype([("length", _SIZE_T), ("level", "i4"), ("kind", "i4")])
_CONTROL_DATA: Final = socket.CMSG_LEN(0)
_LONG = f"i{ctypes.sizeof(ctypes.c_long)}"
_TIME = np.dtype([("seconds", _LONG), ("nanoseconds", _LONG)])
_U32 = np.dtype("u4")
_IPV4 = np.dtype(
    [
        ("fixed", ">u2"),
        ("length", ">u2"),
        ("fragment", ">u4"),
        ("lifetime_protocol", ">u2"),
        ("checksum", ">u2"),
        ("source", "V4"),
        ("destination", "V4"),
        ("ports", "V4"),
        ("udp_length", ">u2"),
        ("udp_checksum", ">u2"),
    ]
)
_IPV6 = np.dtype(
    [
        ("fixed", ">u4"),
        ("length", ">u2"),
        ("next_header", "u1"),
        ("hop_limit", "u1"),
        ("source", "V16"),
        ("destination", "V16"),
        ("ports", "V4"),
        ("udp_length", ">u2"),
        ("udp_checksum", ">u2"),
    ]
)


class Arrivals(NamedTuple):
    """Datagrams of one reading, as columns with one entry a datagram.

    Attributes:
        slot: Where it lies.
        length: Bytes of its payload.
        time: When it came, in ns since the epoch.
        version: 4 or 6, of IP.
        source: Address of the sender, the first 4 bytes of 16 for IPv4.
        destination: The address of ours that it came to, the same.
        port: The sender's port.
    """

    slot: Column
    length: Column
    time: Column
    version: Column
    source: NDArray[np.uint8]
    destination: NDArray[np.uint8]
    port: Column

    def where(self, mask: NDArray[np.bool_]) -> "Arrivals":
        """Return those for which `mask` is true."""
        if mask.all():
            return self
        return Arrivals(
            self.slot[mask],
            self.length[mask],
            self.time[mask],
            self.version[mask],
            self.source[mask],
            self.destination[mask],
            self.port[mask],
        )


class BulkSocket:
    """A bound UDP socket that never blocks, for very many datagrams.

    Attributes:
        address: Where it listens.
        drops: Datagrams that the kernel had no room for, as of the last one that came.
    """

    def __init__(self, host: str, port: int) -> None:
        """Bind it, see `listening_socket`.

        Raises:
            SourceError: The port is taken, or the address is not ours.
        """
        self.drops = 0
        self._socket = listening_socket(socket.SOCK_DGRAM, host, port)
        self.address = endpoint(self._socket.getsockname())
        self._own = np.frombuffer(self.address.address.ljust(16, b"\0"), np.uint8)
        library = ctypes.CDLL(None, use_errno=True)
        self._receive = library.recvmmsg
        self._memory = _memory()
        self._slots = np.frombuffer(self._memory, np.uint8).reshape(MOST_DATAGRAMS, _SLOT)
        self._names = np.zeros((MOST_DATAGRAMS, _NAME), np.uint8)
        self._controls = np.zeros((MOST_DATAGRAMS, _CONTROL), np.uint8)
        self._pieces = (_Piece * MOST_DATAGRAMS)()
        self._messages = (_Message * MOST_DATAGRAMS)()
        for number in range(MOST_DATAGRAMS):
            self._prepare(number)
        self._columns = np.frombuffer(memoryview(self._messages), _MESSAGE)
        self._ask_for_details()

    def fileno(self) -> int:
        """Return the descriptor to wait for before `receive`."""
        return self._socket.fileno()

    def receive(self, now: int) -> Arrivals | None:
        """Return the datagrams that wait, None when there are none.

        They are there until the next reading.

        Args:
            now: The time in ns since the epoch, for what the kernel gives no time.
        """
        self._columns["name_length"] = _NAME
        self._columns["control_length"] = _CONTROL
        count = 0
        while count < MOST_DATAGRAMS:
            came = self._receive_some(count)
            count += came
            if came < _MOST_AT_ONCE:
                break
        if not count:
            return None
        time, own = self._details(count, now)
        names = self._names[:count]
        ipv6 = self._socket.family == socket.AF_INET6
        source = np.zeros((count, 16), np.uint8)
        if ipv6:
            source[:] = names[:, 8:24]
        else:
            source[:, :4] = names[:, 4:8]
        version = np.full(count, 6 if ipv6 else 4)
        mapped = (source[:, :12] == _MAPPED).all(axis=1) if ipv6 else np.zeros(count, np.bool_)
        for addresses in (source, own):
            addresses[mapped, :4] = addresses[mapped, 12:]
        version[mapped] = 4
        return Arrivals(
            slot=np.arange(count),
            length=self._columns["length"][:count].astype(np.int64),
            time=time,
            version=version,
            source=source,
            destination=own,
            port=names[:, 2].astype(np.int64) << 8 | names[:, 3],
        )

    def octets(self, arrivals: Arrivals, count: int) -> NDArray[np.uint8]:
        """Return the first bytes of each payload; what lies behind its end means nothing."""
        return self._slots[arrivals.slot, _HEADERS : _HEADERS + count]

    def payload(self, arrivals: Arrivals, row: int) -> bytes:
        """Return one datagram."""
        end = _HEADERS + int(arrivals.length[row])
        return self._slots[arrivals.slot[row], _HEADERS:end].tobytes()

    def packet_batch(
        self, arrivals: Arrivals, *, port: int, source: int, number: int
    ) -> PacketBatch:
        """Return datagrams as packets, each with the IP and UDP header that it came with.

        Args:
            arrivals: At least one, of the last reading.
            port: What the headers are to give as our port.
            source: Index of the source in the engine's list.
            number: Frame number of the first.
        """
        four = arrivals.version == 4
        begin = np.where(four, _HEADERS - _IPV4.itemsize, 0) + arrivals.slot * _SLOT
        end = arrivals.slot * _SLOT + _HEADERS + arrivals.length
        for version, header in ((4, _ipv4), (6, _ipv6)):
            same = arrivals.where(arrivals.version == version)
            if len(same.slot):
                octets = header(same, port)
                self._slots[same.slot, _HEADERS - octets.shape[1] : _HEADERS] = octets
        view = memoryview(self._memory)
        sizes = end - begin
        return PacketBatch(
            buffer=b"".join([view[a:b] for a, b in zip(begin.tolist(), end.tolist(), strict=True)]),
            offset=np.cumsum(sizes) - sizes,
            captured=sizes,
            wire=sizes,
            time=arrivals.time,
            link_type=LINKTYPE_RAW,
            source=source,
            number=number,
        )

    def close(self) -> None:
        """Listen no longer."""
        self._socket.close()

    def _receive_some(self, first: int) -> int:
        """Let the kernel fill slots from `first` on; return how many it did."""
        messages = ctypes.byref(self._messages, first * ctypes.sizeof(_Message))
        most = min(_MOST_AT_ONCE, MOST_DATAGRAMS - first)
        count: int = self._receive(self.fileno(), messages, most, socket.MSG_DONTWAIT, None)
        if count >= 0:
            return count
        code = ctypes.get_errno()
        if code not in _NOTHING_THERE:
            raise OSError(code, os.strerror(code))
        return 0

    def _prepare(self, number: int) -> None:
        """Tell the kernel where to put what it knows of one datagram."""
        piece, header = self._pieces[number], self._messages[number].header
        piece.base = self._slots.ctypes.data + number * _SLOT + _HEADERS
        piece.length = _SLOT - _HEADERS
        header.name = self._names.ctypes.data + number * _NAME
        header.pieces = ctypes.addressof(self._pieces) + number * ctypes.sizeof(_Piece)
        header.piece_count = 1
        header.control = self._controls.ctypes.data + number * _CONTROL

    def _ask_for_details(self) -> None:
        """Have the kernel tell when a datagram came, to which address, and how many it lost."""
        options = [(socket.SOL_SOCKET, SO_TIMESTAMPNS), (socket.SOL_SOCKET, SO_RXQ_OVFL)]
        if not any(self.address.address):
            ipv6 = self._socket.family == socket.AF_INET6
            options.append((socket.IPPROTO_IPV6, IPV6_RECVPKTINFO) if ipv6 else (0, IP_PKTINFO))
        for level, option in options:
            with suppress(OSError):
                self._socket.setsockopt(level, option, 1)

    def _details(self, count: int, now: int) -> tuple[Column, NDArray[np.uint8]]:
        """Return when each datagram came and to which of our addresses (cmsg(3))."""
        time = np.full(count, now)
        own = np.tile(self._own, (count, 1))
        controls = self._controls[:count].reshape(-1)
        row = np.arange(count)
        at = np.zeros(count, np.int64)
        for _ in range(_MOST_CONTROLS):
            there = at + _CONTROL_DATA <= self._columns["control_length"][row]
            row, at = row[there], at[there]
            if not len(row):
                break
            header = _gathered(controls, row * _CONTROL + at, _CONTROL_HEADER)
            data = row * _CONTROL + at + _CONTROL_DATA
            self._read_details(header, data, row, time, own)
            size = np.maximum(header["length"].astype(np.int64), _CONTROL_DATA)
            at = at + (size + ctypes.sizeof(ctypes.c_size_t) - 1 & -ctypes.sizeof(ctypes.c_size_t))
        return time, own

    def _read_details(
        self,
        header: NDArray[Any],
        data: Column,
        row: Column,
        time: Column,
        own: NDArray[np.uint8],
    ) -> None:
        """Put the details of one kind that lie at `data` where they belong."""
        controls = self._controls.reshape(-1)
        ours = header["level"] == socket.SOL_SOCKET
        timed = ours & (header["kind"] == SO_TIMESTAMPNS)
        moment = _gathered(controls, data[timed], _TIME)
        time[row[timed]] = moment["seconds"].astype(np.int64) * SECOND + moment["nanoseconds"]
        dropped = np.flatnonzero(ours & (header["kind"] == SO_RXQ_OVFL))
        if len(dropped):
            self.drops = int(_gathered(controls, data[dropped[-1:]], _U32)[0])
        four = (header["level"] == socket.IPPROTO_IP) & (header["kind"] == IP_PKTINFO)
        six = (header["level"] == socket.IPPROTO_IPV6) & (header["kind"] == IPV6_PKTINFO)
        for chosen, offset, size in ((four, 8, 4), (six, 0, 16)):
            if chosen.any():
                where = data[chosen, None] + np.arange(offset, offset + size)
                own[row[chosen], :size] = controls[where]


def _memory() -> mmap.mmap:
    """Return room for datagrams of any size; only the pages that they fill take memory."""
    memory = mmap.mmap(-1, MOST_DATAGRAMS * _SLOT, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # of a kernel without huge pages
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return memory


def _gathered(octets: NDArray[np.uint8], at: Column, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the structures that begin at `at`, aligned or not."""
    structures: NDArray[Any] = octets[at[:, None] + np.arange(dtype.itemsize)].view(dtype)[:, 0]
    return structures


def _ipv4(arrivals: Arrivals, port: int) -> NDArray[np.uint8]:
    """Return the IPv4 and UDP headers that datagrams came with, as rows of bytes."""
    header = np.zeros(len(arrivals.slot), _IPV4)
    header["fixed"] = 0x4500
    header["length"] = _IPV4.itemsize + arrivals.length
    header["fragment"] = 0x4000
    header["lifetime_protocol"] = 64 << 8 | UDP
    header["source"] = np.ascontiguousarray(arrivals.source[:, :4]).view("V4")[:, 0]
    header["destination"] = np.ascontiguousarray(arrivals.destination[:, :4]).view("V4")[:, 0]
    header["ports"] = _ports(arrivals, port)
    header["udp_length"] = 8 + arrivals.length
    words = header.view(">u2").reshape(-1, _IPV4.itemsize // 2)[:, :10].sum(axis=1, dtype=np.int64)
    words = (words & 0xFFFF) + (words >> 16)
    header["checksum"] = ~((words & 0xFFFF) + (words >> 16)) & 0xFFFF
    return header.view(np.uint8).reshape(-1, _IPV4.itemsize)


def _ipv6(arrivals: Arrivals, port: int) -> NDArray[np.uint8]:
    """Return the IPv6 and UDP headers that datagrams came with, as rows of bytes."""
    header = np.zeros(len(arrivals.slot), _IPV6)
    header["fixed"] = 6 << 28
    header["length"] = header["udp_length"] = 8 + arrivals.length
    header["next_header"] = UDP
    header["hop_limit"] = 64
    header["source"] = np.ascontiguousarray(arrivals.source).view("V16")[:, 0]
    header["destination"] = np.ascontiguousarray(arrivals.destination).view("V16")[:, 0]
    header["ports"] = _ports(arrivals, port)
    return header.view(np.uint8).reshape(-1, _IPV6.itemsize)


def _ports(arrivals: Arrivals, port: int) -> NDArray[Any]:
    both = (arrivals.port << 16 | port).astype(">u4")
    return both.view("V4")
