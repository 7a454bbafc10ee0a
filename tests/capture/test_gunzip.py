import gzip
import io
import random
import struct
import zlib

import pytest

from sipscope.capture.gunzip import Gunzip

NOISE = random.Random(1).randbytes(300_000)


def unpack(packed: bytes, size: int = 100_000, limit: int = 1 << 30) -> tuple[bytes, str | None]:
    """Unpack in pieces of `size`; return everything and the damage."""
    stream = Gunzip(io.BytesIO(packed).read, limit)
    unpacked = b""
    while piece := stream.read(size):
        assert len(piece) <= size or stream.damaged
        unpacked += piece
    return unpacked, stream.damaged


@pytest.mark.parametrize("size", [1000, 65_536, 1 << 20])
def test_a_stream_is_unpacked_piece_by_piece(size: int) -> None:
    assert unpack(gzip.compress(NOISE), size) == (NOISE, None)


def test_members_follow_each_other() -> None:
    packed = gzip.compress(b"first, ") + gzip.compress(b"") + gzip.compress(b"second")

    assert unpack(packed) == (b"first, second", None)


@pytest.mark.parametrize("padding", [bytes(512), b"\x1f", b"garbage"])
def test_what_follows_and_is_no_member_is_padding(padding: bytes) -> None:
    assert unpack(gzip.compress(NOISE) + padding) == (NOISE, None)


def test_a_stream_cut_off_gives_all_that_came() -> None:
    unpacked, damaged = unpack(gzip.compress(NOISE)[:200_000])

    assert len(unpacked) > 199_000
    assert NOISE.startswith(unpacked)
    assert damaged == "the gzip data are cut off at byte 200,000"


def test_a_damaged_stream_gives_all_before_the_damage() -> None:
    def stored(data: bytes) -> bytes:
        return struct.pack("<BHH", 0, len(data), len(data) ^ 0xFFFF) + data

    packed = gzip.compress(b"")[:10] + stored(NOISE[:50_000]) + stored(NOISE[50_000:60_000])
    damage = 10 + 5 + 50_000 + 4  # the last byte of the second block's length
    broken = packed[:damage] + bytes([packed[damage] ^ 1]) + packed[damage + 1 :]

    assert unpack(packed)[0] == NOISE[:60_000]
    assert unpack(broken) == (NOISE[:50_000], f"the gzip data are damaged at byte {damage:,}")


def test_a_wrong_checksum_is_told_after_all_data_came() -> None:
    packed = bytearray(gzip.compress(NOISE))
    packed[-8] ^= 1

    unpacked, damaged = unpack(bytes(packed))

    assert unpacked == NOISE
    assert damaged == f"the gzip data are damaged at byte {len(packed) - 5:,}"


def test_no_more_than_the_limit_is_unpacked() -> None:
    assert unpack(gzip.compress(NOISE), limit=len(NOISE)) == (NOISE, None)

    unpacked, damaged = unpack(gzip.compress(NOISE), limit=50_500)

    assert unpacked == NOISE[:50_501]
    assert damaged == "the gzip data unpack to more than 50,500 bytes"


def test_a_bomb_is_given_up() -> None:
    packer = zlib.compressobj(wbits=31)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()

    unpacked, damaged = unpack(packed, 1 << 20)

    assert 16 << 20 < len(unpacked) <= (16 << 20) + (1 << 20)
    assert damaged == "the gzip data unpack to more than 200 times their size"
