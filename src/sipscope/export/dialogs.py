"""Chosen dialogs as a capture file: their SIP, and their RTP where a recording holds it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.calls.dialog import Dialog
from sipscope.capture.file import FileSource
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.batch import Frame
from sipscope.decode.network import Datagrams, NetworkDecoder
from sipscope.decode.rtp import RtpBlock, rtp_block
from sipscope.errors import SaveError, SourceError
from sipscope.export.pcap import save_frames
from sipscope.rtpqos.streams import StreamTable

LAST_RTCP_NS = 5_000_000_000
"""How long after the last packet RTCP still belongs to the call: the interval is 5 s."""


class _Media(NamedTuple):
    """What to look for in recordings: streams by flow and SSRC, RTCP by flow and time in ns."""

    streams: set[tuple[Flow, int]]
    control: set[Flow]
    begin: int
    end: int


def save_dialogs(
    path: str,
    dialogs: Sequence[Dialog],
    streams: StreamTable,
    recordings: Sequence[str],
    *,
    overwrite: bool = False,
) -> int:
    """Save the frames of dialogs, in order of time.

    Args:
        path: The file to write.
        dialogs: Whose SIP to save.
        streams: The table that knows their streams.
        recordings: Capture files to search for their RTP and RTCP; none saves SIP only.
        overwrite: Whether to replace a file of that name.

    Returns:
        The number of frames.

    Raises:
        SaveError: There is nothing to save, the file exists and `overwrite` is not set,
            or it cannot be written.
    """
    frames = list(_distinct(dialogs))
    media = _media(dialogs, streams)
    for recording in recordings if media.streams else ():
        frames += _media_frames(recording, media)
    if not frames:
        raise SaveError("There is nothing to save", "Choose a call first")
    return save_frames(path, frames, overwrite=overwrite, nanoseconds=True)


def _distinct(dialogs: Sequence[Dialog]) -> Iterator[Frame]:
    """Give each frame once: a TCP segment may carry several messages."""
    seen: set[Frame] = set()
    for dialog in dialogs:
        for message in dialog.messages:
            for frame in message.frames:
                if frame not in seen:
                    seen.add(frame)
                    yield frame


def _media(dialogs: Sequence[Dialog], streams: StreamTable) -> _Media:
    wanted: set[tuple[Flow, int]] = set()
    times = [time for dialog in dialogs for time in (dialog.started, dialog.last)]
    for stream_id in (i for dialog in dialogs for i in dialog.streams if streams.listed(i)):
        figures = streams.figures(stream_id)
        wanted.add((figures.flow, figures.ssrc))
        times += (figures.first, figures.first + round(figures.duration_s * 1e9))
    control = {own for flow, _ in wanted for own in (flow, _next_port(flow))}
    control |= {flow.reverse for flow in control}
    return _Media(wanted, control, min(times, default=0), max(times, default=0) + LAST_RTCP_NS)


def _media_frames(recording: str, media: _Media) -> Iterator[Frame]:
    """Read a capture file again and give the frames of the wanted streams and their RTCP."""
    try:
        source = FileSource(recording)
    except SourceError:
        return
    decoder = NetworkDecoder()
    while (batch := source.read()) is not None:
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
    )
