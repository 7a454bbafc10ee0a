"""Fax packets by flow: counted where SDP may name them later, and kept out of the RTP."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from sipscope.calls.fax import FaxPackets
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.rtp import RtpBlock, rtp_block
from tests.decode.payloads import datagrams

PHONE = Endpoint(bytes([192, 0, 2, 21]), 40000)
TRUNK = Endpoint(bytes([203, 0, 113, 7]), 18000)
ELSEWHERE = Endpoint(bytes([203, 0, 113, 9]), 18000)
FLOW = Flow(PHONE, TRUNK)


def udptl(number: int) -> bytes:
    return struct.pack("!HBBBB", number, 1, 6, 0, 0) + bytes(10)


def rtp(sequence: int) -> bytes:
    return struct.pack("!BBHII", 0x80, 8, sequence, 160 * sequence, 7) + bytes(160)


def take(fax: FaxPackets, payloads: list[bytes], flow: Flow = FLOW) -> RtpBlock:
    taken = datagrams(payloads, flows=[flow])
    return fax.add(taken, rtp_block(taken))


def test_packets_to_and_from_an_address() -> None:
    fax = FaxPackets()
    take(fax, [udptl(0), rtp(1), udptl(1), b"\x00" * 20])
    take(fax, [udptl(2)])
    take(fax, [udptl(0)], FLOW.reverse)
    take(fax, [udptl(0)], Flow(ELSEWHERE, PHONE))
    assert fax.packets([PHONE]) == 5
    assert fax.packets([TRUNK]) == 4
    assert fax.packets([PHONE, TRUNK]) == 5
    assert fax.packets([Endpoint(PHONE.address, 40001)]) == 0


def test_the_ports_of_the_system_have_no_fax() -> None:
    fax = FaxPackets()
    take(fax, [udptl(0)], Flow(PHONE, Endpoint(TRUNK.address, 53)))
    assert len(fax) == 0


def test_numbers_that_look_like_rtp_and_rtcp_are_told_by_those_before() -> None:
    fax = FaxPackets()
    assert len(take(fax, [udptl(n) for n in range(0x7FD0, 0x8000)])) == 0
    for begin in (0x8000, 0x8020, 0x8080, 0x80C0, 0x8100):
        numbers = range(begin, begin + 0x40)
        block = take(fax, [*(udptl(n) for n in numbers), rtp(1), rtp(2)])
        assert block.sequence.tolist() == [1, 2]
        assert (len(block.rtcp), len(block.dscp)) == (0, 2)
    assert fax.packets([PHONE]) == 0x30 + 5 * 0x40


def test_rtp_that_is_built_like_udptl_stays_rtp_without_fax_before() -> None:
    fax = FaxPackets()
    assert len(take(fax, [udptl(n) for n in range(0x8000, 0x8010)])) == 16
    assert len(take(fax, [udptl(n) for n in range(0x7FD0, 0x8000)], FLOW.reverse)) == 0
    assert len(take(fax, [udptl(n) for n in range(0x8000, 0x8010)])) == 16
    assert len(take(fax, [udptl(n) for n in range(0x9000, 0x9010)], FLOW.reverse)) == 16


def test_the_flow_that_was_silent_longest_makes_room() -> None:
    fax = FaxPackets(capacity=2)
    flows = [Flow(Endpoint(PHONE.address, port), TRUNK) for port in (2000, 2002, 2004)]
    for number in (0, 1, 0, 2):
        take(fax, [udptl(0)], flows[number])
    assert len(fax) == 2
    assert [fax.packets([flow.source]) for flow in flows] == [2, 0, 1]
    assert fax.packets([TRUNK]) == 3


@given(st.lists(st.binary(max_size=20)), st.integers(0, 0xFFFF))
def test_hostile_payloads_never_raise(payloads: list[bytes], number: int) -> None:
    fax = FaxPackets(capacity=1)
    take(fax, [udptl(n) for n in range(0x7FD0, 0x8000)])
    block = take(fax, [*payloads, udptl(number)])
    assert len(block) + len(block.rtcp) + len(block.other) <= len(payloads) + 1
