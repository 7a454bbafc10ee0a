import random
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipscope.capture.file import FileSource
from sipscope.decode.counts import NetworkCounts
from sipscope.decode.network import NetworkDecoder
from sipscope.decode.tzsp import LINK_TYPES, MOST_TAGS, PORT
from tests.decode.decoded import Payload, payloads
from tests.packets import batch, ethernet, ipv4, ipv6, udp
from tests.tunnelling import avs, in_udp, prism, radiotap, tag, tzsp, wlan

GOLDEN = Path(__file__).parents[2].parent / "shared/facts/hep-peers/c-tzsp/tzsp-golden.pcap"

FOUR = ipv4(udp(b"inside"))
FRAME = ethernet(FOUR)


def found(*datagrams: bytes) -> tuple[list[Payload], NetworkCounts]:
    decoder = NetworkDecoder()
    frames = [ethernet(in_udp(datagram, PORT)) for datagram in datagrams]
    return payloads(decoder.decode(batch(frames))), decoder.counts


def names(*datagrams: bytes) -> list[tuple[bytes, tuple[str, ...]]]:
    return [(one.payload, one.flow.encapsulation) for one in found(*datagrams)[0]]


@pytest.mark.parametrize(
    ("encapsulated", "frame"),
    [
        pytest.param(1, FRAME, id="Ethernet"),
        pytest.param(1, ethernet(FOUR, vlans=[100, 7]), id="Ethernet with VLAN tags"),
        pytest.param(1, ethernet(ipv6(udp(b"inside"))), id="Ethernet with IPv6"),
        pytest.param(4, b"\xff\x03\x00\x21" + FOUR, id="PPP"),
        pytest.param(7, FOUR, id="raw IP"),
        pytest.param(7, ipv6(udp(b"inside")), id="raw IPv6"),
        pytest.param(18, wlan(FOUR), id="802.11"),
        pytest.param(119, prism(wlan(FOUR)), id="Prism"),
        pytest.param(126, radiotap(wlan(FOUR)), id="radiotap"),
        pytest.param(127, avs(wlan(FOUR)), id="AVS"),
        pytest.param(1, FOUR, id="IP that is said to be Ethernet"),
    ],
)
def test_what_is_encapsulated_is_read(encapsulated: int, frame: bytes) -> None:
    assert names(tzsp(frame, encapsulated)) == [(b"inside", ("tzsp",))]
    assert found(tzsp(frame, encapsulated))[1] == NetworkCounts()


@pytest.mark.parametrize(
    "tags",
    [
        b"",
        b"\x00\x00\x00",
        tag(10, b"\xc5") + tag(11, b"\xa1\x01") + tag(12, b"\x6c") + tag(18, b"\x06"),
        tag(41, b"\x05\xea") + tag(60, bytes(6)) + b"\x00" + tag(40, bytes(4)) + tag(13, bytes(4)),
        tag(80, b"") + tag(81, b"\x01\x00\x01") + tag(255, bytes(255)),
        b"\x00" * (MOST_TAGS - 1),
    ],
)
def test_tags_are_passed_over_padding_and_end_without_a_length(tags: bytes) -> None:
    assert names(tzsp(FRAME, tags=tags)) == [(b"inside", ("tzsp",))]


def test_packets_to_be_transmitted_are_read_as_well() -> None:
    assert names(tzsp(FRAME, kind=1)) == [(b"inside", ("tzsp",))]


@pytest.mark.parametrize(
    "datagram",
    [
        pytest.param(tzsp(b"", 0, kind=4), id="keep-alive"),
        pytest.param(b"\x01\x04\x00\x00", id="keep-alive without tags"),
        pytest.param(tzsp(b"", 0, kind=5), id="port opener"),
        pytest.param(tzsp(FRAME, kind=3), id="configuration"),
        pytest.param(tzsp(FRAME, 0), id="nothing encapsulated"),
        pytest.param(tzsp(FRAME, 2), id="token ring"),
        pytest.param(tzsp(FRAME, 0x0101), id="an unknown encapsulation"),
        pytest.param(b"\x02" + tzsp(FRAME)[1:], id="version 2"),
        pytest.param(b"\x01\x00\x00", id="3 bytes"),
        pytest.param(b"INVITE sip:bob@example.com SIP/2.0\r\n", id="SIP"),
    ],
)
def test_what_carries_no_frame_is_an_ordinary_datagram(datagram: bytes) -> None:
    (one,), counts = found(datagram)
    assert (one.payload, one.flow.encapsulation, one.flow.destination.port) == (datagram, (), PORT)
    assert counts == NetworkCounts()


@pytest.mark.parametrize(
    "datagram",
    [
        pytest.param(tzsp(b"", end=b"", tags=tag(10, b"\xc5")), id="tags without an end"),
        pytest.param(tzsp(b"", end=b"\x0a"), id="a tag without its length"),
        pytest.param(tzsp(b"", end=b"\x0a\xff"), id="a tag longer than the packet"),
        pytest.param(tzsp(b"", end=b"\x00" * 40), id="nothing but padding"),
        pytest.param(tzsp(FRAME, tags=b"\x00" * MOST_TAGS), id="too much padding"),
        pytest.param(tzsp(FRAME, tags=tag(10, b"") * MOST_TAGS), id="too many tags"),
        pytest.param(tzsp(b"", end=b"\x01"), id="no frame"),
        pytest.param(tzsp(FRAME[:13]), id="a frame of 13 bytes"),
    ],
)
def test_tags_and_frames_that_do_not_fit_are_malformed(datagram: bytes) -> None:
    assert found(datagram, datagram) == ([], NetworkCounts(malformed=2))


def test_a_frame_without_ip_is_counted() -> None:
    assert found(tzsp(ethernet(bytes(28), 0x0806))) == ([], NetworkCounts(not_ip=1))
    assert found(tzsp(b"\x80\x00" + bytes(22), 18)) == ([], NetworkCounts(not_ip=1))


def test_a_message_that_the_mirror_cut_short_is_shown_as_far_as_it_goes() -> None:
    decoder = NetworkDecoder()
    inner = ethernet(ipv4(udp(b"OPTIONS sip:bob@example.com SIP/2.0\r\n" + bytes(500))))[:80]
    packets = batch([ethernet(in_udp(tzsp(inner, tags=tag(41, b"\x02\x1a")), PORT))])
    datagrams = decoder.decode(packets).datagrams
    assert datagrams.length.tolist() == [38]
    assert datagrams.wire_length.tolist() == [537]
    (sender,) = decoder.senders.senders()
    assert (sender.packets, sender.truncated) == (1, 1)


@pytest.mark.skipif(not GOLDEN.is_file(), reason="the golden frames of TZSP are not here")
def test_the_golden_frames_are_read_as_tshark_reads_them() -> None:
    source = FileSource(str(GOLDEN))
    decoder = NetworkDecoder()
    packets = source.read()
    assert packets is not None
    all_payloads = payloads(decoder.decode(packets))
    sip = [one for one in all_payloads if one.payload.startswith(b"OPTIONS")]
    assert [one.number for one in sip] == [1, 2, 3, 4, 5, 6]
    call_ids = [one.payload.partition(b"Call-ID: ")[2].split(b"\r\n")[0] for one in sip]
    assert call_ids == [b"tzsp-1", b"tzsp-2", b"tzsp-3", b"tzsp-4", b"tzsp-5", b""]
    assert {one.flow.encapsulation for one in sip} == {("tzsp",)}
    assert {str(one.flow.source) for one in sip} == {"10.1.0.10:5060"}
    # The sixth is cut short, the seventh a keep-alive, the eighth a beacon, the ninth a copy.
    assert [one.number for one in all_payloads if one not in sip] == [7]
    assert decoder.counts == NetworkCounts(not_ip=1, duplicates=1)
    (sender,) = decoder.senders.senders()
    assert (sender.host, sender.packets) == ("192.0.2.1", 8)
    assert (sender.duplicates, sender.truncated) == (1, 1)


tags = st.lists(
    st.one_of(st.just(b"\x00"), st.builds(tag, st.integers(2, 255), st.binary(max_size=20))),
    max_size=MOST_TAGS - 1,
).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(tags, st.binary(max_size=40))
def test_any_tags_are_passed_over(before: bytes, payload: bytes) -> None:
    frame = ethernet(ipv4(udp(payload)))
    assert names(tzsp(frame, tags=before)) == [(payload, ("tzsp",))]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(LINK_TYPES)), st.binary(max_size=80))
def test_any_bytes_are_a_frame_or_counted(encapsulated: int, data: bytes) -> None:
    datagrams, counts = found(struct.pack("!BBH", 1, 0, encapsulated) + data)
    assert len(datagrams) + counts.malformed + counts.not_ip + counts.other_protocol == 1


def damaged(chance: random.Random, datagram: bytes) -> bytes:
    octets = bytearray(datagram)
    for _ in range(chance.choice([1, 1, 2, 6])):
        at = chance.randrange(len(octets) or 1)
        kind = chance.randrange(4)
        if kind == 0 and at < len(octets):
            octets[at] ^= 1 << chance.randrange(8)
        elif kind == 1 and at < len(octets):
            octets[at] = chance.choice([0, 1, 10, 41, 0x45, 0xFF])
        elif kind == 2:
            del octets[at:]
        else:
            octets[at:at] = chance.choice([b"\x00", b"\x01", b"\x0a\xff", bytes(octets[:9])])
    return bytes(octets)


def test_50_000_damaged_datagrams_raise_nothing_and_lead_nowhere() -> None:
    chance = random.Random(3)
    good = [
        tzsp(FRAME),
        tzsp(FRAME, tags=tag(41, b"\x05\xea") + tag(60, bytes(6)) + b"\x00"),
        tzsp(FOUR, 7),
        tzsp(b"\x00\x21" + FOUR, 4),
        tzsp(wlan(FOUR), 18),
        tzsp(prism(wlan(FOUR)), 119),
        tzsp(radiotap(wlan(FOUR)), 126),
        tzsp(avs(wlan(FOUR)), 127),
        tzsp(ethernet(in_udp(tzsp(FRAME), PORT))),
    ]
    decoder = NetworkDecoder()
    begun = time.process_time()
    for turn in range(10):
        frames = [
            ethernet(in_udp(damaged(chance, chance.choice(good)), PORT)) for _ in range(5_000)
        ]
        packets = batch(frames, number=turn * 5_000 + 1)
        datagrams = decoder.decode(packets).datagrams
        ends = packets.offset[datagrams.packet] + packets.captured[datagrams.packet]
        assert (datagrams.start + datagrams.length <= ends).all()
        assert (datagrams.length >= 0).all()
    assert decoder.counts.malformed > 1_000
    assert time.process_time() - begun < 10
