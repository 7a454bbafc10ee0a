import struct
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipscope.decode.sip_framing import FramedMessage
from sipscope.decode.websocket import (
    MAX_MESSAGE,
    Frame,
    WebSocketFramer,
    begins_with_sip,
    read_frame,
    unmask,
)
from sipscope.errors import Problem

REQUEST = b"GET / HTTP/1.1\r\nHost: pbx\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
RESPONSE = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\n\r\n"
OPTIONS = b"OPTIONS sip:bob@example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n"
INVITE = b"INVITE sip:bob@example.com SIP/2.0\r\nContent-Length: 400\r\n\r\n" + b"v" * 400
MASK = b"\x11\x22\x33\x44"


def frame(
    payload: bytes, opcode: int = 1, *, final: bool = True, mask: bytes = b"", rsv: int = 0
) -> bytes:
    """A frame as RFC 6455 section 5.2 draws it."""
    length = len(payload)
    first = (0x80 if final else 0) | rsv | opcode
    second = 0x80 if mask else 0
    if length < 126:
        header = struct.pack(">BB", first, second | length)
    elif length < 1 << 16:
        header = struct.pack(">BBH", first, second | 126, length)
    else:
        header = struct.pack(">BBQ", first, second | 127, length)
    return header + mask + unmask(payload, mask)


def payloads(*pieces: bytes) -> list[bytes]:
    framer = WebSocketFramer()
    return [message.payload for piece in pieces for message in framer.feed(piece)]


@pytest.mark.parametrize("opcode", [1, 2], ids=["text", "binary"])
@pytest.mark.parametrize("mask", [b"", MASK], ids=["plain", "masked"])
@pytest.mark.parametrize("message", [OPTIONS, INVITE], ids=["short", "long"])
def test_a_frame_after_the_handshake_is_a_message(opcode: int, mask: bytes, message: bytes) -> None:
    assert payloads(REQUEST + frame(message, opcode, mask=mask)) == [message]


def test_a_message_knows_where_its_frames_lie_in_the_stream() -> None:
    framer = WebSocketFramer(1_000)
    data = RESPONSE + frame(OPTIONS)
    assert framer.feed(data) == [
        FramedMessage(OPTIONS, 1_000 + len(RESPONSE), (), 1_000 + len(data))
    ]
    assert framer.position == 1_000 + len(data)


def test_several_messages_in_one_segment_are_all_there() -> None:
    assert payloads(RESPONSE + frame(OPTIONS) + frame(INVITE) + frame(OPTIONS)) == [
        OPTIONS,
        INVITE,
        OPTIONS,
    ]


def test_fragments_are_joined_whatever_comes_between() -> None:
    ping, pong = frame(b"?", 9), frame(b"!", 10)
    pieces = frame(INVITE[:100], final=False), frame(INVITE[100:300], 0, final=False)
    assert payloads(REQUEST, pieces[0], ping, pieces[1], pong, frame(INVITE[300:], 0)) == [INVITE]


def test_a_capture_that_begins_later_finds_the_frames() -> None:
    assert payloads(frame(OPTIONS, mask=MASK)) == [OPTIONS]
    assert payloads(b"\x00\x01noise", frame(OPTIONS)) == [OPTIONS]


def test_compressed_messages_are_read_with_their_common_dictionary() -> None:
    deflate = zlib.compressobj(wbits=-15)

    def compressed(message: bytes) -> bytes:
        data = deflate.compress(message) + deflate.flush(zlib.Z_SYNC_FLUSH)
        return frame(data.removesuffix(b"\x00\x00\xff\xff"), rsv=0x40)

    stream = RESPONSE + compressed(INVITE) + compressed(INVITE) + frame(OPTIONS)
    assert payloads(stream) == [INVITE, INVITE, OPTIONS]


def test_a_compressed_message_does_not_grow_without_bound() -> None:
    bomb = zlib.compress(b"OPTIONS sip:a SIP/2.0\r\n" + bytes(10 << 20), wbits=-15)
    (message,) = payloads(RESPONSE, frame(bomb, rsv=0x40))
    assert len(message) == MAX_MESSAGE


@pytest.mark.parametrize("payload", [b"", b"\r\n\r\n", b"hello", b'{"method": "chat"}'])
def test_what_is_no_sip_is_passed_over(payload: bytes) -> None:
    assert payloads(RESPONSE, frame(payload), frame(OPTIONS)) == [OPTIONS]


def test_http_without_an_upgrade_is_junk() -> None:
    framer = WebSocketFramer()
    page = b"HTTP/1.1 101 Other\r\nContent-Length: 5\r\n\r\nhello"
    assert framer.feed(page) == []
    assert framer.junk == len(page)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x83\x00", "websocket.opcode"),
        (b"\xb1\x00", "websocket.opcode"),
        (b"\x09\x00", "websocket.control"),
        (b"\x89\x7e\x01\x00", "websocket.control"),
        (b"\x81\x7f" + b"\x00" * 5 + b"\x02\x00\x00", "websocket.length"),
    ],
)
def test_what_is_no_frame_is_told(data: bytes, code: str) -> None:
    found = read_frame(data)
    assert isinstance(found, Problem)
    assert found.code == code


@pytest.mark.parametrize("size", range(8))
def test_a_header_that_is_not_complete_is_waited_for(size: int) -> None:
    assert read_frame(frame(INVITE, mask=MASK)[:size]) is None
    whole = read_frame(frame(INVITE, mask=MASK))
    assert whole == Frame(True, False, 1, 8, len(INVITE), MASK)


def test_a_gap_cuts_a_message_off_and_the_next_one_is_marked() -> None:
    framer = WebSocketFramer()
    framer.feed(RESPONSE + frame(INVITE)[:200])
    (cut,) = framer.gap(230)
    assert cut.payload == INVITE[:196]
    assert cut.problems[0].code == "tcp.gap"
    (after,) = framer.feed(frame(OPTIONS))
    assert (after.payload, after.problems[0].code) == (OPTIONS, "tcp.gap")
    assert after.end == framer.position


def test_the_end_of_the_stream_cuts_a_message_off() -> None:
    framer = WebSocketFramer()
    framer.feed(RESPONSE + frame(INVITE[:50], final=False) + frame(INVITE[50:], 0)[:20])
    (cut,) = framer.finish()
    assert cut.payload.startswith(INVITE[:50])
    assert cut.problems[0].code == "sip.incomplete"


def test_a_message_of_endless_fragments_is_given_up() -> None:
    piece = frame(bytes(30_000), 0, final=False)
    framer = WebSocketFramer()
    framer.feed(RESPONSE + frame(INVITE, final=False))
    found = [message for _ in range(10) for message in framer.feed(piece)]
    assert [message.problems[0].code for message in found] == ["sip.too-long"]
    assert framer.held < 2 * MAX_MESSAGE


def test_only_frames_with_sip_begin_like_it() -> None:
    assert begins_with_sip(frame(OPTIONS, mask=MASK))
    assert not begins_with_sip(frame(b"hello"))
    assert not begins_with_sip(OPTIONS)
    assert not begins_with_sip(b"\x81")


@given(st.lists(st.sampled_from([OPTIONS, INVITE, b"\r\n"]), max_size=6), st.data())
def test_however_the_stream_is_cut_the_messages_are_the_same(
    messages: list[bytes], data: st.DataObject
) -> None:
    stream = RESPONSE + b"".join(frame(each, mask=MASK) for each in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    bounds = [0, *cuts, len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(bounds)]
    assert payloads(*pieces) == [each for each in messages if each != b"\r\n"]


@given(st.lists(st.binary(max_size=60), max_size=10))
def test_any_bytes_are_taken(pieces: list[bytes]) -> None:
    framer = WebSocketFramer()
    for piece in (RESPONSE, *pieces):
        framer.feed(piece)
    framer.finish()
    assert framer.position == len(RESPONSE) + sum(map(len, pieces))
