"""Packets found to belong together."""

import numpy as np
import pytest

from sipscope.rtpqos.packets import Packets, consistent, pairs_of
from tests.rtpqos.reference import FLOWS, Packet, block_of


def test_one_pair_for_each_flow_and_source() -> None:
    sources = [(0, 5), (2, 5), (0, 6), (0, 5), (2, 5), (0, 7), (0, 6)]
    block = block_of([Packet(0, 0, 0, flow=flow, ssrc=ssrc) for flow, ssrc in sources])
    pair, keys = pairs_of(block, FLOWS)
    assert len(keys) == len(set(keys)) == 4
    assert [keys[index] for index in pair.tolist()] == [
        (FLOWS[flow], ssrc) for flow, ssrc in sources
    ]


def numbered(*streams: list[int]) -> tuple[Packets, np.ndarray]:
    """Packets of streams with these sequence numbers, and how many each has."""
    sequence = np.array([number % 65536 for numbers in streams for number in numbers], np.uint16)
    zeros = np.zeros(len(sequence), np.int64)
    packets = Packets(
        zeros.astype(np.int32),
        zeros,
        sequence,
        zeros.astype(np.uint32),
        zeros.astype(np.uint8),
        zeros.astype(np.bool_),
        zeros.astype(np.uint16),
        zeros.astype(np.uint8),
    )
    return packets, np.array([len(numbers) for numbers in streams])


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([1, 2, 3, 4], False),
        ([1, 2, 3, 4, 5], True),
        ([65534, 65535, 0, 1, 2], True),
        ([1, 3, 5, 9, 13], True),
        ([1, 6, 11, 16, 21], False),
        ([1, 2, 2, 3, 3], True),
        ([1, 1, 2, 2, 3, 3, 4, 4], True),
        ([7, 7, 7, 7, 7], False),
        ([7, 7, 8, 8, 8, 8], False),
        ([5, 4, 3, 2, 1], False),
        ([1, 2, 900, 70, 71], True),
        ([1, 2, 900, 70, 5], False),
    ],
)
def test_five_packets_of_which_half_go_a_little_forward(numbers: list[int], expected: bool) -> None:
    packets, size = numbered([1, 2, 3, 4, 5], numbers, [9])
    assert consistent(packets, size).tolist() == [True, expected, False]


def packets_of(*rows: tuple[int, int, int, bool]) -> Packets:
    """Packets of a stream, with a sequence number, a payload type and a marker."""
    local, sequence, payload_type, marker = zip(*rows, strict=True)
    packets, _ = numbered(list(sequence))
    return packets._replace(
        local=np.array(local, np.int32),
        payload_type=np.array(payload_type, np.uint8),
        marker=np.array(marker, np.bool_),
    )


def test_packets_of_a_stream_stay_in_order_behind_those_of_others() -> None:
    packets = packets_of((1, 5, 0, False), (0, 9, 0, False), (1, 4, 0, False), (0, 1, 0, False))
    for streams in (2, 1 << 17):
        ordered = packets.by_stream(streams)
        assert ordered.local.tolist() == [0, 0, 1, 1]
        assert ordered.sequence.tolist() == [9, 1, 5, 4]


def test_a_plain_stream_has_one_payload_type_and_no_marker() -> None:
    packets = packets_of(
        (0, 1, 8, False),
        (1, 1, 8, False),
        (2, 1, 8, False),
        (0, 2, 8, False),
        (1, 2, 101, False),
        (2, 2, 8, True),
        (1, 3, 8, False),
        (3, 1, 18, False),
    )
    assert packets.plain(4).tolist() == [True, False, False, True]
