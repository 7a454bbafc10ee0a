"""All streams as a list: its order, its rows, and what they cost."""

import time
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings

from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.sdp import Format
from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.listing import ORDERS
from sipscope.rtpqos.streams import StreamTable
from tests.rtpqos.reference import FLOWS, MS, Packet, block_of, speech
from tests.rtpqos.test_streams import FORMATS, traffic


def followed(packets: Sequence[Packet], flows: Sequence[Flow] = FLOWS) -> StreamTable:
    table = StreamTable(100_000)
    for stream_id in table.add(block_of(packets), flows):
        table.describe(stream_id, FORMATS)
    table.flush()
    return table


def value(figures: StreamFigures, key: str) -> object:
    """What a list is sorted by, of the figures."""
    ends = figures.flow.source, figures.flow.destination
    return {
        "first": figures.first,
        "packets": figures.packets,
        "loss": figures.loss_percent,
        "jitter": figures.jitter_mean_ms,
        "mos": figures.r_factor,
        "delta": figures.delta_max_ms,
        "source": (len(ends[0].address), ends[0]),
        "destination": (len(ends[1].address), ends[1]),
        "codec": figures.codec and figures.codec.lower(),
    }[key]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(packets=traffic())
def test_every_order_and_every_row_is_that_of_the_figures(packets: list[Packet]) -> None:
    table = followed(packets)
    figures = [table.figures(number) for number in table.ids()]
    for key in ORDERS:
        for descending in (False, True):
            known = [one for one in figures if value(one, key) is not None]
            known.sort(key=lambda one: value(one, key), reverse=descending)  # type: ignore[arg-type, return-value]
            unknown = [one for one in figures if value(one, key) is None]
            assert table.order(key, descending) == [one.id for one in known + unknown]
    for row, one in zip(table.rows(table.ids()), figures, strict=True):
        now = one.now and (one.now.packets, one.now.lost, one.now.r_factor, one.now.mos)
        assert row[:5] == (one.id, one.flow, one.ssrc, one.codec, one.first)
        assert row[5:9] == (one.last, one.packets, one.lost, one.loss_percent)
        assert row[9:11] == (one.jitter_mean_ms, one.delta_max_ms)
        assert row[11:14] == (
            _near(one.r_factor),
            _near(one.mos),
            one.mos_band,
        )
        assert row[14:] == tuple(map(_near, now or (None,) * 4))


def _near(value: float | None) -> object:
    return None if value is None else pytest.approx(value, rel=1e-12)


def test_what_is_unknown_is_last_either_way() -> None:
    known, unknown = speech(5, flow=1), speech(5, flow=0, payload_type=120)
    table = followed([*unknown, *known])
    for key in ("mos", "jitter", "codec"):
        assert table.order(key, descending=False) == table.order(key, descending=True) == [2, 1]


def test_equals_are_in_the_order_of_their_first_packet_either_way() -> None:
    table = followed([*speech(5, flow=2), *speech(5, flow=0), *speech(5, flow=1)])
    for key in ("packets", "loss", "jitter", "mos", "delta", "destination", "codec"):
        assert table.order(key, descending=False) == table.order(key, descending=True) == [1, 2, 3]
    assert table.order("source", descending=False) == [2, 3, 1]
    assert table.order("source", descending=True) == [1, 3, 2]


def test_addresses_sort_as_numbers_ipv4_first() -> None:
    hosts = [bytes([10, 0, 0, 10]), bytes(16), bytes([9, 0, 0, 255]), bytes([10, 0, 0, 9])]
    flows = [Flow(Endpoint(host, 4000), Endpoint(host, 9)) for host in hosts]
    table = followed([p for flow in range(4) for p in speech(5, flow=flow)], flows)
    assert table.order("source", descending=False) == [3, 4, 1, 2]


def test_mos_sorts_by_r_which_compares_across_bands() -> None:
    # Without loss, G.722 has R 116 and a MOS below that of G.711 with R 93.
    narrow, wide = speech(50, flow=0), speech(50, flow=1, payload_type=9)
    table = followed([*wide, *narrow])
    assert table.order("mos", descending=False) == [2, 1]
    assert [table.figures(number).mos_band for number in (2, 1)] == ["nb", "wb"]
    assert [row.id for row in table.worst_first(1)] == [2]


def test_there_is_no_other_order() -> None:
    with pytest.raises(KeyError):
        StreamTable().order("beauty", descending=False)


def test_an_empty_table_is_in_every_order() -> None:
    assert [StreamTable().order(key, descending=True) for key in ORDERS] == [[]] * len(ORDERS)
    assert StreamTable().worst_first(3) == []


def test_rows_of_streams_that_are_gone_are_left_out() -> None:
    table = followed([*speech(5, flow=0), *speech(5, flow=1)])
    table.remove(1)
    assert [row.id for row in table.rows([1, 2, 7])] == [2]


def test_the_rows_of_ten_thousand_streams_are_sorted_in_a_tenth_of_a_second() -> None:
    count = 10_000
    flows = [
        Flow(Endpoint(index.to_bytes(4, "big"), 10_000), Endpoint(bytes(4), 20_000))
        for index in range(count)
    ]
    numbers = range(5)
    packets = [
        Packet(n * 20 * MS, n if n < 4 else 4 + i % 2, n * 160, flow=i)
        for n in numbers
        for i in range(count)
    ]
    table = StreamTable(count)
    for stream_id in table.add(block_of(packets), flows):
        table.describe(stream_id, {0: Format("PCMU", 8000)})
    table.flush()
    took = []
    for _ in range(3):
        began = time.process_time()
        worst = table.order("mos", descending=False)
        rows = table.worst_first(100)
        took.append(time.process_time() - began)
    assert [row.id for row in rows] == worst[:100]
    assert {row.lost for row in rows} == {1}
    assert min(took) < 0.1
