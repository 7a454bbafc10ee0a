import struct
import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipscope.decode import duplicates
from sipscope.decode.duplicates import SHORT_WINDOW, WINDOW, DuplicateTable
from sipscope.decode.network import NetworkDecoder
from tests.decode.decoded import payloads
from tests.packets import START, batch, ethernet, ipv4, ipv6, udp
from tests.tunnelling import erspan_2, gre, in_ip, in_udp, tzsp

MS = 1_000_000
COOKED, COOKED_2 = 113, 276
SIP = b"OPTIONS sip:bob@example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n"


def rtp(sequence: int = 1) -> bytes:
    return struct.pack("!BBHII", 0x80, 8, sequence, sequence * 160, 7) + b"\xd5" * 160


def packet(payload: bytes = SIP, identification: int = 1) -> bytes:
    return ipv4(udp(payload), identification=identification)


def mirrored(inner: bytes) -> bytes:
    return ethernet(in_udp(tzsp(ethernet(inner)), 37008))


def kept(
    frames: Sequence[bytes],
    times: Sequence[int] | None = None,
    decoder: NetworkDecoder | None = None,
) -> list[int]:
    """The numbers of the frames whose datagrams are no copies, from 0."""
    decoder = NetworkDecoder(several=True) if decoder is None else decoder
    moments = [START + at * MS for at in times or [0] * len(frames)]
    found = decoder.decode(batch(frames, times=moments)).datagrams
    assert decoder.counts.duplicates == len(frames) - len(found)
    return [int(number) for number in found.packet]


def test_a_packet_that_a_mirror_sent_twice_is_there_once() -> None:
    assert kept([mirrored(packet())] * 3, decoder=NetworkDecoder()) == [0]
    switch = [ethernet(in_ip(erspan_2(ethernet(packet())), 47))] * 2
    assert kept(switch, decoder=NetworkDecoder()) == [0]


def test_packets_of_an_ordinary_interface_or_of_a_file_are_all_there() -> None:
    plain = [ethernet(packet())] * 2
    tunnel = [ethernet(in_ip(gre(packet()), 47))] * 2
    for frames in (plain, tunnel):
        assert kept(frames, decoder=NetworkDecoder()) == [0, 1]
        assert kept(frames, decoder=NetworkDecoder(live=True)) == [0, 1]


@pytest.mark.parametrize(
    ("link_type", "header"),
    [(COOKED, bytes(14) + b"\x08\x00"), (COOKED_2, b"\x08\x00" + bytes(18))],
)
def test_copies_on_all_interfaces_are_left_out_live_but_not_in_files(
    link_type: int, header: bytes
) -> None:
    packets = batch([header + packet()] * 2, link_type, times=[START, START])
    assert len(NetworkDecoder(live=True).decode(packets).datagrams) == 1
    assert len(NetworkDecoder().decode(packets).datagrams) == 2


def test_copies_are_found_across_batches_and_across_sources_that_share_a_table() -> None:
    table = DuplicateTable()
    here, there = (NetworkDecoder(table, several=True) for _ in range(2))
    assert kept([ethernet(packet())], [0], here) == [0]
    assert kept([ethernet(packet())], [1], here) == []
    assert kept([ethernet(packet())], [2], there) == []


def test_what_changes_on_the_way_through_a_router_does_not_make_another_packet() -> None:
    first = packet()
    lifetime, marking, checksum = bytearray(first), bytearray(first), bytearray(first)
    lifetime[8] -= 1
    marking[1] = 46 << 2
    checksum[26:28] = b"\x12\x34"
    frames = [ethernet(bytes(each)) for each in (first, lifetime, marking, checksum)]
    assert kept([*frames, ethernet(first, vlans=[7]), frames[0] + b"padding"]) == [0]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(packet(identification=2), id="sent again"),
        pytest.param(ipv4(udp(SIP), "192.0.2.7"), id="another source"),
        pytest.param(ipv4(udp(SIP), destination="192.0.2.7"), id="behind an address translation"),
        pytest.param(ipv4(udp(SIP, 5061)), id="another port"),
        pytest.param(packet(SIP + b"\n"), id="more bytes"),
        pytest.param(packet(SIP[:-1] + b"\r"), id="another last byte"),
        pytest.param(packet(SIP[:30] + b"7" + SIP[31:]), id="another byte in between"),
        pytest.param(ipv6(udp(SIP)), id="another IP version"),
    ],
)
def test_packets_that_differ_are_no_copies(other: bytes) -> None:
    assert kept([ethernet(packet()), ethernet(other)] * 2) == [0, 1]


def test_what_a_mirror_saw_elsewhere_is_no_copy_of_what_was_captured_here() -> None:
    assert kept([mirrored(packet()), ethernet(packet())] * 2) == [0, 1]


def test_a_tunnel_and_what_comes_out_of_it_on_the_same_machine_are_copies() -> None:
    assert kept([ethernet(in_ip(gre(packet()), 47)), ethernet(packet())]) == [0]


@pytest.mark.parametrize(
    ("inner", "window"),
    [
        pytest.param(packet(), WINDOW, id="SIP"),
        pytest.param(packet(rtp()), WINDOW, id="RTP"),
        pytest.param(packet(identification=0), SHORT_WINDOW, id="SIP without identification"),
        pytest.param(ipv6(udp(SIP)), SHORT_WINDOW, id="SIP over IPv6"),
        pytest.param(packet(rtp(), 0), WINDOW, id="RTP without identification"),
        pytest.param(ipv6(udp(rtp())), WINDOW, id="RTP over IPv6"),
        pytest.param(
            packet(b"\x80\xc8" + rtp()[2:], 0), SHORT_WINDOW, id="RTCP without identification"
        ),
    ],
)
def test_a_copy_comes_soon_and_what_comes_later_was_sent_again(inner: bytes, window: int) -> None:
    last = window // MS
    for times, expected in (([0, last], [0]), ([0, last + 1], [0, 1]), ([last, 0], [0])):
        assert kept([ethernet(inner)] * 2, times) == expected
        decoder = NetworkDecoder(several=True)
        in_batches = [
            decoder.decode(batch([ethernet(inner)], times=[START + at * MS])).datagrams
            for at in times
        ]
        assert [len(found) for found in in_batches].count(1) == len(expected)


def test_the_window_begins_anew_with_each_copy() -> None:
    assert kept([ethernet(packet())] * 4, [0, 200, 400, 700]) == [0, 3]


def test_rtp_packets_that_follow_each_other_are_no_copies() -> None:
    frames = [mirrored(packet(rtp(number), 0)) for number in range(100)]
    assert kept(frames, decoder=NetworkDecoder()) == list(range(100))


def test_copies_of_fragmented_packets_are_left_out() -> None:
    data = udp(SIP * 40)
    frames = [
        mirrored(ipv4(data[:1480], identification=7, more_fragments=True)),
        mirrored(ipv4(data[1480:], identification=7, fragment_offset=1480)),
    ]
    decoder = NetworkDecoder()
    (found,) = payloads(decoder.decode(batch([frames[0], *frames, frames[1]])))
    assert (found.payload, found.frames) == (SIP * 40, 2)


def test_packets_that_want_the_same_place_in_the_table_do_not_hide_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(duplicates, "SLOTS", 256)
    monkeypatch.setattr(duplicates, "_SLOT_BITS", 8)
    decoder = NetworkDecoder(several=True)
    frames = [ethernet(packet(rtp(number))) for number in range(16)]
    assert kept(frames, decoder=decoder) == list(range(16))
    found = decoder.decode(batch(frames, times=[START] * 16)).datagrams
    assert len(found) <= 1


def test_of_very_many_packets_none_is_taken_for_a_copy_and_memory_stays() -> None:
    decoder = NetworkDecoder(several=True)
    count = 0
    for turn in range(40):
        frames = [
            ethernet(packet(rtp(number & 0xFFFF) + struct.pack("!I", number)))
            for number in range(turn * 10_000, turn * 10_000 + 10_000)
        ]
        times = range(START + turn * 100 * MS, START + (turn + 1) * 100 * MS, MS // 100)
        count += len(decoder.decode(batch(frames, times=times)).datagrams)
    assert count == 400_000
    assert len(decoder._duplicates._keys) == duplicates.SLOTS


def test_it_costs_little() -> None:
    frames = [ethernet(packet(rtp(number), number)) for number in range(10_000)]
    packets = batch(frames, times=range(START, START + 100 * MS, MS // 100))
    decoder = NetworkDecoder(several=True)
    decoder.decode(packets)
    begun = time.process_time()
    for _ in range(10):
        decoder.decode(packets)
    assert time.process_time() - begun < 0.5  # 5 µs a packet; it takes less than 1


events = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 400), st.booleans()), min_size=1, max_size=40
)


@settings(max_examples=200, deadline=None)
@given(events)
def test_copies_are_those_that_a_dictionary_would_find(
    sent: list[tuple[int, int, bool]],
) -> None:
    decoder = NetworkDecoder(several=True)
    last: dict[int, int] = {}
    expected, found = [], []
    waiting: list[tuple[int, int]] = []
    now = 0
    for kind, pause, ends in sent:
        now += pause
        again = kind in last and now - last[kind] <= (WINDOW if kind % 2 else SHORT_WINDOW) // MS
        expected.append(not again)
        last[kind] = now
        waiting.append((kind, now))
        if ends:
            found += _fresh(decoder, waiting)
            waiting = []
    found += _fresh(decoder, waiting)
    assert found == expected


def _fresh(decoder: NetworkDecoder, sent: list[tuple[int, int]]) -> list[bool]:
    frames = [ethernet(packet(SIP + bytes([kind]), kind % 2)) for kind, _ in sent]
    packets = batch(frames, times=[START + at * MS for _, at in sent])
    numbers = decoder.decode(packets).datagrams.packet
    return [bool(fresh) for fresh in np.isin(np.arange(len(sent)), numbers)]


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=40))
def test_only_the_same_bytes_are_copies(one: bytes, other: bytes) -> None:
    assert len(kept([ethernet(packet(one)), ethernet(packet(other))])) == 1 + (one != other)


@given(st.binary(min_size=1, max_size=70), st.data())
def test_every_bit_counts(payload: bytes, data: st.DataObject) -> None:
    octets = bytearray(payload)
    octets[data.draw(st.integers(0, len(payload) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    starts_like_rtp = payload[0] & 0xC0 == 0x80 and octets[0] & 0xC0 == 0x80
    same_beginning = octets[:32] == payload[:32] and len(payload) >= 32 and starts_like_rtp
    fresh = kept([ethernet(packet(payload)), ethernet(packet(bytes(octets)))])
    assert len(fresh) == 2 or same_beginning
