"""What a session description means, in words (RFC 8866, RFC 3264 and those of its attributes)."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, NamedTuple

from sipscope.decode.address import Endpoint
from sipscope.decode.rtp import PAYLOAD_TYPES
from sipscope.decode.sdp import MediaDescription, parse_sdp
from sipscope.decode.text import display

MAX_FORMATS: Final = 64
"""Of one media section, that are told."""

_SHARED_SPACE = ip_network("100.64.0.0/10")
_PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
_SECTION = re.compile(rb"(?<![^\n])(?=m=)")
_ORIGIN = re.compile(rb"(?<![^\n])o=(\S+) +([0-9]{1,20}) +([0-9]{1,20}) ")
_NAME = re.compile(rb"(?<![^\n])s=([^\n]*)")
_FORMAT = re.compile(rb"\na=fmtp:([0-9]{1,3}) +([^\n]*)")
_ATTRIBUTE = re.compile(rb"(?<![^\n])a=([!-9;-~]+)(?::[ \t]*([^\n]*))?")
_BANDWIDTH = re.compile(rb"(?<![^\n])b=(AS|TIAS|CT):([0-9]{1,9})")
_HOST = re.compile(rb"(?<![^\n])c=(?i:IN +IP[46]) +([^\s/]{1,255})")
_CANDIDATE = re.compile(rb"\S+ +[0-9]+ +\S+ +[0-9]+ +(\S+) +[0-9]+ +typ +(\S+)")
_CRYPTO = re.compile(rb"[0-9]{1,9} +(\S+)")
_CHANNELS = re.compile(rb"([0-9]{1,3}) +[^/\s]+/[0-9]+/([0-9]{1,2})\s*")

_CODECS: Final = {
    "pcmu": "G.711 µ-law, 64 kbit/s",
    "pcma": "G.711 A-law, 64 kbit/s",
    "g722": "G.722 wideband, sampled at 16 kHz whatever the clock",
    "g729": "G.729, 8 kbit/s",
    "g723": "G.723.1, 5.3 or 6.3 kbit/s",
    "g726-32": "G.726, 32 kbit/s",
    "gsm": "GSM full rate, 13 kbit/s",
    "ilbc": "iLBC, 13.3 or 15.2 kbit/s",
    "opus": "Opus, 6 to 510 kbit/s",
    "amr": "AMR narrowband",
    "amr-wb": "AMR wideband",
    "evs": "EVS",
    "speex": "Speex",
    "cn": "comfort noise in pauses",
    "red": "redundancy: earlier audio sent again",
    "telephone-event": "DTMF digits as events (RFC 4733)",
    "h264": "H.264 video",
    "vp8": "VP8 video",
    "rtx": "retransmissions of lost packets",
}
_DIRECTIONS: Final = {
    "sendrecv": "sends and receives",
    "sendonly": "only sends: has the other side on hold",
    "recvonly": "only receives",
    "inactive": "neither sends nor receives: on hold",
}
_SETUP: Final = {
    "actpass": "either side may begin",
    "active": "this side begins",
    "passive": "the other side begins",
    "holdconn": "nobody begins yet",
}
_CANDIDATES: Final = {
    "host": "of its own",
    "srflx": "as a STUN server sees it",
    "prflx": "as the other side sees it",
    "relay": "of a TURN relay",
}


class Meaning(NamedTuple):
    """One thing that a session description says.

    Attributes:
        label: What it is about, empty where it goes on with the line before.
        text: What it means; safe to show.
        doubtful: Whether it is a frequent cause of trouble.
    """

    label: str
    text: str
    doubtful: bool = False


def sdp_words(sdp: bytes) -> tuple[Meaning, ...]:
    """Return what a session description means, line by line; nothing for an empty one."""
    text = sdp.replace(b"\r\n", b"\n")
    session, *sections = _SECTION.split(text, 65)
    if not session and not sections:
        return ()
    described = iter(parse_sdp(sdp))
    found = [*_session(session)]
    for section in sections[:64]:
        media = next(described, None) if _is_whole(section) else None
        found += () if media is None else _media(media, section, session)
    return tuple(found)


def _is_whole(section: bytes) -> bool:
    """Whether `parse_sdp` reads a section: it passes over those that make no sense."""
    return bool(parse_sdp(b"v=0\n" + section))


def _session(session: bytes) -> Iterator[Meaning]:
    name, origin = _NAME.search(session), _ORIGIN.search(session)
    called = display(name[1].strip()) if name else ""
    if called and called != "-":
        yield Meaning("Session", f"called “{called}”")
    if origin is not None:
        words = f"{display(origin[2])}, version {display(origin[3])}"
        yield Meaning("Session id", words)
    attributes = _attributes(session)
    if "group" in attributes and attributes["group"][0].upper().startswith("BUNDLE"):
        yield Meaning("Bundle", "all media share one address and port")
    yield from _bandwidth(session)


def _media(media: MediaDescription, section: bytes, session: bytes) -> Iterator[Meaning]:
    attributes = _attributes(section)
    title = display(media.kind).capitalize()
    endpoint = media.endpoint
    if endpoint is not None and not endpoint.port:
        yield Meaning(title, "refused, or ended: port 0", True)
        return
    yield _where(title, media, section, session)
    yield from _profile(media, attributes, _attributes(session))
    yield from _formats(media, section)
    if media.ptime_ms is not None:
        yield Meaning("Packet time", f"wants {media.ptime_ms} ms of audio in a packet")
    if "maxptime" in attributes:
        yield Meaning("", f"at most {display(attributes['maxptime'][0])} ms")
    if not media.udptl:
        yield _direction(media)
    yield from _control(media, attributes)
    yield from _ice({**_attributes(session), **attributes})
    yield from _fax(attributes)
    yield from _bandwidth(section)


def _where(title: str, media: MediaDescription, section: bytes, session: bytes) -> Meaning:
    if media.endpoint is None:
        host = _HOST.search(section) or _HOST.search(session)
        where = display(host[1]) if host else ""
        if not where:
            return Meaning(title, "without an address to send it to", True)
        return Meaning(title, f"receives at {where}, a name, not an address", True)
    kind, doubtful = _address_kind(media.endpoint)
    return Meaning(title, f"receives at {media.endpoint}{kind}", doubtful)


def _address_kind(endpoint: Endpoint) -> tuple[str, bool]:
    """Return what kind an address is, in words, and whether it may not be reachable."""
    address: IPv4Address | IPv6Address = ip_address(endpoint.address)
    if address.is_unspecified:
        return ": nowhere, an old way to say hold", False
    if address.is_loopback:
        return ", this host itself", True
    if address in _SHARED_SPACE:
        return ", an address behind the provider's NAT", True
    if address.is_link_local:
        return ", a link-local address", True
    if address.is_multicast:
        return ", a multicast group", False
    if any(address in network for network in _PRIVATE):
        return ", a private address: not reachable from outside without NAT help", True
    return ", a public address", False


def _profile(
    media: MediaDescription, own: dict[str, list[str]], session: dict[str, list[str]]
) -> Iterator[Meaning]:
    if media.udptl:
        return
    feedback = ", with quick feedback (AVPF)" if "AVPF" in media.profile else ""
    ways = {"sdes": "keys in the SDP (SDES)", "dtls": "keys by DTLS", "zrtp": "keys by ZRTP"}
    keys = ", ".join(ways[way] for way in media.keying)
    if media.secure:
        without = not media.keying
        text = f"SRTP, {keys}" if keys else "SRTP, but without keys"
        yield Meaning("Encryption", text + feedback, without)
    elif media.secure is None:
        yield Meaning("Encryption", f"RTP that may become encrypted, {keys}{feedback}")
    else:
        yield Meaning("Encryption", f"none: plain RTP{feedback}")
    suites = [_suite(value) for value in own.get("crypto", ())]
    if any(suites):
        yield Meaning("", f"ciphers {', '.join(suite for suite in suites if suite)}")
    both = {**session, **own}
    if "fingerprint" in both:
        algorithm = display(both["fingerprint"][0].partition(" ")[0])
        begins = _SETUP.get(both.get("setup", [""])[0], "")
        text = f"certificate told by its {algorithm} fingerprint"
        yield Meaning("", f"{text}, {begins}" if begins else text)


def _suite(value: str) -> str:
    found = _CRYPTO.match(value.encode())
    return "" if found is None else display(found[1])


def _formats(media: MediaDescription, section: bytes) -> Iterator[Meaning]:
    if media.udptl:
        return
    parameters = {int(number): display(text) for number, text in _FORMAT.findall(section)}
    channels = {
        int(match[1]): int(match[2])
        for value in _attributes(section).get("rtpmap", ())
        if (match := _CHANNELS.fullmatch(value.encode()))
    }
    for place, number in enumerate(media.payload_types[:MAX_FORMATS]):
        known = media.formats.get(number) or PAYLOAD_TYPES.get(number)
        label = "" if place else "Formats"
        if known is None:
            text = f"{number}: no name given for a dynamic payload type"
            yield Meaning(label, text, True)
            continue
        words = [f"{number} {display(known.name)}", f"{known.clock_rate / 1000:g} kHz"]
        if channels.get(number, 1) > 1:
            words.append(f"{channels[number]} channels")
        if known.name.lower() in _CODECS:
            words.append(_CODECS[known.name.lower()])
        if number in parameters:
            words.append(f"({parameters[number]})")
        yield Meaning(label, "  ".join(words))
    names = {
        known.name.lower()
        for number in media.payload_types
        if (known := media.formats.get(number) or PAYLOAD_TYPES.get(number))
    }
    if media.kind == "audio" and "telephone-event" not in names:
        yield Meaning("", "no telephone-event: DTMF goes in the audio or by INFO", True)


def _direction(media: MediaDescription) -> Meaning:
    at = media.endpoint
    nowhere = at is not None and not any(at.address)
    words = _DIRECTIONS.get(media.direction, display(media.direction))
    return Meaning("Direction", words, nowhere or media.direction != "sendrecv")


def _control(media: MediaDescription, attributes: dict[str, list[str]]) -> Iterator[Meaning]:
    if "rtcp-mux" in attributes:
        yield Meaning("RTCP", "on the same port as RTP")
    elif "rtcp" in attributes and media.rtcp is not None:
        yield Meaning("RTCP", f"at {media.rtcp}")


def _ice(attributes: dict[str, list[str]]) -> Iterator[Meaning]:
    if "ice-lite" in attributes:
        yield Meaning("ICE", "lite: answers checks, makes none")
    candidates = attributes.get("candidate", [])
    if not candidates and "ice-ufrag" not in attributes:
        return
    text = "the address is found by trying candidates"
    yield Meaning("" if "ice-lite" in attributes else "ICE", text)
    seen: dict[str, dict[str, None]] = {}
    for value in candidates[:MAX_FORMATS]:
        found = _CANDIDATE.match(value.encode())
        if found is not None:
            seen.setdefault(display(found[2]), {})[display(found[1])] = None
    for kind, addresses in seen.items():
        yield Meaning("", f"{', '.join(addresses)} {_CANDIDATES.get(kind, kind)}")


def _fax(attributes: dict[str, list[str]]) -> Iterator[Meaning]:
    known = {name.lower(): values for name, values in attributes.items()}
    if not any(name.startswith("t38") for name in known):
        return
    words = ["fax by T.38"]
    if "t38maxbitrate" in known:
        words.append(f"at most {display(known['t38maxbitrate'][0])} bit/s")
    if "t38faxudpec" in known:
        way = known["t38faxudpec"][0]
        better = {"t38UDPRedundancy": "redundancy", "t38UDPFEC": "forward error correction"}
        words.append(f"errors mended by {better.get(way, display(way))}")
    yield Meaning("Fax", ", ".join(words))


def _bandwidth(section: bytes) -> Iterator[Meaning]:
    found = _BANDWIDTH.search(section)
    if found is not None:
        rate = int(found[2]) / (1000 if found[1] == b"TIAS" else 1)
        yield Meaning("Bandwidth", f"at most {rate:g} kbit/s")


def _attributes(section: bytes) -> dict[str, list[str]]:
    """Return the values of each attribute, empty texts for those without one."""
    found: dict[str, list[str]] = {}
    for name, value in _ATTRIBUTE.findall(section):
        values = found.setdefault(name.decode(), [])
        values.append(value.decode("utf-8", "replace").strip())
    return found
