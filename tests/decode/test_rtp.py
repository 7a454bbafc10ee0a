"""RTP headers in columns, from real bytes."""

import struct
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipscope.decode.rtp import PAYLOAD_TYPES, is_speech, payload_start, rtp_block
from tests.decode.payloads import datagrams, rtp


def test_every_field_of_the_header() -> None:
    block = rtp_block(datagrams([b"no", rtp()]))
    assert block.row.tolist() == [1]
    assert block.flow.tolist() == [0]
    assert block.ssrc.tolist() == [0xDEADBEEF]
    assert block.time.tolist() == [3_000_000]
    assert block.sequence.tolist() == [0xFFFE]
    assert block.timestamp.tolist() == [0xFEDCBA98]
    assert block.marker.tolist() == [True]
    assert block.payload_type.tolist() == [8]
    assert block.payload_length.tolist() == [160]
    assert block.length.tolist() == [172]
    assert block.dscp.tolist() == [46]
    assert len(block) == 1


def test_the_columns_hold_native_numbers() -> None:
    block = rtp_block(datagrams([rtp()]))
    assert all(getattr(block, field.name).dtype.isnative for field in fields(block))


@pytest.mark.parametrize(
    ("packet", "payload_length"),
    [
        (rtp(bytes(8) + b"audio", bits=0x82), 5),
        (rtp(b"\xbe\xde\x00\x02" + bytes(8) + b"audio", bits=0x90), 5),
        (rtp(bytes(4) + b"\xbe\xde\x00\x01" + bytes(4) + b"audio", bits=0x91), 5),
        (rtp(b"audio" + b"\x00\x00\x03", bits=0xA0), 5),
        (rtp(b"\x00\x00\x00\x04", bits=0xA0), 0),
        (rtp(b""), 0),
    ],
    ids=["csrc", "extension", "csrc and extension", "padding", "only padding", "empty"],
)
def test_the_payload_is_what_the_header_leaves(packet: bytes, payload_length: int) -> None:
    assert rtp_block(datagrams([packet])).payload_length.tolist() == [payload_length]


def test_a_padding_count_that_does_not_fit_is_encrypted() -> None:
    block = rtp_block(datagrams([rtp(b"12345\xff", bits=0xA0)]))
    assert block.payload_length.tolist() == [6]


def test_lengths_are_those_on_the_wire_when_the_capture_cut_the_payload() -> None:
    padded = rtp(b"\x01\x01", bits=0xA0)
    block = rtp_block(datagrams([rtp(b"12"), padded], wire=[172, 172]))
    assert block.payload_length.tolist() == [160, 160]
    assert block.length.tolist() == [172, 172]


def test_an_extension_behind_the_captured_bytes_is_not_refused() -> None:
    block = rtp_block(datagrams([rtp(b"\xbe\xde", bits=0x90)], wire=[172]))
    assert block.payload_length.tolist() == [156]


def test_rtcp_on_the_same_port_is_told_apart() -> None:
    report = struct.pack("!BBHI", 0x80, 201, 1, 7)
    first, last = struct.pack("!BBH", 0x80, 192, 0), struct.pack("!BBH", 0x80, 223, 0)
    block = rtp_block(datagrams([rtp(), report, first, last, rtp(kind=191), rtp(kind=224)]))
    assert block.rtcp.tolist() == [1, 2, 3]
    assert block.row.tolist() == [0, 4, 5]
    assert block.other.tolist() == []


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x80",
        rtp()[:11],
        rtp(bits=0x40),
        rtp(bits=0x00),
        rtp(bytes(4), bits=0x82),
        rtp(b"\xbe\xde\x00\x02" + bytes(4), bits=0x90),
        rtp(b"\xbe\xde", bits=0x90),
        b"\x80\xc8\x00",
        b"INVITE sip:bob@example.com SIP/2.0\r\n\r\n",
    ],
)
def test_what_is_neither(packet: bytes) -> None:
    block = rtp_block(datagrams([packet]))
    assert (block.row.tolist(), block.rtcp.tolist(), block.other.tolist()) == ([], [], [0])


def test_no_datagrams_make_an_empty_block() -> None:
    block = rtp_block(datagrams([]))
    assert len(block) == len(block.rtcp) == len(block.other) == 0


@given(st.lists(st.binary(max_size=40) | st.binary(max_size=40).map(lambda data: b"\x90" + data)))
def test_every_datagram_is_rtp_or_rtcp_or_neither(payloads: list[bytes]) -> None:
    block = rtp_block(datagrams(payloads))
    rows = [*block.row.tolist(), *block.rtcp.tolist(), *block.other.tolist()]
    assert sorted(rows) == list(range(len(payloads)))
    for row, length in zip(block.row.tolist(), block.payload_length.tolist(), strict=True):
        assert length <= len(payloads[row]) - 12


def test_static_payload_types_of_rfc_3551() -> None:
    assert PAYLOAD_TYPES[0] == ("PCMU", 8000)
    assert PAYLOAD_TYPES[9] == ("G722", 8000)
    assert PAYLOAD_TYPES[11] == ("L16", 44100)
    assert PAYLOAD_TYPES[34] == ("H263", 90000)
    assert max(PAYLOAD_TYPES) < 96


@pytest.mark.parametrize(
    ("name", "speech"),
    [("PCMA", True), ("telephone-event", False), ("Telephone-Event", False), ("CN", False)],
)
def test_events_and_comfort_noise_are_not_speech(name: str, speech: bool) -> None:
    assert is_speech(name) is speech


class TestPayload:
    @pytest.mark.parametrize(
        ("header", "bits"),
        [
            (b"", 0x80),
            (bytes(8), 0x82),
            (b"\xbe\xde\x00\x02" + bytes(8), 0x90),
            (bytes(60) + b"\xbe\xde\x00\x01" + bytes(4), 0x9F),
        ],
    )
    def test_begins_behind_sources_and_extension(self, header: bytes, bits: int) -> None:
        taken = datagrams([rtp(), rtp(header + b"audio", bits=bits)])
        (start,) = payload_start(taken, rtp_block(taken), np.array([1])).tolist()
        assert taken.batch.buffer[start : start + 5] == b"audio"

    def test_that_was_not_captured_begins_at_the_end_of_what_was(self) -> None:
        cut = [rtp(b"\xbe\xde", bits=0x9F), rtp(b"\xbe\xde\x00\x09abc", bits=0x90)]
        taken = datagrams(cut, wire=[172, 172])
        end = (taken.start + taken.length).tolist()
        assert payload_start(taken, rtp_block(taken), np.array([0, 1])).tolist() == end
