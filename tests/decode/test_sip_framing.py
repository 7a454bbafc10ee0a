import json
import random
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sipscope.decode.sip_framing import FramedMessage, SipFramer, looks_like_sip
from sipscope.errors import Problem

TORTURE = Path(__file__).parents[2].parent / "shared" / "corpus" / "torture"

OPTIONS = b"OPTIONS sip:bob@example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n"
INVITE = b"INVITE sip:bob@example.com SIP/2.0\r\nContent-Length: 4\r\n\r\nv=0\n"
OK = b"SIP/2.0 200 OK\r\nl: 5\r\n\r\nhello"


def framed(*pieces: bytes) -> list[bytes]:
    framer = SipFramer()
    return [message.payload for piece in pieces for message in framer.feed(piece)]


@pytest.mark.parametrize(
    "payload",
    [
        b"INVITE sip:bob@example.com SIP/2.0\r\n",
        b"INVITE sip:bob@example.com SIP/2.0\n",
        b"INVITE sip:bob@example.com SIP/2.0",
        b"\r\n\r\nBYE sip:bob@example.com SIP/2.0\r\n",
        b"KDMQ sip:notification_peer@192.0.2.1 SIP/2.0\r\n",
        b"NewMethod sip:bob@example.com SIP/2.0\r\n",
        b"OPTIONS sip:bob@example.com SIP/7.0\r\n",
        b"INVITE sip:bob@example.com; lr SIP/2.0  \r\n",
        b"INVITE  sip:bob@example.com  SIP/2.0\r\n",
        b"INVITE sip:" + b"a" * 4096 + b"@example.com SIP/2.0\r\n",
        b"INVITE sip:bob@exam",
        b"REGISTER sips:example.com SIP/2",
        b"SIP/2.0 200 OK\r\n",
        b"SIP/2.0 100\r\n",
        b"SIP/2.0 4294967301 better not break the receiver\r\n",
    ],
)
def test_start_lines_of_sip_look_like_sip(payload: bytes) -> None:
    assert looks_like_sip(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n",
        b"OPTIONS * HTTP/1.1\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"OPTIONS rtsp://192.0.2.1/ RTSP/1.0\r\n",
        b"RTSP/1.0 200 OK\r\n",
        b"INVITE sip:bob@example.com SIP\r\n",
        b"INVITE sip:bob@example.com HTTP/1.1\r\nVia: SIP/2.0/UDP x\r\n",
        b"INVITE\r\nContent-Length: 0\r\n\r\n",
        b"SIP/2.0 OK\r\n",
        b"SIP/2.0/UDP 192.0.2.1",
        b"v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\n",
        b"hello world",
        b"\x80\x08" + bytes(170),
        b"\x00\x01\x00\x00\x21\x12\xa4\x42",
        b"Via: SIP/2.0\r\n",
        b"INVITE sip:" + b"a" * 9000 + b"@example.com SIP/2.0\r\n",
    ],
)
def test_anything_else_does_not_look_like_sip(payload: bytes) -> None:
    assert not looks_like_sip(payload)


def test_every_torture_message_of_the_rfcs_looks_like_sip() -> None:
    if not TORTURE.is_dir():
        pytest.skip("the shared corpus is not here")
    messages = [*TORTURE.glob("rfc4475/*.dat"), *TORTURE.glob("rfc5118/*.dat")]
    assert len(messages) == 61
    assert [path.name for path in messages if not looks_like_sip(path.read_bytes())] == []


def test_messages_in_one_piece_are_parted_by_their_content_length() -> None:
    assert framed(INVITE + OK + OPTIONS) == [INVITE, OK, OPTIONS]


def test_a_message_split_anywhere_is_put_together() -> None:
    for cut in range(len(INVITE)):
        assert framed(INVITE[:cut], INVITE[cut:]) == [INVITE]


def test_a_start_line_in_a_body_does_not_begin_a_message() -> None:
    body = b"SIP/2.0 200 OK\r\n"
    notify = b"NOTIFY sip:a@b SIP/2.0\r\nContent-Length: 16\r\n\r\n" + body
    assert framed(notify + OPTIONS) == [notify, OPTIONS]


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: 5",
        b"content-length:5",
        b"CONTENT-LENGTH \t: 5 ",
        b"l: 5",
        b"L:5",
        b"Content-Length: 00000000000005",
        b"Content-Length:\r\n 5",
        b"Content-Length: 5\r\nContent-Length: 7",
        b"X-Content-Length: 7\r\nContent-Length: 5",
    ],
)
def test_the_content_length_is_found_in_every_form(header: bytes) -> None:
    message = b"INFO sip:a@b SIP/2.0\r\n" + header + b"\r\n\r\nhello"
    framer = SipFramer()
    assert framer.feed(message + OPTIONS) == [
        FramedMessage(message, 0, ()),
        FramedMessage(OPTIONS, len(message), ()),
    ]


def test_bare_line_feeds_end_a_header() -> None:
    message = b"INFO sip:a@b SIP/2.0\nContent-Length: 5\n\nhello"
    assert framed(message + message) == [message, message]


def test_line_ends_between_messages_are_not_junk() -> None:
    framer = SipFramer()
    messages = framer.feed(b"\r\n\r\n" + OPTIONS + b"\r\n\r\n\r\n" + OPTIONS + b"\r\n")
    assert [message.payload for message in messages] == [OPTIONS, OPTIONS]
    assert (framer.discarded, framer.held) == (0, 0)
    assert framer.position == 2 * len(OPTIONS) + 12


def test_junk_before_a_start_line_is_passed_over_and_counted() -> None:
    framer = SipFramer()
    assert framer.feed(b"blah\r\nmore" + OK) == [FramedMessage(OK, 10, ())]
    assert framer.discarded == 8


def test_a_line_without_end_is_not_kept() -> None:
    framer = SipFramer()
    for _ in range(100):
        assert framer.feed(b"x" * 1000) == []
    assert framer.held == 8192
    assert framer.junk == 100_000
    assert [message.payload for message in framer.feed(b"\r\n" + OPTIONS)] == [OPTIONS]


def test_the_end_of_a_line_that_was_not_kept_is_no_start_line() -> None:
    line = b"z" * 200 + b" sip:a@b SIP/2.0" + b" " * 8150
    assert framed(line, b"\r\nContent-Length: 0\r\n\r\n") == []
    assert framed(line + b"\r\nContent-Length: 0\r\n\r\n") == []


def test_a_message_without_content_length_ends_where_the_next_begins() -> None:
    without = b"INFO sip:a@b SIP/2.0\r\n\r\nhello\r\n"
    framer = SipFramer()
    problem = Problem("sip.content-length", "no Content-Length in a stream", 24)
    assert framer.feed(without + OPTIONS) == [
        FramedMessage(without, 0, (problem,)),
        FramedMessage(OPTIONS, len(without), ()),
    ]


def test_a_message_without_content_length_ends_with_its_segment() -> None:
    without = b"INFO sip:a@b SIP/2.0\r\n\r\nhello"
    assert framed(without, OPTIONS) == [without, OPTIONS]


def test_a_message_without_content_length_ends_where_a_start_line_is_begun() -> None:
    without = b"INFO sip:a@b SIP/2.0\r\n\r\nhello\r\n"
    for cut in range(1, 35):
        assert framed(without + OPTIONS[:cut], OPTIONS[cut:]) == [without, OPTIONS]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"a", "Content-Length is not a number"),
        (b"-1", "Content-Length is not a number"),
        (b"1_0", "Content-Length is not a number"),
        (b"", "Content-Length is not a number"),
        (b"65537", "Content-Length 65537 is more than 65536 bytes"),
        (b"1000000000", "Content-Length is not a number"),
        (b"999999999", "Content-Length 999999999 is more than 65536 bytes"),
    ],
)
def test_a_content_length_that_cannot_be_is_a_problem(value: bytes, text: str) -> None:
    message = b"INFO sip:a@b SIP/2.0\r\nContent-Length: " + value + b"\r\n\r\n"
    framer = SipFramer()
    problem = Problem("sip.content-length", text, 37)
    assert framer.feed(message + OPTIONS) == [
        FramedMessage(message, 0, (problem,)),
        FramedMessage(OPTIONS, len(message), ()),
    ]


def test_a_header_without_end_is_given_up() -> None:
    framer = SipFramer()
    endless = b"INFO sip:a@b SIP/2.0\r\n" + b"X: y\r\n" * 20_000
    (message,) = framer.feed(endless)
    problem = Problem("sip.too-long", "the header is longer than 65536 bytes", 65536)
    assert message == FramedMessage(endless[:65536], 0, (problem,))
    assert framer.held < 8192
    assert [message.payload for message in framer.feed(OPTIONS)] == [OPTIONS]


def test_a_header_that_comes_byte_by_byte_costs_no_more_than_its_bytes() -> None:
    framer = SipFramer()
    endless = b"INFO sip:a@b SIP/2.0\r\n" + b"X: y\r\n" * 10_000
    begun = time.process_time()
    for at in range(len(endless)):
        assert not framer.feed(endless[at : at + 1])
    assert time.process_time() - begun < 5  # quadratic takes minutes


def test_a_gap_cuts_a_message_off_and_is_told_with_the_next() -> None:
    framer = SipFramer()
    framer.feed(INVITE[:-2])
    (cut,) = framer.gap(100)
    assert cut == FramedMessage(
        INVITE[:-2],
        0,
        (Problem("tcp.gap", "100 bytes of the stream are missing here", len(INVITE) - 2),),
    )
    told = Problem("tcp.gap", "100 bytes of the stream are missing before this message", 0)
    assert framer.feed(b"rest of a body</xml>" + OK + OPTIONS) == [
        FramedMessage(OK, len(INVITE) - 2 + 100 + 20, (told,)),
        FramedMessage(OPTIONS, len(INVITE) - 2 + 100 + 20 + len(OK), ()),
    ]


def test_a_message_of_an_unknown_method_may_follow_a_gap() -> None:
    framer = SipFramer()
    framer.feed(b"tail of a bo" * 100)
    assert framer.gap(10) == []
    message = b"KDMQ sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n"
    assert [m.payload for m in framer.feed(message)] == [message]


def test_the_end_of_the_stream_gives_out_what_there_is_of_a_message() -> None:
    framer = SipFramer()
    framer.feed(INVITE[:50])
    problem = Problem("sip.incomplete", "the stream ends before the message does", 50)
    assert framer.finish() == [FramedMessage(INVITE[:50], 0, (problem,))]
    assert framer.finish() == []


@pytest.mark.parametrize(
    "name",
    [
        "bad_status_version",
        "bad_then_sip",
        "badrequestline",
        "badresponseline",
        "clen_missing",
        "clen_missing_then_good",
        "clen_non_numeric",
        "complete_request",
        "complete_response",
        "complete_two_incomplete",
        "complete_two_requests",
        "complete_with_body",
        "empty",
        "full_request",
        "incomplete_body",
        "incomplete_headers",
        "junkline",
        "randomjunk",
    ],
)
def test_framing_agrees_with_the_corpus(name: str) -> None:
    stream = TORTURE / "stream-framing" / f"{name}.stream"
    if not stream.is_file():
        pytest.skip("the shared corpus is not here")
    expected = json.loads(stream.with_suffix(".expected").read_text())
    messages = SipFramer().feed(stream.read_bytes())
    whole = [message.payload.decode() for message in messages if not message.problems]
    assert whole == expected["Messages"]
    # The corpus discards messages without a usable Content-Length, we show them.
    doubtful = [message.payload.decode() for message in messages if message.problems]
    assert doubtful == [text for text in expected["Discards"] if looks_like_sip(text.encode())]


bodies = st.one_of(st.binary(max_size=60), st.sampled_from([INVITE, b"SIP/2.0 200 OK\r\n", b"\n"]))


@st.composite
def whole_messages(draw: st.DrawFn) -> bytes:
    start = draw(
        st.sampled_from(
            [b"INVITE sip:a@b SIP/2.0", b"SIP/2.0 486 Busy Here", b"X-Y sip:a@b SIP/2.0"]
        )
    )
    name = draw(st.sampled_from([b"Content-Length: ", b"l:", b"CONTENT-LENGTH :\r\n\t"]))
    end = draw(st.sampled_from([b"\r\n", b"\n"]))
    body = draw(bodies)
    return end.join([start, b"Call-ID: 1", name + b"%d" % len(body), b"", b""]) + body


junk = st.sampled_from(
    [b"\r\n\r\n", b"\r\n", b"blah", b"Via: SIP/2.0/TCP x\r\n", b"INVITE", b"\x00\xff", b"x" * 9000]
)


@settings(max_examples=500, deadline=None)
@given(
    parts=st.lists(st.one_of(whole_messages(), junk), max_size=6),
    cuts=st.lists(st.integers(0, 2000), max_size=12),
)
def test_any_split_of_the_same_bytes_gives_the_same_messages(
    parts: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(parts)
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    framer, whole = SipFramer(), SipFramer()
    expected = whole.feed(stream)
    # Junk may hide a start line; then a body can look like a message without Content-Length,
    # the one kind whose end depends on the split.
    assume(not any(message.problems for message in expected))
    messages = []
    for begin, end in pairwise(places):
        messages += framer.feed(stream[begin:end])
    assert messages == expected
    assert (framer.position, framer.discarded) == (whole.position, whole.discarded)


def test_no_bytes_make_the_framer_fail_or_hold_more_than_two_maxima() -> None:
    chance = random.Random(1)
    words = [INVITE, OK, OPTIONS, b"Content-Length: 9", b"\r\n", b"\n", b" SIP/2.0", b"x" * 5000]
    framer = SipFramer()
    fed = given_out = 0
    for _ in range(20_000):
        piece = bytearray(chance.choice(words))
        if chance.random() < 0.5:
            piece[chance.randrange(len(piece))] = chance.randrange(256)
        messages = framer.feed(bytes(piece))
        fed += len(piece)
        given_out += sum(len(message.payload) for message in messages)
        assert framer.held <= 65536 + 65536
        assert framer.position + framer.held == fed
    assert 0 < given_out <= fed
