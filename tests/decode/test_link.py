import struct
from collections.abc import Sequence

import pytest

from sipscope.decode.counts import NetworkCounts
from sipscope.decode.network import NetworkDecoder
from tests.packets import batch, ethernet, ipv4, ipv6, udp

FOUR = ipv4(udp(b"four"))
SIX = ipv6(udp(b"six"))


def payloads(frames: Sequence[bytes], link_type: int) -> tuple[list[bytes], NetworkCounts]:
    decoder = NetworkDecoder()
    found = decoder.decode(batch(frames, link_type)).datagrams
    places = zip(found.start.tolist(), found.length.tolist(), strict=True)
    return [found.batch.buffer[start : start + size] for start, size in places], decoder.counts


def tags(*ids: tuple[int, int]) -> bytes:
    """VLAN tags (type, VLAN) before the type of what is inside."""
    return b"".join(struct.pack("!HH", kind, vlan) for kind, vlan in ids)


MACS = bytes(12)
SNAP = b"\xaa\xaa\x03\x00\x00\x00"


@pytest.mark.parametrize(
    ("link_type", "before_four", "before_six"),
    [
        pytest.param(0, b"\x02\0\0\0", b"\x0a\0\0\0", id="null, little-endian Linux"),
        pytest.param(0, b"\0\0\0\x02", b"\0\0\0\x1e", id="null, big-endian macOS"),
        pytest.param(0, b"\x02\0\0\0", b"\x1c\0\0\0", id="null, FreeBSD"),
        pytest.param(108, b"\0\0\0\x02", b"\0\0\0\x18", id="loop, OpenBSD"),
        pytest.param(1, MACS + b"\x08\x00", MACS + b"\x86\xdd", id="Ethernet"),
        pytest.param(
            1,
            MACS + tags((0x8100, 7)) + b"\x08\x00",
            MACS + tags((0x88A8, 7), (0x8100, 8)) + b"\x86\xdd",
            id="VLAN and QinQ",
        ),
        pytest.param(
            1,
            MACS + tags((0x9100, 7), (0x8100, 8)) + b"\x08\x00",
            MACS + tags(*[(0x8100, 1)] * 8) + b"\x86\xdd",
            id="old QinQ and eight tags",
        ),
        pytest.param(
            1,
            MACS + b"\x00\x28" + SNAP + b"\x08\x00",
            MACS + tags((0x8100, 7)) + b"\x00\x40" + SNAP + b"\x86\xdd",
            id="LLC/SNAP",
        ),
        pytest.param(
            1,
            MACS + b"\x88\x64\x11\x00\0\1\0\x22\x00\x21",
            MACS + tags((0x8100, 7)) + b"\x88\x64\x11\x00\0\1\0\x22\x00\x57",
            id="PPPoE",
        ),
        pytest.param(
            1,
            MACS + b"\x88\x47\x00\x01\x01\x40",
            MACS + b"\x88\x47\x00\x01\x00\x40\x00\x02\x01\x40",
            id="MPLS, one label and two",
        ),
        pytest.param(
            1,
            MACS + b"\x88\x47\x00\x01\x01\x40" + bytes(4) + MACS + b"\x08\x00",
            MACS + b"\x88\x48\x00\x01\x01\x40" + bytes(4) + MACS + b"\x86\xdd",
            id="an Ethernet pseudowire",
        ),
        pytest.param(9, b"\xff\x03\x00\x21", b"\x00\x57", id="PPP"),
        pytest.param(
            9,
            b"\xff\x03\x02\x81\x00\x01\x01\x40",
            b"\x02\x81\x00\x01\x01\x40",
            id="PPP with MPLS",
        ),
        pytest.param(9, b"\x21", b"\xff\x03\x57", id="PPP with compressed protocol"),
        pytest.param(12, b"", b"", id="raw IP, 12"),
        pytest.param(14, b"", b"", id="raw IP, 14"),
        pytest.param(101, b"", b"", id="raw IP, 101"),
        pytest.param(104, b"\x0f\0\x08\x00", b"\x8f\0\x86\xdd", id="Cisco HDLC"),
        pytest.param(
            113,
            bytes(14) + b"\x08\x00",
            bytes(14) + tags((0x8100, 7)) + b"\x86\xdd",
            id="Linux cooked",
        ),
        pytest.param(
            239,
            b"\x02\0\0\0" + b"\x09\0\x0a\0abcde\0\0\0" + b"\x24\0\x09\0",
            b"\x0a\0\0\0" + b"\x08\0\x01\0\0\0\0\0" * 16 + b"\x24\0\x09\0",
            id="NFLOG",
        ),
        pytest.param(
            276,
            b"\x08\x00" + bytes(18),
            b"\x81\x00" + bytes(18) + b"\0\7\x86\xdd",
            id="Linux cooked 2",
        ),
    ],
)
def test_ip_is_found_under_every_link_type(
    link_type: int, before_four: bytes, before_six: bytes
) -> None:
    found, counts = payloads([before_four + FOUR, before_six + SIX], link_type)
    assert found == [b"four", b"six"]
    assert counts == NetworkCounts()


@pytest.mark.parametrize(("link_type", "frame"), [(228, FOUR), (229, SIX)])
def test_link_types_of_one_ip_version_are_raw_ip(link_type: int, frame: bytes) -> None:
    assert len(payloads([frame], link_type)[0]) == 1


@pytest.mark.parametrize(
    ("link_type", "frame"),
    [
        pytest.param(1, ethernet(bytes(28), 0x0806), id="ARP"),
        pytest.param(1, MACS + b"\x00\x26\x42\x42\x03" + bytes(35), id="spanning tree"),
        pytest.param(1, MACS + b"\x00\x03\xe0\xe0\x03", id="short LLC"),
        pytest.param(1, MACS + b"\xff\xff" + FOUR, id="unknown type"),
        pytest.param(0, b"\x07\0\0\0" + FOUR, id="another address family"),
        pytest.param(101, b"\x75" + FOUR[1:], id="IP version 7"),
        pytest.param(9, b"\xff\x03\xc0\x21\1\1\0\4", id="LCP"),
        pytest.param(239, b"\x02\0\0\0" + b"\x08\0\x01\0\0\0\0\0" * 20, id="NFLOG, no packet"),
        pytest.param(1, MACS + b"\x88\x47\x00\x01\x01\x40" + b"\x75" + FOUR, id="MPLS with no IP"),
        pytest.param(65_000, FOUR, id="unknown link type"),
    ],
)
def test_what_is_not_ip_is_counted(link_type: int, frame: bytes) -> None:
    found, counts = payloads([frame, frame], link_type)
    assert (found, counts) == ([], NetworkCounts(not_ip=2))


@pytest.mark.parametrize("link_type", [0, 1, 9, 12, 104, 108, 113, 239, 276])
def test_frames_too_short_for_their_link_header_are_malformed(link_type: int) -> None:
    found, counts = payloads([b"", b""], link_type)
    assert (found, counts) == ([], NetworkCounts(malformed=2))


def test_frames_with_and_without_tags_stay_in_order_of_capture() -> None:
    frames = [ethernet(ipv4(udp(b"%d" % number)), vlans=[1] * (number % 3)) for number in range(9)]
    found, _ = payloads(frames, 1)
    assert found == [b"%d" % number for number in range(9)]
