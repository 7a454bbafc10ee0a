import gzip
import random
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipscope.decode.address import Endpoint, Flow, parse_address
from sipscope.decode.hep import (
    MAX_CHUNKS,
    HepFramer,
    HepMessage,
    looks_like_hep,
    parse_hep,
)
from sipscope.errors import Problem
from sipscope.forward.hep_message import SIP, HepEncoder
from tests.hep_messages import OPTIONS, chunk, framed, hep3, hep_old
from tests.packets import SECOND, START

GOLDEN = Path(__file__).parents[3] / "shared" / "facts" / "hep-peers" / "golden"
LEAST = chunk(3, b"\x0a\0\0\1") + chunk(4, b"\x0a\0\0\2") + chunk(11, b"\1")
NOW = 1_795_290_500 * SECOND  # when the golden messages were captured, about


def endpoint(host: str, port: int) -> Endpoint:
    address = parse_address(host)
    assert address is not None
    return Endpoint(address, port)


def read(data: bytes, now: int = START) -> HepMessage:
    message = parse_hep(data, now)
    assert isinstance(message, HepMessage), message
    return message


def refusal(data: bytes) -> tuple[str, int]:
    problem = parse_hep(data, START)
    assert isinstance(problem, Problem), problem
    return problem.code, problem.offset


def test_every_generic_chunk_is_read() -> None:
    extra = chunk(0x12, b"\0\x64") + chunk(0x20, b"\x01\x93") + chunk(0x21, b"\x24\x54")
    data = hep3(
        OPTIONS,
        call_id=b"corr-1",
        auth=b"myHep",
        node=b"pbx-1",
        extra=extra + chunk(0x23, b"\0\0\0\x15"),
    )
    assert read(data) == HepMessage(
        version=3,
        source=endpoint("192.0.2.1", 5060),
        destination=endpoint("198.51.100.2", 5080),
        transport="udp",
        time=START,
        type=1,
        capture_id=2001,
        node=b"pbx-1",
        auth_key=b"myHep",
        correlation_id=b"corr-1",
        payload=OPTIONS,
        position=len(data) - len(OPTIONS),
        mos=4.03,
        r_factor=93.0,
        jitter=21,
        vlan=100,
    )


def test_what_a_sender_leaves_out_is_unknown() -> None:
    message = read(framed(LEAST + chunk(15, OPTIONS)))
    assert (message.transport, message.source.port, message.time, message.capture_id) == (
        "udp",
        0,
        0,
        0,
    )
    assert (message.node, message.auth_key, message.correlation_id) == (b"", b"", b"")
    assert message[12:] == (None, None, None, None)


def test_ipv6_addresses_are_read() -> None:
    message = read(hep3(source=("2001:db8::1", 5060), destination=("2001:db8::2", 5061)))
    assert (str(message.source), str(message.destination)) == (
        "[2001:db8::1]:5060",
        "[2001:db8::2]:5061",
    )


def test_eep_is_hep() -> None:
    assert read(hep3(magic=b"EEP3")).payload == OPTIONS


@pytest.mark.parametrize(
    ("protocol", "transport"), [(17, "udp"), (6, "tcp"), (132, "sctp"), (22, "tls"), (99, "udp")]
)
def test_the_ip_protocol_is_the_transport_and_22_is_tls(protocol: int, transport: str) -> None:
    assert read(hep3(protocol=protocol)).transport == transport
    assert read(hep_old(1, protocol=protocol)).transport == transport


def test_chunks_of_fixed_size_may_come_in_any_order_and_late() -> None:
    chunks = [
        chunk(0x11, b"corr-1"),
        chunk(15, OPTIONS),
        chunk(12, b"\0\0\7\xd1"),
        chunk(8, b"\x13\xd8"),
        chunk(11, b"\1"),
        chunk(4, b"\xc6\x33\x64\2"),
        chunk(3, b"\xc0\0\2\1"),
        chunk(7, b"\x13\xc4"),
    ]
    message = read(framed(b"".join(chunks)))
    assert str(message.source) == "192.0.2.1:5060"
    assert str(message.destination) == "198.51.100.2:5080"
    assert (message.capture_id, message.correlation_id, message.payload) == (
        2001,
        b"corr-1",
        OPTIONS,
    )


def test_vendor_chunks_do_not_take_the_place_of_generic_ones() -> None:
    vendors = [chunk(1, b"hello", vendor=9), chunk(15, b"x", vendor=8), chunk(0x11, b"x", vendor=3)]
    message = read(hep3(call_id=b"corr-1", extra=b"".join(vendors)))
    assert (message.payload, message.correlation_id) == (OPTIONS, b"corr-1")


def test_unknown_chunks_are_skipped_by_their_length() -> None:
    assert read(hep3(extra=chunk(0x1234, bytes(300)) + chunk(0x29, b""))).payload == OPTIONS


def test_bytes_behind_the_message_are_passed_over() -> None:
    assert read(hep3() + b"XX").payload == OPTIONS


@pytest.mark.parametrize(
    "pack",
    [
        zlib.compress,
        gzip.compress,
        lambda data: zlib.compress(data)[2:-4],
    ],
    ids=["zlib", "gzip", "deflate"],
)
def test_a_compressed_payload_is_unpacked(pack: Callable[[bytes], bytes]) -> None:
    message = read(framed(LEAST + chunk(16, pack(OPTIONS))))
    assert (message.payload, message.position) == (OPTIONS, -1)


def test_a_message_compressed_as_a_whole_is_unpacked() -> None:
    data = gzip.compress(hep3(call_id=b"corr-1"))
    assert looks_like_hep(data)
    message = read(data)
    assert (message.payload, message.correlation_id, message.position) == (OPTIONS, b"corr-1", -1)


def test_a_compressed_payload_may_not_grow_without_bound() -> None:
    bomb = framed(LEAST + chunk(16, zlib.compress(bytes(60_000_000), 9)[:60_000]))
    assert refusal(bomb)[0] == "hep.too-large"
    assert refusal(gzip.compress(bytes(65_536)))[0] == "hep.too-large"


def test_a_gzip_within_a_gzip_is_not_followed() -> None:
    assert refusal(gzip.compress(gzip.compress(hep3()))) == ("hep.magic", 0)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", ("hep.magic", 0)),
        (b"GET / HTTP/1.1\r\n\r\n", ("hep.magic", 0)),
        (b"HEP3", ("hep.truncated", 4)),
        (b"HEP3\0\x05", ("hep.chunk-length", 6)),
        (b"HEP3\0\x06", ("hep.address", 6)),
        (hep3()[:-1], ("hep.truncated", len(hep3()) - 1)),
        (framed(LEAST + b"\0\0\0\x0f\0\0"), ("hep.chunk-length", 33)),
        (framed(LEAST + b"\0\0\0\x0f\0\x01"), ("hep.chunk-length", 33)),
        (framed(LEAST + b"\0\0\0\x0f\0\x05"), ("hep.chunk-length", 33)),
        (framed(LEAST + b"\0\0\0\x0f\xff\xff"), ("hep.chunk-length", 33)),
        (framed(LEAST + b"\0\0\0"), ("hep.chunk-length", 33)),
        (framed(LEAST + chunk(7, b"\x13")), ("hep.chunk-size", 33)),
        (framed(chunk(3, b"\x0a\0\0")), ("hep.chunk-size", 6)),
        (framed(chunk(1, b"")), ("hep.chunk-size", 6)),
        (framed(LEAST + chunk(9, bytes(8))), ("hep.chunk-size", 33)),
        (framed(LEAST), ("hep.payload", 33)),
        (framed(LEAST[10:] + chunk(15, OPTIONS)), ("hep.address", 29 + len(OPTIONS))),
        (framed(LEAST[:20] + chunk(15, OPTIONS)), ("hep.type", 32 + len(OPTIONS))),
        (framed(LEAST + chunk(16, b"no zlib")), ("hep.compression", 46)),
        (framed(LEAST + chunk(16, zlib.compress(OPTIONS)[:-9])), ("hep.compression",)),
        (framed(LEAST + chunk(0x99, b"") * (MAX_CHUNKS + 1)), ("hep.chunks",)),
        (b"\x02\x10\x02\x11" + bytes(12), ("hep.truncated", 16)),
        (b"\x02\x10\x05\x11" + bytes(40), ("hep.magic", 0)),
        (b"\x01\x10\x02\x11" + bytes(40), ("hep.payload", 16)),
    ],
)
def test_what_is_no_hep_is_refused_with_reason_and_offset(
    data: bytes, reason: tuple[str, int]
) -> None:
    assert refusal(data)[: len(reason)] == reason


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("header_length", [0, 1, 16, 28, 255])
def test_the_length_byte_of_old_versions_means_nothing(version: int, header_length: int) -> None:
    message = read(hep_old(version, header_length=header_length))
    assert (message.version, message.payload) == (version, OPTIONS)
    assert str(message.source) == "192.0.2.1:5060"
    assert str(message.destination) == "198.51.100.2:5080"


@pytest.mark.parametrize("family", [10, 23, 24, 28, 30])
def test_every_number_of_the_ipv6_family_is_known(family: int) -> None:
    data = hep_old(2, source="2001:db8::1", destination="2001:db8::2", family=family)
    assert str(read(data).source) == "[2001:db8::1]:5060"


def test_version_1_has_no_time() -> None:
    assert (read(hep_old(1)).time, read(hep_old(1)).capture_id) == (0, 0)


def test_version_2_has_its_time_and_capture_id_in_little_endian() -> None:
    assert (read(hep_old(2)).time, read(hep_old(2)).capture_id) == (START, 2001)


def test_a_big_endian_time_is_taken_where_only_it_is_near_now() -> None:
    message = read(hep_old(2, byte_order=">"), START + 5 * SECOND)
    assert (message.time, message.capture_id) == (START, 2001)


def test_without_a_time_of_arrival_the_time_is_little_endian() -> None:
    assert read(hep_old(2), 0).time == START


@pytest.mark.parametrize("padding", [b"\0\0", b"\x3c\x8f", b"AB", b""])
def test_the_padding_of_version_2_may_be_anything_or_not_there(padding: bytes) -> None:
    assert read(hep_old(2, padding=padding)).payload == OPTIONS


def test_old_versions_carry_nothing_but_sip() -> None:
    assert refusal(hep_old(2, b"\x80\x08" + bytes(160)))[0] == "hep.payload"
    assert not looks_like_hep(hep_old(1, bytes(100)))
    assert looks_like_hep(hep_old(1))


def golden(name: str) -> list[bytes]:
    path = GOLDEN / f"{name}.hex"
    if not path.exists():
        pytest.skip("the messages that were captured from agents are not here")
    return [bytes.fromhex(line.split()[1]) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("version", [1, 2, 3])
def test_what_kamailio_sends_is_read(version: int) -> None:
    request, log, response = (read(data, NOW) for data in golden(f"siptrace-v{version}"))
    assert (request.version, log.version, response.version) == (version, 3, version)
    assert (str(request.source), str(request.destination)) == ("127.0.0.1:25070", "127.0.0.1:25060")
    assert request.payload.startswith(b"OPTIONS sip:x@127.0.0.1:25060 SIP/2.0\r\n")
    assert response.payload.startswith(b"SIP/2.0 200 OK\r\n")
    assert request.payload.endswith(b"\r\n\r\n")
    assert request.capture_id == (0 if version == 1 else 2033)
    assert (log.type, log.correlation_id, log.auth_key) == (100, b"kam-opt-1", b"myHep")
    assert log.payload == b"[cfg] OPTIONS from 127.0.0.1"
    if version > 1:
        assert abs(request.time - NOW) < 60 * SECOND


@pytest.mark.parametrize(("version", "capture_id", "key"), [(2, 77, b""), (3, 77 << 16, b"secret")])
def test_what_sngrep_sends_is_read_with_the_capture_id_that_it_means_otherwise(
    version: int, capture_id: int, key: bytes
) -> None:
    messages = [read(data, NOW) for data in golden(f"sngrep-v{version}")]
    starts = [message.payload.split(b"\r\n")[0] for message in messages]
    assert starts == [
        b"INVITE sip:bob@example.com SIP/2.0",
        b"SIP/2.0 100 Trying",
        b"SIP/2.0 180 Ringing",
        b"SIP/2.0 200 OK",
        b"ACK sip:bob@example.com SIP/2.0",
        b"BYE sip:bob@example.com SIP/2.0",
        b"SIP/2.0 200 OK",
    ]
    assert {message.capture_id for message in messages} == {capture_id}
    assert {message.auth_key for message in messages} == {key}
    assert messages[-1].time - messages[0].time == 3_250_000_000


def test_what_rtpengine_sends_is_the_same_over_udp_and_tcp() -> None:
    messages = [read(data) for data in golden("rtpengine-udp")]
    assert [(m.type, m.correlation_id, m.capture_id) for m in messages] == [
        (5, b"rtpe-call-1", 2001)
    ] * 2
    assert [message.payload[:1] for message in messages] == [b"{", b"{"]
    streamed = [read(data) for data in golden("rtpengine-tcp")]
    assert [m.correlation_id for m in streamed] == [b"rtpe-call-1"] * 2


def test_what_hep_js_sends_is_read() -> None:
    messages = [read(data) for data in golden("hepjs")]
    assert [m.type for m in messages] == [1, 1, 5, 34, 35]
    assert {(m.node, m.auth_key) for m in messages} == {(b"2010", b"myHep")}
    assert (messages[1].correlation_id, messages[4].mos) == (b"hepjs-1", 4.4)


def test_every_probe_is_read() -> None:
    path = GOLDEN / "hepsend.hex"
    if not path.exists():
        pytest.skip("the probes are not here")
    probes = {
        name: read(bytes.fromhex(digits), NOW)
        for name, digits in (line.split() for line in path.read_text().splitlines())
    }
    sip = [name for name, message in probes.items() if message.type == 1]
    assert sip == [
        *("v3", "v3min", "v3ip6", "v3zip", "v3vendor", "v3corrlast", "v3trail"),
        *("v1", "v2", "v2hl28", "v2nopad"),
    ]
    assert all(probes[name].payload.startswith(b"OPTIONS sip:bob") for name in sip)
    assert all(b"\r\nCall-ID: " + name.encode() in probes[name].payload for name in sip)
    assert probes["v3corrlast"].correlation_id == b"CORRLAST"
    assert [probes[name].type for name in ("rtcp", "p34", "p32", "p99", "log")] == [
        *(5, 34, 32, 99, 100)
    ]


def test_what_the_encoder_writes_is_read_again() -> None:
    encoder = HepEncoder(77, b"key", b"node")
    flow = Flow(endpoint("192.0.2.1", 5060), endpoint("192.0.2.2", 5061), "tls")
    data = encoder.encode(SIP, START, flow, OPTIONS, b"corr", 4.03)
    assert isinstance(data, bytes)
    message = read(data)
    assert (message.source, message.destination, message.transport) == flow[:3]
    assert (message.time, message.type, message.payload) == (START, 1, OPTIONS)
    assert (message.capture_id, message.auth_key, message.node) == (77, b"key", b"node")
    assert (message.correlation_id, message.mos) == (b"corr", 4.03)


MESSAGES = [
    hep3(),
    hep3(source=("2001:db8::1", 1), destination=("2001:db8::2", 2), call_id=b"c", auth=b"k" * 200),
    hep3(compressed=True, node=b"n", extra=chunk(0x20, b"\1\x93")),
    gzip.compress(hep3(call_id=b"corr-1")),
    hep_old(1),
    hep_old(2, source="2001:db8::1", destination="2001:db8::2"),
]


def mutations(data: bytes, count: int, chance: random.Random) -> list[bytes]:
    """Bits turned, cut off, lengths off by some, doubled, spliced."""
    mutated = []
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(chance.randrange(1, 5)):
            way, at = chance.randrange(6), chance.randrange(len(changed))
            if way == 0:
                changed[at] ^= 1 << chance.randrange(8)
            elif way == 1:
                del changed[at + 1 :]
            elif way == 2:
                changed[at] = chance.choice((0, 1, 5, 6, 7, 127, 128, 255))
            elif way == 3:
                changed[at:at] = changed[at : at + chance.randrange(64)]
            elif way == 4:
                changed[at : at + 2] = chance.choice((b"\0\0", b"\0\1", b"\0\5", b"\xff\xff"))
            else:
                changed[at : at + 8] = chance.randbytes(8)
        mutated.append(bytes(changed))
    return mutated


@pytest.mark.parametrize("number", range(len(MESSAGES)))
def test_no_mutation_of_a_message_raises_or_takes_long(number: int) -> None:
    chance = random.Random(number)
    begun = time.process_time()
    kinds = set()
    for data in mutations(MESSAGES[number], 50_000, chance):
        looks_like_hep(data)
        kinds.add(type(parse_hep(data, START)))
    assert kinds == {HepMessage, Problem}
    assert time.process_time() - begun < 30


def test_the_worst_message_takes_milliseconds() -> None:
    worst = [
        framed(chunk(7, b"\0\0") * 8_000),
        framed(chunk(0x99, b"") * 10_000),
        framed(b"\0" * 65_000),
        gzip.compress(bytes(65_535)),
    ]
    for data in worst:
        begun = time.process_time()
        assert isinstance(parse_hep(data, START), Problem)
        assert time.process_time() - begun < 0.05


@given(st.data())
def test_a_stream_cut_anywhere_gives_the_same_messages(data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.integers(0, 40), max_size=8))
    messages = [hep3(b"x" * number * number, 100, call_id=b"c") for number in numbers]
    stream = b"".join(messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    framer = HepFramer()
    found = []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += framer.feed(stream[begin:end])
    assert [message.payload for message in found] == messages
    assert [stream[m.start : m.start + len(m.payload)] for m in found] == messages
    assert (framer.held, framer.position, framer.lost) == (0, len(stream), False)


@pytest.mark.parametrize(
    "junk", [b"GET / HTTP/1.1\r\n\r\n", b"HEP3\0\x05rest", bytes(6), b"HEP2\1\0"]
)
def test_a_stream_that_is_no_hep_is_lost_and_costs_nothing_more(junk: bytes) -> None:
    framer = HepFramer()
    assert [message.payload for message in framer.feed(hep3() + junk)] == [hep3()]
    assert (framer.lost, framer.held, framer.junk) == (True, 0, len(junk))
    assert framer.feed(hep3()) == []
    assert framer.held == 0


def test_a_stream_that_ends_within_a_message_gives_nothing_of_it() -> None:
    framer = HepFramer()
    framer.feed(hep3()[:50])
    assert framer.held == 50
    assert (framer.finish(), framer.held) == ([], 0)
