"""Which dialog a stream belongs to, by what SDP said about addresses and formats."""

from collections.abc import Sequence
from itertools import islice

from sipscope.calls.dialog import Dialog, session_description
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.sdp import Format, MediaDescription

MAX_ENDPOINTS = 64
"""Of one dialog; when re-INVITEs name more, the oldest are forgotten."""

MAX_EARLIER = 8
MAX_DESCRIPTIONS = 8


class MediaTable:
    """Where RTP is expected: transport address of an `m=` section to the dialogs there.

    Ports are used again: the latest dialog has an address, those before it keep what came
    before the latest began.
    """

    def __init__(self) -> None:
        self._latest: dict[Endpoint, Dialog] = {}
        self._earlier: dict[Endpoint, list[Dialog]] = {}

    def __len__(self) -> int:
        return len(self._latest)

    def expect(self, dialog: Dialog, endpoint: Endpoint) -> bool:
        """Note that `dialog` wants RTP at `endpoint`; tell whether that is news."""
        before = self._latest.setdefault(endpoint, dialog)
        known = endpoint in dialog.endpoints
        if before is not dialog:
            self._displace(before, dialog, endpoint)
        elif known:
            return False
        if not known:
            dialog.endpoints += (endpoint,)
            if len(dialog.endpoints) > MAX_ENDPOINTS:
                self._leave(dialog, dialog.endpoints[0])
                dialog.endpoints = dialog.endpoints[1:]
        return True

    def forget(self, dialog: Dialog) -> None:
        """Drop everything that `dialog` expects."""
        for endpoint in dialog.endpoints:
            self._leave(dialog, endpoint)
        dialog.endpoints = ()

    def owner(self, flow: Flow, time: int) -> Dialog | None:
        """Return the dialog of a stream whose first packet came at `time` (ns).

        The destination decides: it is what one side asked for. A source that SDP named
        decides when the destination is unknown, as behind NAT, and between several calls
        that have the destination.
        """
        asked = self._at(flow.destination, time, flow.source)
        return asked or self._at(flow.source, time, flow.destination)

    def _displace(self, before: Dialog, dialog: Dialog, endpoint: Endpoint) -> None:
        self._latest[endpoint] = dialog
        earlier = self._earlier.setdefault(endpoint, [])
        if dialog in earlier:
            earlier.remove(dialog)
        earlier.append(before)
        del earlier[:-MAX_EARLIER]

    def _at(self, endpoint: Endpoint, time: int, other: Endpoint) -> Dialog | None:
        """Return the latest dialog at an endpoint before `time`, one with `other` if there is."""
        latest = self._latest.get(endpoint)
        earlier = self._earlier.get(endpoint)
        if latest is None or earlier is None:
            return latest
        begun = [dialog for dialog in (latest, *reversed(earlier)) if dialog.started <= time]
        return next((d for d in begun if other in d.endpoints), begun[0] if begun else latest)

    def _leave(self, dialog: Dialog, endpoint: Endpoint) -> None:
        earlier = self._earlier.get(endpoint)
        if self._latest.get(endpoint) is dialog:
            if earlier:
                self._latest[endpoint] = earlier.pop()
            else:
                del self._latest[endpoint]
        elif earlier and dialog in earlier:
            earlier.remove(dialog)
        if earlier is not None and not earlier:
            del self._earlier[endpoint]


def descriptions(dialog: Dialog) -> list[MediaDescription]:
    """Return what the last messages with SDP say of the media, in the order of capture."""
    described = islice((m for m in reversed(dialog.messages) if m.sdp), MAX_DESCRIPTIONS)
    return [media for m in reversed(list(described)) for media in session_description(m.raw)]


def formats(
    described: Sequence[MediaDescription], flow: Flow
) -> tuple[dict[int, Format], int | None]:
    """Return payload formats and ptime of a stream of a dialog.

    Payload types are the receiver's choice (RFC 3264 section 6.1): its own description
    goes before the sender's, which serves where the receiver's address is hidden by NAT.
    """
    known: dict[int, Format] = {}
    ptime: int | None = None
    for media in sorted(described, key=lambda media: _closeness(media, flow)):
        known.update(media.formats)
        ptime = media.ptime_ms or ptime
    return known, ptime


def _closeness(media: MediaDescription, flow: Flow) -> int:
    return 2 * (media.endpoint == flow.destination) + (media.endpoint == flow.source)
