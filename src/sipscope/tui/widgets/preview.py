"""What the pane beside the ladder shows of the row under the cursor."""

from sipscope.calls.ladder import EventRow, MessageRow, Row
from sipscope.decode.text import display
from sipscope.tui.line_list import Span
from sipscope.tui.widgets.finding import finding
from sipscope.tui.widgets.message import message_content
from sipscope.tui.widgets.moments import clock, date
from sipscope.tui.widgets.sdp_explained import sdp_content
from sipscope.tui.widgets.stream import stream_lines
from sipscope.tui.widgets.text_view import Content
from sipscope.tui.widgets.wrapping import CONTINUATION, Line, wrap


def row_content(
    row: Row, words: str = "", *, utc: bool = False, explained: bool = False
) -> Content:
    """Return what is known of a row, for any width.

    Args:
        row: Of the ladder.
        words: What is looked for, empty for nothing.
        utc: Whether times are in UTC.
        explained: Whether the SDP of a message is explained in place of the message.
    """
    if isinstance(row, MessageRow):
        if explained and row.message.sdp:
            return finding(sdp_content(row.message), words)
        return finding(message_content(row.message, utc=utc), words)
    if isinstance(row, EventRow):
        return finding(_event_content(row, utc=utc), words)
    return finding(lambda width: stream_lines(row.figures, width), words)


def _event_content(row: EventRow, *, utc: bool) -> Content:
    time = f"{date(row.time, utc=utc)} {clock(row.time, digits=6, utc=utc)}{' UTC' * utc}"

    def lines(width: int) -> list[Line]:
        head = list(wrap((Span(time, "old"),), width, CONTINUATION))
        notes = (wrap((Span(display(note)),), width, CONTINUATION) for note in row.event.notes)
        return [*head, *(line for note in notes for line in note)]

    return lines
