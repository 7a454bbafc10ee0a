"""Packets written to capture files, pcap and pcapng."""

import gzip
import os
import stat
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import groupby, islice
from operator import attrgetter
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.capture.pcap import gather
from sipscope.capture.pcapng import ENHANCED_PACKET, IF_TSRESOL, INTERFACE_DESCRIPTION
from sipscope.capture.pcapng import MAGIC as SECTION_HEADER
from sipscope.decode.batch import Column, Frame, PacketBatch
from sipscope.errors import SaveError
from sipscope.export.annotations import (
    NAME_RESOLUTION,
    Annotations,
    comment_option,
    name_records,
)
from sipscope.export.saving import cannot_save, create, file_exists, saving

ETHERNET = 1
SNAPSHOT = 262_144
SECOND = 1_000_000_000
FRAMES_AT_ONCE = 20_000
LAST_SECOND = 0xFFFFFFFF  # the last one that fits pcap, in 2106

PCAP_NAMES = (".pcap", ".cap", ".dmp")
PCAPNG_NAMES = (".pcapng", ".ntar")

Octets = NDArray[np.uint8]


class Records(NamedTuple):
    """Packets as they stand in a file.

    Attributes:
        octets: The bytes.
        ends: Where each packet's record ends in them.
    """

    octets: Octets
    ends: Column


class PcapFormat:
    """The pcap format: one link type, little endian, in microseconds so that all can read it."""

    def __init__(self, link_type: int, *, nanoseconds: bool = False) -> None:
        self.link_type = link_type
        self._unit = 1 if nanoseconds else 1000
        magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
        self.header = struct.pack("<IHHiIII", magic, 2, 4, 0, 0, SNAPSHOT, link_type)

    def records(self, batch: PacketBatch) -> Records:
        """Return the records of a batch's packets."""
        seconds, rest = np.divmod(batch.time, SECOND)
        header = np.empty((len(batch), 4), dtype="<u4")
        header[:, 0] = np.minimum(seconds, LAST_SECOND)
        header[:, 1] = rest // self._unit
        header[:, 2] = batch.captured
        header[:, 3] = np.minimum(batch.wire, 0xFFFFFFFF)
        return _assemble(batch, header.view(np.uint8), np.empty((len(batch), 0), np.uint8))


class PcapngFormat:
    """The pcapng format: one section, little endian, an interface for each link type, in ns."""

    def __init__(self) -> None:
        self._interfaces: dict[int, int] = {}
        self.header = _block(
            int.from_bytes(SECTION_HEADER, "little"), struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
        )

    def records(self, batch: PacketBatch) -> Records:
        """Return the blocks of a batch's packets, after that of their interface if it is new."""
        interface, description = self._interface(batch.link_type)
        length = 32 + (batch.captured + 3 & -4)
        header = np.empty((len(batch), 7), dtype="<u4")
        header[:, 0] = ENHANCED_PACKET
        header[:, 1] = length
        header[:, 2] = interface
        header[:, 3] = batch.time >> 32
        header[:, 4] = batch.time & 0xFFFFFFFF
        header[:, 5] = batch.captured
        header[:, 6] = np.minimum(batch.wire, 0xFFFFFFFF)
        trailer = header[:, 1:2].copy()
        octets, ends = _assemble(batch, header.view(np.uint8), trailer.view(np.uint8), align=4)
        if not description:
            return Records(octets, ends)
        before = np.frombuffer(description, dtype=np.uint8)
        return Records(np.concatenate([before, octets]), ends + len(before))

    def commented(self, frame: Frame, comment: str) -> bytes:
        """Return the block of one frame with a comment, after that of its interface."""
        interface, description = self._interface(frame.link_type)
        size, wire = len(frame.data), min(frame.wire_length, 0xFFFFFFFF)
        high, low = frame.time >> 32, frame.time & 0xFFFFFFFF
        head = struct.pack("<IIIII", interface, high, low, size, wire)
        data = frame.data + bytes(-size % 4)
        return description + _block(ENHANCED_PACKET, head + data + comment_option(comment))

    def names(self, names: Mapping[bytes, str]) -> bytes:
        """Return the block that names addresses, nothing when there are no names."""
        return _block(NAME_RESOLUTION, name_records(names)) if names else b""

    def _interface(self, link_type: int) -> tuple[int, bytes]:
        """Return the index of a link type's interface, and its block if it is new."""
        known = self._interfaces.get(link_type)
        if known is not None:
            return known, b""
        interface = self._interfaces[link_type] = len(self._interfaces)
        resolution = struct.pack("<HHB3xI", IF_TSRESOL, 1, 9, 0)
        head = struct.pack("<HHI", link_type, 0, SNAPSHOT)
        return interface, _block(INTERFACE_DESCRIPTION, head + resolution)


def save_frames(
    path: str,
    frames: Iterable[Frame],
    *,
    overwrite: bool = False,
    nanoseconds: bool = False,
    annotations: Annotations | None = None,
    pcapng: bool | None = None,
    step: Callable[[float], None] = lambda share: None,
) -> int:
    """Save frames in order of time; the file is whole or not there.

    The file is pcapng if the frames have several link types, else pcap in microseconds;
    gzipped if the name ends in .gz.

    Args:
        path: The file.
        frames: The frames, in any order.
        overwrite: Whether to replace a file of that name.
        nanoseconds: Whether pcap may be in nanoseconds where the times need it.
        annotations: Names and comments, which only pcapng can keep.
        pcapng: Whether it is pcapng in any case; None to go by the name.
        step: Called now and then with the share that is written; it may raise to end it.

    Returns:
        The number of frames.

    Raises:
        SaveError: The file exists and `overwrite` is not set, or it cannot be written.
    """
    ordered = sorted(frames, key=attrgetter("time"))
    link_types = {frame.link_type for frame in ordered} or {ETHERNET}
    name = path.lower().removesuffix(".gz")
    form: PcapFormat | PcapngFormat
    if pcapng is None:
        pcapng = name.endswith(PCAPNG_NAMES)
    if pcapng or len(link_types) > 1:
        form = PcapngFormat()
    else:
        fine = nanoseconds and any(frame.time % 1000 for frame in ordered)
        form = PcapFormat(link_types.pop(), nanoseconds=fine)
    with saving(path, overwrite=overwrite) as file:
        if path.lower().endswith(".gz"):
            with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
                _write_frames(packed, form, ordered, annotations or Annotations(), step)
        else:
            _write_frames(file, form, ordered, annotations or Annotations(), step)
    return len(ordered)


class Recorder:
    """A capture file that grows while packets come; at any moment it holds whole records.

    It is pcapng, unless its name ends in .pcap and at most one link type is expected. When
    the disk is full it ends after the last whole record, and nothing more is written.

    Attributes:
        packets: Packets written so far.
        bytes: Length of the file so far.
        missed: Packets that could not be written.
        damaged: Why packets are missing in the file, in words.
    """

    def __init__(
        self, path: str, *, link_types: Sequence[int] = (), overwrite: bool = False
    ) -> None:
        """Create the file.

        Args:
            path: The file, or a device or pipe.
            link_types: The link types of the sources, as far as they are known.
            overwrite: Whether to replace a file of that name.

        Raises:
            SaveError: The file exists and `overwrite` is not set, or it cannot be written.
        """
        self.packets = 0
        self.bytes = 0
        self.missed = 0
        self.damaged: str | None = None
        self._form: PcapFormat | PcapngFormat | None = PcapngFormat()
        if path.lower().endswith(PCAP_NAMES) and len(set(link_types)) <= 1:
            self._form = PcapFormat(link_types[0]) if link_types else None
        self._descriptor = _create_recording(path, overwrite)
        if self._form:
            self._write_header(self._form)
        if self.damaged:
            raise SaveError(f"{path}: {self.damaged}", "Record to another place")

    def write(self, batch: PacketBatch) -> None:
        """Append the packets of a batch; what goes wrong is told by `damaged`, not raised."""
        if not len(batch):
            return
        if self._form is None:
            self._form = PcapFormat(batch.link_type)
            self._write_header(self._form)
        if isinstance(self._form, PcapFormat) and batch.link_type != self._form.link_type:
            self.damaged = self.damaged or (
                f"a pcap file takes one link type, so packets of type {batch.link_type} are"
                " missing; record to a name that ends in .pcapng"
            )
            self.missed += len(batch)
            return
        written = 0 if self._descriptor < 0 else self._write(self._form.records(batch))
        self.packets += written
        self.missed += len(batch) - written

    def flush(self) -> None:
        """Bring what was written to the disk; call it about once a second."""
        if self._descriptor >= 0:
            with suppress(OSError):  # pipes and devices have no disk
                os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Finish the file."""
        if self._form is None and self._descriptor >= 0:
            self._write_header(PcapFormat(ETHERNET))
        self.flush()
        self._end()

    def _write_header(self, form: "PcapFormat | PcapngFormat") -> None:
        self._write(Records(np.frombuffer(form.header, np.uint8), np.array([len(form.header)])))

    def _write(self, records: Records) -> int:
        """Append records, as many as there is room for; return how many that were."""
        rest = records.octets.data
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            self.damaged = f"the recording ended: {error.strerror}"
        written = len(records.octets) - len(rest)
        whole = int(np.searchsorted(records.ends, written, side="right"))
        if rest:
            written = int(records.ends[whole - 1]) if whole else 0
            with suppress(OSError):
                os.ftruncate(self._descriptor, self.bytes + written)
            self._end()
        self.bytes += written
        return whole

    def _end(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _create_recording(path: str, overwrite: bool) -> int:
    """Return a descriptor of the new file, or of the device or pipe that `path` is."""
    if path.lower().endswith(".gz"):
        raise SaveError("A recording is not compressed", "Record to .pcapng, and gzip it later")
    try:
        status = os.lstat(path) if os.path.lexists(path) else None
        if status and stat.S_ISDIR(status.st_mode):
            raise SaveError(f"{path} is a directory", "Name a file in it")
        if status and not stat.S_ISREG(status.st_mode) and not stat.S_ISLNK(status.st_mode):
            return os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        if status and not overwrite:
            raise file_exists(path)
        if status:
            os.unlink(path)  # not emptied: it may be a link to another file
        return create(path)
    except OSError as error:
        raise cannot_save(path, error) from error


def _write_frames(
    file: BinaryIO | gzip.GzipFile,
    form: PcapFormat | PcapngFormat,
    frames: list[Frame],
    annotations: Annotations,
    step: Callable[[float], None],
) -> None:
    comments = annotations.comments if isinstance(form, PcapngFormat) else {}
    file.write(form.header)
    if isinstance(form, PcapngFormat):
        file.write(form.names(annotations.names))
    written = 0
    for (link_type, comment), run in groupby(
        frames, key=lambda frame: (frame.link_type, comments.get(frame))
    ):
        while some := list(islice(run, FRAMES_AT_ONCE)):
            if comment is None or not isinstance(form, PcapngFormat):
                file.write(form.records(_batch(link_type, some)).octets.data)
            else:
                file.writelines(form.commented(frame, comment) for frame in some)
            written += len(some)
            step(written / len(frames))


def _batch(link_type: int, frames: list[Frame]) -> PacketBatch:
    captured = np.array([len(frame.data) for frame in frames], dtype=np.int64)
    return PacketBatch(
        buffer=b"".join(frame.data for frame in frames),
        offset=np.cumsum(captured) - captured,
        captured=captured,
        wire=np.array([frame.wire_length for frame in frames], dtype=np.int64),
        time=np.array([frame.time for frame in frames], dtype=np.int64),
        link_type=link_type,
    )


def _block(kind: int, body: bytes) -> bytes:
    length = 12 + len(body)
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _assemble(batch: PacketBatch, header: Octets, trailer: Octets, align: int = 1) -> Records:
    """Put every packet between its header and its trailer, zeros after it up to `align`.

    `header` and `trailer` have a row a packet. The loop runs over the lengths that packets
    have, which are few, not over packets.
    """
    captured = batch.captured
    padded = captured + align - 1 & -align
    ends = np.cumsum(header.shape[1] + padded + trailer.shape[1])
    octets = np.zeros(int(ends[-1]), dtype=np.uint8)
    starts = ends - trailer.shape[1] - padded
    _scatter(octets, starts - header.shape[1], header)
    _scatter(octets, ends - trailer.shape[1], trailer)
    order = np.argsort(captured, kind="stable")
    lengths, first = np.unique(captured[order], return_index=True)
    for length, same in zip(lengths.tolist(), np.split(order, first[1:]), strict=True):
        if length:
            packets = gather(batch.buffer, batch.offset[same], length)
            _scatter(octets, starts[same], packets.view(np.uint8).reshape(-1, length))
    return Records(octets, ends)


def _scatter(octets: Octets, starts: Column, rows: Octets) -> None:
    """Copy row after row to where it starts in `octets`."""
    size = rows.shape[1]
    if size:
        shape = (len(octets) - size + 1,)
        everywhere = np.ndarray(shape, dtype=f"V{size}", buffer=octets, strides=(1,))
        everywhere[starts] = np.ascontiguousarray(rows).view(f"V{size}")[:, 0]
