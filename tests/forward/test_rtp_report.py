import json
from typing import Any

import pytest

from sipscope.calls.store import DialogStore
from sipscope.forward.rtp_report import (
    CALLEE,
    CALLER,
    Counted,
    Place,
    counted,
    final_report,
    party,
    period_report,
    stray_correlation,
)
from sipscope.rtpqos.figures import StreamFigures
from tests.packets import START
from tests.signalling import (
    PBX,
    PHONE,
    Sent,
    add,
    answered_call,
    request,
    response,
    sdp,
    store_of,
    stream,
)

SECOND = 1_000_000_000
PLACE = Place(b"call-1", CALLER)


def only_stream(store: DialogStore) -> StreamFigures:
    (number,) = store.streams.ids()
    return store.streams.figures(number)


def one_way(count: int, *lost: int) -> DialogStore:
    """A store with one stream of the caller."""
    call = [packet for packet in answered_call() if packet.at < 14_000]
    return store_of([*call, *stream((PHONE, 40000), (PBX, 18000), start=0, count=count, lost=lost)])


def beginning(figures: StreamFigures) -> Counted:
    return Counted(figures.first, figures.first)


def read(report: tuple[bytes, float | None]) -> dict[str, Any]:
    return dict(json.loads(report[0]))


def test_a_period_has_the_fields_that_homer_draws() -> None:
    figures = only_stream(one_way(500, 10, 11, 12, 13, 14))
    report = read(period_report(figures, beginning(figures), START + 10 * SECOND, PLACE))
    chart = {name: report[name] for name in ("TOTAL_PK", "EXPECTED_PK", "PACKET_LOSS")}
    assert chart == {"TOTAL_PK": 495, "EXPECTED_PK": 500, "PACKET_LOSS": 5}
    assert report["JITTER"] == 0.0
    assert report["DELTA"] == round(9980 / 494, 3)
    assert report["MOS"] == pytest.approx(4.325, abs=0.001)


def test_a_period_says_whose_stream_it_is() -> None:
    figures = only_stream(one_way(500))
    report = read(period_report(figures, beginning(figures), START + 10 * SECOND, PLACE))
    identity = {
        "CORRELATION_ID": "call-1",
        "RTP_SIP_CALL_ID": "call-1",
        "TYPE": "PERIODIC",
        "REPORT_TS": 1_700_000_010.0,
        "REPORT_START": 1_700_000_000,
        "REPORT_END": 1_700_000_010,
        "SSRC": "0x3d1a3b02",
        "SRC_IP": PHONE,
        "SRC_PORT": 40000,
        "DST_IP": PBX,
        "DST_PORT": 18000,
        "CODEC_PT": 8,
        "CODEC_NAME": "PCMA",
        "CLOCK": 8000,
        "PARTY": 0,
    }
    assert identity.items() <= report.items()


def test_a_period_counts_only_what_came_in_it() -> None:
    store = one_way(500, 10, 11)
    before = counted(only_stream(store), START + 10 * SECOND)
    add(store, stream((PHONE, 40000), (PBX, 18000), start=0, count=800, lost=range(530, 533))[500:])
    report = read(period_report(only_stream(store), before, START + 16 * SECOND, PLACE))
    assert (report["TOTAL_PK"], report["EXPECTED_PK"], report["PACKET_LOSS"]) == (297, 300, 3)
    assert report["DELTA"] == round(6000 / 297, 3)
    assert report["MAX_DELTA"] == 80.0


def test_the_mos_of_a_period_is_that_of_its_own_losses() -> None:
    store = one_way(500, *range(10, 60))
    bad = period_report(only_stream(store), beginning(only_stream(store)), 0, PLACE)[1]
    before = counted(only_stream(store), START + 10 * SECOND)
    add(store, stream((PHONE, 40000), (PBX, 18000), start=0, count=1000)[500:])
    good = period_report(only_stream(store), before, START + 20 * SECOND, PLACE)[1]
    assert bad is not None
    assert bad < 3.5
    assert good == pytest.approx(4.41, abs=0.01)


def test_a_late_packet_takes_nothing_off_the_loss_that_was_told() -> None:
    store = one_way(500, 498)
    before = counted(only_stream(store), START + 10 * SECOND)
    late = stream((PHONE, 40000), (PBX, 18000), start=0, count=500)[498]
    add(store, [late._replace(at=10_100)])
    report = read(period_report(only_stream(store), before, START + 20 * SECOND, PLACE))
    assert (report["PACKET_LOSS"], report["OUT_ORDER"]) == (0, 1)
    after = counted(only_stream(store), START + 20 * SECOND, before)
    assert after.lost == before.lost == 1


def test_a_codec_that_is_not_known_has_no_mos() -> None:
    packets = [
        packet._replace(payload=b"\x80\x60" + packet.payload[2:])
        for packet in stream((PHONE, 40000), (PBX, 18000), start=0, count=100)
    ]
    figures = only_stream(store_of(packets))
    payload, mos = period_report(figures, beginning(figures), START + 2 * SECOND, PLACE)
    assert mos is None
    assert json.loads(payload)["MOS"] is None


def test_the_end_has_the_names_of_both_forms() -> None:
    figures = only_stream(one_way(500, 10, 11))
    report = read(final_report(figures, figures.last, PLACE, lowest_r=61.5))
    assert report["TYPE"] == "FINAL"
    for name in ("EXPECTED_PK", "PACKET_LOSS"):
        assert report[name] == report[f"TOTAL_{name}"]
    assert report["TOTAL_PK"] == report["TOTAL_PACKETS"] == 498
    assert report["TOTAL_PACKET_LOSS"] == 2
    assert report["TL_BYTE"] == report["TOTAL_BYTES"] == 498 * 172
    assert report["MIN_RFACTOR"] == 61.5
    assert report["MEAN_RFACTOR"] == report["RFACTOR"] == round(figures.r_factor or 0, 3)
    assert report["MIN_MOS"] == round(figures.mos_min or 0, 3)


class TestParty:
    def of(self, store: DialogStore) -> dict[str, int]:
        dialog = store.dialogs[1]
        return {
            store.streams.figures(i).flow.source.host: party(dialog, store.streams.figures(i).flow)
            for i in store.streams.ids()
        }

    def test_is_told_by_the_offer_and_its_answer(self) -> None:
        assert self.of(store_of(answered_call(media=50))) == {PHONE: CALLER, PBX: CALLEE}

    def test_is_told_by_the_destination_behind_nat(self) -> None:
        call = [packet for packet in answered_call() if packet.at < 14_000]
        media = stream(("203.0.113.99", 61000), (PBX, 18000), start=2652, count=50)
        assert self.of(store_of([*call, *media])) == {"203.0.113.99": CALLER}

    def test_does_not_change_when_the_callee_offers_again(self) -> None:
        again = [
            Sent(5000, request("INVITE", cseq=9, body=sdp(PBX, 18000)), PBX, PHONE),
            Sent(5001, response("200 OK", cseq=9, body=sdp(PHONE, 40000)), PHONE, PBX),
        ]
        store = store_of([*answered_call(media=50), *again])
        assert self.of(store) == {PHONE: CALLER, PBX: CALLEE}


def test_media_without_signalling_have_an_id_of_their_own() -> None:
    figures = only_stream(one_way(100))
    assert stray_correlation(figures.ssrc, figures.flow) == b"3d1a3b02@192.0.2.21"
