"""Packets in bulk, and single frames out of them."""

import numpy as np

from sipscope.decode.batch import Frame, PacketBatch
from tests.packets import START, batch

MS = 1_000_000


def test_a_batch_is_as_long_as_its_packets_are_many() -> None:
    assert len(batch([])) == 0
    assert len(batch([b"one", b"", b"three"])) == 3


def test_a_frame_is_copied_out_of_the_buffer() -> None:
    packets = batch([b"one", b"", b"three"], wire=[3, 0, 1500])
    assert packets.frame(0) == Frame(START, 1, 3, b"one")
    assert packets.frame(1) == Frame(START + 20 * MS, 1, 0, b"")
    assert packets.frame(2) == Frame(START + 40 * MS, 1, 1500, b"three")


def test_packets_may_lie_anywhere_in_the_buffer() -> None:
    column = np.array([4, 0], np.int64), np.array([3, 2], np.int64)
    packets = PacketBatch(b"ab--xyz", *column, column[1], np.array([7, 8], np.int64), 113)
    assert [packets.frame(index).data for index in (0, 1)] == [b"xyz", b"ab"]
    assert packets.frame(1) == Frame(8, 113, 2, b"ab")


def test_a_frame_has_python_s_own_types_not_numpy_s() -> None:
    frame = batch([b"one"]).frame(0)
    assert [type(field) for field in frame] == [int, int, int, bytes]


def test_a_buffer_that_is_no_bytes_object() -> None:
    packets = batch([b"one"])
    view = PacketBatch(
        bytearray(packets.buffer),  # type: ignore[arg-type]
        packets.offset,
        packets.captured,
        packets.wire,
        packets.time,
        packets.link_type,
    )
    assert view.frame(0).data == b"one"
    assert type(view.frame(0).data) is bytes


def test_frames_are_numbered_from_1_within_their_source() -> None:
    packets = batch([b"one"])
    assert (packets.source, packets.number, packets.position) == (0, 1, 0)
    assert packets.recording is None
