"""The table of RTP streams: which there are, and their figures."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sipscope.decode.address import Flow
from sipscope.decode.rtp import RtpBlock
from sipscope.decode.sdp import Format
from sipscope.rtpqos.booking import book
from sipscope.rtpqos.columns import Columns
from sipscope.rtpqos.figures import StreamFigures, StreamIdentity, stream_figures
from sipscope.rtpqos.listing import StreamRow, lossiest, order, stream_rows
from sipscope.rtpqos.packets import Packets, concatenate, consistent, pairs_of
from sipscope.rtpqos.stream import Stream

MAX_HELD = 16
"""So many packets of a stream on probation are held; if they do not look like RTP, none."""
MAX_PENDING = 500_000
MIN_DIVIDED = 20_000
"""So many packets to flush are worth two passes over the columns."""
MAX_TOUCHED = 60_000


class StreamTable:
    """All RTP streams; one writer, figures at any time.

    A stream is a flow and an SSRC. One that signalling described is accepted at once,
    another after five packets with growing sequence numbers; only accepted streams
    are listed. When the table is full, streams on probation go first, oldest first, then
    those that have been silent longest; pinned ones stay.

    Args:
        capacity: The most streams that are kept.
        on_evict: Called with the id of a stream that had to go.
        every_figure: Whether to compute what a summary does not show, too: what Wireshark
            shows, and what the adaptive jitter buffer does.
        interval_s: Length of the parts of a stream of which `mos_min` is that of the worst.

    Attributes:
        evicted: Accepted streams that had to go.
        unaccepted: Streams that had to go without ever having been accepted.
        dropped: Packets of streams on probation that did not look like RTP.
    """

    def __init__(
        self,
        capacity: int = 10_000,
        on_evict: Callable[[int], None] | None = None,
        *,
        every_figure: bool = True,
        interval_s: float = 10.0,
    ) -> None:
        self.evicted = 0
        self.unaccepted = 0
        self.dropped = 0
        self._capacity = capacity
        self._on_evict = on_evict
        self._columns = Columns(every_figure=every_figure, part_ns=round(interval_s * 1e9))
        self._next_id = 1
        self._by_key: dict[tuple[Flow, int], Stream] = {}
        self._by_id: dict[int, Stream] = {}
        # The newest stream of each Flow object, which decoding makes once a flow: to hash
        # an object's id costs a tenth of hashing what is in it.
        self._by_flow: dict[int, Stream] = {}
        self._waiting: OrderedDict[int, Stream] = OrderedDict()
        self._recent: OrderedDict[int, Stream] = OrderedDict()
        self._touched: list[Stream] = []
        self._pending: list[Packets] = []
        self._pending_packets = 0
        self._changed: set[int] = set()

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, stream_id: int) -> bool:
        return stream_id in self._by_id

    @property
    def pending(self) -> int:
        """Packets that wait for `flush`."""
        return self._pending_packets

    def add(self, block: RtpBlock, flows: Sequence[Flow]) -> list[int]:
        """Take the packets of one batch for the next `flush`.

        Args:
            block: The packets.
            flows: What `block.flow` is an index into.

        Returns:
            The ids of streams that are new, in the order of their first packet: ask SDP
            whose they are and `describe` them.
        """
        if not len(block):
            return []
        pair, keys = pairs_of(block, flows)
        local, new = self._find(pair, keys)
        self._pending.append(
            Packets(
                np.array(local, np.int32)[pair],
                block.time,
                block.sequence,
                block.timestamp,
                block.payload_type,
                block.marker,
                block.length,
                block.dscp,
            )
        )
        self._pending_packets += len(block)
        if self._pending_packets >= MAX_PENDING or len(self._touched) >= MAX_TOUCHED:
            self._changed |= self.flush()
        return [stream.id for stream in new if not stream.gone]

    def describe(
        self, stream_id: int, formats: Mapping[int, Format], ptime_ms: int | None = None
    ) -> None:
        """Tell what signalling negotiated for a stream, which accepts it.

        Packets already flushed keep the meaning that they had.

        Args:
            stream_id: As from `add`; one that is gone is passed over.
            formats: Meaning of each dynamic payload type; the static ones are known.
            ptime_ms: `a=ptime`.
        """
        stream = self._by_id.get(stream_id)
        if stream is None:
            return
        stream.describe(formats, ptime_ms)
        self._accept(stream)

    def pin(self, stream_id: int, pinned: bool = True) -> None:
        """Keep a stream whatever comes, or no longer; one that is gone is passed over."""
        stream = self._by_id.get(stream_id)
        if stream is None or stream.pinned == pinned:
            return
        stream.pinned = pinned
        if pinned:
            self._queue(stream).pop(stream_id)
        else:
            self._queue(stream)[stream_id] = stream

    def flow(self, stream_id: int) -> Flow | None:
        """Return from where to where a stream goes; None when it is gone."""
        stream = self._by_id.get(stream_id)
        return None if stream is None else stream.flow

    def ssrc(self, stream_id: int) -> int | None:
        """Return a stream's synchronization source; None when it is gone."""
        stream = self._by_id.get(stream_id)
        return None if stream is None else stream.ssrc

    def remove(self, stream_id: int) -> None:
        """Forget a stream, without counting it as evicted; one that is gone is passed over."""
        stream = self._by_id.get(stream_id)
        if stream is not None:
            self._drop(stream)

    def ids(self) -> list[int]:
        """Return the ids of accepted streams that have figures, by first packet."""
        return [stream.id for stream in self._listed()]

    def _listed(self) -> list[Stream]:
        return [stream for stream in self._by_id.values() if stream.row >= 0]

    @property
    def packets(self) -> int:
        """Packets of all listed streams."""
        rows = [stream.row for stream in self._listed()]
        return int(self._columns.state["packets"][rows].sum())

    def order(self, key: str, descending: bool) -> list[int]:
        """Return the ids of listed streams sorted by one figure; equals by first packet.

        The figures of each stream are not computed for it: 10,000 streams take some ms.

        Args:
            key: One of `ORDERS`.
            descending: The other way round; what is unknown is last either way.

        Raises:
            KeyError: When there is no such key.
        """
        streams = self._listed()
        return [streams[index].id for index in order(self._columns, streams, key, descending)]

    def rows(self, stream_ids: Iterable[int]) -> list[StreamRow]:
        """Return what a list shows of listed streams; those that are gone are left out."""
        found = [self._by_id.get(stream_id) for stream_id in stream_ids]
        streams = [stream for stream in found if stream is not None and stream.row >= 0]
        return stream_rows(self._columns, streams)

    def worst_first(self, count: int) -> list[StreamRow]:
        """Return the listed streams with the lowest R; those without one are last."""
        return self.rows(self.order("mos", descending=False)[:count])

    def lossiest(self, count: int) -> list[int]:
        """Return up to `count` listed streams: the highest loss first, then the highest jitter."""
        streams = self._listed()
        worst = lossiest(self._columns, streams)
        return [streams[index].id for index in worst[:count]]

    def listed(self, stream_id: int) -> bool:
        """Whether a stream is there, accepted, and has figures."""
        stream = self._by_id.get(stream_id)
        return stream is not None and stream.row >= 0

    def figures(self, stream_id: int) -> StreamFigures:
        """Return a stream's figures as of the last `flush`.

        Raises:
            KeyError: When the stream is gone or was never listed in `ids`.
        """
        stream = self._by_id[stream_id]
        if stream.row < 0:
            raise KeyError(stream_id)
        known = stream.codec
        identity = StreamIdentity(
            id=stream.id,
            flow=stream.flow,
            ssrc=stream.ssrc,
            payload_types=stream.payload_types or {},
            codec=known.name if known else None,
            clock_rate=known.clock_rate if known else None,
            negotiated_ptime_ms=stream.ptime_ms,
            coding=stream.coding,
            not_speech=stream.not_speech,
        )
        return stream_figures(self._columns, stream.row, identity)

    def flush(self) -> set[int]:
        """Compute the figures of all packets that were added; return the ids that changed."""
        changed, self._changed = self._changed, set()
        if not self._pending:
            return changed
        pending = concatenate(self._pending)
        streams = self._touched
        self._pending, self._pending_packets, self._touched = [], 0, []
        for stream in streams:
            stream.local = -1
        if all(stream.row >= 0 for stream in streams) and len(pending.local) >= MIN_DIVIDED:
            self._book_divided(pending, streams)
        else:
            pending = pending.by_stream(len(streams))
            size = np.bincount(pending.local, minlength=len(streams))
            pending, streams, size = self._admit(pending, streams, size)
            if streams:
                book(self._columns, pending, streams, size)
        changed.update(stream.id for stream in streams)
        return changed

    def _book_divided(self, pending: Packets, streams: list[Stream]) -> None:
        """Book streams without markers, events and the like apart: there, nothing is selected."""
        plain = pending.plain(len(streams))
        order = np.argsort(~plain, kind="stable")
        local = np.empty(len(order), np.int32)
        local[order] = np.arange(len(order), dtype=np.int32)
        pending = pending._replace(local=local[pending.local]).by_stream(len(streams))
        size = np.bincount(pending.local, minlength=len(streams))
        streams = [streams[index] for index in order.tolist()]
        count = int(plain.sum())
        border = int(size[:count].sum())
        if count:
            book(self._columns, pending.take(slice(border)), streams[:count], size[:count])
        if count < len(streams):
            rest = pending.take(slice(border, None))
            book(self._columns, rest, streams[count:], size[count:])

    def _find(
        self, pair: NDArray[np.int64], keys: list[tuple[Flow, int]]
    ) -> tuple[list[int], list[Stream]]:
        """Return the index of each key in the touched streams, and the new ones in order."""
        local: list[int] = []
        missing: list[int] = []
        by_flow = self._by_flow
        for flow, ssrc in keys:
            stream = by_flow.get(id(flow))
            if stream is None or stream.ssrc != ssrc:
                stream = self._by_key.get((flow, ssrc))
                if stream is None:
                    missing.append(len(local))
                    local.append(-1)
                    continue
            if stream.local < 0:
                self._touch(stream)
            local.append(stream.local)
        new: list[Stream] = []
        if missing:
            first = np.empty(len(keys), np.int64)
            first[pair[::-1]] = np.arange(len(pair) - 1, -1, -1)
            for index in sorted(missing, key=first.tolist().__getitem__):
                stream = self._create(*keys[index])
                self._touch(stream)
                local[index] = stream.local
                new.append(stream)
        return local, new

    def _touch(self, stream: Stream) -> None:
        """Note that the stream has packets for the next flush."""
        stream.local = len(self._touched)
        self._touched.append(stream)
        if stream.id in self._recent:
            self._recent.move_to_end(stream.id)

    def _create(self, flow: Flow, ssrc: int) -> Stream:
        """Return a new stream on probation; it is gone already when nothing else can go."""
        stream = Stream(self._next_id, flow, ssrc)
        self._next_id += 1
        self._by_key[flow, ssrc] = self._by_id[stream.id] = stream
        self._by_flow[id(flow)] = stream
        self._waiting[stream.id] = stream
        if len(self._by_id) > self._capacity:
            oldest = next(iter(self._waiting.values()))
            if oldest is stream and self._recent:
                oldest = next(iter(self._recent.values()))
            self._evict(oldest)
        return stream

    def _drop(self, stream: Stream) -> None:
        """Forget a stream."""
        del self._by_key[stream.flow, stream.ssrc], self._by_id[stream.id]
        self._queue(stream).pop(stream.id, None)
        if self._by_flow.get(id(stream.flow)) is stream:
            del self._by_flow[id(stream.flow)]
        stream.gone = True
        if stream.row >= 0:
            self._columns.give_back(stream.row)
            stream.row = -1
        self._changed.discard(stream.id)

    def _evict(self, stream: Stream) -> None:
        """Forget a stream to make room for another."""
        self._drop(stream)
        if stream.accepted:
            self.evicted += 1
        else:
            self.unaccepted += 1
        if self._on_evict is not None:
            self._on_evict(stream.id)

    def _queue(self, stream: Stream) -> OrderedDict[int, Stream]:
        """Return the order of eviction that the stream stands in unless it is pinned."""
        return self._recent if stream.accepted else self._waiting

    def _accept(self, stream: Stream) -> None:
        """End a stream's probation."""
        if stream.accepted:
            return
        if not stream.pinned:
            del self._waiting[stream.id]
            self._recent[stream.id] = stream
        stream.accepted = True

    def _admit(
        self, pending: Packets, streams: list[Stream], size: NDArray[np.int64]
    ) -> tuple[Packets, list[Stream], NDArray[np.int64]]:
        """Keep the packets of accepted streams; hold those of streams on probation."""
        if all(stream.row >= 0 for stream in streams):
            return pending, streams, size
        looks_like_rtp = consistent(pending, size)
        kept = np.ones(len(streams), np.bool_)
        held = np.zeros(len(streams), np.bool_)
        begin: list[Stream] = []
        for index, stream in enumerate(streams):
            if stream.row >= 0:
                continue
            if not stream.gone and looks_like_rtp[index]:
                self._accept(stream)
            kept[index] = stream.accepted and not stream.gone
            if kept[index]:
                begin.append(stream)
            elif not stream.gone:
                held[index] = size[index] < MAX_HELD
                self.dropped += 0 if held[index] else int(size[index])
        for stream, row in zip(begin, self._columns.take(len(begin)).tolist(), strict=True):
            stream.row = row
        self._hold(pending, streams, held, size)
        if not kept.all():
            pending = pending.take(np.repeat(kept, size))
            streams = [stream for stream, stays in zip(streams, kept, strict=True) if stays]
            size = size[kept]
        return pending, streams, size

    def _hold(
        self,
        pending: Packets,
        streams: list[Stream],
        held: NDArray[np.bool_],
        size: NDArray[np.int64],
    ) -> None:
        """Put packets back for the next flush."""
        which = np.flatnonzero(held).tolist()
        if not which:
            return
        for index in which:
            streams[index].local = len(self._touched)
            self._touched.append(streams[index])
        back = pending.take(np.repeat(held, size))
        local = np.repeat(np.arange(len(which), dtype=np.int32), size[held])
        self._pending.append(back._replace(local=local))
        self._pending_packets += len(local)
