import gzip
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sipscope.capture.file import FileSource
from sipscope.decode.batch import Frame, PacketBatch
from sipscope.errors import SaveError
from sipscope.export.pcap import Recorder, save_frames
from tests.packets import batch

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
ETHERNET, RAW = 1, 101

FIRST = Frame(START + 123_456_000, ETHERNET, 5, b"first")
SECOND_FRAME = Frame(START + 2 * SECOND, ETHERNET, 100, b"second")
OTHER = Frame(START + SECOND, RAW, 5, b"other")


def read(path: Path) -> list[Frame]:
    source = FileSource(str(path))
    frames = []
    while (found := source.read()) is not None:
        frames += [found.frame(index) for index in range(len(found))]
    assert source.damaged is None
    source.close()
    return frames


def test_frames_of_one_link_type_become_a_pcap_file_in_microseconds(tmp_path: Path) -> None:
    path = tmp_path / "call.pcap"
    assert save_frames(str(path), [FIRST, SECOND_FRAME]) == 2

    assert path.read_bytes() == (
        struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
        + struct.pack("<IIII", 1_700_000_000, 123_456, 5, 5)
        + b"first"
        + struct.pack("<IIII", 1_700_000_002, 0, 6, 100)
        + b"second"
    )


def test_frames_are_saved_in_order_of_time(tmp_path: Path) -> None:
    path = tmp_path / "call.pcapng"
    save_frames(str(path), iter([SECOND_FRAME, OTHER, FIRST]))

    assert read(path) == [FIRST, OTHER, SECOND_FRAME]


def test_a_name_that_ends_in_pcapng_gives_pcapng_with_nanoseconds(tmp_path: Path) -> None:
    path = tmp_path / "call.pcapng"
    fine = FIRST._replace(time=START + 123_456_789)
    save_frames(str(path), [fine])
    ticks = START + 123_456_789

    assert path.read_bytes() == (
        struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
        + struct.pack("<IIHHI", 1, 32, 1, 0, 262_144)
        + struct.pack("<HHB3xHHI", 9, 1, 9, 0, 0, 32)
        + struct.pack("<IIIIIII", 6, 40, 0, ticks >> 32, ticks & 0xFFFFFFFF, 5, 5)
        + b"first\0\0\0"
        + struct.pack("<I", 40)
    )
    assert read(path) == [fine]


def test_frames_of_several_link_types_become_pcapng_whatever_the_name(tmp_path: Path) -> None:
    path = tmp_path / "call.pcap"
    save_frames(str(path), [FIRST, OTHER, SECOND_FRAME])

    assert path.read_bytes()[:4] == b"\x0a\x0d\x0d\x0a"
    assert read(path) == [FIRST, OTHER, SECOND_FRAME]


@pytest.mark.parametrize(
    ("time", "nanoseconds", "magic"),
    [
        (START + 1001, True, 0xA1B23C4D),
        (START + 1001, False, 0xA1B2C3D4),
        (START + 1000, True, 0xA1B2C3D4),
    ],
)
def test_pcap_is_in_nanoseconds_only_if_asked_and_needed(
    tmp_path: Path, time: int, nanoseconds: bool, magic: int
) -> None:
    path = tmp_path / "call.pcap"
    save_frames(str(path), [FIRST._replace(time=time)], nanoseconds=nanoseconds)

    assert struct.unpack_from("<I", path.read_bytes()) == (magic,)
    assert read(path)[0].time == (time if magic == 0xA1B23C4D else START + 1000)


@pytest.mark.parametrize("name", ["call.pcap.gz", "call.pcapng.gz"])
def test_a_name_that_ends_in_gz_gives_a_compressed_file(tmp_path: Path, name: str) -> None:
    save_frames(str(tmp_path / name), [FIRST, SECOND_FRAME])
    save_frames(str(tmp_path / name.removesuffix(".gz")), [FIRST, SECOND_FRAME])

    packed = (tmp_path / name).read_bytes()
    assert gzip.decompress(packed) == (tmp_path / name.removesuffix(".gz")).read_bytes()


def test_no_frames_give_an_empty_capture(tmp_path: Path) -> None:
    path = tmp_path / "none.pcap"

    assert save_frames(str(path), []) == 0
    assert read(path) == []


def test_a_time_beyond_pcap_stands_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "late.pcap"
    save_frames(str(path), [FIRST._replace(time=8_000_000_000 * SECOND)])

    assert read(path)[0].time == 0xFFFFFFFF * SECOND


def test_a_file_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "call.pcap"
    save_frames(str(path), [FIRST])
    with pytest.raises(SaveError, match="exists already"):
        save_frames(str(path), [SECOND_FRAME])
    assert read(path) == [FIRST]

    save_frames(str(path), [SECOND_FRAME], overwrite=True)
    assert read(path) == [SECOND_FRAME]


@pytest.mark.skipif(not shutil.which("tshark"), reason="needs tshark")
@pytest.mark.parametrize("name", ["call.pcap", "call.pcapng"])
def test_wireshark_reads_what_was_saved(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    frames = [FIRST, SECOND_FRAME] if name == "call.pcap" else [FIRST, OTHER, SECOND_FRAME]
    save_frames(str(path), frames)
    fields = ["frame.time_epoch", "frame.len", "frame.cap_len"]
    command = ["tshark", "-r", str(path), "-T", "fields"]
    command += [argument for field in fields for argument in ("-e", field)]
    rows = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")

    assert rows[:-1] == [
        f"{frame.time // SECOND}.{frame.time % SECOND:09}\t{frame.wire_length}\t{len(frame.data)}"
        for frame in frames
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frames=st.lists(
        st.tuples(
            st.integers(0, 2**32 * SECOND),
            st.sampled_from([ETHERNET, RAW]),
            st.integers(0, 2000),
            st.binary(max_size=70),
        )
    )
)
def test_what_was_recorded_is_read_again(
    tmp_path: Path, frames: list[tuple[int, int, int, bytes]]
) -> None:
    path = tmp_path / "call.pcapng"
    expected = [
        Frame(time, link_type, len(data) + missing, data)
        for time, link_type, missing, data in frames
    ]
    recorder = Recorder(str(path), overwrite=True)
    for frame in expected:
        recorder.write(batch_of([frame]))
    recorder.close()
    assert read(path) == expected

    save_frames(str(path), expected, overwrite=True)
    assert read(path) == sorted(expected, key=lambda frame: frame.time)


def batch_of(frames: list[Frame]) -> PacketBatch:
    return batch(
        [frame.data for frame in frames],
        frames[0].link_type,
        times=[frame.time for frame in frames],
        wire=[frame.wire_length for frame in frames],
    )


@pytest.mark.parametrize(
    ("name", "link_types", "magic"),
    [
        ("call.pcap", [ETHERNET], b"\xd4\xc3\xb2\xa1"),
        ("call.pcap", [], b"\xd4\xc3\xb2\xa1"),
        ("call.PCAP", [ETHERNET, ETHERNET], b"\xd4\xc3\xb2\xa1"),
        ("call.pcap", [ETHERNET, RAW], b"\x0a\x0d\x0d\x0a"),
        ("call.pcapng", [ETHERNET], b"\x0a\x0d\x0d\x0a"),
        ("call", [ETHERNET], b"\x0a\x0d\x0d\x0a"),
    ],
)
def test_a_recording_is_pcapng_unless_named_pcap_for_one_link_type(
    tmp_path: Path, name: str, link_types: list[int], magic: bytes
) -> None:
    path = tmp_path / name
    recorder = Recorder(str(path), link_types=link_types)
    recorder.write(batch_of([FIRST, SECOND_FRAME]))
    recorder.close()

    assert path.read_bytes()[:4] == magic
    assert read(path) == [FIRST, SECOND_FRAME]
    assert (recorder.packets, recorder.missed, recorder.damaged) == (2, 0, None)
    assert recorder.bytes == path.stat().st_size


@pytest.mark.parametrize("name", ["call.pcap", "call.pcapng"])
def test_a_recording_holds_whole_records_at_any_moment(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    recorder = Recorder(str(path))
    frames = []
    for index in range(5):
        recorder.write(batch_of([FIRST, SECOND_FRAME]))
        frames += [FIRST, SECOND_FRAME]
        if index == 2:
            recorder.flush()
        assert read(path) == frames
    recorder.close()


@pytest.mark.parametrize("name", ["call.pcap", "call.pcapng"])
def test_a_recording_without_packets_is_a_capture_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    recorder = Recorder(str(path))
    recorder.write(batch([]))
    recorder.close()
    recorder.close()

    assert read(path) == []
    assert recorder.damaged is None


def test_packets_of_a_batch_are_written_in_order_whatever_their_lengths(tmp_path: Path) -> None:
    frames = [
        Frame(START + index * 1000, ETHERNET, 2000, bytes([index]) * (index * 7 % 40))
        for index in range(200)
    ]
    for name in ("call.pcap", "call.pcapng"):
        recorder = Recorder(str(tmp_path / name))
        recorder.write(batch_of(frames))
        recorder.close()
        assert read(tmp_path / name) == frames


def test_a_second_link_type_in_a_pcap_recording_is_told(tmp_path: Path) -> None:
    path = tmp_path / "call.pcap"
    recorder = Recorder(str(path))
    recorder.write(batch_of([FIRST]))
    recorder.write(batch_of([OTHER, OTHER]))
    recorder.write(batch_of([SECOND_FRAME]))
    recorder.close()

    assert read(path) == [FIRST, SECOND_FRAME]
    assert (recorder.packets, recorder.missed) == (2, 2)
    assert recorder.damaged == (
        "a pcap file takes one link type, so packets of type 101 are missing; record to a name"
        " that ends in .pcapng"
    )


@pytest.mark.parametrize("name", ["call.pcap", "call.pcapng"])
@pytest.mark.parametrize("room", range(60, 150, 7))
def test_on_a_full_disk_a_recording_ends_after_a_whole_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, room: int
) -> None:
    path = tmp_path / name
    write = os.write
    left = room

    def write_while_there_is_room(descriptor: int, data: memoryview) -> int:
        nonlocal left
        if left == 0:
            raise OSError(28, os.strerror(28))
        written = write(descriptor, data[: min(left, 50)])
        left -= written
        return written

    monkeypatch.setattr(os, "write", write_while_there_is_room)
    recorder = Recorder(str(path), link_types=[ETHERNET])
    recorder.write(batch_of([FIRST, SECOND_FRAME] * 3))
    left = 1000
    recorder.write(batch_of([FIRST]))
    recorder.close()

    found = read(path)
    assert found == ([FIRST, SECOND_FRAME] * 3)[: len(found)]
    size = 21 if name == "call.pcap" else 40
    start = 24 if name == "call.pcap" else 60
    assert len(found) in ((room - start) // size, (room - start) // (size + 1))
    assert recorder.packets == len(found)
    assert recorder.missed == 7 - len(found)
    assert recorder.bytes == path.stat().st_size
    assert recorder.damaged == "the recording ended: No space left on device"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_disk_that_is_full_from_the_start_is_refused() -> None:
    with pytest.raises(SaveError, match="/dev/full: the recording ended: No space left on device"):
        Recorder("/dev/full")


def test_a_recording_overwrites_only_if_asked_and_never_through_a_link(tmp_path: Path) -> None:
    target, path = tmp_path / "target", tmp_path / "call.pcap"
    target.write_bytes(b"precious")
    path.symlink_to(target)
    with pytest.raises(SaveError, match="exists already"):
        Recorder(str(path))

    Recorder(str(path), overwrite=True).close()
    assert read(path) == []
    assert target.read_bytes() == b"precious"


def test_a_recording_is_for_its_owner_alone(tmp_path: Path) -> None:
    Recorder(str(tmp_path / "call.pcap")).close()

    assert (tmp_path / "call.pcap").stat().st_mode & 0o777 == 0o600


def test_a_recording_can_go_into_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    recorder = Recorder(str(path))
    recorder.write(batch_of([FIRST]))
    assert os.read(reading, 4096)[-12:-4] == b"first\0\0\0"

    os.close(reading)
    recorder.write(batch_of([FIRST]))
    assert recorder.damaged == "the recording ended: Broken pipe"
    recorder.close()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("call.pcap.gz", "A recording is not compressed"),
        ("nowhere/call.pcap", "There is no directory"),
        ("", "is a directory"),
    ],
)
def test_where_nothing_can_be_recorded_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(SaveError, match=message):
        Recorder(str(tmp_path / name))
