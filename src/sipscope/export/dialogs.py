"""Chosen dialogs as a capture file: their SIP, and their RTP where a recording holds it."""

from collections.abc import Iterator, Sequence

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
    wanted = {
        (flow, streams.ssrc(stream_id))
        for dialog in dialogs
        for stream_id in dialog.streams
        if (flow := streams.flow(stream_id)) is not None
    }
    frames = [frame for frame in _distinct(dialogs) if frame is not None]
    for recording in recordings:
        frames += _media_frames(recording, wanted)
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


def _media_frames(recording: str, wanted: set[tuple[Flow, int | None]]) -> Iterator[Frame]:
    """Read a capture file again and give the frames of the wanted streams and their RTCP."""
    if not wanted:
        return
    control = {own for flow, _ in wanted for own in (flow, _next_port(flow))}
    control |= {flow.reverse for flow in control}
    try:
        source = FileSource(recording)
    except SourceError:
        return
    decoder = NetworkDecoder()
    while (batch := source.read()) is not None:
        datagrams = decoder.decode(batch).datagrams
        block = rtp_block(datagrams)
        rows = np.concatenate(
            [
                _stream_rows(datagrams, block, wanted),
                _flow_rows(datagrams, block.rtcp, control, wanted),
            ]
        )
        for packet in datagrams.packet[np.sort(rows)].tolist():
            yield batch.frame(packet)
    source.close()


def _stream_rows(
    datagrams: Datagrams, block: RtpBlock, wanted: set[tuple[Flow, int | None]]
) -> NDArray[np.int64]:
    flows = {flow for flow, _ in wanted}
    ours = np.array([flow in flows for flow in datagrams.flows], np.bool_)
    at = np.flatnonzero(ours[block.flow]) if len(ours) else np.empty(0, np.int64)
    kept = [
        (datagrams.flows[flow], ssrc) in wanted
        for flow, ssrc in zip(block.flow[at].tolist(), block.ssrc[at].tolist(), strict=True)
    ]
    rows: NDArray[np.int64] = block.row[at[np.array(kept, np.bool_)]]
    return rows


def _flow_rows(
    datagrams: Datagrams, rows: NDArray[np.int64], control: set[Flow]
) -> NDArray[np.int64]:
    """Return the RTCP rows on the streams' own ports (RFC 5761) or the ports after."""
    ours = np.array([flow in control for flow in datagrams.flows], np.bool_)
    return rows[ours[datagrams.flow[rows]]] if len(ours) else rows[:0]


def _next_port(flow: Flow) -> Flow:
    source, destination = flow.source, flow.destination
    return Flow(
        Endpoint(source.address, source.port + 1),
        Endpoint(destination.address, destination.port + 1),
        flow.transport,
    )
