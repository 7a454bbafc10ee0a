"""Chosen dialogs as a file: their SIP, and their RTP where a recording holds it."""

from collections.abc import Iterator, Mapping, Sequence
from io import TextIOWrapper
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.calls.dialog import Dialog
from sipscope.calls.names import AddressNames
from sipscope.calls.rows import call_row, stream_figures
from sipscope.calls.store import DialogStore
from sipscope.capture.file import FileSource
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.batch import Frame
from sipscope.decode.network import Datagrams, NetworkDecoder
from sipscope.decode.rtp import RtpBlock, rtp_block
from sipscope.errors import SaveError, SourceError
from sipscope.export.annotations import Annotations
from sipscope.export.pcap import save_frames
from sipscope.export.saving import Course, saving
from sipscope.export.text import write_text

NO_NAMES: Mapping[str, str] = MappingProxyType({})

LAST_RTCP_NS = 5_000_000_000
"""How long after the last packet RTCP still belongs to the call: the interval is 5 s."""

_READING, _WRITING = 0.3, 0.7
"""Shares of the work before which SIP was read, and before which RTP was found."""


class _Media(NamedTuple):
    """What to look for in recordings: streams by flow and SSRC, RTCP by flow and time in ns."""

    streams: set[tuple[Flow, int]]
    control: set[Flow]
    begin: int
    end: int


def save_dialogs(
    path: str,
    dialogs: Sequence[Dialog],
    store: DialogStore,
    recordings: Sequence[str] = (),
    *,
    overwrite: bool = False,
    form: str = "",
    aliases: Mapping[str, str] = NO_NAMES,
    course: Course | None = None,
) -> int:
    """Save dialogs in order of time; the store's lock is held for some of them at once.

    Args:
        path: The file to write.
        dialogs: Whose SIP to save.
        store: Which they are from.
        recordings: Capture files to search for their RTP and RTCP; none saves SIP only.
        overwrite: Whether to replace a file of that name.
        form: `pcap`, `text`, or `pcapng`, which keeps names and comments; empty to go by
            the name of the file.
        aliases: Names of addresses and networks.
        course: Is told how far it is, and may cancel it.

    Returns:
        The number of frames, of messages in a text.

    Raises:
        SaveError: There is nothing to save, the file exists and `overwrite` is not set, it
            cannot be written, or it was cancelled.
    """
    course = course or Course()
    if form == "text":
        return _save_text(path, dialogs, overwrite, course)
    frames = list(_distinct(dialogs, course))
    media = _media(dialogs, store)
    for number, recording in enumerate(recordings if media.streams else ()):
        frames += _media_frames(recording, media, course, number / len(recordings))
    if not frames:
        raise SaveError("There is nothing to save", "Choose a call first")
    return save_frames(
        path,
        frames,
        overwrite=overwrite,
        nanoseconds=True,
        annotations=annotations(dialogs, store, aliases, course) if form == "pcapng" else None,
        pcapng=form == "pcapng" if form else None,
        step=lambda share: course.at(_WRITING + (1 - _WRITING) * share),
    )


def annotations(
    dialogs: Sequence[Dialog], store: DialogStore, aliases: Mapping[str, str], course: Course
) -> Annotations:
    """Return the names of the dialogs' addresses, and a summary for the first frame of each."""
    known = AddressNames(aliases)
    names: dict[bytes, str] = {}
    comments: dict[Frame, str] = {}
    for dialog in dialogs:
        course.at(course.share)
        for address in {end.address for message in dialog.messages for end in message.flow[:2]}:
            if address not in names and (name := known.host_name(address)):
                names[address] = name
        first = next(iter(dialog.messages[0].frames), None)
        if first is not None:
            with store.lock:
                said = summary(dialog, store)
            comments[first] = f"{comments[first]}\n{said}" if first in comments else said
    return Annotations(names, comments)


def summary(dialog: Dialog, store: DialogStore) -> str:
    """Return what became of a dialog, in one line."""
    row = call_row(dialog, store.streams, dialog.last)
    outcome = row.state.replace("-", " ")
    if row.status and row.status >= 300:
        outcome += f" with {row.status} {row.reason}".rstrip()
    parts = [f"{row.method} {row.caller} -> {row.callee}: {outcome}"]
    if dialog.pdd_ms is not None:
        parts.append(f"PDD {dialog.pdd_ms / 1000:.1f} s")
    if dialog.talk_s is not None:
        parts.append(f"talk {dialog.talk_s:.0f} s")
    if row.codec:
        parts.append(row.codec)
    if row.loss_percent is not None:
        parts.append(f"loss {row.loss_percent:.1f} %")
    if row.mos is not None:
        parts.append(f"MOS {row.mos:.1f}")
    return ", ".join(parts)


def _save_text(path: str, dialogs: Sequence[Dialog], overwrite: bool, course: Course) -> int:
    with saving(path, overwrite=overwrite) as file:
        text = TextIOWrapper(file, "utf-8", errors="replace", newline="\n", write_through=True)
        try:
            return write_text(text, dialogs, step=course.at)
        finally:
            text.detach()  # else it would close the file before it is on the disk


def _distinct(dialogs: Sequence[Dialog], course: Course) -> Iterator[Frame]:
    """Give each frame once: a TCP segment may carry several messages."""
    seen: set[Frame] = set()
    for number, dialog in enumerate(dialogs):
        course.at(_READING * number / len(dialogs))
        for message in tuple(dialog.messages):
            for frame in message.frames:
                if frame not in seen:
                    seen.add(frame)
                    yield frame


def _media(dialogs: Sequence[Dialog], store: DialogStore) -> _Media:
    wanted: set[tuple[Flow, int]] = set()
    times = [time for dialog in dialogs for time in (dialog.started, dialog.last)]
    for dialog in dialogs:
        with store.lock:
            for figures in stream_figures(dialog, store.streams):
                wanted.add((figures.flow, figures.ssrc))
                times += (figures.first, figures.first + round(figures.duration_s * 1e9))
    control = {own for flow, _ in wanted for own in (flow, _next_port(flow))}
    control |= {flow.reverse for flow in control}
    return _Media(wanted, control, min(times, default=0), max(times, default=0) + LAST_RTCP_NS)


def _media_frames(recording: str, media: _Media, course: Course, before: float) -> Iterator[Frame]:
    """Read a capture file again and give the frames of the wanted streams and their RTCP."""
    try:
        source = FileSource(recording)
    except SourceError:
        return
    decoder = NetworkDecoder()
    while (batch := source.read()) is not None:
        share = max(before, source.progress or 0.0)
        course.at(_READING + (_WRITING - _READING) * share)
        datagrams = decoder.decode(batch).datagrams
        block = rtp_block(datagrams)
        rows = [_stream_rows(datagrams, block, media), _control_rows(datagrams, block, media)]
        for packet in np.sort(datagrams.packet[np.concatenate(rows)]).tolist():
            yield batch.frame(packet)
    source.close()


def _stream_rows(datagrams: Datagrams, block: RtpBlock, media: _Media) -> NDArray[np.int64]:
    index = {flow: number for number, flow in enumerate(datagrams.flows)}
    wanted = [index[flow] << 32 | ssrc for flow, ssrc in media.streams if flow in index]
    streams = block.flow.astype(np.int64) << 32 | block.ssrc.astype(np.int64)
    rows: NDArray[np.int64] = block.row[np.isin(streams, np.array(wanted, np.int64))]
    return rows


def _control_rows(datagrams: Datagrams, block: RtpBlock, media: _Media) -> NDArray[np.int64]:
    """Return the RTCP rows on the streams' own ports (RFC 5761) or the ports after."""
    rows = block.rtcp
    ours = np.array([flow in media.control for flow in datagrams.flows], np.bool_)
    time = datagrams.batch.time[datagrams.packet[rows]]
    chosen: NDArray[np.int64] = rows[(time >= media.begin) & (time <= media.end)]
    return chosen[ours[datagrams.flow[chosen]]] if len(ours) else chosen[:0]


def _next_port(flow: Flow) -> Flow:
    source, destination = flow.source, flow.destination
    return Flow(
        Endpoint(source.address, source.port + 1),
        Endpoint(destination.address, destination.port + 1),
        flow.transport,
        flow.encapsulation,
    )
