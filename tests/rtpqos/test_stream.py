"""What payload types mean to a stream."""

from sipscope.decode.sdp import Format
from sipscope.rtpqos.codecs import coding_of
from sipscope.rtpqos.stream import Stream
from tests.rtpqos.reference import FLOWS


def stream(**formats: Format) -> Stream:
    """A stream with formats named `pt101`."""
    result = Stream(1, FLOWS[0], 7)
    result.describe({int(name[2:]): meaning for name, meaning in formats.items()}, None)
    return result


def test_static_payload_types_are_known_and_cannot_be_redefined() -> None:
    redefined = stream(pt9=Format("G722", 16000))
    assert redefined.format(9) == Format("G722", 8000)
    assert redefined.clock(9) == 8000


def test_dynamic_payload_types_are_what_signalling_said() -> None:
    assert stream(pt111=Format("opus", 48000)).clock(111) == 48000
    assert stream().clock(111) == 0
    assert stream().format(111) is None


def test_events_and_comfort_noise_have_no_speech_clock() -> None:
    assert stream(pt101=Format("Telephone-Event", 8000)).clock(101) == 0
    assert stream().clock(13) == 0


def test_an_impossible_clock_rate_is_none() -> None:
    assert stream(pt96=Format("x", 0)).clock(96) == 0
    assert stream(pt96=Format("x", 1 << 31)).clock(96) == 0


def test_an_unknown_payload_type_may_be_speech() -> None:
    assert stream().may_be_speech(120)
    assert not stream(pt101=Format("telephone-event", 8000)).may_be_speech(101)


def test_payload_types_are_counted_in_the_order_seen() -> None:
    counted = stream()
    counted.count(8, 2)
    counted.count(0, 1)
    counted.count(8, 3)
    assert counted.payload_types == {8: 5, 0: 1}
    assert list(counted.payload_types) == [8, 0]


def test_the_main_payload_type_is_that_of_most_speech_packets() -> None:
    counted = stream(pt101=Format("telephone-event", 8000))
    assert (counted.main, counted.codec, counted.coding) == (None, None, None)
    counted.count(101, 9)
    assert counted.main == 101
    counted.count(0, 2)
    assert (counted.main, counted.codec) == (0, Format("PCMU", 8000))
    counted.count(18, 3)
    assert (counted.main, counted.coding) == (18, coding_of(Format("G729", 8000)))
    counted.count(0, 1)
    assert counted.main == 0


def test_the_main_payload_type_gets_its_codec_when_it_is_described() -> None:
    counted = stream()
    counted.count(111, 5)
    counted.count(102, 9)
    assert (counted.main, counted.coding) == (102, None)
    counted.describe({102: Format("telephone-event", 8000), 111: Format("opus", 48000)}, 20)
    assert (counted.main, counted.ptime_ms) == (111, 20)
    assert counted.coding == coding_of(Format("opus", 48000))


def test_what_is_no_speech_is_told_by_name() -> None:
    counted = stream(pt101=Format("telephone-event", 8000), pt102=Format("telephone-event", 16000))
    for number in (0, 101, 13, 102, 97):
        counted.count(number, 1)
    assert counted.not_speech == ("telephone-event", "CN", "payload type 97")


def test_where_all_is_unknown_nothing_is_told_to_be_no_speech() -> None:
    counted = stream()
    counted.count(97, 5)
    assert counted.not_speech == ()
