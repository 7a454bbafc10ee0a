"""The RTP of a workload: streams, when each packet arrives, and the packets as bytes.

Times are microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from signalling import MILLISECOND, SECOND, TELEPHONE_EVENT, Call

Column = npt.NDArray[np.int64]

PACKETS_PER_SECOND = 50
PACKET_INTERVAL = SECOND // PACKETS_PER_SECOND
SAMPLES_PER_PACKET = 160
RTP = np.dtype(
    [
        ("version", "u1"),
        ("payload_type", "u1"),
        ("sequence", ">u2"),
        ("timestamp", ">u4"),
        ("ssrc", ">u4"),
        ("payload", "u1", (SAMPLES_PER_PACKET,)),
    ]
)
RTP_HEADER = 12
EVENT_PACKETS, EVENT_ENDS = 8, 3  # RFC 4733 2.5.1.4: the end of an event is sent three times


@dataclass(frozen=True, slots=True)
class Streams:
    """Columns of one row a stream, two a call: the caller's at 2n, the callee's at 2n + 1."""

    source: Column
    destination: Column
    source_port: Column
    destination_port: Column
    payload_type: Column
    payload_length: Column
    ssrc: Column
    first_sequence: Column
    first_timestamp: Column
    digit: Column
    digit_at: Column  # index of the first telephone-event packet, -1: none
    noise: npt.NDArray[np.uint8]  # payloads to choose from


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Columns of one row a packet on the wire, in order of time."""

    time: Column
    stream: Column
    index: Column  # which packet of its stream


def make_streams(calls: list[Call], packets: int, chance: np.random.RandomState) -> Streams:
    count = 2 * len(calls)
    ends = [end for call in calls for end in (call.caller, call.callee)]
    address = np.array([end.address for end in ends], np.int64)
    port = np.array([end.media_port for end in ends], np.int64)
    peer = np.arange(count) ^ 1
    payload_type = np.repeat(np.array([call.payload_type for call in calls], np.int64), 2)
    first_sequence = chance.randint(0, 1 << 16, count).astype(np.int64)
    first_timestamp = chance.randint(0, 1 << 32, count, np.int64)
    # Of every 40 streams one wraps both its sequence numbers and its timestamps.
    first_sequence[::40] = (1 << 16) - packets // 3
    first_timestamp[::40] = (1 << 32) - packets // 2 * SAMPLES_PER_PACKET
    digit_at = np.full(count, -1, np.int64)
    digit_at[6::20] = chance.randint(packets // 4, packets // 2, len(digit_at[6::20]))
    return Streams(
        source=address,
        destination=address[peer],
        source_port=port,
        destination_port=port[peer],
        payload_type=payload_type,
        payload_length=np.where(payload_type == 18, 20, SAMPLES_PER_PACKET),
        ssrc=chance.randint(0, 1 << 32, count, np.int64),
        first_sequence=first_sequence,
        first_timestamp=first_timestamp,
        digit=chance.randint(0, 12, count).astype(np.int64),
        digit_at=digit_at,
        noise=sliding_window_view(
            np.frombuffer(chance.bytes(1 << 20), np.uint8), SAMPLES_PER_PACKET
        ),
    )


def make_arrivals(starts: Column, packets: int, chance: np.random.RandomState) -> Arrivals:
    """When each packet comes: clock drift, jitter, 0.5 % lost, a few late or twice."""
    streams = len(starts)
    shape = (streams, packets)
    interval = PACKET_INTERVAL * (1 + chance.uniform(-60e-6, 60e-6, (streams, 1)))
    time = starts[:, None] + (np.arange(packets) * interval).astype(np.int64)
    jitter = chance.exponential(1.0, shape) * chance.uniform(100, 2_500, (streams, 1))
    time += np.minimum(jitter, 14 * MILLISECOND).astype(np.int64)
    late = chance.random_sample(shape) < 0.0005
    time[late] += 36 * MILLISECOND  # behind the next packet or the one after it
    flat = np.flatnonzero(chance.random_sample(shape) >= 0.005)
    twice = flat[chance.random_sample(len(flat)) < 0.0003]
    when = time.ravel()
    when = np.concatenate((when[flat], when[twice] + chance.randint(20, 900, len(twice))))
    flat = np.concatenate((flat, twice))
    order = np.argsort(when, kind="stable")
    stream, index = np.divmod(flat[order], packets)
    return Arrivals(when[order], stream, index)


def make_rtp(
    streams: Streams, stream: Column, index: Column
) -> tuple[npt.NDArray[np.void], Column]:
    """RTP packets with room for 160 bytes of payload, and how long each really is."""
    rtp = np.zeros(len(stream), RTP)
    rtp["version"] = 0x80
    rtp["payload_type"] = streams.payload_type[stream] | ((index == 0) << 7)
    rtp["sequence"] = (streams.first_sequence[stream] + index) & 0xFFFF
    rtp["ssrc"] = streams.ssrc[stream]
    sample = index * SAMPLES_PER_PACKET
    rtp["payload"] = streams.noise[(streams.ssrc[stream] + sample) % len(streams.noise)]
    position = index - streams.digit_at[stream]
    event = (streams.digit_at[stream] >= 0) & (position >= 0) & (position < EVENT_PACKETS)
    end = position >= EVENT_PACKETS - EVENT_ENDS
    duration = np.minimum(position + 1, EVENT_PACKETS - EVENT_ENDS + 1) * SAMPLES_PER_PACKET
    volume = 10 | (end << 7)
    fields = np.stack((streams.digit[stream], volume, duration >> 8, duration & 0xFF), axis=1)
    rtp["payload"][event, :4] = fields[event]
    rtp["payload_type"][event] = (TELEPHONE_EVENT | ((position == 0) << 7))[event]
    sample -= np.where(event, position * SAMPLES_PER_PACKET, 0)  # all of one event at one time
    rtp["timestamp"] = (streams.first_timestamp[stream] + sample) & 0xFFFFFFFF
    return rtp, RTP_HEADER + np.where(event, 4, streams.payload_length[stream])
