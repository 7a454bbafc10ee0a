import numpy as np
import pytest

from sipscope.decode.counts import NetworkCounts
from sipscope.decode.layers import (
    MAX_TUNNELS,
    MIRRORS,
    TUNNELS,
    Dissection,
    DissectionTables,
    Inside,
    Layer,
    came_in,
    dissect,
    merged,
    tunnel_names,
)
from sipscope.decode.network import TABLES
from tests.packets import batch, ethernet, ipv4, udp

PACKET = ipv4(udp(b"hello"))
SNAP = b"\xaa\xaa\x03\x00\x00\x00\x08\x00"


@pytest.mark.parametrize(("tags", "read"), [(45, 1), (46, 0), (100, 0)])
def test_no_more_than_48_headers_inside_each_other_are_read(tags: int, read: int) -> None:
    counts = NetworkCounts()
    frame = ethernet(PACKET, vlans=range(tags))
    dissection = dissect(batch([frame]), TABLES, counts)
    assert len(dissection.datagrams) == read
    assert counts.encapsulation_too_deep == 1 - read


def test_a_tunnel_is_one_step_and_one_table_entry() -> None:
    def ip_in_ip(dissection: Dissection, layer: Layer) -> list[Inside]:
        return [Inside("ethertype", np.full(len(layer), 0x0800), layer)]

    steps = {**TABLES.steps, "ipv4": {**TABLES.steps["ipv4"], 200: ip_in_ip}}
    frames = [PACKET, ipv4(PACKET, "198.51.100.1", protocol=200), PACKET]
    dissection = dissect(batch(frames, 101), DissectionTables(steps), NetworkCounts())
    starts = {
        packet: start
        for layer in dissection.datagrams
        for packet, start in zip(layer.packet.tolist(), layer.start.tolist(), strict=True)
    }
    assert starts == {0: 20, 1: 33 + 40, 2: 33 + 53 + 20}


def test_every_packet_is_either_read_or_counted() -> None:
    counts = NetworkCounts()
    frames = [
        ethernet(PACKET),
        ethernet(b"", 0x0806),
        ethernet(ipv4(b"", protocol=1)),
        b"short",
        ethernet(PACKET, vlans=range(60)),
        ethernet(PACKET)[:30],
    ]
    wire = [len(frame) for frame in frames[:-1]] + [47]
    dissection = dissect(batch(frames, wire=wire), TABLES, counts)
    assert [layer.packet.tolist() for layer in dissection.datagrams] == [[0]]
    assert counts == NetworkCounts(
        not_ip=1, other_protocol=1, malformed=1, encapsulation_too_deep=1
    )


def test_an_empty_batch_holds_nothing() -> None:
    dissection = dissect(batch([]), TABLES, NetworkCounts())
    assert (dissection.datagrams, dissection.segments, dissection.fragments) == ([], [], [])


def entered(*tunnels: str) -> tuple[Dissection, list[int]]:
    """A packet that goes through tunnels, and how many packets were left after each."""
    packets = batch([PACKET])
    dissection = Dissection(packets, NetworkCounts(), TABLES, np.zeros(1, np.int64))
    start = np.zeros(1, np.int64)
    layer = Layer(start, start, start + len(PACKET), start, version=4)
    left = []
    for tunnel in tunnels:
        inside = dissection.enter(tunnel, "ethertype", np.full(len(layer), 0x0800), layer)
        assert (inside.table, len(inside.number), inside.layer.version) == (
            "ethertype",
            len(inside.layer),
            0,
        )
        layer = inside.layer
        left.append(len(layer))
    return dissection, left


def test_the_tunnels_of_a_packet_are_named_from_the_outermost_on() -> None:
    dissection, _ = entered(*TUNNELS[:MAX_TUNNELS])
    assert tunnel_names(int(dissection.encapsulation[0])) == TUNNELS[:MAX_TUNNELS]
    assert tunnel_names(0) == ()


def test_packets_in_more_than_eight_tunnels_are_counted_once() -> None:
    dissection, left = entered(*["tzsp"] * 10)
    assert left == [1] * 8 + [0, 0]
    assert dissection.counts == NetworkCounts(encapsulation_too_deep=1)
    assert tunnel_names(int(dissection.encapsulation[0])) == ("tzsp",) * 8


@pytest.mark.parametrize(
    ("tunnels", "mirrored"),
    [((), False), (("gre",), False), (("tzsp", "gre"), True), (("vxlan", "erspan"), True)],
)
def test_what_a_mirror_brought_is_told_at_any_depth(
    tunnels: tuple[str, ...], mirrored: bool
) -> None:
    dissection, _ = entered(*tunnels)
    assert came_in(dissection.encapsulation, MIRRORS).tolist() == [mirrored]


def test_layers_are_merged_in_order_of_capture() -> None:
    def layer(*packets: int) -> Layer:
        packet = np.array(packets)
        return Layer(packet, packet * 10, packet * 10 + 5, packet * 10 + 1, 6)

    whole = merged([layer(1, 4), layer(0, 9), layer(5)])
    assert whole.packet.tolist() == [0, 1, 4, 5, 9]
    assert whole.start.tolist() == [0, 10, 40, 50, 90]
    assert whole.end.tolist() == [5, 15, 45, 55, 95]
    assert whole.network.tolist() == [1, 11, 41, 51, 91]
    assert whole.version == 6


def test_packets_that_come_to_a_protocol_on_different_ways_are_read_together() -> None:
    sizes = []

    def counted(dissection: Dissection, layer: Layer) -> list[Inside]:
        sizes.append(len(layer))
        return []

    steps = {**TABLES.steps, "ipv4": {200: counted}, "ipv6": {200: counted}}
    packet = ipv4(b"", protocol=200)
    frames = [ethernet(packet, vlans=[1]), b"\x02" * 12 + b"\x00\x08" + SNAP + packet] * 3
    dissect(batch(frames), DissectionTables(steps), NetworkCounts())
    assert sizes == [6]
