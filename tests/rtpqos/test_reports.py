"""Reports of RTCP find the streams that they are about."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.network import NetworkDecoder
from sipscope.decode.rtcp_xr import StatisticsSummary, VoipMetrics
from sipscope.decode.rtp import rtp_block
from sipscope.rtpqos.report_figures import RtcpFigures
from sipscope.rtpqos.reports import MAX_SAME_SSRC, MAX_SENT, RtcpTable
from tests.packets import START, batch, ethernet, ipv4, udp
from tests.rtpqos.control import (
    MS,
    RTCP,
    RTP,
    A,
    B,
    Point,
    X,
    Y,
    block,
    cname,
    extended,
    goodbye,
    ntp,
    packet,
    receiver,
    sender,
    short,
    voip,
)


def of(point: Point, flow: Flow = RTP, ssrc: int = X, clock: int | None = 8000) -> RtcpFigures:
    figures = point.table.figures(flow, ssrc, clock)
    assert figures is not None
    return figures


class TestReception:
    def test_the_newest_report_counts_and_the_worst_is_kept(self) -> None:
        point = Point()
        reports = [
            block(X, fraction=13, lost=5, jitter=80),
            block(X, fraction=64, lost=40, jitter=240),
            block(X, fraction=0, lost=38, jitter=16),
        ]
        for n, report in enumerate(reports):
            point.passes(5000 * n, receiver(Y, report), RTCP.reverse)
        figures = of(point)
        assert (figures.reports, figures.reporter) == (3, Y)
        assert figures.fraction_lost_percent == 0.0
        assert figures.worst_fraction_lost_percent == 25.0
        assert figures.cumulative_lost == 38
        assert (figures.jitter_ms, figures.worst_jitter_ms) == (2.0, 30.0)
        assert (figures.first, figures.last) == (START, START + 10_000 * MS)

    def test_cumulative_loss_may_be_negative(self) -> None:
        point = Point()
        point.passes(0, receiver(Y, block(X, lost=-2)), RTCP.reverse)
        assert of(point).cumulative_lost == -2

    def test_jitter_is_by_the_clock_of_the_stream(self) -> None:
        point = Point()
        point.passes(0, receiver(Y, block(X, jitter=480)), RTCP.reverse)
        assert of(point, clock=48_000).jitter_ms == 10.0
        assert of(point, clock=None).jitter_ms is None

    def test_a_report_that_was_captured_twice_counts_once(self) -> None:
        point = Point()
        report = sender(Y, 0, block(X, fraction=1, lost=1))
        for ms in (0, 0.1, 5000):
            point.passes(ms, report, RTCP.reverse)
        assert of(point).reports == 2
        assert of(point, RTP.reverse, Y).sender_reports == 1

    def test_an_empty_block_is_about_nobody(self) -> None:
        point = Point()
        point.passes(0, receiver(Y, bytes(24)), RTCP.reverse)
        assert point.table.figures(RTP, 0, 8000) is None

    def test_voip_metrics_and_a_statistics_summary(self) -> None:
        point = Point()
        point.passes(0, extended(Y, 7, voip(X)), RTCP.reverse)
        point.passes(0, extended(Y, 6, X.to_bytes(4, "big") + bytes(32), 0x80), RTCP.reverse)
        figures = of(point)
        assert isinstance(figures.voip, VoipMetrics)
        assert (figures.voip.r_factor, figures.voip.mos_lq) == (82, 4.1)
        assert figures.summary == StatisticsSummary(X, 0, 0, 0, None, None, None)
        assert figures.reports == 0
        assert figures.cumulative_lost is None


class TestSender:
    def test_what_it_sent_is_by_its_newest_report(self) -> None:
        point = Point()
        for n in (1, 2):
            point.passes(5000 * n, sender(X, 5000 * n, packets=250 * n) + cname(X, b"a@x"))
        figures = of(point)
        assert (figures.sender_reports, figures.sent_packets, figures.sent_octets) == (
            2,
            500,
            80000,
        )
        assert figures.cname == b"a@x"
        assert (figures.reports, figures.fraction_lost_percent) == (0, None)

    def test_it_leaves_with_a_reason(self) -> None:
        point = Point()
        point.passes(1000, goodbye(X, b"Adjo"))
        assert (of(point).goodbye, of(point).goodbye_reason) == (START + 1000 * MS, b"Adjo")


class TestRoundTrip:
    def test_each_half_is_from_the_capture_point_to_a_side_and_back(self) -> None:
        """30 ms from here to B, 10 ms back; 2 ms from here to A, 3 ms back."""
        point = Point()
        point.passes(0, sender(X, 0))
        point.passes(540, sender(Y, 700, block(X, lsr=short(0), delay=500)), RTCP.reverse)
        point.passes(1045, sender(X, 1000, block(Y, lsr=short(700), delay=500)))
        figures = of(point)
        assert figures.receiver_echo is not None
        assert figures.sender_echo is not None
        assert figures.receiver_echo.mean_ms == pytest.approx(40, abs=0.01)
        assert figures.sender_echo.mean_ms == pytest.approx(5, abs=0.01)
        assert figures.round_trip_ms == pytest.approx(45, abs=0.01)
        assert of(point, RTP.reverse, Y).round_trip_ms == figures.round_trip_ms

    def test_it_has_its_newest_least_mean_and_longest(self) -> None:
        point = Point()
        for n, trip in enumerate((40, 10, 70, 40)):
            point.passes(5000 * n, sender(X, 5000 * n))
            report = receiver(Y, block(X, lsr=short(5000 * n), delay=100))
            point.passes(5000 * n + 100 + trip, report, RTCP.reverse)
        echo = of(point).receiver_echo
        assert echo is not None
        assert echo == pytest.approx((40, 10, 40, 70, 4), abs=0.01)
        assert of(point).round_trip_ms is None

    def test_without_the_report_that_is_answered_there_is_none(self) -> None:
        point = Point()
        point.passes(0, sender(X, 0))
        for lsr in (0, short(1)):
            point.passes(540, receiver(Y, block(X, lsr=lsr, delay=500)), RTCP.reverse)
        assert of(point).receiver_echo is None

    def test_a_delay_longer_than_the_time_between_is_passed_over(self) -> None:
        point = Point()
        point.passes(0, sender(X, 0))
        point.passes(540, receiver(Y, block(X, lsr=short(0), delay=600)), RTCP.reverse)
        assert of(point).receiver_echo is None
        point.passes(1540, receiver(Y, block(X, lsr=short(0), delay=1541)), RTCP.reverse)
        echo = of(point).receiver_echo
        assert echo is not None
        assert echo.last_ms == 0.0

    def test_only_the_last_reports_are_remembered(self) -> None:
        point = Point()
        for n in range(MAX_SENT + 1):
            point.passes(100 * n, sender(X, 100 * n))
        point.passes(5000, receiver(Y, block(X, lsr=short(0), delay=4900)), RTCP.reverse)
        assert of(point).receiver_echo is None
        point.passes(5001, receiver(Y, block(X, lsr=short(100), delay=4800)), RTCP.reverse)
        assert of(point).receiver_echo is not None

    def test_a_receiver_that_sends_nothing_asks_by_reference_time(self) -> None:
        """RRTR of B, DLRR of A (RFC 3611 section 4.4, 4.5)."""
        point = Point()
        point.passes(0, extended(Y, 4, ntp(0).to_bytes(8, "big")), RTCP.reverse)
        answer = Y.to_bytes(4, "big") + short(0).to_bytes(4, "big") + (65536).to_bytes(4, "big")
        point.passes(1020, sender(X, 1020) + extended(X, 5, answer))
        figures = of(point)
        assert figures.sender_dlrr is not None
        assert figures.sender_dlrr.mean_ms == pytest.approx(20)
        assert figures.sender_rtt == figures.sender_dlrr
        assert figures.sender_echo is None


class TestAddresses:
    def test_rtcp_on_the_port_of_rtp_counts(self) -> None:
        point = Point()
        point.passes(0, sender(X, 0), RTP)
        point.passes(100, receiver(Y, block(X, lost=7)), RTP.reverse)
        assert of(point).sent_packets == 250
        assert of(point).cumulative_lost == 7

    def test_behind_nat_one_port_is_enough(self) -> None:
        point = Point()
        point.passes(0, receiver(Y, block(X, lost=7)), Flow(Endpoint(B, 61234), Endpoint(A, 10001)))
        assert of(point).cumulative_lost == 7

    def test_two_other_ports_are_another_call(self) -> None:
        point = Point()
        point.passes(0, receiver(Y, block(X)), Flow(Endpoint(B, 61234), Endpoint(A, 10003)))
        assert point.table.figures(RTP, X, 8000) is None
        assert point.table.knows(X)

    def test_a_port_that_sdp_names_counts(self) -> None:
        point = Point()
        point.passes(0, receiver(Y, block(X, lost=7)), Flow(Endpoint(B, 61234), Endpoint(A, 53020)))
        figures = point.table.figures(RTP, X, 8000, {Endpoint(A, 53020)})
        assert figures is not None
        assert figures.cumulative_lost == 7

    def test_calls_with_the_same_ssrc_are_told_apart_by_their_ports(self) -> None:
        point = Point()
        for n in range(4):
            there = Flow(Endpoint(A, 10001 + 2 * n), Endpoint(B, 20001 + 2 * n))
            point.passes(n, sender(X, n, packets=100 + n), there)
            point.passes(n, receiver(Y, block(X, lost=n)), there.reverse)
        for n in range(4):
            figures = of(point, Flow(Endpoint(A, 10000 + 2 * n), Endpoint(B, 20000 + 2 * n)))
            assert (figures.sent_packets, figures.cumulative_lost) == (100 + n, n)

    def test_the_legs_of_a_relay_are_told_apart_by_their_hosts(self) -> None:
        relay = bytes([10, 0, 0, 9])
        point = Point()
        legs = (
            (Endpoint(A, 10000), Endpoint(relay, 30000)),
            (
                Endpoint(relay, 30000),
                Endpoint(B, 20000),
            ),
        )
        for n, (source, destination) in enumerate(legs):
            rtcp = Flow(source._replace(port=source.port + 1), destination._replace(port=30001 - n))
            point.passes(n, receiver(Y, block(X, lost=n + 1)), rtcp.reverse)
        assert of(point, Flow(*legs[0])).cumulative_lost == 1
        assert of(point, Flow(*legs[1])).cumulative_lost == 2

    def test_reports_of_the_other_direction_are_not_those_of_this(self) -> None:
        point = Point()
        point.passes(0, receiver(X, block(Y, lost=3)))
        assert point.table.figures(RTP, Y, 8000) is None
        assert of(point, RTP.reverse, Y).cumulative_lost == 3

    def test_ipv6(self) -> None:
        a, b = bytes(15) + b"\1", bytes(15) + b"\2"
        point = Point()
        point.passes(0, sender(X, 0), Flow(Endpoint(a, 1001), Endpoint(b, 2001)))
        assert of(point, Flow(Endpoint(a, 1000), Endpoint(b, 2000))).sender_reports == 1


class TestHostile:
    def test_srtcp_is_counted_and_gives_no_figures(self) -> None:
        point = Point()
        clear = sender(X, 0, block(Y, fraction=255, lost=-99))[:8]
        point.passes(0, clear + bytes(range(44, 132)) + b"\x80\0\0\1" + bytes(10))
        figures = of(point)
        assert figures.encrypted == point.table.encrypted == 1
        assert (figures.sender_reports, figures.sent_packets) == (0, None)
        assert point.table.figures(RTP.reverse, Y, 8000) is None

    def test_what_is_no_rtcp_leaves_nothing_but_a_count(self) -> None:
        point = Point()
        point.passes(0, b"\x80\xc8\xff\xff" + bytes(40))
        assert (point.table.malformed, len(point.table)) == (1, 0)

    def test_sources_are_bounded_and_those_that_one_packet_named_go_first(self) -> None:
        point = Point(100)
        for ms in (0, 5000):
            point.passes(ms, sender(X, ms))
        for n in range(1000):
            point.passes(6000 + n, sender(n, n))
        assert len(point.table) == 100
        assert point.table.evicted == 901
        assert of(point).sender_reports == 2

    def test_then_those_go_that_are_silent_longest(self) -> None:
        point = Point(3)
        for n in range(4):
            for ms in (2 * n, 2 * n + 1):
                point.passes(ms, sender(n, ms))
        assert point.table.figures(RTP, 0, None) is None
        assert [of(point, ssrc=n).sender_reports for n in (1, 2, 3)] == [2, 2, 2]

    def test_one_ssrc_on_many_ports_is_bounded(self) -> None:
        point = Point()
        for port in range(1000):
            point.passes(port, sender(X, port), Flow(Endpoint(A, port), Endpoint(B, 20001)))
        assert len(point.table) == MAX_SAME_SSRC

    def test_thirty_one_blocks_with_one_ssrc_on_many_ports_take_no_time(self) -> None:
        point = Point()
        for n in range(MAX_SAME_SSRC):
            point.passes(n, sender(X, n), Flow(Endpoint(A, n), Endpoint(B, 20001)))
        blocks = [block(X, lsr=1, lost=n) for n in range(31)]
        began = time.process_time()
        for n in range(100):
            point.passes(n, receiver(Y, *blocks), Flow(Endpoint(B, n), Endpoint(A, 99)))
        assert time.process_time() - began < 1

    @given(st.lists(st.tuples(st.integers(192, 223), st.binary(max_size=80), st.integers(0, 31))))
    def test_any_packets_give_figures_or_none(self, parts: list[tuple[int, bytes, int]]) -> None:
        point = Point()
        for kind, body, count in parts:
            point.passes(
                0, packet(kind, X.to_bytes(4, "big") + body + bytes(-len(body) % 4), count)
            )
        point.table.figures(RTP, X, 8000)
        point.table.figures(RTP.reverse, X, 8000)


Event = tuple[float, bytes, Flow]


@st.composite
def conversations(draw: st.DrawFn) -> list[Event]:
    """Reports both ways, some of them twice, of one or two calls."""
    events: list[Event] = []
    for n in range(draw(st.integers(1, 12))):
        ms = 1000.0 * n
        port = draw(st.sampled_from([0, 2]))
        there = Flow(Endpoint(A, 10001 + port), Endpoint(B, 20001 + port))
        answer = block(Y, lost=n, jitter=n, lsr=short(ms - 500), delay=draw(st.integers(0, 600)))
        events.append((ms, sender(X, ms, answer) + cname(X, b"a"), there))
        if draw(st.booleans()):
            events.append((ms, sender(X, ms, answer), there))
        back = block(X, fraction=n, lsr=short(ms), delay=draw(st.integers(0, 600)))
        events.append((ms + 500, sender(Y, ms + 500, back), there.reverse))
    return events


@given(conversations(), st.lists(st.integers(0, 36)))
def test_the_figures_are_the_same_whatever_the_batches(
    events: list[Event], cuts: list[int]
) -> None:
    frames = [
        ethernet(
            ipv4(
                udp(payload, flow.source.port, flow.destination.port),
                flow.source.host,
                flow.destination.host,
            )
        )
        for _, payload, flow in events
    ]
    times = [START + round(ms * MS) for ms, _, _ in events]

    def table(borders: list[int]) -> RtcpTable:
        result, decoder = RtcpTable(), NetworkDecoder()
        for begin, end in zip([0, *borders], [*borders, len(frames)], strict=True):
            if begin < end:
                decoded = decoder.decode(batch(frames[begin:end], times=times[begin:end]))
                rows = rtp_block(decoded.datagrams).rtcp
                assert rows.dtype == np.int64
                result.add(decoded.datagrams, rows)
        return result

    whole = table([])
    parts = table(sorted(min(cut, len(frames)) for cut in cuts))
    assert whole.packets == parts.packets == len(events)
    for port in (0, 2):
        flow = Flow(Endpoint(A, 10000 + port), Endpoint(B, 20000 + port))
        for ssrc, direction in ((X, flow), (Y, flow.reverse)):
            assert whole.figures(direction, ssrc, 8000) == parts.figures(direction, ssrc, 8000)
