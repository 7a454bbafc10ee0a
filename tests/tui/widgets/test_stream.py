"""A stream in words and bars."""

from dataclasses import replace

import pytest
from rich.cells import cell_len

from sipscope.calls.rows import stream_figures
from sipscope.rtpqos.differences import differences
from sipscope.rtpqos.figures import Now, StreamFigures
from sipscope.tui.line_list import Span
from sipscope.tui.widgets.stream import dscp_name, stream_lines, wireshark_lines
from sipscope.tui.widgets.wrapping import Line, line_text
from tests.signalling import answered_call, store_of


@pytest.fixture(scope="module")
def figures() -> StreamFigures:
    """250 packets of the PBX, without 12 in two bursts."""
    store = store_of(answered_call(media=250, lost=(*range(100, 110), 200, 201)))
    return stream_figures(store.dialogs[1], store.streams)[1]


def texts(lines: list[Line]) -> list[str]:
    return [line_text(line).rstrip() for line in lines]


def test_all_figures_stand_in_eighty_cells(figures: StreamFigures) -> None:
    assert texts(stream_lines(figures, 79)) == [
        "198.51.100.5:18000 → 192.0.2.21:40000",
        "  PCMA 20 ms   SSRC 9c40e1f7   CS0   22:13:22 0:04",
        "  packets        238  lost             12                mean     max    last",
        "  expected       250  loss %          4.8  jitter ms     0.00    0.00    0.00",
        "  duplicates       0  out of order      0  delta ms     21.01  220.00",
        "  MOS 3.85  nb   R 75.6   worst 10 s 3.85   costs: loss, burst loss",
        "  lost in 2 bursts, longest 10  skew 0.0 ms",
        "  loss %     ▁▁▁▁▁▁▁▁████▁▁▁▁▂▂▂▂  max 20.0",
        "  jitter ms  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁  max 0.0",
        "  delta ms   ▂▂▂▂▂▂▂▂▆▆▆▆▂▂▂▂▂▂▂▂  max 220.0",
        "  MOS        ▇▇▇▇▇▇▇▇▂▂▂▂▇▇▇▇▆▆▆▆  min 1.39",
    ]


def test_in_a_narrow_pane_times_stand_under_counts(figures: StreamFigures) -> None:
    lines = texts(stream_lines(figures, 50))
    assert lines[2:8] == [
        "  packets        238  lost             12",
        "  expected       250  loss %          4.8",
        "  duplicates       0  out of order      0",
        "                mean     max    last",
        "  jitter ms     0.00    0.00    0.00",
        "  delta ms     21.01  220.00",
    ]
    assert all(cell_len(line) <= 50 for line in lines)


def test_the_figures_of_wireshark_take_the_lines_they_need(figures: StreamFigures) -> None:
    assert texts(wireshark_lines(figures, 140)) == [
        "  as Wireshark  lost 12 (4.8 %)  max jitter 0.00 ms  mean jitter 0.00 ms  "
        "max delta 220.00 ms  max skew 0.00 ms",
        "                The same as ours.",
    ]
    assert texts(wireshark_lines(figures, 79)) == [
        "  as Wireshark  lost 12 (4.8 %)  max jitter 0.00 ms  mean jitter 0.00 ms",
        "                max delta 220.00 ms  max skew 0.00 ms",
        "                The same as ours.",
    ]


def test_it_is_told_why_the_figures_of_wireshark_differ(figures: StreamFigures) -> None:
    assert figures.wireshark is not None
    shown = replace(figures.wireshark, lost=9, expected=figures.expected - 3)
    other = replace(figures, wireshark=shown)
    lines = texts(wireshark_lines(other, 79))[2:]
    assert " ".join(line.strip() for line in lines) == " ".join(differences(other))
    assert len(lines) > 1
    assert all(line.startswith(" " * 16) and len(line) <= 79 for line in lines)


def test_without_figures_of_wireshark_there_are_no_lines(figures: StreamFigures) -> None:
    assert wireshark_lines(replace(figures, wireshark=None), 79) == []


def test_the_figures_of_wireshark_are_not_among_ours(figures: StreamFigures) -> None:
    assert not any("Wireshark" in line for line in texts(stream_lines(figures, 140)))


def test_a_heading_takes_one_line_where_it_fits(figures: StreamFigures) -> None:
    assert texts(stream_lines(figures, 140))[0] == (
        "198.51.100.5:18000 → 192.0.2.21:40000   PCMA 20 ms   SSRC 9c40e1f7   CS0   22:13:22 0:04"
    )


def test_what_was_lost_has_the_style_of_how_bad_it_is(figures: StreamFigures) -> None:
    lines = stream_lines(figures, 79)
    assert Span("     12", "doubtful") in lines[2]
    assert Span("████", "failed") in lines[7]


def test_what_is_unknown_is_left_empty(figures: StreamFigures) -> None:
    unknown = replace(
        figures,
        codec=None,
        ptime_ms=None,
        jitter_mean_ms=None,
        jitter_max_ms=None,
        jitter_last_ms=None,
        delta_mean_ms=None,
        delta_max_ms=None,
        skew_ms=None,
        drift_ppm=None,
        loss_bursts=(),
        intervals=(),
        r_factor=None,
        mos=None,
        mos_min=None,
    )
    assert texts(stream_lines(unknown, 79))[1:] == [
        "  payload type 8   SSRC 9c40e1f7   CS0   22:13:22 0:04",
        "  packets        238  lost             12                mean     max    last",
        "  expected       250  loss %          4.8  jitter ms",
        "  duplicates       0  out of order      0  delta ms",
    ]


def test_facts_stand_beside_the_quality_where_they_fit(figures: StreamFigures) -> None:
    assert texts(stream_lines(figures, 140))[4] == (
        "  MOS 3.85  nb   R 75.6   worst 10 s 3.85   costs: loss, burst loss"
        "   lost in 2 bursts, longest 10  skew 0.0 ms"
    )


def test_what_an_adaptive_buffer_would_have_saved_is_told(figures: StreamFigures) -> None:
    assert figures.adaptive is not None
    told = []
    for mos in (figures.mos, 3.9, 4.1):
        other = replace(figures, adaptive=figures.adaptive._replace(mos=mos))
        told.append([line for line in texts(stream_lines(other, 79)) if "adaptive" in line])
    assert told[0] == []
    assert "with an adaptive buffer MOS 3.90" in told[1][0]
    assert "with an adaptive buffer MOS 4.10" in told[2][0]


def test_causes_are_left_out_where_there_is_no_room(figures: StreamFigures) -> None:
    assert texts(stream_lines(figures, 60))[8] == "  MOS 3.85  nb   R 75.6   worst 10 s 3.85"


def test_an_estimate_is_called_one(figures: StreamFigures) -> None:
    guessed = replace(figures, mos_grade="estimate", mos_band="wb", causes=())
    assert texts(stream_lines(guessed, 79))[5] == (
        "  MOS 3.85  wb, estimate   R 75.6   worst 10 s 3.85"
    )


def test_large_times_lose_their_decimals(figures: StreamFigures) -> None:
    late = replace(figures, delta_max_ms=12345.678)
    assert texts(stream_lines(late, 79))[4].endswith("  21.01  12,346")


def test_drift_and_restarts_are_told_when_they_are_known(figures: StreamFigures) -> None:
    drifting = replace(figures, restarts=2, drift_ppm=-12.3)
    assert "restarts 2  skew 0.0 ms  drift -12 ppm" in texts(stream_lines(drifting, 140))[4]


def test_the_newest_second_is_told_while_the_stream_sends(figures: StreamFigures) -> None:
    sending = replace(figures, now=Now(1.0, 49, 1, 1.25, 86.0, 4.24))
    line = "  now  packets/s 49  loss 2.0 %  jitter 1.2 ms  MOS 4.24"
    assert line in texts(stream_lines(sending, 79, figures.last + 2_000_000_000))
    assert line not in texts(stream_lines(sending, 79, figures.last + 4_000_000_000))
    assert line not in texts(stream_lines(sending, 79))


def test_a_second_without_packets_is_a_gap_in_the_charts(figures: StreamFigures) -> None:
    first, *others = figures.intervals
    silent = replace(figures, intervals=(first, first._replace(packets=0, lost=0), *others[1:]))
    assert texts(stream_lines(silent, 79))[7].startswith("  loss %     ▁▁▁▁    ████")


@pytest.mark.parametrize(
    ("dscp", "name"),
    [(0, "CS0"), (24, "CS3"), (46, "EF"), (34, "AF41"), (10, "AF11"), (44, "VA"), (45, "DSCP 45")],
)
def test_code_points_have_the_names_of_rfc_4594(dscp: int, name: str) -> None:
    assert dscp_name(dscp) == name
