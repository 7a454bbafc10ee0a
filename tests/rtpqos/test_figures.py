"""Figures of captures whose truth is known, and how figures are made of columns."""

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.sdp import Format
from sipscope.rtpqos.figures import Now, StreamFigures
from sipscope.rtpqos.streams import StreamTable
from tests.rtpqos.reference import FLOWS, MS, START, Packet, block_of

CASES = Path(__file__).parents[2].parent / "shared" / "rtp-cases"
needs_cases = pytest.mark.skipif(
    not (CASES / "expected.json").is_file(), reason="the RTP reference cases are not there"
)


def expected_streams() -> list[Any]:
    if not (CASES / "expected.json").is_file():
        return []
    cases = json.loads((CASES / "expected.json").read_text())
    return [
        pytest.param(name, stream, id=f"{name}-{stream['ssrc']}")
        for name, case in cases.items()
        for stream in case["streams"]
        if (CASES / "pcaps" / f"{name}.pcap").is_file()
    ]


def read_pcap(path: Path) -> Iterator[tuple[int, Flow, bytes]]:
    """Time in ns after the start, flow and payload of every UDP frame of a little-endian pcap."""
    data = path.read_bytes()
    fraction = 1 if data[:4] == b"\x4d\x3c\xb2\xa1" else 1000
    position = 24
    while position < len(data):
        seconds, part, captured, _ = struct.unpack_from("<4I", data, position)
        frame = data[position + 16 : position + 16 + captured]
        position += 16 + captured
        network = 18 if frame[12:14] == b"\x81\x00" else 14
        size, udp = (16, network + 40) if frame[network] >> 4 == 6 else (4, network + 20)
        source, destination = frame[udp - 2 * size : udp - size], frame[udp - size : udp]
        ports = struct.unpack_from("!HH", frame, udp)
        flow = Flow(Endpoint(source, ports[0]), Endpoint(destination, ports[1]))
        yield seconds * 10**9 + part * fraction - START, flow, frame[udp + 8 :]


def case_streams(name: str) -> list[StreamFigures]:
    """The figures of every stream of a case."""
    path = CASES / "pcaps" / f"{name}.pcap"
    rtpmap = re.findall(rb"a=rtpmap:(\d+) ([^/\r\n]+)/(\d+)", path.read_bytes())
    formats = {int(number): Format(name.decode(), int(rate)) for number, name, rate in rtpmap}
    packets = []
    flows: list[Flow] = []
    for time, flow, payload in read_pcap(path):
        if len(payload) < 12 or payload[0] >> 6 != 2 or 192 <= payload[1] <= 223:
            continue
        kind, sequence, timestamp, ssrc = struct.unpack_from("!xBHII", payload)
        marker = kind >= 0x80
        flows += [] if flow in flows else [flow]
        index = flows.index(flow)
        packets.append(Packet(time, sequence, timestamp, kind & 0x7F, index, ssrc, marker))
    table = StreamTable()
    for stream_id in table.add(block_of(packets), flows):
        table.describe(stream_id, formats)
    table.flush()
    return [table.figures(stream_id) for stream_id in table.ids()]


def case_stream(name: str, ssrc: str = "0x11223344", destination: str = "") -> StreamFigures:
    """The figures of one stream of a case; `destination` is text as in the expected values."""
    (found,) = (
        figures
        for figures in case_streams(name)
        if figures.ssrc == int(ssrc, 16)
        and f"{figures.flow.destination.host}:{figures.flow.destination.port}".endswith(destination)
    )
    return found


@needs_cases
@pytest.mark.parametrize(("name", "expected"), expected_streams())
def test_packets_and_jitter_of_the_reference_cases(name: str, expected: dict[str, Any]) -> None:
    figures = case_stream(name, expected["ssrc"], expected["dst"])
    assert figures.packets == sum(expected["payload_types"].values())
    assert set(figures.payload_types) == {int(kind) for kind in expected["payload_types"]}
    jitter = expected["rfc3550"]["jitter_speech_only"]
    if jitter is None:
        assert figures.jitter_last_ms is None
        return
    if name in {"c23_clock_change", "c32_restart_ts_back"}:
        # The reference divides by the first clock, and takes a new timestamp base for jitter.
        assert jitter["ms"] > 90
        assert figures.jitter_max_ms == pytest.approx(0, abs=1e-6)
        return
    # The reference rounds arrivals down to timestamp units, so it may be off by one.
    assert figures.clock_rate is not None
    tolerance = 1000 / figures.clock_rate
    assert figures.jitter_last_ms == pytest.approx(jitter["ms"], abs=tolerance)


@needs_cases
@pytest.mark.parametrize(("name", "expected"), expected_streams())
def test_jitter_over_every_packet_of_the_reference_cases(
    name: str, expected: dict[str, Any]
) -> None:
    figures = case_stream(name, expected["ssrc"], expected["dst"])
    jitter = expected["rfc3550"]["jitter_every_packet"]
    if jitter is None:
        assert figures.jitter_all_last_ms is None
    elif name == "c23_clock_change":  # The reference divides by the first clock.
        assert figures.jitter_all_last_ms == pytest.approx(0, abs=1e-6)
    elif name == "c53_event_not_in_sdp":  # The reference leaves out what SDP does not name.
        assert figures.jitter_all_last_ms == pytest.approx(0.804, abs=0.001)
    else:
        tolerance = 1000 / jitter["clock"]
        assert figures.jitter_all_last_ms == pytest.approx(jitter["ms"], abs=tolerance)


@needs_cases
def test_events_make_jitter_over_every_packet_and_none_over_speech() -> None:
    figures = case_stream("c21_telephone_event")
    assert figures.jitter_all_last_ms == pytest.approx(1.5921, abs=0.001)
    assert figures.jitter_last_ms == 0
    assert figures.not_speech == ("telephone-event",)


@needs_cases
@pytest.mark.parametrize(
    ("name", "sent", "duplicates", "late", "restarts"),
    [
        ("c01_pcmu_clean", 250, 0, 0, 0),
        ("c03_jitter_spikes_reorder", 300, 0, 30, 0),
        ("c04_loss_random", 500, 0, 0, 0),
        ("c05_loss_burst", 800, 0, 0, 0),
        ("c06_reorder_adjacent", 300, 0, 5, 0),
        ("c07_reorder_far", 400, 0, 2, 0),
        ("c08_duplicates", 300, 15, 0, 0),
        ("c09_dup_hides_loss", 300, 10, 0, 0),
        ("c10_seq_wrap", 200, 0, 0, 0),
        ("c11_seq_wrap_loss", 200, 0, 0, 0),
        ("c12_seq_wrap_reorder", 200, 0, 1, 0),
        ("c14_first_packet_late", 200, 0, 1, 0),
        ("c30_outage", 400, 0, 0, 0),
        ("c31_stall_release", 300, 0, 0, 0),
        ("c32_restart_ts_back", 200, 0, 0, 1),
        ("c33_seq_restart", 200, 0, 0, 1),
        ("c58_bad_g729", 500, 0, None, 0),
    ],
)
def test_loss_of_the_reference_cases(
    name: str, sent: int, duplicates: int, late: int | None, restarts: int
) -> None:
    figures = case_stream(name)
    assert figures.expected == sent
    assert figures.lost == sent + duplicates - figures.packets
    assert figures.duplicates == duplicates
    assert late is None or figures.out_of_order == late
    assert figures.restarts == restarts
    assert sum(length * count for length, count in figures.loss_bursts) == figures.lost
    assert sum(interval.lost for interval in figures.intervals) == figures.lost


@needs_cases
def test_loss_reordering_and_duplicates_together() -> None:
    figures = case_stream("c48_everything")
    sequences = {
        struct.unpack_from("!H", payload, 2)[0]
        for _, _, payload in read_pcap(CASES / "pcaps" / "c48_everything.pcap")
        if payload[0] == 0x80
    }
    assert figures.expected == 600
    assert figures.lost == 600 - len(sequences)
    assert figures.duplicates == figures.packets - len(sequences)


@needs_cases
def test_an_outage_is_one_run_of_lost_packets() -> None:
    figures = case_stream("c30_outage")
    assert figures.loss_bursts == ((150, 1),)
    assert figures.loss_percent == 37.5
    assert figures.longest_gap_ms == 3020.0


@needs_cases
@pytest.mark.parametrize(
    ("name", "ppm"), [("c16_drift_plus200ppm", 200), ("c17_drift_minus500ppm", -500)]
)
def test_drift_is_how_much_faster_the_sender_runs(name: str, ppm: int) -> None:
    figures = case_stream(name)
    assert figures.drift_ppm == pytest.approx(ppm, abs=1)
    assert figures.effective_hz == pytest.approx(8000 * (1 + ppm / 1e6), abs=0.01)


@needs_cases
@pytest.mark.parametrize(
    ("name", "codec", "clock_rate", "ptime_ms"),
    [
        ("c01_pcmu_clean", "PCMU", 8000, 20.0),
        ("c26_opus48k", "opus", 48000, 20.0),
        ("c28_l16_44100", "L16", 44100, 10.0),
        ("c29_unknown_pt", None, None, None),
        ("c21_telephone_event", "PCMU", 8000, 20.0),
        ("c34_ptime_change", "PCMU", 8000, 30.0),
        ("c44_g723_g729", "G723", 8000, 30.0),
        ("c54_static_rtpmap_override", "G722", 8000, 20.0),
    ],
)
def test_codec_and_packet_time_of_the_reference_cases(
    name: str, codec: str | None, clock_rate: int | None, ptime_ms: float | None
) -> None:
    figures = case_stream(name)
    assert (figures.codec, figures.clock_rate) == (codec, clock_rate)
    assert figures.ptime_ms == ptime_ms


def one_stream(packets: list[Packet]) -> StreamFigures:
    table = StreamTable()
    for stream_id in table.add(block_of(packets), FLOWS):
        table.describe(stream_id, {})
    table.flush()
    return table.figures(1)


def test_one_packet_leaves_unknown_what_takes_two() -> None:
    figures = one_stream([Packet(0, 1, 0)])
    assert (figures.packets, figures.expected, figures.lost, figures.bytes) == (1, 1, 0, 172)
    assert figures.loss_percent == 0.0
    assert figures.duration_s == 0.0
    assert figures.delta_min_ms is figures.delta_mean_ms is figures.delta_max_ms is None
    assert figures.jitter_mean_ms is figures.jitter_max_ms is figures.jitter_last_ms is None
    assert figures.ptime_ms is figures.drift_ppm is figures.effective_hz is None
    assert figures.longest_gap_ms is None
    assert figures.now is None
    assert figures.skew_ms == 0.0
    (interval,) = figures.intervals
    assert (interval.start, interval.seconds, interval.packets) == (START, 1.0, 1)
    assert interval.jitter_ms is interval.delta_max_ms is None


def test_skew_is_negative_when_packets_come_late() -> None:
    packets = [Packet(index * 20 * MS, index, index * 160) for index in range(50)]
    packets[30] = packets[30]._replace(time=packets[30].time + 15 * MS)
    assert one_stream(packets).skew_ms == pytest.approx(-15)


def test_drift_needs_ten_seconds() -> None:
    packets = [Packet(index * 20 * MS, index, index * 160) for index in range(501)]
    assert one_stream(packets[:500]).drift_ppm is None
    assert one_stream(packets).drift_ppm == pytest.approx(0, abs=1e-6)


def test_loss_of_the_newest_second() -> None:
    now = Now(seconds=2.0, packets=75, lost=25, jitter_ms=None)
    assert now.packets_per_second == 37.5
    assert now.loss_percent == 25.0
