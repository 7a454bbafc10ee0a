"""The workloads of the benchmark are what they claim to be."""

import re
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

WORKLOAD = Path(__file__).parents[2] / "bench" / "workload.py"

pytestmark = pytest.mark.skipif(not WORKLOAD.exists(), reason="bench/ is only in the repository")


class Packet(NamedTuple):
    time: int
    frame: bytes
    payload: bytes


def write(path: Path, *options: str) -> list[Packet]:
    """Run the writer and read its pcap: 24 bytes of file header, 16 of each record."""
    subprocess.run((sys.executable, WORKLOAD, *options, path), check=True, capture_output=True)
    data = path.read_bytes()
    assert data[:4] == b"\xd4\xc3\xb2\xa1"
    packets, offset = [], 24
    while offset < len(data):
        seconds, microseconds, captured, wire = struct.unpack_from("<4I", data, offset)
        assert captured == wire
        frame = data[offset + 16 : offset + 16 + captured]
        packets.append(Packet(seconds * 1_000_000 + microseconds, frame, frame[42:]))
        offset += 16 + captured
    return packets


def is_rtp(packet: Packet) -> bool:
    return packet.payload[0] == 0x80


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for options in (("--sip-only", "--calls", "20"), ("--rtp", "--calls", "4", "--seconds", "2")):
        first = write(tmp_path / "first.pcap", *options)
        assert write(tmp_path / "second.pcap", *options) == first
        assert write(tmp_path / "third.pcap", *options, "--seed", "2") != first


def test_packets_are_in_order_of_time_with_right_ip_lengths_and_checksums(tmp_path: Path) -> None:
    packets = write(tmp_path / "a.pcap", "--rtp", "--calls", "4", "--seconds", "2")
    assert packets == sorted(packets, key=lambda packet: packet.time)
    for packet in packets:
        words = struct.unpack("!10H", packet.frame[14:34])
        assert words[1] == len(packet.frame) - 14
        assert sum(words) % 0xFFFF == 0
        assert struct.unpack("!H", packet.frame[38:40])[0] == len(packet.payload) + 8


def test_every_call_of_the_sip_workload_begins_and_ends_and_some_fail(tmp_path: Path) -> None:
    packets = write(tmp_path / "a.pcap", "--sip-only", "--calls", "300")
    calls: dict[bytes, list[bytes]] = {}
    for packet in packets:
        head, body = packet.payload.split(b"\r\n\r\n", 1)
        found = re.search(rb"\r\nCall-ID: (.*)\r\n", head)
        assert found is not None
        calls.setdefault(found[1], []).append(head.split(b"\r\n", 1)[0])
        assert b"\r\nContent-Length: %d" % len(body) in head
    assert len(calls) == 300
    assert all(starts[0].startswith(b"INVITE ") for starts in calls.values())
    assert all(starts[-1].startswith((b"SIP/2.0 200 OK", b"ACK ")) for starts in calls.values())
    lengths = Counter(len(starts) for starts in calls.values())
    assert lengths.most_common(1)[0][0] == 7
    assert {5, 6, 7, 8} <= lengths.keys()


def test_the_rtp_workload_has_two_streams_a_call_of_50_packets_a_second(tmp_path: Path) -> None:
    packets = write(tmp_path / "a.pcap", "--rtp", "--calls", "30", "--seconds", "4")
    streams: dict[bytes, set[bytes]] = {}
    for packet in filter(is_rtp, packets):
        streams.setdefault(packet.payload[8:12], set()).add(packet.payload[2:4])
    assert len(packets) - sum(map(is_rtp, packets)) == 30 * 7
    assert len(streams) == 60
    received = sum(map(len, streams.values()))
    assert 0.990 < received / (60 * 4 * 50) < 0.998
