import ctypes
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sipscope.capture.interface import InterfaceSource
from sipscope.errors import FilterError, SourceError
from tests.capture.formats import SECOND, packet, packets_of, pcap_file
from tests.packets import ethernet, ipv4, udp

CLONE_NEWNET = 0x40000000
FRAMES = [ethernet(ipv4(udp(b"message %d " % index * 20, 5060 + index % 2))) for index in range(60)]

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs network namespaces"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a network namespace"),
    pytest.mark.skipif(
        not (shutil.which("ip") and shutil.which("tcpreplay")),
        reason="needs iproute2 and tcpreplay",
    ),
]


@pytest.fixture(autouse=True)
def namespace() -> Iterator[None]:
    """A network namespace of this thread's own, which goes away with it; va and vb are a cable."""
    libc = ctypes.CDLL(None, use_errno=True)
    outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    if libc.unshare(CLONE_NEWNET):
        os.close(outside)
        pytest.skip("network namespaces are not allowed here")
    try:
        for scope in ("all", "default"):  # no router solicitations among the packets
            Path(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6").write_text("1")
        plug_in()
        yield
    finally:
        assert libc.setns(outside, 0) == 0
        os.close(outside)


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def plug_in() -> None:
    ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
    ip("link", "set", "va", "up")
    ip("link", "set", "vb", "up")


def send(folder: Path, frames: list[bytes], *options: str) -> None:
    path = folder / "sent.pcap"
    path.write_bytes(pcap_file(packet(index * SECOND, frame) for index, frame in enumerate(frames)))
    command = ["tcpreplay", "-q", "-K", "-i", "va", *options, str(path)]
    subprocess.run(command, check=True, capture_output=True)


def watch(source: InterfaceSource, until: Callable[[], bool], seconds: float = 5) -> list[bytes]:
    """Read as the engine does until a condition holds; return the packets that came."""
    batches = []
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, f"waited in vain; status: {source.status}"
        descriptor = source.fileno()
        waited_for = [] if descriptor is None else [descriptor]
        select.select(waited_for, [], [], 0.05)
        if (batch := source.read(time.time_ns())) is not None:
            batches.append(batch)
    return [frame.data for batch in batches for frame in map(batch.frame, range(len(batch)))]


def test_the_packets_on_the_wire_are_captured(tmp_path: Path) -> None:
    source = InterfaceSource("vb", source=3)
    before = time.time_ns()
    send(tmp_path, FRAMES, "--pps", "2000")
    batches = []
    while source.packets < len(FRAMES):
        select.select([source.fileno()], [], [], 5)
        batch = source.read(time.time_ns())
        assert batch is not None
        batches.append(batch)

    assert [each.data for each in packets_of(batches)] == FRAMES
    assert {(batch.source, batch.link_type) for batch in batches} == {(3, 1)}
    assert all((before - 1000 <= batch.time).all() for batch in batches)
    assert all((batch.time <= time.time_ns()).all() for batch in batches)
    assert source.read(time.time_ns()) is None
    assert (source.kind, source.name) == ("interface", "vb")
    assert source.bytes == sum(map(len, FRAMES))
    assert (source.kernel_drops, source.truncated_packets) == (0, 0)
    assert (source.status, source.damaged) == (None, None)
    source.close()


def test_any_captures_on_all_interfaces_in_cooked_frames(tmp_path: Path) -> None:
    source = InterfaceSource("any", capture_filter="inbound")
    send(tmp_path, FRAMES[:5], "--pps", "2000")
    found = watch(source, lambda: source.packets >= 5)

    assert [frame[16:] for frame in found] == [frame[14:] for frame in FRAMES[:5]]
    source.close()


def test_a_capture_filter_leaves_out_the_others(tmp_path: Path) -> None:
    source = InterfaceSource("vb", capture_filter="udp src port 5061")
    send(tmp_path, FRAMES, "--pps", "2000")

    assert watch(source, lambda: source.packets >= 30) == FRAMES[1::2]
    source.close()


def test_packets_as_long_as_the_snapshot_length_count_as_truncated(tmp_path: Path) -> None:
    source = InterfaceSource("vb", snaplen=100)
    send(tmp_path, [FRAMES[0], bytes(60)], "--pps", "2000")

    assert watch(source, lambda: source.packets >= 2) == [FRAMES[0][:100], bytes(60)]
    assert source.truncated_packets == 1
    source.close()


def test_packets_that_the_kernel_had_no_room_for_are_counted(tmp_path: Path) -> None:
    source = InterfaceSource("vb", snaplen=2000, buffer_bytes=200_000)
    source.read(time.time_ns())
    send(tmp_path, [bytes(1400)] * 2000, "--topspeed")
    while source.read(time.time_ns()) is not None:
        pass
    source.read(time.time_ns() + SECOND)

    assert source.kernel_drops > 0
    assert source.packets + source.kernel_drops == 2000
    source.close()


def test_an_interface_that_goes_down_is_reported_and_resumes(tmp_path: Path) -> None:
    source = InterfaceSource("vb")
    ip("link", "set", "vb", "down")
    watch(source, lambda: source.status is not None, 3)

    assert source.status in ("vb went down", "vb is down")
    assert source.fileno() is None
    assert source.damaged == "the interface went away once"

    ip("link", "set", "vb", "up")
    watch(source, lambda: source.status is None and source.fileno() is not None)
    send(tmp_path, FRAMES[:3], "--pps", "2000")
    assert watch(source, lambda: source.packets >= 3) == FRAMES[:3]
    source.close()


def test_a_deleted_interface_is_reported_and_resumes_when_it_is_back(tmp_path: Path) -> None:
    source = InterfaceSource("vb")
    ip("link", "del", "vb")
    now = time.time_ns()
    while source.fileno() is not None:
        source.read(now)
    assert source.status == "vb is gone"
    assert source.damaged == "the interface went away once"

    source.read(now + 2 * SECOND)
    assert source.status == "vb is gone"

    plug_in()
    source.read(now + 4 * SECOND)
    assert source.status is None
    send(tmp_path, FRAMES[:3], "--pps", "2000")
    assert watch(source, lambda: source.packets >= 3) == FRAMES[:3]
    source.close()


def test_an_interface_that_was_replaced_between_two_looks_is_opened_again(tmp_path: Path) -> None:
    source = InterfaceSource("vb")
    ip("link", "del", "vb")
    plug_in()
    watch(source, lambda: source.damaged is not None, 3)
    watch(source, lambda: source.fileno() is not None)
    send(tmp_path, FRAMES[:3], "--pps", "2000")

    assert watch(source, lambda: source.packets >= 3) == FRAMES[:3]
    source.close()


def test_a_cable_pulled_out_is_reported() -> None:
    source = InterfaceSource("vb")
    ip("link", "set", "va", "down")
    watch(source, lambda: source.status is not None, 3)

    assert source.status == "vb has no link"
    assert source.damaged is None

    ip("link", "set", "va", "up")
    watch(source, lambda: source.status is None, 3)
    source.close()


def test_it_tries_again_every_two_seconds_of_the_time_it_is_told() -> None:
    source = InterfaceSource("vb")
    now = time.time_ns()
    ip("link", "set", "vb", "down")
    while source.fileno() is not None:
        source.read(now)
    ip("link", "set", "vb", "up")

    source.read(now + 2 * SECOND - 1)
    assert source.fileno() is None
    source.read(now + 2 * SECOND)
    assert source.fileno() is not None
    source.close()


def test_a_quiet_interface_does_not_block() -> None:
    source = InterfaceSource("vb")
    begin = time.monotonic()

    assert source.read(time.time_ns()) is None
    assert time.monotonic() - begin < 0.5
    source.close()
    assert source.fileno() is None


def test_an_unknown_interface_is_refused_with_those_there_are() -> None:
    with pytest.raises(SourceError) as raised:
        InterfaceSource("eth7")
    assert raised.value.message == "There is no interface eth7"
    assert set(raised.value.remedy.removeprefix("There are: ").split(", ")) == {
        "any",
        "lo",
        "va",
        "vb",
    }


def test_an_interface_that_is_down_is_refused_with_a_remedy() -> None:
    ip("link", "set", "vb", "down")
    with pytest.raises(SourceError, match=r"vb is down\. Bring it up: ip link set vb up\."):
        InterfaceSource("vb")


def test_a_wrong_filter_is_refused() -> None:
    with pytest.raises(FilterError, match="'udp prot 5060' is not understood"):
        InterfaceSource("vb", capture_filter="udp prot 5060")


@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv")
def test_without_the_right_to_capture_the_remedies_are_told() -> None:
    program = "from sipscope.capture.interface import InterfaceSource; InterfaceSource('vb')"
    command = ["setpriv", "--bounding-set=-all", sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.stderr.splitlines()[-1] == (
        "sipscope.errors.SourceError: Capturing on vb takes the right to do so. Run sipscope with"
        " sudo, or give cap_net_raw with setcap to a Python interpreter of its own, or read a"
        " file with -r."
    )
