"""Telephone events out of RTP payloads, from real bytes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipscope.decode.rtp import rtp_block
from sipscope.decode.telephone_event import DIGITS, EventPacket, telephone_events
from tests.decode.payloads import datagrams, rtp

EVENT_101 = 0x65


def events(*packets: bytes, wire: list[int] | None = None) -> list[EventPacket]:
    taken = datagrams(packets, wire)
    return telephone_events(taken, rtp_block(taken))


def event(code: int = 5, flags: int = 10, duration: int = 480) -> bytes:
    return struct.pack("!BBH", code, flags, duration)


def test_every_field() -> None:
    first, last = events(
        rtp(event(11, 10, 160), kind=0x80 | EVENT_101), rtp(event(15, 0x8A, 65535), kind=EVENT_101)
    )
    assert first == EventPacket(
        flow=0,
        ssrc=0xDEADBEEF,
        time=0,
        sequence=0xFFFE,
        timestamp=0xFEDCBA98,
        marker=True,
        payload_type=101,
        event=11,
        end=False,
        duration=160,
    )
    assert (last.time, last.marker, last.event) == (3_000_000, False, 15)
    assert (last.end, last.duration) == (True, 65535)


def test_the_sixteen_digits_and_the_flash_are_told_apart() -> None:
    found = events(*(rtp(event(code), kind=EVENT_101) for code in range(17)))
    assert "".join(DIGITS[packet.event] for packet in found) == "0123456789*#ABCD!"


@pytest.mark.parametrize(
    "packet",
    [
        rtp(event(17), kind=EVENT_101),
        rtp(event(255), kind=EVENT_101),
        rtp(event(flags=0x4A), kind=EVENT_101),
        rtp(event(), kind=8),
        rtp(event(), kind=34),
        rtp(event() + b"\0", kind=EVENT_101),
        rtp(event()[:3], kind=EVENT_101),
        rtp(b"", kind=EVENT_101),
        rtp(bytes(160), kind=EVENT_101),
    ],
)
def test_what_is_no_digit_is_passed_over(packet: bytes) -> None:
    assert events(rtp(), packet) == []


def test_behind_sources_and_an_extension_and_before_padding() -> None:
    header = bytes(4) + b"\xbe\xde\x00\x01" + bytes(4)
    (found,) = events(rtp(header + event(7) + b"\0\0\0\x04", bits=0xB1, kind=EVENT_101))
    assert (found.event, found.duration) == (7, 480)


def test_a_payload_that_was_not_captured_whole_is_passed_over() -> None:
    assert events(rtp(event()[:2], kind=EVENT_101), wire=[16]) == []


@given(st.lists(st.binary(max_size=40)), st.booleans())
def test_hostile_payloads_never_raise(payloads: list[bytes], headed: bool) -> None:
    packets = [rtp(payload, kind=EVENT_101) if headed else payload for payload in payloads]
    for found in events(*packets):
        assert found.event < len(DIGITS)
