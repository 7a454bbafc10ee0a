"""The definition of the jitter buffers, packet by packet."""

import math
from dataclasses import dataclass, field


@dataclass
class FixedBuffer:
    """Plays every packet `delay_ms` after its anchor, by the timestamps."""

    delay_ms: float = 60.0
    anchor: float | None = None
    last: tuple[int, int] | None = None
    frame_ms: float | None = None
    discarded_in_row: int = 0

    def take(
        self,
        skew: float,
        number: int,
        timestamp: int,
        tick: float,
        *,
        late: bool = False,
        spurt: bool = False,
        anew: bool = False,
    ) -> bool:
        """Return whether a packet, no duplicate, is heard.

        Args:
            skew: ms that its timestamp is ahead of its arrival.
            number: Extended sequence number.
            timestamp: Modulo 2^32.
            tick: ms of one of its units.
            late: Whether it came after a higher number.
            spurt: Whether it begins a talk spurt unless it is late.
            anew: Whether its skew cannot be compared with that before.
        """
        spurt &= not late
        if not late:
            if self.last is not None and number == self.last[0] + 1 and not anew:
                ticks = (timestamp - self.last[1] + 0x80000000) % 0x100000000 - 0x80000000
                gap = ticks * tick
                if self.frame_ms is None and gap > 0:
                    self.frame_ms = gap
                elif self.frame_ms is not None and gap > 1.5 * self.frame_ms + 5e-7:
                    spurt = True
            self.last = number, timestamp
        if self.anchor is None or spurt or anew or self.discarded_in_row >= 50:
            self.anchor, self.discarded_in_row = skew, 0
        heard = -self.delay_ms - 5e-7 <= skew - self.anchor <= 200 + 5e-7
        self.discarded_in_row = 0 if heard else self.discarded_in_row + 1
        return heard


@dataclass
class AdaptiveBuffer:
    """Follows the relative delay of the packets."""

    transits: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)

    def take(self, transit: float, *, anew: bool = False) -> bool:
        """Return whether a packet, no duplicate, is heard.

        Args:
            transit: Arrival less timestamp, in ms.
            anew: Whether it cannot be compared with those before.
        """
        if anew:
            self.transits = []
        before = self.transits[-500:]
        delay = 40.0
        if before:
            window = sorted(before[-100:])
            quantile = window[math.ceil(0.95 * len(window)) - 1] - min(before)
            delay = min(max(quantile + 10, 20.0), 200.0)
        self.transits.append(transit)
        self.delays.append(delay)
        return transit - min([*before, transit]) <= delay
