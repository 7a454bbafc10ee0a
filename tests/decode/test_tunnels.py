import random
import shutil
import struct
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.counts import NetworkCounts
from sipscope.decode.network import TABLES, Datagram, NetworkDecoder
from tests.capture.formats import packet as record
from tests.capture.formats import pcap_file
from tests.decode.decoded import payloads
from tests.packets import START, TCP, batch, ethernet, ipv4, ipv6, ipv6_fragment, tcp, udp
from tests.tunnelling import (
    eoip,
    erspan_2,
    erspan_3,
    geneve,
    gre,
    gtp,
    hp_erm,
    in_ip,
    in_udp,
    l2tp,
    l2tp_3,
    mpls,
    pptp,
    tzsp,
    vxlan,
    wlan,
)


def options(name: str) -> bytes:
    return (
        b"OPTIONS sip:bob@192.0.2.2 SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\n"
        b"From: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\n"
        b"Call-ID: " + name.encode() + b"\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )


class Case(NamedTuple):
    """A packet in tunnels.

    Attributes:
        name: What is tested, and the Call-ID.
        packet: From the outermost IP header on.
        encapsulation: How its flow is to be described.
        tshark: Whether tshark finds the message, with the options below.
    """

    name: str
    packet: bytes
    encapsulation: tuple[str, ...]
    tshark: bool = True


TSHARK_PORTS = ("udp.port==8472,vxlan", "udp.port==7932,hp_erm")


def _cases() -> list[Case]:
    def four(name: str) -> bytes:
        return ipv4(udp(options(name), 5062, 5064))

    def six(name: str) -> bytes:
        return ipv6(udp(options(name), 5062, 5064))

    def frame(name: str) -> bytes:
        return ethernet(four(name))

    def in_six(payload: bytes, protocol: int) -> bytes:
        return ipv6(payload, next_header=protocol)

    many = gtp(four("gtp-3"), extensions=[b"ab", b"cdefgh", b"ij"])
    return [
        Case("ipip", in_ip(four("ipip"), 4), ("ipip",)),
        Case("4in6", in_six(four("4in6"), 4), ("ipip",)),
        Case("6in4", in_ip(six("6in4"), 41), ("6in4",)),
        Case("6in6", in_six(six("6in6"), 41), ("ipip",)),
        Case("gre", in_ip(gre(four("gre")), 47), ("gre",)),
        Case("gre-in-6", in_six(gre(four("gre-in-6")), 47), ("gre",)),
        Case("gre-6", in_ip(gre(six("gre-6"), 0x86DD), 47), ("gre",)),
        Case(
            "gre-all",
            in_ip(gre(four("gre-all"), checksum=True, key=7, sequence=9), 47),
            ("gre",),
        ),
        Case("gre-mpls", in_ip(gre(mpls(four("gre-mpls"), 7), 0x8847), 47), ("gre",)),
        Case("nvgre", in_ip(gre(frame("nvgre"), 0x6558, key=7 << 8), 47), ("gre",)),
        Case("pptp", in_ip(pptp(four("pptp")), 47), ("gre",)),
        Case("pptp-ack", in_ip(pptp(four("pptp-ack"), acknowledge=True), 47), ("gre",)),
        Case("eoip", in_ip(eoip(frame("eoip")), 47), ("gre",)),
        Case("gre-in-udp", in_udp(gre(four("gre-in-udp")), 4754), ("gre",)),
        Case("erspan-1", in_ip(gre(frame("erspan-1"), 0x88BE), 47), ("erspan",)),
        Case("erspan-2", in_ip(erspan_2(frame("erspan-2")), 47), ("erspan",)),
        Case("erspan-3", in_ip(erspan_3(frame("erspan-3")), 47), ("erspan",)),
        Case("erspan-3-o", in_ip(erspan_3(frame("erspan-3-o"), subheader=True), 47), ("erspan",)),
        # tshark takes any frame type for Ethernet.
        Case(
            "erspan-3-ip",
            in_ip(erspan_3(four("erspan-3-ip"), frame_type=2), 47),
            ("erspan",),
            tshark=False,
        ),
        Case("vxlan", in_udp(vxlan(frame("vxlan")), 4789), ("vxlan",)),
        Case("vxlan-linux", in_udp(vxlan(frame("vxlan-linux")), 8472), ("vxlan",)),
        Case(
            "vxlan-vlan",
            in_udp(vxlan(ethernet(four("vxlan-vlan"), vlans=[7])), 4789),
            ("vxlan",),
        ),
        Case("geneve", in_udp(geneve(frame("geneve")), 6081), ("geneve",)),
        Case(
            "geneve-o",
            in_udp(geneve(frame("geneve-o"), options=b"\x01\x03\x00\x01" + bytes(4)), 6081),
            ("geneve",),
        ),
        Case("geneve-4", in_udp(geneve(four("geneve-4"), 0x0800), 6081), ("geneve",)),
        Case("geneve-6", in_udp(geneve(six("geneve-6"), 0x86DD), 6081), ("geneve",)),
        Case("mpls-in-ip", in_ip(mpls(four("mpls-in-ip"), 7, 8), 137), ("mpls",)),
        Case("mpls-in-udp", in_udp(mpls(four("mpls-in-udp"), 7, 8), 6635), ("mpls",)),
        # tshark guesses that a pseudowire with these addresses has no control word.
        Case(
            "pseudowire",
            in_udp(mpls(bytes(4) + frame("pseudowire"), 7), 6635),
            ("mpls",),
            tshark=False,
        ),
        Case("gtp", in_udp(gtp(four("gtp")), 2152, 2152), ("gtp",)),
        Case("gtp-s", in_udp(gtp(four("gtp-s"), sequence=True), 2152, 2152), ("gtp",)),
        Case("gtp-3", in_udp(many, 2152, 2152), ("gtp",)),
        Case("gtp-6", in_udp(gtp(six("gtp-6")), 2152, 2152), ("gtp",)),
        Case("l2tp", in_udp(l2tp(four("l2tp")), 1701, 1701), ("l2tp",)),
        Case("l2tp-back", in_udp(l2tp(four("l2tp-back")), 40000, 1701), ("l2tp",)),
        Case(
            "l2tp-all",
            in_udp(l2tp(four("l2tp-all"), length=True, sequence=True, offset=6), 1701, 1701),
            ("l2tp",),
        ),
        # tshark is told the sizes of version 3, it does not look for them.
        *(
            Case(
                f"l2tp3-{between}",
                in_udp(l2tp_3(frame(f"l2tp3-{between}"), between), 1701, 1701),
                ("l2tp",),
                tshark=False,
            )
            for between in (0, 4, 8, 12)
        ),
        Case("l2tp3-ip", in_ip(struct.pack("!I", 9) + frame("l2tp3-ip"), 115), ("l2tp",), False),
        Case("hp-erm", in_udp(hp_erm(frame("hp-erm")), 7932), ("hp-erm",)),
        Case("tzsp", in_udp(tzsp(frame("tzsp")), 37008), ("tzsp",)),
        Case("tzsp-ip", in_udp(tzsp(four("tzsp-ip"), 7), 37008), ("tzsp",)),
        Case("tzsp-wlan", in_udp(tzsp(wlan(four("tzsp-wlan")), 18), 37008), ("tzsp",)),
        Case(
            "all-in-all",
            in_udp(
                tzsp(ethernet(in_udp(vxlan(ethernet(in_ip(gre(four("all-in-all")), 47))), 4789))),
                37008,
            ),
            ("tzsp", "vxlan", "gre"),
        ),
    ]


CASES = _cases()
FLOW = Flow(
    Endpoint(bytes([192, 0, 2, 1]), 5062),
    Endpoint(bytes([192, 0, 2, 2]), 5064),
)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_message_in_a_tunnel_is_found_with_its_own_flow(case: Case) -> None:
    decoder = NetworkDecoder()
    (found,) = payloads(decoder.decode(batch([ethernet(case.packet)])))
    assert found.payload == options(case.name)
    assert (found.flow.source.port, found.flow.destination.port) == (5062, 5064)
    assert found.flow.source.host in ("192.0.2.1", "2001:db8::1")
    assert found.flow.encapsulation == case.encapsulation
    assert decoder.counts == NetworkCounts()


@pytest.mark.skipif(not shutil.which("tshark"), reason="needs tshark")
def test_tshark_finds_the_same_in_every_tunnel(tmp_path: Path) -> None:
    cases = [case for case in CASES if case.tshark]
    path = tmp_path / "tunnels.pcap"
    frames = [ethernet(case.packet) for case in cases]
    path.write_bytes(
        pcap_file(record(START + number * 1_000_000, frame) for number, frame in enumerate(frames))
    )
    fields = ["frame.number", "ip.src", "ipv6.src", "udp.srcport", "udp.dstport", "sip.Call-ID"]
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "separator=|"]
    command += [word for port in TSHARK_PORTS for word in ("-d", port)]
    command += ["-d", "udp.port==5062,sip", "-E", "occurrence=l"]
    command += [word for field in fields for word in ("-e", field)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    theirs = {int(row[0]): row[1:] for row in (line.split("|") for line in done.stdout.split())}
    ours = {}
    for found in payloads(NetworkDecoder().decode(batch(frames))):
        source = found.flow.source.host
        four, six, *_ = theirs[found.number]
        assert source in (four, six)
        call_id = cases[found.number - 1].name
        ours[found.number] = [four, six, str(found.flow.source.port), "5064", call_id]
    assert ours == theirs
    assert len(ours) == len(cases) > 35


def flows(frames: Sequence[bytes], decoder: NetworkDecoder | None = None) -> list[Flow]:
    decoder = NetworkDecoder() if decoder is None else decoder
    return [found.flow for found in payloads(decoder.decode(batch(frames)))]


@pytest.mark.parametrize("depth", [8, 9, 20])
def test_eight_tunnels_inside_each_other_are_read_and_more_are_counted(depth: int) -> None:
    packet = ipv4(udp(b"deep"))
    for _ in range(depth):
        packet = in_udp(vxlan(ethernet(packet)), 4789)
    decoder = NetworkDecoder()
    found = flows([ethernet(packet)], decoder)
    assert [len(flow.encapsulation) for flow in found] == [8] * (depth == 8)
    assert decoder.counts == NetworkCounts(encapsulation_too_deep=int(depth > 8))


def test_a_flow_in_a_tunnel_is_another_one_than_outside_of_it() -> None:
    packet = ipv4(udp(b"twice"))
    frames = [ethernet(packet), ethernet(in_ip(gre(packet), 47)), ethernet(in_ip(packet, 4))] * 2
    found = NetworkDecoder().decode(batch(frames)).datagrams
    assert found.flow.tolist() == [0, 1, 2] * 2
    assert [flow.encapsulation for flow in found.flows] == [(), ("gre",), ("ipip",)]
    assert len({flow[:3] for flow in found.flows}) == 1
    assert found.flows[1].reverse.encapsulation == ("gre",)


SIP = b"INVITE sip:bob@example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n" + b"x" * 60
RTP = b"\x80\x08\x00\x01" + bytes(8) + b"\xd5" * 160


@pytest.mark.parametrize("port", sorted(TABLES.steps["udp"]))
@pytest.mark.parametrize(
    "payload",
    [
        SIP,
        RTP,
        b"\x88" + RTP[1:],
        b"\r\n\r\n",
        b"",
        b"\x00" * 100,
        b"\xff" * 100,
        b"\x08",
        b"\x08\x00\x00\x00" * 20,
        b"\x45" * 100,
        b"\x60" + bytes(60),
    ],
)
def test_what_is_no_tunnel_on_the_port_of_one_stays_a_datagram(port: int, payload: bytes) -> None:
    decoder = NetworkDecoder()
    frames = [ethernet(ipv4(udp(payload, *ports))) for ports in ((5060, port), (port, 5060))]
    found = payloads(decoder.decode(batch(frames)))
    assert [(one.payload, one.flow.encapsulation) for one in found] == [(payload, ())] * 2
    assert decoder.counts == NetworkCounts()


@pytest.mark.parametrize("payload", [b"", SIP])
def test_datagrams_and_tunnels_on_a_port_stay_in_order_of_capture(payload: bytes) -> None:
    tunnel = in_udp(vxlan(ethernet(ipv4(udp(b"inside")))), 4789)
    frames = [ethernet(packet) for packet in (ipv4(udp(payload, 9, 4789)), tunnel) * 3]
    found = payloads(NetworkDecoder().decode(batch(frames)))
    assert [one.payload for one in found] == [payload, b"inside"] * 3


def test_padding_behind_the_datagram_of_a_tunnel_is_not_read() -> None:
    inner = ethernet(ipv4(udp(b"inside"), total_length=0))
    frame = ethernet(in_udp(vxlan(inner), 4789)) + b"padding"
    (found,) = payloads(NetworkDecoder().decode(batch([frame])))
    assert found.payload == b"inside"


def test_tcp_is_read_in_a_tunnel() -> None:
    message = options("tcp")
    packet = in_ip(gre(ipv4(tcp(message, sequence=1), protocol=TCP)), 47)
    (found,) = NetworkDecoder().decode(batch([ethernet(packet)])).slow
    assert found.payload == message
    assert found.flow.encapsulation == ("gre",)
    assert found.flow.transport == "tcp"


def fragments(packet: bytes, size: int, identification: int) -> list[bytes]:
    """An IPv4 packet without options in pieces of `size` bytes."""
    header, data = packet[:20], packet[20:]
    addresses = ".".join(map(str, header[12:16])), ".".join(map(str, header[16:20]))
    return [
        ipv4(
            data[at : at + size],
            *addresses,
            header[9],
            identification=identification,
            fragment_offset=at,
            more_fragments=at + size < len(data),
        )
        for at in range(0, len(data), size)
    ]


LONG = options("long") + b"v" * 3000


def test_fragments_inside_a_tunnel_are_put_together() -> None:
    pieces = fragments(ipv4(udp(LONG, 5062)), 1400, 7)
    frames = [ethernet(in_udp(tzsp(ethernet(piece)), 37008)) for piece in pieces]
    (found,) = payloads(NetworkDecoder().decode(batch(frames)))
    assert (found.payload, found.frames) == (LONG, 3)
    assert found.flow.encapsulation == ("tzsp",)
    assert found.flow.source.port == 5062


def test_a_fragmented_tunnel_is_put_together() -> None:
    outer = in_udp(tzsp(ethernet(ipv4(udp(LONG)))), 37008)
    frames = [ethernet(piece) for piece in fragments(outer, 1480, 7)]
    (found,) = payloads(NetworkDecoder().decode(batch(frames[::-1])))
    assert (found.payload, found.frames) == (LONG, 3)
    assert found.flow.encapsulation == ("tzsp",)


def test_fragments_inside_a_fragmented_tunnel_are_put_together() -> None:
    frames = []
    for number, inner in enumerate(fragments(ipv4(udp(LONG)), 1480, 7)):
        outer = in_udp(vxlan(ethernet(in_ip(gre(inner), 47))), 4789)
        frames += [ethernet(piece) for piece in fragments(outer, 1000, 100 + number)]
    packets = batch(frames, number=11)
    (found,) = NetworkDecoder().decode(packets).slow
    assert isinstance(found, Datagram)
    assert found.payload == LONG
    assert found.flow.encapsulation == ("vxlan", "gre")
    assert sorted(found.frames) == [packets.frame(index) for index in range(len(frames))]
    assert found.number == 11 + found.packet <= 10 + len(frames)


def test_fragments_of_a_packet_inside_and_outside_of_a_tunnel_are_not_mixed() -> None:
    first, last = fragments(ipv4(udp(LONG)), 2000, 7)
    decoder = NetworkDecoder()
    frames = [ethernet(first), ethernet(in_ip(gre(last), 47))]
    assert payloads(decoder.decode(batch(frames))) == []
    decoder.finish()
    assert decoder.counts == NetworkCounts(fragments_incomplete=2)


def test_fragments_inside_more_packets_out_of_fragments_than_tunnels_are_read_are_counted() -> None:
    inner = ipv6_fragment(udp(b"x" * 800)[:400], 0, more_fragments=True)
    for _ in range(9):
        inner = ipv6_fragment(inner, 0, next_header=44, more_fragments=False)
    packet = ipv6(inner, next_header=44)
    decoder = NetworkDecoder()
    assert payloads(decoder.decode(batch([packet], 101))) == []
    decoder.finish()
    assert decoder.counts == NetworkCounts(fragments_incomplete=1)  # all but one are whole


@pytest.mark.parametrize(
    ("packet", "counts"),
    [
        pytest.param(
            in_ip(gre(ipv4(udp(b"")))[:3], 47), NetworkCounts(malformed=1), id="GRE of 3 bytes"
        ),
        pytest.param(
            in_ip(gre(b"", key=7)[:7], 47), NetworkCounts(malformed=1), id="GRE without its key"
        ),
        pytest.param(
            in_ip(b"\x40\x00\x08\x00" + bytes(20), 47),
            NetworkCounts(other_protocol=1),
            id="GRE with a source route",
        ),
        pytest.param(
            in_ip(b"\x30\x81\x88\x0b" + bytes(12), 47),
            NetworkCounts(other_protocol=1),
            id="PPTP that acknowledges",
        ),
        pytest.param(
            in_ip(gre(b"", 0x0806) + bytes(28), 47),
            NetworkCounts(not_ip=1),
            id="GRE with something else",
        ),
        pytest.param(
            in_ip(gre(b"\x30" + bytes(20), 0x88BE, sequence=1), 47),
            NetworkCounts(malformed=1),
            id="ERSPAN of an unknown version",
        ),
        pytest.param(
            in_ip(erspan_3(b"", frame_type=1), 47) + bytes(30),
            NetworkCounts(not_ip=1),
            id="ERSPAN with 802.11",
        ),
        pytest.param(
            in_ip(erspan_2(b"")[:13], 47), NetworkCounts(malformed=1), id="ERSPAN of 5 bytes"
        ),
        pytest.param(in_ip(b"", 4), NetworkCounts(malformed=1), id="nothing in IP"),
        pytest.param(in_ip(b"\x60" + bytes(50), 4), NetworkCounts(malformed=1), id="IPv6 as IPv4"),
        pytest.param(
            in_ip(struct.pack("!I", 0) + bytes(60), 115),
            NetworkCounts(other_protocol=1),
            id="control of L2TP in IP",
        ),
    ],
)
def test_what_does_not_fit_in_a_tunnel_in_ip_is_counted_by_reason(
    packet: bytes, counts: NetworkCounts
) -> None:
    decoder = NetworkDecoder()
    assert payloads(decoder.decode(batch([ethernet(packet)]))) == []
    assert decoder.counts == counts


@pytest.mark.parametrize("content", [b"", b"\x00", b"\x00" * 8, b"\xff" * 8])
def test_extension_headers_of_gtp_that_do_not_fit_make_no_tunnel(content: bytes) -> None:
    packet = ipv4(udp(b"inside"))
    header = struct.pack("!BBHI", 0x34, 255, 4 + len(content), 7) + b"\x00\x00\x00\x85"
    for inner in (content, content + packet):
        frame = ethernet(in_udp(header + inner, 2152))
        decoder = NetworkDecoder()
        (found,) = payloads(decoder.decode(batch([frame])))
        assert found.flow.encapsulation == ()


def mutated(chance: random.Random, frame: bytes) -> bytes:
    """A frame with damages behind its Ethernet header."""
    octets = bytearray(frame)
    for _ in range(chance.choice([1, 1, 2, 4])):
        at = 14 + chance.randrange(max(min(len(octets) - 14, 110), 1))
        kind = chance.randrange(5)
        if kind == 0 and at < len(octets):
            octets[at] ^= 1 << chance.randrange(8)
        elif kind == 1 and at < len(octets):
            octets[at] = chance.choice([0, 1, 4, 6, 0x45, 0x60, 0x7F, 0x80, 0xFF])
        elif kind == 2:
            del octets[at:]
        elif kind == 3 and at + 2 <= len(octets):
            octets[at : at + 2] = struct.pack("!H", chance.choice([0, 1, 7, 8, 0x7FFF, 0xFFFF]))
        else:
            octets[at:at] = octets[14 : 14 + chance.randrange(60)]
    return bytes(octets)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_50_000_damaged_headers_of_each_tunnel_raise_nothing_and_lead_nowhere(case: Case) -> None:
    chance = random.Random(case.name)
    decoder = NetworkDecoder()
    begun = time.process_time()
    different = [mutated(chance, ethernet(case.packet)) for _ in range(5_000)]
    for _ in range(10):
        # The last bytes of one frame are the first of another's neighbours.
        chance.shuffle(different)
        packets = batch(different)
        found = decoder.decode(packets).datagrams
        ends = packets.offset[found.packet] + packets.captured[found.packet]
        assert (found.start >= packets.offset[found.packet] + 8).all()
        assert (found.length >= 0).all()
        assert (found.start + found.length <= ends).all()
        assert (np.diff(found.packet) > 0).all()
    decoder.finish()
    assert time.process_time() - begun < 10


def hostile(chance: random.Random) -> bytes:
    """A packet in tunnels of any kinds, as many as may be, each way its own."""
    packet = ipv4(udp(b"x"))
    for kind in chance.choices(range(6), k=12):
        if kind == 0:
            packet = in_ip(packet, 4)
        elif kind == 1:
            packet = in_ip(gre(packet, key=chance.choice([None, 7])), 47)
        elif kind == 2:
            packet = in_ip(erspan_2(ethernet(packet, vlans=[1] * chance.randrange(3))), 47)
        elif kind == 3:
            packet = in_udp(vxlan(ethernet(packet)), 4789)
        elif kind == 4:
            packet = in_udp(gtp(packet), 2152)
        else:
            packet = in_udp(tzsp(ethernet(packet)), 37008)
    return ethernet(packet)


def test_packets_that_each_come_another_way_cost_no_more_than_their_headers() -> None:
    chance = random.Random(1)
    packets = batch([hostile(chance) for _ in range(2_000)])
    decoder = NetworkDecoder()
    begun = time.process_time()
    assert payloads(decoder.decode(packets)) == []
    assert time.process_time() - begun < 1
    assert decoder.counts == NetworkCounts(encapsulation_too_deep=2_000)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(["gre", "vxlan", "geneve", "gtp", "ipip", "l2tp", "mpls", "tzsp"]),
        max_size=8,
    ),
    st.binary(max_size=60),
)
def test_tunnels_are_named_from_the_outermost_on(names: list[str], payload: bytes) -> None:
    packet = ipv4(udp(payload, 9, 10))
    for name in reversed(names):
        packet = {
            "gre": lambda inner: in_ip(gre(inner), 47),
            "vxlan": lambda inner: in_udp(vxlan(ethernet(inner)), 4789),
            "geneve": lambda inner: in_udp(geneve(inner, 0x0800), 6081),
            "gtp": lambda inner: in_udp(gtp(inner), 2152),
            "ipip": lambda inner: in_ip(inner, 4),
            "l2tp": lambda inner: in_udp(l2tp(inner), 1701),
            "mpls": lambda inner: in_udp(mpls(inner, 7), 6635),
            "tzsp": lambda inner: in_udp(tzsp(ethernet(inner)), 37008),
        }[name](packet)
    (found,) = payloads(NetworkDecoder().decode(batch([ethernet(packet)])))
    assert found.flow.encapsulation == tuple(names)
    assert found.payload == payload


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(TABLES.steps["udp"])), st.binary(max_size=120))
def test_any_datagram_to_the_port_of_a_tunnel_is_one_or_is_in_it(port: int, data: bytes) -> None:
    decoder = NetworkDecoder()
    found = payloads(decoder.decode(batch([ethernet(ipv4(udp(data, 9, port)))])))
    counted = decoder.counts.malformed + decoder.counts.not_ip + decoder.counts.other_protocol
    assert len(found) + counted + decoder.counts.encapsulation_too_deep == 1
