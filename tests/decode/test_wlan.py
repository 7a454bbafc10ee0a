from collections.abc import Sequence

import pytest

from sipscope.decode.counts import NetworkCounts
from sipscope.decode.network import NetworkDecoder
from tests.decode.decoded import payloads
from tests.packets import batch, ipv4, ipv6, udp
from tests.tunnelling import avs, prism, radiotap, wlan

FOUR = ipv4(udp(b"four"))
SIX = ipv6(udp(b"six"))
WLAN, PRISM, RADIOTAP, AVS = 105, 119, 127, 163
DATA, QUALITY = 0x0008, 0x0088
TO_AND_FROM_ACCESS_POINT, ENCRYPTED, ORDER = 0x0300, 0x4000, 0x8000


def found(frames: Sequence[bytes], link_type: int) -> tuple[list[bytes], NetworkCounts]:
    decoder = NetworkDecoder()
    decoded = decoder.decode(batch(frames, link_type))
    return [one.payload for one in payloads(decoded)], decoder.counts


@pytest.mark.parametrize(
    ("control", "more"),
    [
        (DATA | 0x0100, b""),
        (DATA | 0x0200, b""),
        (DATA | TO_AND_FROM_ACCESS_POINT, bytes(6)),
        (QUALITY | 0x0100, b"\x05\x00"),
        (QUALITY | TO_AND_FROM_ACCESS_POINT, bytes(6) + b"\x05\x00"),
        (QUALITY | ORDER, b"\x05\x00" + bytes(4)),
        (QUALITY | ORDER | TO_AND_FROM_ACCESS_POINT, bytes(6) + b"\x05\x00" + bytes(4)),
    ],
)
def test_ip_is_found_behind_every_form_of_the_header(control: int, more: bytes) -> None:
    frames = [wlan(FOUR, control, more=more), wlan(SIX, control, 0x86DD, more)]
    assert found(frames, WLAN) == ([b"four", b"six"], NetworkCounts())


@pytest.mark.parametrize(
    ("link_type", "frame"),
    [
        pytest.param(RADIOTAP, radiotap(wlan(FOUR)), id="radiotap"),
        pytest.param(RADIOTAP, radiotap(wlan(FOUR), b""), id="radiotap without fields"),
        pytest.param(AVS, avs(wlan(FOUR)), id="AVS"),
        pytest.param(PRISM, prism(wlan(FOUR)), id="Prism"),
        pytest.param(PRISM, prism(wlan(FOUR), ">"), id="Prism, big-endian"),
        pytest.param(PRISM, avs(wlan(FOUR)), id="AVS where Prism is announced"),
    ],
)
def test_the_header_of_the_receiver_is_passed_over(link_type: int, frame: bytes) -> None:
    assert found([frame], link_type) == ([b"four"], NetworkCounts())


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"\x80\x00" + bytes(30), id="a beacon"),
        pytest.param(b"\xd4\x00" + bytes(8), id="an acknowledgment"),
        pytest.param(wlan(FOUR, 0x0048), id="data frame without data"),
        pytest.param(wlan(FOUR, DATA | ENCRYPTED), id="an encrypted frame"),
        pytest.param(wlan(FOUR, QUALITY, more=b"\x80\x00"), id="several frames in one"),
        pytest.param(wlan(FOUR, ethertype=0x0806), id="ARP"),
    ],
)
def test_what_is_not_ip_is_counted(frame: bytes) -> None:
    assert found([frame, frame], WLAN) == ([], NetworkCounts(not_ip=2))


@pytest.mark.parametrize(
    ("link_type", "frame"),
    [
        pytest.param(WLAN, wlan(FOUR)[:9], id="a short frame"),
        pytest.param(WLAN, wlan(FOUR)[:20], id="a short data frame"),
        pytest.param(WLAN, wlan(FOUR, QUALITY)[:25], id="half of QoS control"),
        pytest.param(RADIOTAP, radiotap(wlan(FOUR))[:7], id="short radiotap"),
        pytest.param(RADIOTAP, b"\x01" + radiotap(wlan(FOUR))[1:], id="radiotap of version 1"),
        pytest.param(RADIOTAP, b"\0\0\x07\0" + bytes(60), id="radiotap of 7 bytes"),
        pytest.param(RADIOTAP, b"\0\0\xff\xff" + bytes(60), id="radiotap longer than the frame"),
        pytest.param(AVS, b"\x80\x21\x10\x01" + b"\xff" * 60, id="AVS of 4 GiB"),
        pytest.param(AVS, b"\x80\x21\x11\x01" + bytes(60), id="no AVS"),
        pytest.param(PRISM, bytes(4) + b"\xff" * 60, id="Prism of 4 GiB"),
        pytest.param(PRISM, bytes(60), id="Prism of no bytes"),
        pytest.param(PRISM, bytes(7), id="short Prism"),
    ],
)
def test_headers_that_do_not_fit_are_malformed(link_type: int, frame: bytes) -> None:
    assert found([frame, frame], link_type) == ([], NetworkCounts(malformed=2))
