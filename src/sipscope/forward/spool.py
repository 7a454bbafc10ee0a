"""Messages on the disk for a server that is away, bounded, oldest first.

A segment is a file of HEP3 messages one after another, as over TCP. They are written to the
last one and read from the first one; one that was read is removed. The file `position` tells
how far those were read that are not read to the end.
"""

import errno
import fcntl
import os
import re
import shlex
import stat
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from sipscope.errors import SaveError

SEGMENT_BYTES: Final = 4 << 20
READ_BYTES: Final = 256 << 10

_MAGIC = b"HEP3"
_HEADER = 6
_FIRST = 10**9
"""Number of the first segment: what must go before it gets a lower one."""

_BEGUN = 16
_POSITIONS_BYTES = 22 * _BEGUN
_SEGMENT = re.compile("[0-9]{10}[.]hep")
_POSITION = re.compile(rb"([0-9]{10}) ([0-9]{10})\n")


class _Segment:
    """A file of messages.

    Attributes:
        number: The order of segments.
        size: Bytes of the file.
        read: Bytes of it that were read.
        messages: That were not read.
    """

    __slots__ = ("messages", "number", "read", "size")

    def __init__(self, number: int, size: int = 0) -> None:
        self.number = number
        self.size = size
        self.read = 0
        self.messages = 0

    @property
    def name(self) -> str:
        """Of the file."""
        return f"{self.number:010}.hep"


class Spool:
    """One server's messages in a directory of their own.

    Args:
        directory: Made if it is not there, for the owner alone.
        capacity: Bytes that are kept at most; the oldest segment makes room.

    Attributes:
        dropped: Messages that made room, or that could not be written.
        damaged: Bytes that were no whole messages, as after a crash.
        failure: Why nothing can be written, in words; None when all is well.

    Raises:
        SaveError: Another sipscope uses the directory, or others can write it.
        OSError: It cannot be used, or what is in it is not what it should be.
    """

    def __init__(self, directory: str, capacity: int) -> None:
        self.capacity = capacity
        self.dropped = 0
        self.damaged = 0
        self.failure: str | None = None
        self._name = directory
        self._segment_bytes = max(min(SEGMENT_BYTES, capacity // 8), 1)
        self._reading = self._writing = self._lock = self._position = -1
        self._directory = _open_directory(directory)
        try:
            self._lock = self._open("lock", os.O_RDWR | os.O_CREAT)
            self._hold_alone()
            self._position = self._open("position", os.O_RDWR | os.O_CREAT)
            self._segments = self._survey()
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """Bytes that wait to be read."""
        return sum(segment.size - segment.read for segment in self._segments)

    @property
    def messages(self) -> int:
        """Messages that wait to be read."""
        return sum(segment.messages for segment in self._segments)

    def append(self, messages: Sequence[bytes]) -> None:
        """Write messages behind all others."""
        if not messages:
            return
        segments = self._segments
        if self._writing < 0 or segments[-1].size >= self._segment_bytes:
            self._close_writing()
            segment = _Segment(segments[-1].number + 1 if segments else _FIRST)
            self._writing = self._create(segment)
            if self._writing >= 0:
                segments.append(segment)
        self._fill(segments, -1, self._writing, messages)

    def prepend(self, messages: Sequence[bytes]) -> None:
        """Write messages in front of all others, as they are older."""
        if not messages:
            return
        self._close_reading()
        segment = _Segment(self._segments[0].number - 1 if self._segments else _FIRST - 1)
        descriptor = self._create(segment)
        if descriptor >= 0:
            self._segments.insert(0, segment)
        self._fill(self._segments, 0, descriptor, messages)
        if descriptor >= 0:
            os.close(descriptor)

    def take(self) -> list[bytes]:
        """Return the next messages, oldest first; none when there are none.

        They are not kept any longer: what could not be sent is to be put back in front.
        """
        while self._segments:
            segment = self._segments[0]
            try:
                if self._reading < 0:
                    self._reading = self._open(segment.name, os.O_RDONLY)
                data = os.pread(self._reading, READ_BYTES, segment.read)
            except OSError as error:
                self.failure = f"{self._name}/{segment.name} cannot be read: {error.strerror}"
                self.dropped += segment.messages
                data = b""
            messages, used, junk = _whole_messages(data)
            self.damaged += junk
            segment.read += used
            segment.messages = max(segment.messages - len(messages), 0)
            if messages:
                self._write_position()
                return messages
            if not used:
                self.damaged += len(data)
                self._remove_first()
        return []

    def close(self) -> None:
        """Leave what waits for the next run."""
        self._close_reading()
        self._close_writing()
        for descriptor in (self._position, self._lock, self._directory):
            if descriptor >= 0:
                os.close(descriptor)

    def _fill(
        self, segments: Sequence[_Segment], index: int, descriptor: int, messages: Sequence[bytes]
    ) -> None:
        """Write messages to a segment; the oldest makes room."""
        data = b"".join(messages)
        if descriptor < 0 or not self._write(descriptor, data, segments[index].size):
            self.dropped += len(messages)
            return
        self.failure = None
        segments[index].size += len(data)
        segments[index].messages += len(messages)
        while len(self._segments) > 1 and self.size > self.capacity:
            self.dropped += self._segments[0].messages
            self._remove_first()

    def _remove_first(self) -> None:
        self._close_reading()
        segment = self._segments.pop(0)
        if not self._segments:
            self._close_writing()
        with suppress(OSError):
            os.unlink(segment.name, dir_fd=self._directory)
        self._write_position()

    def _close_reading(self) -> None:
        if self._reading >= 0:
            os.close(self._reading)
            self._reading = -1

    def _close_writing(self) -> None:
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    def _create(self, segment: _Segment) -> int:
        """Create a segment; return its descriptor, -1 when that fails."""
        try:
            return self._open(segment.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        except OSError as error:
            self._fail(error)
            return -1

    def _write(self, descriptor: int, data: bytes, at: int) -> bool:
        """Write all of `data`, or nothing; tell whether it was written."""
        written = 0
        view = memoryview(data)
        try:
            while written < len(data):
                written += os.pwrite(descriptor, view[written:], at + written)
        except OSError as error:
            self._fail(error)
            with suppress(OSError):
                os.ftruncate(descriptor, at)
            return False
        return True

    def _fail(self, error: OSError) -> None:
        self.failure = f"{self._name} cannot be written: {error.strerror}"

    def _open(self, name: str, flags: int) -> int:
        """Open a file of the directory that is no link and nobody else's."""
        flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(name, flags, 0o600, dir_fd=self._directory)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_nlink > 1:
            os.close(descriptor)
            raise OSError(errno.EPERM, "not a file of ours", name)
        return descriptor

    def _hold_alone(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SaveError(
                f"Another sipscope uses the spool {self._name}", "Give each its own with --spool"
            ) from error

    def _survey(self) -> list[_Segment]:
        """Return the segments that are there."""
        known = dict(_POSITION.findall(os.pread(self._position, _POSITIONS_BYTES, 0)))
        segments = []
        for name in sorted(os.listdir(self._directory)):
            if _SEGMENT.fullmatch(name) is None:
                continue
            descriptor = self._open(name, os.O_RDONLY)
            segment = _Segment(int(name[:10]), os.fstat(descriptor).st_size)
            segment.read = min(int(known.get(name[:10].encode(), 0)), segment.size)
            offset = segment.read
            while data := os.pread(descriptor, READ_BYTES, offset):
                messages, used, _ = _whole_messages(data)
                segment.messages += len(messages)
                offset += used or len(data)
            os.close(descriptor)
            segments.append(segment)
        return segments

    def _write_position(self) -> None:
        """Note how far segments were read; more than one when others came in front."""
        begun = [segment for segment in self._segments[:_BEGUN] if segment.read]
        text = b"".join([b"%010d %010d\n" % (segment.number, segment.read) for segment in begun])
        with suppress(OSError):  # at worst, messages are sent twice
            os.pwrite(self._position, text.ljust(_POSITIONS_BYTES), 0)


def open_spool(directory: str, capacity: int) -> Spool:
    """Return the spool in a directory.

    Raises:
        SaveError: It cannot be used.
    """
    try:
        return Spool(directory, capacity)
    except OSError as error:
        where = f"{directory}/{error.filename}" if error.filename else directory
        raise SaveError(
            f"{where} cannot be used as spool: {error.strerror}",
            "Name a directory that only you can write, with nothing else in it",
        ) from error


def _open_directory(directory: str) -> int:
    """Open a directory that nobody else can write, or make it."""
    with suppress(FileExistsError):
        os.makedirs(directory, 0o700)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        os.close(descriptor)
        raise SaveError(
            f"The spool {directory} can be written by others",
            f"Make it yours: chmod 700 {shlex.quote(directory)}",
        )
    return descriptor


def _whole_messages(data: bytes) -> tuple[list[bytes], int, int]:
    """Return the messages that `data` begins with, and how many bytes they and junk take."""
    messages: list[bytes] = []
    offset = junk = 0
    while len(data) - offset >= _HEADER:
        if data[offset : offset + 4] != _MAGIC:
            following = data.find(_MAGIC, offset + 1)
            skipped = (len(data) - 3 if following < 0 else following) - offset
            junk += skipped
            offset += skipped
            continue
        length = max(int.from_bytes(data[offset + 4 : offset + 6], "big"), _HEADER)
        if offset + length > len(data):
            break
        messages.append(data[offset : offset + length])
        offset += length
    return messages, offset, junk
