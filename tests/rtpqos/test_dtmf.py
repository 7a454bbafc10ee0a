"""Digits out of event packets: each press once, whatever the network did to its packets."""

import struct
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.rtp import rtp_block
from sipscope.decode.sdp import Format
from sipscope.decode.telephone_event import EventPacket, telephone_events
from sipscope.rtpqos.dtmf import MAX_STREAM_DIGITS, Digit, TelephoneEvents
from tests.decode.payloads import FLOW, datagrams

MS = 1_000_000
SSRC = 0x3D1A3B02
NEGOTIATED = {101: Format("telephone-event", 8000)}
FIVE, SIX = 5, 6


def packet(
    event: int,
    timestamp: int,
    sequence: int,
    duration: int,
    *,
    at: float = 0,
    marker: bool = False,
    end: bool = False,
    payload_type: int = 101,
    ssrc: int = SSRC,
) -> EventPacket:
    time = round(at * MS)
    wrapped = timestamp & 0xFFFFFFFF
    return EventPacket(0, ssrc, time, sequence, wrapped, marker, payload_type, event, end, duration)


def press(
    event: int, timestamp: int, sequence: int, *, at: float = 0, updates: int = 5
) -> list[EventPacket]:
    """A key that is pressed for 20 ms an update: those, then the end three times."""
    made = [
        packet(event, timestamp, sequence + n, 160 * (n + 1), at=at + 20 * n, marker=not n)
        for n in range(updates)
    ]
    ends = range(updates, updates + 3)
    return made + [
        packet(event, timestamp, sequence + n, 160 * updates, at=at + 20 * n, end=True)
        for n in ends
    ]


def digits(
    packets: Iterable[EventPacket], formats: dict[int, Format] = NEGOTIATED, since: int = 0
) -> list[Digit]:
    events = TelephoneEvents()
    events.add(packets, [FLOW])
    return events.digits(FLOW, SSRC, formats, since)


def keys(packets: Iterable[EventPacket], formats: dict[int, Format] = NEGOTIATED) -> str:
    return "".join(digit.digit for digit in digits(packets, formats))


def test_a_press_is_one_digit_with_time_and_duration() -> None:
    assert digits(press(FIVE, 8000, 100, at=40)) == [
        Digit(
            digit="5",
            time=40 * MS,
            duration_ms=100.0,
            ended=True,
            negotiated=True,
            payload_type=101,
            packets=8,
        )
    ]


@pytest.mark.parametrize("clock", [8000, 16000, 48000])
def test_the_duration_follows_the_clock_that_was_negotiated(clock: int) -> None:
    (found,) = digits(press(FIVE, 0, 0, updates=6), {101: Format("Telephone-Event", clock)})
    assert found.duration_ms == 960 * 1000 / clock


def test_the_same_key_twice_is_two_digits() -> None:
    assert keys(press(FIVE, 0, 0) + press(FIVE, 2400, 20)) == "55"


def test_lost_packets_at_the_start_and_at_the_end_lose_no_digit() -> None:
    one, two, three = press(FIVE, 0, 0), press(FIVE, 2400, 20), press(SIX, 4800, 40)
    found = digits(one[2:5] + two[3:] + three[7:])
    assert [(d.digit, d.duration_ms, d.ended) for d in found] == [
        ("5", 100.0, False),
        ("5", 100.0, True),
        ("6", 100.0, True),
    ]


def test_duplicates_and_reordering_make_no_digit() -> None:
    one, two = press(FIVE, 0, 0), press(SIX, 2400, 20)
    shuffled = [one[1], one[0], one[0], one[7], one[2], two[1], one[6], two[0], *two[2:], *two]
    assert keys(shuffled) == "56"


def test_a_long_event_goes_on_in_segments() -> None:
    first = [packet(FIVE, 100, n, min(13107 * (n + 1), 65535), marker=not n) for n in range(5)]
    second = [packet(FIVE, 65635, 5 + n, 13107 * (n + 1), end=n > 1) for n in range(3)]
    (found,) = digits(first + second)
    assert found.duration_ms == (65535 + 3 * 13107) / 8
    assert found.packets == 8
    assert found.ended


def test_segments_lie_apart_by_the_longest_duration_when_the_end_of_one_was_lost() -> None:
    first = [packet(FIVE, 2**32 - 50, n, 13107 * (n + 1), marker=not n) for n in range(3)]
    second = [packet(FIVE, 2**32 - 50 + 65535, 5, 13107)]
    (found,) = digits(first + second)
    assert found.duration_ms == (65535 + 13107) / 8


def test_a_late_packet_of_a_segment_changes_nothing() -> None:
    first = [packet(FIVE, 100, n, min(13107 * (n + 1), 65535), marker=not n) for n in range(5)]
    second = [packet(FIVE, 65635, 5 + n, 13107 * (n + 1), end=n > 1) for n in range(3)]
    in_order, (late,) = digits(first + second), digits([*first[:4], *second, first[4]])
    assert [late] == in_order


def test_a_new_press_after_an_end_that_was_lost_is_a_new_digit() -> None:
    assert keys(press(FIVE, 0, 0)[:5] + press(FIVE, 700, 10)) == "55"


def test_a_sender_that_moves_the_timestamp_with_every_packet() -> None:
    moving = [packet(FIVE, 160 * n, n, 160 * (n + 1), marker=not n) for n in range(5)]
    assert keys(moving) == "5"


def test_payload_types_are_asked_for_when_the_digits_are() -> None:
    events = TelephoneEvents()
    events.add(press(FIVE, 0, 0), [FLOW])
    assert not events.digits(FLOW, SSRC, {101: Format("opus", 48000)})
    assert len(events.digits(FLOW, SSRC, NEGOTIATED)) == 1
    assert not events.digits(FLOW, SSRC + 1, NEGOTIATED)
    assert not events.digits(FLOW.reverse, SSRC, NEGOTIATED)


def test_what_came_before_the_stream_began_is_not_its_own() -> None:
    both = press(FIVE, 0, 0, at=10) + press(SIX, 2400, 20, at=300)
    assert [digit.digit for digit in digits(both, since=300 * MS)] == ["6"]


class TestWithoutSdp:
    def test_whole_events_are_convincing(self) -> None:
        (found,) = digits(press(FIVE, 0, 0), {})
        assert (found.digit, found.negotiated, found.duration_ms) == ("5", False, 100.0)

    def test_once_convinced_those_with_losses_count_too(self) -> None:
        assert keys(press(FIVE, 0, 0) + press(SIX, 2400, 20)[:1], {}) == "56"

    def test_five_packets_without_an_end_are_convincing(self) -> None:
        assert keys(press(FIVE, 0, 0)[:5], {}) == "5"
        assert keys(press(FIVE, 0, 0)[:4], {}) == ""

    def test_durations_that_run_back_are_not(self) -> None:
        odd = packet(SIX, 2400, 20, 500), packet(SIX, 2400, 21, 100)
        assert keys([*press(FIVE, 0, 0), *odd], {}) == ""

    def test_timestamps_that_never_stay_are_not(self) -> None:
        noise = [packet(n % 7, 960 * n, n, 37 * n % 999, end=n % 2 > 0) for n in range(50)]
        assert keys(noise, {}) == ""

    def test_a_payload_type_that_is_not_dynamic_is_not(self) -> None:
        fixed = [p._replace(payload_type=95) for p in press(FIVE, 0, 0)]
        assert keys(fixed, {}) == ""


class TestBounds:
    def test_a_stream_keeps_its_newest_digits(self) -> None:
        events = TelephoneEvents()
        count = MAX_STREAM_DIGITS + 5
        events.add((packet(n % 16, 2400 * n, n, 160, at=n) for n in range(count)), [FLOW])
        found = events.digits(FLOW, SSRC, NEGOTIATED)
        assert [digit.time for digit in found] == [n * MS for n in range(5, count)]
        assert (len(events), events.dropped) == (MAX_STREAM_DIGITS, 5)

    def test_the_stream_that_was_silent_longest_makes_room(self) -> None:
        events = TelephoneEvents(capacity=4)
        for ssrc in (1, 2):
            events.add([packet(n, 9999 * n, n, 1, ssrc=ssrc) for n in (1, 2)], [FLOW])
        events.add([packet(1, 9999, 9, 2, ssrc=1), packet(7, 0, 0, 1, ssrc=3)], [FLOW])
        lengths = [len(events.digits(FLOW, ssrc, NEGOTIATED)) for ssrc in (1, 2, 3)]
        assert lengths == [2, 0, 1]
        assert (len(events), events.dropped) == (3, 2)


def on_the_wire(made: EventPacket) -> bytes:
    header = struct.pack(
        *("!BBHII", 0x80, made.payload_type | made.marker << 7),
        *(made.sequence, made.timestamp, made.ssrc),
    )
    return header + struct.pack("!BBH", made.event, made.end << 7, made.duration)


def read(packets: Sequence[EventPacket], cuts: Sequence[int]) -> list[Digit]:
    """Digits of packets on the wire in batches that are cut before these positions."""
    events = TelephoneEvents()
    borders = sorted({0, len(packets), *(cut for cut in cuts if cut < len(packets))})
    for begin, end in pairwise(borders):
        taken = datagrams([on_the_wire(made) for made in packets[begin:end]])
        found = telephone_events(taken, rtp_block(taken))
        times = [
            each._replace(time=made.time)
            for each, made in zip(found, packets[begin:end], strict=True)
        ]
        events.add(times, taken.flows)
    return events.digits(FLOW, SSRC, NEGOTIATED)


@given(
    pressed=st.lists(st.integers(0, 16), min_size=1, max_size=12),
    lost=st.sets(st.integers(0, 95)),
    cuts=st.lists(st.integers(0, 95)),
)
def test_batches_cut_anywhere_give_the_same_digits(
    pressed: list[int], lost: set[int], cuts: list[int]
) -> None:
    sent = [p for n, key in enumerate(pressed) for p in press(key, 2400 * n, 20 * n, at=300 * n)]
    came = [made for number, made in enumerate(sent) if number not in lost]
    assert read(came, cuts) == digits(came)
    seen = dict.fromkeys(made.timestamp for made in came)
    assert "".join(d.digit for d in digits(came)) == "".join(
        "0123456789*#ABCD!"[pressed[timestamp // 2400]] for timestamp in seen
    )


numbers = st.integers(0, 2**32 - 1) | st.integers(0, 999)


@given(st.lists(st.tuples(st.integers(0, 3), numbers, st.integers(0, 65535), st.booleans())))
def test_hostile_packets_never_raise(made: list[tuple[int, int, int, bool]]) -> None:
    packets = [
        packet(event, timestamp, number & 0xFFFF, number, end=end, marker=not end)
        for event, timestamp, number, end in made
    ]
    other = Flow(Endpoint(b"\0" * 16, 0), FLOW.source)
    events = TelephoneEvents(capacity=10)
    events.add(packets, [other])
    assert len(events) <= max(10, len(events.digits(other, SSRC, NEGOTIATED)))
    assert sum(digit.packets for digit in digits(packets)) == len(packets)
