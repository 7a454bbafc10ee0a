"""MOS-CQ: the E-model with delay, where there is evidence of delay."""

import pytest

from sipscope.decode.sdp import Format
from sipscope.rtpqos.codecs import coding_of
from sipscope.rtpqos.conversation import conversation, conversational_opinion, one_way_delay_ms
from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.report_figures import RtcpFigures
from tests.rtpqos.control import RTCP, RTP, Point, X, Y, block, extended, sender, short, voip
from tests.signalling import Sent, rtp, store_of

PCMA = coding_of(Format("PCMA", 8000))
OPUS = coding_of(Format("opus", 48000))
assert PCMA is not None
assert OPUS is not None


def heard(*, lost: range = range(0)) -> StreamFigures:
    """500 packets of PCMA from A to B."""
    store = store_of(
        Sent(20 * n, rtp(n, X), "10.0.0.1", "10.0.0.2", 10000, 20000)
        for n in range(500)
        if n not in lost
    )
    return store.streams.figures(1)


def told(*, round_trip: float | None = None, xr: bytes = b"") -> RtcpFigures:
    """What RTCP says of it; the capture point is beside A."""
    point = Point()
    point.passes(0, sender(X, 0))
    if round_trip is not None:
        back = 100 + round_trip
        point.passes(back, sender(Y, 0, block(X, lsr=short(0), delay=100)), RTCP.reverse)
        point.passes(back + 50, sender(X, 1, block(Y, lsr=short(0), delay=50)))
    if xr:
        point.passes(900, extended(Y, 7, xr), RTCP.reverse)
    figures = point.table.figures(RTP, X, 8000)
    assert figures is not None
    return figures


@pytest.mark.parametrize(
    ("delay_ms", "r"),
    [(0, 93.21), (50, 91.76), (100, 90.66), (150, 89.54), (250, 79.18), (400, 62.25)],
)
def test_g711_without_loss_is_what_g107_gives(delay_ms: float, r: float) -> None:
    assert PCMA is not None
    assert conversational_opinion(PCMA, 0, 1, delay_ms).r == pytest.approx(r, abs=0.01)


def test_loss_costs_as_much_as_for_a_listener() -> None:
    assert PCMA is not None
    clean, lossy = (conversational_opinion(PCMA, loss, 1, 200) for loss in (0, 2))
    assert clean.r - lossy.r == pytest.approx(95 * 2 / (2 + 25.1))


def test_in_other_bands_it_is_pure_delay() -> None:
    assert OPUS is not None
    assert conversational_opinion(OPUS, 0, 1, 100).r == pytest.approx(148 - 10.2)
    talk = conversational_opinion(OPUS, 0, 1, 300)
    assert talk.r == pytest.approx(148 - 10.2 - 1.48 * (93.21 - 78.45), abs=0.02)
    assert talk.band == "fb"


def test_beyond_half_a_second_the_model_is_not_valid() -> None:
    assert PCMA is not None
    assert conversational_opinion(PCMA, 0, 1, 500).valid
    assert not conversational_opinion(PCMA, 0, 1, 501).valid
    assert not conversational_opinion(PCMA, 21, 1, 100).valid


def test_r_is_never_below_0() -> None:
    assert PCMA is not None
    talk = conversational_opinion(PCMA, 100, 8, 5000)
    assert (talk.r, talk.mos) == (0.0, 1.0)


def test_delay_is_half_the_round_trip_a_packet_and_the_jitter_buffer() -> None:
    delay = one_way_delay_ms(heard(), told(round_trip=40))
    assert delay == pytest.approx(20 + 20 + 60, abs=0.01)


def test_what_the_receiver_says_of_its_end_goes_before_our_buffer() -> None:
    rtcp = told(round_trip=40, xr=voip(X, round_trip=999, end_system=130))
    assert one_way_delay_ms(heard(), rtcp) == pytest.approx(20 + 130, abs=0.01)


def test_without_a_round_trip_there_is_no_mos_cq() -> None:
    assert one_way_delay_ms(heard(), told()) is None
    assert conversation(heard(), told()) is None


def test_mos_cq_of_a_stream_is_below_its_mos_lq() -> None:
    stream = heard(lost=range(100, 110))
    talk = conversation(stream, told(round_trip=300))
    assert talk is not None
    assert stream.r_factor is not None
    assert talk.delay_ms == pytest.approx(230, abs=0.01)
    assert PCMA is not None
    without_loss = conversational_opinion(PCMA, 0, 1, talk.delay_ms).r
    assert talk.r == pytest.approx(stream.r_factor - (93.2062077 - without_loss))
