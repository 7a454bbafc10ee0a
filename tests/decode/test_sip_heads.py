"""Heads of many messages at once: always what reading one by one says."""

import random
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sipscope.decode import sip_heads
from sipscope.decode.sip import Head, parse, read_head
from sipscope.decode.sip_framing import METHODS
from sipscope.decode.sip_heads import SMALL_BATCH
from tests.heads import heads_of, rows
from tests.signalling import request, response, sdp

MUTATIONS = 50_000
OFFER = sdp("192.0.2.21", 40000)
INVITE = request("INVITE", call_id="a84b4c76e66710@192.0.2.21", cseq=314159, body=OFFER)
RINGING = response("180 Ringing", call_id="a84b4c76e66710@192.0.2.21", cseq=314159)
COMPACT = (
    b"SIP/2.0 200 OK\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf:<sip:a@b>;tag=1\r\n"
    b"T: <sip:c@d>;tag=2\r\ni:compact\r\nCSEQ: 7 REGISTER\r\nL:0\r\n\r\n"
)
ANY_CASE = (
    b"SUBSCRIBE sip:a@b SIP/2.0\r\nVIA: SIP/2.0/TCP h\r\nfrom: <sip:a@b>\r\nTO:<sip:c@d>\r\n"
    b"cALL-id: any-case\r\ncseq: 2147483647 SUBSCRIBE\r\nCONTENT-LENGTH: 3\r\n\r\nabc"
)
FOLDED = INVITE.replace(b"From: ", b"From:\r\n ").replace(b"CSeq: ", b"CSeq:\r\n\t")
MULTIPART = request("INVITE", body=b"--b\r\nContent-Length: 5\r\n\r\nv=0\r\n--b--\r\n")
SEEDS = (INVITE, RINGING, COMPACT, ANY_CASE, FOLDED, MULTIPART, request("MESSAGE", body=b"\0\xff"))

PIECES = (
    *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\n\n", b" ", b"\t", b":", b"\0", b"\x0b", b"\x1c"),
    *(b"\xff\xfe", b" folded\r\n", b"\tfolded\r\n", b"v=0", b"--b\r\n\r\nv=0\r\n", b"x" * 9000),
    *(b"Via: y\r\n", b"v: y\r\n", b"V : y\r\n", b"From: y\r\n", b"From:\r\n", b"f: y\r\n"),
    *(b"f : y\r\n", b"To: y\r\n", b"To:  \r\n", b"To\t: y\r\n", b"t:y\r\n", b"Call-ID: y\r\n"),
    *(b"CALL-ID : y\r\n", b"I:y\r\n", b"i\t:y\r\n", b"Call-ID:\r\n", b"CSeq: 1 INVITE\r\n"),
    *(b"CSeq:2147483648 BYE\r\n", b"CSEQ: 01  ACK\r\n", b"Content-Length: 0\r\n", b"l: 5\r\n"),
    *(b"L : 0\r\n", b"content-length:0007\r\n", b"Content-Length\t: 3\r\n", b"X: y\r\n" * 300),
    *(b"SIP/2.0 200 OK\r\n", b"SIP/2.0 ", b" SIP/2.0", b"REGISTER ", b"SUBSCRIBER", b"INVITE"),
    *(b"9999999999", b"-1", b"+5", b"1_0", b"Content-", b"Call-Info: y\r\n", b"Contact: y\r\n"),
)


def one_by_one(raws: Sequence[bytes]) -> list[Head | None]:
    return [read_head(raw) for raw in raws]


def on_columns(raw: bytes) -> Head | None:
    """The head of one message among many others."""
    others = [RINGING] * SMALL_BATCH
    *before, head, after = rows([*others, raw, INVITE])
    assert before == one_by_one(others)
    assert after == read_head(INVITE)
    return head


def mutated(generator: random.Random, raw: bytes) -> bytes:
    """The message with a few bytes changed, cut, doubled, inserted or put elsewhere."""
    for _ in range(generator.choice((0, 1, 1, 1, 2, 3))):
        start = generator.randrange(len(raw) + 1)
        stop = start + generator.choice((1, 1, 2, 5, 30, 300))
        before, part, after = raw[:start], raw[start:stop], raw[stop:]
        line = raw.find(b"\n", start) + 1
        piece = generator.choice(PIECES)
        raw = generator.choice(
            (
                before + bytes([generator.randrange(256)]) + raw[start + 1 :],
                before + after,
                before + part + part + after,
                before + part.swapcase() + after,
                before + piece + part + after,
                before + piece + after,
                raw[:line] + piece + raw[line:],
                raw[:line] + piece + raw[line:],
                before,
                before + generator.choice(SEEDS)[start:],
            )
        )
    return raw


def mutations(seed: int, count: int) -> Iterator[bytes]:
    generator = random.Random(seed)
    for _ in range(count):
        yield mutated(generator, generator.choice(SEEDS))


def test_fifty_thousand_mutated_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    irregular = 0

    def counted(raw: bytes) -> Head | None:
        nonlocal irregular
        irregular += 1
        return read_head(raw)

    monkeypatch.setattr(sip_heads, "read_head", counted)
    seen = 0
    for seed in range(MUTATIONS // 500):
        raws = list(mutations(seed, 500))
        assert rows(raws) == one_by_one(raws)
        seen += len(raws)
    assert seen == MUTATIONS
    assert 2 * MUTATIONS // 5 < irregular < 2 * MUTATIONS * 4 // 5  # `rows` reads twice


def test_mutated_messages_one_by_one_among_whole_ones() -> None:
    for raw in mutations(1_000_000, 500):
        assert on_columns(raw) == read_head(raw)


def test_mutated_messages_can_be_parsed_in_full() -> None:
    for raw in mutations(2_000_000, 10_000):
        message, head = parse(raw), read_head(raw)
        assert (message is None) == (head is None)
        if message is not None and head is not None:
            assert message.raw is raw
            assert (message.method, message.status) == (head.method, head.status)
            assert message.body_offset == head.body
            offsets = [problem.offset for problem in message.problems]
            assert offsets == sorted(offsets)
            assert all(0 <= offset <= len(raw) for offset in offsets)


@given(
    st.lists(
        st.lists(st.sampled_from([*PIECES[:-1], *INVITE.splitlines(keepends=True)])).map(b"".join)
        | st.binary(max_size=60)
        | st.sampled_from(SEEDS),
        min_size=SMALL_BATCH + 1,
        max_size=SMALL_BATCH + 20,
    )
)
@example([b""] * (SMALL_BATCH + 1))
@example([b"\n"] * (SMALL_BATCH + 1))
@example([b"\r\n\r\n"] * (SMALL_BATCH + 1))
@example([b"I"] * (SMALL_BATCH + 1))
@example([b"To:", INVITE] * SMALL_BATCH)
@example([INVITE.rstrip(), INVITE] * SMALL_BATCH)
def test_any_bytes(raws: list[bytes]) -> None:
    assert rows(raws) == one_by_one(raws)


TAGGED = INVITE.replace(b"sip:2002@example.com>", b"sip:2002@example.com>;\tTAG =b2")
LEG = INVITE.replace(b"CSeq", b"x-call-id: other@192.0.2.21 \r\nCSeq")


@pytest.mark.parametrize("others", [0, SMALL_BATCH])
class TestInvites:
    """What is said of INVITEs besides, one by one and on columns."""

    def test_one_whose_to_has_a_tag_is_within_a_dialog(self, others: int) -> None:
        heads = heads_of([*[RINGING] * others, INVITE, TAGGED, FOLDED])
        assert heads.within == {others + 1}

    def test_a_tag_elsewhere_is_none_of_to(self, others: int) -> None:
        answer = RINGING.replace(b"2002@example.com>", b"2002@example.com>;tag=b2")
        uri = INVITE.replace(b"2002@example.com>", b"2002@example.com;user=phone>")
        bye = request("BYE", headers="").replace(b">\r\nCall", b">;tag=b2\r\nCall")
        assert heads_of([*[answer] * others, answer, uri, bye]).within == set()

    def test_the_other_leg_is_named_by_its_call_id(self, others: int) -> None:
        short = LEG.replace(b"x-call-id", b"X-CID")
        body = INVITE + b"\r\nX-CID: in-the-body"
        heads = heads_of([*[RINGING] * others, INVITE, LEG, short, body, request("OPTIONS")])
        assert heads.legs == dict.fromkeys([others + 1, others + 2], b"other@192.0.2.21")


class TestRegular:
    """What the columns read themselves."""

    @pytest.fixture(autouse=True)
    def _alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def irregular(raw: bytes) -> Head | None:
            raise AssertionError(raw)

        monkeypatch.setattr(sip_heads, "read_head", irregular)

    @pytest.mark.parametrize("method", [method.decode() for method in METHODS])
    def test_a_request_of_every_method(self, method: str) -> None:
        sent, answer = request(method, cseq=7), response("200 OK", method)
        assert on_columns(sent) == (method, 0, 7, b"call-1", len(sent), False, False)
        assert on_columns(answer) == (method, 200, 1, b"call-1", len(answer), False, False)

    @pytest.mark.parametrize("status", ["100 Trying", "200 OK", "486 Busy Here", "699 x", "404 "])
    def test_a_response_of_every_class(self, status: str) -> None:
        head = on_columns(response(status))
        assert head is not None
        assert (head.method, head.status) == ("INVITE", int(status[:3]))

    @pytest.mark.parametrize(
        ("raw", "head"),
        [
            (COMPACT, ("REGISTER", 200, 7, b"compact", len(COMPACT), False, False)),
            (ANY_CASE, ("SUBSCRIBE", 0, 2**31 - 1, b"any-case", len(ANY_CASE) - 3, False, False)),
            (INVITE, ("INVITE", 0, 314159, b"a84b4c76e66710@192.0.2.21", 273, True, False)),
        ],
    )
    def test_full_and_compact_names_in_any_case(self, raw: bytes, head: Head) -> None:
        assert on_columns(raw) == head

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (b"Call-ID: ", b"Call-ID:"),
            (b"CSeq: ", b"CSeq:"),
            (b"Content-Length: %d\r\n" % len(OFFER), b""),
            (b"Via: ", b"Via: SIP/2.0/UDP other\r\nVia: "),
            (b"To: ", b"Call-Info: x\r\nContact: <sip:a@b>\r\nX: \xff\0\r\nTo: "),
            (b"From: <", b'From: "\xd0\x9f" <'),
            (b"314159 ", b"0 "),
        ],
    )
    def test_other_ways_to_write_a_regular_message(self, before: bytes, after: bytes) -> None:
        head = on_columns(INVITE.replace(before, after))
        assert head is not None
        assert (head.method, head.call_id) == ("INVITE", b"a84b4c76e66710@192.0.2.21")
        assert head.sdp

    def test_fields_have_python_s_own_types(self) -> None:
        head = on_columns(INVITE)
        assert head is not None
        assert [type(field) for field in head] == [str, int, int, bytes, int, bool, bool]
        assert type(head) is Head


@pytest.mark.parametrize("count", [0, 1, SMALL_BATCH, SMALL_BATCH + 1, 3000])
def test_any_number_of_messages(count: int) -> None:
    raws = [(INVITE, RINGING, b"junk")[number % 3] for number in range(count)]
    assert rows(raws) == one_by_one(raws)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"INVITE sip", b"\r\nINVITE sip"),
        (b"INVITE sip", b"INVITE  sip"),
        (b"INVITE sip", b"BYE sip"),
        (b"INVITE sip", b"INVITES sip"),
        (b" SIP/2.0\r\nVia", b" sip/2.0\r\nVia"),
        (b" SIP/2.0\r\nVia", b" SIP/2.0 \r\nVia"),
        (b"sip:2002@example.com SIP", b"SIP"),
        (b"Call-ID: ", b"Call-ID : "),
        (b"Call-ID: ", b"Call-ID:  "),
        (b"Call-ID: ", b"Call-ID: x\r\nCall-ID : "),
        (b"Call-ID: ", b"Call-IDs: "),
        (b"Call-ID: ", b"Call-ID: y\r\ni: "),
        (b"CSeq: 314159 INVITE", b"CSeq: 314159  INVITE"),
        (b"CSeq: 314159 INVITE", b"CSeq: 314159 INVITE "),
        (b"CSeq: 314159 INVITE", b"CSeq: 314159 INVITE\rx"),
        (b"CSeq: 314159 INVITE", b"CSeq: 314159 invite"),
        (b"CSeq: 314159 INVITE", b"CSeq: 99999999999 INVITE"),
        (b"CSeq: 314159 INVITE", b"CSeq: INVITE"),
        (b"To: <", b"To: \r\nX: <"),
        (b"To: <", b"To:\t<"),
        (b"Content-Length: ", b"Content-Length: 0"),
        (b"Content-Length: ", b"Content-Length: 1"),
        (b"Content-Length: ", b"Content-Length: 99999999999999999999"),
        (b"Content-Length: ", b"l: 0\r\nContent-Length: "),
        (b"Content-Length: ", b"Content-Lengths: "),
        (b"Content-Length: ", b"ContXXX-Length: "),
        (b"\r\n\r\n", b"\n\r\n"),
        (b"\r\n\r\n", b"\r\n\n"),
        (b"\r\n\r\n", b"\r\n \r\n\r\n"),
        (b"\r\n\r\n", b"\r\n"),
        (b"\r\n\r\n", b"\r\n" + b"X: y\r\n" * 256 + b"\r\n"),
        (b"\r\n\r\n", b"\r\nX: " + b"y" * 9000 + b"\r\n\r\n"),
        (b"\r\n\r\n", b"\r\n\r\n\r\n\r\n"),
        (b"v=0\r\n", b"v=1\r\n"),
        (b"v=0\r\n", b"\r\nv=0\r\n"),
    ],
)
def test_an_unusual_message_among_usual_ones(before: bytes, after: bytes) -> None:
    assert before in INVITE
    raw = INVITE.replace(before, after, 1)
    assert on_columns(raw) == read_head(raw)


@pytest.mark.parametrize("raw", SEEDS)
def test_a_message_cut_off_anywhere(raw: bytes) -> None:
    cuts = [raw[:length] for length in range(len(raw) + 1)]
    assert rows(cuts) == one_by_one(cuts)


def test_a_message_does_not_see_into_the_next_one() -> None:
    tail = INVITE[INVITE.index(b"CSeq") :]
    cuts = [INVITE[:length] for length in range(len(INVITE) - len(tail), len(INVITE))]
    raws = [part for cut in cuts for part in (cut, INVITE[len(cut) :])]
    assert rows(raws) == one_by_one(raws)
