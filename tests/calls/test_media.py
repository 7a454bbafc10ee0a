from sipscope.calls.dialog import Dialog, KeptFrames, Message
from sipscope.calls.media import (
    MAX_EARLIER,
    MAX_ENDPOINTS,
    MediaTable,
    descriptions,
    formats,
)
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.batch import Frame
from sipscope.decode.sdp import Format
from tests.calls.playbook import TO_PROXY
from tests.signalling import request, sdp

PHONE = Endpoint(bytes([192, 0, 2, 21]), 40000)
PBX = Endpoint(bytes([198, 51, 100, 5]), 18000)
ELSEWHERE = Endpoint(bytes([203, 0, 113, 9]), 1234)


def dialog(number: int, *bodies: bytes, started: int = 0) -> Dialog:
    made = Dialog(number, b"call-%d" % number, "INVITE", TO_PROXY, number)
    for body in bodies or (b"",):
        raw = request("INVITE", body=body)
        origin = KeptFrames((Frame(started, 1, len(raw), raw),), None)
        fields = (started, 1, TO_PROXY, "INVITE", 0, 1, False, bool(body), origin)
        made.messages.append(Message(*fields, 0, 0, len(raw)))
    return made


def test_the_destination_decides_before_the_source() -> None:
    table, one, two = MediaTable(), dialog(1), dialog(2)
    table.expect(one, PHONE)
    table.expect(two, PBX)
    assert table.owner(Flow(PHONE, PBX), 0) is two
    assert table.owner(Flow(PHONE, ELSEWHERE), 0) is one
    assert table.owner(Flow(ELSEWHERE, ELSEWHERE), 0) is None


def test_only_what_is_new_is_news() -> None:
    table, one = MediaTable(), dialog(1)
    assert table.expect(one, PHONE)
    assert not table.expect(one, PHONE)
    assert one.endpoints == (PHONE,)


def test_a_port_belongs_to_the_call_that_had_it_when_the_stream_began() -> None:
    table = MediaTable()
    calls = [dialog(n, started=1000 * n) for n in (1, 2, 3)]
    for call in calls:
        table.expect(call, PHONE)
    owners = [table.owner(Flow(PBX, PHONE), time) for time in (1000, 1999, 2000, 3500)]
    assert owners == [calls[0], calls[0], calls[1], calls[2]]


def test_of_calls_that_share_a_port_the_source_tells_whose_a_stream_is() -> None:
    table = MediaTable()
    calls = [dialog(n, started=1000 * n) for n in (1, 2, 3)]
    sources = [Endpoint(PHONE.address, 40000 + 2 * n) for n in range(3)]
    for call, source in zip(calls, sources, strict=True):
        table.expect(call, source)
        table.expect(call, PBX)
    owners = [table.owner(Flow(source, PBX), 9000) for source in (*sources, ELSEWHERE)]
    assert owners == [*calls, calls[2]]
    assert table.owner(Flow(sources[2], PBX), 1500) is calls[0]


def test_a_stream_before_every_call_at_its_port_belongs_to_the_latest() -> None:
    table = MediaTable()
    calls = [dialog(n, started=1000 * n) for n in (1, 2)]
    for call in calls:
        table.expect(call, PHONE)
    assert table.owner(Flow(PBX, PHONE), 0) is calls[1]


def test_forgetting_the_latest_gives_the_port_back() -> None:
    table, one, two = MediaTable(), dialog(1), dialog(2)
    table.expect(one, PHONE)
    table.expect(two, PHONE)
    table.forget(two)
    assert table.owner(Flow(PBX, PHONE), 0) is one
    table.forget(one)
    assert len(table) == 0


def test_forgetting_in_any_order_leaves_nothing() -> None:
    table = MediaTable()
    calls = [dialog(n) for n in range(MAX_EARLIER + 5)]
    for call in [*calls, *calls]:
        table.expect(call, PHONE)
    for call in calls[3:] + calls[:3]:
        table.forget(call)
    assert len(table) == 0
    assert table.owner(Flow(PBX, PHONE), 0) is None


def test_a_dialog_that_moves_on_for_ever_keeps_its_latest_ports() -> None:
    table, one = MediaTable(), dialog(1)
    ports = [Endpoint(PHONE.address, port) for port in range(1, MAX_ENDPOINTS + 11)]
    for endpoint in ports:
        table.expect(one, endpoint)
    assert len(table) == MAX_ENDPOINTS
    assert table.owner(Flow(PBX, ports[-1]), 0) is one
    assert table.owner(Flow(PBX, ports[0]), 0) is None


def test_the_receivers_formats_go_before_the_senders() -> None:
    offer = sdp(PHONE.host, PHONE.port, "96", "a=rtpmap:96 opus/48000/2", "a=ptime:60")
    answer = sdp(PBX.host, PBX.port, "96", "a=rtpmap:96 iLBC/8000")
    described = descriptions(dialog(1, offer, answer))
    assert formats(described, Flow(PBX, PHONE)) == ({96: Format("opus", 48000)}, 60)
    assert formats(described, Flow(PHONE, PBX)) == ({96: Format("iLBC", 8000)}, 60)


def test_behind_nat_the_last_description_serves() -> None:
    offer = sdp("10.0.0.1", 4000, "97", "a=rtpmap:97 speex/8000")
    answer = sdp("10.0.0.2", 4000, "97", "a=rtpmap:97 speex/16000")
    described = descriptions(dialog(1, offer, answer))
    assert formats(described, Flow(PBX, PHONE)) == ({97: Format("speex", 16000)}, None)
