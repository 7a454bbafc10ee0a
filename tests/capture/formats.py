"""Builders of capture files, byte by byte, and readers of what came out of them."""

import random
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from sipscope.capture.pcap import PcapParser
from sipscope.capture.pcapng import PcapngParser
from sipscope.decode.batch import PacketBatch

ETHERNET = 1
RAW = 101
SECOND = 1_000_000_000
CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"


class Packet(NamedTuple):
    """What is expected of a packet; `time` in ns since the epoch."""

    time: int
    data: bytes
    wire: int
    link_type: int = ETHERNET


def packet(time: int, data: bytes, missing: int = 0, link_type: int = ETHERNET) -> Packet:
    """A packet of which `missing` bytes were not captured."""
    return Packet(time, data, len(data) + missing, link_type)


def pcap_header(order: str = "<", magic: int = 0xA1B2C3D4, network: int = 1) -> bytes:
    return struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262_144, network)


def pcap_file(packets: Iterable[Packet], order: str = "<", magic: int = 0xA1B2C3D4) -> bytes:
    """A pcap file; magic 0xA1B23C4D for nanoseconds, 0xA1B2CD34 for longer record headers."""
    unit = 1 if magic == 0xA1B23C4D else 1000
    more = bytes(8) if magic == 0xA1B2CD34 else b""
    content = pcap_header(order, magic)
    for each in packets:
        seconds, rest = divmod(each.time, SECOND)
        lengths = len(each.data), each.wire
        content += struct.pack(order + "IIII", seconds, rest // unit, *lengths) + more + each.data
    return content


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A pcapng block, padded."""
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + length + body + length


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(
    link_type: int = ETHERNET, order: str = "<", *, snapshot: int = 0, options: bytes = b""
) -> bytes:
    return block(1, struct.pack(order + "HHI", link_type, 0, snapshot) + options, order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def enhanced(
    ticks: int, data: bytes, order: str = "<", *, number: int = 0, wire: int | None = None
) -> bytes:
    """An enhanced packet block of interface `number`."""
    wire = len(data) if wire is None else wire
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), wire)
    return block(6, head + data, order)


def obsolete(ticks: int, data: bytes, order: str = "<", *, number: int = 0) -> bytes:
    """An obsolete packet block that tells of 7 dropped packets."""
    head = struct.pack(
        order + "HHIIII", number, 7, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data)
    )
    return block(2, head + data, order)


def simple(data: bytes, wire: int, order: str = "<") -> bytes:
    return block(3, struct.pack(order + "I", wire) + data, order)


def packets_of(batches: Iterable[PacketBatch]) -> list[Packet]:
    """Take batches apart, and check that their frame numbers are without gaps."""
    found: list[Packet] = []
    for batch in batches:
        assert batch.number == len(found) + 1
        found += [
            Packet(frame.time, frame.data, frame.wire_length, frame.link_type)
            for frame in map(batch.frame, range(len(batch)))
        ]
    return found


def reader(content: bytes) -> Callable[[int, int], bytes]:
    """How a parser reads again what it has parsed."""
    return lambda position, size: content[position : position + size]


def parse(parser: PcapParser | PcapngParser, content: bytes, chunk: int = 1 << 20) -> list[Packet]:
    """Give a parser the content `chunk` bytes at a time, or as many as it needs."""
    batches: list[PacketBatch] = []
    while parser.damaged is None:
        data = content[parser.position : parser.position + max(chunk, parser.needed)]
        if len(data) < parser.needed:
            parser.finish(len(data))
            break
        batches += parser.parse(data)
    return packets_of(batches)


def mutations(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Yield damaged copies: bits flipped, numbers replaced, pieces cut, doubled and moved."""
    chance = random.Random(seed)
    extremes = [0, 1, 3, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
    for _ in range(count):
        damaged = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(max(1, len(damaged)))
            end = min(len(damaged), at + chance.randint(1, 64))
            match chance.randrange(5):
                case 0 if damaged:
                    damaged[at] ^= 1 << chance.randrange(8)
                case 1:
                    number = chance.choice(extremes)
                    aligned = at & -4
                    damaged[aligned : aligned + 4] = number.to_bytes(
                        4, chance.choice(["little", "big"])
                    )
                case 2:
                    del damaged[at:]
                case 3:
                    del damaged[at:end]
                case _:
                    damaged[at:at] = damaged[at:end]
        yield bytes(damaged)
