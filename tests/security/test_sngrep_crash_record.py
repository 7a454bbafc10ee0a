"""Input that has crashed sngrep: none of it does anything here but be shown."""

import struct
import time

import pytest

from sipscope.calls.dialog import Dialog
from sipscope.decode.counts import NetworkCounts
from sipscope.decode.network import NetworkDecoder
from sipscope.decode.rtcp import parse_rtcp
from sipscope.decode.rtp import rtp_block
from sipscope.decode.sdp import media_endpoints, parse_sdp
from sipscope.decode.sip import parse, read_head
from sipscope.decode.text import display
from tests.packets import batch, ethernet, ipv4, udp
from tests.signalling import PBX, PHONE, Sent, request, response, sdp, store_of


def captured(*frames: bytes) -> tuple[list[bytes], NetworkCounts]:
    """The payloads of the datagrams in these frames, and what could not be read."""
    decoder = NetworkDecoder()
    found = decoder.decode(batch(frames)).datagrams
    places = zip(found.start.tolist(), found.length.tolist(), strict=True)
    return [found.batch.buffer[start : start + size] for start, size in places], decoder.counts


def dialogs(*payloads: bytes) -> list[Dialog]:
    sent = [Sent(at, payload, PHONE, PBX) for at, payload in enumerate(payloads)]
    return [*store_of(sent).dialogs.values()]


class TestSdp:
    """Issues 327 and 328: an address or a media type longer than its buffer."""

    def test_an_over_long_address(self) -> None:
        invite = request("INVITE", body=sdp("1" * 4096, 4000))
        (dialog,) = dialogs(invite)
        assert dialog.malformed == 0
        assert media_endpoints(invite, invite.index(b"v=0")) == []

    def test_an_over_long_media_type(self) -> None:
        body = sdp(PHONE, 4000).replace(b"m=audio", b"m=" + b"a" * 4096)
        (media,) = parse_sdp(body)
        assert media.kind == "a" * 4096
        (dialog,) = dialogs(request("INVITE", body=body))
        assert dialog.messages[0].sdp

    @pytest.mark.parametrize("port", ["", "-1", "65536", "9" * 4096, "1_0", "\u0663"])
    def test_a_port_that_is_none(self, port: str) -> None:
        body = sdp(PHONE, 4000).replace(b"4000", port.encode())
        assert parse_sdp(body) == []
        assert len(dialogs(request("INVITE", body=body))) == 1


class TestCapture:
    """CVE-2023-31981 and CVE-2023-31982: lengths that the captured bytes do not bear out."""

    @pytest.mark.parametrize("length", [0, 7, 8, 9, 57_344, 65_535])
    def test_a_udp_length_that_is_wrong(self, length: int) -> None:
        invite = request("INVITE")
        payloads, _ = captured(
            ethernet(ipv4(udp(invite, length=length))), ethernet(ipv4(udp(b"x")))
        )
        assert payloads[-1] == b"x"
        assert all(invite.startswith(payload) for payload in payloads[:-1])

    @pytest.mark.parametrize("length", [0, 1, 19, 20, 27, 57_344, 65_535])
    def test_a_total_length_that_is_wrong(self, length: int) -> None:
        invite = request("INVITE")
        frame = ethernet(ipv4(udp(invite), total_length=length))
        payloads, _ = captured(frame, ethernet(ipv4(udp(b"x"))))
        assert payloads[-1] == b"x"
        assert all(invite.startswith(payload) for payload in payloads[:-1])

    def test_a_capture_that_ends_anywhere_in_the_headers(self) -> None:
        frame = ethernet(ipv4(udp(request("INVITE"))))
        cuts = [frame[:length] for length in range(14 + 20 + 8)]
        assert captured(*cuts)[0] == []

    def test_a_header_length_beyond_the_packet(self) -> None:
        packet = bytearray(ipv4(udp(b"x")))
        packet[0] = 0x4F
        assert captured(ethernet(bytes(packet))) == ([], NetworkCounts(malformed=1))


class TestHeaders:
    """CVE-2024-3119 and CVE-2024-3120, issue 512: values longer than their buffers."""

    @pytest.mark.parametrize("length", [255, 256, 1024, 4096, 8000])
    def test_a_long_call_id_is_kept_whole(self, length: int) -> None:
        (dialog,) = dialogs(request("INVITE", call_id="x" * length))
        assert dialog.call_id == b"x" * length
        assert display(dialog.call_id) == "x" * length

    @pytest.mark.parametrize("name", ["X-Call-ID", "X-CID", "Warning", "Reason", "Contact", "Via"])
    def test_another_long_header(self, name: str) -> None:
        (dialog,) = dialogs(request("INVITE", headers=f"{name}: {'x' * 8000}\r\n"))
        assert dialog.call_id == b"call-1"

    @pytest.mark.parametrize("digits", [11, 20, 5000])
    def test_a_content_length_of_many_digits(self, digits: int) -> None:
        raw = request("INVITE").replace(b"Content-Length: 0", b"Content-Length: " + b"9" * digits)
        message, head = parse(raw), read_head(raw)
        assert message is not None
        assert head is not None
        assert [problem.code for problem in message.problems] == ["sip.content-length"]
        assert head.malformed

    @pytest.mark.parametrize(
        "field",
        [
            *("From", "To", "Call-ID", "CSeq", "Via", "Contact", "Content-Type", "User-Agent"),
            *("Authorization", "Expires", "Max-Forwards"),
        ],
    )
    @pytest.mark.parametrize("value", ["%n%s%x" * 500, "A" * 8000, "\x00" * 100, "\u202e\x1b[2J"])
    def test_any_header_of_any_value(self, field: str, value: str) -> None:
        line = f"{field}: {value}\r\n"
        raw = request("INVITE").replace(b"\r\n\r\n", b"\r\n" + line.encode() + b"\r\n")
        message = parse(raw)
        assert message is not None
        assert value.encode().strip() in message.get_all(field.lower().encode())
        assert len(dialogs(raw, response("200 OK"))) == 1


class TestWarning:
    """Issues 541 and 550: a Warning that is empty or all text, as a Ribbon SBC sends it."""

    @pytest.mark.parametrize(
        "value", ["", " ", "399", "no code", '399 host "text"', '399 host "open', "-1", "9" * 400]
    )
    def test_a_warning_of_any_form_is_no_problem(self, value: str) -> None:
        message = parse(response("488 Not Acceptable Here", headers=f"Warning: {value}\r\n"))
        assert message is not None
        assert message.problems == ()
        assert message.get(b"warning") == value.strip().encode()


class TestMedia:
    """CVE-2024-35434 and issue 533: RTP and RTCP shorter than their headers say."""

    def test_datagrams_shorter_than_an_rtp_header(self) -> None:
        packets = [b"\x80\x08" + bytes(size) for size in range(14)]
        packets += [b"\xbf\xff" + b"\xff" * size for size in range(14)]
        packets += [b"\x81\xcf" + b"\xff" * size for size in range(14)]
        frames = [ethernet(ipv4(udp(packet, 4000, 4000))) for packet in packets]
        decoded = NetworkDecoder().decode(batch(frames))
        block = rtp_block(decoded.datagrams)
        assert len(block) + len(block.rtcp) + len(block.other) == len(frames)

    @pytest.mark.parametrize("kind", [200, 201, 202, 203, 204, 205, 206, 207])
    def test_rtcp_cut_off_anywhere(self, kind: int) -> None:
        whole = struct.pack("!BBH", 0x9F, kind, 15) + b"\xff" * 60
        for length in range(len(whole)):
            _, problems = parse_rtcp(whole[:length])
            assert length == 0 or problems

    def test_an_extended_report_whose_block_is_longer_than_the_packet(self) -> None:
        block = struct.pack("!BBH", 7, 0, 44)
        packet = struct.pack("!BBHI", 0x80, 207, 2, 0x11223344) + block
        _, problems = parse_rtcp(packet)
        assert len(problems) == 1
        assert problems[0].offset == 8


class TestLines:
    """What Python calls a line, a digit or the same letter is not what SIP does."""

    @pytest.mark.parametrize(
        "separator", [b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\x85", b"\xe2\x80\xa8", b"\r"]
    )
    def test_only_a_line_feed_ends_a_header(self, separator: bytes) -> None:
        smuggled = b"Subject: a" + separator + b"Call-ID: smuggled\r\nTo: <"
        head = read_head(request("INVITE").replace(b"To: <", smuggled))
        assert head is not None
        assert (head.call_id, head.malformed) == (b"call-1", False)

    @pytest.mark.parametrize("name", ["\u017f", "\u212a", "\uff54", "Call-\u0130D", "Call-\u0131d"])
    def test_only_ascii_letters_are_alike(self, name: str) -> None:
        raw = request("INVITE", headers=f"{name}: other\r\n")
        message, head = parse(raw), read_head(raw)
        assert message is not None
        assert head is not None
        assert (head.call_id, head.malformed) == (b"call-1", False)
        assert message.get(b"subject") is message.get(b"supported") is None


def test_a_message_of_64_kib_costs_no_more_than_its_length() -> None:
    raw = request("INVITE", headers="X: y\r\n" * 10_000)
    began = time.process_time()
    for _ in range(100):
        read_head(raw)
    assert time.process_time() - began < 2
