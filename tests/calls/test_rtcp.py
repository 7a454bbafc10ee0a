"""RTCP of the streams of calls, from packets to words."""

from pathlib import Path

import pytest

from sipscope.calls.rtcp import rtcp_figures, rtcp_lines
from sipscope.calls.store import DialogStore
from sipscope.rtpqos.report_figures import RtcpFigures
from tests.report.reading import CAPTURES, read
from tests.rtpqos.control import block, cname, extended, goodbye, receiver, sender, short, voip
from tests.signalling import (
    PBX,
    PHONE,
    Sent,
    answered_call,
    request,
    response,
    sdp,
    store_of,
    stream,
)

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
CASES = Path(__file__).parents[3] / "shared" / "rtp-cases" / "pcaps"
THERE, BACK = 0x3D1A3B02, 0x9C40E1F7


def told(store: DialogStore, stream_id: int) -> RtcpFigures:
    found = rtcp_figures(store, store.streams.figures(stream_id))
    assert found is not None
    return found


def lines(store: DialogStore, stream_id: int) -> tuple[str, ...]:
    return rtcp_lines(store.streams.figures(stream_id), told(store, stream_id))


def test_a_call_with_reports_both_ways_in_words() -> None:
    call = answered_call(media=100)
    phone, pbx = (PHONE, PBX, 40001, 18001), (PBX, PHONE, 18001, 40001)
    there = block(THERE, fraction=26, lost=12, jitter=160, lsr=short(0), delay=560)
    call += [
        Sent(5000, sender(THERE, 0, packets=100) + cname(THERE, b"\x1b[31mphone"), *phone),
        Sent(5600, sender(BACK, 9, there), *pbx),
        Sent(6000, sender(THERE, 1000, block(BACK, lsr=short(9), delay=390)), *phone),
        Sent(6100, extended(BACK, 7, voip(THERE)), *pbx),
        Sent(7000, goodbye(THERE, b"bye"), *phone),
    ]
    store = store_of(call)
    assert lines(store, 1) == (
        "Receiver lost 10.2 % (worst 10.2 %), 12 in all; reports: 1",
        "Receiver jitter 20.0 ms (worst 20.0)",
        "Round trip 50.0 ms (from here: receiver 40.0, sender 10.0 ms)",
        "MOS-CQ 4.33, R 89.7 at 145 ms one way",
        "Receiver says R 82, MOS-LQ 4.1, MOS-CQ 4.0, loss 2.0 %, discarded 0.8 %",
        "Sender sent 250 packets, 40000 octets",
        "CNAME \u241b[31mphone",
        "BYE: bye",
    )


def test_encrypted_reports_are_said_to_be() -> None:
    call = answered_call(media=10)
    encrypted = sender(THERE, 0)[:8] + bytes(range(44, 132)) + b"\x80\0\0\1" + bytes(10)
    call.append(Sent(5000, encrypted, PHONE, PBX, 40001, 18001))
    assert lines(store_of(call), 1) == ("RTCP encrypted, packets: 1",)


def test_a_stream_without_rtcp_has_none() -> None:
    store = store_of(answered_call(media=10))
    assert rtcp_figures(store, store.streams.figures(1)) is None


def test_the_port_of_an_rtcp_attribute_is_found() -> None:
    offer, answer = sdp(PHONE, 40000, "8", "a=rtcp:53020"), sdp(PBX, 18000, "8", "a=rtcp:53022")
    call = [
        Sent(0, request("INVITE", body=offer), PHONE, PBX),
        Sent(100, response("200 OK", body=answer), PBX, PHONE),
        *stream((PHONE, 40000), (PBX, 18000), start=200, count=10),
        Sent(900, receiver(1, block(THERE, lost=7)), PBX, PHONE, 53022, 53020),
    ]
    assert told(store_of(call), 1).cumulative_lost == 7


def test_reports_that_came_before_their_stream_count() -> None:
    call = answered_call(media=10)
    call.append(Sent(10, receiver(BACK, block(THERE, lost=7)), PBX, PHONE, 18001, 40001))
    assert told(store_of(call), 1).cumulative_lost == 7


class TestFixture:
    """Figures of call-rtcp.pcap as tshark has them."""

    @pytest.fixture(scope="class")
    def store(self) -> DialogStore:
        return read(CAPTURES / "call-rtcp.pcap").store

    def test_the_lossy_direction(self, store: DialogStore) -> None:
        (found,) = (
            figures for i in store.streams.ids() if (figures := told(store, i)).cumulative_lost
        )
        assert (found.reports, found.sender_reports) == (3, 3)
        assert found.cumulative_lost == 59
        assert found.fraction_lost_percent == 100 * 23 / 256
        assert found.worst_fraction_lost_percent == 100 * 23 / 256
        assert (found.jitter_ms, found.worst_jitter_ms) == (1.0, 1.0)
        assert found.cname == b"sip:+4930123456@203.0.113.7"
        assert found.goodbye_reason == b"Adjo"

    def test_both_directions_have_the_same_round_trip(self, store: DialogStore) -> None:
        trips = [told(store, i).round_trip_ms for i in store.streams.ids()]
        assert trips[0] == trips[1]
        assert trips[0] is not None
        assert 0 <= trips[0] < 5


@pytest.mark.skipif(not CASES.is_dir(), reason="the reference cases of RTP are not there")
class TestReferenceCases:
    def test_the_round_trip_is_that_of_the_generator(self) -> None:
        store = read(CASES / "c45_rtcp_rtt.pcap").store
        there, back = told(store, 1), told(store, 2)
        assert there.receiver_echo is not None
        assert there.sender_echo is not None
        assert there.receiver_echo.mean_ms == pytest.approx(40, abs=0.01)
        assert there.sender_echo.mean_ms == pytest.approx(0, abs=0.01)
        assert there.round_trip_ms == back.round_trip_ms
        assert (there.fraction_lost_percent, there.cumulative_lost) == (100 * 13 / 256, 5)
        assert there.jitter_ms == 3.0

    def test_voip_metrics_are_those_of_the_generator(self) -> None:
        metrics = told(read(CASES / "c46_rtcp_xr_voip.pcap").store, 1).voip
        assert metrics is not None
        assert (metrics.r_factor, metrics.mos_lq, metrics.mos_cq) == (82, 4.1, 4.0)

    def test_rtcp_on_the_port_of_rtp(self) -> None:
        found = told(read(CASES / "c55_rtcp_mux.pcap").store, 1)
        assert (found.sender_reports, found.sent_packets) == (3, 150)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of public captures is not there")
class TestCorpus:
    def test_a_relayed_call_as_tshark_has_it(self) -> None:
        """`tshark -Y rtcp -T fields -e rtcp.ssrc.identifier -e rtcp.ssrc.jitter ...`."""
        store = read(CORPUS / "heplify" / "rtp_rtcp_sip_ipv4_udp.pcap").store
        found = {
            (str(figures.flow.source), hex(figures.ssrc)): (rtcp.reports, rtcp.jitter_ms)
            for i in store.streams.ids()
            if (rtcp := rtcp_figures(store, figures := store.streams.figures(i)))
        }
        assert found["200.57.7.199:4800", "0x58f33dea"] == (7, 9244 / 8)
        assert found["200.57.7.196:40376", "0x58f33dea"] == (7, 9244 / 8)
        assert found["200.57.7.204:8000", "0xd2bd4e3e"] == (6, 20 / 8)

    @pytest.mark.parametrize("name", ["wa_voice.pcap", "whatsapp_login_call.pcap", "discord.pcap"])
    def test_srtcp_gives_no_figures(self, name: str) -> None:
        store = read(CORPUS / "ndpi" / name).store
        assert store.rtcp.encrypted >= 12
        for i in store.streams.ids():
            rtcp = rtcp_figures(store, store.streams.figures(i))
            assert rtcp is None or (rtcp.reports, rtcp.sent_packets) == (0, None)
