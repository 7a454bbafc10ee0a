import random
import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import dpkt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.batch import PacketBatch
from sipscope.decode.counts import NetworkCounts
from sipscope.decode.network import TABLES, Datagram, NetworkDecoder
from sipscope.decode.sip_framing import looks_like_sip
from sipscope.decode.tcp import TcpMessage
from tests.decode.decoded import payloads
from tests.packets import (
    ACK,
    FIN,
    SYN,
    TCP,
    batch,
    ethernet,
    ipv4,
    ipv6,
    ipv6_fragment,
    tcp,
    udp,
)

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"

OPTIONS = b"OPTIONS sip:bob@example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n"
INVITE = b"INVITE sip:bob@example.com SIP/2.0\r\nContent-Length: 2000\r\n\r\n" + b"v" * 2000


def fragmented(packet: bytes, size: int, identification: int) -> list[bytes]:
    """Fragment an IPv4 packet without options, or an IPv6 packet without extensions."""
    six = packet[0] >> 4 == 6
    header, data = (packet[:40], packet[40:]) if six else (packet[:20], packet[20:])
    pieces = []
    for at in range(0, len(data), size):
        piece, more = data[at : at + size], at + size < len(data)
        if six:
            inner = ipv6_fragment(piece, at, more_fragments=more, identification=identification)
            pieces.append(ipv6(inner, next_header=44))
        else:
            pieces.append(
                ipv4(
                    piece,
                    protocol=header[9],
                    identification=identification,
                    fragment_offset=at,
                    more_fragments=more,
                )
            )
    return pieces


@pytest.mark.parametrize("packet", [ipv4(udp(INVITE)), ipv6(udp(INVITE))])
def test_a_fragmented_datagram_is_put_together(packet: bytes) -> None:
    frames = [ethernet(piece) for piece in fragmented(packet, 1448, 7)]
    packets = batch([*frames[::-1], ethernet(ipv4(udp(b"next")))], number=101)
    (datagram,) = NetworkDecoder().decode(packets).slow
    assert isinstance(datagram, Datagram)
    assert datagram == Datagram(
        time=int(packets.time[1]),
        number=102,
        flow=datagram.flow,
        payload=INVITE,
        dscp=0,
        truncated=False,
        frames=(packets.frame(0), packets.frame(1)),
        packet=1,
    )
    assert datagram.flow.destination.port == 5060


def test_a_fragmented_datagram_that_the_capture_cut_short_is_marked() -> None:
    frames = [ethernet(piece) for piece in fragmented(ipv4(udp(INVITE)), 1480, 7)]
    wire = [len(frame) for frame in frames]
    decoder = NetworkDecoder()
    (datagram,) = decoder.decode(batch([frames[0][:100], frames[1]], wire=wire)).slow
    assert isinstance(datagram, Datagram)
    assert (datagram.payload, datagram.truncated) == (INVITE[: 100 - 42], True)
    assert decoder.counts == NetworkCounts(truncated=1)
    # Not even the UDP header: nothing to show, but nothing wrong with it either.
    decoder = NetworkDecoder()
    assert decoder.decode(batch([frames[0][:38], frames[1]], wire=wire)).slow == []
    assert decoder.counts == NetworkCounts(truncated=1)


def test_ipv6_extensions_behind_the_fragment_header_are_passed_over() -> None:
    inner = bytes([17, 0, 0, 0, 0, 0, 0, 0]) + udp(INVITE)
    pieces = [
        ipv6(ipv6_fragment(inner[:1000], 0, more_fragments=True, next_header=60), next_header=44),
        ipv6(ipv6_fragment(inner[1000:], 1000, next_header=60), next_header=44),
    ]
    (datagram,) = NetworkDecoder().decode(batch(pieces, 101)).slow
    assert datagram.payload == INVITE


def test_fragments_inside_a_fragmented_packet_are_put_together() -> None:
    last = ipv6_fragment(udp(INVITE)[800:], 800, identification=2)
    first = ipv6_fragment(udp(INVITE)[:800], 0, more_fragments=True, identification=2)
    pieces = [
        ipv6(ipv6_fragment(first[:400], 0, more_fragments=True, next_header=44), next_header=44),
        ipv6(ipv6_fragment(first[400:], 400, next_header=44), next_header=44),
    ]
    decoder = NetworkDecoder()
    assert decoder.decode(batch(pieces, 101)).slow == []
    (datagram,) = decoder.decode(batch([ipv6(last, next_header=44)], 101)).slow
    assert (datagram.payload, len(datagram.frames)) == (INVITE, 3)
    assert decoder.counts == NetworkCounts()


def segments(stream: bytes, size: int, *, six: bool = False) -> list[bytes]:
    """A TCP connection in Ethernet frames: SYN, the stream, FIN."""
    packets = [
        tcp(sequence=99, flags=SYN),
        *(tcp(stream[at : at + size], sequence=100 + at) for at in range(0, len(stream), size)),
        tcp(sequence=100 + len(stream), flags=ACK | FIN),
    ]
    return [
        ethernet(ipv6(packet, next_header=TCP) if six else ipv4(packet, protocol=TCP))
        for packet in packets
    ]


@pytest.mark.parametrize("six", [False, True])
def test_sip_over_tcp_is_cut_into_messages(six: bool) -> None:
    packets = batch(segments(OPTIONS + INVITE, 1000, six=six), number=11)
    first, second = NetworkDecoder().decode(packets).slow
    assert isinstance(first, TcpMessage)
    assert isinstance(second, TcpMessage)
    assert (first.payload, first.packet, first.number) == (OPTIONS, 1, 12)
    assert (second.payload, second.packet, second.number) == (INVITE, 3, 14)
    assert second.frames == (packets.frame(1), packets.frame(2), packets.frame(3))
    assert second.time == packets.time[3]
    assert second.flow.transport == "tcp"


def test_tcp_options_are_passed_over_and_padding_is_no_payload() -> None:
    syn = ethernet(ipv4(tcp(sequence=99, flags=SYN), protocol=TCP)) + b"INVITE"
    ack = ethernet(ipv4(tcp(sequence=100, options=b"\x01" * 12), protocol=TCP)) + b"\x00" * 6
    data = ethernet(ipv4(tcp(OPTIONS, sequence=100, options=b"\x01" * 40), protocol=TCP))
    (message,) = NetworkDecoder().decode(batch([syn, ack, data])).slow
    assert message.payload == OPTIONS


def test_tcp_headers_that_do_not_fit_are_malformed() -> None:
    small = bytearray(ipv4(tcp(OPTIONS), protocol=TCP))
    small[20 + 12] = 0x40
    large = bytearray(ipv4(tcp(bytes(8)), protocol=TCP))
    large[20 + 12] = 0xF0
    decoder = NetworkDecoder()
    assert decoder.decode(batch([bytes(small), bytes(large)], 101)).slow == []
    assert decoder.counts == NetworkCounts(malformed=2)


def test_a_stream_that_was_not_sip_is_looked_at_again_in_a_later_batch() -> None:
    decoder = NetworkDecoder()
    junk = [ipv4(tcp(bytes(1000), sequence=number * 1000), protocol=TCP) for number in range(6)]
    later = [ipv4(tcp(payload, sequence=9000), protocol=TCP) for payload in (bytes(9), OPTIONS)]
    assert decoder.decode(batch(junk, 101)).slow == []
    (message,) = decoder.decode(batch(later, 101)).slow
    assert message.payload == OPTIONS


def test_a_fragmented_segment_takes_its_place_in_the_stream() -> None:
    packets = [
        ipv4(tcp(INVITE[at : at + 1000], sequence=100 + at), protocol=TCP)
        for at in range(0, len(INVITE), 1000)
    ]
    opening = ipv4(tcp(sequence=99, flags=SYN), protocol=TCP)
    frames = [opening, *fragmented(packets[0], 512, 7), packets[1]]
    frames += fragmented(packets[2], 24, 8)
    acknowledgment = ipv4(
        tcp(acknowledgment=100 + len(INVITE)), "192.0.2.2", "192.0.2.1", protocol=TCP
    )
    (message,) = NetworkDecoder().decode(batch([*frames, acknowledgment], 101)).slow
    assert isinstance(message, TcpMessage)
    assert (message.payload, message.problems) == (INVITE, ())
    assert len(message.frames) == len(frames) - 1


def test_what_came_in_several_packets_is_in_order_of_completion() -> None:
    datagrams = [fragmented(ipv4(udp(b"%d" % n * 1000)), 800, n) for n in range(3)]
    streams = [ipv4(tcp(OPTIONS, port, sequence=100), protocol=TCP) for port in (1001, 1002)]
    frames = [datagrams[0][0], datagrams[1][0], datagrams[2][0], streams[0]]
    frames += [datagrams[2][1], streams[1], datagrams[0][1], datagrams[1][1]]
    slow = NetworkDecoder().decode(batch(frames, 101)).slow
    assert [item.packet for item in slow] == [3, 4, 5, 6, 7]
    assert [item.payload[:1] for item in slow] == [b"O", b"2", b"O", b"0", b"1"]


def test_the_end_gives_out_unfinished_messages_and_counts_unfinished_packets() -> None:
    decoder = NetworkDecoder()
    frames = [*segments(INVITE, 1000)[:2], ethernet(fragmented(ipv4(udp(INVITE)), 800, 7)[0])]
    assert decoder.decode(batch(frames)).slow == []
    (message,) = decoder.finish()
    assert (message.payload, message.packet) == (INVITE[:1000], -1)
    assert decoder.counts == NetworkCounts(fragments_incomplete=1)


def test_an_empty_batch_gives_nothing() -> None:
    decoded = NetworkDecoder().decode(batch([]))
    assert (len(decoded.datagrams), decoded.datagrams.flows, decoded.slow) == (0, [], [])


def traffic() -> list[bytes]:
    """Two hundred frames of every kind that is read, in a lively order."""
    chance = random.Random(1)
    strands: list[list[bytes]] = [
        [ethernet(ipv4(udp(bytes([n]) * n, 4000 + n % 5), dscp=46)) for n in range(60)],
        [ethernet(ipv6(udp(bytes([n]) * n, 4000 + n % 5)), vlans=[n]) for n in range(40)],
        [ethernet(ipv4(udp(OPTIONS), options=b"\x01" * 4))] * 10,
        [ethernet(bytes(46), 0x0806), ethernet(ipv4(bytes(64), protocol=1))],
        segments(OPTIONS + INVITE + OPTIONS * 20, 700),
        segments(INVITE + OPTIONS * 7, 300, six=True),
    ]
    for number in range(8):
        packet = (ipv4 if number % 2 else ipv6)(udp(INVITE, 5060 + number))
        pieces = [ethernet(piece) for piece in fragmented(packet, 600, number)]
        chance.shuffle(pieces)
        strands.append(pieces)
    frames = []
    while strands:
        strand = chance.choice(strands)
        frames.append(strand.pop(0))
        strands = [strand for strand in strands if strand]
    return frames


def divided(frames: Sequence[bytes], cuts: Sequence[int]) -> Iterator[PacketBatch]:
    whole = batch(frames)
    for begin, end in zip([0, *cuts], [*cuts, len(frames)], strict=True):
        times = whole.time[begin:end].tolist()
        yield batch(frames[begin:end], times=times, number=begin + 1)


@settings(max_examples=100, deadline=None)
@given(cuts=st.sets(st.integers(1, len(traffic()) - 1)))
def test_where_batches_begin_and_end_does_not_matter(cuts: set[int]) -> None:
    frames = traffic()
    one, many = NetworkDecoder(), NetworkDecoder()
    expected = payloads(one.decode(batch(frames)))
    found = [
        payload
        for packets in divided(frames, sorted(cuts))
        for payload in payloads(many.decode(packets))
    ]
    assert sorted(found) == expected
    assert many.counts == one.counts
    assert len(expected) == 60 + 40 + 10 + 22 + 8 + 8
    assert one.counts == NetworkCounts(not_ip=1, other_protocol=1)


def mutated(chance: random.Random, frames: Sequence[bytes]) -> bytes:
    frame = bytearray(chance.choice(frames))
    for _ in range(chance.choice([1, 1, 1, 2, 8])):
        at = chance.randrange(min(len(frame), 80) or 1)
        kind = chance.randrange(6)
        if kind == 0 and frame:
            frame[at] ^= 1 << chance.randrange(8)
        elif kind == 1 and frame:
            frame[at] = chance.choice([0, 1, 4, 6, 17, 0x45, 0x7F, 0x80, 0xFF])
        elif kind == 2:
            del frame[chance.randrange(len(frame) + 1) :]
        elif kind == 3 and len(frame) > at + 2:
            (length,) = struct.unpack_from("!H", frame, at)
            length += chance.choice([-1, 1, -8, 8, 0x8000])
            struct.pack_into("!H", frame, at, length & 0xFFFF)
        elif kind == 4:
            frame[at:at] = frame[at : at + chance.randrange(40)]
        else:
            frame[at:] = chance.choice(frames)[chance.randrange(80) :]
    return bytes(frame)


def test_50_000_mutated_packets_raise_nothing_and_stay_in_their_bounds() -> None:
    chance = random.Random(2)
    good = traffic()
    links = sorted(TABLES.steps["link"])
    decoder = NetworkDecoder()
    begun = time.process_time()
    for turn in range(200):
        frames = [mutated(chance, good) for _ in range(250)]
        link_type = links[turn % len(links)] if turn % 4 == 0 else 1
        wire = [len(frame) + chance.choice([0, 0, 0, 100]) for frame in frames]
        packets = batch(frames, link_type, wire=wire, number=turn * 250 + 1)
        decoded = decoder.decode(packets)
        found = decoded.datagrams
        ends = packets.offset[found.packet] + packets.captured[found.packet]
        assert (found.start >= packets.offset[found.packet] + 8).all()
        assert (found.length >= 0).all()
        assert (found.start + found.length <= ends).all()
        assert (np.diff(found.packet) > 0).all()
        payloads(decoded)
    decoder.finish()
    assert decoder.counts.malformed > 1000
    assert time.process_time() - begun < 20


addresses = st.binary(min_size=4, max_size=4).map(lambda raw: ".".join(map(str, raw)))
ports = st.integers(0, 65535)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(addresses, ports, ports, st.binary(max_size=40), st.integers(0, 63)),
        min_size=1,
        max_size=20,
    )
)
def test_dpkt_reads_the_same_addresses_ports_and_payloads(
    packets: list[tuple[str, int, int, bytes, int]],
) -> None:
    frames = [
        ethernet(
            ipv4(udp(payload, source, destination), address, dscp=dscp), vlans=[1] * (dscp % 3)
        )
        for address, source, destination, payload, dscp in packets
    ]
    expected = []
    for frame in frames:
        ip = dpkt.ethernet.Ethernet(frame).data
        ends = Endpoint(ip.src, ip.data.sport), Endpoint(ip.dst, ip.data.dport)
        expected.append((Flow(*ends), bytes(ip.data.data), ip.tos >> 2))
    found = payloads(NetworkDecoder().decode(batch(frames)))
    assert [(one.flow, one.payload, one.dscp) for one in found] == expected


def flood(count: int) -> tuple[float, NetworkCounts]:
    """CPU seconds for first fragments of packets that differ in identification and source."""
    decoder = NetworkDecoder()
    packet = ethernet(ipv4(bytes(160), more_fragments=True))
    spent = 0.0
    for begin in range(0, count, 10_000):
        frames = [
            packet[:18]
            + struct.pack("!H", number & 0xFFFF)
            + packet[20:29]
            + bytes([number >> 16])
            + packet[30:]
            for number in range(begin, begin + 10_000)
        ]
        packets = batch(frames, times=range(begin * 1000, (begin + 10_000) * 1000, 1000))
        begun = time.process_time()
        decoder.decode(packets)
        spent += time.process_time() - begun
    return spent, decoder.counts


def test_fragments_that_never_become_whole_cost_linear_time() -> None:
    small, _ = flood(10_000)
    large, _ = flood(40_000)
    assert large / small < 8  # linear is 4, quadratic 16
    most, counts = flood(200_000)
    assert most < 15
    assert counts == NetworkCounts(fragments_evicted=200_000 - 4096)


def test_tcp_that_is_not_sip_costs_next_to_nothing() -> None:
    frames = [
        ethernet(ipv4(tcp(bytes(1000), 443, number % 50, sequence=number * 20), protocol=TCP))
        for number in range(20_000)
    ]
    packets = batch(frames)
    decoder = NetworkDecoder()
    decoder.decode(packets)
    begun = time.process_time()
    assert decoder.decode(packets).slow == []
    assert time.process_time() - begun < 0.25  # one by one it takes over 0.5


def pcap(path: Path) -> Iterator[PacketBatch]:
    """Read a classic pcap file, as far as its records are whole."""
    data = path.read_bytes()
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}.get(data[:4])
    if order is None or len(data) < 24:
        return
    (link_type,) = struct.unpack_from(order + "I", data, 20)
    frames, times, wire, at = [], [], [], 24
    while at + 16 <= len(data):
        seconds, micros, captured, length = struct.unpack_from(order + "4I", data, at)
        if at + 16 + captured > len(data):
            break
        frames.append(data[at + 16 : at + 16 + captured])
        times.append(seconds * 1_000_000_000 + micros * 1000)
        wire.append(max(length, captured))
        at += 16 + captured
    for begin in range(0, len(frames), 500):
        part = slice(begin, begin + 500)
        yield batch(
            frames[part],
            link_type & 0xFFFF,
            times=times[part],
            wire=wire[part],
            number=begin + 1,
        )


def test_no_capture_of_the_corpus_makes_the_decoder_fail() -> None:
    if not CORPUS.is_dir():
        pytest.skip("the shared corpus is not here")
    files = sorted(path for path in CORPUS.rglob("*") if path.suffix in (".pcap", ".cap"))
    packets = read = 0
    for path in files:
        decoder = NetworkDecoder()
        for part in pcap(path):
            packets += len(part)
            read += len(payloads(decoder.decode(part)))
        decoder.finish()
    assert len(files) > 500
    assert packets > 80_000
    assert read > 50_000


@pytest.mark.parametrize(
    ("name", "messages"),
    [
        # What `tshark -Y sip` counts, every message of a frame for itself.
        ("nextcaller/sip-tcp.pcap", 30),
        ("heplify/sip_ipv4_tcp.pcap", 7),
        ("heplify/sip_ipv4_tcp_retrans.pcap", 8),
        ("suricata-verify/sip-tcp.pcap", 2),
        ("rtcagent/dump.pcap", 4),
        ("sngrep/ipv6frag.pcap", 32),
        # tshark takes this one for X11.
        ("heplify/sip_ipv4_tcp_fragmented.pcap", 406),
    ],
)
def test_captures_of_others_hold_as_many_sip_messages_as_they_say(name: str, messages: int) -> None:
    path = CORPUS / name
    if not path.is_file():
        pytest.skip("the shared corpus is not here")
    decoder = NetworkDecoder()
    found = [one for part in pcap(path) for one in payloads(decoder.decode(part))]
    sip = [one for one in found if looks_like_sip(one.payload)]
    assert (len(sip), sum(one.problems for one in sip)) == (messages, 0)
    assert decoder.finish() == []


def sctp(payload: bytes, tsn: int, flags: int = 3) -> bytes:
    """An SCTP packet from port 40000 to 5060 with one DATA chunk."""
    chunk = struct.pack(">BBHIHHI", 0, flags, 16 + len(payload), tsn, 1, 7, 0) + payload
    return struct.pack(">HHII", 40_000, 5060, 1, 0) + chunk + bytes(-len(chunk) % 4)


@pytest.mark.parametrize("version", [4, 6])
def test_sip_over_sctp_is_a_datagram_of_its_flow(version: int) -> None:
    whole = sctp(OPTIONS, 1)
    packet = ipv4(whole, protocol=132) if version == 4 else ipv6(whole, next_header=132)
    (message,) = NetworkDecoder().decode(batch([ethernet(packet)])).slow
    assert (message.payload, message.number) == (OPTIONS, 1)
    assert (message.flow.transport, message.flow.source.port) == ("sctp", 40_000)


def test_a_message_in_several_chunks_keeps_the_frames_that_carried_them() -> None:
    pieces = sctp(INVITE[:1000], 5, flags=2), sctp(INVITE[1000:], 6, flags=1)
    captured = batch([ethernet(ipv4(piece, protocol=132)) for piece in pieces])
    (message,) = NetworkDecoder().decode(captured).slow
    assert message.payload == INVITE
    assert message.frames == (captured.frame(0), captured.frame(1))


def test_what_else_sctp_carries_is_left_out() -> None:
    captured = batch([ethernet(ipv4(sctp(b"\x01\x00\x01\x01" * 20, 1), protocol=132))])
    decoded = NetworkDecoder().decode(captured)
    assert decoded.slow == []
    assert len(decoded.datagrams) == 0
