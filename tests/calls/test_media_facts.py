"""What the media of whole calls did, read from their packets."""

import struct
from collections.abc import Iterable
from pathlib import Path

import pytest

from sipscope.calls.intake import Intake
from sipscope.calls.media_facts import (
    MAX_PAIRS,
    Direction,
    MediaFacts,
    info_digits,
    media_facts,
    stream_media,
)
from sipscope.calls.negotiation import exchanges
from sipscope.calls.rows import stream_figures
from sipscope.calls.store import DialogStore
from sipscope.capture.file import FileSource
from sipscope.decode.address import Endpoint, Flow, parse_address
from sipscope.decode.batch import PacketBatch
from tests.calls.playbook import CALLEE, CALLER, PROXY, Playbook
from tests.packets import batch, ethernet, ipv4, udp
from tests.report.reading import read
from tests.signalling import (
    PBX,
    PHONE,
    Sent,
    answered_call,
    request,
    response,
    rtp,
    sdp,
    store_of,
    stream,
)

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
CAPTURES = Path(__file__).parents[2] / "fixtures" / "pcaps"
FROM_PHONE = ((PHONE, 40000), (PBX, 18000))
TO_PHONE = ((PBX, 18000), (PHONE, 40000))
EVENTS = "a=rtpmap:101 telephone-event/8000"
RELAY = b"application/dtmf-relay"


def endpoint(host: str, port: int) -> Endpoint:
    address = parse_address(host)
    assert address is not None
    return Endpoint(address, port)


def facts(store: DialogStore, number: int = 1) -> MediaFacts:
    dialog = store.dialogs[number]
    figures = stream_figures(dialog, store.streams)
    return media_facts(dialog, exchanges(dialog), figures, store.events, store.fax)


def call(
    offer: bytes, answer: bytes, sent: Iterable[Sent] = (), talk: float = 10_000
) -> DialogStore:
    """A call that is answered after 100 ms and lasts `talk` ms, with packets beside."""
    signalling = [
        Sent(0, request("INVITE", body=offer), PHONE, PBX),
        Sent(100, response("200 OK", body=answer), PBX, PHONE),
        Sent(101, request("ACK"), PHONE, PBX),
        Sent(100 + talk, request("BYE", cseq=9), PHONE, PBX),
    ]
    return store_of([*signalling, *sent])


def plain(sent: Iterable[Sent] = (), talk: float = 10_000, *lines: str) -> DialogStore:
    return call(
        sdp(PHONE, 40000, "8 101", EVENTS, *lines), sdp(PBX, 18000, "8", *lines), sent, talk
    )


def reinvite(at: float, offer: bytes, answer: bytes, status: str = "200 OK") -> list[Sent]:
    return [
        Sent(at, request("INVITE", cseq=2, body=offer), PHONE, PBX),
        Sent(at + 5, response(status, cseq=2, body=answer), PBX, PHONE),
    ]


class TestOneWay:
    def test_both_ways_are_heard(self) -> None:
        found = facts(store_of(answered_call(media=100)))
        assert (found.one_way, found.held) == (False, False)
        assert found.directions == (
            Direction(endpoint(PHONE, 40000), endpoint(PBX, 18000), 12.01, (1,), 100, (0,)),
            Direction(endpoint(PBX, 18000), endpoint(PHONE, 40000), 12.01, (2,), 100, (0,)),
        )

    @pytest.mark.parametrize("way", [FROM_PHONE, TO_PHONE])
    def test_only_one_is(self, way: tuple[tuple[str, int], tuple[str, int]]) -> None:
        found = facts(plain(stream(*way, start=200, count=50)))
        assert found.one_way is True
        assert [bool(each.streams) for each in found.directions] == [
            way == FROM_PHONE,
            way == TO_PHONE,
        ]

    def test_early_media_is_not_a_voice(self) -> None:
        early = stream(*TO_PHONE, start=10, count=4)
        assert facts(plain([*early, *stream(*FROM_PHONE, start=200, count=9)])).one_way is True

    def test_no_packets_at_all_say_nothing(self) -> None:
        assert facts(plain()).one_way is None

    def test_a_call_that_nobody_answered_says_nothing(self) -> None:
        ringing = [
            Sent(0, request("INVITE", body=sdp(PHONE, 40000)), PHONE, PBX),
            Sent(9, response("183 Session Progress", body=sdp(PBX, 18000)), PBX, PHONE),
        ]
        sent = [*ringing, *stream(*TO_PHONE, start=20, count=200)]
        assert facts(store_of(sent)).one_way is None

    def test_a_short_call_says_nothing(self) -> None:
        sent = stream(*TO_PHONE, start=200, count=50)
        assert facts(plain(sent, talk=1_999)).one_way is None
        assert facts(plain(sent, talk=2_000)).one_way is True

    @pytest.mark.parametrize("direction", ["sendonly", "recvonly", "inactive"])
    def test_what_was_agreed_to_be_one_way_is_no_fault(self, direction: str) -> None:
        sent = stream(*TO_PHONE, start=200, count=50)
        found = facts(plain(sent, 10_000, f"a={direction}"))
        assert (found.one_way, found.held) == (None, False)

    @pytest.mark.parametrize(
        ("host", "line"), [(PHONE, "a=sendonly"), (PHONE, "a=inactive"), ("0.0.0.0", "a=mid:1")]
    )
    def test_hold_is_no_fault(self, host: str, line: str) -> None:
        hold = reinvite(1_000, sdp(host, 40000, "8", line), sdp(PBX, 18000, "8", "a=recvonly"))
        music = stream(*FROM_PHONE, start=1_100, count=200)
        found = facts(plain([*hold, *music]))
        assert (found.one_way, found.held) == (None, True)

    def test_a_phone_behind_nat_is_heard(self) -> None:
        offer, answer = sdp("10.0.0.5", 40000, "8"), sdp(PBX, 18000, "8")
        sent = stream((PHONE, 61000), (PBX, 18000), start=200, count=50)
        sent += stream((PBX, 18000), (PHONE, 61000), start=200, count=50, ssrc=9)
        found = facts(call(offer, answer, sent))
        assert found.one_way is False
        assert [media.announced for media in found.streams] == [endpoint("10.0.0.5", 40000), None]


def test_differing_marks() -> None:
    def marked(way: tuple[tuple[str, int], tuple[str, int]], dscp: int) -> list[bytes]:
        (source, port), (destination, to) = way
        packets = [udp(rtp(n, ssrc=dscp), port, to) for n in range(9)]
        return [ethernet(ipv4(each, source, destination, dscp=dscp)) for each in packets]

    for both, differs in (((46, 46), False), ((46, 0), True)):
        store = plain()
        Intake(store).take(batch([*marked(FROM_PHONE, both[0]), *marked(TO_PHONE, both[1])]))
        store.streams.flush()
        found = facts(store)
        assert [way.dscp for way in found.directions] == [(mark,) for mark in both]
        assert found.dscp_differs is differs
    assert facts(plain(stream(*TO_PHONE, start=200, count=50))).dscp_differs is None


class TestFax:
    IMAGE = b"v=0\r\nc=IN IP4 %b\r\nt=0 0\r\nm=image %d udptl t38\r\n"

    def test_that_was_accepted_with_its_packets(self) -> None:
        offer, answer = (self.IMAGE % (h.encode(), p) for h, p in ((PHONE, 40000), (PBX, 18000)))
        packets = [
            Sent(2_000 + 20 * n, struct.pack("!HBBBB", n, 1, 6, 0, 0), PBX, PHONE, 18000, 40000)
            for n in range(30)
        ]
        voice = stream(*TO_PHONE, start=200, count=50)
        store = plain([*voice, *reinvite(1_500, offer, answer), *packets])
        fax = facts(store).fax
        assert fax is not None
        assert (fax.accepted, fax.status, fax.packets) == (True, 200, 30)
        assert store.streams.ids() == [1]

    def test_that_was_refused(self) -> None:
        offer = self.IMAGE % (PHONE.encode(), 40000)
        fax = facts(plain(reinvite(1_500, offer, b"", "488 Not Acceptable Here"))).fax
        assert fax is not None
        assert (fax.accepted, fax.status, fax.packets) == (False, 488, 0)

    def test_that_was_never_offered(self) -> None:
        assert facts(plain()).fax is None


class TestStream:
    def test_of_speech_as_agreed(self) -> None:
        found = facts(plain(stream(*TO_PHONE, start=200, count=50), 10_000, "a=ptime:20"))
        (media,) = found.streams
        assert (media.media, media.srtp, media.dtmf) == ("audio", False, "")
        assert (media.unnegotiated, media.codecs, media.codec_changed) == ((), ("PCMA",), False)
        assert (media.negotiated_ptime_ms, media.ptime_differs) == (20, False)
        assert media.announced is None

    def test_of_no_call(self) -> None:
        store = store_of(stream(*TO_PHONE, start=0, count=50))
        media = stream_media(store.streams.figures(1), (), store.events)
        assert (media.media, media.srtp, media.dtmf) == ("audio", None, None)
        assert (media.unnegotiated, media.negotiated_ptime_ms) == (None, None)
        assert (media.ptime_differs, media.announced) == (None, None)

    def test_comfort_noise_is_counted_and_tells_silence_suppression(self) -> None:
        kinds = [8] * 9 + [13, 13] + [97] + [8] * 9
        noise = sdp(PHONE, 40000, "8 97", "a=rtpmap:97 CN/16000")
        sent = [
            Sent(200 + 20 * n, rtp(n, payload_type=kind), PBX, PHONE, 18000, 40000)
            for n, kind in enumerate(kinds)
        ]
        (media,) = facts(call(noise, sdp(PBX, 18000, "8"), sent)).streams
        assert (media.comfort_noise, media.silence_suppression) == (3, True)

    def test_a_timestamp_that_runs_on_without_packets_is_silence_suppression(self) -> None:
        spoken = stream(*TO_PHONE, start=200, count=20)
        later = [
            each._replace(
                at=each.at + 2_000,
                payload=each.payload[:4] + struct.pack("!I", 160 * n + 16_000) + each.payload[8:],
            )
            for n, each in enumerate(stream(*TO_PHONE, start=200, count=40))
        ][20:]
        (media,) = facts(plain([*spoken, *later])).streams
        assert (media.comfort_noise, media.silence_suppression) == (0, True)
        (steady,) = facts(plain(stream(*TO_PHONE, start=200, count=40))).streams
        assert (steady.comfort_noise, steady.silence_suppression) == (0, False)

    def test_marks_that_change(self) -> None:
        (host, port), (to_host, to_port) = TO_PHONE
        frames = [
            ethernet(ipv4(udp(rtp(n), port, to_port), host, to_host, dscp=dscp))
            for n, dscp in enumerate([46] * 5 + [0] * 5 + [46] * 2)
        ]
        for size in (1, 5, 12):
            store = plain()
            intake = Intake(store)
            for begin in range(0, len(frames), size):
                intake.take(batch(frames[begin : begin + size]))
                store.streams.flush()
            (media,) = facts(store).streams
            assert (media.dscp, media.dscp_changes) == (46, 2)

    def test_packets_of_another_length(self) -> None:
        found = facts(plain(stream(*TO_PHONE, start=200, count=50), 10_000, "a=ptime:30"))
        assert found.streams[0].ptime_differs is True

    def test_payload_types_that_nobody_asked_for(self) -> None:
        sent = [
            Sent(200 + 20 * n, rtp(n, payload_type=kind), PBX, PHONE, 18000, 40000)
            for n, kind in enumerate([8] * 9 + [13] + [0] * 9 + [97])
        ]
        (media,) = facts(plain(sent)).streams
        assert media.unnegotiated == (13, 0, 97)
        assert media.codecs == ("PCMA", "PCMU", "PT 97")
        assert media.codec_changed

    @pytest.mark.parametrize(
        ("profiles", "srtp"),
        [
            ((b"RTP/SAVP", b"RTP/SAVP"), True),
            ((b"RTP/SAVP", b"RTP/AVP"), False),
            ((b"RTP/AVP", b"RTP/AVP"), False),
        ],
    )
    def test_encryption_needs_both_sides(self, profiles: tuple[bytes, bytes], srtp: bool) -> None:
        bodies = [sdp(*where, "8") for where in ((PHONE, 40000), (PBX, 18000))]
        offer, answer = (
            body.replace(b"RTP/AVP", profile)
            for body, profile in zip(bodies, profiles, strict=True)
        )
        (media,) = facts(call(offer, answer, stream(*TO_PHONE, start=200, count=9))).streams
        assert media.srtp is srtp
        assert media.dtmf == (None if srtp else "")

    def test_video(self) -> None:
        lines = ("a=rtpmap:96 H264/90000",)
        offer, answer = (
            sdp(*where, "96", *lines).replace(b"m=audio", b"m=video")
            for where in ((PHONE, 40000), (PBX, 18000))
        )
        sent = [
            Sent(200 + 20 * n, rtp(n, payload_type=96), PBX, PHONE, 18000, 40000) for n in range(9)
        ]
        found = facts(call(offer, answer, sent))
        assert (found.streams[0].media, found.directions) == ("video", ())
        alone = store_of([each._replace(at=each.at) for each in sent])
        assert stream_media(alone.streams.figures(1), (), alone.events).media is None

    def test_digits_are_told_apart_by_sdp_that_came_after_them(self) -> None:
        sent = stream(*FROM_PHONE, start=200, count=20)
        sent += [
            Sent(
                600 + 20 * n,
                struct.pack("!BBHIIBBH", 0x80, 97, 20 + n, 3200, 0x3D1A3B02, 11, 10, 160 * n + 160),
                *(PHONE, PBX, 40000, 18000),
            )
            for n in range(2)
        ]
        store = store_of(sent)
        assert stream_media(store.streams.figures(1), (), store.events).dtmf is None
        offer = sdp(PHONE, 40000, "8 101", EVENTS)
        answer = sdp(PBX, 18000, "8 97", "a=rtpmap:97 telephone-event/8000")
        later = Playbook(store=store).invite(body=offer).ok(body=answer).dialog
        (media,) = facts(store, later.id).streams
        assert media.dtmf == "#"
        assert media.digits is not None
        assert media.digits[0].duration_ms == 40.0


class TestInfo:
    def book(self, *bodies: bytes, kind: bytes = RELAY) -> Playbook:
        book = Playbook().invite().ok().ack()
        for number, body in enumerate(bodies):
            header = f"Content-Type: {kind.decode()}\r\n"
            book.wait(10).request("INFO", cseq=2 + number, headers=header, body=body)
        return book

    def test_digits_in_order_with_who_sent_them(self) -> None:
        book = self.book(b"Signal=1\r\nDuration=160", b"Signal=*").response(200, "INFO", cseq=2)
        one, two = info_digits(book.dialog)
        assert (one.digit, one.duration_ms, one.source, one.message) == ("1", 160, CALLER, 3)
        assert one.time == book.dialog.started + 10_000_000
        assert (one.status, two.digit, two.duration_ms, two.status) == (200, "*", None, None)

    def test_retransmissions_and_further_hops_are_the_same_digit(self) -> None:
        book = self.book(b"Signal=1").wait(500).again()
        header = f"Content-Type: {RELAY.decode()}\r\n"
        book.request("INFO", cseq=2, along=Flow(PROXY, CALLEE), headers=header, body=b"Signal=1")
        assert [digit.digit for digit in info_digits(book.dialog)] == ["1"]

    def test_a_challenged_request_is_no_digit(self) -> None:
        book = self.book(b"Signal=1").response(401, "INFO", cseq=2)
        header = f"Content-Type: {RELAY.decode()}\r\n"
        book.request("INFO", cseq=3, headers=header, body=b"Signal=1")
        assert [digit.message for digit in info_digits(book.dialog)] == [5]

    def test_other_bodies_have_none(self) -> None:
        assert info_digits(self.book(b"<xml/>", kind=b"application/xml").dialog) == ()


def store_read(path: Path) -> DialogStore:
    return read(path).store


def digits(store: DialogStore) -> dict[int, str | None]:
    """Digits of each stream by SSRC."""
    found = {}
    for stream_id in store.streams.ids():
        figures, owner = store.streams.figures(stream_id), store.owner(stream_id)
        media = stream_media(figures, exchanges(owner) if owner else (), store.events)
        found[figures.ssrc] = media.dtmf
    return found


class TestCaptures:
    def test_dtmf(self) -> None:
        store = store_read(CAPTURES / "call-dtmf.pcap")
        assert sorted(map(str, digits(store).values())) == ["", "1234567890*#ABCD"]

    def test_hold(self) -> None:
        found = facts(store_read(CAPTURES / "call-hold.pcapng"))
        assert (found.one_way, found.held) == (False, True)

    def test_one_way(self) -> None:
        found = facts(store_read(CAPTURES / "call-one-way.pcap"))
        assert found.one_way is True
        assert [way.packets for way in found.directions] == [0, 200]

    def test_srtp(self) -> None:
        found = facts(store_read(CAPTURES / "call-srtp.pcap"))
        assert [(media.srtp, media.dtmf) for media in found.streams] == [(True, None)] * 2

    def test_fax(self) -> None:
        store = store_read(CAPTURES / "call-fax.pcap")
        found = facts(store)
        assert found.fax is not None
        assert (found.fax.accepted, found.fax.packets) == (True, 110)
        assert "".join(digit.digit for digit in found.info_digits) == "123#"
        assert len(store.streams) == 2

    def test_a_proxy_with_a_media_relay_has_directions_on_both_sides(self) -> None:
        found = facts(store_read(CAPTURES / "call-proxy.pcap"))
        assert (found.one_way, len(found.directions)) == (False, 4)
        assert all(len(way.streams) == 1 for way in found.directions)
        assert [media.announced for media in found.streams] == [None] * 4

    def test_batches_cut_anywhere_give_the_same_digits(self) -> None:
        source = FileSource(str(CAPTURES / "call-dtmf.pcap"))
        whole: list[PacketBatch] = []
        while (read_on := source.read()) is not None:
            whole.append(read_on)
        source.close()
        frames = [each.frame(index) for each in whole for index in range(len(each))]
        for size in (1, 7, 500):
            store = DialogStore()
            intake = Intake(store)
            for begin in range(0, len(frames), size):
                part = frames[begin : begin + size]
                times = [frame.time for frame in part]
                link = whole[0].link_type
                intake.take(batch([frame.data for frame in part], link, times=times))
            store.streams.flush()
            assert "1234567890*#ABCD" in digits(store).values()


PRESSED = {
    "asterisk-testsuite/broken_dtmf.pcap": {0x34541D0B: "1000"},
    "asterisk-testsuite/opus-2013785496.pcap": {0x1C2C77CA: "2013785496"},
    "asterisk-testsuite/ulaw-3125894607.pcap": {0x69FE0897: "3125894607"},
    "asterisk-testsuite/dtmf_2833_4_noend.pcap": {0x0E05384E: "4"},
    "rtpproxy/dtmf.pcap": {0x37ED87F3: "123456789*0#5", 0xEE693E61: "54321#"},
    "sipp/dtmf_2833_star.pcap": {0x0E05384E: "*"},
    **{f"sipp/dtmf_2833_{digit}.pcap": {0x0E05384E: str(digit)} for digit in range(10)},
}
"""What tshark 4.0.17 decodes as telephone events with the codes of digits, by SSRC."""


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of public captures is not there")
class TestCorpus:
    @pytest.mark.parametrize("name", PRESSED)
    def test_the_digits_are_those_of_tshark(self, name: str) -> None:
        found = digits(store_read(CORPUS / name))
        assert {ssrc: pressed for ssrc, pressed in found.items() if pressed} == PRESSED[name]

    @pytest.mark.parametrize("name", ["ndpi/line.pcap", "ndpi/rtp.pcapng", "ndpi/telegram.pcap"])
    def test_encrypted_media_without_sdp_have_no_digits(self, name: str) -> None:
        assert not any(digits(store_read(CORPUS / name)).values())

    def test_a_fax_that_was_refused_goes_on_as_speech(self) -> None:
        store = store_read(CORPUS / "heplify" / "FAX-Call-t38-CA-TDM-SIP-FB-1.pcap")
        refused = [fax for number in store.dialogs if (fax := facts(store, number).fax)]
        assert [(fax.accepted, fax.packets) for fax in refused] == [(False, 0)] * 2


def test_a_hostile_call_has_no_end_of_directions() -> None:
    def many(host: str, first: int) -> bytes:
        sections = (f"m=audio {first + n} RTP/AVP 8\r\n" for n in range(64))
        return f"v=0\r\nc=IN IP4 {host}\r\nt=0 0\r\n{''.join(sections)}".encode()

    book = Playbook().invite(body=many(PHONE, 1_000)).ok(body=many(PBX, 1_000)).ack()
    for number in range(2, 100):
        book.wait(10).reinvite(number, body=many(PHONE, 100 * number))
        book.ok(cseq=number, body=many(PBX, 100 * number))
    book.wait(5_000).bye(200)
    found = facts(book.store)
    assert len(found.directions) <= 2 * MAX_PAIRS
    assert found.one_way is None
