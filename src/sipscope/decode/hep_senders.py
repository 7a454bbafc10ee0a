"""Who sends HEP, and how it goes: messages, rate, what had to be rejected."""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sipscope.decode.address import address_text

MAX_SENDERS: Final = 1_024
MAX_AGENTS: Final = 16
"""Agents that are told apart at one address."""
MAX_DEVIATION: Final = 300_000_000_000
"""How far a sender's clock may be off, in ns, before its times count as odd."""
_SECOND = 1_000_000_000


class Agent(NamedTuple):
    """Who told of a message: one capture agent at one address.

    Attributes:
        address: Where its HEP came from, 4 or 16 bytes.
        capture_id: Its number, 0 when it gives none.
        node: Its name, empty when it gives none.
    """

    address: bytes
    capture_id: int
    node: bytes

    @property
    def host(self) -> str:
        """The address in text."""
        return address_text(self.address)


@dataclass(frozen=True, slots=True)
class HepSender:
    """One sender at one moment.

    Attributes:
        address: Where its HEP comes from, 4 or 16 bytes.
        agents: Who sends from there.
        messages: That could be read.
        rate: Messages in the last whole second in which one came.
        last: When the last one came, in ns since the epoch.
        odd_times: Messages whose time is far from that of their arrival.
        rejected: How many could not be read or were not let in, by reason.
    """

    address: bytes
    agents: tuple[Agent, ...]
    messages: int
    rate: int
    last: int
    odd_times: int
    rejected: tuple[tuple[str, int], ...]


@dataclass(slots=True)
class _Record:
    agents: dict[Agent, None] = field(default_factory=dict)
    messages: int = 0
    second: int = 0
    in_second: int = 0
    rate: int = 0
    last: int = 0
    odd_times: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


class SenderTable:
    """The senders by address; when there are too many, the one that was quiet longest goes.

    Attributes:
        forgotten: Senders that made room for others.
        rejected: What was not read or not let in, of all senders.
    """

    def __init__(self) -> None:
        self.forgotten = 0
        self.rejected = 0
        self._records: OrderedDict[bytes, _Record] = OrderedDict()

    def note(self, agent: Agent, arrival: int, time: int) -> bool:
        """Count a message; tell whether its time can be what the sender's clock showed.

        Args:
            agent: Who sent it.
            arrival: When it came, in ns since the epoch.
            time: What it gives as time, in ns since the epoch; 0 for none.
        """
        record = self._record(agent[0], arrival)
        record.messages += 1
        if agent not in record.agents and len(record.agents) < MAX_AGENTS:
            record.agents[agent] = None
        second = arrival // _SECOND
        if second != record.second:
            record.rate = record.in_second
            record.second, record.in_second = second, 0
        record.in_second += 1
        if time and abs(time - arrival) > MAX_DEVIATION:
            record.odd_times += 1
            return False
        return True

    def reject(self, address: bytes, arrival: int, reason: str) -> None:
        """Count what was not read or not let in."""
        self._record(address, arrival).rejected[reason] += 1
        self.rejected += 1

    def senders(self) -> list[HepSender]:
        """Return all of them as they are now."""
        return [
            HepSender(
                address,
                tuple(record.agents),
                record.messages,
                record.rate,
                record.last,
                record.odd_times,
                tuple(record.rejected.most_common()),
            )
            for address, record in self._records.items()
        ]

    def _record(self, address: bytes, arrival: int) -> _Record:
        record = self._records.get(address)
        if record is None:
            record = self._records[address] = _Record()
            if len(self._records) > MAX_SENDERS:
                self._records.popitem(last=False)
                self.forgotten += 1
        elif len(self._records) > 1:
            self._records.move_to_end(address)
        record.last = max(record.last, arrival)
        return record


def joined(tables: Iterable[SenderTable]) -> tuple[HepSender, ...]:
    """Return the senders of several tables, each address once."""
    found: dict[bytes, HepSender] = {}
    for sender in (sender for table in tables for sender in table.senders()):
        other = found.get(sender.address)
        if other is not None:
            sender = HepSender(  # noqa: PLW2901
                sender.address,
                tuple(dict.fromkeys((*other.agents, *sender.agents))),
                other.messages + sender.messages,
                other.rate + sender.rate,
                max(other.last, sender.last),
                other.odd_times + sender.odd_times,
                tuple((Counter(dict(other.rejected)) + Counter(dict(sender.rejected))).items()),
            )
        found[sender.address] = sender
    return tuple(found.values())
