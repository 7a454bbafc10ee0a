"""Capture filters in the language of pcap-filter(7), for packets that did not come from libpcap."""

from dataclasses import replace

import numpy as np
import pcapy

from sipscope.decode.batch import PacketBatch
from sipscope.errors import FilterError

ETHERNET = 1
SNAPSHOT = 262_144
UNKNOWN_NETMASK = 0xFFFFFFFF

# libpcap's DLT_ numbers are the LINKTYPE_ numbers of files, but for these.
DLT_OF_LINK_TYPE = {100: 11, 101: 12}
LINK_TYPE_OF_DLT = {dlt: link_type for link_type, dlt in DLT_OF_LINK_TYPE.items()}


class CaptureFilter:
    """Lets through the packets of one source that match an expression.

    Attributes:
        unsupported: Link types that the expression cannot be applied to, and libpcap's
            reason; none of their packets come through.
    """

    def __init__(self, expression: str) -> None:
        """Compile the expression.

        Raises:
            FilterError: libpcap does not take it.
        """
        self._expression = expression
        self._programs: dict[int, pcapy.BPFProgram | None] = {}
        self._passed = 0
        self.unsupported: dict[int, str] = {}
        try:
            self._programs[ETHERNET] = _compile(ETHERNET, expression)
        except (pcapy.PcapError, ValueError) as error:
            raise filter_error(expression, error) from error

    def apply(self, batch: PacketBatch) -> PacketBatch:
        """Return the packets of `batch` that match, numbered as if there were no others.

        Every packet is a call into libpcap: about half a microsecond.
        """
        program = self._program(batch.link_type)
        if program is None:
            kept = np.zeros(0, dtype=np.int64)
        else:
            matches, buffer = program.filter, batch.buffer
            ends = (batch.offset + batch.captured).tolist()
            passes = [
                matches(buffer[start:end]) > 0
                for start, end in zip(batch.offset.tolist(), ends, strict=True)
            ]
            kept = np.flatnonzero(passes)
        number = self._passed + 1
        self._passed += len(kept)
        return replace(
            batch,
            offset=batch.offset[kept],
            captured=batch.captured[kept],
            wire=batch.wire[kept],
            time=batch.time[kept],
            number=number,
        )

    def _program(self, link_type: int) -> "pcapy.BPFProgram | None":
        if link_type not in self._programs:
            try:
                self._programs[link_type] = _compile(link_type, self._expression)
            except pcapy.PcapError as error:
                self._programs[link_type] = None
                self.unsupported[link_type] = str(error)
        return self._programs[link_type]


def filter_error(expression: str, error: Exception) -> FilterError:
    """Return what to tell about an expression that libpcap refuses."""
    return FilterError(
        f"The capture filter {expression!r} is not understood: {error}",
        "Write it as for tcpdump, see man pcap-filter; for example: udp port 5060",
    )


def _compile(link_type: int, expression: str) -> "pcapy.BPFProgram":
    dlt = DLT_OF_LINK_TYPE.get(link_type, link_type)
    return pcapy.compile(dlt, SNAPSHOT, expression, 1, UNKNOWN_NETMASK)
