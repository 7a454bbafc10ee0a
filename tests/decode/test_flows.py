from ipaddress import IPv4Address

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sipscope.decode import flows
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.flows import group_by
from sipscope.decode.network import NetworkDecoder
from tests.packets import TCP, batch, ethernet, ipv4, ipv6, tcp, udp
from tests.tunnelling import gre, in_ip


def flow(source: str, port: int) -> Flow:
    sender = Endpoint(IPv4Address(source).packed, port)
    return Flow(sender, Endpoint(bytes([192, 0, 2, 2]), 5060))


def test_packets_of_one_flow_share_it_and_flows_are_in_order_of_appearance() -> None:
    frames = [
        ethernet(ipv4(udp(b"", port), source=source))
        for source, port in [
            ("10.0.0.9", 5060),
            ("10.0.0.1", 7),
            ("10.0.0.9", 5060),
            ("10.0.0.1", 8),
        ]
    ]
    found = NetworkDecoder().decode(batch(frames)).datagrams
    assert found.flow.tolist() == [0, 1, 0, 2]
    assert list(found.flows) == [flow("10.0.0.9", 5060), flow("10.0.0.1", 7), flow("10.0.0.1", 8)]


def test_both_ip_versions_stay_in_order_of_capture() -> None:
    six, four = ethernet(ipv6(udp(b"", 7))), ethernet(ipv4(udp(b"", 7)))
    found = NetworkDecoder().decode(batch([six, four, four, six])).datagrams
    assert found.packet.tolist() == [0, 1, 2, 3]
    names = [str(found.flows[index].source) for index in found.flow]
    assert names == ["[2001:db8::1]:7", "192.0.2.1:7", "192.0.2.1:7", "[2001:db8::1]:7"]


def test_a_flow_is_the_same_object_in_every_batch() -> None:
    decoder = NetworkDecoder()
    first, again = (decoder.decode(batch([ethernet(ipv4(udp(b"")))])).datagrams for _ in range(2))
    assert first.flows[0] is again.flows[0]


def test_tcp_and_udp_between_the_same_ports_are_different_flows() -> None:
    options = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n"
    frames = [ethernet(ipv4(udp(b""))), ethernet(ipv4(tcp(options), protocol=TCP))]
    decoded = NetworkDecoder().decode(batch(frames))
    assert decoded.datagrams.flows[0].transport == "udp"
    assert decoded.slow[0].flow == decoded.datagrams.flows[0]._replace(transport="tcp")


def test_no_more_than_65536_flows_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows, "MAX_FLOWS", 100)
    decoder = NetworkDecoder()
    frames = [ethernet(ipv4(udp(b"", port))) for port in range(1000)]
    found = decoder.decode(batch(frames)).datagrams
    assert [found.flows[index].source.port for index in found.flow] == list(range(1000))
    assert len(decoder._flows.known["udp"]) <= 100


@given(
    arrays(np.uint64, st.tuples(st.integers(1, 40), st.integers(1, 5)), elements=st.integers(0, 3))
)
def test_rows_are_grouped_as_a_dictionary_would(rows: np.ndarray[tuple[int, int]]) -> None:
    expected: dict[tuple[int, ...], int] = {}
    groups = [expected.setdefault(tuple(row), len(expected)) for row in rows.tolist()]
    first, group = group_by(list(rows.T))
    assert group.tolist() == groups
    assert first.tolist() == [groups.index(number) for number in range(len(expected))]


def test_the_first_row_of_a_group_is_found_among_many() -> None:
    words = np.random.default_rng(1).integers(0, 3, (2, 10_000), dtype=np.uint64)
    first, group = group_by(list(words))
    assert (np.diff(first) > 0).all()
    for number, row in enumerate(first):
        same = (words == words[:, [row]]).all(axis=0)
        assert np.flatnonzero(same)[0] == row
        assert (same == (group == number)).all()


def test_rows_that_mix_to_the_same_number_are_still_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flows, "_MIX", np.zeros(5, dtype=np.uint64))
    words = [np.array([1, 2, 1, 3], dtype=np.uint64), np.array([5, 5, 5, 6], dtype=np.uint64)]
    first, group = group_by(words)
    assert (first.tolist(), group.tolist()) == ([0, 1, 3], [0, 1, 0, 2])


def test_a_flow_in_a_tunnel_is_the_same_object_in_every_batch() -> None:
    decoder = NetworkDecoder()
    inner = [ipv4(udp(b"")), ipv6(udp(b"")), ipv4(tcp(), protocol=TCP)]
    frames = [ethernet(packet) for each in inner for packet in (each, in_ip(gre_of(each), 47))]
    first, again = (decoder.decode(batch(frames)).datagrams for _ in range(2))
    assert [found.encapsulation for found in first.flows] == [(), ("gre",)] * 2
    assert all(one is other for one, other in zip(first.flows, again.flows, strict=True))


def gre_of(packet: bytes) -> bytes:
    return gre(packet, 0x86DD if packet[0] >> 4 == 6 else 0x0800)
