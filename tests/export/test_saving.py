import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sipscope.errors import SaveError
from sipscope.export.saving import Course, create, proposed_name, saving

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def save(path: Path, content: bytes, *, overwrite: bool = False) -> None:
    with saving(str(path), overwrite=overwrite) as file:
        file.write(content)


def save_half(path: Path, failure: Exception) -> None:
    with saving(str(path), overwrite=True) as file:
        file.write(b"half")
        raise failure


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "call.pcap"
    with saving(str(path)) as file:
        file.write(b"all of it")
        assert os.listdir(tmp_path) == ["call.pcap.part"]

    assert os.listdir(tmp_path) == ["call.pcap"]
    assert path.read_bytes() == b"all of it"


def test_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "call.pcap"
    save(path, b"")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_existing_file_stays_unless_overwriting_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "call.pcap"
    path.write_bytes(b"old")
    with pytest.raises(SaveError, match=r"exists already\. Choose another name, or overwrite it\."):
        save(path, b"new")
    assert path.read_bytes() == b"old"

    save(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new"


def test_what_goes_wrong_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "call.pcap"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="half way"):
        save_half(path, RuntimeError("half way"))

    assert os.listdir(tmp_path) == ["call.pcap"]
    assert path.read_bytes() == b"old"


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "call.pcap"
    with pytest.raises(SaveError, match="cannot be written: No space left on device") as raised:
        save_half(path, OSError(28, os.strerror(28)))

    assert raised.value.remedy == f"See df {tmp_path}"
    assert os.listdir(tmp_path) == []


def test_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    target, path = tmp_path / "target", tmp_path / "call.pcap"
    target.write_bytes(b"precious")
    path.symlink_to(target)
    with pytest.raises(SaveError, match="exists already"):
        save(path, b"new")

    save(path, b"new", overwrite=True)
    assert not path.is_symlink()
    assert target.read_bytes() == b"precious"


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_another_save_left_is_not_written_through(tmp_path: Path, kind: str) -> None:
    target, part = tmp_path / "target", tmp_path / "call.pcap.part"
    target.write_bytes(b"precious")
    if kind == "link":
        part.symlink_to(target)
    else:
        part.write_bytes(b"another")
    with pytest.raises(SaveError, match=rf"is there from another save\. .*: rm {part}\."):
        save(tmp_path / "call.pcap", b"new")

    assert target.read_bytes() == b"precious"
    assert os.path.lexists(part)


def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match=r"There is no directory .*/calls\. Make it"):
        save(tmp_path / "calls" / "call.pcap", b"")


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match=r"is a directory\. Name a file in it\."):
        save(tmp_path, b"")


def test_a_directory_of_others_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SaveError, match=r"may not be written\. Choose a directory of your own\."):
        save(tmp_path / "call.pcap", b"")


@root
def test_under_sudo_the_file_belongs_to_who_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", "4321")
    monkeypatch.setenv("SUDO_GID", "8765")
    path = tmp_path / "call.pcap"
    save(path, b"")

    assert (path.stat().st_uid, path.stat().st_gid) == (4321, 8765)


@root
@pytest.mark.parametrize("user", ["", "1_0", "+5", "-1", "٣", "99999999999"])
def test_a_sudo_user_that_is_no_number_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    monkeypatch.setenv("SUDO_UID", user)
    monkeypatch.setenv("SUDO_GID", "8765")
    os.close(create(str(tmp_path / "file")))

    assert (tmp_path / "file").stat().st_uid == 0


def test_killed_at_any_moment_the_old_file_or_the_new_one_is_there(tmp_path: Path) -> None:
    path = tmp_path / "call.pcap"
    program = (
        "import itertools, sys\n"
        "from sipscope.export.saving import saving\n"
        "print('ready', flush=True)\n"
        "for turn in itertools.count():\n"
        "    with saving(sys.argv[1], overwrite=True) as file:\n"
        "        for _ in range(20):\n"
        "            file.write(b'%d' % (turn % 10) * 4096)\n"
    )
    for attempt in range(8):
        path.write_bytes(b"old" * 100)
        (tmp_path / "call.pcap.part").unlink(missing_ok=True)
        running = subprocess.Popen(
            [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert running.stdout is not None
        running.stdout.readline()
        time.sleep(attempt * 0.004)
        running.send_signal(signal.SIGKILL)
        running.communicate()
        content = path.read_bytes()
        assert content == b"old" * 100 or (len(content), len(set(content))) == (81_920, 1)


def test_a_save_that_is_cancelled_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    course = Course()
    course.at(0.5)
    course.cancelled = True
    with pytest.raises(SaveError, match="was cancelled"), saving(str(path)):
        course.at(0.6)
    assert list(tmp_path.iterdir()) == []
    assert course.share == 0.6


def test_a_course_never_goes_back_or_beyond_its_end() -> None:
    course = Course()
    course.at(0.7)
    course.at(0.2)
    assert course.share == 0.7
    course.at(3.0)
    assert course.share == 1.0


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("1001", "+4930123", "20260105-140322"), "1001-+4930123-20260105-140322"),
        (("../../etc/passwd", None, ""), "etc_passwd"),
        (("a b;rm -rf $HOME\n", "x" * 99), f"a_b_rm_-rf_HOME-{'x' * 24}"),
        (("\x1b]0;x\x07", "日本"), "0_x"),
        ((None, ""), "calls"),
    ],
)
def test_a_proposed_name_is_safe_in_every_shell(words: tuple[str | None, ...], name: str) -> None:
    assert proposed_name(*words) == name
