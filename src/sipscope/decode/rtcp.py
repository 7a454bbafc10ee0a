"""RTCP packets (RFC 3550 section 6, RFC 3611, RFC 5506): bytes in, records out."""

import struct
from typing import Literal, NamedTuple

from sipscope.decode.rtcp_xr import ReportedBlock, read_block
from sipscope.errors import Problem

SENDER_REPORT = 200
RECEIVER_REPORT = 201
SOURCE_DESCRIPTION = 202
GOODBYE = 203
APPLICATION = 204
EXTENDED_REPORT = 207

_ITEM_NAMES = {
    1: "CNAME",
    2: "NAME",
    3: "EMAIL",
    4: "PHONE",
    5: "LOC",
    6: "TOOL",
    7: "NOTE",
    8: "PRIV",
}


class ReportBlock(NamedTuple):
    """What a receiver says about one source (RFC 3550 section 6.4.1).

    Attributes:
        ssrc: The source that the block is about.
        fraction_lost: Lost since the last report, in 1/256.
        cumulative_lost: Lost since the beginning, signed: duplicates make it fall.
        highest_sequence: Extended highest sequence number received.
        jitter: In timestamp units.
        last_sr: Middle 32 bits of the NTP time of the last sender report, 0 for none.
        delay_since_last_sr: In 1/65536 s.
    """

    ssrc: int
    fraction_lost: int
    cumulative_lost: int
    highest_sequence: int
    jitter: int
    last_sr: int
    delay_since_last_sr: int


class SenderReport(NamedTuple):
    """SR: what `ssrc` has sent, and what it receives (RFC 3550 section 6.4.1).

    Attributes:
        ssrc: Who reports.
        ntp_time: 64-bit NTP timestamp, 32.32 fixed point.
        rtp_timestamp: The same instant in units of the stream's clock.
        packets: Sent since the beginning.
        octets: Payload sent since the beginning.
        blocks: One for each source that is received.
    """

    ssrc: int
    ntp_time: int
    rtp_timestamp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...]


class ReceiverReport(NamedTuple):
    """RR: what `ssrc` receives (RFC 3550 section 6.4.2)."""

    ssrc: int
    blocks: tuple[ReportBlock, ...]


class SourceDescription(NamedTuple):
    """SDES of one source (RFC 3550 section 6.5).

    Attributes:
        ssrc: Who is described.
        items: Name of the item, such as `CNAME`, and its bytes as they came.
    """

    ssrc: int
    items: tuple[tuple[str, bytes], ...]


class Goodbye(NamedTuple):
    """BYE: these sources leave (RFC 3550 section 6.6)."""

    sources: tuple[int, ...]
    reason: bytes


class Application(NamedTuple):
    """APP: for an application alone to read (RFC 3550 section 6.7)."""

    ssrc: int
    subtype: int
    name: bytes
    data: bytes


class ExtendedReport(NamedTuple):
    """XR: what `ssrc` tells beyond SR and RR (RFC 3611 section 2)."""

    ssrc: int
    blocks: tuple[ReportedBlock, ...]


class OtherPacket(NamedTuple):
    """A packet type that is not read here, such as feedback (RFC 4585).

    Attributes:
        kind: Packet type.
        subtype: The five bits before it: feedback message type or count.
        data: The packet without its first four bytes.
    """

    kind: int
    subtype: int
    data: bytes


RtcpPacket = (
    SenderReport
    | ReceiverReport
    | SourceDescription
    | Goodbye
    | Application
    | ExtendedReport
    | OtherPacket
)

Protection = Literal["plain", "encrypted", "malformed"]

_FIRST_TYPE, _LAST_TYPE = 192, 223  # RFC 5761 section 4
_LONGEST_TRAILER = 20  # index and tag of SRTCP: 4 and 4, 10 or 16 bytes
_BLOCK = struct.Struct("!IIIIII")
_SENDER = struct.Struct("!IQIII")
_HEADER = struct.Struct("!BBH")


def parse_rtcp(payload: bytes) -> tuple[list[RtcpPacket], list[Problem]]:
    """Read a compound or reduced-size RTCP packet (RFC 3550 section 6.1, RFC 5506).

    Nothing is demanded of the order of the packets. What is whole is read; what is cut
    off or malformed is a problem with its offset, and reading goes on at the next packet
    as long as the lengths lead to one.
    """
    packets: list[RtcpPacket] = []
    problems: list[Problem] = []
    offset = 0
    while offset < len(payload):
        if len(payload) - offset < 4:
            problems.append(Problem("rtcp.trailing", "bytes after the last packet", offset))
            break
        first, kind, words = _HEADER.unpack_from(payload, offset)
        if first >> 6 != 2:
            problems.append(Problem("rtcp.version", f"version {first >> 6}", offset))
            break
        end = offset + 4 * (words + 1)
        if end > len(payload):
            problems.append(Problem("rtcp.truncated", "packet is cut off", offset))
        body = payload[offset + 4 : end]
        if first & 0x20 and end <= len(payload):
            body = _unpad(body, offset, problems)
        _read(kind, first & 0x1F, body, offset + 4, packets, problems)
        offset = end
    return packets, problems


def protection(payload: bytes, wire_length: int | None = None) -> Protection:
    """Tell whether the contents can be read, before `parse_rtcp` takes ciphertext for figures.

    In SRTCP only the first eight bytes are clear (RFC 3711 section 3.4). The lengths of a
    compound packet lead from header to header to the end; after the first packet of SRTCP
    they lead into ciphertext or to the index, whose first bit says that it is encrypted.

    Args:
        payload: As captured.
        wire_length: Bytes on the wire when the capture cut it short.
    """
    size = len(payload) if wire_length is None else max(len(payload), wire_length)
    end = packets = 0
    while end + 4 <= len(payload):
        first, kind, words = _HEADER.unpack_from(payload, end)
        following = end + 4 * (words + 1)
        if first >> 6 != 2 or not _FIRST_TYPE <= kind <= _LAST_TYPE or following > size:
            break
        end = following
        packets += 1
    if not packets:
        return "malformed"
    rest = size - end
    if packets > 1 or rest < 4 or end >= len(payload):
        return "plain"
    return "plain" if rest <= _LONGEST_TRAILER and not payload[end] & 0x80 else "encrypted"


def _unpad(body: bytes, offset: int, problems: list[Problem]) -> bytes:
    """Return `body` without its padding (RFC 3550 section 6.4.1)."""
    count = body[-1] if body else 0
    if 0 < count <= len(body):
        return body[:-count]
    problems.append(Problem("rtcp.padding", f"padding of {count} bytes does not fit", offset))
    return body


def _read(
    kind: int,
    count: int,
    body: bytes,
    offset: int,
    packets: list[RtcpPacket],
    problems: list[Problem],
) -> None:
    """Append what one packet holds; `offset` is where `body` begins."""
    if kind == SOURCE_DESCRIPTION:
        _read_descriptions(count, body, offset, packets, problems)
        return
    if kind == GOODBYE:
        packets.append(_goodbye(count, body, offset, problems))
        return
    fixed = {SENDER_REPORT: 24, RECEIVER_REPORT: 4, APPLICATION: 8, EXTENDED_REPORT: 4}
    if kind not in fixed:
        packets.append(OtherPacket(kind, count, body))
        return
    if len(body) < fixed[kind]:
        problems.append(Problem("rtcp.short", f"type {kind} of {len(body)} bytes", offset))
        return
    ssrc = int.from_bytes(body[:4], "big")
    if kind == SENDER_REPORT:
        blocks = _report_blocks(count, body, 24, offset, problems)
        _, ntp_time, timestamp, sent, octets = _SENDER.unpack_from(body)
        packets.append(SenderReport(ssrc, ntp_time, timestamp, sent, octets, blocks))
    elif kind == RECEIVER_REPORT:
        packets.append(ReceiverReport(ssrc, _report_blocks(count, body, 4, offset, problems)))
    elif kind == APPLICATION:
        packets.append(Application(ssrc, count, body[4:8], body[8:]))
    else:
        packets.append(ExtendedReport(ssrc, _extended_blocks(body, offset, problems)))


def _report_blocks(
    count: int, body: bytes, start: int, offset: int, problems: list[Problem]
) -> tuple[ReportBlock, ...]:
    """Return the report blocks of an SR or RR that are whole."""
    whole = min(count, (len(body) - start) // _BLOCK.size)
    if whole < count:
        problems.append(
            Problem("rtcp.blocks", f"{count} report blocks announced, {whole} there", offset)
        )
    blocks = []
    for number in range(whole):
        ssrc, lost, highest, jitter, last_sr, delay = _BLOCK.unpack_from(
            body, start + number * _BLOCK.size
        )
        cumulative = ((lost & 0xFFFFFF) ^ 0x800000) - 0x800000
        blocks.append(ReportBlock(ssrc, lost >> 24, cumulative, highest, jitter, last_sr, delay))
    return tuple(blocks)


def _read_descriptions(
    count: int, body: bytes, offset: int, packets: list[RtcpPacket], problems: list[Problem]
) -> None:
    """Append a record for each chunk of an SDES that has at least its SSRC."""
    position = 0
    for number in range(count):
        if len(body) - position < 4:
            problems.append(
                Problem("rtcp.chunks", f"{count} chunks announced, {number} there", offset)
            )
            return
        ssrc = int.from_bytes(body[position : position + 4], "big")
        position += 4
        items = []
        while position < len(body) and body[position]:
            end = position + 2 + (body[position + 1] if position + 1 < len(body) else 0)
            if position + 2 > len(body) or end > len(body):
                problems.append(
                    Problem("rtcp.item", "description item is cut off", offset + position)
                )
                position = len(body)
                break
            name = _ITEM_NAMES.get(body[position], str(body[position]))
            items.append((name, body[position + 2 : end]))
            position = end
        position += 4 - position % 4
        packets.append(SourceDescription(ssrc, tuple(items)))


def _goodbye(count: int, body: bytes, offset: int, problems: list[Problem]) -> Goodbye:
    """Return a BYE with the sources that are there."""
    whole = min(count, len(body) // 4)
    if whole < count:
        problems.append(
            Problem("rtcp.sources", f"{count} sources announced, {whole} there", offset)
        )
    reason = b""
    if len(body) > 4 * count:
        reason = body[4 * count + 1 : 4 * count + 1 + body[4 * count]]
        if len(reason) < body[4 * count]:
            problems.append(Problem("rtcp.reason", "reason is cut off", offset + 4 * count))
    return Goodbye(struct.unpack_from(f"!{whole}I", body), reason)


def _extended_blocks(
    body: bytes, offset: int, problems: list[Problem]
) -> tuple[ReportedBlock, ...]:
    """Return the blocks of an XR that are whole."""
    blocks: list[ReportedBlock] = []
    position = 4
    while position < len(body):
        end = position + 4
        if end <= len(body):
            end += 4 * int.from_bytes(body[position + 2 : end], "big")
        if end > len(body):
            problems.append(Problem("rtcp.xr-block", "report block is cut off", offset + position))
            break
        kind, specific, data = body[position], body[position + 1], body[position + 4 : end]
        blocks.append(read_block(kind, specific, data, offset + position, problems))
        position = end
    return tuple(blocks)
