import json
import shutil
import subprocess
from pathlib import Path

import pytest

from sipscope.decode.batch import Frame
from sipscope.export.annotations import Annotations, comment_option, name_records
from sipscope.export.pcap import save_frames
from tests.packets import START, ethernet, ipv4, udp

OPTIONS = b"OPTIONS sip:bob@example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n"
PACKET = ethernet(ipv4(udp(OPTIONS, 5060, 5060), "192.0.2.1", "192.0.2.2"))
FRAMES = [Frame(START + n * 1_000_001, 1, len(PACKET), PACKET) for n in range(3)]


def test_names_of_both_families_are_records() -> None:
    names = {bytes([192, 0, 2, 1]): "pbx", bytes(15) + b"\1": "host", b"x": "no address"}
    four = b"\1\0\x08\0\xc0\0\2\1pbx\0"
    six = b"\2\0\x15\0" + bytes(15) + b"\1host\0\0\0\0"
    assert name_records(names) == four + six + bytes(4)


def test_a_comment_is_an_option_of_whole_words() -> None:
    assert comment_option("über") == b"\1\0\5\0\xc3\xbcber\0\0\0" + bytes(4)


def test_a_comment_has_an_end() -> None:
    assert len(comment_option("x\0" * 10_000)) == 4 + 4_096 + 4


def test_pcap_leaves_out_what_it_cannot_keep(tmp_path: Path) -> None:
    plain, other = tmp_path / "plain.pcap", tmp_path / "other.pcap"
    save_frames(str(plain), FRAMES)
    save_frames(str(other), FRAMES, annotations=Annotations(comments={FRAMES[0]: "x"}))
    assert plain.read_bytes() == other.read_bytes()


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_wireshark_shows_names_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "call.pcapng"
    notes = Annotations({bytes([192, 0, 2, 1]): "pbx"}, {FRAMES[1]: "1001 → 2002: busy"})
    assert save_frames(str(path), FRAMES, annotations=notes) == 3
    fields = ("frame.comment", "ip.src_host", "sip.Method", "frame.time_epoch")
    command = ["tshark", "-r", str(path), "-N", "n", "-T", "json"]
    for name in fields:
        command += ["-e", name]
    shown = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    layers = [packet["_source"]["layers"] for packet in shown]
    assert [each.get("frame.comment") for each in layers] == [None, ["1001 → 2002: busy"], None]
    assert {each["ip.src_host"][0] for each in layers} == {"pbx"}
    assert {each["sip.Method"][0] for each in layers} == {"OPTIONS"}
    assert layers[1]["frame.time_epoch"] == ["1700000000.001000001"]
