"""The definition of a stream's figures, packet by packet: what the columns must equal."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.rtp import PAYLOAD_TYPES, RtpBlock, is_speech
from sipscope.decode.sdp import Format
from tests.rtpqos.jitter_buffer_reference import AdaptiveBuffer, FixedBuffer

START = 1_700_000_000_000_000_000
MS = 1_000_000
FLOWS = tuple(
    Flow(Endpoint(bytes([192, 0, 2, 1]), port), Endpoint(bytes([192, 0, 2, 2]), 20000))
    for port in range(10000, 10020, 2)
)


class Packet(NamedTuple):
    """One RTP packet; `time` in ns after `START`."""

    time: int
    sequence: int
    timestamp: int
    payload_type: int = 0
    flow: int = 0
    ssrc: int = 0x1234
    marker: bool = False
    length: int = 172
    dscp: int = 46


def speech(
    count: int, sequence: int = 1000, flow: int = 0, dscp: int = 46, payload_type: int = 0
) -> list[Packet]:
    """Perfect timing, 20 ms."""
    return [
        Packet(index * 20 * MS, sequence + index, index * 160, payload_type, flow, dscp=dscp)
        for index in range(count)
    ]


def block_of(packets: Sequence[Packet]) -> RtpBlock:
    none = np.empty(0, np.int64)
    return RtpBlock(
        row=np.arange(len(packets)),
        flow=np.array([packet.flow for packet in packets], np.int64),
        ssrc=np.array([packet.ssrc for packet in packets], np.uint32),
        time=np.array([START + packet.time for packet in packets], np.int64),
        sequence=np.array([packet.sequence & 0xFFFF for packet in packets], np.uint16),
        timestamp=np.array([packet.timestamp & 0xFFFFFFFF for packet in packets], np.uint32),
        marker=np.array([packet.marker for packet in packets], np.bool_),
        payload_type=np.array([packet.payload_type for packet in packets], np.uint8),
        payload_length=np.array([packet.length - 12 for packet in packets], np.uint16),
        length=np.array([packet.length for packet in packets], np.uint16),
        dscp=np.array([packet.dscp for packet in packets], np.uint8),
        rtcp=none,
        other=none,
    )


@dataclass
class Course:
    """One interval."""

    packets: int = 0
    lost: int = 0
    jitter: float | None = None
    delta: float | None = None

    def merge(self, other: "Course") -> "Course":
        return Course(
            self.packets + other.packets,
            self.lost + other.lost,
            highest(self.jitter, other.jitter),
            highest(self.delta, other.delta),
        )


def highest(one: float | None, other: float | None) -> float | None:
    known = [value for value in (one, other) if value is not None]
    return max(known) if known else None


@dataclass
class Missing:
    """A run of numbers that may still come; those from before the beginning were never lost."""

    start: int
    length: int
    since: int
    lost: bool


@dataclass
class Hearing:
    """What a listener heard, by number and by time.

    `numbers` are those in runs of what was not heard, with when that was booked; `forgiven`
    as well, but without those that came later than that is mended in the parts.
    """

    numbers: dict[int, int] = field(default_factory=dict)
    forgiven: dict[int, int] = field(default_factory=dict)
    expected: list[tuple[int, int]] = field(default_factory=list)
    unheard: list[tuple[int, int]] = field(default_factory=list)
    late: list[tuple[int, int]] = field(default_factory=list)
    part: int = 10_000 * MS
    discarded: int = 0

    def miss(self, numbers: Iterable[int], time: int) -> None:
        for number in numbers:
            self.numbers[number] = self.forgiven[number] = time
            self.unheard.append((time, 1))

    def mend(self, number: int, since: int, time: int, behind: int) -> None:
        self.unheard.append((since, -1))
        recent = time - since <= 2 * self.part
        if not recent:
            self.late.append((since, 1))
        if behind < 64:
            del self.numbers[number]
            if recent:
                del self.forgiven[number]

    @property
    def runs(self) -> list[list[int]]:
        runs: list[list[int]] = []
        for number in sorted(self.numbers):
            if runs and runs[-1][-1] == number - 1:
                runs[-1].append(number)
            else:
                runs.append([number])
        return runs

    @property
    def bursts(self) -> list[list[int]]:
        groups: list[list[int]] = []
        for number in sorted(self.numbers):
            if groups and number - groups[-1][-1] <= 16:
                groups[-1].append(number)
            else:
                groups.append([number])
        return [group for group in groups if len(group) > 1]

    def course(self, first: int, width: int) -> dict[int, tuple[int, int, int]]:
        """Expected, unheard and runs of each interval."""
        return self._sum(first, width, self.unheard, self.numbers)

    def parts(self, first: int) -> dict[int, tuple[int, int, int]]:
        """The same of each part."""
        return self._sum(first, self.part, self.unheard + self.late, self.forgiven)

    def _sum(
        self, first: int, width: int, unheard: list[tuple[int, int]], numbers: dict[int, int]
    ) -> dict[int, tuple[int, int, int]]:
        totals = Counter[int](), Counter[int](), Counter[int]()
        begins = [(time, 1) for number, time in numbers.items() if number - 1 not in numbers]
        for total, changes in zip(totals, (self.expected, unheard, begins), strict=True):
            for time, change in changes:
                total[max((time - first) // width, 0)] += change
        return {
            index: (totals[0][index], totals[1][index], totals[2][index])
            for index in set().union(*totals)
        }


@dataclass
class Reference:
    """Follows one stream."""

    formats: dict[int, Format] = field(default_factory=dict)
    packets: list[Packet] = field(default_factory=list)
    highest: int = 0
    jump: int | None = None
    missing: list[Missing] = field(default_factory=list)
    runs: dict[int, int] = field(default_factory=dict)
    lost: int = 0
    duplicates: int = 0
    late: int = 0
    strays: int = 0
    restarts: int = 0
    deltas: list[float] = field(default_factory=list)
    jitter: float = 0.0
    jitters: list[float] = field(default_factory=list)
    jitter_all: float = 0.0
    jitters_all: list[float] = field(default_factory=list)
    known_clock: int = 0
    jumps: int = -1
    heard: Packet | None = None
    heard_clock: int = 0
    adjacent: bool = False
    anchor: Packet | None = None
    ticks: int = 0
    skews: list[float] = field(default_factory=list)
    points: list[tuple[float, float]] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    width: int = 1000 * MS
    course: list[Course] = field(default_factory=list)
    buffer: FixedBuffer = field(default_factory=FixedBuffer)
    hearing: Hearing = field(default_factory=Hearing)
    adaptive: AdaptiveBuffer = field(default_factory=AdaptiveBuffer)
    adaptive_hearing: Hearing = field(default_factory=Hearing)
    unbased: bool = False
    number: int = 0
    since: int = 0

    def add(self, packet: Packet) -> None:
        previous = self.packets[-1] if self.packets else None
        self.packets.append(packet)
        first = self.packets[0]
        while (packet.time - first.time) // self.width >= 128:
            self.width *= 2
            if len(self.course) % 2:
                self.course.append(Course())
            pairs = zip(self.course[::2], self.course[1::2], strict=True)
            self.course = [one.merge(other) for one, other in pairs]
        delta = None if previous is None else (packet.time - previous.time) / 1e6
        if delta is not None:
            self.deltas.append(delta)
        self.follow_every_packet(packet, previous)
        kind = self.order(packet)
        sample, *heard = self.hear(packet, previous, kind)
        for hearing, one in zip(self.hearings, heard, strict=True):
            self.listen(hearing, packet, kind, one)
        interval = self.interval(packet.time)
        interval.packets += 1
        interval.delta = highest(interval.delta, delta)
        interval.jitter = highest(interval.jitter, sample)

    def interval(self, time: int) -> Course:
        index = max((time - self.packets[0].time) // self.width, 0)
        self.course.extend(Course() for _ in range(index + 1 - len(self.course)))
        return self.course[index]

    def follow_every_packet(self, packet: Packet, previous: Packet | None) -> None:
        """Book the jitter over every packet."""
        before, self.known_clock = (
            self.known_clock,
            self.clock(packet.payload_type) or self.known_clock,
        )
        if previous is None or not before or before != self.known_clock:
            return
        ticks = packet.timestamp - previous.timestamp
        ticks = (ticks + 0x80000000) % 0x100000000 - 0x80000000
        change = ticks * (1000 / before) - (packet.time - previous.time) * 1e-6
        self.jitter_all += (abs(change) - self.jitter_all) / 16
        self.jitters_all.append(self.jitter_all)

    def order(self, packet: Packet) -> str:
        """Book the sequence number; return how it fits the others."""
        if len(self.packets) == 1:
            self.begin(0x10000 + packet.sequence)
            return "next"
        ahead = (packet.sequence - self.highest + 0x8000) % 0x10000 - 0x8000
        extended = self.highest + ahead
        expected, self.jump = self.jump, None
        if 0 < ahead < 3000:
            if ahead > 1:
                self.miss(Missing(self.highest + 1, ahead - 1, packet.time, True))
                self.book(ahead - 1, 1)
                self.lost += ahead - 1
                self.interval(packet.time).lost += ahead - 1
                for hearing in self.hearings:
                    hearing.expected.append((packet.time, ahead - 1))
                    hearing.miss(range(self.highest + 1, extended), packet.time)
            self.highest = self.number = extended
            return "next"
        if -1000 < ahead <= 0 and (found := self.fill(extended)):
            self.late += 1
            self.number, self.since = extended, found.since
            return "late" if found.lost else "early"
        if -100 < ahead <= 0:
            self.duplicates += 1
            return "duplicate"
        if packet.sequence == expected:
            self.restarts += 1
            self.strays -= 1
            self.begin(self.highest // 0x10000 * 0x10000 + 0x20000 + packet.sequence, 1)
            for hearing in self.hearings:
                hearing.expected.append((packet.time, 1))
            return "restart"
        self.strays += 1
        self.jump = (packet.sequence + 1) % 0x10000
        return "stray"

    def begin(self, number: int, before: int = 0) -> None:
        self.highest = self.number = number
        self.miss(Missing(number - before - 100, 100, 0, False))

    def miss(self, run: Missing) -> None:
        self.missing = [*self.missing, run][-32:]

    def fill(self, number: int) -> Missing | None:
        holders = (run for run in self.missing if run.start <= number < run.start + run.length)
        run = next(holders, None)
        if run is None:
            return None
        index = self.missing.index(run)
        before = Missing(run.start, number - run.start, run.since, run.lost)
        after = Missing(number + 1, run.length - 1 - before.length, run.since, run.lost)
        self.missing[index : index + 1] = [part for part in (before, after) if part.length]
        self.missing = self.missing[-32:]
        if run.lost:
            self.book(run.length, -1)
            self.book(before.length, 1)
            self.book(after.length, 1)
            self.lost -= 1
            self.interval(run.since).lost -= 1
        return run

    def book(self, length: int, count: int) -> None:
        if length:
            self.runs[length] = self.runs.get(length, 0) + count

    def clock(self, payload_type: int) -> int:
        known = PAYLOAD_TYPES.get(payload_type) or self.formats.get(payload_type)
        return known.clock_rate if known is not None and is_speech(known.name) else 0

    @property
    def hearings(self) -> tuple[Hearing, Hearing]:
        return self.hearing, self.adaptive_hearing

    def listen(self, hearing: Hearing, packet: Packet, kind: str, heard: bool) -> None:
        """Book whether the packet was heard."""
        if kind in {"next", "early", "restart"}:
            hearing.expected.append((packet.time, 1))
        hearing.discarded += not heard
        if kind == "late" and heard:
            behind = self.highest - self.number
            hearing.mend(self.number, self.since, packet.time, behind)
        elif kind == "next" and not heard:
            hearing.miss([self.number], packet.time)
        elif kind == "early" and not heard:
            hearing.unheard.append((packet.time, 1))

    def hear(
        self, packet: Packet, previous: Packet | None, kind: str
    ) -> tuple[float | None, bool, bool]:
        """Book the timing; return the jitter if there is a new sample, and whether it is heard.

        With the fixed buffer, and with the adaptive one.
        """
        clock = 0 if kind == "stray" else self.clock(packet.payload_type)
        adjacent, self.adjacent = self.adjacent, clock > 0
        if not clock:
            return None, True, True
        heard, heard_clock = self.heard, self.heard_clock
        self.heard, self.heard_clock = packet, clock
        sample = None
        change = math.inf
        ticks = 0
        if heard is not None and heard_clock == clock:
            ticks = packet.timestamp - heard.timestamp
            ticks = (ticks + 0x80000000) % 0x100000000 - 0x80000000
            change = ticks * (1000 / clock) - (packet.time - heard.time) * 1e-6
        if self.anchor is None or abs(change) > 10_000:
            self.anchor, self.ticks, self.points = packet, 0, []
            self.jumps += 1
            self.unbased = True
        else:
            self.ticks += ticks
            if adjacent:
                self.jitter = sample = self.jitter + (abs(change) - self.jitter) / 16
                self.jitters.append(sample)
                assert previous is not None
                if (packet.sequence - previous.sequence) % 0x10000 == 1 and ticks > 0:
                    self.steps.append(ticks * 1000 / clock)
        elapsed = packet.time - self.anchor.time
        skew = self.ticks * (1000 / clock) - elapsed * 1e-6
        self.skews.append(skew)
        self.points.append((elapsed * 1e-9, skew))
        if kind == "duplicate":
            return sample, True, True
        anew, self.unbased = self.unbased or kind == "restart", False
        heard_adaptive = self.adaptive.take(-skew, anew=anew)
        heard_fixed = self.buffer.take(
            skew,
            self.number,
            packet.timestamp,
            1000 / clock,
            late=kind in {"late", "early"},
            spurt=packet.marker or not adjacent,
            anew=anew,
        )
        return sample, heard_fixed, heard_adaptive

    @property
    def skew(self) -> float | None:
        if not self.skews:
            return None
        high, low = max(self.skews), min(self.skews)
        return high if high >= -low else low

    @property
    def drift(self) -> float | None:
        if not self.points or self.points[-1][0] < 10:
            return None
        x = math.fsum(point[0] for point in self.points) / len(self.points)
        e = math.fsum(point[1] for point in self.points) / len(self.points)
        spread = math.fsum((point[0] - x) ** 2 for point in self.points)
        return 1000 * math.fsum((px - x) * (pe - e) for px, pe in self.points) / spread

    @property
    def ptime(self) -> float | None:
        steps = sorted(round(step / 2.5) for step in self.steps if round(step / 2.5) > 0)
        median = steps[(len(steps) - 1) // 2] if steps else 63
        return median * 2.5 if median < 63 else None

    @property
    def bursts(self) -> tuple[tuple[int, int], ...]:
        groups: dict[int, list[int]] = {}
        for length, count in self.runs.items():
            group = length if length < 25 else 100 + length.bit_length()
            totals = groups.setdefault(group, [0, 0])
            totals[0] += count
            totals[1] += count * length
        return tuple((round(t / n), n) for _, (n, t) in sorted(groups.items()) if n)
