import re
import struct
from pathlib import Path

import pytest

from sipscope.capture import replay
from sipscope.capture.replay import ReplaySource
from sipscope.decode.batch import Frame, PacketBatch
from sipscope.errors import SourceError
from tests.capture.formats import SECOND, packet, pcap_file
from tests.packets import ethernet, ipv4, udp

CAPTURED = 1_600_000_000 * SECOND
NOW = 1_800_000_000 * SECOND
MILLISECOND = 1_000_000
HEADERS = 14 + 20 + 8

INVITE = (
    b"INVITE sip:1002@example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKnashds8\r\n"
    b"From: <sip:1001@example.com>;tag=9fxced76sl\r\n"
    b"To: <sip:1002@example.com>\r\n"
    b"Call-ID: 3848276298220188511@192.0.2.1\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Content-Length: 0\r\n\r\n"
)
REFER = (
    b"REFER sip:1002@example.com SIP/2.0\r\n"
    b"i: other-1\r\n"
    b"Refer-To: <sip:1003@example.com?Replaces=3848276298220188511%40192.0.2.1>\r\n"
    b"CSeq: 1 REFER\r\n\r\n"
)
SSRC = 0x3D1A3B02


def rtp(sequence: int) -> bytes:
    return struct.pack("!BBHII", 0x80, 8, sequence, sequence * 160, SSRC) + bytes(160)


RECEIVER_REPORT = struct.pack("!BBHIIIIIII", 0x81, 201, 7, 0xDEADBEEF, SSRC, 0, 0, 0, 0, 0)

PAYLOADS = [INVITE, REFER, *(rtp(sequence) for sequence in range(5)), RECEIVER_REPORT]


def datagram(payload: bytes) -> bytes:
    """A frame with a UDP checksum."""
    inside = bytearray(udp(payload, 5060, 5060))
    inside[6:8] = b"\xca\xfe"
    return ethernet(ipv4(bytes(inside)))


@pytest.fixture
def call(tmp_path: Path) -> str:
    """A file with packets 100 ms apart."""
    path = tmp_path / "call.pcap"
    path.write_bytes(
        pcap_file(
            packet(CAPTURED + index * 100 * MILLISECOND, datagram(payload), index % 2)
            for index, payload in enumerate(PAYLOADS)
        )
    )
    return str(path)


def started(
    *paths: str, speed: float = 1.0, loop: bool = True, stagger: float = 3.0, pause: float = 2.0
) -> ReplaySource:
    """A source that began to play at NOW."""
    source = ReplaySource(paths, source=2, speed=speed, loop=loop, stagger=stagger, pause=pause)
    source.next_due(NOW)
    return source


def frames(source: ReplaySource, now: int) -> list[Frame]:
    """Everything that is due."""
    batches: list[PacketBatch] = []
    while (batch := source.read(now)) is not None:
        batches.append(batch)
    return [batch.frame(index) for batch in batches for index in range(len(batch))]


def end_of_run(number: int) -> int:
    """When run 0, 1, ... ends with the pause of two seconds between them."""
    return NOW + (700 + number * 2700) * MILLISECOND


def payloads(source: ReplaySource, now: int) -> list[bytes]:
    return [frame.data[HEADERS:] for frame in frames(source, now)]


def test_packets_come_when_they_are_due_with_the_times_of_now(call: str) -> None:
    source = started(call)
    assert source.next_due(NOW) == NOW

    first = frames(source, NOW)
    assert [frame.time for frame in first] == [NOW]
    assert source.next_due(NOW) == NOW + 100 * MILLISECOND
    assert frames(source, NOW + 99 * MILLISECOND) == []

    more = frames(source, NOW + 250 * MILLISECOND)
    assert [frame.time - NOW for frame in more] == [100 * MILLISECOND, 200 * MILLISECOND]


def test_the_first_run_is_as_captured_but_for_udp_checksums(call: str) -> None:
    found = frames(ReplaySource([call]), NOW)

    (frame,) = found
    expected = ethernet(ipv4(udp(INVITE, 5060, 5060)))
    assert frame == (NOW, 1, len(expected), expected)


def test_every_further_run_has_other_calls_of_the_same_form(call: str) -> None:
    source = started(call)
    runs = [payloads(source, end_of_run(number)) for number in range(4)]
    for run in runs:
        assert [len(payload) for payload in run] == [len(payload) for payload in PAYLOADS]
    invites = [run[0].decode() for run in runs]

    identifiers = r"Call-ID: (\d{19})@", r"branch=z9hG4bK(\w{7})\r", r"tag=(\w{10})\r"
    for pattern in identifiers:
        assert len({re.findall(pattern, invite)[0] for invite in invites}) == 4
    assert len({re.sub("|".join(identifiers), "", invite) for invite in invites}) == 1


def test_an_identifier_is_the_same_wherever_it_stands_in_a_run(call: str) -> None:
    source = started(call)
    payloads(source, end_of_run(0))
    invite, refer, *_ = payloads(source, end_of_run(1))

    call_id = re.findall(rb"Call-ID: (\d+)@", invite)[0]
    assert b"?Replaces=" + call_id + b"%40192.0.2.1>" in refer
    assert call_id != b"3848276298220188511"


def test_streams_of_every_run_have_other_sources_in_rtp_and_rtcp(call: str) -> None:
    source = started(call)
    found = []
    for run in range(3):
        *_, last, report = payloads(source, end_of_run(run))
        (ssrc,) = struct.unpack("!I", last[8:12])
        assert report == RECEIVER_REPORT.replace(struct.pack("!I", SSRC), last[8:12])
        assert last == rtp(4)[:8] + last[8:12] + bytes(160)
        found.append(ssrc)

    assert found[0] == SSRC
    assert len(set(found)) == 3


def test_a_file_starts_again_after_a_pause(call: str) -> None:
    source = started(call, pause=1.5)
    assert len(frames(source, NOW + 700 * MILLISECOND)) == 8

    assert source.next_due(NOW) == NOW + 2200 * MILLISECOND


def test_without_loop_it_ends(call: str) -> None:
    source = started(call, loop=False)
    assert len(frames(source, NOW + SECOND)) == 8

    assert source.next_due(NOW + SECOND) is None
    assert source.read(NOW + 100 * SECOND) is None


def test_speed_shortens_the_distances(call: str) -> None:
    source = started(call, speed=2.0)

    times = [frame.time - NOW for frame in frames(source, NOW + 350 * MILLISECOND)]
    assert times == [index * 50 * MILLISECOND for index in range(8)]


def test_files_start_one_after_the_other_and_run_side_by_side(call: str) -> None:
    source = started(call, call, stagger=0.25)

    times = [frame.time - NOW for frame in frames(source, NOW + 500 * MILLISECOND)]
    assert sorted(times) == [
        time * MILLISECOND for time in (0, 100, 200, 250, 300, 350, 400, 450, 500)
    ]


def test_whoever_comes_late_misses_whole_runs(call: str) -> None:
    source = started(call)
    an_hour_later = NOW + 3600 * SECOND

    assert len(frames(source, an_hour_later)) == 8
    assert source.next_due(an_hour_later) == an_hour_later + 1


def test_a_file_of_one_packet_without_a_pause_does_not_come_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "one.pcap"
    path.write_bytes(pcap_file([packet(CAPTURED, datagram(INVITE))]))
    source = started(str(path), pause=0)

    assert len(frames(source, NOW)) == 1
    assert len(frames(source, NOW + SECOND)) == 1


def test_what_was_given_is_counted_and_numbered(call: str) -> None:
    source = started(call)
    frames(source, NOW + 250 * MILLISECOND)
    batch = source.read(NOW + 300 * MILLISECOND)

    assert batch is not None
    assert (batch.source, batch.number, batch.recording) == (2, 4, None)
    assert (source.packets, source.truncated_packets) == (4, 2)
    assert source.bytes == sum(len(datagram(payload)) for payload in PAYLOADS[:4])
    assert (source.name, source.kind, source.damaged) == (call, "replay", None)


def test_a_damaged_file_is_played_as_far_as_it_goes(call: str) -> None:
    content = Path(call).read_bytes()
    Path(call).write_bytes(content[:-1])
    source = started(call, loop=False)

    assert len(frames(source, NOW + SECOND)) == 7
    assert source.damaged is not None
    assert source.damaged.startswith(f"{call}: cut off in the middle of packet 8")


def test_a_file_without_packets_is_never_due(tmp_path: Path) -> None:
    path = tmp_path / "empty.pcap"
    path.write_bytes(pcap_file([]))

    assert ReplaySource([str(path)]).next_due(NOW) is None


def test_a_file_too_large_for_memory_is_refused(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "MOST_BYTES", 1000)
    with pytest.raises(SourceError, match="is too large to replay"):
        ReplaySource([call])
