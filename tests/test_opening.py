from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from sipscope.engine import Engine
from sipscope.errors import SipscopeError, UsageError
from sipscope.opening import open_engine, without_own_traffic
from sipscope.settings.model import Capture, Listen, Send, Settings
from tests.commands import CAPTURES

CALL = str(CAPTURES / "call-udp.pcap")


@contextmanager
def opened(settings: Settings, *files: str, demo: bool = False) -> Iterator[Engine]:
    engine = open_engine(settings, files, demo=demo)
    try:
        yield engine
    finally:
        engine.stop()


def test_the_store_is_as_large_as_the_settings_say() -> None:
    capture = Capture(dialogs=7, memory_mb=3)
    with opened(Settings(capture=capture), CALL) as engine:
        assert (engine.store.capacity, engine.store.memory) == (7, 3 << 20)


def test_no_more_streams_are_kept_than_the_settings_say() -> None:
    with opened(Settings(capture=Capture(streams=1)), CALL) as engine:
        engine.run()
        assert (len(engine.store.streams), engine.store.streams.evicted) == (1, 1)


def test_files_are_read_and_nothing_is_captured() -> None:
    with opened(Settings(), CALL) as engine:
        assert [source.kind for source in engine.status().sources] == ["file"]


def test_the_capture_filter_counts_for_files() -> None:
    with opened(Settings(capture=Capture(filter="udp port 9")), CALL) as engine:
        engine.run()
        assert not engine.store.dialogs


def test_it_listens_where_the_settings_say() -> None:
    listen = Listen(tzsp=("127.0.0.1:0",), hep=("udp:127.0.0.1:0",), allow=("192.0.2.0/24",))
    with opened(Settings(listen=listen)) as engine:
        assert [source.kind for source in engine.live] == ["hep", "tzsp"]
        assert not any(source.allow.anybody for source in engine.live)  # type: ignore[attr-defined]


def test_the_demo_is_a_live_source() -> None:
    with opened(Settings(), demo=True) as engine:
        assert [source.kind for source in engine.live] == ["replay"]


SEND = Send(hep=("udp://127.0.0.1:9",))


def test_what_is_sent_goes_where_the_settings_say() -> None:
    with opened(Settings(send=replace(SEND, id=77, key="secret", node="pbx")), CALL) as engine:
        (sink,) = engine.sinks
        (sender,) = sink.senders  # type: ignore[attr-defined]
        target = sender.target
        assert (str(target), target.capture_id) == ("udp://127.0.0.1:9", 77)
        assert (target.key, target.node) == (b"secret", b"pbx")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (Settings(capture=Capture(dialogs=0)), "capture.dialogs = 0 keeps nothing"),
        (Settings(send=replace(SEND, interval_s=0.0)), "--hep-interval 0 is too short"),
        (Settings(send=replace(SEND, spool_mb=0)), "--spool-size 0 holds nothing"),
        (Settings(listen=Listen(tzsp=("x",))), "'x' is no address to listen on"),
    ],
)
def test_what_cannot_be_opened_is_told_with_the_remedy(settings: Settings, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        open_engine(settings)


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(SipscopeError):
        open_engine(Settings(), ["/nowhere/call.pcap"])


def test_our_own_traffic_is_left_out_of_a_capture() -> None:
    with opened(Settings(send=SEND), CALL) as engine:
        (sink,) = engine.sinks
        own = "(host 127.0.0.1 and port 9)"
        assert without_own_traffic("", [sink]) == f"not ({own})"  # type: ignore[list-item]
        limited = without_own_traffic("udp", [sink])  # type: ignore[list-item]
        assert limited == f"(udp) and not ({own})"
        assert without_own_traffic("udp", []) == "udp"
