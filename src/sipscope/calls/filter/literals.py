"""What is compared with: words of a filter as numbers, durations, times and addresses."""

import re
import time
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import NamedTuple

from sipscope.decode.address import parse_address

_NUMBER = re.compile(r"(-?[0-9]{1,15}(?:\.[0-9]{1,9})?)(?:%|ms|Hz|ppm)?")
_CLASS = re.compile(r"([1-6])xx", re.I)
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s|m|min|h|d)?")
_CLOCK = re.compile(r"(?:([0-9]{1,3}):)?([0-9]{1,3}):([0-9]{2})")
_DAYTIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")
_ENDPOINT = re.compile(r"(?:\[([0-9a-f:.]+)\]|([0-9.]+)):([0-9]{1,5})", re.I)

_SECONDS = {None: 1, "ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_FORMS = (
    ("%Y-%m-%d", timedelta(days=1)),
    ("%Y-%m-%dT%H:%M", timedelta(minutes=1)),
    ("%Y-%m-%dT%H:%M:%S", timedelta(seconds=1)),
)


class Range(NamedTuple):
    """From `low` to `high`, both within."""

    low: float
    high: float


class Moment(NamedTuple):
    """A minute, second or day.

    Attributes:
        begin: In ns since the epoch, or in seconds since local midnight.
        end: After it, in the same unit.
        daily: Whether it is a time of day.
    """

    begin: int
    end: int
    daily: bool

    def place(self, nanoseconds: int) -> int:
        """Return a time in the unit of `begin` and `end`."""
        if not self.daily:
            return nanoseconds
        local = time.localtime(nanoseconds // 1_000_000_000)
        return 3600 * local.tm_hour + 60 * local.tm_min + local.tm_sec


class Peer(NamedTuple):
    """A network, or one transport address.

    Attributes:
        network: Addresses in it.
        port: None for any.
    """

    network: IPv4Network | IPv6Network
    port: int | None

    def holds(self, address: bytes, port: int) -> bool:
        """Tell whether a transport address lies in it."""
        network = self.network
        if self.port not in (None, port) or len(address) * 8 != network.max_prefixlen:
            return False
        mask = int(network.netmask)
        return int.from_bytes(address, "big") & mask == int(network.network_address)


def number(text: str) -> Range | None:
    """Return a number, or a class of status codes such as `4xx`; None for anything else."""
    if found := _CLASS.fullmatch(text):
        return Range(100 * int(found[1]), 100 * int(found[1]) + 99)
    found = _NUMBER.fullmatch(text)
    return None if found is None else Range(float(found[1]), float(found[1]))


def duration(text: str) -> Range | None:
    """Return seconds: `90`, `90s`, `200ms`, `2m`, `1h`, `1:30`; None for anything else."""
    seconds = None
    if found := _DURATION.fullmatch(text):
        seconds = float(found[1]) * _SECONDS[found[2]]
    elif found := _CLOCK.fullmatch(text):
        seconds = float(3600 * int(found[1] or 0) + 60 * int(found[2]) + int(found[3]))
    return None if seconds is None else Range(seconds, seconds)


def moment(text: str) -> Moment | None:
    """Return a local time of day, a date or both; in UTC with a `Z` at the end."""
    if found := _DAYTIME.fullmatch(text):
        begin = 3600 * int(found[1]) + 60 * int(found[2]) + int(found[3] or 0)
        return Moment(begin, begin + (60 if found[3] is None else 1), daily=True)
    utc = text.endswith(("Z", "z"))
    for form, length in _FORMS:
        try:
            local = datetime.strptime(text.rstrip("Zz").replace(" ", "T"), form)
            seconds = int((local.replace(tzinfo=UTC) if utc else local).timestamp())
        except (ValueError, OverflowError, OSError):
            continue
        end = seconds + int(length.total_seconds())
        return Moment(seconds * 1_000_000_000, end * 1_000_000_000, daily=False)
    return None


def peer(text: str) -> Peer | None:
    """Return an address, a network in CIDR notation, or `address:port`; None for anything else."""
    if found := _ENDPOINT.fullmatch(text):
        address, port = found[1] or found[2], int(found[3])
        if parse_address(address) is None or port > 0xFFFF:
            return None
        return Peer(ip_network(address), port)
    try:
        return None if "%" in text else Peer(ip_network(text, strict=False), None)
    except ValueError:
        return None


def between(low: Moment, high: Moment, nanoseconds: int) -> bool:
    """Tell whether a time lies from `low` to the end of `high`; times of day go round midnight."""
    place = low.place(nanoseconds)
    if low.daily and low.begin >= high.end:
        return place >= low.begin or place < high.end
    return low.begin <= place < high.end
