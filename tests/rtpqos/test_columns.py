"""Rows of columns: taken, given back, of bounded size."""

import numpy as np

from sipscope.rtpqos.columns import NO_STATE, Columns


def test_rows_are_taken_once() -> None:
    columns = Columns()
    rows = columns.take(20).tolist() + columns.take(30).tolist()
    assert len(set(rows)) == 50
    assert len(columns.state) == len(columns.interval) == 64


def test_a_row_given_back_is_cleared_for_the_next() -> None:
    columns = Columns()
    row = int(columns.take(1)[0])
    columns.state["packets"][row] = 7
    columns.interval["packets"][row, 3] = 7
    columns.burst["count"][row, 3] = 7
    columns.give_back(row)
    assert columns.take(1).tolist() == [row]
    assert columns.state[row] == NO_STATE
    assert not columns.interval["packets"][row].any()
    assert not columns.burst["count"][row].any()


def test_growing_keeps_what_is_there() -> None:
    columns = Columns()
    row = columns.take(16)
    columns.state["lost"][row] = np.arange(16)
    columns.take(1)
    assert columns.state["lost"][row].tolist() == list(range(16))


def test_an_accepted_stream_takes_less_than_10_kib() -> None:
    columns = Columns()
    columns.take(16)
    tables = [table for table in vars(columns).values() if isinstance(table, np.ndarray)]
    assert len(tables) == 11
    assert sum(table.nbytes for table in tables) / 16 < 10_240
