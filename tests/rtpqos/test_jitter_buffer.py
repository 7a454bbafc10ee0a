"""What a jitter buffer discards, against the results of another program and case by case."""

import json
import struct
from collections.abc import Sequence
from typing import Any

import pytest

from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.streams import StreamTable
from tests.rtpqos.jitter_buffer_reference import FixedBuffer
from tests.rtpqos.reference import FLOWS, MS, Packet, block_of, speech
from tests.rtpqos.test_figures import CASES, case_stream, needs_cases, read_pcap

VECTORS = CASES.parent / "emodel" / "jb_vectors.json"
needs_vectors = pytest.mark.skipif(not VECTORS.is_file(), reason="the vectors are not there")


def vectors() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(VECTORS.read_text()) if VECTORS.is_file() else {}
    return found


def follow(*packets: Packet, cut: int = 1 << 20) -> StreamFigures:
    """The figures of one stream, flushed every `cut` packets."""
    table = StreamTable()
    for start in range(0, len(packets), cut):
        for stream_id in table.add(block_of(packets[start : start + cut]), FLOWS):
            table.describe(stream_id, {})
        table.flush()
    return table.figures(1)


def delayed(packets: Sequence[Packet], first: int, count: int, by: float) -> list[Packet]:
    """Some of the packets `by` ms later, in the order of arrival."""
    late = [
        packet._replace(time=packet.time + int(by * MS)) if first <= i < first + count else packet
        for i, packet in enumerate(packets)
    ]
    return sorted(late, key=lambda packet: packet.time)


def case_packets(name: str) -> list[tuple[int, int, int, float, bool]]:
    """Extended number, timestamp, arrival in ns, skew in ms and marker, without duplicates."""
    found: dict[int, tuple[int, int, int, float, bool]] = {}
    number = timestamp = 0
    for time, flow, payload in read_pcap(CASES / "pcaps" / f"{name}.pcap"):
        if flow.source.address != bytes([10, 0, 0, 1]) or payload[0] >> 6 != 2:
            continue
        kind, sequence, stamp = struct.unpack_from("!xBHI", payload)
        if not found:
            number, timestamp = 0x10000 + sequence, 0x100000000 + stamp
        number += (sequence - number + 0x8000) % 0x10000 - 0x8000
        timestamp += (stamp - timestamp + 0x80000000) % 0x100000000 - 0x80000000
        skew = timestamp * 0.125 - time * 1e-6
        found.setdefault(number, (number, timestamp, time, skew, kind >= 0x80))
    return list(found.values())


@needs_vectors
@pytest.mark.parametrize(("name", "case"), vectors().items())
@pytest.mark.parametrize("delay", [20, 60, 200])
def test_the_definition_of_the_fixed_buffer(name: str, case: dict[str, Any], delay: int) -> None:
    buffer, highest, heard = FixedBuffer(delay), -1, set()
    packets = case_packets(name)
    for number, timestamp, _, skew, marker in packets:
        late = number < highest
        if buffer.take(skew, number, timestamp, 0.125, late=late, spurt=marker):
            heard.add(number)
        highest = max(highest, number)
    expected = case[f"fixed{delay}"]
    assert len(packets) - len(heard) == expected["discarded"]
    assert runs(packets, heard) == expected["runs"]


def runs(packets: Sequence[tuple[int, int, int, float, bool]], heard: set[int]) -> int:
    """How many runs of numbers were not heard."""
    numbers = [packet[0] for packet in packets]
    return sum(
        number not in heard and (number - 1 in heard or number == min(numbers))
        for number in range(min(numbers), max(numbers) + 1)
    )


@needs_vectors
@pytest.mark.parametrize(("name", "case"), vectors().items())
def test_the_figures_of_the_reference_cases(name: str, case: dict[str, Any]) -> None:
    figures, expected = case_stream(name), case["fixed60"]
    assert (figures.expected, figures.lost) == (case["expected"], case["network_lost"])
    assert figures.discarded == expected["discarded"]
    assert figures.burst_ratio == pytest.approx(expected["burst_r"], abs=5e-5)
    assert figures.r_factor == pytest.approx(max(expected["R_LQ"], 0), abs=5e-4)
    assert figures.mos == pytest.approx(expected["MOS_LQ"], abs=5e-5)
    bursts = expected["rfc3611"]
    found = figures.gap_burst
    assert found._asdict() == {
        "bursts": bursts["bursts"],
        "burst_packets": bursts["burst_packets"],
        "burst_unheard": bursts["burst_bad"],
        "gap_packets": bursts["gap_packets"],
        "gap_unheard": bursts["gap_bad"],
    }
    assert min(int(256 * found.burst_density), 255) == bursts["burst_density"]
    assert min(int(256 * found.gap_density), 255) == bursts["gap_density"]
    assert found.burst_ms(20) == pytest.approx(bursts["burst_ms"], abs=5e-4)
    assert found.gap_ms(20) == pytest.approx(bursts["gap_ms"], abs=5e-4)


@needs_cases
def test_a_second_held_and_released_is_heard_though_nothing_is_lost() -> None:
    figures = case_stream("c31_stall_release")
    assert figures.lost == 0
    assert figures.mos is not None
    assert figures.mos < 2.5
    assert figures.causes == ("discard",)
    assert figures.mos_grade == "out-of-range"


def test_what_comes_within_the_delay_is_heard() -> None:
    assert follow(*delayed(speech(50), 20, 1, 60)).discarded == 0
    figures = follow(*delayed(speech(50), 20, 1, 60.001))
    assert (figures.discarded, figures.lost, figures.out_of_order) == (1, 0, 1)


def test_what_comes_too_early_is_discarded() -> None:
    held = [packet._replace(time=max(packet.time, 200 * MS)) for packet in speech(50)]
    assert follow(*held).discarded == 0
    held = [packet._replace(time=max(packet.time, 201 * MS)) for packet in speech(50)]
    assert follow(*held).discarded == 39


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_after_50_discards_in_a_row_the_buffer_starts_anew(cut: int) -> None:
    packets = [packet._replace(time=packet.time + 100 * MS) for packet in speech(200)]
    packets[:20] = speech(20)
    assert follow(*packets, cut=cut).discarded == 50


@pytest.mark.parametrize(
    "change",
    [
        {"marker": True},
        {"timestamp": 20 * 160 + 81},
    ],
    ids=["marker", "pause in the timestamps"],
)
def test_a_talk_spurt_starts_the_buffer_anew(change: dict[str, Any]) -> None:
    packets = [packet._replace(time=packet.time + 100 * MS) for packet in speech(60)]
    packets[:20] = speech(20)
    assert follow(*packets).discarded == 40
    pause = change.get("timestamp", 20 * 160) - 20 * 160
    packets[20:] = [
        packet._replace(timestamp=packet.timestamp + pause, time=packet.time)
        for packet in packets[20:]
    ]
    packets[20] = packets[20]._replace(**change)
    assert follow(*packets).discarded == 0


def test_speech_after_an_event_is_a_talk_spurt_and_events_are_not_played() -> None:
    packets = speech(60)
    packets[20:30] = [
        packet._replace(payload_type=13, timestamp=packets[20].timestamp)
        for packet in packets[20:30]
    ]
    packets[30:] = [packet._replace(time=packet.time + 100 * MS) for packet in packets[30:]]
    assert follow(*packets).discarded == 0


def test_a_duplicate_is_passed_over() -> None:
    packets = speech(60)
    packets.insert(10, packets[5]._replace(time=packets[9].time + MS))
    assert follow(*packets).discarded == 0


def test_a_new_numbering_starts_the_buffer_anew() -> None:
    after = [
        packet._replace(time=packet.time + 700 * MS, timestamp=packet.timestamp + 90_000)
        for packet in speech(20, sequence=40_000)
    ]
    figures = follow(*speech(20), *after)
    assert (figures.restarts, figures.discarded) == (1, 0)


def test_a_codec_without_a_clock_is_not_judged() -> None:
    packets = delayed(speech(50, payload_type=111), 20, 1, 500)
    figures = follow(*packets)
    assert (figures.discarded, figures.mos, figures.r_factor) == (0, None, None)
