import random
import time as clock
from ipaddress import IPv4Address

from hypothesis import given, settings
from hypothesis import strategies as st

from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.batch import Frame
from sipscope.decode.counts import NetworkCounts
from sipscope.decode.tcp import Segment, TcpMessage, TcpReassembler
from sipscope.errors import Problem
from tests.packets import ACK, FIN, PSH, RST, SECOND, START, SYN

PHONE = Endpoint(bytes([192, 0, 2, 1]), 40_000)
PBX = Endpoint(bytes([192, 0, 2, 2]), 5060)
FLOW = Flow(PHONE, PBX, "tcp")
ISN = 0xFFFFFF00

INVITE = b"INVITE sip:bob@example.com SIP/2.0\r\nContent-Length: 400\r\n\r\n" + b"v" * 400
OPTIONS = b"OPTIONS sip:bob@example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n"
OK = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"


class Wire:
    """Segments of one capture, numbered and 20 ms apart, put into a reassembler."""

    def __init__(self) -> None:
        self.counts = NetworkCounts()
        self.tcp = TcpReassembler(self.counts)
        self.time = START
        self.number = 0

    def send(
        self,
        payload: bytes = b"",
        at: int = 0,
        flags: int = ACK | PSH,
        flow: Flow = FLOW,
        acknowledgment: int = 0,
    ) -> list[TcpMessage]:
        """Send a segment whose payload lies `at` bytes behind the SYN."""
        self.number += 1
        self.time += 20_000_000
        frame = Frame(self.time, 1, len(payload) + 54, bytes(54) + payload)
        segment = Segment(
            time=self.time,
            number=self.number,
            packet=self.number - 1,
            flow=flow,
            sequence=ISN + 1 + at & 0xFFFFFFFF,
            acknowledgment=ISN + 1 + acknowledgment & 0xFFFFFFFF,
            flags=flags,
            payload=payload,
            frames=(frame,) if payload else (),
        )
        return self.tcp.add(segment)

    def payloads(self, payload: bytes = b"", at: int = 0, flags: int = ACK | PSH) -> list[bytes]:
        return [message.payload for message in self.send(payload, at, flags)]


def opened() -> Wire:
    wire = Wire()
    assert wire.send(at=-1, flags=SYN) == []
    return wire


def test_a_message_in_one_segment_has_its_time_number_and_frame() -> None:
    wire = opened()
    (message,) = wire.send(OPTIONS)
    assert message == TcpMessage(
        time=START + 40_000_000,
        number=2,
        flow=FLOW,
        payload=OPTIONS,
        frames=(Frame(START + 40_000_000, 1, len(OPTIONS) + 54, bytes(54) + OPTIONS),),
        problems=(),
        packet=1,
    )


def test_a_message_in_two_segments_has_both_frames_and_the_time_of_the_second() -> None:
    wire = opened()
    assert wire.send(INVITE[:100]) == []
    (message,) = wire.send(INVITE[100:], at=100)
    assert message.payload == INVITE
    assert (message.number, message.time) == (3, START + 60_000_000)
    assert [frame.data[54:] for frame in message.frames] == [INVITE[:100], INVITE[100:]]


def test_a_segment_with_parts_of_three_messages_is_a_frame_of_each() -> None:
    wire = opened()
    wire.send(INVITE[:100])
    stream = INVITE + OPTIONS + OK
    middle = stream[100:-5]
    first, second = wire.send(middle, at=100)
    (third,) = wire.send(stream[-5:], at=len(stream) - 5)
    frames = [[frame.data[54:] for frame in m.frames] for m in (first, second, third)]
    assert frames == [[INVITE[:100], middle], [middle], [middle, stream[-5:]]]


def test_a_late_segment_lets_all_that_waited_for_it_through() -> None:
    wire = opened()
    assert wire.send(OK, at=len(INVITE)) == []
    assert wire.send(INVITE[200:], at=200) == []
    first, second = wire.send(INVITE[:200])
    assert (first.payload, second.payload) == (INVITE, OK)
    # To the receiver neither was there before the late segment.
    assert (first.number, second.number, first.packet, second.packet) == (4, 4, 3, 3)
    assert [frame.data[54:] for frame in first.frames] == [INVITE[200:], INVITE[:200]]
    assert [frame.data[54:] for frame in second.frames] == [OK]
    assert wire.counts == NetworkCounts()


def test_retransmissions_are_not_messages() -> None:
    wire = opened()
    assert wire.payloads(OPTIONS) == [OPTIONS]
    assert wire.payloads(OPTIONS) == []
    # A retransmission joined with what comes next.
    assert wire.payloads(OPTIONS + OK) == [OK]


def test_segments_seen_again_while_they_wait_are_not_kept() -> None:
    wire = opened()
    for _ in range(3):
        assert wire.send(OK, at=len(OPTIONS)) == []
    assert wire.payloads(OPTIONS) == [OPTIONS, OK]
    assert wire.tcp.held == 0


def test_an_overlapping_segment_is_a_frame_only_of_what_it_brought() -> None:
    wire = opened()
    wire.send(OPTIONS)
    (message,) = wire.send(OPTIONS + OK)
    assert [frame.data[54:] for frame in message.frames] == [OPTIONS + OK]
    assert wire.send(OPTIONS + OK + INVITE[:9]) == []
    (message,) = wire.send(INVITE[9:], at=len(OPTIONS + OK) + 9)
    assert len(message.frames) == 2


def test_sequence_numbers_wrap() -> None:
    wire = opened()
    for count in range(10):
        assert wire.payloads(INVITE, at=count * len(INVITE)) == [INVITE]
    assert 10 * len(INVITE) > 0x100000000 - ISN


def test_streams_are_followed_from_the_middle() -> None:
    wire = Wire()
    assert wire.payloads(b"</xml>\r\n", at=7000) == []
    assert wire.payloads(OPTIONS, at=7008) == [OPTIONS]


def test_line_ends_and_probes_that_keep_a_connection_alive_are_not_messages() -> None:
    wire = opened()
    assert wire.payloads(b"\r\n\r\n") == []
    assert wire.payloads(OPTIONS, at=4) == [OPTIONS]
    at = 4 + len(OPTIONS)
    assert wire.payloads(b"\x00", at=at - 1, flags=ACK) == []
    assert wire.payloads(b"\r\n", at=at) == []
    assert wire.payloads(OK, at=at + 2) == [OK]
    assert wire.counts.tcp_gaps == 0


def test_the_other_sides_acknowledgment_of_missing_bytes_makes_a_gap() -> None:
    wire = opened()
    wire.send(INVITE[:200])
    assert wire.send(OK, at=len(INVITE)) == []
    cut, after = wire.send(flow=FLOW.reverse, acknowledgment=len(INVITE + OK), flags=ACK)
    missing = f"{len(INVITE) - 200} bytes of the stream are missing"
    assert cut.payload == INVITE[:200]
    assert cut.problems == (Problem("tcp.gap", f"{missing} here", 200),)
    assert after.payload == OK
    assert after.problems == (Problem("tcp.gap", f"{missing} before this message", 0),)
    # Each has the time of its own segment: nothing more arrived.
    assert (cut.number, after.number) == (2, 3)
    assert wire.counts.tcp_gaps == 1


def test_bytes_acknowledged_before_the_next_segment_are_not_waited_for() -> None:
    wire = opened()
    wire.send(OPTIONS)
    wire.send(flow=FLOW.reverse, acknowledgment=2 * len(OPTIONS), flags=ACK)
    assert wire.payloads(OK, at=2 * len(OPTIONS)) == [OK]
    assert wire.counts.tcp_gaps == 1


def test_an_acknowledgment_does_not_make_a_gap_where_nothing_is_missing() -> None:
    wire = opened()
    wire.send(INVITE[:100])
    wire.send(flow=FLOW.reverse, acknowledgment=100, flags=ACK)
    assert wire.payloads(INVITE[100:], at=100) == [INVITE]
    assert wire.counts.tcp_gaps == 0


def test_an_acknowledgment_of_what_was_never_near_means_nothing() -> None:
    wire = opened()
    wire.send(OPTIONS)
    wire.send(flow=FLOW.reverse, acknowledgment=0x30000000, flags=ACK)
    assert wire.payloads(OK, at=2 * len(OPTIONS)) == []
    assert wire.payloads(OPTIONS, at=len(OPTIONS)) == [OPTIONS, OK]


def test_no_more_than_64_kib_wait_behind_a_gap() -> None:
    wire = opened()
    wire.send(OPTIONS)
    at = len(OPTIONS) + 1000
    payloads: list[bytes] = []
    sent = 0
    while not payloads:
        payloads = wire.payloads(INVITE, at=at + sent)
        sent += len(INVITE)
    assert 64 << 10 < sent <= (64 << 10) + len(INVITE)
    assert payloads == [INVITE] * (sent // len(INVITE))
    assert wire.counts.tcp_gaps == 1


def test_a_gap_is_not_waited_for_longer_than_30_seconds() -> None:
    wire = opened()
    wire.send(OPTIONS)
    assert wire.payloads(OK, at=2000) == []
    wire.time += 29 * SECOND
    assert wire.payloads(OK, at=2000 + len(OK)) == []
    wire.time += SECOND
    assert wire.payloads(OPTIONS, at=2000 + 2 * len(OK)) == [OK, OK, OPTIONS]
    assert wire.counts.tcp_gaps == 1


def test_the_end_of_a_stream_gives_out_what_there_is_of_a_message() -> None:
    wire = opened()
    wire.send(INVITE[:100])
    (message,) = wire.send(at=100, flags=ACK | FIN)
    assert message.payload == INVITE[:100]
    assert [problem.code for problem in message.problems] == ["sip.incomplete"]
    assert wire.payloads(INVITE[:100]) == []


def test_an_end_that_overtakes_its_data_waits_for_them() -> None:
    wire = opened()
    assert wire.send(at=len(INVITE), flags=ACK | FIN) == []
    (message,) = wire.send(INVITE)
    assert (message.payload, message.problems) == (INVITE, ())


def test_a_reset_gives_out_what_waits() -> None:
    wire = opened()
    wire.send(OK, at=1000)
    (message,) = wire.send(at=0, flags=RST)
    assert message.payload == OK
    assert [problem.code for problem in message.problems] == ["tcp.gap"]


def test_a_new_connection_between_the_same_ports_begins_anew() -> None:
    wire = opened()
    assert wire.payloads(OPTIONS) == [OPTIONS]
    wire.send(INVITE[:50], at=len(OPTIONS))
    (cut,) = wire.send(at=0x40000000 - 1, flags=SYN)
    assert cut.payload == INVITE[:50]
    assert wire.payloads(OPTIONS, at=0x40000000) == [OPTIONS]
    # Seen again, the SYN changes nothing.
    assert wire.payloads(at=0x40000000 - 1, flags=SYN) == []
    assert wire.payloads(OPTIONS, at=0x40000000) == []
    assert wire.counts.tcp_gaps == 0


def test_a_new_connection_has_its_own_end_and_acknowledgments() -> None:
    wire = opened()
    wire.send(OPTIONS)
    wire.send(at=300, flags=ACK | FIN)
    wire.send(flow=FLOW.reverse, acknowledgment=900, flags=ACK)
    at = 0x40000000
    wire.send(at=at - 1, flags=SYN)
    assert wire.payloads(INVITE[100:430], at=at + 100) == []
    assert wire.payloads(INVITE[:100], at=at) == []
    assert wire.payloads(INVITE[430:], at=at + 430) == [INVITE]
    assert wire.counts.tcp_gaps == 0


def test_a_new_connection_may_begin_near_the_old_one() -> None:
    wire = opened()
    wire.send(INVITE, at=0)
    assert wire.payloads(at=20 - 1, flags=SYN) == []
    assert wire.payloads(OPTIONS, at=20) == [OPTIONS]


def test_a_new_connection_whose_syn_was_not_captured_is_known_by_its_first_message() -> None:
    wire = opened()
    wire.send(OPTIONS)
    assert wire.payloads(b"noise from nowhere", at=0x40000000) == []
    assert wire.payloads(OK, at=len(OPTIONS)) == [OK]
    assert wire.payloads(OPTIONS, at=0x40000000) == [OPTIONS]
    assert wire.payloads(OK, at=0x40000000 + len(OPTIONS)) == [OK]


def test_a_segment_cut_short_by_the_capture_leaves_a_gap() -> None:
    wire = opened()
    wire.send(INVITE[:60])
    wire.send(flow=FLOW.reverse, acknowledgment=len(INVITE), flags=ACK)
    cut, after = wire.send(OK, at=len(INVITE))
    assert (cut.payload, after.payload) == (INVITE[:60], OK)


def test_what_is_not_sip_is_followed_for_4_kib_only() -> None:
    wire = opened()
    wire.send(b"<p>" * 1365)
    assert wire.tcp.held > 0
    wire.send(b"</p>", at=4095)
    assert wire.tcp.ignores(FLOW)
    assert (len(wire.tcp), wire.tcp.held) == (0, 0)


def test_a_flow_that_was_not_sip_is_looked_at_again_when_a_segment_begins_with_a_message() -> None:
    wire = opened()
    for count in range(3):
        wire.send(bytes(1400), at=count * 1400)
    assert wire.payloads(b"\x17\x03\x03" + OPTIONS, at=9000) == []
    assert wire.payloads(OPTIONS, at=10_000) == [OPTIONS]
    assert not wire.tcp.ignores(FLOW)


def test_a_flow_that_was_not_sip_is_looked_at_again_when_it_opens_anew() -> None:
    wire = opened()
    for count in range(3):
        wire.send(bytes(1400), at=count * 1400)
    wire.send(at=70_000, flags=SYN)
    assert wire.payloads(OPTIONS[:4], at=70_001) == []
    assert wire.payloads(OPTIONS[4:], at=70_005) == [OPTIONS]


def other(number: int) -> Flow:
    return Flow(Endpoint(IPv4Address(0x0A000000 + number).packed, 1024), PBX, "tcp")


def test_a_flood_of_connections_displaces_no_stream_that_carries_sip() -> None:
    wire = opened()
    wire.send(INVITE[:100])
    wire.send(INVITE[100:] + OPTIONS[:10], at=100)
    for number in range(5000):
        wire.send(flow=other(number), flags=SYN)
        assert len(wire.tcp) <= 1024
    assert wire.payloads(OPTIONS[10:], at=len(INVITE) + 10) == [OPTIONS]
    assert wire.counts.tcp_evicted == 5001 - 1024


def test_at_most_1024_streams_are_kept_the_longest_idle_gives_way() -> None:
    wire = Wire()
    given_up = []
    for number in range(1100):
        messages = wire.send(OPTIONS + INVITE[:50], flow=other(number))
        assert messages.pop(0).payload == OPTIONS
        given_up += messages
    assert len(wire.tcp) == 1024
    assert [message.flow for message in given_up] == [other(number) for number in range(76)]
    assert {message.payload for message in given_up} == {INVITE[:50]}
    assert wire.counts.tcp_evicted == 76


def test_a_full_table_does_not_keep_a_new_stream_out() -> None:
    wire = Wire()
    for number in range(1024):
        wire.send(OPTIONS, flow=other(number))
    wire.send(INVITE[:50])
    assert wire.payloads(INVITE[50:], at=50) == [INVITE]


def test_a_stream_in_use_does_not_give_way() -> None:
    wire = Wire()
    for number in range(1024):
        wire.send(OPTIONS, flow=other(number))
    wire.send(OPTIONS + INVITE[:50], at=len(OPTIONS), flow=other(0))
    wire.send(OPTIONS, flow=other(1024))
    at = 2 * len(OPTIONS) + 50
    (message,) = wire.send(INVITE[50:], at=at, flow=other(0))
    assert message.payload == INVITE


def test_a_stream_is_kept_for_120_idle_seconds() -> None:
    wire = opened()
    wire.send(OPTIONS + INVITE[:50])
    wire.time += 119 * SECOND
    assert wire.send(flow=other(1), flags=SYN) == []
    wire.time += 2 * SECOND
    (message,) = wire.send(flow=other(1), flags=ACK)
    assert (message.payload, message.flow, message.number) == (INVITE[:50], FLOW, 2)
    assert wire.counts.tcp_evicted == 0


def test_one_stream_takes_no_more_than_256_kib() -> None:
    wire = opened()
    header = b"INVITE sip:bob@example.com SIP/2.0\r\n" + b"X: y\r\n" * 1000
    given_up: list[TcpMessage] = []
    for at in range(len(header)):
        given_up += wire.send(header[at : at + 1], at=at)
        assert wire.tcp.held <= 257 << 10
    assert [problem.code for problem in given_up[0].problems] == ["tcp.segments"]
    assert wire.counts.tcp_evicted == len(given_up)


def test_segments_that_wait_take_no_more_than_256_kib() -> None:
    wire = opened()
    for number in range(2000):
        wire.send(b"x", at=1000 + 2 * number)
        assert wire.tcp.held <= 257 << 10
    assert wire.counts.tcp_gaps > 1000


def test_all_streams_together_take_no_more_than_64_mib() -> None:
    wire = Wire()
    waiting = b"x" * 60_000
    for number in range(700):
        wire.send(OPTIONS, flow=other(number))
        wire.send(waiting, at=10_000, flow=other(number))
        assert wire.tcp.held <= 64 << 20
    assert wire.counts.tcp_evicted > 100


def test_at_the_end_of_a_capture_unfinished_messages_are_given_out() -> None:
    wire = opened()
    wire.send(INVITE[:50])
    wire.send(OK, at=1000)
    cut, after = wire.tcp.finish()
    assert (cut.payload, cut.packet, after.payload) == (INVITE[:50], -1, OK)
    assert (len(wire.tcp), wire.tcp.held) == (0, 0)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_split_order_repetition_and_overlap_gives_the_same_messages(
    data: st.DataObject,
) -> None:
    sent = data.draw(st.lists(st.sampled_from([INVITE, OPTIONS, OK, b"\r\n\r\n"]), max_size=6))
    stream = b"".join(sent)
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(stream) - 1)), max_size=10)))
    segments = []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        overlap = data.draw(st.integers(0, 20))
        segments.append((max(0, begin - overlap), end + overlap))
    segments += data.draw(st.lists(st.sampled_from(segments), max_size=4))
    wire = opened()
    messages = []
    for begin, end in data.draw(st.permutations(segments)):
        messages += wire.send(stream[begin:end], at=begin)
    assert [message.payload for message in messages] == [part for part in sent if part.strip()]
    assert not any(message.problems for message in messages)
    assert wire.counts == NetworkCounts()
    for message in messages:
        carried = b"".join(frame.data[54:] for frame in message.frames)
        assert len(carried) >= len(message.payload)
        assert len(message.frames) <= len(segments)


def test_random_segments_neither_fail_nor_grow_nor_take_long() -> None:
    wire = Wire()
    chance = random.Random(1)
    stream = (INVITE + OPTIONS + OK) * 50
    begun = clock.process_time()
    for _ in range(30_000):
        at = chance.choice([chance.randrange(len(stream)), chance.randrange(1 << 32)])
        payload = stream[at % len(stream) :][: chance.randrange(1500)]
        flow = chance.choice([FLOW, FLOW.reverse, other(chance.randrange(2000))])
        wire.time += chance.choice([0, 0, 0, SECOND, -SECOND, 200 * SECOND, -200 * SECOND])
        wire.send(payload, at, chance.randrange(256), flow, chance.randrange(1 << 32))
        assert len(wire.tcp) <= 1024
        assert 0 <= wire.tcp.held <= 64 << 20
    assert clock.process_time() - begun < 10
    wire.tcp.finish()
    assert wire.tcp.held == 0
