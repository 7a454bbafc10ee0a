"""Fax packets (T.38 over UDPTL) by flow: SDP, read later, tells which of them are a call's."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.network import Datagrams
from sipscope.decode.rtp import RtpBlock
from sipscope.decode.udptl import built_as_udptl, sequence_numbers

MAX_FLOWS: Final = 10_000
"""With packets built like UDPTL; the one that was silent longest makes room."""

_SYSTEM_PORTS: Final = 1024
_RTP_VERSION: Final = 0x8000
_NEAR: Final = 64
_SURE: Final = 16


class FaxPackets:
    """Counts the packets that are built like UDPTL; one writer, counts at any time.

    Args:
        capacity: The most flows that are kept.
    """

    def __init__(self, capacity: int = MAX_FLOWS) -> None:
        self._capacity = capacity
        self._packets: OrderedDict[Flow, int] = OrderedDict()
        self._at: dict[Endpoint, set[Flow]] = {}
        self._like_rtp: dict[Flow, int] = {}  # number of the newest packet

    def __len__(self) -> int:
        return len(self._packets)

    def add(self, datagrams: Datagrams, block: RtpBlock) -> RtpBlock:
        """Take the fax packets of one batch; return the block without those among it.

        From number 32,768 on, a fax packet looks like RTP or RTCP. It is told by the flow
        that it came on, and by its number, which is near the one before.

        Args:
            datagrams: Those of the batch.
            block: What was taken for RTP and RTCP of them.
        """
        rows = block.other
        if len(rows) and len(rows := rows[built_as_udptl(datagrams, rows)]):
            self._count(datagrams, rows)
        return self._sift(datagrams, block) if self._like_rtp else block

    def packets(self, endpoints: Iterable[Endpoint]) -> int:
        """Return how many packets went to or came from one of these addresses."""
        flows = {flow for endpoint in endpoints for flow in self._at.get(endpoint, ())}
        return sum(self._packets[flow] for flow in flows)

    def _count(self, datagrams: Datagrams, rows: NDArray[np.int64]) -> None:
        """Count packets, and note the flows whose numbers are about to look like RTP."""
        numbers = sequence_numbers(datagrams, rows)
        for index in np.unique(datagrams.flow[rows]).tolist():
            flow = datagrams.flows[index]
            if min(flow.source.port, flow.destination.port) < _SYSTEM_PORTS:
                continue
            own = numbers[datagrams.flow[rows] == index]
            self._enter(flow, len(own))
            newest = int(own[-1])
            if _RTP_VERSION - _NEAR <= newest < _RTP_VERSION and self._packets[flow] >= _SURE:
                self._like_rtp[flow] = newest
            else:
                self._like_rtp.pop(flow, None)

    def _sift(self, datagrams: Datagrams, block: RtpBlock) -> RtpBlock:
        """Count the fax packets among the RTP and RTCP of a batch, and take them out."""
        flows = np.array([flow in self._like_rtp for flow in datagrams.flows], np.bool_)
        rows = np.sort(np.concatenate([block.row, block.rtcp]))
        rows = rows[flows[datagrams.flow[rows]]]
        rows = rows[built_as_udptl(datagrams, rows)]
        fax = []
        for row, number in zip(rows.tolist(), sequence_numbers(datagrams, rows), strict=True):
            flow = datagrams.flows[datagrams.flow[row]]
            if abs(int(number) - self._like_rtp[flow]) <= _NEAR:
                self._like_rtp[flow] = int(number)
                self._enter(flow, 1)
                fax.append(row)
        if not fax:
            return block
        kept = ~np.isin(block.row, fax)
        columns = [field.name for field in fields(block) if field.name not in ("rtcp", "other")]
        left = {name: getattr(block, name)[kept] for name in columns}
        return replace(block, **left, rtcp=block.rtcp[~np.isin(block.rtcp, fax)])

    def _enter(self, flow: Flow, packets: int) -> None:
        """Add to the packets of a flow, and make room."""
        if flow not in self._packets:
            for endpoint in (flow.source, flow.destination):
                self._at.setdefault(endpoint, set()).add(flow)
        self._packets[flow] = self._packets.pop(flow, 0) + packets
        if len(self._packets) > self._capacity:
            oldest, _ = self._packets.popitem(last=False)
            self._like_rtp.pop(oldest, None)
            for endpoint in {oldest.source, oldest.destination}:
                self._at[endpoint].discard(oldest)
                if not self._at[endpoint]:
                    del self._at[endpoint]
