import numpy as np
import pytest

from sipscope.capture.filter import CaptureFilter
from sipscope.errors import FilterError
from tests.packets import batch, ethernet, ipv4, udp

SIP = ethernet(ipv4(udp(b"INVITE", 5060, 5060)))
RTP = ethernet(ipv4(udp(b"\x80\x00voice", 10_000, 20_000)))
LINUX_SLL = 113
RAW = 101


def test_only_packets_that_match_pass() -> None:
    passed = CaptureFilter("udp port 5060").apply(batch([SIP, RTP, SIP, RTP], wire=[99] * 4))

    assert [passed.frame(index).data for index in range(len(passed))] == [SIP, SIP]
    assert passed.wire.tolist() == [99, 99]
    assert np.diff(passed.time).tolist() == [40_000_000]


def test_packets_that_pass_are_numbered_without_gaps() -> None:
    only_sip = CaptureFilter("udp port 5060")
    first = only_sip.apply(batch([RTP, SIP, SIP]))
    second = only_sip.apply(batch([RTP, RTP], number=4))
    third = only_sip.apply(batch([RTP, SIP], number=6))

    assert [(each.number, len(each)) for each in (first, second, third)] == [(1, 2), (3, 0), (3, 1)]


def test_every_link_type_has_its_own_program() -> None:
    only_sip = CaptureFilter("udp port 5060")
    cooked = bytes(14) + b"\x08\x00" + SIP[14:]

    assert len(only_sip.apply(batch([cooked, SIP], LINUX_SLL))) == 1
    assert len(only_sip.apply(batch([SIP[14:], RTP[14:]], RAW))) == 1
    assert only_sip.unsupported == {}


def test_packets_of_a_link_type_that_libpcap_cannot_filter_do_not_pass() -> None:
    only_sip = CaptureFilter("udp port 5060")

    assert len(only_sip.apply(batch([SIP], 147))) == 0
    assert only_sip.unsupported == {147: "DLT 147 link-layer type filtering not implemented"}


def test_a_packet_cut_short_does_not_match_what_it_lacks() -> None:
    assert len(CaptureFilter("udp port 5060").apply(batch([SIP[:20], b""]))) == 0


@pytest.mark.parametrize("expression", ["udp prot 5060", "port", "udp\0"])
def test_a_wrong_expression_is_refused_with_a_remedy(expression: str) -> None:
    with pytest.raises(FilterError, match="man pcap-filter") as raised:
        CaptureFilter(expression)
    assert raised.value.exit_status == 2
    assert raised.value.message.startswith(f"The capture filter {expression!r} is not understood: ")
