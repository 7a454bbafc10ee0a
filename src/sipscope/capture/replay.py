"""Capture files played back as if they were live, for demonstrations and soak tests."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import shake_128

import numpy as np
from numpy.typing import NDArray

from sipscope.capture.file import FileSource
from sipscope.decode.batch import Column, PacketBatch
from sipscope.decode.network import Datagrams, NetworkDecoder
from sipscope.decode.rtp import RtpBlock, rtp_block
from sipscope.errors import SourceError

MOST_BYTES = 256 << 20  # of a capture, which is held in memory
SECOND = 1_000_000_000
STREAM_PACKETS = 5  # fewer with one SSRC are not taken for a stream

# What identifies a call and its transactions (RFC 3261 sections 8.1.1.4, 8.1.1.7 and 19.3).
_WORD = rb"[-.!%*_+`'~0-9A-Za-z]"
_IDENTIFIERS = (
    re.compile(rb"\r\n(?:Call-ID|i)[ \t]*:[ \t]*([^\s@]+)", re.IGNORECASE),
    re.compile(rb";[ \t]*tag[ \t]*=[ \t]*(" + _WORD + rb"+)", re.IGNORECASE),
    re.compile(rb";[ \t]*branch[ \t]*=[ \t]*z9hG4bK(" + _WORD + rb"+)", re.IGNORECASE),
)
# Elsewhere, as in Replaces, only words that are nothing else by accident; % begins an escape.
_LONG_WORD = re.compile(rb"[-.!*_+`'~0-9A-Za-z]{8,}")


class ReplaySource:
    """Capture files that run side by side, each from the start again when it has ended.

    A file's packets come at their distances in time, with the times of now. From its second
    run on Call-IDs, tags, branches and SSRCs are others, of the same length, so that they
    make new calls; the rest stays as it was captured, and UDP checksums are left out.

    Attributes:
        name: The files.
        kind: `replay`.
        packets: Packets given so far.
        bytes: Captured bytes given so far.
        truncated_packets: Packets of which not all bytes were captured.
        damaged: What is wrong with the files, in words.
    """

    kind = "replay"

    def __init__(
        self,
        paths: Sequence[str],
        *,
        source: int = 0,
        speed: float = 1.0,
        loop: bool = True,
        stagger: float = 3.0,
        pause: float = 2.0,
    ) -> None:
        """Load the files.

        Args:
            paths: The files.
            source: Index of this source in the engine's list.
            speed: How much faster than captured they are played.
            loop: Whether they start again when they have ended.
            stagger: Seconds from the start of one file to that of the next.
            pause: Seconds from the end of a file to its next start.

        Raises:
            SourceError: A file cannot be read, or is too large.
        """
        self.name = ", ".join(paths)
        self.packets = 0
        self.bytes = 0
        self.truncated_packets = 0
        self.damaged: str | None = None
        self._source = source
        self._loop = loop
        self._stagger = int(stagger * SECOND)
        self._pause = int(pause * SECOND)
        self._tracks: list[_Track] = []
        self._started = False
        for path in paths:
            batches, damaged = _load(path)
            self.damaged = self.damaged or (damaged and f"{path}: {damaged}")
            if batches:
                self._tracks.append(_Track(batches, speed))

    def next_due(self, now: int) -> int | None:
        """Return when the next packet is due, in ns since the epoch; None when there is none."""
        if not self._started:
            self._started = True
            for index, track in enumerate(self._tracks):
                track.begin(now + index * self._stagger)
        return min((track.due for track in self._tracks), default=None)

    def read(self, now: int) -> PacketBatch | None:
        """Return packets that are due, None when there are no more; `now` is the time in ns."""
        due = self.next_due(now)
        if due is None or due > now:
            return None
        track = min(self._tracks, key=lambda track: track.due)
        batch = replace(track.take(now), source=self._source, number=self.packets + 1)
        if track.ended and self._loop:
            # Whoever comes late, as after a suspend, misses whole runs. It is never due at once,
            # so that the caller comes to an end whatever the length of the file.
            track.begin(max(track.due + self._pause, now + 1))
        elif track.ended:
            self._tracks.remove(track)
        self.packets += len(batch)
        self.bytes += int(batch.captured.sum())
        self.truncated_packets += int((batch.captured < batch.wire).sum())
        return batch

    def close(self) -> None:
        """Forget the files."""
        self._tracks.clear()


class _Track:
    """One capture file, being played.

    Attributes:
        due: When the next packet is due; after the end, when the last one was.
        ended: Whether the last packet was given.
    """

    def __init__(self, batches: list[PacketBatch], speed: float) -> None:
        self.due = 0
        self.ended = False
        self._scenes = list(_scenes(batches, speed))
        self._run = -1
        self._start: int
        self._number: int  # of the scene
        self._batch: PacketBatch  # the scene in this run
        self._next: int  # packet of the batch

    def begin(self, start: int) -> None:
        """Play from the beginning, at the time `start`."""
        self._run += 1
        self._start = start
        self.ended = False
        self._enter(0)

    def take(self, now: int) -> PacketBatch:
        """Return the packets that are due, at least one, at most the rest of a batch."""
        scene, batch, first = self._scenes[self._number], self._batch, self._next
        end = max(first + 1, int(np.searchsorted(scene.due, now - self._start, side="right")))
        if end < len(batch):
            self._next = end
            self.due = self._start + int(scene.due[end])
        elif self._number + 1 < len(self._scenes):
            self._enter(self._number + 1)
        else:
            self.ended = True
            self.due = self._start + int(scene.due[-1])
        return replace(
            batch,
            offset=batch.offset[first:end],
            captured=batch.captured[first:end],
            wire=batch.wire[first:end],
            time=scene.since[first:end] + self._start,
        )

    def _enter(self, number: int) -> None:
        scene = self._scenes[number]
        self._number, self._next = number, 0
        self._batch = scene.play(self._run)
        self.due = self._start + int(scene.due[0])


class _Scene:
    """A batch of a file, and where in it stands what differs from run to run.

    Attributes:
        since: When each packet was captured, in ns since the first of the file.
        due: When each is to be given, on the same scale; never falling.
    """

    def __init__(
        self,
        batch: PacketBatch,
        since: Column,
        due: Column,
        words: dict[tuple[int, int], bytes],
        sources: Column,
    ) -> None:
        self.since = since
        self.due = due
        self._batch = batch
        self._words = words
        self._sources = sources

    def play(self, run: int) -> PacketBatch:
        """Return the batch as it is to be in run 0, 1, ..."""
        if run == 0:
            return self._batch
        buffer = bytearray(self._batch.buffer)
        for (start, end), value in self._words.items():
            buffer[start:end] = _other(value, run)
        octets = np.frombuffer(buffer, dtype=np.uint8)
        mask = (run * 0x9E3779B1 & 0xFFFFFFFF).to_bytes(4, "big")
        for index, octet in enumerate(mask):
            octets[self._sources + index] ^= octet
        return replace(self._batch, buffer=bytes(buffer))


def _load(path: str) -> tuple[list[PacketBatch], str | None]:
    """Return all packets of a file, and how it is damaged."""
    source = FileSource(path)
    batches = []
    try:
        while (batch := source.read()) is not None:
            if source.bytes > MOST_BYTES:
                raise SourceError(
                    f"{path} is too large to replay: over {MOST_BYTES >> 20} MiB",
                    "Cut a part out of it: editcap -r",
                )
            batches.append(replace(batch, recording=None, position=0))
    finally:
        source.close()
    return batches, source.damaged


def _scenes(batches: list[PacketBatch], speed: float) -> Iterator[_Scene]:
    """Prepare the batches of a file."""
    identifiers = frozenset(
        value
        for batch in batches
        for pattern in _IDENTIFIERS
        for value in pattern.findall(batch.buffer)
    )
    datagrams = [NetworkDecoder().decode(batch).datagrams for batch in batches]
    blocks = [rtp_block(some) for some in datagrams]
    values, counts = np.unique(np.concatenate([b.ssrc for b in blocks]), return_counts=True)
    streams = values[counts >= STREAM_PACKETS]
    first = min(int(batch.time.min()) for batch in batches)
    latest = 0
    for batch, some, block in zip(batches, datagrams, blocks, strict=True):
        since = ((batch.time - first) / speed).astype(np.int64)
        # A packet with a time in the past comes right after the one before it.
        due = np.maximum(np.maximum.accumulate(since), latest)
        latest = int(due[-1])
        yield _Scene(
            batch=replace(batch, buffer=_without_checksums(some)),
            since=since,
            due=due,
            words=_words(batch.buffer, identifiers),
            sources=_sources(some, block, streams),
        )


def _without_checksums(datagrams: Datagrams) -> bytes:
    octets = np.frombuffer(datagrams.batch.buffer, dtype=np.uint8).copy()
    checksums = datagrams.start - 2
    octets[checksums] = octets[checksums + 1] = 0
    return octets.tobytes()


def _words(buffer: bytes, identifiers: frozenset[bytes]) -> dict[tuple[int, int], bytes]:
    """Return the identifiers by where they begin and end."""
    words = {
        match.span(1): match[1] for pattern in _IDENTIFIERS for match in pattern.finditer(buffer)
    }
    for match in _LONG_WORD.finditer(buffer):
        if match[0] in identifiers:
            words[match.span()] = match[0]
    return words


def _sources(datagrams: Datagrams, block: RtpBlock, streams: NDArray[np.uint32]) -> Column:
    """Return where the SSRCs of `streams` stand in the buffer, in RTP and in RTCP."""
    found = [datagrams.start[block.row[np.isin(block.ssrc, streams)]] + 8]
    for row in block.rtcp.tolist():
        start, length = int(datagrams.start[row]), int(datagrams.length[row])
        words = np.frombuffer(datagrams.batch.buffer, ">u4", length // 4, start)
        found.append(start + 4 * np.flatnonzero(np.isin(words, streams)))
    return np.concatenate(found)


def _other(value: bytes, run: int) -> bytes:
    """Return another word for `value` in a run: letters for letters and digits for digits."""
    noise = shake_128(b"%d %b" % (run, value)).digest(len(value))
    word = bytearray(value)
    for index, (octet, chance) in enumerate(zip(value, noise, strict=True)):
        if 0x30 <= octet <= 0x39:
            word[index] = 0x30 + chance % 10
        elif 0x41 <= octet & 0xDF <= 0x5A:
            word[index] = (octet & 0x20 | 0x41) + chance % 26
    return bytes(word)
