"""The columns equal the definition; the table lists what is RTP and stays bounded."""

import json
import random
import tracemalloc
from dataclasses import asdict, fields, replace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sipscope.decode.address import Flow
from sipscope.decode.rtp import RtpBlock
from sipscope.decode.sdp import Format
from sipscope.rtpqos import streams
from sipscope.rtpqos.codecs import Coding, coding_of
from sipscope.rtpqos.emodel import mean_opinion_score
from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.opinion import Unheard, listening_rating, opinion
from sipscope.rtpqos.streams import StreamTable
from tests.rtpqos.reference import FLOWS, MS, START, Hearing, Packet, Reference, block_of, speech
from tests.rtpqos.wireshark_reference import WiresharkLine, wireshark_clock

FORMATS = {101: Format("telephone-event", 8000), 111: Format("opus", 48000)}


def flushed(*packets: Packet, described: bool = False, capacity: int = 100) -> StreamTable:
    """A table with these packets, one block, all streams announced or none."""
    table = StreamTable(capacity)
    for stream_id in table.add(block_of(packets), FLOWS):
        if described:
            table.describe(stream_id, FORMATS)
    table.flush()
    return table


@st.composite
def traffic(draw: st.DrawFn) -> list[Packet]:
    """Several streams with everything that goes wrong in networks and senders."""
    rng = random.Random(draw(st.integers(0, 1 << 32)))
    packets: list[Packet] = []
    for number in range(draw(st.integers(1, 4))):
        packets += _stream(draw, rng, number)
    packets.sort(key=lambda packet: packet.time)
    if draw(st.booleans()):
        packets = [
            packet._replace(time=packet.time - 35 * MS) if index % 97 == 13 else packet
            for index, packet in enumerate(packets)
        ]
    return packets


def _stream(draw: st.DrawFn, rng: random.Random, number: int) -> list[Packet]:
    sequence, timestamp = rng.randrange(1 << 16), rng.randrange(1 << 32)
    if draw(st.booleans()):
        sequence, timestamp = 65_500 + rng.randrange(36), (1 << 32) - rng.randrange(4000)
    loss = draw(st.sampled_from([0, 0, 0.02, 0.5]))
    delay = draw(st.sampled_from([0, 0, 3, 30, 400]))
    repeat = draw(st.sampled_from([0, 0, 0.05]))
    upset = draw(st.sampled_from([0, 0, 0.01]))
    ptime = draw(st.sampled_from([20, 20, 60]))
    types = draw(st.sampled_from([[0], [0], [8], [111], [120], [0, 0, 0, 13], [0, 0, 101, 111]]))
    marked = draw(st.sampled_from([0, 0, 0.03, 1]))
    packets = []
    time, payload_type = rng.randrange(100) * MS, types[0]
    for _ in range(draw(st.integers(1, 400))):
        if rng.random() < upset:
            kind = rng.randrange(4)
            sequence += rng.choice([-20_000, -300, 150, 4000]) if kind == 0 else 0
            timestamp += rng.choice([-1_000_000, 90_000_000]) if kind == 1 else 0
            time += rng.choice([700, 12_000, 90_000]) * MS if kind == 2 else 0
            payload_type = rng.choice(types)
        sequence, timestamp, time = sequence + 1, timestamp + 8 * ptime, time + ptime * MS
        arrivals = [rng.random() * delay for _ in range(1 + (rng.random() < repeat))]
        packets += [
            Packet(
                time=time + int(late * MS),
                sequence=sequence % 0x10000,
                timestamp=timestamp % 0x100000000,
                payload_type=payload_type,
                flow=number // 2,
                ssrc=number % 3,
                length=rng.randrange(12, 200),
                marker=rng.random() < marked,
            )
            for late in arrivals
            if rng.random() >= loss
        ]
    return packets


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(packets=traffic(), data=st.data())
def test_columns_equal_one_packet_at_a_time(packets: list[Packet], data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(packets)), max_size=8).map(sorted))
    min_divided = data.draw(st.sampled_from([1, streams.MIN_DIVIDED]))
    interval = data.draw(st.sampled_from([10, 3]))
    table = StreamTable(interval_s=interval)
    ids: dict[int, tuple[int, int]] = {}
    references: dict[tuple[int, int], Reference] = {}
    lines: dict[tuple[int, int], WiresharkLine] = {}
    for start, end in zip([0, *cuts], [*cuts, len(packets)], strict=True):
        for stream_id in table.add(block_of(packets[start:end]), FLOWS):
            table.describe(stream_id, FORMATS)
        if data.draw(st.booleans()):
            with patch.object(streams, "MIN_DIVIDED", min_divided):
                table.flush()
    with patch.object(streams, "MIN_DIVIDED", min_divided):
        table.flush()
    for packet in packets:
        key = packet.flow, packet.ssrc
        if key not in references:
            ids[len(ids) + 1] = key
            references[key] = Reference(formats=FORMATS, hearing=Hearing(part=interval * 1000 * MS))
            lines[key] = WiresharkLine()
        references[key].add(packet)
        lines[key].add(packet, *wireshark_clock(packet.payload_type, FORMATS))
    assert table.ids() == list(ids)
    for stream_id, key in ids.items():
        _assert_equal(table.figures(stream_id), references[key], key)
        shown = table.figures(stream_id).wireshark
        assert shown is not None
        assert asdict(shown) == {
            name: pytest.approx(value, rel=1e-9, abs=1e-7)
            for name, value in lines[key].figures().items()
        }


def _assert_equal(figures: StreamFigures, reference: Reference, key: tuple[int, int]) -> None:
    packets = reference.packets
    assert (figures.flow, figures.ssrc) == (FLOWS[key[0]], key[1])
    assert figures.payload_types == tuple(dict.fromkeys(p.payload_type for p in packets))
    assert (figures.first, figures.last) == (START + packets[0].time, START + packets[-1].time)
    assert figures.packets == len(packets)
    assert figures.bytes == sum(packet.length for packet in packets)
    assert figures.lost == reference.lost
    assert figures.duplicates == reference.duplicates
    assert figures.out_of_order == reference.late
    assert figures.strays == reference.strays
    assert figures.restarts == reference.restarts
    assert figures.loss_bursts == reference.bursts
    assert figures.ptime_ms == reference.ptime
    deltas, jitters = reference.deltas, reference.jitters
    assert figures.delta_min_ms == _near(min(deltas, default=None))
    assert figures.delta_max_ms == _near(max(deltas, default=None))
    assert figures.delta_mean_ms == _near(sum(deltas) / len(deltas) if deltas else None)
    assert figures.jitter_last_ms == _near(jitters[-1] if jitters else None)
    assert figures.jitter_max_ms == _near(max(jitters, default=None))
    assert figures.jitter_mean_ms == _near(sum(jitters) / len(jitters) if jitters else None)
    every = reference.jitters_all
    assert figures.jitter_all_last_ms == _near(every[-1] if every else None)
    assert figures.jitter_all_max_ms == _near(max(every, default=None))
    assert figures.jitter_all_mean_ms == _near(sum(every) / len(every) if every else None)
    assert figures.timestamp_jumps == max(reference.jumps, 0)
    assert figures.markers == sum(packet.marker for packet in packets[1:])
    assert figures.skew_ms == _near(reference.skew)
    assert figures.drift_ppm == _near(reference.drift, absolute=1e-6)
    _assert_heard_equal(figures, reference)
    course = reference.course
    assert [interval.packets for interval in figures.intervals] == [c.packets for c in course]
    assert [interval.lost for interval in figures.intervals] == [c.lost for c in course]
    for interval, part in zip(figures.intervals, course, strict=True):
        assert interval.seconds == reference.width / 1e9
        # Intervals are kept with 24 bits of precision.
        assert interval.jitter_ms == _near(part.jitter, relative=1e-6)
        assert interval.delta_max_ms == _near(part.delta, relative=1e-6)


def _assert_heard_equal(figures: StreamFigures, reference: Reference) -> None:
    """What was heard, and what that is worth."""
    hearing, first = reference.hearing, reference.packets[0].time
    lost = Unheard(figures.expected, reference.lost, sum(n for _, n in reference.bursts))
    unheard = Unheard(figures.expected, reference.lost + hearing.discarded, len(hearing.runs))
    bursts = hearing.bursts
    packets, in_bursts = sum(b[-1] - b[0] + 1 for b in bursts), sum(map(len, bursts))
    assert figures.discarded == hearing.discarded
    assert figures.burst_ratio == _near(unheard.burst_ratio)
    assert figures.gap_burst[:3] == (len(bursts), packets, in_bursts)
    assert figures.gap_burst.gap_packets == figures.expected - packets
    assert figures.gap_burst.gap_unheard == unheard.unheard - in_bursts
    course = hearing.course(first, reference.width)
    _assert_adaptive_equal(figures, reference, lost)
    coding = None
    if figures.codec is not None and figures.clock_rate is not None:
        coding = coding_of(Format(figures.codec, figures.clock_rate))
    if coding is None:
        assert figures.mos is figures.r_factor is figures.mos_min is None
        assert figures.causes == ()
        assert all(interval.mos is None for interval in figures.intervals)
        return
    told = figures.r_factor, figures.mos, figures.mos_band, figures.mos_grade, figures.causes
    r, mos, *rest = opinion(coding, lost, unheard)
    assert told == (_near(r), _near(mos), *rest)
    for index, interval in enumerate(figures.intervals):
        assert interval.mos == _near(_mos(coding, Unheard(*course.get(index, (0, 0, 0)))))
    if {packet.payload_type for packet in reference.packets} <= {0, 8, 13, 101}:
        parts = hearing.parts(first)
        part, age = divmod(reference.packets[-1].time - first, hearing.part)
        if 2 * age < hearing.part and max(parts) > 0:
            parts.pop(part, None)
        scores = [_mos(coding, Unheard(*part)) for part in parts.values()]
        assert figures.mos_min == _near(min(score for score in scores if score is not None))


def _assert_adaptive_equal(figures: StreamFigures, reference: Reference, lost: Unheard) -> None:
    delays, hearing = reference.adaptive.delays, reference.adaptive_hearing
    if not delays:
        assert figures.adaptive is None
        return
    assert figures.adaptive is not None
    discarded, mean, greatest, ratio, r, mos, grade = figures.adaptive
    assert discarded == hearing.discarded
    assert mean == _near(sum(delays) / len(delays))
    assert greatest == _near(max(delays))
    unheard = Unheard(lost.expected, lost.unheard + discarded, len(hearing.runs))
    assert ratio == _near(unheard.burst_ratio)
    coding = None
    if figures.codec is not None and figures.clock_rate is not None:
        coding = coding_of(Format(figures.codec, figures.clock_rate))
    if coding is None:
        assert (r, mos, grade) == (None, None, None)
        return
    expected = opinion(coding, lost, unheard)
    assert (r, mos, grade) == (_near(expected.r), _near(expected.mos), expected.grade)


def _mos(coding: Coding, unheard: Unheard) -> float | None:
    if unheard.expected <= 0:
        return None
    return mean_opinion_score(listening_rating(coding, unheard), coding.band)


def _near(value: float | None, relative: float = 1e-9, absolute: float = 1e-9) -> object:
    return None if value is None else pytest.approx(value, rel=relative, abs=absolute)


def test_new_streams_are_told_in_the_order_of_their_first_packet() -> None:
    table = StreamTable()
    packets = [Packet(0, 1, 0, flow=3, ssrc=9), Packet(1, 1, 0, flow=1), Packet(2, 1, 0, flow=3)]
    assert table.add(block_of(packets), FLOWS) == [1, 2, 3]
    assert table.add(block_of(packets), FLOWS) == []
    for stream_id in (3, 1, 2):
        table.describe(stream_id, {})
    table.flush()
    assert table.ids() == [1, 2, 3]
    assert [table.figures(number).flow for number in (1, 2, 3)] == [FLOWS[3], FLOWS[1], FLOWS[3]]
    assert [table.figures(number).ssrc for number in (1, 2, 3)] == [9, 0x1234, 0x1234]


def test_a_flow_is_the_same_whatever_object_it_is() -> None:
    table = flushed(*speech(3), described=True)
    copies = [Flow(*flow) for flow in FLOWS]
    assert table.add(block_of(speech(3, sequence=1003)), copies) == []
    table.flush()
    assert table.figures(1).packets == 6


def test_flush_tells_which_streams_changed() -> None:
    table = flushed(*speech(5), *speech(5, flow=1), described=True)
    assert table.flush() == set()
    table.add(block_of(speech(2, sequence=1005, flow=1)), FLOWS)
    assert table.flush() == {2}


def test_an_empty_block_changes_nothing() -> None:
    table = StreamTable()
    assert table.add(block_of([]), FLOWS) == []
    assert table.flush() == set()


def test_a_described_stream_is_listed_with_its_first_packet() -> None:
    assert flushed(*speech(1), described=True).ids() == [1]


def test_other_streams_are_listed_after_five_packets_with_all_of_them() -> None:
    table = StreamTable()
    for packet in speech(4):
        table.add(block_of([packet]), FLOWS)
        table.flush()
    assert table.ids() == []
    with pytest.raises(KeyError):
        table.figures(1)
    table.add(block_of(speech(5)[4:]), FLOWS)
    assert table.flush() == {1}
    assert table.ids() == [1]
    assert (table.figures(1).packets, table.figures(1).first) == (5, START)


def test_a_stream_with_heavy_loss_is_accepted() -> None:
    assert flushed(*speech(20)[::2]).ids() == [1]


def test_describing_later_makes_the_clock_known_from_then_on() -> None:
    packets = [packet._replace(payload_type=111) for packet in speech(30)]
    table = flushed(*packets[:10])
    assert table.figures(1).jitter_last_ms is None
    table.describe(1, {111: Format("opus", 8000)}, ptime_ms=20)
    table.add(block_of(packets[10:]), FLOWS)
    table.flush()
    figures = table.figures(1)
    assert (figures.codec, figures.jitter_last_ms) == ("opus", 0.0)
    assert (figures.ptime_ms, figures.negotiated_ptime_ms) == (20.0, 20)


def test_streams_on_probation_go_first() -> None:
    gone: list[int] = []
    table = StreamTable(capacity=3, on_evict=gone.append)
    table.add(block_of([Packet(flow, 1, 0, flow=flow) for flow in range(3)]), FLOWS)
    table.describe(1, {})
    table.add(block_of([Packet(9, 1, 0, flow=5)]), FLOWS)
    assert gone == [2]
    assert (table.evicted, table.unaccepted, len(table)) == (0, 1, 3)


def test_then_goes_the_stream_that_has_been_silent_longest() -> None:
    gone: list[int] = []
    table = StreamTable(capacity=3, on_evict=gone.append)
    for flow in (0, 1, 2, 0, 3):
        for stream_id in table.add(block_of([Packet(0, 1, 0, flow=flow)]), FLOWS):
            table.describe(stream_id, {})
        table.flush()
    assert gone == [2]
    assert table.ids() == [1, 3, 4]
    assert (table.evicted, table.unaccepted) == (1, 0)
    assert 2 not in table
    with pytest.raises(KeyError):
        table.figures(2)


def test_pinned_streams_stay() -> None:
    table = flushed(*speech(1), *speech(1, flow=1), described=True, capacity=2)
    table.pin(1)
    assert table.add(block_of(speech(1, flow=2)), FLOWS) == [3]
    assert (1 in table, 2 in table) == (True, False)
    table.pin(3)
    assert table.add(block_of(speech(1, flow=3)), FLOWS) == []
    table.pin(1, pinned=False)
    assert table.add(block_of(speech(1, flow=4)), FLOWS) == [5]
    assert 1 not in table


def test_packets_of_a_stream_that_went_are_not_added_to_another() -> None:
    table = StreamTable(capacity=1)
    table.add(block_of(speech(5)), FLOWS)
    table.add(block_of(speech(6, flow=1)), FLOWS)
    table.flush()
    assert table.ids() == [2]
    assert table.figures(2).packets == 6


def test_an_id_is_never_used_again() -> None:
    table = StreamTable(capacity=1)
    ids = [table.add(block_of(speech(1, flow=flow % 2)), FLOWS) for flow in range(4)]
    assert ids == [[1], [2], [3], [4]]


def test_describing_or_pinning_what_is_gone_is_passed_over() -> None:
    table = StreamTable()
    table.describe(7, {})
    table.pin(7)
    assert len(table) == 0


def test_a_spray_of_sources_stays_within_the_table() -> None:
    count, block = 40_000, 4000
    rng = random.Random(1)
    table = StreamTable(capacity=2000)
    table.add(block_of(speech(5)), FLOWS)
    table.flush()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(count // block):
        sprayed = [
            Packet(index, 1, 0, flow=index % 10, ssrc=rng.getrandbits(32)) for index in range(block)
        ]
        table.add(block_of(sprayed), FLOWS)
        del sprayed
        table.flush()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(table) == 2000
    assert table.unaccepted == count - 1999
    assert table.ids() == [1]
    assert (after - before) / 2000 < 1500


HOUR = 180_000
MINUTE = 3000


def hour_of_speech(hour: int) -> RtpBlock:
    """Frames of 20 ms; each minute three are lost and one is 200 ms late."""
    index = np.arange(HOUR)[np.arange(HOUR) % MINUTE > 2]
    number = index + hour * HOUR
    time = START + number * 20 * MS + (index % MINUTE == 500) * 200 * MS
    order = np.argsort(time, kind="stable")
    one = block_of([Packet(0, 0, 0)])
    many = {name.name: np.repeat(getattr(one, name.name), len(index)) for name in fields(one)}
    return replace(
        RtpBlock(**many),
        time=time[order],
        sequence=(number[order] & 0xFFFF).astype(np.uint16),
        timestamp=((number[order] * 160 + 0xFFF00000) & 0xFFFFFFFF).astype(np.uint32),
    )


def test_a_stream_takes_no_more_memory_after_a_day() -> None:
    table = StreamTable()
    used = []
    tracemalloc.start()
    for hour in range(24):
        for stream_id in table.add(hour_of_speech(hour), FLOWS):
            table.describe(stream_id, {})
        table.flush()
        used.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    figures = table.figures(1)
    minutes = 24 * 60
    # The first three never came before the first one, so they are not lost; the sequence
    # numbers wrap 65 times and the timestamps once.
    assert figures.packets == 24 * HOUR - 3 * minutes
    assert (figures.expected, figures.lost) == (24 * HOUR - 3, 3 * (minutes - 1))
    assert figures.loss_bursts == ((3, minutes - 1),)
    assert (figures.duplicates, figures.out_of_order, figures.strays) == (0, minutes, 0)
    assert (figures.restarts, figures.timestamp_jumps) == (0, 0)
    assert (figures.discarded, figures.gap_burst.bursts) == (minutes, minutes - 1)
    assert figures.jitter_max_ms == pytest.approx(200 / 16 * (1 + 15 / 16), rel=1e-3)
    assert figures.jitter_all_mean_ms == figures.jitter_mean_ms
    assert figures.drift_ppm == pytest.approx(0, abs=0.1)
    assert figures.skew_ms == pytest.approx(-200)
    assert figures.ptime_ms == 20
    assert figures.duration_s == pytest.approx(86_400, abs=0.1)
    assert len(figures.intervals) == 85
    assert sum(interval.packets for interval in figures.intervals) == figures.packets
    assert figures.adaptive is not None
    assert figures.adaptive.discarded == minutes
    assert figures.adaptive.delay_mean_ms == pytest.approx(20, abs=1e-4)
    coding = coding_of(Format("PCMU", 8000))
    assert coding is not None
    assert figures.mos_min == _near(_mos(coding, Unheard(503, 4, 2)))
    assert figures.wireshark is not None
    assert figures.wireshark.expected == figures.expected
    assert figures.wireshark.lost == figures.lost
    # numpy keeps a few kilobytes of small blocks to use again.
    assert max(used[2:]) - used[1] < 65_536


@pytest.mark.parametrize("size", [1000, 60_000])
def test_an_hour_is_the_same_however_it_comes(size: int) -> None:
    block = hour_of_speech(23)
    whole, cut = StreamTable(), StreamTable()
    for table, step in ((whole, len(block)), (cut, size)):
        for start in range(0, len(block), step):
            for stream_id in table.add(part(block, start, start + step), FLOWS):
                table.describe(stream_id, {})
            table.flush()
    assert flat(whole.figures(1)) == flat(cut.figures(1))


def flat(figures: StreamFigures) -> dict[str, object]:
    """The figures to the nanosecond, without the newest second, which a flush closes."""
    values = {
        **asdict(figures),
        "now": None,
        "wireshark": figures.wireshark and asdict(figures.wireshark),
    }
    text = json.dumps(values, default=repr)
    found: dict[str, object] = json.loads(text, parse_float=lambda digits: round(float(digits), 6))
    return found


def part(block: RtpBlock, start: int, end: int) -> RtpBlock:
    names = [name.name for name in fields(block) if name.name not in {"rtcp", "other"}]
    return replace(block, **{name: getattr(block, name)[start:end] for name in names})


def test_a_table_knows_its_streams_before_they_are_listed() -> None:
    table = StreamTable()
    table.add(block_of(speech(3, flow=2)), FLOWS)
    assert (table.flow(1), table.ssrc(1), table.listed(1)) == (FLOWS[2], 0x1234, False)
    assert (table.flow(2), table.ssrc(2), table.listed(2)) == (None, None, False)
    assert (table.pending, table.packets) == (3, 0)
    table.describe(1, {})
    table.flush()
    assert table.listed(1)
    assert table.packets == 3
    assert table.pending == 0


def test_a_removed_stream_is_forgotten_but_not_evicted() -> None:
    gone: list[int] = []
    table = StreamTable(on_evict=gone.append)
    table.add(block_of(speech(5)), FLOWS)
    table.describe(1, {})
    table.flush()
    table.pin(1)
    table.remove(1)
    table.remove(1)
    assert (len(table), table.evicted, gone) == (0, 0, [])
    assert table.add(block_of(speech(5)), FLOWS) == [2]
    table.flush()
    assert table.figures(2).packets == 5


@pytest.mark.parametrize("numbers", [[7] * 40, [n * 7919 for n in range(40)]])
def test_what_only_looks_like_rtp_is_dropped_now_and_then(numbers: list[int]) -> None:
    packets = [Packet(index * MS, number, 0) for index, number in enumerate(numbers)]
    table = StreamTable()
    for start in range(0, 40, 4):
        table.add(block_of(packets[start : start + 4]), FLOWS)
        table.flush()
    assert table.ids() == []
    assert (table.dropped, table.pending) == (32, 8)


def test_the_lossiest_come_first_and_of_equals_the_most_jittery() -> None:
    clean, steady = speech(10, flow=0), speech(10, flow=1)
    late = [packet._replace(time=packet.time + packet.sequence % 2 * MS) for packet in steady]
    lossy = [packet for packet in speech(10, flow=2) if packet.sequence != 1004]
    table = flushed(*sorted((*clean, *late, *lossy), key=lambda packet: packet.time))
    by_flow = {table.flow(number): number for number in table.ids()}
    order = [by_flow[FLOWS[index]] for index in (2, 1, 0)]
    assert table.lossiest(3) == order
    assert table.lossiest(2) == order[:2]
    assert StreamTable().lossiest(5) == []


def test_packets_are_those_of_listed_streams() -> None:
    table = flushed(*speech(7, flow=0), *speech(2, flow=1))
    assert table.packets == 7


def test_what_a_summary_does_not_show_can_be_left_out() -> None:
    table = StreamTable(every_figure=False)
    table.add(block_of(speech(7)), FLOWS)
    table.flush()
    assert table.figures(1).wireshark is None
    assert table.figures(1).adaptive is None
    assert table.figures(1).packets == 7
