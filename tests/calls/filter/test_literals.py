import time

import pytest

from sipscope.calls.filter.literals import Peer, Range, between, duration, moment, number, peer

SECOND = 1_000_000_000


@pytest.fixture(autouse=True)
def local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("3.5", (3.5, 3.5)),
        ("-12", (-12, -12)),
        ("2%", (2, 2)),
        ("20ms", (20, 20)),
        ("4xx", (400, 499)),
        ("6XX", (600, 699)),
    ],
)
def test_numbers(text: str, wanted: tuple[float, float]) -> None:
    assert number(text) == Range(*wanted)


@pytest.mark.parametrize("text", ["", "x", "1_0", "٣", "1e9", "7xx", "0x10", "1.", "--1"])
def test_what_is_no_number(text: str) -> None:
    assert number(text) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("1.5s", 1.5),
        ("200ms", 0.2),
        ("2m", 120),
        ("2min", 120),
        ("1h", 3600),
        ("1d", 86400),
        ("1:30", 90),
        ("1:00:01", 3601),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == Range(seconds, seconds)


@pytest.mark.parametrize("text", ["", "m", "-1", "1:3", "1 s", "1y", "1:2:3:4"])
def test_what_is_no_duration(text: str) -> None:
    assert duration(text) is None


@pytest.mark.parametrize(
    ("text", "begin", "length"),
    [
        ("2023-11-14T22:13Z", 1_699_999_980, 60),
        ("2023-11-14T22:13:20Z", 1_700_000_000, 1),
        ("2023-11-14T23:13:20", 1_700_000_000, 1),
        ("2023-11-14 23:13:20", 1_700_000_000, 1),
        ("2023-11-14", 1_699_916_400, 86_400),
    ],
)
def test_dates_are_local_unless_they_say_utc(text: str, begin: int, length: int) -> None:
    found = moment(text)
    assert found is not None
    assert (found.begin, found.end) == (begin * SECOND, (begin + length) * SECOND)


@pytest.mark.parametrize("text", ["", "24:00", "14", "14:60", "2023-13-01", "0000-00-00", "1e3Z"])
def test_what_is_no_time(text: str) -> None:
    assert moment(text) is None


@pytest.mark.parametrize(
    ("low", "high", "within"),
    [
        ("23:13", "23:13", True),
        ("23:13:20", "23:13:20", True),
        ("23:13:21", "23:13:59", False),
        ("22:00", "23:12", False),
        ("23:00", "01:00", True),
        ("23:30", "23:00", False),
        ("2023-11-14", "2023-11-14", True),
        ("2023-11-15", "2023-11-16", False),
    ],
)
def test_a_time_lies_between_two_others(low: str, high: str, within: bool) -> None:
    begin, end = moment(low), moment(high)
    assert begin is not None
    assert end is not None
    assert between(begin, end, 1_700_000_000 * SECOND) is within


def test_addresses_networks_and_ports() -> None:
    lan, one, transport, six = map(
        peer, ("10.0.0.0/8", "10.1.2.3", "10.1.2.3:5060", "[2001:db8::1]:5060")
    )
    assert isinstance(lan, Peer)
    assert isinstance(one, Peer)
    assert isinstance(transport, Peer)
    assert isinstance(six, Peer)
    address = bytes([10, 1, 2, 3])
    assert lan.holds(address, 1)
    assert not lan.holds(bytes([11, 1, 2, 3]), 1)
    assert one.holds(address, 7)
    assert transport.holds(address, 5060)
    assert not transport.holds(address, 5061)
    assert six.holds(bytes.fromhex("20010db8000000000000000000000001"), 5060)
    assert not six.holds(address, 5060)


@pytest.mark.parametrize("text", ["", "host", "10.0.0", "10.0.0.1:70000", "10.0.0.0/33", "::1%lo"])
def test_what_is_no_address(text: str) -> None:
    assert peer(text) is None
