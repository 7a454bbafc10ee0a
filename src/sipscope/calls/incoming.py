"""SIP messages on their way into the store, in bulk."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from sipscope.calls.dialog import KeptFrames, Message
from sipscope.decode.address import Flow
from sipscope.decode.batch import Column, Recording
from sipscope.decode.sip_heads import Heads

Incoming = tuple[int, int, Flow, bytes, Recording | KeptFrames, int, int]
"""A SIP message on its way into the store: time in ns, frame number, flow, its bytes,
where they can be found again, bytes of the frame before it, where it begins there."""

MESSAGE_BYTES = 300
"""Memory that a message takes, roughly."""

FRAME_BYTES = 400
"""Memory that its frame takes, roughly, besides what was captured."""


@dataclass(frozen=True, slots=True)
class MessageBatch:
    """Messages in the order of capture; columns and lists have one entry a message.

    Attributes:
        text: Holds the messages one behind the other, and anything between them.
        begin: Where each message begins in it.
        end: Where each message ends in it.
        time: ns since the epoch.
        number: Frame numbers.
        flow: From where to where.
        origin: Where the bytes can be found again.
        header: Bytes of the frame before the message.
        start: Where the message begins in its origin.
    """

    text: bytes
    begin: Column
    end: Column
    time: Sequence[int]
    number: Sequence[int]
    flow: Sequence[Flow]
    origin: Sequence[Recording | KeptFrames]
    header: Sequence[int]
    start: Sequence[int]

    @classmethod
    def of(cls, messages: Sequence[Incoming]) -> "MessageBatch":
        """Return messages whose bytes lie here and there."""
        times, numbers, flows, raws, origins, headers, starts = (
            zip(*messages, strict=True) if messages else ((),) * 7
        )
        length = np.fromiter(map(len, raws), np.int64, len(raws))
        end = np.cumsum(length)
        text = b"".join(raws)
        return cls(text, end - length, end, times, numbers, flows, origins, headers, starts)

    def __len__(self) -> int:
        return len(self.time)

    @property
    def lengths(self) -> list[int]:
        """How many bytes each message has."""
        lengths: list[int] = (self.end - self.begin).tolist()
        return lengths

    @property
    def kept_bytes(self) -> int:
        """Memory that the messages will take, roughly."""
        framed = zip(self.origin, self.lengths, strict=True)
        frames = [length for origin, length in framed if origin.__class__ is KeptFrames]
        return MESSAGE_BYTES * len(self) + FRAME_BYTES * len(frames) + sum(frames)

    def raw(self, index: int) -> bytes:
        """Return the bytes of a message."""
        return self.text[self.begin.item(index) : self.end.item(index)]

    def rows(self) -> list[Incoming]:
        """Return the messages one by one."""
        raws = map(self.raw, range(len(self)))
        columns = self.time, self.number, self.flow, raws, self.origin, self.header, self.start
        return list(zip(*columns, strict=True))

    def part(self, begin: int, end: int) -> "MessageBatch":
        """Return the messages from `begin` up to `end`."""
        if begin == 0 and end >= len(self):
            return self
        part = slice(begin, end)
        return MessageBatch(
            self.text,
            self.begin[part],
            self.end[part],
            self.time[part],
            self.number[part],
            self.flow[part],
            self.origin[part],
            self.header[part],
            self.start[part],
        )

    def merge(self, messages: Sequence[Incoming]) -> "MessageBatch":
        """Return these messages and others in the order of their frame numbers."""
        return MessageBatch.of(sorted([*self.rows(), *messages], key=_frame_number))

    def messages(self, heads: Heads) -> list[Message]:
        """Return the messages as dialogs keep them, none a retransmission so far."""
        rows = zip(
            self.time,
            self.number,
            self.flow,
            heads.method,
            heads.status,
            heads.cseq,
            repeat(False),
            heads.sdp,
            self.origin,
            self.header,
            self.start,
            self.lengths,
            strict=False,  # repeat() has no end
        )
        return list(map(tuple.__new__, repeat(Message), rows))


def _frame_number(message: Incoming) -> int:
    return message[1]
