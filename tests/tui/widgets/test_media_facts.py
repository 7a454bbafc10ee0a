"""What a call's media did, in words."""

from dataclasses import replace

import pytest

from sipscope.calls.media_facts import Direction, Fax, InfoDigit, MediaFacts, StreamMedia
from sipscope.calls.rows import stream_figures
from sipscope.decode.address import Endpoint, parse_address
from sipscope.decode.rtcp_xr import VoipMetrics
from sipscope.rtpqos.dtmf import Digit
from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.report_figures import RoundTrip, RtcpFigures
from sipscope.tui.line_list import Span
from sipscope.tui.widgets.media_facts import call_lines, media_lines, rtcp_lines
from sipscope.tui.widgets.wrapping import Line, line_text
from tests.signalling import PBX, PHONE, answered_call, store_of

USUAL = MediaFacts(
    one_way=False,
    held=False,
    directions=(),
    dscp_differs=False,
    fax=None,
    info_digits=(),
    streams=(),
)
PLAIN = StreamMedia(
    id=1,
    media="audio",
    srtp=False,
    digits=(),
    unnegotiated=(),
    codecs=("PCMA",),
    negotiated_ptime_ms=20,
    ptime_differs=False,
    announced=None,
    comfort_noise=0,
    silence_suppression=False,
    dscp=46,
    dscp_changes=0,
)
NOTHING = RtcpFigures(
    encrypted=0,
    reports=0,
    first=None,
    last=None,
    reporter=None,
    fraction_lost_percent=None,
    worst_fraction_lost_percent=None,
    cumulative_lost=None,
    highest_sequence=None,
    jitter_ms=None,
    worst_jitter_ms=None,
    receiver_echo=None,
    sender_echo=None,
    receiver_dlrr=None,
    sender_dlrr=None,
    sender_reports=0,
    sent_packets=None,
    sent_octets=None,
    cname=None,
    goodbye=None,
    goodbye_reason=b"",
    voip=None,
    summary=None,
)
REPORTED = replace(
    NOTHING,
    reports=2,
    fraction_lost_percent=0.4,
    worst_fraction_lost_percent=5.1,
    cumulative_lost=1234,
    jitter_ms=3.25,
    worst_jitter_ms=40.0,
)
VOIP = VoipMetrics(
    ssrc=1,
    loss_rate=0,
    discard_rate=64,
    burst_density=0,
    gap_density=0,
    burst_ms=0,
    gap_ms=0,
    round_trip_ms=None,
    end_system_ms=None,
    signal_dbm=None,
    noise_dbm=None,
    echo_return_loss_db=None,
    gmin=16,
    r_factor=None,
    external_r_factor=None,
    mos_lq=3.4,
    mos_cq=None,
    concealment=0,
    adaptive=0,
    buffer_rate=0,
    buffer_nominal_ms=0,
    buffer_maximum_ms=0,
    buffer_limit_ms=0,
)


@pytest.fixture(scope="module")
def figures() -> StreamFigures:
    """A hundred packets of the phone."""
    store = store_of(answered_call(media=100))
    return stream_figures(store.dialogs[1], store.streams)[0]


def endpoint(host: str, port: int) -> Endpoint:
    address = parse_address(host)
    assert address is not None
    return Endpoint(address, port)


def texts(lines: list[Line]) -> list[str]:
    return [line_text(line).rstrip() for line in lines]


def test_a_call_as_usual_has_no_lines() -> None:
    assert call_lines(USUAL, 79) == []


def test_one_way_audio_stands_first_and_names_the_way_that_is_missing() -> None:
    phone, pbx = endpoint(PHONE, 40000), endpoint(PBX, 18000)
    ways = Direction(phone, pbx, 4.0, (1,), 200, (0,)), Direction(pbx, phone, 4.0, (), 0, ())
    facts = replace(USUAL, one_way=True, directions=ways, held=True)
    lines = call_lines(facts, 79)
    assert texts(lines) == [
        f"● One way: no packets from {pbx} to {phone}",
        "  call          was on hold",
    ]
    assert lines[0][0].style == "failed"


def test_a_call_tells_of_marking_digits_and_fax() -> None:
    sender = endpoint(PHONE, 5060)
    facts = replace(
        USUAL,
        dscp_differs=True,
        info_digits=tuple(InfoDigit(digit, 0, None, sender, 3, 200) for digit in "12#"),
        fax=Fax(0, True, 200, 1110),
    )
    assert texts(call_lines(facts, 120)) == [
        "  call          marked differently each way (DSCP)  DTMF by INFO 12#  "
        "fax T.38 accepted, 1,110 packets"
    ]


@pytest.mark.parametrize(
    ("accepted", "status", "words"),
    [(False, 488, "refused 488, 0 packets"), (None, 0, "not answered, 0 packets")],
)
def test_a_fax_tells_what_became_of_it(accepted: bool | None, status: int, words: str) -> None:
    facts = replace(USUAL, fax=Fax(0, accepted, status, 0))
    assert texts(call_lines(facts, 79)) == [f"  call          fax T.38 {words}"]


def test_a_stream_as_usual_carries_nothing_else() -> None:
    assert media_lines(PLAIN, 79) == []


def test_a_stream_tells_what_is_not_as_it_was_agreed() -> None:
    media = replace(
        PLAIN,
        srtp=True,
        unnegotiated=(96, 98),
        codecs=("PCMA", "G722"),
        ptime_differs=True,
        announced=endpoint("10.0.0.5", 4000),
    )
    assert texts(media_lines(media, 79)) == [
        "  carries       SRTP, encrypted  codecs PCMA, G722",
        "                payload types that nobody agreed on 96, 98",
        "                agreed packet time 20 ms  announced in SDP 10.0.0.5:4000",
    ]


def test_digits_are_told_as_far_as_there_is_sense_in_it() -> None:
    digits = tuple(Digit("7", 0, 100.0, True, True, 101, 3) for _ in range(41))
    lines = [texts(media_lines(replace(PLAIN, digits=some), 79)) for some in (digits[:3], digits)]
    assert lines == [["  carries       DTMF 777"], [f"  carries       DTMF {'7' * 40}…"]]


def test_silence_and_marks_that_change_are_told() -> None:
    quiet = replace(PLAIN, comfort_noise=12, silence_suppression=True, dscp_changes=2)
    assert texts(media_lines(quiet, 79)) == [
        "  carries       comfort noise 12 packets  marking changed (DSCP) 2 times"
    ]
    silent = replace(PLAIN, silence_suppression=True)
    assert texts(media_lines(silent, 79)) == ["  carries       leaves out silence"]


def test_without_rtcp_facts_there_are_no_lines(figures: StreamFigures) -> None:
    assert rtcp_lines(figures, NOTHING, 79) == []


def test_what_the_receiver_says_is_told_apart_from_our_figures(figures: StreamFigures) -> None:
    lines = rtcp_lines(figures, REPORTED, 120)
    assert texts(lines) == [
        "  receiver says lost 0.4 %, worst 5.1 %, 1,234 in all  jitter 3.2 ms, worst 40.0 ms"
    ]
    assert Span("0.4 %, worst 5.1 %, 1,234 in all", "failed") in lines[0]
    assert Span("3.2 ms, worst 40.0 ms", "doubtful") in lines[0]


def test_voip_metrics_are_told(figures: StreamFigures) -> None:
    assert texts(rtcp_lines(figures, replace(NOTHING, voip=VOIP), 79)) == [
        "  receiver says discarded 25.0 %  MOS-LQ 3.4"
    ]


def test_what_the_sender_sent_and_what_cannot_be_read_is_told(figures: StreamFigures) -> None:
    rtcp = replace(NOTHING, sent_packets=12345, encrypted=3)
    assert texts(rtcp_lines(figures, rtcp, 79)) == [
        "  sender says   sent 12,345 packets  encrypted RTCP packets 3"
    ]


def test_a_round_trip_is_told_with_the_quality_of_a_conversation(figures: StreamFigures) -> None:
    rtcp = replace(
        NOTHING,
        receiver_echo=RoundTrip(30.0, 29.0, 30.0, 31.0, 4),
        sender_echo=RoundTrip(310.0, 290.0, 300.0, 320.0, 4),
    )
    assert texts(rtcp_lines(figures, rtcp, 79)) == [
        "  round trip    330.0 ms  from here to the receiver 30.0 ms",
        "                from here to the sender 300.0 ms  MOS-CQ 4.02 at 245 ms one way",
    ]
