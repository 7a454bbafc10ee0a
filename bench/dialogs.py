"""A store with as many dialogs as one likes, whose messages take no memory.

The bytes of a message are made when somebody reads them, as they would be read from a file.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from sipscope.calls.incoming import MessageBatch
from sipscope.calls.store import DialogStore
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.sip_heads import read_heads

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sipscope.calls.incoming import Incoming
    from sipscope.decode.batch import Frame

EPOCH = 1_767_603_600_000_000_000
SECOND = 1_000_000_000
INTERVAL = 7_000_000
BATCH = 4_096

PBX = Endpoint(bytes((10, 20, 0, 11)), 5060)
PHONES = [Endpoint(bytes((10, 32, n >> 8, n & 255)), 5060) for n in range(6_000)]

OUTCOMES = (
    *(("INVITE", 200, "OK"),) * 5,
    ("INVITE", 486, "Busy Here"),
    ("INVITE", 488, "Not Acceptable Here"),
    ("INVITE", 0, ""),
    ("REGISTER", 200, "OK"),
    ("OPTIONS", 200, "OK"),
)
"""Method, final status (0 for none yet) and reason, by the last digit of the dialog's number."""

SDP = (
    b"v=0\r\no=- %d 1 IN IP4 10.32.0.9\r\ns=-\r\nc=IN IP4 10.32.0.9\r\nt=0 0\r\n"
    b"m=audio 11780 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)
HEADERS = (
    b"Via: SIP/2.0/UDP 10.32.0.9:5060;branch=z9hG4bK%d;rport\r\nMax-Forwards: 70\r\n"
    b'From: "Phone %d" <sip:%d@pbx.example.com>;tag=f%d\r\nTo: <sip:+49%d@pbx.example.com>%s\r\n'
    b"Call-ID: %d-b7c9@10.32.0.9\r\nCSeq: 1 %s\r\nContact: <sip:%d@10.32.0.9:5060>\r\n"
    b"User-Agent: Yealink SIP-T46S 66.86.0.15\r\n"
    b"Allow: INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER, SUBSCRIBE\r\n"
)


class Memory:
    """Stands for the file that the messages came from."""

    def read(self, position: int, length: int) -> bytes:
        """Return the message number `position`: dialog and whether it is the answer."""
        return message(position >> 1, position & 1)[:length]

    def frame(self, position: int) -> Frame | None:
        """Return nothing: the frames around the messages are made up."""
        return None


def message(number: int, answer: int) -> bytes:
    """Return the first request of a dialog, or the final answer to it."""
    method, status, reason = OUTCOMES[number % 10]
    caller, callee = 1000 + number * 7_919 % 90_000, 30_000_000 + number * 104_729 % 9_999_999
    start = (
        b"SIP/2.0 %d %s\r\n" % (status, reason.encode())
        if answer
        else b"%s sip:+49%d@pbx.example.com SIP/2.0\r\n" % (method.encode(), callee)
    )
    tag = b";tag=t%d" % number if answer else b""
    head = HEADERS % (
        *(number, caller, caller, number, callee, tag, number, method.encode(), caller),
    )
    body = SDP % number if method == "INVITE" and (not answer or status == 200) else b""
    kind = b"Content-Type: application/sdp\r\n" if body else b""
    return b"%s%s%sContent-Length: %d\r\n\r\n%s" % (start, head, kind, len(body), body)


def messages(numbers: Iterable[int], memory: Memory, started: int) -> Iterator[Incoming]:
    """Return the messages of dialogs: a request each, and the final answer if there is one."""
    for number in numbers:
        phone = PHONES[number % len(PHONES)]
        time = started + number * INTERVAL
        for answer in (0, 1) if OUTCOMES[number % 10][1] else (0,):
            raw = message(number, answer)
            flow = Flow(PBX, phone) if answer else Flow(phone, PBX)
            yield time + answer * SECOND, 2 * number, flow, raw, memory, 0, 2 * number + answer


def fill(store: DialogStore, numbers: Iterable[int], started: int = EPOCH) -> None:
    """Give a store dialogs, by number."""
    coming = messages(numbers, Memory(), started)
    while some := list(islice(coming, BATCH)):
        batch = MessageBatch.of(some)
        with store.lock:
            store.add(batch, read_heads(batch.text, batch.begin, batch.end))


def crowd(count: int) -> DialogStore:
    """Return a store with `count` dialogs."""
    store = DialogStore(capacity=2 * count, memory=1 << 40)
    fill(store, range(count))
    return store
