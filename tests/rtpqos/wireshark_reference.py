"""Wireshark 4.0's recurrence for one RTP stream, packet by packet."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sipscope.decode.rtp import PAYLOAD_TYPES
from sipscope.decode.sdp import Format
from tests.rtpqos.reference import Packet


def wireshark_clock(payload_type: int, formats: Mapping[int, Format]) -> tuple[int, bool]:
    """The clock in whole kHz, and whether the payload is comfort noise."""
    known = PAYLOAD_TYPES.get(payload_type) or formats.get(payload_type)
    if known is None or known.name == "telephone-event":
        return 0, False
    return known.clock_rate // 1000, payload_type in {13, 19}


@dataclass
class Extremes:
    """Least, mean and greatest of regular packets."""

    least: float = -1
    mean: float = 0
    greatest: float = 0

    def add(self, value: float, before: int) -> None:
        self.least = value if self.least == -1 else min(self.least, value)
        self.mean = (self.mean * (before - 1) + value) / before
        self.greatest = max(self.greatest, value)


@dataclass
class WiresharkLine:
    """One line of Telephony > RTP > RTP streams."""

    packets: int = 0
    newest: int = 0
    stop: int = 0
    time: float = 0
    nominal: float = 0
    noise: bool = False
    cycles: int = 0
    under: bool = False
    errors: int = 0
    wrong_timestamp: bool = False
    jitter: float = 0
    deltas: Extremes = field(default_factory=Extremes)
    jitters: Extremes = field(default_factory=Extremes)
    skew: float = 0
    points: list[tuple[float, float]] = field(default_factory=list)

    def add(self, packet: Packet, kilohertz: int, noise: bool) -> None:
        if not self.packets:
            self.start, self.newest = packet, packet.sequence
        else:
            self.follow(packet, kilohertz, noise)
        self.noise, self.stop = noise, packet.sequence
        self.packets += 1

    def follow(self, packet: Packet, kilohertz: int, noise: bool) -> None:
        number, start = packet.sequence, self.start
        ticks = (packet.timestamp - start.timestamp) % (1 << 32)
        border = (1 << 31) + (packet.timestamp < start.timestamp)
        right = ticks < border
        self.wrong_timestamp |= not right
        if right:
            if self.under:
                self.under = number <= start.sequence
            elif number < start.sequence or (number == 0 and self.stop == 65535):
                self.cycles += 1
                self.under = True
        self.order(number, right)
        regular = right and not (packet.marker or noise or self.noise)
        if not right:
            return
        time = (packet.time - start.time) / 1e6
        delta = time - self.time
        self.time = time
        if kilohertz:
            nominal = ticks / kilohertz
            self.jitter = (15 * self.jitter + abs(delta - (nominal - self.nominal))) / 16
            self.nominal = nominal
            if abs(nominal - time) > abs(self.skew):
                self.skew = nominal - time
            self.points.append((time, nominal))
        if regular:
            self.deltas.add(delta, self.packets)
        if regular and kilohertz:
            self.jitters.add(self.jitter, self.packets)

    def order(self, number: int, right: bool) -> None:
        if right and (number == self.newest + 1 or (self.newest, number) == (65535, 0)):
            self.newest = number
        elif right and (number > self.newest + 1 or self.newest - number > 0xFF00):
            self.newest = number
            self.errors += 1
        elif number < self.newest + 1:
            self.errors += 1

    def figures(self) -> dict[str, float]:
        expected = (self.stop + self.cycles * 65536 - self.start.sequence + 1) % (1 << 32)
        x = sum(x for x, _ in self.points)
        y = sum(y for _, y in self.points)
        xx = sum(x * x for x, _ in self.points)
        xy = sum(x * y for x, y in self.points)
        spread = self.packets * xx - x * x
        drift = (self.packets * xy - x * y) / spread - 1 if xx > 0 and spread else 0
        return {
            "expected": expected,
            "lost": expected - self.packets,
            "loss_percent": 100 * (expected - self.packets) / expected if expected else 0,
            "sequence_errors": self.errors,
            "delta_min_ms": self.deltas.least,
            "delta_mean_ms": self.deltas.mean,
            "delta_max_ms": self.deltas.greatest,
            "jitter_min_ms": self.jitters.least,
            "jitter_mean_ms": self.jitters.mean,
            "jitter_max_ms": self.jitters.greatest,
            "max_skew_ms": self.skew,
            "drift_ms": self.time * drift,
            "drift_percent": 100 * drift,
            "problem": self.errors > 0 or self.wrong_timestamp,
            "wrong_timestamp": self.wrong_timestamp,
        }
