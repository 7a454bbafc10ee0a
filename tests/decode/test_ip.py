import struct
from collections.abc import Sequence
from dataclasses import replace

import pytest

from sipscope.decode.counts import NetworkCounts
from sipscope.decode.network import Datagrams, NetworkDecoder
from tests.packets import TCP, UDP, batch, ethernet, ipv4, ipv6, ipv6_fragment, udp

RAW = 101


def decoded(
    frames: Sequence[bytes], link_type: int = RAW, wire: Sequence[int] | None = None
) -> tuple[Datagrams, NetworkCounts]:
    decoder = NetworkDecoder()
    return decoder.decode(batch(frames, link_type, wire=wire)).datagrams, decoder.counts


def payloads(found: Datagrams) -> list[bytes]:
    places = zip(found.start.tolist(), found.length.tolist(), strict=True)
    return [found.batch.buffer[start : start + size] for start, size in places]


def extension(next_header: int, size: int = 8) -> bytes:
    return struct.pack("!BB", next_header, size // 8 - 1) + bytes(size - 2)


def authentication(next_header: int) -> bytes:
    return struct.pack("!BB", next_header, 4) + bytes(22)


@pytest.mark.parametrize("size", [0, 4, 40])
def test_ipv4_options_are_passed_over(size: int) -> None:
    found, counts = decoded([ipv4(udp(b"hello"), options=b"\x01" * size)])
    assert payloads(found) == [b"hello"]
    assert counts == NetworkCounts()


@pytest.mark.parametrize(
    ("headers", "first"),
    [
        (extension(UDP), 0),
        (extension(UDP, 64), 60),
        (extension(UDP), 43),
        (authentication(UDP), 51),
        (ipv6_fragment(b""), 44),
        (
            extension(60)
            + extension(43)
            + extension(44)
            + ipv6_fragment(extension(UDP), next_header=60),
            0,
        ),
    ],
)
def test_ipv6_extension_headers_are_passed_over(headers: bytes, first: int) -> None:
    found, counts = decoded([ipv6(headers + udp(b"hello"), next_header=first)])
    assert payloads(found) == [b"hello"]
    assert counts == NetworkCounts()


def test_an_authentication_header_in_ipv4_is_passed_over() -> None:
    found, _ = decoded([ipv4(authentication(UDP) + udp(b"hello"), protocol=51)])
    assert payloads(found) == [b"hello"]


def test_the_payload_ends_with_the_ip_packet_not_with_the_padding_of_the_frame() -> None:
    frame = ethernet(ipv4(udp(b"hi", length=0))) + bytes(16)
    six = ethernet(ipv6(udp(b"ho", length=0))) + bytes(16)
    found, _ = decoded([frame, six], 1)
    assert payloads(found) == [b"hi", b"ho"]


def test_a_total_length_of_zero_means_as_much_as_was_captured() -> None:
    found, counts = decoded(
        [ipv4(udp(b"hello"), total_length=0), ipv6(udp(b"hello"), payload_length=0)]
    )
    assert payloads(found) == [b"hello", b"hello"]
    assert counts == NetworkCounts()


@pytest.mark.parametrize("dscp", [0, 46, 63])
def test_the_dscp_is_read_from_both_versions(dscp: int) -> None:
    found, _ = decoded([ipv4(udp(b""), dscp=dscp), ipv6(udp(b""), dscp=dscp)])
    assert found.dscp.tolist() == [dscp, dscp]


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(ipv4(udp(b"hello"))[:19], id="IPv4 header cut off"),
        pytest.param(b"\x44" + ipv4(udp(b"hello"))[1:], id="IPv4 header of 16 bytes"),
        pytest.param(b"\x4f" + ipv4(udp(b"hello"))[1:], id="IPv4 options beyond the packet"),
        pytest.param(ipv4(udp(b"hello"), total_length=19), id="total length below the header"),
        pytest.param(ipv4(udp(b"hello"), total_length=27), id="no room for UDP"),
        pytest.param(ipv4(bytes(12), protocol=TCP), id="no room for TCP"),
        pytest.param(ipv6(udp(b"hello"))[:39], id="IPv6 header cut off"),
        pytest.param(ipv6(udp(b"hello"), payload_length=7), id="no room for UDP in IPv6"),
        pytest.param(
            ipv6(extension(UDP, 64)[:16], next_header=0), id="extension beyond the packet"
        ),
        pytest.param(ipv6(b"\x11", next_header=60), id="extension cut off"),
    ],
)
def test_headers_that_do_not_fit_are_malformed_unless_the_capture_cut_them(packet: bytes) -> None:
    found, counts = decoded([packet])
    assert (len(found), counts) == (0, NetworkCounts(malformed=1))
    found, counts = decoded([packet], wire=[1500])
    assert (len(found), counts) == (0, NetworkCounts(truncated=1))


def test_a_version_that_contradicts_the_frame_is_malformed() -> None:
    found, counts = decoded(
        [ethernet(ipv6(udp(b"x")), 0x0800), ethernet(ipv4(udp(bytes(40))), 0x86DD)], 1
    )
    assert (len(found), counts) == (0, NetworkCounts(malformed=2))


@pytest.mark.parametrize(
    "packet",
    [
        ipv4(bytes(64), protocol=1),
        ipv4(bytes(64), protocol=50),
        ipv4(bytes(64), protocol=1, more_fragments=True),
        ipv6(bytes(64), next_header=58),
        ipv6(bytes(64), next_header=59),
        ipv6(ipv6_fragment(bytes(64), next_header=58, more_fragments=True), next_header=44),
    ],
)
def test_other_protocols_are_counted(packet: bytes) -> None:
    found, counts = decoded([packet, ipv4(udp(b"hello"))])
    assert payloads(found) == [b"hello"]
    assert counts == NetworkCounts(other_protocol=1)


def test_the_payload_of_a_packet_cut_short_is_shorter_than_on_the_wire() -> None:
    whole = ipv4(udp(b"a long message"))
    found, counts = decoded([whole[:-9], whole], wire=[len(whole), len(whole)])
    assert payloads(found) == [b"a lon", b"a long message"]
    assert found.wire_length.tolist() == [14, 14]
    assert counts == NetworkCounts(truncated=1)


@pytest.mark.parametrize(
    ("udp_length", "length", "wire_length"),
    [(8 + 5, 5, 5), (8 + 3, 3, 3), (8, 0, 0), (8 + 50, 5, 50), (0, 5, 0), (7, 5, 0)],
)
def test_a_udp_length_that_lies_is_tolerated(
    udp_length: int, length: int, wire_length: int
) -> None:
    found, counts = decoded([ipv4(udp(b"hello", length=udp_length))])
    assert (found.length.tolist(), found.wire_length.tolist()) == ([length], [wire_length])
    assert counts == NetworkCounts()


def test_packets_are_read_wherever_they_lie_in_the_buffer() -> None:
    frames = batch([ipv4(udp(b"hello")), ipv6(udp(b"world"))], RAW)
    for shift in range(1, 9):
        moved = replace(
            frames, buffer=b"\xff" * shift + frames.buffer, offset=frames.offset + shift
        )
        assert payloads(NetworkDecoder().decode(moved).datagrams) == [b"hello", b"world"]
