"""The SDP of a message in words."""

from sipscope.calls.dialog import Message
from sipscope.tui.widgets.sdp_explained import sdp_content
from sipscope.tui.widgets.wrapping import line_text
from tests.signalling import PBX, PHONE, Sent, request, sdp, store_of


def message(body: bytes = b"") -> Message:
    return store_of([Sent(0, request("INVITE", body=body), PHONE, PBX)]).dialogs[1].messages[0]


def lines(message: Message, width: int) -> list[str]:
    return [line_text(line) for line in sdp_content(message)(width)]


def test_meanings_stand_beside_what_they_are_about() -> None:
    found = lines(message(sdp("10.0.0.9", 40000, "8")), 80)
    assert found[:6] == [
        "The SDP of INVITE (sdp) in words",
        "",
        "Session id      1, version 1",
        "Audio         ● receives at 10.0.0.9:40000, a private address: not reachable ",
        "                from outside without NAT help",
        "Encryption      none: plain RTP",
    ]


def test_meanings_stand_below_where_there_is_little_room() -> None:
    found = lines(message(sdp(PHONE, 40000, "8")), 40)
    place = found.index("Audio")
    assert found[place + 1 : place + 3] == [
        "  receives at 192.0.2.21:40000, a ",
        "  public address",
    ]


def test_lines_fit_any_width() -> None:
    for width in (20, 40, 59, 60, 100):
        assert max(map(len, lines(message(sdp(PHONE, 40000)), width))) <= width


def test_a_message_without_sdp_says_so() -> None:
    assert lines(message(), 80) == ["This message has no SDP."]
