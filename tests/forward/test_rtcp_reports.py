import json
import struct
from collections.abc import Iterable
from typing import Any

import numpy as np

from sipscope.calls.store import DialogStore
from sipscope.decode.network import NetworkDecoder
from sipscope.decode.rtp import rtp_block
from sipscope.forward.rtcp_reports import MAX_WAITING, RtcpReports
from sipscope.forward.stream_reports import Report, StreamReports
from tests.packets import START, batch, ethernet, ipv4, udp
from tests.signalling import PBX, PHONE, Sent, answered_call, store_of, stream

PHONE_SSRC, PBX_SSRC = 0x3D1A3B02, 0x9C40E1F7


def block(ssrc: int) -> bytes:
    return struct.pack("!IIIIII", ssrc, 0, 1000, 40, 0, 0)


def sender_report(ssrc: int = PHONE_SSRC, packets: int = 100) -> bytes:
    return struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc, 1 << 32, 8000, packets, 160 * packets)


def receiver_report(ssrc: int, about: int) -> bytes:
    return struct.pack("!BBHI", 0x81, 201, 7, ssrc) + block(about)


def add(reports: RtcpReports, sent: Iterable[Sent]) -> None:
    packets = list(sent)
    frames = [
        ethernet(ipv4(udp(p.payload, p.source_port, p.destination_port), p.source, p.destination))
        for p in packets
    ]
    times = [START + round(p.at * 1_000_000) for p in packets]
    datagrams = NetworkDecoder().decode(batch(frames, times=times)).datagrams
    reports.add(datagrams, rtp_block(datagrams).rtcp)


def from_phone(payload: bytes, at: float = 5000, port: int = 40001) -> Sent:
    return Sent(at, payload, PHONE, PBX, port, port - 40001 + 18001)


def told(store: DialogStore, *sent: Sent) -> list[Report]:
    reports = RtcpReports(store, StreamReports(store, 10_000_000_000))
    add(reports, sent)
    return reports.tick()


def read(report: Report) -> dict[str, Any]:
    return dict(json.loads(report.payload))


def test_a_report_goes_along_the_path_and_with_the_time_of_its_packet() -> None:
    (report,) = told(store_of(answered_call(media=100)), from_phone(sender_report()))
    assert str(report.flow.source) == "192.0.2.21:40001"
    assert report.time == START + 5_000_000_000
    assert read(report)["sender_information"]["packets"] == 100


def test_rtcp_on_the_port_after_that_of_rtp_belongs_to_the_call() -> None:
    (report,) = told(store_of(answered_call()), from_phone(sender_report()))
    assert report.correlation == b"call-1"


def test_rtcp_on_the_port_of_rtp_belongs_to_the_call() -> None:
    (report,) = told(store_of(answered_call()), from_phone(sender_report(), port=40000))
    assert report.correlation == b"call-1"


def test_rtcp_on_any_other_port_belongs_to_the_call_of_its_stream() -> None:
    (report,) = told(store_of(answered_call(media=100)), from_phone(sender_report(), port=50001))
    assert report.correlation == b"call-1"


def test_a_receiver_that_sends_rtp_is_told_with_what_it_sent() -> None:
    store = store_of(answered_call(media=100, lost=range(10)))
    (report,) = told(store, from_phone(receiver_report(PHONE_SSRC, PBX_SSRC)))
    assert read(report)["sender_information"]["packets"] == 100
    assert read(report)["sender_information"]["octets"] == 16_000


def test_a_receiver_that_sends_no_rtp_is_told_with_what_it_is_about() -> None:
    store = store_of(answered_call(media=100, lost=range(10)))
    (report,) = told(store, from_phone(receiver_report(0x11111111, PBX_SSRC)))
    assert read(report)["sender_information"]["packets"] == 90
    assert report.correlation == b"call-1"


def test_without_signalling_rtcp_has_the_id_of_its_stream() -> None:
    store = store_of(stream((PHONE, 40000), (PBX, 18000), start=0, count=100))
    (report,) = told(store, from_phone(sender_report()))
    assert report.correlation == b"3d1a3b02@192.0.2.21"


def test_without_anything_else_rtcp_has_an_id_of_its_own() -> None:
    (report,) = told(DialogStore(), from_phone(sender_report(0x22222222)))
    assert report.correlation == b"22222222@192.0.2.21"


def test_rtcp_that_was_captured_twice_is_told_once() -> None:
    packets = [from_phone(sender_report(), at) for at in (5000, 5000.1)]
    assert len(told(DialogStore(), *packets)) == 1


def test_what_is_encrypted_or_says_nothing_is_counted() -> None:
    reports = RtcpReports(DialogStore(), StreamReports(DialogStore(), 1))
    encrypted = sender_report()[:8] + bytes(range(100, 120)) + b"\x80\0\0\1" + bytes(10)
    goodbye = struct.pack("!BBHI", 0x81, 203, 1, PHONE_SSRC)
    add(reports, [from_phone(encrypted), from_phone(goodbye)])
    assert not reports.tick()
    assert reports.unread == 2


def test_rtcp_waits_for_the_next_tick_bounded() -> None:
    reports = RtcpReports(DialogStore(), StreamReports(DialogStore(), 1))
    decoder = NetworkDecoder()
    frames = [ethernet(ipv4(udp(sender_report(n), 40001, 18001))) for n in range(500)]
    datagrams = decoder.decode(batch(frames, times=[START] * 500)).datagrams
    rows = np.arange(500)
    for _ in range(MAX_WAITING // 500):
        reports.add(datagrams, rows)
        reports._recent._recent.clear()
    reports.add(datagrams, rows)
    assert reports.dropped == 500
    assert len(reports.tick()) == MAX_WAITING
