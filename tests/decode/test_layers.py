import numpy as np
import pytest

from sipscope.decode.counts import NetworkCounts
from sipscope.decode.layers import Dissection, Inside, Layer, dissect
from sipscope.decode.network import TABLES
from tests.packets import batch, ethernet, ipv4, udp

PACKET = ipv4(udp(b"hello"))


@pytest.mark.parametrize(("tags", "read"), [(13, 1), (14, 0), (100, 0)])
def test_no_more_than_16_headers_inside_each_other_are_read(tags: int, read: int) -> None:
    counts = NetworkCounts()
    frame = ethernet(PACKET, vlans=range(tags))
    dissection = dissect(batch([frame]), TABLES, counts)
    assert len(dissection.datagrams) == read
    assert counts.encapsulation_too_deep == 1 - read


def test_a_tunnel_is_one_step_and_one_table_entry() -> None:
    def ip_in_ip(dissection: Dissection, layer: Layer) -> list[Inside]:
        return [Inside("ethertype", np.full(len(layer), 0x0800), layer)]

    tables = {**TABLES, "ipv4": {**TABLES["ipv4"], 4: ip_in_ip}}
    frames = [PACKET, ipv4(PACKET, "198.51.100.1", protocol=4), PACKET]
    dissection = dissect(batch(frames, 101), tables, NetworkCounts())
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
        ethernet(PACKET, vlans=range(20)),
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
