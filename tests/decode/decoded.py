"""What a decoder found in packets, in a form that can be compared."""

from typing import NamedTuple

from sipscope.decode.address import Flow
from sipscope.decode.network import Datagram, Decoded
from sipscope.decode.tcp import TcpMessage


class Payload(NamedTuple):
    """What is the same about a payload however the packets were divided into batches."""

    number: int
    time: int
    flow: Flow
    payload: bytes
    dscp: int = 0
    frames: int = 1
    problems: int = 0


def payloads(decoded: Decoded) -> list[Payload]:
    """All payloads of a batch, in order of capture."""
    found = decoded.datagrams
    frames = found.batch
    all_payloads = [
        Payload(
            frames.number + packet,
            int(frames.time[packet]),
            found.flows[flow],
            frames.buffer[start : start + length],
            dscp,
        )
        for packet, start, length, flow, dscp in zip(
            found.packet.tolist(),
            found.start.tolist(),
            found.length.tolist(),
            found.flow.tolist(),
            found.dscp.tolist(),
            strict=True,
        )
    ]
    for slow in decoded.slow:
        assert 0 <= slow.packet < len(frames)
        if isinstance(slow, Datagram):
            rest = (slow.payload, slow.dscp, len(slow.frames))
        else:
            rest = (slow.payload, 0, len(slow.frames))
        problems = len(slow.problems) if isinstance(slow, TcpMessage) else 0
        all_payloads.append(Payload(slow.number, slow.time, slow.flow, *rest, problems))
    return sorted(all_payloads)
