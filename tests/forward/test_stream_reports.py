import json
from collections.abc import Iterable
from typing import Any

from sipscope.calls.store import DialogStore
from sipscope.decode.address import Endpoint
from sipscope.forward.stream_reports import SILENCE_NS, Report, StreamReports
from tests.packets import START
from tests.signalling import PBX, PHONE, Sent, add, answered_call, store_of, stream

SECOND = 1_000_000_000
PERIOD = 5 * SECOND


def told(reports: Iterable[Report]) -> list[dict[str, Any]]:
    return [json.loads(report.payload) for report in reports]


def kinds(reports: Iterable[Report]) -> list[str]:
    return [document["TYPE"] for document in told(reports)]


def live(packets: Iterable[Sent], seconds: range) -> tuple[DialogStore, dict[int, list[Report]]]:
    """Let packets come second by second; return the reports of each second."""
    store = DialogStore()
    reports = StreamReports(store, PERIOD)
    waiting = sorted(packets, key=lambda packet: packet.at)
    found = {}
    for second in seconds:
        now = [packet for packet in waiting if packet.at < 1000 * second]
        waiting = waiting[len(now) :]
        add(store, now) if now else None
        found[second] = reports.tick(START + second * SECOND)
    return store, found


def one_stream(count: int) -> list[Sent]:
    return stream((PHONE, 40000), (PBX, 18000), start=0, count=count)


def test_a_stream_is_told_of_every_period() -> None:
    _, found = live(one_stream(900), range(1, 18))
    assert {second: kinds(reports) for second, reports in found.items() if reports} == {
        5: ["PERIODIC"],
        10: ["PERIODIC"],
        15: ["PERIODIC"],
    }
    assert [told(found[second])[0]["TOTAL_PK"] for second in (5, 10, 15)] == [250, 250, 250]


def test_periods_follow_each_other_without_a_gap() -> None:
    _, found = live(one_stream(900), range(1, 18))
    spans = [(d["REPORT_START"], d["REPORT_END"]) for r in found.values() for d in told(r)]
    assert spans == [(1_700_000_000 + n, 1_700_000_005 + n) for n in (0, 5, 10)]


def test_a_period_has_the_time_of_its_end() -> None:
    _, found = live(one_stream(900), range(1, 7))
    assert [report.time for report in found[5]] == [START + 5 * SECOND]


def test_reports_on_a_call_have_its_call_id() -> None:
    _, found = live(answered_call(media=500), range(1, 10))
    (first, second) = found[8]
    assert first.correlation == second.correlation == b"call-1"


def test_a_stream_without_a_call_has_an_id_all_the_same() -> None:
    _, found = live(one_stream(300), range(1, 7))
    assert [report.correlation for report in found[5]] == [b"3d1a3b02@192.0.2.21"]


def test_after_the_bye_comes_the_rest_and_the_whole() -> None:
    _, found = live(answered_call(media=600), range(1, 30))
    last = [report for second in sorted(found) for report in found[second]]
    of_caller = [d for d in told(last) if d["PARTY"] == 0]
    assert [d["TYPE"] for d in of_caller] == ["PERIODIC", "PERIODIC", "HANGUP", "FINAL"]
    assert sum(d["TOTAL_PK"] for d in of_caller[:-1]) == of_caller[-1]["TOTAL_PACKETS"] == 600


def test_an_ended_call_is_told_of_once() -> None:
    store, _ = live(answered_call(media=600), range(1, 30))
    reports = StreamReports(store, PERIOD)
    assert kinds(reports.tick(START + 40 * SECOND)) == ["HANGUP", "FINAL", "HANGUP", "FINAL"]
    assert not reports.tick(START + 80 * SECOND)
    assert not reports.finish(START + 80 * SECOND)


def test_a_stream_that_is_silent_has_ended() -> None:
    silent = SILENCE_NS // SECOND
    _, found = live(one_stream(260), range(1, silent + 20))
    ends = {second: kinds(reports) for second, reports in found.items() if reports}
    assert list(ends.items())[-1] == (silent + 10, ["FINAL"])


def test_a_stream_that_comes_back_is_told_of_again() -> None:
    packets = one_stream(260)
    back = [packet._replace(at=packet.at + 100_000) for packet in one_stream(520)[260:]]
    _, found = live([*packets, *back], range(1, 140))
    assert [kind for reports in found.values() for kind in kinds(reports)] == [
        *("PERIODIC", "PERIODIC", "FINAL"),
        *("PERIODIC",),
    ]


def test_a_held_stream_is_not_told_of() -> None:
    _, found = live(one_stream(200), range(1, 40))
    assert [second for second, reports in found.items() if reports] == [5]


def test_at_the_end_all_streams_are_told_of() -> None:
    store = store_of(answered_call(media=100))
    reports = StreamReports(store, PERIOD).finish(START + 60 * SECOND)
    assert kinds(reports) == ["HANGUP", "FINAL", "HANGUP", "FINAL"]
    assert {report.correlation for report in reports} == {b"call-1"}


def test_a_stream_that_made_room_is_told_of_as_it_was() -> None:
    store = store_of(one_stream(300))
    reports = StreamReports(store, PERIOD)
    reports.search()
    store.streams.remove(store.streams.ids()[0])
    final = told(reports.tick(START + 10 * SECOND))
    assert [(d["TYPE"], d["TOTAL_PK"]) for d in final] == [("HANGUP", 300), ("FINAL", 300)]


def test_streams_are_found_by_host_and_ssrc() -> None:
    store = store_of(one_stream(100))
    reports = StreamReports(store, PERIOD)
    reports.search()
    phone = Endpoint(bytes((192, 0, 2, 21)), 9)
    assert reports.find(phone, 0x3D1A3B02) == store.streams.ids()[0]
    assert reports.find(phone, 1) is None
