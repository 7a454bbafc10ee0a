"""Capture files as a source of packets: pcap and pcapng, also gzipped, also standard input."""

import errno
import os
import select
import shlex
import stat
import sys
from collections.abc import Callable, Iterator
from functools import partial
from io import BufferedReader
from typing import Protocol, cast

from sipscope.capture import gunzip, pcap, pcapng
from sipscope.capture.gunzip import Gunzip
from sipscope.capture.pcap import PcapParser
from sipscope.capture.pcapng import PcapngParser
from sipscope.decode.batch import Frame, PacketBatch
from sipscope.errors import SourceError

STANDARD_INPUT = "-"
MAGIC_BYTES = 4
FIRST_BYTES = 65_536  # so that the first packets of a file come at once
MOST_UNPACKED = 4 << 30

# What other files begin with, what they are, and what makes a capture of them.
OTHER_FILES = (
    (b"snoop\0\0\0", "a snoop capture", "Convert it with: editcap {0} {0}.pcap"),
    (b"RTSS", "a Network Monitor capture", "Convert it with: editcap {0} {0}.pcap"),
    (b"GMBU", "a Network Monitor capture", "Convert it with: editcap {0} {0}.pcap"),
    (b"\xfd7zXZ\0", "compressed with xz", "Unpack it with: unxz {0}"),
    (b"\x28\xb5\x2f\xfd", "compressed with Zstandard", "Unpack it with: unzstd {0}"),
    (b"BZh", "compressed with bzip2", "Unpack it with: bunzip2 {0}"),
    (b"PK\x03\x04", "a ZIP archive", "Unpack it with: unzip {0}"),
)


Parser = PcapParser | PcapngParser


class FileRecording:
    """An open capture file, from which packets are read again (`decode.batch.Recording`)."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.parser: Parser | None = None

    def read(self, position: int, length: int) -> bytes:
        """Return `length` bytes at `position` of the file; fewer when the file shrank."""
        try:
            return os.pread(self.descriptor, length, position)
        except OSError:
            return b""

    def frame(self, position: int) -> Frame | None:
        """Return the frame whose data begin at `position`; None when it is gone."""
        return self.parser.frame(self.read, position) if self.parser else None

    def close(self) -> None:
        """Close the file; there is nothing to read after that."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class _Bytes(Protocol):
    """The bytes of a capture, in order."""

    def get(self, position: int, needed: int, size: int, *, wait: bool) -> bytes | None:
        """Return some `size` bytes from `position` on, at least `needed` unless it ends there.

        None means that they have not come yet, when they are not to `wait` for.
        """


class _Stored:
    """The bytes of a regular file.

    They are read, not mapped: a mapping of a file that shrinks ends the process.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def get(self, position: int, needed: int, size: int, *, wait: bool) -> bytes:
        return os.pread(self._descriptor, max(needed, size), position)


class _Streamed:
    """The bytes of a pipe or of a compressed file, of which only the unread are kept."""

    def __init__(
        self, read: Callable[[int], bytes], first: bytes = b"", waits_for: int | None = None
    ) -> None:
        """Take what `read` gives after `first`, when the descriptor `waits_for` is readable."""
        self._read = read
        self._waits_for = waits_for
        self._begin = 0
        self._chunks = [first]
        self._ended = False

    def get(self, position: int, needed: int, size: int, *, wait: bool) -> bytes | None:
        if position > self._begin:
            self._chunks = [b"".join(self._chunks)[position - self._begin :]]
            self._begin = position
        length = sum(map(len, self._chunks))
        while length < needed and not self._ended:
            if not wait and self._waits_for is not None and not _readable(self._waits_for):
                return None
            chunk = self._read(max(size, needed - length))
            self._chunks.append(chunk)
            self._ended = not chunk
            length += len(chunk)
        self._chunks = [b"".join(self._chunks)]
        return self._chunks[0]


class FileSource:
    """A capture file.

    Attributes:
        name: What the file is called in reports.
        kind: `file`.
        packets: Packets given so far.
        bytes: Captured bytes given so far.
        truncated_packets: Packets of which not all bytes were captured.
        size: Bytes of the file, None for a stream.
        ended: No more packets will come.
    """

    kind = "file"

    def __init__(
        self,
        path: str,
        *,
        name: str | None = None,
        source: int = 0,
        batch_bytes: int = 4 << 20,
        most_unpacked: int = MOST_UNPACKED,
    ) -> None:
        """Open the file; this waits for the first bytes of a stream.

        Args:
            path: The file, `-` for standard input.
            name: Another name for reports.
            source: Index of this source in the engine's list.
            batch_bytes: How much of the file is read for a batch.
            most_unpacked: How much of a gzipped file is unpacked at most, in bytes.

        Raises:
            SourceError: It cannot be opened, or it is no capture file.
        """
        self.name = name or ("standard input" if path == STANDARD_INPUT else path)
        self.packets = 0
        self.bytes = 0
        self.truncated_packets = 0
        self.size: int | None = None
        self.ended = False
        self._batch_bytes = batch_bytes
        self._batches: Iterator[PacketBatch] = iter(())
        self._failure: str | None = None
        self._gunzip: Gunzip | None = None
        self._file: FileRecording | None = None
        self._waits_for: int | None = None
        self._parser: Parser = PcapParser()
        try:
            self._content = self._open(path, most_unpacked)
            self._parser = self._recognise(path, source)
        except OSError as error:
            self.close()
            raise _cannot_open(self.name, error) from error
        except SourceError:
            self.close()
            raise

    @property
    def damaged(self) -> str | None:
        """What is wrong with the file, in words; the packets before that were given."""
        unpacking = self._gunzip.damaged if self._gunzip else None
        return self._failure or unpacking or self._parser.damaged

    @property
    def progress(self) -> float | None:
        """The share of the file that was read, None when its size is not known."""
        if self.size is None:
            return None
        position = self._gunzip.taken if self._gunzip else self._parser.position
        return 1.0 if self.ended else min(1.0, position / max(1, self.size))

    def fileno(self) -> int | None:
        """Return the descriptor to wait for before `read`, None when `read` never waits."""
        return self._waits_for

    def read(self, *, wait: bool = True) -> PacketBatch | None:
        """Return the next packets, None when there are no more.

        Without `wait`, None from a pipe can also mean that no whole packet has come yet:
        `ended` tells which. Gzipped data are waited for until some of them can be unpacked.
        """
        while (batch := next(self._batches, None)) is None:
            if self.ended or not self._advance(wait):
                return None
        self.packets += len(batch)
        self.bytes += int(batch.captured.sum())
        self.truncated_packets += int((batch.captured < batch.wire).sum())
        return batch

    def close(self) -> None:
        """Close the file; its recording gives nothing after that."""
        self.ended = True
        self._batches = iter(())
        if self._file:
            self._file.close()

    def _open(self, path: str, most_unpacked: int) -> _Bytes:
        if path == STANDARD_INPUT:
            read, self._waits_for = _standard_input()
        else:
            # A pipe that nobody writes to is waited for; there is no time-out to choose.
            self._file = FileRecording(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
            descriptor = self._file.descriptor
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode):
                self.size = status.st_size
                if os.pread(descriptor, 2, 0) != gunzip.MAGIC:
                    return _Stored(descriptor)
            else:
                self._waits_for = descriptor
            read = partial(os.read, descriptor)
        first = _first_bytes(read)
        if first.startswith(gunzip.MAGIC):
            self._gunzip = Gunzip(read, most_unpacked, first)
            return _Streamed(self._gunzip.read)
        return _Streamed(read, first, self._waits_for)

    def _recognise(self, path: str, source: int) -> Parser:
        head = self._content.get(0, MAGIC_BYTES, FIRST_BYTES, wait=True) or b""
        recording = self._file if isinstance(self._content, _Stored) else None
        parser: Parser
        if head[:4] in pcap.MAGICS:
            parser = PcapParser(source, recording)
        elif head.startswith(pcapng.MAGIC):
            parser = PcapngParser(source, recording)
        else:
            raise _not_a_capture(self.name, path, head)
        if recording:
            recording.parser = parser
        return parser

    def _advance(self, wait: bool) -> bool:
        """Read on; return whether it is worth looking for a batch now."""
        parser = self._parser
        if parser.damaged:
            self.ended = True
            return False
        size = self._batch_bytes if parser.packets else min(FIRST_BYTES, self._batch_bytes)
        try:
            data = self._content.get(parser.position, parser.needed, size, wait=wait)
        except OSError as error:
            self._failure = f"cannot be read any further: {error.strerror}"
            self.ended = True
            return False
        if data is None:
            return False
        if len(data) < parser.needed:
            parser.finish(len(data))
            self.ended = True
            return False
        self._batches = parser.parse(data)
        return True


def _standard_input() -> tuple[Callable[[int], bytes], int | None]:
    """Return how to read standard input, and its descriptor if it can be waited for."""
    if sys.stdin is None or sys.stdin.isatty():
        raise SourceError(
            "Standard input is no capture", "Pipe one into it: tcpdump -w - | sipscope -r -"
        )
    try:
        descriptor = sys.stdin.fileno()
        pollable = not stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:  # a stand-in without a descriptor
        pollable = False
    buffer = cast(BufferedReader, sys.stdin.buffer)
    return buffer.read1, descriptor if pollable else None


def _readable(descriptor: int) -> bool:
    inquiry = select.poll()
    inquiry.register(descriptor, select.POLLIN)
    return bool(inquiry.poll(0))


def _first_bytes(read: Callable[[int], bytes]) -> bytes:
    first = b""
    while len(first) < MAGIC_BYTES and (more := read(FIRST_BYTES)):
        first += more
    return first


def _cannot_open(name: str, error: OSError) -> SourceError:
    if isinstance(error, FileNotFoundError):
        return SourceError(f"There is no file {name}", "Check its name")
    if isinstance(error, IsADirectoryError):
        return SourceError(f"{name} is a directory", "Name the capture files in it")
    if isinstance(error, PermissionError):
        return SourceError(f"{name} may not be read", "Run sipscope as a user who may read it")
    if error.errno == errno.EMFILE:
        return SourceError("So many files cannot be open at once", "Merge some of them: mergecap")
    return SourceError(f"{name} cannot be read: {error.strerror}", "Check the file")


def _not_a_capture(name: str, path: str, head: bytes) -> SourceError:
    if not head:
        return SourceError(f"{name} is empty", "Capture again")
    for magic, what, remedy in OTHER_FILES:
        if head.startswith(magic):
            return SourceError(f"{name} is {what}", remedy.format(shlex.quote(path)))
    return SourceError(
        f"{name} is not a capture file", "Give a pcap or pcapng file, gzipped or not"
    )
