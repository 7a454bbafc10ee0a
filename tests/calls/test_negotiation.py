"""Offers and answers out of the messages of a dialog, and what they say of a stream."""

from sipscope.calls.negotiation import Exchange, exchanges, terms
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.sdp import Format, MediaDescription
from tests.calls.playbook import CALLEE, CALLER, PROXY, TO_PROXY, Playbook
from tests.signalling import sdp

PHONE = Endpoint(bytes([192, 0, 2, 21]), 40000)
TRUNK = Endpoint(bytes([203, 0, 113, 7]), 18000)
RELAY = Endpoint(bytes([198, 51, 100, 5]), 30000)
NAT = Endpoint(bytes([198, 51, 100, 99]), 61000)
ONWARD = Flow(PROXY, CALLEE)
EVENTS = "a=rtpmap:101 telephone-event/8000"


def at(endpoint: Endpoint, formats: str = "8 101", *lines: str) -> bytes:
    return sdp(endpoint.host, endpoint.port, formats, EVENTS, *lines)


def port(media: MediaDescription | None) -> int | None:
    return None if media is None or media.endpoint is None else media.endpoint.port


def ports(exchange: Exchange) -> list[tuple[int | None, int | None]]:
    return [(port(offer), port(answer)) for offer, answer in exchange.pairs()]


class TestExchanges:
    def test_an_offer_in_the_invite_and_its_answer(self) -> None:
        book = Playbook().invite(body=at(PHONE)).trying().wait(50).ok(body=at(TRUNK)).ack()
        (found,) = exchanges(book.dialog)
        assert ports(found) == [(40000, 18000)]
        assert (found.flow, found.method, found.cseq) == (TO_PROXY, "INVITE", 1)
        assert (found.status, found.late) == (200, False)
        assert found.answered is not None
        assert found.answered - found.offered == 50_000_000

    def test_the_final_answer_stands_for_the_provisional_one(self) -> None:
        book = Playbook().invite(body=at(PHONE)).response(183, body=at(RELAY))
        book.ok(body=at(TRUNK))
        (found,) = exchanges(book.dialog)
        assert ports(found) == [(40000, 18000)]

    def test_an_offer_in_the_200_and_its_answer_in_the_ack(self) -> None:
        book = Playbook().invite().ok(body=at(TRUNK))
        book.request("ACK", to_tag="b2", body=at(PHONE))
        (found,) = exchanges(book.dialog)
        assert ports(found) == [(18000, 40000)]
        assert (found.flow, found.late) == (TO_PROXY.reverse, True)

    def test_a_refused_offer_has_its_status_and_no_answer(self) -> None:
        book = Playbook().invite(body=at(PHONE)).response(488)
        (found,) = exchanges(book.dialog)
        assert (found.answer, found.status) == (None, 488)

    def test_each_offer_has_its_own_answer(self) -> None:
        book = Playbook().invite(body=at(PHONE)).ok(body=at(TRUNK)).ack()
        book.reinvite(body=at(PHONE, "8", "a=sendonly"))
        book.ok(cseq=2, body=at(TRUNK, "8", "a=recvonly")).ack(2)
        first, second = exchanges(book.dialog)
        assert [m.direction for m in first.offer] == ["sendrecv"]
        assert [[m.direction for m in pair if m] for pair in second.pairs()] == [
            ["sendonly", "recvonly"]
        ]

    def test_the_parties_count_their_requests_each_for_themselves(self) -> None:
        book = Playbook().invite(body=at(PHONE)).ok(body=at(TRUNK)).ack()
        book.request("UPDATE", cseq=1, along=TO_PROXY.reverse, body=at(RELAY))
        book.response(200, "UPDATE", cseq=1, along=TO_PROXY.reverse, body=at(PHONE))
        assert [ports(each) for each in exchanges(book.dialog)] == [
            [(40000, 18000)],
            [(30000, 40000)],
        ]

    def test_each_hop_has_its_own(self) -> None:
        book = Playbook().invite(body=at(PHONE)).invite(along=ONWARD, body=at(RELAY))
        book.response(200, along=ONWARD, body=at(TRUNK)).ok(body=at(RELAY))
        assert [ports(each) for each in exchanges(book.dialog)] == [
            [(40000, 30000)],
            [(30000, 18000)],
        ]

    def test_an_answer_to_another_port_of_the_same_host(self) -> None:
        book = Playbook().invite(body=at(PHONE))
        elsewhere = Flow(Endpoint(CALLER.address, 5070), PROXY)
        book.response(200, along=elsewhere, body=at(TRUNK))
        (found,) = exchanges(book.dialog)
        assert ports(found) == [(40000, 18000)]

    def test_a_retransmission_is_no_offer(self) -> None:
        book = Playbook().invite(body=at(PHONE)).wait(500).again()
        assert len(exchanges(book.dialog)) == 1

    def test_a_dialog_without_sdp_has_none(self) -> None:
        assert exchanges(Playbook().invite().ok().dialog) == []


class TestTerms:
    def test_the_destination_is_the_receivers(self) -> None:
        book = Playbook().invite(body=at(PHONE, "8 101", "a=ptime:30")).ok(body=at(TRUNK, "0"))
        agreed = terms(exchanges(book.dialog), Flow(TRUNK, PHONE))
        assert agreed.receiver is not None
        assert agreed.sender is not None
        assert (agreed.receiver.endpoint, agreed.sender.endpoint) == (PHONE, TRUNK)
        assert agreed.receiver.ptime_ms == 30
        assert agreed.payload_types == frozenset({8, 101})
        assert agreed.formats == {101: Format("telephone-event", 8000)}
        assert agreed.announced == (TRUNK,)

    def test_behind_nat_the_source_is_the_senders(self) -> None:
        book = Playbook().invite(body=at(PHONE)).ok(body=at(TRUNK, "8"))
        agreed = terms(exchanges(book.dialog), Flow(TRUNK, NAT))
        assert agreed.receiver is not None
        assert agreed.sender is not None
        assert (agreed.receiver.endpoint, agreed.sender.endpoint) == (PHONE, TRUNK)

    def test_the_newest_description_goes_before_those_before(self) -> None:
        book = Playbook().invite(body=at(PHONE, "8")).ok(body=at(RELAY)).ack()
        book.reinvite(body=at(PHONE, "0 96", "a=rtpmap:96 opus/48000/2"))
        book.ok(cseq=2, body=at(TRUNK))
        agreed = terms(exchanges(book.dialog), Flow(TRUNK, PHONE))
        assert agreed.receiver is not None
        assert agreed.receiver.payload_types == (0, 96)
        assert agreed.payload_types == frozenset({0, 8, 96})
        assert agreed.announced == (TRUNK, RELAY)

    def test_a_stream_that_nobody_announced(self) -> None:
        book = Playbook().invite(body=at(PHONE)).ok(body=at(TRUNK))
        agreed = terms(exchanges(book.dialog), Flow(NAT, RELAY))
        assert (agreed.media, agreed.payload_types, agreed.announced) == (None, None, ())
