import random
import struct

from hypothesis import given
from hypothesis import strategies as st

from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.batch import Frame
from sipscope.decode.sctp import MAX_PENDING, MAX_RECENT, SctpReassembler, UserMessage, read_chunks

PHONE, PBX = Endpoint(bytes([192, 0, 2, 1]), 40_000), Endpoint(bytes([192, 0, 2, 2]), 5060)
FLOW = Flow(PHONE, PBX, "sctp")
OPTIONS = b"OPTIONS sip:bob@example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n"
WHOLE, FIRST, MIDDLE, LAST = 3, 2, 0, 1


def data(payload: bytes, tsn: int, flags: int = WHOLE) -> bytes:
    """A DATA chunk of stream 1."""
    chunk = struct.pack(">BBHIHHI", 0, flags, 16 + len(payload), tsn, 1, 7, 0) + payload
    return chunk + bytes(-len(chunk) % 4)


def packet(*chunks: bytes, tag: int = 99) -> bytes:
    return struct.pack(">HHII", 40_000, 5060, tag, 0) + b"".join(chunks)


def frame(number: int) -> tuple[Frame, ...]:
    return (Frame(number, 1, 60, bytes([number % 256])),)


def take(sctp: SctpReassembler, *packets: bytes) -> list[UserMessage]:
    messages = []
    for number, each in enumerate(packets):
        messages += sctp.add(FLOW, each, frame(number))
    return messages


def payloads(*packets: bytes) -> list[bytes]:
    return [message.payload for message in take(SctpReassembler(), *packets)]


def test_a_user_message_in_one_chunk_has_its_frame() -> None:
    (message,) = take(SctpReassembler(), packet(data(OPTIONS, 1)))
    assert message == UserMessage(OPTIONS, frame(0))


def test_other_chunks_and_padding_are_passed_over() -> None:
    heartbeat = struct.pack(">BBH", 4, 0, 9) + b"hello" + bytes(3)
    sack = struct.pack(">BBHIIHH", 3, 0, 16, 1, 65535, 0, 0)
    chunks = list(read_chunks(packet(heartbeat, data(b"abc", 5), sack, data(OPTIONS, 6))))
    assert [(chunk.tsn, chunk.stream, chunk.data) for chunk in chunks] == [
        (5, 1, b"abc"),
        (6, 1, OPTIONS),
    ]


def test_an_i_data_chunk_has_four_more_bytes() -> None:
    chunk = struct.pack(">BBHIHHII", 64, WHOLE, 20 + 3, 8, 1, 0, 2, 0) + b"abc\0"
    assert [each.data for each in read_chunks(packet(chunk))] == [b"abc"]


def test_fragments_are_joined_in_any_order_over_the_wrap() -> None:
    tsns = [0xFFFFFFFE, 0xFFFFFFFF, 0, 1]
    flags = [FIRST, MIDDLE, MIDDLE, LAST]
    pieces = [OPTIONS[:10], OPTIONS[10:20], OPTIONS[20:30], OPTIONS[30:]]
    packets = [packet(data(*each)) for each in zip(pieces, tsns, flags, strict=True)]
    for seed in range(10):
        shuffled = random.Random(seed).sample(packets, 4)
        assert payloads(*shuffled) == [OPTIONS]


def test_the_frames_are_in_the_order_of_the_fragments() -> None:
    sctp = SctpReassembler()
    (message,) = take(sctp, packet(data(b"cd", 2, LAST)), packet(data(b"ab", 1, FIRST)))
    assert message.payload == b"abcd"
    assert message.frames == frame(1) + frame(0)


def test_a_chunk_sent_again_is_taken_once() -> None:
    assert payloads(packet(data(OPTIONS, 1)), packet(data(OPTIONS, 1))) == [OPTIONS]
    assert payloads(packet(data(OPTIONS, 1)), packet(data(OPTIONS, 1), tag=7)) == [OPTIONS] * 2


def test_neighbouring_messages_are_kept_apart() -> None:
    chunks = (
        data(b"ab", 1, FIRST),
        data(b"cd", 2, LAST),
        data(b"ef", 3, FIRST),
        data(b"gh", 4, LAST),
    )
    assert payloads(packet(*chunks)) == [b"abcd", b"efgh"]


def test_what_is_held_is_bounded() -> None:
    sctp = SctpReassembler()
    take(sctp, *(packet(data(b"x", 2 * n, FIRST)) for n in range(2 * MAX_RECENT)))
    assert len(sctp._pending) == MAX_PENDING
    assert len(sctp._recent) == MAX_RECENT


@given(st.binary(max_size=200))
def test_any_bytes_are_read(tail: bytes) -> None:
    take(SctpReassembler(), packet(tail), tail)


@given(st.lists(st.sampled_from([WHOLE, FIRST, MIDDLE, LAST]), max_size=30), st.randoms())
def test_any_flags_in_any_order_are_read(flags: list[int], chance: random.Random) -> None:
    packets = [packet(data(b"x", tsn, each)) for tsn, each in enumerate(flags)]
    chance.shuffle(packets)
    assert all(set(payload) == {ord("x")} for payload in payloads(*packets))
