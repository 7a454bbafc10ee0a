from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sipscope.capture import merge
from sipscope.capture.file import FileSource
from sipscope.capture.merge import FileSet
from sipscope.decode.batch import PacketBatch
from tests.capture.formats import SECOND, packet, pcap_file

MILLISECOND = 1_000_000


def file_set(folder: Path, *files: list[int], batch_bytes: int = 4 << 20) -> FileSet:
    """Capture files with packets at the given times in ms; each packet names its file and place."""
    sources = []
    for number, times in enumerate(files):
        path = folder / f"{number}.pcap"
        path.write_bytes(
            pcap_file(
                packet(SECOND + time * MILLISECOND, b"%d.%d" % (number, place))
                for place, time in enumerate(times)
            )
        )
        sources.append(FileSource(str(path), source=number, batch_bytes=batch_bytes))
    return FileSet(sources)


def pieces(files: FileSet) -> Iterator[PacketBatch]:
    while (batch := files.read()) is not None:
        yield batch
    files.close()


def names(batch: PacketBatch) -> list[str]:
    return [batch.frame(index).data.decode() for index in range(len(batch))]


def test_files_that_overlap_are_cut_where_the_other_goes_on(tmp_path: Path) -> None:
    files = file_set(tmp_path, [0, 10, 20, 90, 91], [15, 30, 40])

    assert [names(piece) for piece in pieces(files)] == [
        ["0.0", "0.1"],
        ["1.0"],
        ["0.2"],
        ["1.1", "1.2"],
        ["0.3", "0.4"],
    ]


def test_a_piece_keeps_its_source_its_frame_numbers_and_its_place_in_the_file(
    tmp_path: Path,
) -> None:
    files = file_set(tmp_path, [0, 10, 90], [15])
    first, _, third = files.read(), files.read(), files.read()

    assert first is not None
    assert third is not None
    assert (first.source, first.number, len(first)) == (0, 1, 2)
    assert (third.source, third.number, len(third)) == (0, 3, 1)
    assert third.recording is not None
    assert third.recording.frame(third.position + int(third.offset[0])) == third.frame(0)
    files.close()


def test_files_given_in_the_wrong_order_come_in_the_right_one(tmp_path: Path) -> None:
    files = file_set(tmp_path, [50, 60], [30, 40], [10, 20])

    assert [names(piece) for piece in pieces(files)] == [
        ["2.0", "2.1"],
        ["1.0", "1.1"],
        ["0.0", "0.1"],
    ]


def test_batches_of_files_that_do_not_overlap_are_passed_on_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[PacketBatch] = []

    class Remembering(FileSource):
        def read(self, *, wait: bool = True) -> PacketBatch | None:
            batch = super().read(wait=wait)
            if batch is not None:
                taken.append(batch)
            return batch

    monkeypatch.setattr(f"{__name__}.FileSource", Remembering)
    passed = list(pieces(file_set(tmp_path, [0, 10], [20, 30])))

    assert len(passed) == 2
    assert all(a is b for a, b in zip(passed, taken, strict=True))


def test_only_files_whose_time_has_come_are_read_on(tmp_path: Path) -> None:
    files = file_set(tmp_path, list(range(100)), list(range(200, 300)), batch_bytes=100)
    early, late = files.sources
    before = late.packets
    while early.packets < 100:
        files.read()

    assert late.packets == before < 10
    files.close()


def test_simultaneous_packets_do_not_cut(tmp_path: Path) -> None:
    files = file_set(tmp_path, [0, 10, 10, 20], [10, 10])

    assert [names(piece) for piece in pieces(files)] == [
        ["0.0", "0.1", "0.2"],
        ["1.0", "1.1"],
        ["0.3"],
    ]


def test_a_packet_with_a_time_in_the_past_follows_the_one_before_it(tmp_path: Path) -> None:
    files = file_set(tmp_path, [50, 0, 60], [20, 55])

    assert [names(piece) for piece in pieces(files)] == [["1.0"], ["0.0", "0.1"], ["1.1"], ["0.2"]]


def test_no_files_and_files_without_packets_give_nothing(tmp_path: Path) -> None:
    assert FileSet([]).read() is None
    assert list(pieces(file_set(tmp_path, [], []))) == []


def test_after_very_many_pieces_files_are_cut_less_finely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "EXACT_PIECES", 4)
    files = file_set(tmp_path, list(range(0, 100, 2)), list(range(1, 101, 2)))
    found = [names(piece) for piece in pieces(files)]

    assert found[:4] == [["0.0"], ["1.0"], ["0.1"], ["1.1"]]
    assert [len(piece) for piece in found[4:]] == [11, 21, 21, 21, 16, 6]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.lists(st.lists(st.integers(0, 100)), max_size=4),
    batch_bytes=st.sampled_from([1, 100, 1 << 20]),
)
def test_no_packet_is_lost_and_every_file_keeps_its_order(
    tmp_path: Path, files: list[list[int]], batch_bytes: int
) -> None:
    found = list(pieces(file_set(tmp_path, *files, batch_bytes=batch_bytes)))
    taken = [name for piece in found for name in names(piece)]
    for number, times in enumerate(files):
        own = [name for name in taken if name.startswith(f"{number}.")]
        assert own == [f"{number}.{place}" for place in range(len(times))]
    if all(times == sorted(times) for times in files):
        stamps = [time for piece in found for time in piece.time.tolist()]
        assert stamps == sorted(stamps)
