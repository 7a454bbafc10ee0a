"""Write a capture file of a busy PBX: SIP calls alone, or SIP with two RTP streams a call.

    python bench/workload.py --calls 500 --seconds 18 --rtp OUT.pcap
    python bench/workload.py --calls 50000 --sip-only OUT.pcap

The same options and seed give the same bytes.
"""

from __future__ import annotations

import argparse
import random
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from media import (
    PACKET_INTERVAL,
    PACKETS_PER_SECOND,
    Arrivals,
    Column,
    Streams,
    make_arrivals,
    make_rtp,
    make_streams,
)
from signalling import (
    ACK,
    MILLISECOND,
    SECOND,
    Call,
    Sending,
    make_call,
    route,
    schedule_call,
    write_message,
)

EPOCH = 1_767_603_600 * SECOND  # 2026-01-05 09:00:00 UTC
CALLS_PER_SECOND = 30  # of the SIP workload
STAGGER = 4 * SECOND  # the calls of the RTP workload start within this time
CHUNK = 16_384  # packets built at once

PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
FRAME = np.dtype(
    [
        ("seconds", "<u4"),
        ("microseconds", "<u4"),
        ("captured", "<u4"),
        ("wire", "<u4"),
        ("destination_oui", ">u2"),
        ("destination_mac", ">u4"),
        ("source_oui", ">u2"),
        ("source_mac", ">u4"),
        ("ethertype", ">u2"),
        ("version", "u1"),
        ("traffic_class", "u1"),
        ("total_length", ">u2"),
        ("identification", ">u2"),
        ("fragment", ">u2"),
        ("ttl", "u1"),
        ("protocol", "u1"),
        ("checksum", ">u2"),
        ("source", ">u4"),
        ("destination", ">u4"),
        ("source_port", ">u2"),
        ("destination_port", ">u2"),
        ("udp_length", ">u2"),
        ("udp_checksum", ">u2"),
    ]
)


def make_frames(
    time: Column,
    addresses: Column,
    ports: Column,
    length: Column,
    identification: Column,
    *,
    dscp: int,
) -> npt.NDArray[np.void]:
    """Pcap record, Ethernet, IPv4 and UDP headers for payloads of `length` bytes.

    `addresses` and `ports` are of shape (2, n): source and destination. The UDP checksum is 0,
    that is none (RFC 768).
    """
    frames = np.zeros(len(time), FRAME)
    frames["seconds"], frames["microseconds"] = np.divmod(time, SECOND)
    frames["captured"] = frames["wire"] = FRAME.itemsize - 16 + length
    frames["destination_oui"] = frames["source_oui"] = 0x0200  # locally administered
    frames["source_mac"] = frames["source"] = addresses[0]
    frames["destination_mac"] = frames["destination"] = addresses[1]
    frames["ethertype"] = 0x0800
    frames["version"], frames["traffic_class"] = 0x45, dscp << 2
    frames["total_length"] = 28 + length
    frames["identification"], frames["fragment"] = identification, 0x4000
    frames["ttl"], frames["protocol"] = 64, 17
    frames["source_port"], frames["destination_port"] = ports
    frames["udp_length"] = 8 + length
    octets = frames.view(np.uint8).reshape(len(time), FRAME.itemsize)
    words = np.ascontiguousarray(octets[:, 30:50]).view(">u2").sum(axis=1, dtype=np.uint32)
    words = (words & 0xFFFF) + (words >> 16)
    frames["checksum"] = ~((words & 0xFFFF) + (words >> 16)) & 0xFFFF
    return frames


def sip_records(calls: list[Call], sendings: list[Sending]) -> Iterator[bytes]:
    for first in range(0, len(sendings), CHUNK):
        part = sendings[first : first + CHUNK]
        payloads = [write_message(calls[sending.call], sending.message) for sending in part]
        routes = [route(calls[sending.call], sending.message) for sending in part]
        frames = make_frames(
            np.array([sending.time for sending in part]),
            np.array([(source.address, target.address) for source, target in routes]).T,
            np.array([(source.flavour.port, target.flavour.port) for source, target in routes]).T,
            np.array([len(payload) for payload in payloads]),
            np.arange(first, first + len(part)) & 0xFFFF,
            dscp=26,
        )
        for frame, payload in zip(frames, payloads, strict=True):
            yield frame.tobytes() + payload


def rtp_records(streams: Streams, arrivals: Arrivals, first: int, last: int) -> Iterator[bytes]:
    """The packets from `first` to before `last`, many records at once."""
    for begin in range(first, last, CHUNK):
        part = slice(begin, min(begin + CHUNK, last))
        stream, index = arrivals.stream[part], arrivals.index[part]
        rtp, length = make_rtp(streams, stream, index)
        frames = make_frames(
            arrivals.time[part],
            np.stack((streams.source[stream], streams.destination[stream])),
            np.stack((streams.source_port[stream], streams.destination_port[stream])),
            length,
            rtp["sequence"].astype(np.int64),
            dscp=46,
        )
        octets = np.hstack([rows.view(np.uint8).reshape(len(rows), -1) for rows in (frames, rtp)])
        used = np.arange(octets.shape[1]) < (FRAME.itemsize + length)[:, None]
        yield octets[used].tobytes()


def write_sip_only(output: BinaryIO, count: int, seed: int) -> str:
    """Calls as on a busy PBX: 30 a second, each a minute to three, of all outcomes."""
    chance = random.Random(seed)
    calls, sendings, start = [], [], EPOCH
    for index in range(count):
        start += int(chance.expovariate(CALLS_PER_SECOND) * SECOND)
        ring = chance.randrange(1 * SECOND, 12 * SECOND)
        talk = chance.randrange(60 * SECOND, 180 * SECOND)
        calls.append(make_call(index, chance))
        sendings += schedule_call(index, start, ring, talk, chance=chance, lively=True)
    sendings.sort()
    output.write(PCAP_HEADER)
    for record in sip_records(calls, sendings):
        output.write(record)
    return f"{count} calls, {len(sendings)} SIP messages"


def write_rtp(output: BinaryIO, count: int, seconds: float, seed: int) -> str:
    """Answered calls with two streams each, that all talk at one time."""
    chance = random.Random(seed)
    # numpy keeps the sequence of RandomState for ever (NEP 19), that of Generator not.
    draws = np.random.RandomState(seed)
    packets = round(seconds * PACKETS_PER_SECOND)
    calls, sendings, answered = [], [], []
    for index in range(count):
        start = EPOCH + chance.randrange(STAGGER)
        ring = chance.randrange(300 * MILLISECOND, 1_500 * MILLISECOND)
        calls.append(make_call(index, chance))
        talk = packets * PACKET_INTERVAL + 150 * MILLISECOND
        messages = schedule_call(index, start, ring, talk, chance=chance, lively=False)
        answered += [sending.time for sending in messages if sending.message is ACK]
        sendings += messages
    sendings.sort()
    starts = np.repeat(np.array(answered, np.int64), 2) + draws.randint(
        MILLISECOND, 60 * MILLISECOND, 2 * count
    )
    streams = make_streams(calls, packets, draws)
    arrivals = make_arrivals(starts, packets, draws)
    output.write(PCAP_HEADER)
    done = 0
    before = np.searchsorted(arrivals.time, [sending.time for sending in sendings]).tolist()
    for record, upto in zip(sip_records(calls, sendings), before, strict=True):
        for records in rtp_records(streams, arrivals, done, upto):
            output.write(records)
        done = upto
        output.write(record)
    for records in rtp_records(streams, arrivals, done, len(arrivals.time)):
        output.write(records)
    return (
        f"{count} calls, {len(sendings)} SIP messages, {2 * count} streams, "
        f"{len(arrivals.time)} RTP packets"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a capture file of a busy PBX.")
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--rtp", action="store_true", help="answered calls with two streams each")
    kind.add_argument("--sip-only", action="store_true", help="calls of all outcomes, no media")
    parser.add_argument("--calls", type=int, default=500, help="how many (default 500)")
    parser.add_argument("--seconds", type=float, default=18, help="of media a call (default 18)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("output", type=Path, metavar="OUT.pcap")
    options = parser.parse_args()
    with options.output.open("wb") as output:
        if options.rtp:
            told = write_rtp(output, options.calls, options.seconds, options.seed)
        else:
            told = write_sip_only(output, options.calls, options.seed)
    sys.stderr.write(f"{options.output}: {told}\n")


if __name__ == "__main__":
    main()
