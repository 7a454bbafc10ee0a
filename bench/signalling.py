"""The SIP of a workload: calls between phones and PBXs, and each message as bytes.

Times are microseconds.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import NamedTuple

MILLISECOND = 1_000
SECOND = 1_000_000
TELEPHONE_EVENT = 101


@dataclass(frozen=True, slots=True)
class Flavour:
    """How one make of user agent writes its messages: its own headers and their order."""

    product: str
    product_header: str  # the header that names the product in responses
    allow: str
    supported: str
    extra: tuple[tuple[str, str], ...]  # further headers of INVITE and its 2xx
    order: tuple[str, ...]
    session_owner: str
    session_name: str
    first_session: int
    port: int
    first_media_port: int


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ORDER_ASTERISK = words(
    "Via From To Contact Call-ID CSeq Session-Expires Min-SE Allow Supported Max-Forwards "
    "User-Agent Server Content-Type Content-Length"
)
ORDER_SOFIA = words(
    "Via Max-Forwards From To Call-ID CSeq Contact User-Agent Allow Supported Allow-Events "
    "Content-Type Content-Disposition Content-Length X-FS-Support"
)
ORDER_PHONE = words(
    "Via Max-Forwards From To Call-ID CSeq Contact User-Agent Allow Supported Allow-Events "
    "P-Early-Media P-Key-Flags Accept Content-Type Content-Length"
)

ASTERISK = Flavour(
    product="Asterisk PBX 20.5.2",
    product_header="Server",
    allow="OPTIONS, REGISTER, SUBSCRIBE, NOTIFY, PUBLISH, INVITE, ACK, BYE, CANCEL, UPDATE, "
    "PRACK, INFO, MESSAGE, REFER",
    supported="100rel, timer, replaces, norefersub, histinfo",
    extra=(("Session-Expires", "1800"), ("Min-SE", "90")),
    order=ORDER_ASTERISK,
    session_owner="-",
    session_name="Asterisk",
    first_session=100_000_000,
    port=5060,
    first_media_port=10_000,
)
FREESWITCH = Flavour(
    product="FreeSWITCH-mod_sofia/1.10.10-release+git~20230813",
    product_header="User-Agent",
    allow="INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, INFO, UPDATE, REGISTER, REFER, NOTIFY",
    supported="timer, path, replaces",
    extra=(
        ("Allow-Events", "talk, hold, conference, refer"),
        ("Content-Disposition", "session"),
        ("X-FS-Support", "update_display,send_info"),
    ),
    order=ORDER_SOFIA,
    session_owner="FreeSWITCH",
    session_name="FreeSWITCH",
    first_session=1_767_500_000,
    port=5060,
    first_media_port=16_384,
)
YEALINK = Flavour(
    product="Yealink SIP-T46S 66.86.0.15",
    product_header="User-Agent",
    allow="INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER, SUBSCRIBE, REFER, "
    "PUBLISH, UPDATE, MESSAGE",
    supported="replaces",
    extra=(("Allow-Events", "talk,hold,conference,refer,check-sync"),),
    order=ORDER_PHONE,
    session_owner="-",
    session_name="SDP data",
    first_session=20_000,
    port=5060,
    first_media_port=11_780,
)
SNOM = Flavour(
    product="snomD785/10.1.169.13",
    product_header="User-Agent",
    allow="INVITE, ACK, CANCEL, BYE, REFER, OPTIONS, NOTIFY, SUBSCRIBE, PRACK, MESSAGE, INFO, "
    "UPDATE",
    supported="timer, 100rel, replaces, from-change",
    extra=(("P-Key-Flags", 'resolution="31x13", keys="4"'), ("Accept", "application/sdp")),
    order=ORDER_PHONE,
    session_owner="root",
    session_name="call",
    first_session=700_000_000,
    port=3072,
    first_media_port=49_152,
)
GRANDSTREAM = Flavour(
    product="Grandstream GXP2170 1.0.11.79",
    product_header="User-Agent",
    allow="INVITE, ACK, OPTIONS, CANCEL, BYE, SUBSCRIBE, NOTIFY, INFO, REFER, UPDATE, MESSAGE",
    supported="replaces, path, timer",
    extra=(
        ("P-Early-Media", "Supported"),
        ("Accept", "application/sdp, application/dtmf-relay"),
    ),
    order=ORDER_PHONE,
    session_owner="gxp",
    session_name="SIP Call",
    first_session=8_000,
    port=5062,
    first_media_port=40_000,
)
PBXES = (ASTERISK, FREESWITCH)
PHONES = (YEALINK, YEALINK, SNOM, GRANDSTREAM)
FIRST_PBX = int(IPv4Address("10.20.0.11"))
FIRST_PHONE = int(IPv4Address("10.32.0.10"))
PHONE_COUNT = 6_000
NAMES = words("Anna Bea Carl Dora Emil Finn Greta Hugo Ida Jonas Karla Leo Mia Nils Olga")
SURNAMES = words("Berg Busch Frank Huber Keller Lang Meier Otto Peters Roth Sommer Vogt")
CODECS = {0: "PCMU/8000", 8: "PCMA/8000", 18: "G729/8000", TELEPHONE_EVENT: "telephone-event/8000"}
OFFERS = {0: (0, 8, 101), 8: (8, 0, 101), 18: (18, 8, 101)}


@dataclass(frozen=True, slots=True)
class Party:
    """One end of a call."""

    flavour: Flavour
    address: int
    host: str  # the address as text
    user: str
    display: str
    tag: str
    media_port: int
    session: int


@dataclass(frozen=True, slots=True)
class Call:
    """What all messages of one call have in common."""

    caller: Party
    callee: Party
    domain: str
    call_id: str
    branch: str
    cseq: int
    payload_type: int


class Message(NamedTuple):
    """One message of a call: a request if `start` is a method, else a response."""

    start: str
    method: str  # of CSeq
    by_caller: bool
    transaction: str = "0"  # ends the branch; an ACK of a refusal is in INVITE's transaction
    sdp: bool = False


class Sending(NamedTuple):
    """A message of a call at a time on the wire."""

    time: int
    call: int
    message: Message


INVITE = Message("INVITE", "INVITE", True, sdp=True)
TRYING = Message("100 Trying", "INVITE", False)
RINGING = Message("180 Ringing", "INVITE", False)
ANSWER = Message("200 OK", "INVITE", False, sdp=True)
ACK = Message("ACK", "ACK", True, transaction="1")
REFUSALS = tuple(
    Message(status, "INVITE", False)
    for status in ("486 Busy Here", "486 Busy Here", "603 Decline", "480 Temporarily Unavailable")
)
REFUSAL_ACK = Message("ACK", "ACK", True)
CANCEL = Message("CANCEL", "CANCEL", True)
CANCEL_OK = Message("200 OK", "CANCEL", False)
TERMINATED = Message("487 Request Terminated", "INVITE", False)


def describe_session(call: Call, party: Party) -> str:
    """The SDP of one end: the caller offers several codecs, the callee answers with one."""
    answer = (call.payload_type, TELEPHONE_EVENT)
    payload_types = OFFERS[call.payload_type] if party is call.caller else answer
    lines = (
        "v=0",
        f"o={party.flavour.session_owner} {party.session} {party.session} IN IP4 {party.host}",
        f"s={party.flavour.session_name}",
        f"c=IN IP4 {party.host}",
        "t=0 0",
        f"m=audio {party.media_port} RTP/AVP {' '.join(map(str, payload_types))}",
        *(f"a=rtpmap:{number} {CODECS[number]}" for number in payload_types),
        *(("a=fmtp:18 annexb=no",) if 18 in payload_types else ()),
        f"a=fmtp:{TELEPHONE_EVENT} 0-16",
        "a=ptime:20",
        "a=sendrecv",
        "",
    )
    return "\r\n".join(lines)


def route(call: Call, message: Message) -> tuple[Party, Party]:
    """Who sends a message and who receives it."""
    return (call.caller, call.callee) if message.by_caller else (call.callee, call.caller)


def write_message(call: Call, message: Message) -> bytes:
    """One SIP message as its sender's make of user agent writes it."""
    sender, receiver = route(call, message)
    request = message.start == message.method
    client, server = (sender, receiver) if request else (receiver, sender)
    flavour = sender.flavour
    via = (
        f"SIP/2.0/UDP {client.host}:{client.flavour.port}"
        f";branch=z9hG4bK{call.branch}{message.transaction}"
    )
    headers = {
        "From": f'"{client.display}" <sip:{client.user}@{call.domain}>;tag={client.tag}',
        "To": f'"{server.display}" <sip:{server.user}@{call.domain}>',
        "Call-ID": call.call_id,
        "CSeq": f"{call.cseq + (message.method == 'BYE')} {message.method}",
    }
    if message.start not in ("INVITE", "CANCEL", "100 Trying"):
        headers["To"] += f";tag={server.tag}"
    if request:
        start = f"{message.start} sip:{server.user}@{server.host}:{server.flavour.port} SIP/2.0"
        headers["Via"] = f"{via};rport"
        headers["Max-Forwards"] = "70"
        headers["User-Agent"] = flavour.product
    else:
        start = f"SIP/2.0 {message.start}"
        headers["Via"] = f"{via};received={client.host};rport={client.flavour.port}"
        headers[flavour.product_header] = flavour.product
    if message.method in ("INVITE", "BYE") and message is not TRYING:
        headers["Allow"] = flavour.allow
        headers["Supported"] = flavour.supported
    if message.method == "INVITE" and message is not TRYING:
        headers["Contact"] = f"<sip:{sender.user}@{sender.host}:{flavour.port}>"
    body = ""
    if message.sdp:
        body = describe_session(call, sender)
        headers.update(flavour.extra)
        headers["Content-Type"] = "application/sdp"
    headers["Content-Length"] = str(len(body))
    lines = [f"{name}: {headers[name]}" for name in flavour.order if name in headers]
    return "\r\n".join((start, *lines, "", body)).encode("ascii")


def make_call(index: int, chance: random.Random) -> Call:
    """A call between a phone and a PBX.

    Phones and media ports take turns, so that calls of the same minutes share neither. Every 25th
    call is G.729, the others are two thirds G.711 A-law and one third mu-law.
    """

    def make_party(flavour: Flavour, address: int, user: str) -> Party:
        return Party(
            flavour=flavour,
            address=address,
            host=str(IPv4Address(address)),
            user=user,
            display=f"{chance.choice(NAMES)} {chance.choice(SURNAMES)}",
            tag=f"{chance.getrandbits(40):010x}",
            media_port=flavour.first_media_port + 2 * (index % 6_000),
            session=flavour.first_session + chance.randrange(10_000),
        )

    number = chance.randrange(len(PBXES))
    pbx = make_party(
        PBXES[number], FIRST_PBX + number, f"0{chance.randrange(30, 999)}555{index:05}"
    )
    extension = index % PHONE_COUNT
    phone = make_party(chance.choice(PHONES), FIRST_PHONE + extension, str(1000 + extension))
    caller, callee = (phone, pbx) if chance.random() < 0.6 else (pbx, phone)
    digits = f"{chance.getrandbits(128):032x}"
    uuid = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    return Call(
        caller=caller,
        callee=callee,
        domain=pbx.host,
        call_id=f"{uuid}@{caller.host}",
        branch=f"{chance.getrandbits(56):014x}",
        cseq=chance.randrange(1, 30_000),
        payload_type=18 if index % 25 == 24 else 8 * (index % 3 > 0),
    )


def schedule_call(
    index: int, start: int, ring: int, talk: int, *, chance: random.Random, lively: bool
) -> list[Sending]:
    """The messages of one call; if `lively`, some are refused, cancelled or sent twice."""
    network = chance.randrange(2 * MILLISECOND, 40 * MILLISECOND)
    outcome = chance.random() if lively else 1.0
    bye = Message("BYE", "BYE", chance.random() < 0.5, transaction="2")
    steps: list[tuple[int, Message]] = [(0, INVITE), (network, TRYING)]
    if outcome < 0.05:
        steps += [(ring, CANCEL), (network, CANCEL_OK), (MILLISECOND, TERMINATED)]
        steps += [(network, REFUSAL_ACK)]
    elif outcome < 0.12:
        steps += [(2 * network, RINGING), (ring, chance.choice(REFUSALS)), (network, REFUSAL_ACK)]
    else:
        steps += [(2 * network, RINGING), (ring, ANSWER), (network, ACK), (talk, bye)]
        steps += [(network, Message("200 OK", "BYE", not bye.by_caller, transaction="2"))]
    # RFC 3261 17.1.1.2: unanswered over UDP, the same message comes again after T1 = 500 ms.
    again = chance.choice((INVITE, ANSWER, bye)) if lively and chance.random() < 0.02 else None
    sendings, time = [], start
    for pause, message in steps:
        time += pause
        sendings.append(Sending(time, index, message))
        if message == again:
            time += SECOND // 2
            sendings.append(Sending(time, index, message))
    return sendings
