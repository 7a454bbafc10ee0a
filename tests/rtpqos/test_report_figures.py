"""Round trips put together from their halves."""

from sipscope.rtpqos.report_figures import RoundTrip, RtcpFigures
from tests.rtpqos.control import RTCP, RTP, Point, X, Y, block, extended, sender, short, voip


def figures(point: Point) -> RtcpFigures:
    found = point.table.figures(RTP, X, 8000)
    assert found is not None
    return found


def test_one_half_is_no_round_trip() -> None:
    point = Point()
    point.passes(0, sender(X, 0))
    point.passes(1040, sender(Y, 0, block(X, lsr=short(0), delay=1000)), RTCP.reverse)
    assert figures(point).receiver_rtt is not None
    assert figures(point).sender_rtt is None
    assert figures(point).round_trip_ms is None


def test_both_halves_are_their_means_together() -> None:
    point = Point()
    point.passes(0, sender(X, 0))
    point.passes(1040, sender(Y, 0, block(X, lsr=short(0), delay=1000)), RTCP.reverse)
    point.passes(2040, sender(X, 2000, block(Y, lsr=short(0), delay=1000)))
    point.passes(3060, sender(X, 3000, block(Y, lsr=short(0), delay=2000)))
    trip = figures(point).round_trip_ms
    assert trip is not None
    assert round(trip, 2) == 50.0


def test_without_them_it_is_what_the_receiver_says() -> None:
    point = Point()
    point.passes(0, extended(Y, 7, voip(X, round_trip=85)), RTCP.reverse)
    assert figures(point).round_trip_ms == 85
    point.passes(1, extended(Y, 7, voip(X, round_trip=0)), RTCP.reverse)
    assert figures(point).round_trip_ms is None


def test_an_answer_to_a_sender_report_goes_before_one_to_a_reference_time() -> None:
    echo, dlrr = RoundTrip(1, 1, 1, 1, 1), RoundTrip(2, 2, 2, 2, 1)
    point = Point()
    point.passes(0, sender(X, 0))
    known = figures(point)
    both = {name: getattr(known, name) for name in RtcpFigures.__slots__}
    both |= {"sender_echo": echo, "sender_dlrr": dlrr, "receiver_dlrr": dlrr}
    assert RtcpFigures(**both).sender_rtt == echo
    assert RtcpFigures(**both).receiver_rtt == dlrr
    assert RtcpFigures(**both).round_trip_ms == 3
