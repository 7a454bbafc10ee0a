"""Which codecs have a quality, and how sure it is."""

import pytest

from sipscope.decode.sdp import Format
from sipscope.rtpqos.codecs import Coding, coding_of


@pytest.mark.parametrize(
    ("name", "clock_rate", "expected"),
    [
        ("PCMU", 8000, Coding("nb", 0, 25.1, True, True)),
        ("pcma", 8000, Coding("nb", 0, 25.1, True, True)),
        ("G729", 8000, Coding("nb", 10, 19.0, True, True)),
        ("G726-32", 8000, Coding("nb", 7, 10.0, True, False)),
        ("G722", 8000, Coding("wb", 13, 4.6, False, False)),
        ("AMR-WB", 16000, Coding("wb", 13, 4.3, False, False)),
        ("opus", 48000, Coding("fb", 10.2, 9.6, False, False)),
    ],
)
def test_codecs_that_are_known(name: str, clock_rate: int, expected: Coding) -> None:
    assert coding_of(Format(name, clock_rate)) == expected


@pytest.mark.parametrize(
    "known", [None, Format("L16", 44100), Format("H264", 90000), Format("PCMU", 16000)]
)
def test_nothing_is_known_of_others(known: Format | None) -> None:
    assert coding_of(known) is None
