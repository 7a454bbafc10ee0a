import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from sipscope.capture.file import FileSource
from sipscope.engine import Engine
from sipscope.errors import SaveError
from sipscope.export.dialogs import summary
from sipscope.export.saving import Course
from tests.report.reading import CAPTURES, as_json, capture, read
from tests.signalling import (
    PBX,
    PHONE,
    TRUNK,
    Sent,
    answered_call,
    request,
    response,
    sdp,
    stream,
)


def save(engine: Engine, path: Path, *ids: int, rtp: bool = True) -> int:
    return engine.save(str(path), ids or list(engine.store.dialogs), rtp=rtp)


def receiver_report(ssrc: int) -> bytes:
    return struct.pack("!BBHI", 0x80, 201, 1, ssrc)


def control(at: float, ports: tuple[int, int] = (40001, 18001)) -> Sent:
    return Sent(at, receiver_report(1), PHONE, PBX, *ports)


@pytest.mark.parametrize(
    "name",
    [
        "call-udp.pcap",
        "call-tcp.pcap",
        "call-ipv6.pcap",
        "call-proxy.pcap",
        "call-b2bua.pcap",
        "call-hold.pcapng",
        "call-dtmf.pcap",
        "invite-fragmented.pcap",
        "retransmissions.pcap",
    ],
)
def test_a_saved_call_is_the_same_when_it_is_read_again(name: str, tmp_path: Path) -> None:
    saved = tmp_path / name
    save(read(CAPTURES / name).engine, saved)
    before, after = (as_json(read(path)) for path in (CAPTURES / name, saved))
    assert after["dialogs"] == before["dialogs"]
    assert after["streams"] == before["streams"]
    assert after["capture"]["rtcp_packets"] == before["capture"]["rtcp_packets"]


def test_signalling_can_be_saved_alone(tmp_path: Path) -> None:
    saved = tmp_path / "sip.pcap"
    assert save(read(CAPTURES / "call-udp.pcap").engine, saved, rtp=False) == 7
    report = as_json(read(saved))
    assert report["capture"]["sources"][0]["packets"] == 7
    assert report["dialogs"][0]["messages"] == 7


def two_calls(tmp_path: Path) -> Path:
    first = answered_call(media=20)
    second = [
        packet._replace(at=packet.at + 60_000, payload=packet.payload.replace(b"call-1", b"call-2"))
        for packet in first
        if packet.source_port == 5060
    ]
    media = stream((PBX, 18000), (PHONE, 40000), start=63_000, count=30, ssrc=7)
    noise = stream((TRUNK, 9), (PHONE, 40000), start=3000, count=9, ssrc=8)
    rtcp = [control(5000), control(19_000), control(19_700), control(65_000)]
    return capture(tmp_path / "two.pcap", [*first, *second, *media, *noise, *rtcp])


def test_of_several_calls_only_the_chosen_are_saved(tmp_path: Path) -> None:
    engine = read(two_calls(tmp_path)).engine
    saved = tmp_path / "second.pcap"
    save(engine, saved, 2)
    report = as_json(read(saved))
    assert [dialog["call_id"] for dialog in report["dialogs"]] == ["call-2"]
    assert [stream["ssrc"] for stream in report["streams"]] == ["0x00000007"]


def test_rtcp_on_the_calls_ports_is_saved_up_to_5_s_after_it(tmp_path: Path) -> None:
    engine = read(two_calls(tmp_path)).engine
    counts = []
    for dialog_id in (1, 2):
        saved = tmp_path / f"{dialog_id}.pcap"
        save(engine, saved, dialog_id)
        counts.append(as_json(read(saved))["capture"]["rtcp_packets"])
    assert counts == [2, 1]


def test_rtcp_on_the_port_of_rtp_is_saved_too(tmp_path: Path) -> None:
    path = capture(tmp_path / "mux.pcap", [*answered_call(media=20), control(4000, (40000, 18000))])
    saved = tmp_path / "saved.pcap"
    save(read(path).engine, saved)
    assert as_json(read(saved))["capture"]["rtcp_packets"] == 1


def test_frames_are_saved_in_order_of_time(tmp_path: Path) -> None:
    saved = tmp_path / "saved.pcapng"
    save(read(CAPTURES / "call-proxy.pcap").engine, saved)
    source, times = FileSource(str(saved)), []
    while (batch := source.read()) is not None:
        times += batch.time.tolist()
    assert len(times) > 1000
    assert times == sorted(times)


def test_a_segment_with_two_messages_is_saved_once(tmp_path: Path) -> None:
    engine = read(CAPTURES / "call-tcp.pcap").engine
    dialog = engine.store.dialogs[1]
    dialog.messages += dialog.messages
    assert save(engine, tmp_path / "saved.pcap", rtp=False) == 7


def test_a_name_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    engine = read(CAPTURES / "busy-486.pcap").engine
    saved = tmp_path / "saved.pcap"
    saved.write_bytes(b"mine")
    with pytest.raises(SaveError, match="exists already"):
        save(engine, saved)
    assert saved.read_bytes() == b"mine"
    assert engine.save(str(saved), [1], rtp=True, overwrite=True) == 5


def test_nothing_chosen_is_nothing_saved(tmp_path: Path) -> None:
    engine = read(CAPTURES / "busy-486.pcap").engine
    with pytest.raises(SaveError, match="nothing to save"):
        save(engine, tmp_path / "saved.pcap", 99)
    assert list(tmp_path.iterdir()) == []


def test_rtp_of_a_recording_that_is_gone_is_left_out(tmp_path: Path) -> None:
    path = capture(tmp_path / "call.pcap", answered_call(media=20))
    engine = read(path).engine
    path.unlink()
    assert save(engine, tmp_path / "saved.pcap") == 7


def test_a_dialog_without_media_needs_no_recording(tmp_path: Path) -> None:
    offer = request("INVITE", body=sdp(PHONE, 40000))
    sent = [Sent(0, offer, PHONE, PBX), Sent(9, response("486 Busy"), PBX, PHONE), control(20)]
    engine = read(capture(tmp_path / "call.pcap", sent)).engine
    assert save(engine, tmp_path / "saved.pcap") == 2


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("rtp", [True, False])
def test_tshark_reads_the_same_messages(rtp: bool, tmp_path: Path) -> None:
    saved = tmp_path / "saved.pcap"
    save(read(CAPTURES / "call-b2bua.pcap").engine, saved, rtp=rtp)
    fields = ("-e", "sip.Call-ID", "-e", "sip.CSeq", "-e", "sip.Status-Code", "-e", "frame.len")
    texts = [
        subprocess.run(
            ["tshark", "-r", str(path), "-Y", "sip && !icmp", "-T", "fields", *fields],
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for path in (CAPTURES / "call-b2bua.pcap", saved)
    ]
    assert texts[0].count(b"\n") == 14
    assert texts[1] == texts[0]


def tshark(path: Path, field: str) -> list[str]:
    command = ["tshark", "-r", str(path), "-T", "fields", "-e", field]
    done = subprocess.run(command, capture_output=True, check=True)
    return done.stdout.decode().rstrip("\n").split("\n")


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_pcapng_has_a_summary_at_the_first_frame_of_each_call_and_the_names(
    tmp_path: Path,
) -> None:
    engine = read(CAPTURES / "call-b2bua.pcap").engine
    saved = tmp_path / "calls.pcapng"
    aliases = {"198.51.100.0/24": "pbx", "203.0.113.7:5060": "trunk"}
    engine.save(str(saved), [1, 2], rtp=False, form="pcapng", aliases=aliases)
    comments = [text for text in tshark(saved, "frame.comment") if text]
    assert len(comments) == 2
    assert comments[0].startswith("INVITE 1001 -> +4930123456: completed, PDD ")
    assert b"pbx\0" in saved.read_bytes()
    assert b"trunk" not in saved.read_bytes()


def test_a_refusal_is_in_the_summary() -> None:
    engine = read(CAPTURES / "codec-rejected-488.pcap").engine
    said = summary(engine.store.dialogs[1], engine.store)
    assert "rejected with 488 Not Acceptable Here" in said


def test_the_form_goes_before_the_name(tmp_path: Path) -> None:
    engine = read(CAPTURES / "call-udp.pcap").engine
    for name, form, beginning in (
        ("a.pcap", "pcapng", b"\x0a\x0d\x0d\x0a"),
        ("a.pcapng", "pcap", b"\xd4\xc3\xb2\xa1"),
    ):
        engine.save(str(tmp_path / name), [1], rtp=False, form=form)
        assert (tmp_path / name).read_bytes()[:4] == beginning


def test_a_text_holds_the_messages(tmp_path: Path) -> None:
    engine = read(CAPTURES / "call-udp.pcap").engine
    saved = tmp_path / "call.txt"
    assert engine.save(str(saved), [1], rtp=True, form="text") == 7
    text = saved.read_text()
    assert text.count("INVITE sip:") == 1
    assert saved.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["call.txt"]


class Impatient(Course):
    """Cancels when it is told of the course once more than `steps` times."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def at(self, share: float) -> None:
        self.cancelled = self.steps == 0
        self.steps -= 1
        super().at(share)


@pytest.mark.parametrize("form", ["pcap", "pcapng", "text"])
def test_a_save_can_be_cancelled_at_any_point(tmp_path: Path, form: str) -> None:
    engine = read(CAPTURES / "call-udp.pcap").engine
    path = str(tmp_path / "x")
    whole = Impatient(1000)
    engine.save(path, [1], rtp=True, form=form, course=whole)
    (tmp_path / "x").unlink()
    for steps in range(1000 - whole.steps):
        with pytest.raises(SaveError, match="cancelled"):
            engine.save(path, [1], rtp=True, form=form, course=Impatient(steps))
        assert list(tmp_path.iterdir()) == []


def test_it_is_told_how_far_a_save_is(tmp_path: Path) -> None:
    course = Course()
    engine = read(CAPTURES / "call-udp.pcap").engine
    engine.save(str(tmp_path / "x.pcap"), [1], rtp=True, course=course)
    assert course.share == 1.0


def test_only_recordings_that_are_there_are_searched_for_rtp(tmp_path: Path) -> None:
    copy = tmp_path / "call.pcap"
    shutil.copy(CAPTURES / "call-udp.pcap", copy)
    engine = read(copy).engine
    assert engine.recordings == [str(copy)]
    copy.unlink()
    assert engine.recordings == []
