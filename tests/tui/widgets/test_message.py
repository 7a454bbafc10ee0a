"""A message as text: what it says, coloured, with what is wrong in its place."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from sipscope.calls.dialog import Message
from sipscope.tui.line_list import Span
from sipscope.tui.widgets.message import envelope_lines, message_content, message_lines
from sipscope.tui.widgets.wrapping import line_text
from tests.signalling import PBX, PHONE, Sent, request, response, sdp, store_of


def texts(raw: bytes, width: int = 200) -> list[str]:
    return [line_text(line) for line in message_lines(raw, width)]


def style_of(raw: bytes, text: str) -> str:
    """The style of the one span with that text."""
    (style,) = {span.style for line in message_lines(raw, 200) for span in line if span[0] == text}
    return style


def first_message(raw: bytes) -> Message:
    return store_of([Sent(0, raw, PHONE, PBX)]).dialogs[1].messages[0]


def test_the_lines_are_those_of_the_message() -> None:
    raw = request("INVITE", body=sdp(PHONE, 40000))
    assert "\r\n".join(texts(raw)).encode() == raw.removesuffix(b"\r\n")


def test_a_request_is_strong_and_a_response_has_the_colour_of_its_class() -> None:
    assert style_of(request("BYE"), "BYE sip:2002@example.com SIP/2.0") == "strong"
    for status, style in (
        ("180 Ringing", "progress"),
        ("200 OK", "good"),
        ("302 Moved", "doubtful"),
        ("401 Unauthorized", "doubtful"),
        ("503 Unavailable", "failed"),
    ):
        assert style_of(response(status), f"SIP/2.0 {status}") == style


def test_header_names_tags_branches_and_the_call_id_stand_out() -> None:
    raw = request("INVITE")
    assert style_of(raw, "From") == "name"
    assert style_of(raw, "a1") == "identity"
    assert style_of(raw, "z9hG4bKINVITE1") == "identity"
    assert style_of(raw, " call-1") == "identity"


def test_the_compact_call_id_stands_out_as_well() -> None:
    raw = request("INVITE").replace(b"Call-ID:", b"i:")
    assert style_of(raw, " call-1") == "identity"


def test_sdp_attributes_stand_out() -> None:
    raw = request("INVITE", body=sdp(PHONE, 40000, "8", "a=rtpmap:8 PCMA/8000"))
    assert style_of(raw, "rtpmap") == "identity"
    assert style_of(raw, "audio 40000 RTP/AVP 8") == "strong"


def test_a_problem_stands_in_words_under_its_line() -> None:
    raw = request("INVITE").replace(b"Content-Length: 0", b"Content-Length: 99")
    lines = texts(raw)
    place = lines.index("Content-Length: 99")
    assert lines[place + 1] == "▲ Content-Length is 99, but only 0 bytes are there"


def test_what_is_missing_is_told_at_the_end_of_the_headers() -> None:
    raw = request("INVITE", body=sdp(PHONE, 40000)).replace(b"CSeq: 1 INVITE\r\n", b"")
    lines = texts(raw)
    assert lines[lines.index("v=0") - 1] == "▲ CSeq is missing"


def test_a_long_line_is_folded_with_a_sign_that_no_header_has() -> None:
    raw = request("INVITE", call_id="~" * 4096)
    lines = texts(raw, 80)
    assert all(cell_len(line) <= 80 for line in lines)
    assert "".join(line.removeprefix("┊ ") for line in lines).count("~") == 4096


def test_a_folded_header_stays_folded() -> None:
    raw = request("INVITE", headers="Subject: lunch\r\n  at noon\r\n")
    assert "  at noon" in texts(raw)


def test_hostile_text_is_shown_and_does_nothing() -> None:
    raw = request("INVITE", headers="Subject: [/] \x1b]52;c;aGk=\x07 \u202e\r\n")
    assert "Subject: [/] ␛]52;c;aGk=␇ \ufffd" in texts(raw)


def test_what_is_not_sip_is_shown_as_it_is() -> None:
    assert texts(b"hello\nworld\x00") == ["hello", "world␀"]


def test_the_envelope_says_when_from_where_and_how() -> None:
    message = first_message(request("ACK"))
    assert [line_text(line) for line in envelope_lines(message, 60)] == [
        "2023-11-14 22:13:20.000000",
        f"{PHONE}:5060 → {PBX}:5060   UDP, {message.length} bytes",
        "frame 1",
    ]
    assert len(envelope_lines(message, 120)) == 1
    assert [line_text(line) for line in envelope_lines(message, 30)][1:3] == [
        f"{PHONE}:5060",
        f"→ {PBX}:5060",
    ]


def test_the_content_is_the_envelope_and_the_message() -> None:
    message = first_message(request("ACK"))
    lines = message_content(message)(120)
    assert lines == [*envelope_lines(message, 120), *message_lines(message.raw, 120)]
    assert lines[1] == (Span("ACK sip:2002@example.com SIP/2.0", "strong"),)


@given(st.binary(max_size=600), st.integers(4, 120))
def test_no_bytes_make_it_fail_or_leave_the_pane(body: bytes, width: int) -> None:
    for raw in (body, request("INVITE") + body, b"INVITE sip:a SIP/2.0\r\n" + body):
        for line in message_lines(raw, width):
            assert cell_len(line_text(line)) <= width
            assert not any(ord(character) < 32 for character in line_text(line))
