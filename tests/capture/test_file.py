import csv
import gzip
import io
import os
import random
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sipscope.capture.file import FileSource
from sipscope.decode.batch import PacketBatch
from sipscope.errors import SourceError
from tests.capture.formats import (
    CORPUS,
    SECOND,
    Packet,
    enhanced,
    interface,
    mutations,
    obsolete,
    packet,
    packets_of,
    pcap_file,
    section,
    simple,
)

NOISE = random.Random(1)
PACKETS = [
    packet((1_700_000_000 + index) * SECOND, NOISE.randbytes(NOISE.randrange(200)), index % 3)
    for index in range(300)
]
CONTENT = pcap_file(PACKETS)
NEXT_GENERATION = (
    section()
    + interface()
    + b"".join(enhanced(each.time // 1000, each.data, wire=each.wire) for each in PACKETS)
)


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "call.pcap"
    path.write_bytes(CONTENT)
    return path


def batches(source: FileSource) -> Iterator[PacketBatch]:
    while (batch := source.read()) is not None:
        yield batch


def read(path: Path, batch_bytes: int = 4 << 20) -> list[Packet]:
    source = FileSource(str(path), batch_bytes=batch_bytes)
    try:
        return packets_of(batches(source))
    finally:
        source.close()


@pytest.mark.parametrize("content", [CONTENT, NEXT_GENERATION], ids=["pcap", "pcapng"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_format_is_known_by_content_whatever_the_name(
    tmp_path: Path, content: bytes, packed: bool
) -> None:
    path = tmp_path / "capture"
    path.write_bytes(gzip.compress(content) if packed else content)

    assert read(path) == PACKETS


def test_what_was_read_is_counted(capture: Path) -> None:
    source = FileSource(str(capture), source=4)
    taken = list(batches(source))

    assert {batch.source for batch in taken} == {4}
    assert (source.name, source.kind, source.size) == (str(capture), "file", len(CONTENT))
    assert source.packets == 300
    assert source.bytes == sum(len(each.data) for each in PACKETS)
    assert source.truncated_packets == 200
    assert source.damaged is None
    assert source.ended
    source.close()


def test_a_source_can_have_another_name(capture: Path) -> None:
    assert FileSource(str(capture), name="call-17").name == "call-17"


@pytest.mark.parametrize("batch_bytes", [1, 100, 4096])
def test_no_record_is_split_however_small_the_batches(capture: Path, batch_bytes: int) -> None:
    assert read(capture, batch_bytes) == PACKETS


def test_a_record_larger_than_a_batch_is_read(tmp_path: Path) -> None:
    large = [packet(0, b"small"), packet(1000, bytes(250_000)), packet(2000, b"small")]
    path = tmp_path / "large.pcap"
    path.write_bytes(pcap_file(large))

    assert read(path, 1000) == large


def test_the_first_packets_of_a_large_file_come_without_reading_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "large.pcap"
    path.write_bytes(pcap_file([packet(0, bytes(1000))] * 1000))
    source = FileSource(str(path))

    batch = source.read()

    assert batch is not None
    assert len(batch) == 64
    assert source.progress == pytest.approx((24 + 64 * 1016) / (24 + 1000 * 1016))
    assert len(list(batches(source))) == 1
    assert source.progress == 1.0
    source.close()


@pytest.mark.parametrize("content", [CONTENT, NEXT_GENERATION], ids=["pcap", "pcapng"])
def test_a_damaged_file_gives_the_packets_before(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes(content[:-1])
    source = FileSource(str(path))

    assert packets_of(batches(source)) == PACKETS[:-1]
    assert source.damaged is not None
    assert source.damaged.startswith("cut off in the middle of ")
    source.close()


def test_damaged_gzip_data_give_the_packets_before(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap.gz"
    packed = gzip.compress(CONTENT)
    path.write_bytes(packed[: len(packed) // 2])
    source = FileSource(str(path))
    found = packets_of(batches(source))

    assert 100 < len(found) < 200
    assert found == PACKETS[: len(found)]
    assert source.damaged == f"the gzip data are cut off at byte {len(packed) // 2:,}"
    source.close()


def test_gzip_data_are_unpacked_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "big.pcap.gz"
    path.write_bytes(gzip.compress(CONTENT))
    source = FileSource(str(path), most_unpacked=10_000, batch_bytes=1000)

    assert 50 < len(packets_of(batches(source))) < 150
    assert source.damaged == "the gzip data unpack to more than 10,000 bytes"
    source.close()


def test_progress_of_a_gzipped_file_is_that_of_its_packed_bytes(tmp_path: Path) -> None:
    path = tmp_path / "call.pcap.gz"
    noise = [packet(0, NOISE.randbytes(1000)) for _ in range(500)]
    path.write_bytes(gzip.compress(pcap_file(noise)))
    source = FileSource(str(path), batch_bytes=65_536)
    shares = [source.progress for _ in batches(source)]

    assert shares == sorted(shares, key=lambda share: share or 0)
    assert 0 < (shares[0] or 0) < 0.5
    assert source.progress == 1.0
    source.close()


@pytest.mark.parametrize("content", [CONTENT, NEXT_GENERATION], ids=["pcap", "pcapng"])
def test_frames_and_bytes_of_a_file_can_be_read_again(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "call"
    path.write_bytes(content)
    source = FileSource(str(path), batch_bytes=1000)
    for batch in batches(source):
        assert batch.recording is not None
        for index in range(len(batch)):
            position = batch.position + int(batch.offset[index])
            assert batch.recording.frame(position) == batch.frame(index)
            length = int(batch.captured[index])
            assert batch.recording.read(position, length) == batch.frame(index).data
    source.close()


def test_a_file_that_shrank_has_no_frames_any_more(capture: Path) -> None:
    source = FileSource(str(capture))
    batch = source.read()
    assert batch is not None
    recording, position = batch.recording, int(batch.offset[200])
    assert recording is not None
    os.truncate(capture, position + 1)

    assert recording.frame(position) is None
    assert recording.read(position, 10) == PACKETS[200].data[:1]
    assert recording.read(-5, 10) == b""
    source.close()
    assert recording.read(24, 10) == b""
    assert recording.frame(40) is None


def test_a_file_that_shrinks_while_it_is_read_ends_there(capture: Path) -> None:
    source = FileSource(str(capture), batch_bytes=1000)
    first = source.read()
    assert first is not None
    os.truncate(capture, 10)

    assert source.read() is None
    assert source.damaged is None
    source.close()


def test_gzipped_and_streamed_packets_cannot_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "call.pcap.gz"
    path.write_bytes(gzip.compress(CONTENT))
    source = FileSource(str(path))

    assert {batch.recording for batch in batches(source)} == {None}
    source.close()


@pytest.mark.parametrize("content", [CONTENT, gzip.compress(CONTENT)], ids=["plain", "packed"])
def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    source = FileSource("-")

    assert packets_of(batches(source)) == PACKETS
    assert (source.name, source.size, source.progress) == ("standard input", None, None)
    assert source.fileno() is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, len(CONTENT)), max_size=8), packed=st.booleans())
def test_however_a_pipe_delivers_the_packets_are_the_same(cuts: list[int], packed: bool) -> None:
    content = gzip.compress(CONTENT) if packed else CONTENT
    reading, writing = os.pipe()
    # Some of a compressed file has to be unpacked to know what it is.
    begin = len(content) if packed else 4
    cuts = sorted({begin, len(content), *(cut for cut in cuts if begin < cut < len(content))})
    os.write(writing, content[:begin])
    source = FileSource(f"/dev/fd/{reading}", batch_bytes=1000)
    found: list[PacketBatch] = []
    for start, end in pairwise(cuts):
        os.write(writing, content[start:end])
        while not packed and (batch := source.read(wait=False)) is not None:
            found.append(batch)
        assert not source.ended
    os.close(writing)
    found += batches(source)
    source.close()
    os.close(reading)

    assert packets_of(found) == PACKETS
    assert source.damaged is None


def test_a_pipe_tells_what_to_wait_for(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, CONTENT[:30])
    source = FileSource(f"/dev/fd/{reading}")

    assert source.fileno() is not None
    assert source.read(wait=False) is None
    assert not source.ended
    os.close(writing)
    assert source.read(wait=False) is None
    assert source.ended
    assert source.damaged == "cut off in the middle of packet 1 at byte 24"
    source.close()
    os.close(reading)


def test_a_regular_file_never_waits(capture: Path) -> None:
    source = FileSource(str(capture))

    assert source.fileno() is None
    source.close()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "{0} is empty. Capture again."),
        (
            b"INVITE sip:1001@example.com SIP/2.0\r\n",
            "{0} is not a capture file. Give a pcap or pcapng file, gzipped or not.",
        ),
        (b"\xd4\xc3", "{0} is not a capture file. Give a pcap or pcapng file, gzipped or not."),
        (
            gzip.compress(b"text", mtime=0),
            "{0} is not a capture file. Give a pcap or pcapng file, gzipped or not.",
        ),
        (
            b"snoop\0\0\0\0\0\0\2",
            "{0} is a snoop capture. Convert it with: editcap '{0}' '{0}'.pcap.",
        ),
        (b"\xfd7zXZ\0\0", "{0} is compressed with xz. Unpack it with: unxz '{0}'."),
    ],
)
def test_what_is_no_capture_is_refused_with_a_remedy(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "a file"
    path.write_bytes(content)

    with pytest.raises(SourceError) as raised:
        FileSource(str(path))
    assert str(raised.value) == message.format(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"There is no file .*/nothing\. Check its name\."):
        FileSource(str(tmp_path / "nothing"))


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"is a directory\. Name the capture files in it\."):
        FileSource(str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any file")
def test_a_file_that_may_not_be_read_is_refused_to_users(capture: Path) -> None:
    capture.chmod(0)
    with pytest.raises(SourceError, match="may not be read"):
        FileSource(str(capture))


def test_permission_denied_has_a_remedy(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SourceError, match=r"may not be read\. Run sipscope as a user who may"):
        FileSource(str(capture))


def test_too_many_files_have_a_remedy(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(24, os.strerror(24))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SourceError, match=r"^So many files cannot .* Merge some of them: mergecap"):
        FileSource(str(capture))


def test_a_terminal_as_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    with pytest.raises(SourceError, match=r"Standard input is no capture\. Pipe one into it"):
        FileSource("-")


def test_a_read_error_ends_the_file_with_the_reason(
    capture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = FileSource(str(capture), batch_bytes=1000)
    assert source.read() is not None

    def fail(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", fail)
    assert source.read() is None
    assert source.damaged == "cannot be read any further: Input/output error"
    source.close()


SEEDS = {
    "pcap": pcap_file(PACKETS[:12]),
    "pcap-be-ns": pcap_file(PACKETS[:12], ">", 0xA1B23C4D),
    "pcapng": section()
    + interface()
    + enhanced(1, b"one")
    + interface(101)
    + enhanced(2, b"second packet", number=1)
    + simple(b"third", 5)
    + obsolete(4, b"fourth")
    + section(">")
    + interface(1, ">")
    + enhanced(5, b"fifth", ">"),
    "gzip": gzip.compress(pcap_file(PACKETS[:12]), mtime=0),
}


@pytest.mark.parametrize("name", SEEDS)
def test_no_damage_does_more_than_end_the_reading(tmp_path: Path, name: str) -> None:
    path = tmp_path / "damaged"
    opened = 0
    for content in mutations(SEEDS[name], 2500, seed=20):
        path.unlink(missing_ok=True)  # to replace what is in a file takes much longer
        path.write_bytes(content)
        try:
            source = FileSource(str(path))
        except SourceError:
            continue
        opened += 1
        for batch in batches(source):
            assert (batch.captured >= 0).all()
            assert (batch.wire >= batch.captured).all()
            assert (batch.offset + batch.captured <= len(batch.buffer)).all()
            assert (batch.time >= 0).all()
            if batch.recording:
                position = batch.position + int(batch.offset[-1])
                assert batch.recording.frame(position) == batch.frame(len(batch) - 1)
        source.close()
    assert opened > 1500


# Where tshark counts other packets than there are, and why.
TSHARK_COUNTS_BLOCKS_WITHOUT_PACKETS = {
    f"gopacket/{order}__test{number}.pcapng": counts
    for order in ("be", "le")
    for number, counts in {"017": (4, 0), "018": (8, 4), "102": (8, 5), "202": (11, 8)}.items()
}
TSHARK_DOES_NOT_KNOW_THE_LINK_TYPE = {
    "libpcap/brcm-tag-stp.pcap": (0, 4),
    "libpcap/brcm-tag.pcap": (0, 15),
    "tcpdump/brcm-tag-prepend.pcap": (0, 15),
    "tcpdump/brcm-tag.pcap": (0, 23),
    "tcpdump/dsa-high-vid.pcap": (0, 4),
    "tcpdump/dsa.pcap": (0, 8),
    "tcpdump/edsa-high-vid.pcap": (0, 4),
    "tcpdump/edsa.pcap": (0, 10),
    "tcpdump/frf16_magic_ie-oobr.pcap": (0, 1),
    "tcpdump/hoobr_juniper3.pcap": (0, 1),
    "tcpdump/juniper_es_oobr.pcap": (0, 1),
    "tcpdump/juniper_monitor_invalid_cookie_length.pcap": (0, 1),
}
TSHARK_REFUSES_RESERVED_BITS_OR_MINOR_VERSIONS = {
    "libpcap/pcapng-invalid-vers-2.pcapng": (0, 1),
    "pcapplusplus/clusterfuzz-testcase-minimized-FuzzTarget-5631583764873216": (0, 1),
    "pcapplusplus/clusterfuzz-testcase-minimized-FuzzTarget-5685520970809344": (0, 1),
    "pcapplusplus/clusterfuzz-testcase-minimized-FuzzTarget-5752969003008000": (0, 1),
}
TSHARK_GIVES_NOTHING_OF_A_BLOCK_WITH_A_LENGTH_OF_139 = {"wireshark-wiki/test007.ntar": (0, 1)}
TSHARK_GUESSES_IN_DAMAGED_FILES = {
    "ndpi/fuzz-2021-10-13.pcap": (1, 0),
    "pcapplusplus/clusterfuzz-testcase-minimized-FuzzTarget-6604968558198784": (1, 0),
    "pcapplusplus/crash-exception-cast-constructed-record": (1, 2),
}
OTHER_FORMATS = {
    "wireshark-wiki/ICA.snoop": (123, "is a snoop capture"),
    "wireshark-wiki/genbroad.snoop": (250, "is a snoop capture"),
    "wireshark-wiki/trace.snoop": (88, "is a snoop capture"),
    "wireshark-wiki/PPPHandshake.cap": (20, "is a Network Monitor capture"),
    "wireshark-wiki/RTSPPACKETS1.cap": (20, "is a Network Monitor capture"),
}


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of public captures is not here")
def test_every_public_capture_has_as_many_packets_as_tshark_counts() -> None:
    differing: dict[str, tuple[int, int | str]] = {}
    with (CORPUS / "MANIFEST.tsv").open(newline="") as manifest:
        for row in csv.DictReader(manifest, delimiter="\t"):
            expected = int(row["packets"])
            found: int | str
            try:
                source = FileSource(str(CORPUS / row["path"]))
            except SourceError as error:
                found = error.message.removeprefix(f"{CORPUS / row['path']} ")
            else:
                found = sum(map(len, batches(source)))
                source.close()
            if found != expected:
                differing[row["path"]] = expected, found

    assert differing == (
        TSHARK_COUNTS_BLOCKS_WITHOUT_PACKETS
        | TSHARK_DOES_NOT_KNOW_THE_LINK_TYPE
        | TSHARK_REFUSES_RESERVED_BITS_OR_MINOR_VERSIONS
        | TSHARK_GIVES_NOTHING_OF_A_BLOCK_WITH_A_LENGTH_OF_139
        | TSHARK_GUESSES_IN_DAMAGED_FILES
        | OTHER_FORMATS
    )
