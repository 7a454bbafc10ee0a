"""SIP messages as real devices send them, and what is wrong with the others."""

import time
import tracemalloc

import pytest

from sipscope.decode.sip import (
    COMPACT_NAMES,
    HEAD_PROBLEMS,
    MAX_HEADERS,
    Address,
    Head,
    Header,
    SipMessage,
    address,
    content_length,
    header_end,
    parse,
    read_head,
)
from sipscope.errors import Problem

INVITE = (
    b"INVITE sip:bob@example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.21:5060;branch=z9hG4bK776\r\n"
    b"From: Alice <sip:alice@example.com>;tag=1928\r\n"
    b"To: <sip:bob@example.com>\r\n"
    b"Call-ID: a84b4c76e66710@192.0.2.21\r\n"
    b"CSeq: 314159 INVITE\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: 4\r\n"
    b"\r\n"
    b"v=0\n"
)
RINGING = (
    b"SIP/2.0 180 Ringing\r\n"
    b"v: SIP/2.0/UDP 192.0.2.21:5060;branch=z9hG4bK776\r\n"
    b"f: Alice <sip:alice@example.com>;tag=1928\r\n"
    b"t: <sip:bob@example.com>;tag=a6c85cf\r\n"
    b"i: a84b4c76e66710@192.0.2.21\r\n"
    b"CSeq: 314159 INVITE\r\n"
    b"l: 0\r\n"
    b"\r\n"
)


def read(raw: bytes) -> SipMessage:
    message = parse(raw)
    assert message is not None
    return message


def changed(before: bytes, after: bytes, raw: bytes = INVITE) -> bytes:
    """The message with one part of it replaced."""
    assert raw.count(before) == 1
    return raw.replace(before, after)


def problems(raw: bytes) -> list[tuple[str, int]]:
    return [(problem.code, problem.offset) for problem in read(raw).problems]


class TestStartLine:
    def test_a_request(self) -> None:
        message = read(INVITE)
        assert (message.method, message.request_uri) == ("INVITE", b"sip:bob@example.com")
        assert (message.status, message.reason, message.version) == (0, None, b"SIP/2.0")
        assert message.problems == ()
        assert message.raw is INVITE

    def test_a_response_has_the_method_of_its_cseq(self) -> None:
        message = read(RINGING)
        assert (message.method, message.status, message.reason) == ("INVITE", 180, b"Ringing")
        assert message.request_uri is None
        assert message.problems == ()

    @pytest.mark.parametrize(
        ("line", "status", "reason"),
        [
            (b"SIP/2.0 200", 200, b""),
            (b"SIP/2.0 200 ", 200, b""),
            (b"SIP/2.0 404 Not Found", 404, b"Not Found"),
            (b"SIP/2.0 699 \xd0\x9f\xd1\x80\xd0\xb8", 699, b"\xd0\x9f\xd1\x80\xd0\xb8"),
            (b"sip/2.0 200 OK", 200, b"OK"),
        ],
    )
    def test_status_lines_without_problem(self, line: bytes, status: int, reason: bytes) -> None:
        message = read(changed(b"SIP/2.0 180 Ringing", line, RINGING))
        assert (message.status, message.reason, message.problems) == (status, reason, ())

    @pytest.mark.parametrize(
        ("code", "status"),
        [(b"99", 99), (b"700", 700), (b"0200", 200), (b"0", 1), (b"4294967301", 999)],
    )
    def test_a_status_code_out_of_range(self, code: bytes, status: int) -> None:
        message = read(changed(b"180", code, RINGING))
        assert message.status == status
        assert message.problems == (Problem("sip.status", "status code is not 100 to 699", 8),)

    def test_a_reason_right_after_the_status_code(self) -> None:
        message = read(changed(b"180 Ringing", b"180Ringing", RINGING))
        assert (message.status, message.reason) == (180, b"Ringing")
        text = "no space between status code and reason"
        assert message.problems == (Problem("sip.start-line", text, 11),)

    @pytest.mark.parametrize(
        ("line", "uri"),
        [
            (b"INVITE  sip:bob@example.com SIP/2.0", b"sip:bob@example.com"),
            (b"INVITE\tsip:bob@example.com SIP/2.0", b"sip:bob@example.com"),
            (b"INVITE sip:bob@example.com  SIP/2.0", b"sip:bob@example.com"),
            (b"INVITE sip:bob@example.com SIP/2.0 ", b"sip:bob@example.com"),
        ],
    )
    def test_more_than_one_space_in_the_request_line(self, line: bytes, uri: bytes) -> None:
        raw = changed(b"INVITE sip:bob@example.com SIP/2.0", line)
        assert (read(raw).method, read(raw).request_uri) == ("INVITE", uri)
        assert problems(raw) == [("sip.start-line", 0)]

    @pytest.mark.parametrize(
        ("uri", "text"),
        [
            (b"<sip:bob@example.com>", "the Request-URI is in angle brackets"),
            (b"sip:bob@example.com; lr", "the Request-URI has white space in the URI"),
            (b"bob", "the Request-URI is no URI"),
        ],
    )
    def test_a_request_uri_that_is_none(self, uri: bytes, text: str) -> None:
        message = read(changed(b"INVITE sip:bob@example.com", b"INVITE " + uri))
        assert message.request_uri == uri
        assert message.problems == (Problem("sip.request-uri", text, 7),)

    def test_a_request_uri_that_is_missing(self) -> None:
        raw = changed(b"INVITE sip:bob@example.com ", b"INVITE ")
        assert read(raw).request_uri == b""
        assert ("sip.request-uri", 7) in problems(raw)

    @pytest.mark.parametrize("version", [b"SIP/7.0", b"SIP/2.10", b"SIP/3.0"])
    def test_another_version(self, version: bytes) -> None:
        message = read(changed(b"example.com SIP/2.0", b"example.com " + version))
        assert message.version == version
        assert message.problems == (Problem("sip.version", "version is not SIP/2.0", 27),)
        assert problems(changed(b"SIP/2.0 180", version + b" 180", RINGING)) == [("sip.version", 0)]

    def test_an_unknown_method(self) -> None:
        message = read(INVITE.replace(b"INVITE", b"!interesting-Method0123456789_*+`.%"))
        assert message.method == "!interesting-Method0123456789_*+`.%"
        assert message.problems == ()

    def test_line_ends_before_the_start_line_are_passed_over(self) -> None:
        message = read(b"\r\n\r\n\n" + INVITE)
        assert (message.method, message.problems) == ("INVITE", ())
        assert message.headers[0].offset == 5 + 36
        assert message.body == b"v=0\n"

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"\r\n\r\n",
            b"\0",
            b"INVITE",
            b"INVITE \r\n",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"SIP/2.0 OK\r\n\r\n",
            b"SIP/2.0\r\n200 OK\r\n\r\n",
            b" INVITE sip:bob@example.com SIP/2.0\r\n\r\n",
            b"INVITE sip:bob@example.com SIP/2.0x\r\n\r\n",
            b"\x80\x00\x01\x02INVITE sip:bob@example.com SIP/2.0\r\n\r\n",
        ],
    )
    def test_what_does_not_begin_like_sip(self, raw: bytes) -> None:
        assert parse(raw) is None
        assert read_head(raw) is None


class TestHeaders:
    def test_in_the_order_received_with_their_offsets(self) -> None:
        headers = read(INVITE).headers
        assert headers[1] == Header(b"From", b"Alice <sip:alice@example.com>;tag=1928", 88)
        assert [header.name for header in headers] == [
            *(b"Via", b"From", b"To", b"Call-ID", b"CSeq", b"Content-Type", b"Content-Length")
        ]
        assert all(INVITE.startswith(header.name + b":", header.offset) for header in headers)

    @pytest.mark.parametrize(("compact", "full"), COMPACT_NAMES.items())
    def test_compact_forms(self, compact: bytes, full: bytes) -> None:
        assert Header(compact, b"", 0).key == full
        assert Header(compact.upper(), b"", 0).key == full

    def test_names_in_any_case_and_white_space_around_the_colon(self) -> None:
        raw = changed(b"Call-ID: a84b", b"cALL-id \t:\t  a84b")
        assert read(raw).get(b"call-id") == b"a84b4c76e66710@192.0.2.21"
        assert problems(raw) == []

    def test_without_white_space_after_the_colon(self) -> None:
        raw = changed(b"Call-ID: a84b", b"Call-ID:a84b")
        assert read(raw).get(b"call-id") == b"a84b4c76e66710@192.0.2.21"

    def test_a_folded_header_becomes_one_line(self) -> None:
        raw = changed(b"Alice <sip", b"\r\n Alice\r\n\t  <sip")
        assert read(raw).get(b"from") == b"Alice <sip:alice@example.com>;tag=1928"
        assert problems(raw) == []

    def test_a_continuation_line_that_looks_like_a_header(self) -> None:
        message = read(changed(b"To: <", b"Subject: a\r\n Call-ID: b\r\nTo: <"))
        assert message.get(b"subject") == b"a Call-ID: b"
        assert message.get_all(b"call-id") == [b"a84b4c76e66710@192.0.2.21"]

    def test_repeated_headers_keep_their_order(self) -> None:
        raw = changed(b"Via: ", b"Via: SIP/2.0/UDP first\r\nVIA: SIP/2.0/UDP second\r\nVia: ")
        assert read(raw).get(b"via") == b"SIP/2.0/UDP first"
        assert read(raw).get_all(b"via")[1:] == [
            b"SIP/2.0/UDP second",
            b"SIP/2.0/UDP 192.0.2.21:5060;branch=z9hG4bK776",
        ]
        assert problems(raw) == []

    def test_a_header_that_is_not_there(self) -> None:
        assert read(INVITE).get(b"expires") is None
        assert read(INVITE).get_all(b"expires") == []

    def test_bare_line_feeds_end_lines_and_are_noted_once(self) -> None:
        message = read(INVITE.replace(b"\r\n", b"\n"))
        assert message.headers == tuple(
            header._replace(offset=header.offset - 1 - number)
            for number, header in enumerate(read(INVITE).headers)
        )
        assert message.body == b"v=0\n"
        assert message.problems == (Problem("sip.line-end", "a line ends with a bare LF", 34),)

    def test_one_bare_line_feed_among_the_headers(self) -> None:
        raw = changed(b"CSeq: 314159 INVITE\r\n", b"CSeq: 314159 INVITE\n")
        at = raw.index(b"INVITE\nContent")
        assert problems(raw) == [("sip.line-end", at + 6)]

    @pytest.mark.parametrize(
        "line", [b"nonsense", b": value", b"two words: value", b"\xff\xfe", b"Subject\x0b: x"]
    )
    def test_a_line_that_is_no_header_is_noted_and_passed_over(self, line: bytes) -> None:
        raw = changed(b"To: <", line + b"\r\nTo: <")
        text = "a line that is no header"
        assert read(raw).problems == (Problem("sip.header", text, raw.index(line)),)
        assert len(read(raw).headers) == 7

    def test_a_value_of_any_bytes(self) -> None:
        value = bytes(byte for byte in range(256) if byte not in b"\r\n\t\x0b\x0c ")
        assert read(changed(b"To: <", b"Subject: " + value + b"\r\nTo: <")).get(b"subject") == value

    def test_the_empty_line_is_missing(self) -> None:
        raw = INVITE[: INVITE.index(b"Content-Length")]
        message = read(raw)
        assert (message.body, message.body_offset) == (b"", len(raw))
        text = "the empty line after the headers is missing"
        assert message.problems == (Problem("sip.truncated", text, len(raw)),)

    def test_the_last_header_is_cut_off(self) -> None:
        raw = INVITE[: INVITE.index(b"2.21\r\nCSeq")]
        assert read(raw).get(b"call-id") == b"a84b4c76e66710@192.0."
        assert problems(raw) == [("sip.truncated", len(raw)), ("sip.mandatory", len(raw))]

    def test_nothing_but_a_start_line(self) -> None:
        message = read(b"INVITE sip:bob@example.com SIP/2.0")
        assert (message.headers, message.body_offset, message.body) == ((), 34, b"")
        assert {problem.offset for problem in message.problems} == {34}


class TestWhatEveryMessageMustHave:
    @pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
    def test_a_mandatory_header_is_missing(self, name: str) -> None:
        raw = INVITE.replace(b"\r\n" + name.encode() + b":", b"\r\nX-" + name.encode() + b":")
        problem = Problem("sip.mandatory", f"{name} is missing", raw.index(b"v=0"))
        assert read(raw).problems == (problem,)

    @pytest.mark.parametrize("name", ["From", "To", "Call-ID"])
    def test_a_mandatory_header_is_empty(self, name: str) -> None:
        raw = INVITE.replace(b"\r\n" + name.encode() + b":", b"\r\n" + name.encode() + b":\r\nX:")
        problem = Problem("sip.mandatory", f"{name} is empty", raw.index(name.encode() + b":"))
        assert problem in read(raw).problems

    @pytest.mark.parametrize(
        ("line", "name"),
        [
            (b"From: <sip:eve@example.com>", "From"),
            (b"t: <sip:eve@example.com>", "To"),
            (b"i: other", "Call-ID"),
            (b"CSeq: 2 INVITE", "CSeq"),
            (b"l: 4", "Content-Length"),
        ],
    )
    def test_a_header_that_must_be_there_once(self, line: bytes, name: str) -> None:
        raw = changed(b"\r\n\r\n", b"\r\n" + line + b"\r\n\r\n")
        problem = Problem("sip.repeated", f"{name} is there more than once", raw.index(line))
        assert read(raw).problems == (problem,)

    @pytest.mark.parametrize(
        ("value", "number"),
        [
            (b"2147483648 INVITE", 2147483648),
            (b"36893488147419103232 INVITE", -1),
            (b"INVITE", -1),
            (b"1", -1),
            (b"-1 INVITE", -1),
            (b"+1 INVITE", -1),
            (b"1_0 INVITE", -1),
            (b"\xd9\xa3 INVITE", -1),
            (b"1 INVITE now", -1),
            (b"1\xc2\xa0INVITE", -1),
        ],
    )
    def test_a_broken_cseq(self, value: bytes, number: int) -> None:
        raw = changed(b"314159 INVITE", value)
        assert problems(raw) == [("sip.cseq", raw.index(b"CSeq"))]
        head = read_head(raw)
        assert head is not None
        assert head.cseq == number

    @pytest.mark.parametrize(
        ("value", "number"),
        [(b"0 INVITE", 0), (b"0009 INVITE", 9), (b"2147483647\t INVITE", 2**31 - 1)],
    )
    def test_a_cseq_within_bounds(self, value: bytes, number: int) -> None:
        raw = changed(b"314159 INVITE", value)
        assert problems(raw) == []
        head = read_head(raw)
        assert head is not None
        assert head.cseq == number

    def test_a_cseq_of_another_method(self) -> None:
        raw = changed(b"314159 INVITE", b"314159 BYE")
        text = "CSeq names another method than the request"
        assert read(raw).problems == (Problem("sip.cseq-method", text, raw.index(b"CSeq")),)
        assert read(raw).method == "INVITE"

    def test_a_response_with_an_overlarge_cseq_still_has_its_method(self) -> None:
        assert read(changed(b"314159", b"9" * 400, RINGING)).method == "INVITE"

    def test_a_response_without_cseq_has_no_method(self) -> None:
        raw = changed(b"CSeq: 314159 INVITE\r\n", b"", RINGING)
        assert read(raw).method == ""
        assert read_head(raw) == Head("", 180, -1, b"a84b4c76e66710@192.0.2.21", 190, False, True)


class TestBody:
    def test_as_long_as_content_length_says(self) -> None:
        assert read(INVITE).body == b"v=0\n"
        assert read(RINGING).body == b""

    def test_binary(self) -> None:
        body = bytes(range(256))
        assert read(changed(b"4\r\n\r\nv=0\n", b"256\r\n\r\n" + body)).body == body

    def test_all_there_is_without_content_length(self) -> None:
        raw = changed(b"Content-Length: 4\r\n", b"")
        assert (read(raw).body, problems(raw)) == (b"v=0\n", [])

    @pytest.mark.parametrize(
        "value",
        [b"-999", b"+4", b"4.0", b"4 bytes", b"1_0", b"\xd9\xa3", b"\xc2\xb2", b"", b"9" * 5000],
    )
    def test_a_content_length_that_is_no_number(self, value: bytes) -> None:
        raw = changed(b"Content-Length: 4", b"Content-Length: " + value)
        text = "Content-Length is no number of up to 10 digits"
        offset = raw.index(b"Content-Length")
        assert read(raw).problems == (Problem("sip.content-length", text, offset),)
        assert read(raw).body == b"v=0\n"

    @pytest.mark.parametrize("value", [b"5", b"9999", b"9999999999"])
    def test_a_content_length_larger_than_the_message(self, value: bytes) -> None:
        raw = changed(b"Content-Length: 4", b"Content-Length: " + value)
        text = f"Content-Length is {value.decode()}, but only 4 bytes are there"
        offset = raw.index(b"Content-Length")
        assert read(raw).problems == (Problem("sip.content-length", text, offset),)
        assert read(raw).body == b"v=0\n"

    def test_zeros_before_a_content_length(self) -> None:
        raw = changed(b"Content-Length: 4", b"Content-Length: 0000000000000004")
        assert (read(raw).body, problems(raw)) == (b"v=0\n", [])

    def test_bytes_behind_the_body(self) -> None:
        text = "10 bytes follow the body"
        problem = Problem("sip.trailing", text, len(INVITE))
        message = read(INVITE + b"BYE sip:bob"[:10])
        assert (message.body, message.problems) == (b"v=0\n", (problem,))

    @pytest.mark.parametrize("padding", [b"\r\n", b"\r\n\r\n", b"\0", b"\0\0\r\n"])
    def test_padding_behind_the_body_is_no_problem(self, padding: bytes) -> None:
        assert problems(INVITE + padding) == []

    def test_content_length_reads_plain_digits_only(self) -> None:
        values = [None, b"", b"0", b"142", b"1_0", b" 1", b"12\n", b"9" * 10, b"9" * 11]
        expected = [None, None, 0, 142, None, None, None, 9999999999, None]
        assert [content_length(value) for value in values] == expected


class TestHead:
    def test_of_a_request_with_sdp(self) -> None:
        assert read_head(INVITE) == Head(
            "INVITE", 0, 314159, b"a84b4c76e66710@192.0.2.21", len(INVITE) - 4, True, False
        )

    def test_of_a_response(self) -> None:
        assert read_head(RINGING) == Head(
            "INVITE", 180, 314159, b"a84b4c76e66710@192.0.2.21", len(RINGING), False, False
        )

    @pytest.mark.parametrize(
        ("body", "sdp"),
        [
            (b"v=0\r\n", True),
            (b"--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--", True),
            (b"\r\n--b\r\n\r\nv=0\r\n", True),
            (b"--b\r\n\r\nSignal=5\r\n--b--", False),
            (b"Signal=5\r\n", False),
            (b"text\r\nv=0\r\n", False),
        ],
    )
    def test_which_bodies_hold_sdp(self, body: bytes, sdp: bool) -> None:
        head = read_head(changed(b"4\r\n\r\nv=0\n", b"%d\r\n\r\n%b" % (len(body), body)))
        assert head is not None
        assert head.sdp is sdp

    def test_sdp_behind_the_body_does_not_count(self) -> None:
        head = read_head(changed(b"Content-Length: 4", b"Content-Length: 0"))
        assert head is not None
        assert not head.sdp

    @pytest.mark.parametrize(
        ("raw", "malformed"),
        [
            (INVITE, False),
            (INVITE + b"more", False),
            (INVITE.replace(b"\r\n", b"\n"), False),
            (changed(b"INVITE sip", b"INVITE  sip"), False),
            (changed(b"To: <", b"nonsense\r\nTo: <"), False),
            (changed(b"Alice", b'"Alice'), False),
            (changed(b"Length: 4", b"Length: 5"), True),
            (changed(b"Call-ID", b"X-Call-ID"), True),
            (changed(b"Call-ID: ", b"Call-ID:\r\nX: "), True),
            (changed(b"To: <", b"From: x\r\nTo: <"), True),
            (changed(b"314159 INVITE", b"314159 BYE"), True),
            (changed(b"314159 INVITE", b"INVITE"), True),
            (changed(b"180", b"99", RINGING), True),
            (changed(b"SIP/2.0 180", b"SIP/3.0 180", RINGING), True),
            (INVITE[:-10], True),
        ],
    )
    def test_malformed_is_what_peers_refuse(self, raw: bytes, malformed: bool) -> None:
        head = read_head(raw)
        assert head is not None
        assert head.malformed is malformed
        codes = {problem.code for problem in read(raw).problems}
        assert bool(codes & HEAD_PROBLEMS) is malformed


class TestNotes:
    def test_what_the_grammar_forbids_is_noted_with_the_header_s_offset(self) -> None:
        raw = changed(b"Alice <", b"Alice, Bob <")
        text = "From has a display name that needs quotes"
        problem = Problem("sip.display-name", text, raw.index(b"From"))
        assert read(raw).problems == (problem,)

    def test_problems_come_in_the_order_of_the_message(self) -> None:
        raw = INVITE.replace(b"INVITE sip", b"INVITE  sip").replace(b"To: <", b'junk\r\nTo: "<')
        raw = raw.replace(b": 4\r\n", b": 99\r\n")
        assert [code for code, _ in problems(raw)] == [
            *("sip.start-line", "sip.header", "sip.quote", "sip.content-length")
        ]


class TestLimits:
    def test_a_header_over_8_kib_is_cut(self) -> None:
        raw = changed(b"To: <", b"Subject: " + b"x" * 9000 + b"\r\nTo: <")
        message = read(raw)
        problem = Problem("sip.header-length", "a header of over 8 KiB", raw.index(b"Subject"))
        assert message.problems == (problem,)
        assert message.get(b"subject") == b"x" * (8192 - len(b"Subject: "))
        assert message.get(b"to") == b"<sip:bob@example.com>"

    def test_as_many_headers_as_are_read(self) -> None:
        raw = changed(b"To: <", b"X: y\r\n" * (MAX_HEADERS - 7) + b"To: <")
        assert len(read(raw).headers) == 256
        assert problems(raw) == []

    def test_one_header_more(self) -> None:
        raw = changed(b"\r\n\r\n", b"\r\n" + b"X: y\r\n" * (MAX_HEADERS - 6) + b"\r\n")
        message = read(raw)
        problem = Problem("sip.headers", "more than 256 headers", raw.rindex(b"X: y"))
        assert message.problems == (problem,)
        assert (len(message.headers), message.body) == (256, b"v=0\n")

    def test_headers_without_end(self) -> None:
        raw = INVITE[:-6] + b"X: y\r\n" * 300
        assert problems(raw)[-1] == ("sip.truncated", len(raw))

    def test_problems_are_not_without_end(self) -> None:
        raw = changed(b"To: <", b"x\n" * 30000 + b"To: <")
        message = read(raw)
        assert len(message.problems) < 100
        assert message.get(b"to") == b"<sip:bob@example.com>"

    @pytest.mark.parametrize(
        "piece",
        [
            b"X: y\r\n",
            b"X:" + b"\r\n " * 3,
            b"x\n",
            b" ",
            b"\t:",
            b"a: b: c ",
            b"SIP/2.0 ",
            b"\r\n",
            b'"\\',
            b";tag",
            b"<>;,",
        ],
    )
    @pytest.mark.parametrize("where", [b"sip:bob", b"Alice", b"X-Here"])
    def test_time_grows_with_the_length_only(self, piece: bytes, where: bytes) -> None:
        message = changed(b"\r\n\r\n", b"\r\nX-Here: 1\r\n\r\n")

        def seconds(count: int) -> float:
            raw = message.replace(where, piece * count)
            began = time.process_time()
            parse(raw)
            read_head(raw)
            return time.process_time() - began

        size = 60_000 // len(piece)
        assert min(seconds(size) for _ in range(3)) < 0.15


def test_where_the_headers_end() -> None:
    assert header_end(INVITE) == INVITE.index(b"\n\r\nv=0")
    assert header_end(b"\r\n\r\n" + INVITE) == 4 + INVITE.index(b"\n\r\nv=0")
    assert header_end(b"INVITE sip:x SIP/2.0\nA: b\n\nbody") == 25
    assert header_end(b"INVITE sip:x SIP/2.0\r\nA: b") == 26


ADVERSARIAL = [
    b"x\n" * 30_000,
    b":\n" * 30_000,
    b"a:\n" * 20_000,
    b"a:b\n c\n" * 7_500,
    b"a:" + b"\n " * 30_000 + b"\n",
    b"Via: SIP/2.0/UDP h;;,,\r\n" * 2_500,
    b"Subject: " + b'"' * 60_000,
]


@pytest.mark.parametrize("fields", ADVERSARIAL, ids=range(len(ADVERSARIAL)))
def test_memory_is_bounded_by_the_length(fields: bytes) -> None:
    raw = changed(b"To: <", fields + b"To: <")
    parse(raw)
    tracemalloc.start()
    try:
        message = parse(raw)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert message is not None
    assert peak < 8 * len(raw) + 65_536


class TestAddress:
    def test_display_name_uri_and_tag(self) -> None:
        assert address(b"Alice <sip:alice@example.com>;tag=1928") == Address(
            "Alice", "sip:alice@example.com", "alice", "example.com", "1928"
        )

    def test_no_header_at_all(self) -> None:
        assert address(None) == Address(None, None, None, None, None)

    @pytest.mark.parametrize(
        ("value", "display"),
        [
            (b"<sip:a@b>", None),
            (b'"" <sip:a@b>', None),
            (b'"Alice Smith"<sip:a@b>', "Alice Smith"),
            (b'  "Alice"  <sip:a@b>', "Alice"),
            (b"caller<sip:a@b>", "caller"),
            (rb'"A \"quoted\" \\ <sip:evil@x>" <sip:a@b>', r'A "quoted" \ <sip:evil@x>'),
            (b'"Bell, Alexander" <sip:a@b>', "Bell, Alexander"),
            ("Zoë <sip:a@b>".encode(), "Zoë"),
            (b"\xff <sip:a@b>", "\ufffd"),
            (b'"open <sip:a@b>', '"open'),
        ],
    )
    def test_display_names(self, value: bytes, display: str | None) -> None:
        parts = address(value)
        assert (parts.display, parts.user, parts.host) == (display, "a", "b")

    @pytest.mark.parametrize(
        ("uri", "user", "host"),
        [
            (b"sip:example.com", None, "example.com"),
            (b"sip:alice@example.com:5070", "alice", "example.com"),
            (b"sips:alice:secret@example.com", "alice", "example.com"),
            (b"SIP:+1-202-555-0100@gw;user=phone", "+1-202-555-0100", "gw"),
            (b"sip:1001@[2001:db8::1]:5060", "1001", "2001:db8::1"),
            (b"sip:[2001:db8::1]", None, "2001:db8::1"),
            (b"sip:2001:db8::1", None, "2001:db8::1"),
            (b"sip:1001@[2001:db8::1", "1001", "2001:db8::1"),
            (
                b"sip:user;par=u%40example.net@example.com",
                "user;par=u%40example.net",
                "example.com",
            ),
            (b"sip:alice@example.com?Replaces=a%40b", "alice", "example.com"),
            (b"sip:alice@example.com;transport=tcp", "alice", "example.com"),
            (b"sip:@example.com", "", "example.com"),
            (b"sip:", None, ""),
            (b"tel:+358-555-1234567;phone-context=x", "+358-555-1234567", None),
            (b"urn:service:sos", "service:sos", None),
            (b" sip:alice@example.com ", "alice", "example.com"),
            (b"alice", None, None),
            (b"", None, None),
        ],
    )
    def test_uris(self, uri: bytes, user: str | None, host: str | None) -> None:
        parts = address(b"<" + uri + b">;tag=t")
        assert (parts.uri, parts.user, parts.host) == (uri.strip().decode(), user, host)
        assert parts.tag == "t"

    def test_without_brackets_parameters_belong_to_the_header(self) -> None:
        assert address(b"sip:alice@example.com:5062 ; x=y ; tag=9fxced76sl") == Address(
            None, "sip:alice@example.com:5062", "alice", "example.com", "9fxced76sl"
        )

    @pytest.mark.parametrize(
        ("parameters", "tag"),
        [
            (b"", None),
            (b";tag=a-1.b", "a-1.b"),
            (b" ; TAG = a;x=y", "a"),
            (b";x=y;tag=a,<sip:other>", "a"),
            (b';x=";tag=wrong";tag=right', "right"),
            (b";tag=", None),
            (b";mytag=x", None),
        ],
    )
    def test_tags(self, parameters: bytes, tag: str | None) -> None:
        assert address(b"<sip:a@b>" + parameters).tag == tag

    def test_a_tag_within_the_uri_is_not_the_tag_of_the_header(self) -> None:
        assert address(b"<sip:a@b;tag=uri>;tag=header").tag == "header"
        assert address(b"<sip:a@b;tag=uri>").tag is None

    def test_a_bracket_that_is_not_closed(self) -> None:
        parts = address(b"Alice <sip:a@b;tag=1")
        assert (parts.display, parts.user, parts.host, parts.tag) == ("Alice", "a", "b", None)
