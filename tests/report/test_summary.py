import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sipscope.report.summary import MAX_ROWS, print_summary
from tests.report.reading import CAPTURES, capture, read
from tests.signalling import MS, PBX, PHONE, Sent, answered_call, request, response, stream

GOLDEN = Path(__file__).parent / "summary.txt"


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def summary(*paths: Path) -> str:
    stream = io.StringIO()
    print_summary(read(*paths), stream)
    return stream.getvalue()


def mixed_capture(path: Path) -> Path:
    """An answered call with loss, a refused one, a registration and an OPTIONS captured twice."""
    refused = [
        Sent(3000, request("INVITE", call_id="call-2", user="1003", callee="911"), PHONE, PBX),
        Sent(3050, response("488 Not Acceptable Here", call_id="call-2"), PBX, PHONE),
        Sent(3051, request("ACK", call_id="call-2"), PHONE, PBX),
    ]
    others = [
        Sent(4000, request("REGISTER", call_id="reg-1"), PHONE, PBX),
        Sent(4020, response("401 Unauthorized", "REGISTER", call_id="reg-1"), PBX, PHONE),
        Sent(5000, request("OPTIONS", call_id="ping-1"), PBX, PHONE),
        Sent(5001, request("OPTIONS", call_id="ping-1"), PBX, PHONE),
    ]
    return capture(path, [*answered_call(media=500, lost=range(100, 112)), *refused, *others])


def test_the_summary_reads_as_it_is_meant_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed_capture(tmp_path / "mixed.pcap")
    monkeypatch.chdir(tmp_path)
    assert summary(Path("mixed.pcap")) == GOLDEN.read_text()


def test_damage_is_told_beside_the_file(tmp_path: Path) -> None:
    path = capture(tmp_path / "cut.pcap", answered_call())
    path.write_bytes(path.read_bytes()[:-10])
    text = summary(path)
    assert "▲ cut off in the middle of packet" in text
    assert "completed 1" in text


def test_packets_that_were_cut_short_are_told(tmp_path: Path) -> None:
    path = capture(tmp_path / "short.pcap", answered_call())
    whole = bytearray(path.read_bytes())
    whole[24 + 12] += 40  # the first packet was 40 bytes longer on the wire
    path.write_bytes(whole)
    assert "▲ 1 packet cut short by the capture" in summary(path)


def test_hostile_text_does_not_reach_the_terminal_raw(tmp_path: Path) -> None:
    evil = "\x1b[2J\x07\u202e"
    messages = [
        request("INVITE", call_id=evil, user=evil, callee=evil),
        response(f"486 {evil}", call_id=evil),
        request("M\x1b[2J", call_id="m"),
    ]
    path = capture(
        tmp_path / "x\x1b.pcap", [Sent(n, m, PHONE, PBX) for n, m in enumerate(messages)]
    )
    assert all(line.isprintable() for line in summary(path).split("\n"))


def test_calls_that_went_wrong_come_before_others(tmp_path: Path) -> None:
    fine = [
        packet._replace(at=packet.at + n, payload=packet.payload.replace(b"call-1", b"ok-%d" % n))
        for n in range(MAX_ROWS + 5)
        for packet in answered_call()
    ]
    wrong = [
        Sent(90_000, request("INVITE", call_id="bad", user="unlucky"), PHONE, PBX),
        Sent(90_010, response("503 Service Unavailable", call_id="bad"), PBX, PHONE),
    ]
    text = summary(capture(tmp_path / "many.pcap", [*fine, *wrong]))
    assert "unlucky" in text
    assert "● rejected" in text
    assert "and 6 more dialogs; --json tells all" in text


def test_the_worst_streams_are_shown(tmp_path: Path) -> None:
    sent = [
        packet
        for n in range(MAX_ROWS + 3)
        for packet in stream((PBX, 20_000 + n), (PHONE, 30_000 + n), start=n, count=30, ssrc=n)
    ]
    bad = stream((PBX, 9000), (PHONE, 9002), start=0, count=30, lost=range(5, 9), ssrc=0xBAD)
    text = summary(capture(tmp_path / "streams.pcap", sent + bad))
    first = text.partition("Max delta ms  MOS\n")[2].partition("\n")[0]
    assert "0x00000bad" in first
    assert "13.3" in first
    assert "and 4 better streams" in text


def test_all_files_are_named() -> None:
    text = summary(CAPTURES / "busy-486.pcap", CAPTURES / "cancel.pcap")
    assert "busy-486.pcap   7 packets" in text
    assert "cancel.pcap   9 packets" in text
    assert "2 dialogs   2 calls" in text


def test_an_empty_capture_has_a_summary(tmp_path: Path) -> None:
    assert "SIP  0 messages" in summary(capture(tmp_path / "empty.pcap", []))


def test_spans_are_in_seconds_minutes_or_hours(tmp_path: Path) -> None:
    spans = []
    for seconds in (1, 61, 3661):
        sent = [
            Sent(at, request("OPTIONS", cseq=n), PHONE, PBX)
            for n, at in enumerate((0, seconds * 1e9 / MS))
        ]
        spans.append(summary(capture(tmp_path / f"{seconds}.pcap", sent)).split("\n")[1][-9:])
    assert spans == ["  1.000 s", " 1:01 min", "1:01:01 h"]
