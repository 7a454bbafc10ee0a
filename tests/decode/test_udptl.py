"""The form of UDPTL, from real bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipscope.decode.udptl import built_as_udptl, sequence_numbers
from tests.decode.payloads import datagrams, rtp

INDICATOR = bytes.fromhex("0102 01 06 00 00")
REDUNDANT = bytes.fromhex("ff03 08 c001800002ffc803 00 01 01 06")
FORWARD = bytes.fromhex("0004 01 06 80 01 03 01 01 06")


def built(*payloads: bytes) -> list[bool]:
    taken = datagrams(payloads)
    result: list[bool] = built_as_udptl(taken, np.arange(len(payloads))).tolist()
    return result


def test_with_redundancy_and_with_forward_error_correction() -> None:
    assert built(INDICATOR, REDUNDANT, FORWARD) == [True, True, True]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        INDICATOR[:5],
        bytes.fromhex("0102 00 06 00 00"),
        bytes.fromhex("0102 80 06 00 00"),
        bytes.fromhex("0102 03 06 00 00"),
        bytes.fromhex("0102 01 06 01 00"),
        rtp(),
        b"OPTIONS sip:a@example.com SIP/2.0\r\n\r\n" + b"x" * 99,
        bytes.fromhex("0001 0000 2112a442") + bytes(12),
    ],
)
def test_other_payloads_have_another_form(payload: bytes) -> None:
    assert built(INDICATOR, payload) == [True, False]


def test_sequence_numbers() -> None:
    taken = datagrams([INDICATOR, REDUNDANT])
    assert sequence_numbers(taken, np.array([1, 0])).tolist() == [0xFF03, 0x0102]


@given(st.lists(st.binary(max_size=12)))
def test_hostile_payloads_never_raise(payloads: list[bytes]) -> None:
    assert len(built(*payloads)) == len(payloads)
