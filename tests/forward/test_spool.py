import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from sipscope.errors import SaveError
from sipscope.forward.spool import SEGMENT_BYTES, Spool, open_spool


def message(number: int, size: int = 100) -> bytes:
    return struct.pack(">4sHI", b"HEP3", size, number) + bytes(size - 10)


def numbers(messages: list[bytes]) -> list[int]:
    return [struct.unpack_from(">I", one, 6)[0] for one in messages]


def messages(*span: int) -> list[bytes]:
    return [message(number) for number in range(*span)]


def drain(spool: Spool) -> list[int]:
    found: list[int] = []
    while taken := spool.take():
        found += numbers(taken)
    return found


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = open_spool(str(tmp_path / "spool"), 1 << 20)
    yield opened
    opened.close()


def segments(spool_or_path: Path) -> list[Path]:
    return sorted(spool_or_path.glob("*.hep"))


def test_messages_come_out_in_order(spool: Spool) -> None:
    spool.append(messages(5))
    spool.append(messages(5, 9))
    assert (spool.messages, spool.size) == (9, 900)
    assert drain(spool) == list(range(9))
    assert (spool.messages, spool.size) == (0, 0)


def test_what_comes_while_it_is_read_follows(spool: Spool) -> None:
    spool.append(messages(5000))
    taken = numbers(spool.take())
    spool.append(messages(5000, 5010))
    assert taken + drain(spool) == list(range(5010))


def test_what_is_put_in_front_comes_first(spool: Spool) -> None:
    spool.append(messages(10, 20))
    spool.prepend(messages(10))
    assert drain(spool) == list(range(20))


def test_what_was_taken_can_be_put_back_in_front(spool: Spool) -> None:
    spool.append(messages(6000))
    taken = spool.take()
    assert 0 < len(taken) < 6000
    spool.prepend(taken)
    assert drain(spool) == list(range(6000))


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    first = open_spool(str(tmp_path / "s"), 1 << 20)
    first.append(messages(6000))
    taken = numbers(first.take())
    first.prepend(messages(7000, 7003))
    first.close()
    second = open_spool(str(tmp_path / "s"), 1 << 20)
    assert second.messages == 6003 - len(taken)
    assert drain(second) == [7000, 7001, 7002, *range(len(taken), 6000)]
    second.close()


def test_a_restart_writes_behind_what_was_there(tmp_path: Path) -> None:
    for begin in (0, 3, 6):
        spool = open_spool(str(tmp_path / "s"), 1 << 20)
        spool.append(messages(begin, begin + 3))
        spool.close()
    spool = open_spool(str(tmp_path / "s"), 1 << 20)
    assert drain(spool) == list(range(9))
    spool.close()


def test_a_torn_tail_is_passed_over(tmp_path: Path) -> None:
    spool = open_spool(str(tmp_path / "s"), 1 << 20)
    spool.append(messages(3))
    spool.close()
    (segment,) = segments(tmp_path / "s")
    segment.write_bytes(segment.read_bytes()[:-1])
    spool = open_spool(str(tmp_path / "s"), 1 << 20)
    spool.append([message(9)])
    assert drain(spool) == [0, 1, 9]
    assert spool.damaged == 99
    spool.close()


def test_junk_between_messages_is_passed_over(tmp_path: Path) -> None:
    spool = open_spool(str(tmp_path / "s"), 1 << 20)
    spool.append([message(1)])
    spool.close()
    (segment,) = segments(tmp_path / "s")
    segment.write_bytes(bytes(50) + message(1) + b"HE" + message(2) + b"junk")
    spool = open_spool(str(tmp_path / "s"), 1 << 20)
    assert drain(spool) == [1, 2]
    assert spool.damaged == 50 + 2 + 4
    spool.close()


def test_the_oldest_make_room_and_are_counted(tmp_path: Path) -> None:
    spool = open_spool(str(tmp_path / "s"), 10_000)
    for number in range(200):
        spool.append([message(number)])
    assert spool.size <= 10_000
    left = drain(spool)
    assert left == list(range(200 - len(left), 200))
    assert spool.dropped == 200 - len(left)
    assert len(left) >= 80
    spool.close()


def test_segments_that_were_read_are_removed(tmp_path: Path) -> None:
    spool = open_spool(str(tmp_path / "s"), 4 * SEGMENT_BYTES)
    for _ in range(12):
        spool.append([message(0, 60_000)] * 15)
    assert len(segments(tmp_path / "s")) > 2
    drain(spool)
    assert not segments(tmp_path / "s")
    spool.close()


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    spool = open_spool(str(tmp_path / "s"), 1 << 20)
    spool.append(messages(3))
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "s").iterdir()} == {0o600}
    spool.close()


def test_a_full_disk_loses_no_whole_message(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.append(messages(3))

    def full(descriptor: int, data: bytes, at: int) -> int:
        os.ftruncate(descriptor, at + 20)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "pwrite", full)
        spool.append(messages(3, 5))
    assert spool.dropped == 2
    assert spool.failure is not None
    assert spool.failure.endswith("cannot be written: No space left on device")
    spool.append([message(9)])
    assert spool.failure is None
    assert drain(spool) == [0, 1, 2, 9]


class TestRefuses:
    def refusal(self, path: Path) -> str:
        with pytest.raises(SaveError) as refused:
            open_spool(str(path), 1 << 20)
        return str(refused.value)

    def test_a_directory_that_is_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "real")
        assert "cannot be used as spool" in self.refusal(tmp_path / "link")

    def test_a_directory_that_others_can_write(self, tmp_path: Path) -> None:
        (tmp_path / "open").mkdir()
        (tmp_path / "open").chmod(0o777)
        assert "can be written by others. Make it yours: chmod 700" in self.refusal(
            tmp_path / "open"
        )

    @pytest.mark.parametrize("name", ["lock", "position", "1000000000.hep"])
    def test_a_file_that_is_a_link(self, tmp_path: Path, name: str) -> None:
        victim = tmp_path / "victim"
        victim.write_bytes(b"precious")
        (tmp_path / "s").mkdir(mode=0o700)
        (tmp_path / "s" / name).symlink_to(victim)
        assert f"{name} cannot be used as spool" in self.refusal(tmp_path / "s")
        assert victim.read_bytes() == b"precious"

    def test_a_file_with_a_second_name(self, tmp_path: Path) -> None:
        victim = tmp_path / "victim"
        victim.write_bytes(b"precious")
        (tmp_path / "s").mkdir(mode=0o700)
        os.link(victim, tmp_path / "s" / "position")
        assert "not a file of ours" in self.refusal(tmp_path / "s")

    def test_a_pipe_without_waiting_for_its_other_end(self, tmp_path: Path) -> None:
        (tmp_path / "s").mkdir(mode=0o700)
        os.mkfifo(tmp_path / "s" / "1000000000.hep")
        assert "not a file of ours" in self.refusal(tmp_path / "s")

    def test_a_spool_that_another_uses(self, tmp_path: Path) -> None:
        first = open_spool(str(tmp_path / "s"), 1 << 20)
        assert "Another sipscope uses the spool" in self.refusal(tmp_path / "s")
        first.close()
        open_spool(str(tmp_path / "s"), 1 << 20).close()

    def test_a_file_instead_of_a_directory(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        assert "cannot be used as spool" in self.refusal(tmp_path / "file")
