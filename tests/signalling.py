"""SIP messages and whole calls as packets, and the store that they make."""

import struct
from collections.abc import Iterable
from typing import NamedTuple

from sipscope.calls.intake import Intake
from sipscope.calls.store import DialogStore
from tests.packets import START, batch, ethernet, ipv4, udp

MS = 1_000_000
PHONE, PBX, TRUNK = "192.0.2.21", "198.51.100.5", "203.0.113.7"


class Sent(NamedTuple):
    """A payload on its way, `at` ms after the start of the capture."""

    at: float
    payload: bytes
    source: str
    destination: str
    source_port: int = 5060
    destination_port: int = 5060


def request(
    method: str,
    *,
    call_id: str = "call-1",
    cseq: int = 1,
    headers: str = "",
    body: bytes = b"",
    agent: str = "",
    vias: int = 1,
    user: str = "1001",
    callee: str = "2002",
) -> bytes:
    """A request of the call from `user` to `callee`."""
    extra = headers + (f"User-Agent: {agent}\r\n" if agent else "")
    first = f"{method} sip:{callee}@example.com SIP/2.0"
    via = "".join(_via(f"{method}{cseq}", hop) for hop in range(vias))
    parties = f"From: <sip:{user}@example.com>;tag=a1\r\nTo: <sip:{callee}@example.com>\r\n"
    identity = f"Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n"
    return _message(first, via + parties + identity + extra, body)


def response(
    status: str,
    method: str = "INVITE",
    *,
    call_id: str = "call-1",
    cseq: int = 1,
    headers: str = "",
    body: bytes = b"",
    agent: str = "",
    user: str = "1001",
    callee: str = "2002",
) -> bytes:
    """A response, `status` with its reason."""
    extra = headers + (f"Server: {agent}\r\n" if agent else "")
    via = _via(f"{method}{cseq}", 0)
    parties = f"From: <sip:{user}@example.com>;tag=a1\r\nTo: <sip:{callee}@example.com>\r\n"
    identity = f"Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n"
    return _message(f"SIP/2.0 {status}", via + parties + identity + extra, body)


def _via(branch: str, hop: int) -> str:
    return f"Via: SIP/2.0/UDP 192.0.2.{21 + hop}:5060;branch=z9hG4bK{branch}\r\n"


def _message(first: str, headers: str, body: bytes) -> bytes:
    kind = "Content-Type: application/sdp\r\n" if body.startswith(b"v=0") else ""
    head = f"{first}\r\n{headers}{kind}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def sdp(host: str, port: int, formats: str = "8 0 101", *lines: str) -> bytes:
    """A session description with one audio section."""
    attributes = "".join(f"{line}\r\n" for line in lines)
    return (
        f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {formats}\r\n{attributes}"
    ).encode()


def rtp(sequence: int, ssrc: int = 0x3D1A3B02, payload_type: int = 8) -> bytes:
    """20 ms of PCMA."""
    header = struct.pack("!BBHII", 0x80, payload_type, sequence, 160 * sequence, ssrc)
    return header + bytes(160)


def stream(
    source: tuple[str, int],
    destination: tuple[str, int],
    *,
    start: float,
    count: int,
    lost: Iterable[int] = (),
    ssrc: int = 0x3D1A3B02,
) -> list[Sent]:
    """A stream of `count` packets, from `start` ms on, without those numbers."""
    missing = set(lost)
    return [
        Sent(start + 20 * n, rtp(n, ssrc), source[0], destination[0], source[1], destination[1])
        for n in range(count)
        if n not in missing
    ]


def store_of(sent: Iterable[Sent]) -> DialogStore:
    """Return the store after these packets, in the order of time."""
    store = DialogStore()
    add(store, sent)
    return store


def add(store: DialogStore, sent: Iterable[Sent]) -> None:
    """Give the store more packets."""
    ordered = sorted(sent, key=lambda packet: packet.at)
    frames = [
        ethernet(
            ipv4(
                udp(packet.payload, packet.source_port, packet.destination_port),
                packet.source,
                packet.destination,
            )
        )
        for packet in ordered
    ]
    times = [START + round(packet.at * MS) for packet in ordered]
    Intake(store).take(batch(frames, times=times))
    store.touch(store.streams.flush())


def answered_call(*, media: int = 0, lost: Iterable[int] = ()) -> list[Sent]:
    """A phone calls over a PBX: INVITE to the 200 to the BYE, with `media` packets each way."""
    offer, answer = sdp(PHONE, 40000, "8 0 101"), sdp(PBX, 18000, "8")
    call = [
        Sent(0, request("INVITE", body=offer, agent="Snom D785"), PHONE, PBX),
        Sent(4, response("100 Trying", agent="Asterisk PBX 20"), PBX, PHONE),
        Sent(150, response("180 Ringing"), PBX, PHONE),
        Sent(2650, response("200 OK", body=answer), PBX, PHONE),
        Sent(2651, request("ACK"), PHONE, PBX),
        Sent(14660, request("BYE", cseq=2), PHONE, PBX),
        Sent(14661, response("200 OK", "BYE", cseq=2), PBX, PHONE),
    ]
    call += stream((PHONE, 40000), (PBX, 18000), start=2652, count=media)
    call += stream(
        (PBX, 18000), (PHONE, 40000), start=2655, count=media, lost=lost, ssrc=0x9C40E1F7
    )
    return call
