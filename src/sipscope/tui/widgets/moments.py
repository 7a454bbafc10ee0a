"""Times and spans as the screens write them."""

from datetime import UTC, datetime
from enum import StrEnum


class Times(StrEnum):
    """From when on the times of a ladder count."""

    CLOCK = "clock"
    UTC = "utc"
    START = "start"
    PREVIOUS = "previous"

    @property
    def next(self) -> "Times":
        """The one after this one, around."""
        modes = list(Times)
        return modes[(modes.index(self) + 1) % len(modes)]


def clock(time: int, digits: int = 3, *, utc: bool = False) -> str:
    """Return a time (ns since the epoch) as local `HH:MM:SS.mmm`, or with more digits."""
    moment = datetime.fromtimestamp(time // 1_000_000_000, UTC if utc else None)
    return f"{moment:%H:%M:%S}.{time % 1_000_000_000:09}"[: 9 + digits]


def date(time: int, *, utc: bool = False) -> str:
    """Return the local day of a time (ns since the epoch) as `YYYY-MM-DD`."""
    return f"{datetime.fromtimestamp(time // 1_000_000_000, UTC if utc else None):%Y-%m-%d}"


def seconds(span: int) -> str:
    """Return a span (ns) in seconds to the ms, from 1000 s on without the ms."""
    return f"{span / 1e9:.3f}" if abs(span) < 1_000_000_000_000 else f"{span / 1e9:.0f}"


def signed_seconds(span: int) -> str:
    """Return a span (ns) as `seconds` with its sign."""
    return seconds(span) if span < 0 else f"+{seconds(span)}"
