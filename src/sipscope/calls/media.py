"""Which dialog a stream belongs to, by what SDP said about addresses and formats."""

from sipscope.calls.dialog import Dialog, session_description
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.sdp import Format, MediaDescription


class MediaTable:
    """Where RTP is expected: transport address of an `m=` section to the latest dialog there."""

    def __init__(self) -> None:
        self._dialogs: dict[Endpoint, Dialog] = {}

    def __len__(self) -> int:
        return len(self._dialogs)

    def expect(self, dialog: Dialog, endpoint: Endpoint) -> bool:
        """Note that `dialog` wants RTP at `endpoint`; tell whether that is news."""
        if self._dialogs.get(endpoint) is dialog:
            return False
        self._dialogs[endpoint] = dialog
        return True

    def forget(self, dialog: Dialog) -> None:
        """Drop everything that `dialog` expects."""
        for endpoint in [
            media.endpoint
            for message in dialog.messages
            if message.sdp
            for media in session_description(message.raw)
            if media.endpoint is not None
        ]:
            if self._dialogs.get(endpoint) is dialog:
                del self._dialogs[endpoint]

    def owner(self, flow: Flow) -> Dialog | None:
        """Return the dialog of a stream.

        The destination decides: it is what one side asked for. A source that SDP named
        decides when the destination is unknown, as behind NAT.
        """
        return self._dialogs.get(flow.destination) or self._dialogs.get(flow.source)


def formats(dialog: Dialog, flow: Flow) -> tuple[dict[int, Format], int | None]:
    """Return payload formats and ptime of a stream of a dialog.

    Payload types are the receiver's choice (RFC 3264 section 6.1): its own description
    goes before the sender's, which serves where the receiver's address is hidden by NAT.
    """
    known: dict[int, Format] = {}
    ptime: int | None = None
    ordered = sorted(
        (
            media
            for message in dialog.messages
            if message.sdp
            for media in session_description(message.raw)
        ),
        key=lambda media: _closeness(media, flow),
    )
    for media in ordered:
        known.update(media.formats)
        ptime = media.ptime_ms or ptime
    return known, ptime


def _closeness(media: MediaDescription, flow: Flow) -> int:
    return 2 * (media.endpoint == flow.destination) + (media.endpoint == flow.source)
