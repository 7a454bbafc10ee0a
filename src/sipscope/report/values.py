"""How values stand in JSON: times, figures and bytes from the network."""

from datetime import UTC, datetime


def moment(time: int | None) -> str | None:
    """Return a time in ns since the epoch as ISO 8601 in UTC with microseconds."""
    if time is None:
        return None
    seconds, nanoseconds = divmod(time, 1_000_000_000)
    shown = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{shown}.{nanoseconds // 1000:06d}Z"


def rounded(value: float | None) -> float | None:
    """Return a figure to the microsecond or millionth, which is what captures can tell."""
    return None if value is None else round(value, 6)


def text(value: bytes) -> str:
    """Return bytes as text; what is not UTF-8 becomes U+FFFD."""
    return value.decode("utf-8", "replace")
