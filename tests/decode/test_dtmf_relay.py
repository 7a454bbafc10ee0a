"""Digits in the bodies of INFO, as PBXs write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipscope.decode.dtmf_relay import RelayedDigit, relayed_digit
from sipscope.decode.telephone_event import DIGITS

RELAY = b"application/dtmf-relay"


@pytest.mark.parametrize(
    ("kind", "body", "digit"),
    [
        (RELAY, b"Signal=5\r\nDuration=160", RelayedDigit("5", 160)),
        (RELAY, b"Signal= 5\nDuration= 250\n", RelayedDigit("5", 250)),
        (b"Application/DTMF-Relay ; charset=x", b"signal=#", RelayedDigit("#", None)),
        (RELAY, b"Duration=100\r\nSignal=d\r\n", RelayedDigit("D", 100)),
        (RELAY, b"Signal=10\r\n", RelayedDigit("*", None)),
        (RELAY, b"Signal=11\r\n", RelayedDigit("#", None)),
        (RELAY, b"Signal=16\r\n", RelayedDigit("!", None)),
        (RELAY, b"Signal=!\r\n", RelayedDigit("!", None)),
        (RELAY, b"Signal=Flash\r\n", RelayedDigit("!", None)),
        (b"application/dtmf", b"9", RelayedDigit("9", None)),
        (b"application/dtmf", b" *\r\n", RelayedDigit("*", None)),
        (b"application/dtmf", b"Signal=3\r\nDuration=80", RelayedDigit("3", 80)),
        (b"application/vnd.nortelnetworks.digits", b"p=x\r\nd=7\r\n", RelayedDigit("7", None)),
    ],
)
def test_a_digit(kind: bytes, body: bytes, digit: RelayedDigit) -> None:
    assert relayed_digit(kind, body) == digit


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (None, b"Signal=5"),
        (b"application/media_control+xml", b"Signal=5"),
        (b"application/dtmf-relayed", b"Signal=5"),
        (RELAY, b""),
        (RELAY, b"5"),
        (RELAY, b"NoSignal=5"),
        (RELAY, b"Signal=E"),
        (RELAY, b"Signal=17"),
        (RELAY, b"Signal=1_0"),
        (RELAY, "Signal=\u0665".encode()),
        (b"application/dtmf", b"12345"),
        (b"application/dtmf", b"\x1b"),
    ],
)
def test_no_digit(kind: bytes | None, body: bytes) -> None:
    assert relayed_digit(kind, body) is None


@given(st.binary())
def test_hostile_bodies_never_raise(body: bytes) -> None:
    found = relayed_digit(b"application/dtmf", body)
    assert found is None or found.digit in DIGITS
