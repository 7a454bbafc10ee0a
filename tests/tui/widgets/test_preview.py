"""What is known of the row under the cursor."""

from sipscope.calls.ladder import EventRow, Row, lay_out
from sipscope.calls.ladder_events import Event, EventKind
from sipscope.calls.rows import stream_figures
from sipscope.decode.address import Endpoint, Flow
from sipscope.tui.widgets.preview import row_content
from sipscope.tui.widgets.wrapping import line_text
from tests.packets import START
from tests.signalling import answered_call, store_of

STORE = store_of(answered_call(media=100))
DIALOG = STORE.dialogs[1]
ROWS = lay_out([DIALOG], {f.id: f for f in stream_figures(DIALOG, STORE.streams)}).rows
INVITE, STREAM = ROWS[0], ROWS[5]
EVENT = Event(
    START,
    EventKind.DTMF,
    1,
    Flow(Endpoint(b"\xc0\0\2\1", 1), Endpoint(b"\xc0\0\2\2", 2)),
    1,
    ("DTMF 5",),
    ("DTMF 5, 160 ms", "[/] a long note that has to be broken"),
)


def lines(row: Row, width: int = 80, *, utc: bool = False, explained: bool = False) -> list[str]:
    content = row_content(row, utc=utc, explained=explained)
    return [line_text(line) for line in content(width)]


def test_a_message_stands_with_its_envelope() -> None:
    assert lines(INVITE)[2] == "INVITE sip:2002@example.com SIP/2.0"
    assert lines(INVITE)[0].startswith("2023-11-14 22:13:20.000000   ")
    assert lines(INVITE, utc=True)[0].startswith("2023-11-14 22:13:20.000000 UTC   ")


def test_sdp_is_explained_on_request_where_there_is_any() -> None:
    assert lines(INVITE, explained=True)[0] == "The SDP of INVITE (sdp) in words"
    assert lines(ROWS[1], explained=True)[2] == "SIP/2.0 100 Trying"


def test_a_stream_stands_with_its_figures() -> None:
    assert lines(STREAM)[0].startswith("192.0.2.21:40000 → 198.51.100.5:18000")


def test_an_event_stands_with_all_that_is_known_of_it() -> None:
    assert lines(EventRow(0, 1, 0, 1, EVENT), 30) == [
        "2023-11-14 22:13:20.000000",
        "DTMF 5, 160 ms",
        "[/] a long note that has to ",
        "┊ be broken",
    ]


def test_what_is_looked_for_stands_out() -> None:
    found = [
        span.text
        for line in row_content(INVITE, "2002")(80)
        for span in line
        if span.style == "marked"
    ]
    assert found == ["2002", "2002"]
