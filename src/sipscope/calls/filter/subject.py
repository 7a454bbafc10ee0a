"""What a filter is asked about: a dialog with its streams, or a stream alone."""

from collections.abc import Sequence
from functools import cached_property

from sipscope.calls.columns import search_text
from sipscope.calls.dialog import Dialog, Message, session_description
from sipscope.calls.rows import CallRow, call_row, stream_figures
from sipscope.decode.sdp import MediaDescription
from sipscope.decode.sip import SipMessage, parse
from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.streams import StreamTable

MOST_MESSAGES = 200
"""So many messages of one dialog are read in full; a longer one repeats itself."""


class Subject:
    """What can be asked of one dialog; everything is read when a field wants it.

    Args:
        dialog: None for a stream that belongs to none.
        streams: Where its figures are.
        now: The time of the capture in ns, for calls in progress.
        figures: Of a stream alone.
    """

    def __init__(
        self,
        dialog: Dialog | None,
        streams: StreamTable,
        now: int,
        figures: Sequence[StreamFigures] | None = None,
    ) -> None:
        self.dialog = dialog
        self.now = now
        self._streams = streams
        self._figures = figures

    @cached_property
    def row(self) -> CallRow | None:
        """The dialog as a row of the call list."""
        return None if self.dialog is None else call_row(self.dialog, self._streams, self.now)

    @cached_property
    def text(self) -> str:
        """All that can be read in the row, lower case."""
        return "" if self.row is None else search_text(self.row)

    @cached_property
    def call_id(self) -> str:
        """The Call-ID, lower case."""
        return "" if self.row is None else self.row.call_id.lower()

    @cached_property
    def figures(self) -> Sequence[StreamFigures]:
        """The figures of the streams."""
        if self._figures is not None:
            return self._figures
        return [] if self.dialog is None else stream_figures(self.dialog, self._streams)

    @property
    def messages(self) -> Sequence[Message]:
        """The messages as the store keeps them."""
        return () if self.dialog is None else self.dialog.messages[:MOST_MESSAGES]

    @cached_property
    def first(self) -> SipMessage | None:
        """The first message in full."""
        return parse(self.messages[0].raw) if self.messages else None

    @cached_property
    def parsed(self) -> Sequence[SipMessage]:
        """The messages in full."""
        return [found for each in self.messages if (found := parse(each.raw)) is not None]

    @cached_property
    def media(self) -> Sequence[MediaDescription]:
        """What SDP says, of all messages that carry it."""
        return [
            media
            for each in self.messages
            if each.sdp and not each.retransmission
            for media in session_description(each.raw)
        ]
