"""Calls written down as they happen: `Playbook().invite().ringing().ok().ack().bye()`.

Every step sends real bytes at the time that `wait` has come to, and the store reads them as
it reads any capture.
"""

from collections.abc import Sequence
from typing import Self

from sipscope.calls.dialog import Dialog, KeptFrames, State
from sipscope.calls.incoming import Incoming, MessageBatch
from sipscope.calls.store import DialogStore
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.batch import Frame
from sipscope.decode.sip_heads import read_heads
from tests.packets import START

MS = 1_000_000
SECOND = 1_000 * MS
CALLER = Endpoint(bytes([192, 0, 2, 21]), 5060)
PROXY = Endpoint(bytes([198, 51, 100, 5]), 5060)
CALLEE = Endpoint(bytes([203, 0, 113, 7]), 5060)
FORK = Endpoint(bytes([203, 0, 113, 8]), 5060)
TO_PROXY = Flow(CALLER, PROXY)

_REASONS = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    302: "Moved Temporarily",
    401: "Unauthorized",
    403: "Forbidden",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    487: "Request Terminated",
    603: "Decline",
}


def incoming(raw: bytes, time: int, flow: Flow = TO_PROXY, number: int = 1) -> Incoming:
    """A message in memory, as a live source gives it."""
    frame = Frame(time, 1, len(raw), raw)
    return time, number, flow, raw, KeptFrames((frame,), None), 0, 0


def give(store: DialogStore, messages: Sequence[Incoming]) -> None:
    """Give the store messages."""
    batch = MessageBatch.of(messages)
    store.add(batch, read_heads(batch.text, batch.begin, batch.end))


class Playbook:
    """One Call-ID; requests go from the caller to the proxy unless `along` says otherwise.

    Attributes:
        now: Time in ns since the epoch.
        store: What the messages go to.
    """

    def __init__(self, call_id: str = "call-1", store: DialogStore | None = None) -> None:
        self.now = START
        self.store = DialogStore() if store is None else store
        self.call_id = call_id
        self._sent = 0
        self._last: tuple[bytes, Flow] = (b"", TO_PROXY)

    @property
    def dialog(self) -> Dialog:
        """The dialog."""
        wanted = self.call_id.encode()
        return next(d for d in self.store.dialogs.values() if d.call_id == wanted)

    @property
    def state(self) -> State:
        """Its state."""
        return self.dialog.state

    def wait(self, ms: float) -> Self:
        """Let time pass, or run back."""
        self.now += round(ms * MS)
        return self

    def ends(self) -> Self:
        """Come to the end of the capture."""
        self.store.finish(self.now)
        return self

    def request(
        self,
        method: str,
        *,
        cseq: int = 1,
        along: Flow = TO_PROXY,
        to_tag: str = "",
        headers: str = "",
        body: bytes = b"",
    ) -> Self:
        """Send a request."""
        start = f"{method} sip:2002@example.com SIP/2.0\r\n"
        return self._send(start, method, cseq, along, to_tag, headers, body)

    def response(
        self,
        status: int,
        method: str = "INVITE",
        *,
        cseq: int = 1,
        along: Flow = TO_PROXY,
        headers: str = "",
        body: bytes = b"",
    ) -> Self:
        """Answer a request that came along `along`."""
        start = f"SIP/2.0 {status} {_REASONS.get(status, 'Reason')}\r\n"
        return self._send(start, method, cseq, along.reverse, "b2", headers, body)

    def again(self) -> Self:
        """Send the last message once more, byte for byte."""
        raw, flow = self._last
        give(self.store, [incoming(raw, self.now, flow)])
        return self

    def invite(self, cseq: int = 1, *, along: Flow = TO_PROXY, body: bytes = b"") -> Self:
        """Send INVITE."""
        return self.request("INVITE", cseq=cseq, along=along, body=body)

    def reinvite(self, cseq: int = 2, *, body: bytes = b"") -> Self:
        """Send INVITE within the dialog."""
        return self.request("INVITE", cseq=cseq, to_tag="b2", body=body)

    def trying(self) -> Self:
        """Answer 100."""
        return self.response(100)

    def ringing(self, *, along: Flow = TO_PROXY) -> Self:
        """Answer 180."""
        return self.response(180, along=along)

    def ok(self, method: str = "INVITE", cseq: int = 1, *, body: bytes = b"") -> Self:
        """Answer 200."""
        return self.response(200, method, cseq=cseq, body=body)

    def ack(self, cseq: int = 1) -> Self:
        """Send ACK."""
        return self.request("ACK", cseq=cseq, to_tag="b2")

    def cancel(self, cseq: int = 1, *, along: Flow = TO_PROXY) -> Self:
        """Send CANCEL."""
        return self.request("CANCEL", cseq=cseq, along=along)

    def bye(self, cseq: int = 2) -> Self:
        """Send BYE."""
        return self.request("BYE", cseq=cseq, to_tag="b2")

    def _send(
        self,
        start: str,
        method: str,
        cseq: int,
        along: Flow,
        to_tag: str,
        headers: str,
        body: bytes,
    ) -> Self:
        self._sent += 1
        tag = f";tag={to_tag}" if to_tag else ""
        head = (
            f"{start}Via: SIP/2.0/UDP 192.0.2.21;branch=z9hG4bK-{self._sent}\r\n"
            f"From: <sip:1001@example.com>;tag=a1\r\nTo: <sip:2002@example.com>{tag}\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {cseq} {method}\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._last = head.encode() + body, along
        return self.again()
