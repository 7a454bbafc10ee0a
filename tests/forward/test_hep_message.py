from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.hep import HepMessage, parse_hep
from sipscope.errors import Problem
from sipscope.forward.hep_message import (
    MAX_MESSAGE,
    RTCP_JSON,
    RTP_REPORT,
    RTP_SHORT_REPORT,
    SIP,
    HepEncoder,
)
from tests.forward.fields import fields

OPTIONS = (
    b"OPTIONS sip:x@127.0.0.1:25060 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.1:25070;branch=z9hG4bKq;rport\r\n"
    b"From: <sip:a@x>;tag=1\r\nTo: <sip:b@y>\r\nCall-ID: kam-opt-1\r\n"
    b"CSeq: 1 OPTIONS\r\nMax-Forwards: 5\r\nContent-Length: 0\r\n\r\n"
)
KAMAILIO = bytes.fromhex(
    "48455033013e000000010007020000000200071100000003000a7f00000100000004000a7f000001"
    "00000007000861ee00000008000861e400000009000a6b01f5560000000a000a000663990000000b"
    "0007010000000c000a000007f10000000e000b6d794865700000000f00d6"
)
"""What Kamailio 5.6.3 sends before this payload."""

TIME = 1_700_000_000_123_456_789
TIME_OF_KAMAILIO = (0x6B01F556 * 1_000_000 + 0x66399) * 1000


def flow(
    source: str = "10.1.0.10",
    destination: str = "10.1.0.20",
    transport: str = "udp",
    ports: tuple[int, int] = (5060, 5062),
) -> Flow:
    return Flow(
        Endpoint(ip_address(source).packed, ports[0]),
        Endpoint(ip_address(destination).packed, ports[1]),
        transport,
    )


def encoded(*arguments: object, **options: object) -> bytes:
    message = HepEncoder(2001).encode(*arguments, **options)  # type: ignore[arg-type]
    assert isinstance(message, bytes)
    return message


def test_a_message_is_that_of_kamailio_to_the_byte() -> None:
    path = flow("127.0.0.1", "127.0.0.1", ports=(25070, 25060))
    message = HepEncoder(2033, b"myHep").encode(SIP, TIME_OF_KAMAILIO, path, OPTIONS)
    assert message == KAMAILIO + OPTIONS


def test_every_chunk_has_its_field() -> None:
    encoder = HepEncoder(2001, b"secret", b"pbx-1")
    message = encoder.encode(RTP_SHORT_REPORT, TIME, flow(), b"{}", b"call-1", 4.03)
    assert isinstance(message, bytes)
    assert dict(fields(message).chunks) == {
        0x01: b"\2",
        0x02: b"\x11",
        0x03: b"\x0a\x01\0\x0a",
        0x04: b"\x0a\x01\0\x14",
        0x07: b"\x13\xc4",
        0x08: b"\x13\xc6",
        0x09: (1_700_000_000).to_bytes(4, "big"),
        0x0A: (123_456).to_bytes(4, "big"),
        0x0B: b"\x23",
        0x0C: b"\0\0\x07\xd1",
        0x0E: b"secret",
        0x0F: b"{}",
        0x11: b"call-1",
        0x13: b"pbx-1",
        0x20: b"\x01\x93",
    }


def test_the_payload_is_last_and_the_correlation_id_before_it() -> None:
    order = fields(encoded(RTCP_JSON, TIME, flow(), b"{}", b"call-1")).order
    assert order[-2:] == [0x11, 0x0F]


def test_sip_has_no_correlation_id() -> None:
    assert 0x11 not in fields(encoded(SIP, TIME, flow(), OPTIONS)).order


def test_without_key_and_node_there_are_the_mandatory_chunks_alone() -> None:
    message = encoded(SIP, TIME, flow(), OPTIONS)
    assert fields(message).order == [1, 2, 3, 4, 7, 8, 9, 10, 11, 12, 15]
    assert len(message) - len(OPTIONS) == 99


def test_ipv6_has_its_own_chunks() -> None:
    message = fields(encoded(SIP, TIME, flow("2001:db8::1", "2001:db8::2"), OPTIONS))
    assert message.order[2:4] == [5, 6]
    assert message[1] == b"\x0a"
    assert message[5] == ip_address("2001:db8::1").packed


@pytest.mark.parametrize(
    ("transport", "number"),
    [("udp", 17), ("tcp", 6), ("ws", 6), ("tls", 22), ("wss", 22), ("sctp", 132)],
)
def test_transports_have_the_numbers_that_kamailio_uses(transport: str, number: int) -> None:
    assert fields(encoded(SIP, TIME, flow(transport=transport), OPTIONS)).number(2) == number


def test_the_longest_message_fits_a_datagram() -> None:
    longest = bytes(MAX_MESSAGE - 99)
    assert len(encoded(SIP, TIME, flow(), longest)) == 65_507


def test_a_longer_message_is_refused_with_the_reason() -> None:
    refused = HepEncoder(2001).encode(SIP, TIME, flow(), bytes(MAX_MESSAGE - 98))
    assert refused == Problem("hep.too-long", "65508 bytes do not fit into 65507", 0)


def test_a_correlation_id_without_end_is_refused() -> None:
    refused = HepEncoder(2001).encode(RTCP_JSON, TIME, flow(), b"{}", bytes(70_000))
    assert isinstance(refused, Problem)
    assert refused.code == "hep.too-long"


def test_addresses_of_two_families_are_refused() -> None:
    refused = HepEncoder(2001).encode(SIP, TIME, flow("10.1.0.10", "2001:db8::2"), OPTIONS)
    assert isinstance(refused, Problem)
    assert refused.code == "hep.addresses"


@pytest.mark.parametrize(("time", "seconds"), [(-5, 0), (1 << 63, 0xFFFF_FFFF)])
def test_times_that_do_not_fit_are_brought_to_the_nearest(time: int, seconds: int) -> None:
    assert fields(encoded(SIP, time, flow(), OPTIONS)).number(9) == seconds


@given(
    kind=st.sampled_from([SIP, RTCP_JSON, RTP_REPORT, RTP_SHORT_REPORT]),
    time=st.integers(1, (1 << 32) - 1),
    payload=st.binary(min_size=1, max_size=2000),
    correlation=st.binary(max_size=80),
    mos=st.none() | st.floats(1, 5),
    key=st.binary(max_size=20),
    node=st.binary(max_size=20),
    six=st.booleans(),
)
def test_what_is_encoded_is_what_the_decoder_reads(
    kind: int,
    time: int,
    payload: bytes,
    correlation: bytes,
    mos: float | None,
    key: bytes,
    node: bytes,
    six: bool,
) -> None:
    path = flow("2001:db8::1", "2001:db8::2") if six else flow()
    message = HepEncoder(77, key, node).encode(
        kind, time * 1_000_000_000, path, payload, correlation, mos
    )
    assert isinstance(message, bytes)
    read = parse_hep(message)
    assert isinstance(read, HepMessage)
    assert (read.source, read.destination, read.transport) == path[:3]
    assert (read.type, read.time, read.payload) == (kind, time * 1_000_000_000, payload)
    assert (read.capture_id, read.auth_key, read.node) == (77, key, node)
    assert read.correlation_id == correlation
    assert read.mos == (None if mos is None else round(100 * mos) / 100)
