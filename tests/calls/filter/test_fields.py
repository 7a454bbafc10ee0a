import pytest

from sipscope.calls.filter.fields import FIELDS, Kind, find_field, header_field
from sipscope.calls.filter.subject import Subject
from sipscope.decode.address import Endpoint
from sipscope.rtpqos.streams import StreamTable
from tests.calls.filter.asking import answered, passes, subject
from tests.calls.playbook import Playbook

KINDS: dict[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.NUMBER: (int, float),
    Kind.DURATION: (int, float),
    Kind.TIME: (int,),
    Kind.ADDRESS: (Endpoint,),
    Kind.FLAG: (bool,),
}


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_values_are_of_the_kind_that_the_field_has(field: object) -> None:
    found = find_field(getattr(field, "name", ""))
    assert found is not None
    values = [value for value in found.values(answered()) if value is not None]
    assert all(isinstance(value, KINDS[found.kind]) for value in values)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_a_stream_without_a_dialog_can_be_asked_everything(field: object) -> None:
    found = find_field(getattr(field, "name", ""))
    assert found is not None
    alone = Subject(None, StreamTable(), 0, answered().figures)
    list(found.values(alone))
    assert passes("loss > 3", alone)


@pytest.mark.parametrize(
    "text",
    [
        "to.user = 2002",
        "uri.user = 2002",
        "not to.tag",
        "method = INVITE",
        "request = BYE",
        "response = 180",
        "call-id = call-1",
        "messages = 7",
        "transport = udp",
        "streams = 2",
        "codec = pcma",
        "sdp.codec = pcmu",
        "sdp.media = audio",
        "sdp.direction = sendrecv",
        "payload-type = 8",
        "lost = 2",
        "packets = 48",
        "ssrc = 3d1a3b02",
        "header.cseq ~ BYE",
        "header.f ~ 1001",
        'message ~ "CSeq: 1 INVITE"',
        "ip = 198.51.100.5",
        "port = 5060",
        "reason = ok",
        "age > 59s",
        "not encapsulation",
        "not retransmissions > 0",
    ],
)
def test_facts_of_a_call(text: str) -> None:
    assert passes(text, answered())


def test_a_comparison_holds_when_it_holds_for_one_value() -> None:
    book = Playbook().invite().trying().ringing().ok()
    asked = subject(book.store)
    assert passes("response = 100 and response = 180 and response = 200", asked)
    assert not passes("response != 180", asked)


def test_an_unknown_value_compares_with_nothing() -> None:
    asked = subject(Playbook().invite().store)
    assert not passes("mos < 5 or mos >= 0", asked)
    assert passes("not mos", asked)
    assert passes("mos != 3", asked)


def test_headers_are_fields() -> None:
    book = Playbook().request("INVITE", headers="X-Account: gold\r\n")
    assert passes("header.x-account = gold", subject(book.store))
    assert not passes("header.x-other", subject(book.store))
    assert header_field("i").name == "header.i"


@pytest.mark.parametrize("name", ["", "header.", "frm", "mos.max"])
def test_what_is_no_field(name: str) -> None:
    assert find_field(name) is None
