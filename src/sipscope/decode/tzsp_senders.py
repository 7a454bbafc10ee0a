"""Who sends TZSP, and how it goes: packets, rate, copies, packets cut short."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from sipscope.decode.address import address_text
from sipscope.decode.batch import Column
from sipscope.decode.layers import Dissection, Layer

MAX_SENDERS: Final = 1_024
_SECOND = 1_000_000_000
_IPV4_SOURCE = (12, np.dtype("V4"))
_IPV6_SOURCE = (8, np.dtype("V16"))


@dataclass(frozen=True, slots=True)
class TzspSender:
    """A router or sensor at one moment.

    Attributes:
        address: Where its packets come from, 4 or 16 bytes.
        packets: Frames that it sent on.
        rate: Frames in the last whole second in which one came.
        first: When the first one came, in ns since the epoch.
        last: When the last one came; what has passed since then is the gap in its stream.
        duplicates: Copies among them, of datagrams sent on before.
        truncated: Datagrams among them that were cut short.
    """

    address: bytes
    packets: int
    rate: int
    first: int
    last: int
    duplicates: int
    truncated: int

    @property
    def host(self) -> str:
        """The address in text."""
        return address_text(self.address)


@dataclass(slots=True)
class _Record:
    first: int
    last: int
    second: int
    packets: int = 0
    in_second: int = 0
    rate: int = 0
    duplicates: int = 0
    truncated: int = 0


class TzspSenderTable:
    """The senders by address; when there are too many, the one that was quiet longest goes.

    Attributes:
        forgotten: Senders that made room for others.
    """

    def __init__(self) -> None:
        self.forgotten = 0
        self._records: OrderedDict[bytes, _Record] = OrderedDict()

    def note(self, dissection: Dissection, time: Column, copies: Column, cut: Column) -> None:
        """Count the frames of TZSP among packets that were taken apart.

        Args:
            dissection: Of the packets.
            time: When each packet came, in ns since the epoch.
            copies: Packets that are copies.
            cut: Packets whose datagrams were cut short.
        """
        for layer in dissection.mirrored:
            if len(layer):
                self._note(dissection, layer, time, copies, cut)

    def senders(self) -> tuple[TzspSender, ...]:
        """Return all of them as they are now."""
        return tuple(
            TzspSender(
                address,
                record.packets,
                record.rate,
                record.first,
                record.last,
                record.duplicates,
                record.truncated,
            )
            for address, record in tuple(self._records.items())
        )

    def _note(
        self, dissection: Dissection, layer: Layer, time: Column, copies: Column, cut: Column
    ) -> None:
        offset, address = _IPV4_SOURCE if layer.version == 4 else _IPV6_SOURCE
        addresses, sender = np.unique(
            dissection.fields(layer.network + offset, address), return_inverse=True
        )
        copied, shortened = np.isin(layer.packet, copies), np.isin(layer.packet, cut)
        for number, key in enumerate(addresses.tolist()):
            mine = sender == number
            times = time[layer.packet[mine]]
            record = self._record(key, int(times[0]))
            record.packets += len(times)
            record.duplicates += int(copied[mine].sum())
            record.truncated += int(shortened[mine].sum())
            _count_by_second(record, times)

    def _record(self, address: bytes, time: int) -> _Record:
        record = self._records.get(address)
        if record is None:
            record = self._records[address] = _Record(time, time, time // _SECOND)
            if len(self._records) > MAX_SENDERS:
                self._records.popitem(last=False)
                self.forgotten += 1
        else:
            self._records.move_to_end(address)
        return record


def _count_by_second(record: _Record, times: Column) -> None:
    """Keep the count of the second that goes on, and that of the one before."""
    record.last = max(record.last, int(times.max()))
    seconds, counts = np.unique(times // _SECOND, return_counts=True)
    for second, count in zip(seconds.tolist()[-2:], counts.tolist()[-2:], strict=True):
        if second > record.second:
            record.rate = record.in_second
            record.second, record.in_second = second, 0
        if second == record.second:
            record.in_second += count


def joined(tables: Iterable[TzspSenderTable]) -> tuple[TzspSender, ...]:
    """Return the senders of several tables, each address once."""
    found: dict[bytes, TzspSender] = {}
    for sender in (sender for table in tables for sender in table.senders()):
        other = found.get(sender.address)
        found[sender.address] = (
            sender
            if other is None
            else replace(
                sender,
                packets=other.packets + sender.packets,
                rate=other.rate + sender.rate,
                first=min(other.first, sender.first),
                last=max(other.last, sender.last),
                duplicates=other.duplicates + sender.duplicates,
                truncated=other.truncated + sender.truncated,
            )
        )
    return tuple(found.values())
