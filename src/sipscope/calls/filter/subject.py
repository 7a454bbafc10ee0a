"""What a filter is asked about: a dialog with its streams, or a stream alone."""

from collections.abc import Iterator, Sequence
from functools import cached_property

from sipscope.calls.columns import clock_text, duration_text, search_text, state_words
from sipscope.calls.dialog import Dialog, Message, Party, State, session_description
from sipscope.calls.rows import CallRow, call_row, parties, party_name, stream_figures
from sipscope.decode.rtp import PAYLOAD_TYPES
from sipscope.decode.sdp import MediaDescription
from sipscope.decode.sip import SipMessage, parse
from sipscope.decode.text import display
from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.streams import StreamTable

MOST_MESSAGES = 200
"""So many messages of one dialog are read in full; a longer one repeats itself."""

_STATIC_CODECS = " ".join(known.name for known in PAYLOAD_TYPES.values()).lower()


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
        self.dialog: Dialog | None = dialog
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

    def says(self, word: str) -> bool:
        """Tell whether a word in lower case is in the text; what costs most is read last."""
        dialog = self.dialog
        if dialog is None or "row" in self.__dict__ or not word.isascii() or " " in word:
            return word in self.text
        if any(word in cell for cell in self._cells(dialog)):
            return True
        return (bool(dialog.streams) or self._may_name_codec(dialog, word)) and word in self.text

    def _cells(self, dialog: Dialog) -> Iterator[str]:
        """Yield what can be read in the row without its codecs and figures, lower case."""
        status = dialog.final_status
        words = state_words(dialog.state, status)
        yield f"{dialog.method} {words} {dialog.state} {status or ''}".lower()
        flow = dialog.flow
        yield f"{flow.source} {flow.destination} {len(dialog.messages) + dialog.dropped}"
        yield f"{clock_text(dialog.started)} {duration_text(dialog.duration_s(self.now))}"
        yield " ".join(map(party_name, self.parties)).lower()
        yield (dialog.reason or "").lower()
        if status is None and dialog.state is State.FAILED:
            yield "no response"

    @staticmethod
    def _may_name_codec(dialog: Dialog, word: str) -> bool:
        """Tell whether a word may be in the name of a codec that the SDP speaks of."""
        if word in _STATIC_CODECS:
            return any(message.sdp for message in dialog.messages)
        sought = word.encode()
        return any(sought in message.raw.lower() for message in dialog.messages if message.sdp)

    @cached_property
    def call_id(self) -> str:
        """The Call-ID, lower case."""
        return "" if self.dialog is None else display(self.dialog.call_id).lower()

    @cached_property
    def parties(self) -> tuple[Party, Party]:
        """From and To of the first message."""
        nobody = Party(None, None, None, None)
        return (nobody, nobody) if self.dialog is None else parties(self.dialog)

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


class StreamSubject(Subject):
    """What can be asked of one stream: its figures, its line, the dialog that it belongs to.

    Args:
        stream_id: The stream's.
        text: What can be read in its line, lower case.
        dialog: None when it belongs to none.
        streams: Where its figures are.
        now: The time of the capture in ns.
    """

    def __init__(
        self, stream_id: int, text: str, dialog: Dialog | None, streams: StreamTable, now: int
    ) -> None:
        super().__init__(dialog, streams, now)
        self._stream_id = stream_id
        self._line = text

    @cached_property
    def figures(self) -> Sequence[StreamFigures]:
        """The figures of the stream."""
        listed = self._streams.listed(self._stream_id)
        return [self._streams.figures(self._stream_id)] if listed else []

    def says(self, word: str) -> bool:
        """Tell whether a word in lower case is in its line."""
        return word in self._line
