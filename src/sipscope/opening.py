"""Opening what the settings ask for: sources, listeners, servers to send to, a recording.

All that can fail does so here, before the screen is taken.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sipscope.calls.store import DialogStore
from sipscope.capture.file import FileSource
from sipscope.capture.merge import FileSet
from sipscope.engine import Engine, LiveSource
from sipscope.errors import SipscopeError, UsageError
from sipscope.settings.model import Listen, Send, Settings

if TYPE_CHECKING:
    from sipscope.export.pcap import Recorder
    from sipscope.forward.hep_sink import HepSink

DEMO_PAUSE_S = 20.0


def open_engine(
    settings: Settings,
    files: Sequence[str] = (),
    *,
    record_to: str | None = None,
    demo: bool = False,
) -> Engine:
    """Return an engine that is ready to start.

    Args:
        settings: The sections `capture`, `listen` and `send`; no interfaces are opened but
            those that are named.
        files: Capture files to read.
        record_to: File for all that is captured live.
        demo: Whether to replay the captures that sipscope brings along.

    Raises:
        SipscopeError: Something cannot be opened, or does not exist.
    """
    capture = settings.capture
    for name, number in (("dialogs", capture.dialogs), ("streams", capture.streams)):
        if number < 1:
            raise UsageError(f"capture.{name} = {number} keeps nothing", "Set 1 or more")
    store = DialogStore(
        capture.dialogs,
        capture.memory_mb << 20,
        capture.streams,
        interval_s=max(settings.quality.interval_s, 1),
    )
    sinks = [open_sink(store, settings.send)] if settings.send.hep else []
    sources = [FileSource(path, source=index) for index, path in enumerate(files)]
    live: list[LiveSource] = [_demo()] if demo else []
    if capture.interfaces:
        from sipscope.capture.interface import InterfaceSource  # noqa: PLC0415

        live += [
            InterfaceSource(
                name,
                source=len(sources) + index,
                buffer_bytes=capture.buffer_mb << 20,
                capture_filter=without_own_traffic(capture.filter, sinks),
            )
            for index, name in enumerate(capture.interfaces)
        ]
    live += open_listeners(settings.listen, len(sources) + len(live))
    recorder = _recorder(record_to)
    capture_filter = None
    if capture.filter and (sources or demo):
        from sipscope.capture.filter import CaptureFilter  # noqa: PLC0415

        capture_filter = CaptureFilter(capture.filter)
    return Engine(
        FileSet(sources),
        live,
        store,
        capture_filter=capture_filter,
        recorder=recorder,
        recorded=record_to,
        sinks=sinks,
    )


def open_listeners(listen: Listen, first: int) -> list[LiveSource]:
    """Listen for HEP and TZSP; the sources have the indexes from `first` on."""
    if not listen.hep and not listen.tzsp:
        return []
    from sipscope.capture.hep import HepSource  # noqa: PLC0415
    from sipscope.capture.listener import AllowList  # noqa: PLC0415
    from sipscope.capture.tzsp import TzspSource  # noqa: PLC0415

    sources: list[LiveSource] = [
        HepSource(
            where,
            source=first + index,
            allow=AllowList(listen.allow),
            auth_key=listen.hep_key,
            certificate=listen.certificate,
            certificate_key=listen.private_key,
        )
        for index, where in enumerate(listen.hep)
    ]
    first += len(sources)
    return sources + [
        TzspSource(where, source=first + index, allow=AllowList(listen.allow))
        for index, where in enumerate(listen.tzsp)
    ]


def open_sink(store: DialogStore, send: Send) -> "HepSink":
    """Get ready to send what comes into a store to HEP servers."""
    from sipscope.forward.hep_sink import open_hep_sink  # noqa: PLC0415
    from sipscope.forward.target import parse_target  # noqa: PLC0415

    if send.rtp_type not in (34, 35):
        raise UsageError(f"--hep-rtp-type {send.rtp_type} is no report", "Choose 34 or 35")
    if not 1 <= send.interval_s <= 3600:
        raise UsageError(
            f"--hep-interval {send.interval_s:g} is too short or too long",
            "Choose 1 to 3600 seconds",
        )
    if send.spool_mb < 1:
        raise UsageError(f"--spool-size {send.spool_mb} holds nothing", "Choose 1 or more")
    return open_hep_sink(
        store,
        [parse_target(url, send.id, send.key, send.node) for url in send.hep],
        report_kind=send.rtp_type,
        period=round(send.interval_s * 1e9),
        spool=send.spool,
        spool_bytes=send.spool_mb << 20,
    )


def without_own_traffic(expression: str, sinks: "Sequence[HepSink]") -> str:
    """Return a capture filter that does not let through what we send ourselves."""
    own = " or ".join(
        sorted(f"(host {end.host} and port {end.port})" for sink in sinks for end in sink.endpoints)
    )
    if not own:
        return expression
    return f"({expression}) and not ({own})" if expression else f"not ({own})"


def _demo() -> LiveSource:
    from sipscope.capture.replay import ReplaySource  # noqa: PLC0415
    from sipscope.settings.paths import demo_captures  # noqa: PLC0415

    captures = demo_captures()
    if not captures:
        raise SipscopeError("The demo's captures are missing", "Install sipscope again")
    return ReplaySource([str(path) for path in captures], pause=DEMO_PAUSE_S)


def _recorder(path: str | None) -> "Recorder | None":
    if path is None:
        return None
    from sipscope.export.pcap import Recorder  # noqa: PLC0415

    return Recorder(path)
