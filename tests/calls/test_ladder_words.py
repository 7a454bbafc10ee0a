"""What rows and hosts of a ladder are called."""

from sipscope.calls.dialog import Message
from sipscope.calls.ladder_words import (
    Kind,
    SdpMode,
    agents,
    kind_of,
    message_label,
    sdp_lines,
)
from sipscope.calls.store import DialogStore
from tests.signalling import (
    PBX,
    PHONE,
    TRUNK,
    Sent,
    answered_call,
    request,
    response,
    sdp,
    store_of,
)


def message(raw: bytes) -> Message:
    return store_of([Sent(0, raw, PHONE, PBX)]).dialogs[1].messages[0]


def programs(store: DialogStore, columns: dict[str, int]) -> tuple[str | None, ...]:
    sent = (
        (columns[m.flow.source.host], m)
        for dialog in store.dialogs.values()
        for m in dialog.messages
    )
    return agents(sent, len(columns))


def test_answers_that_ask_for_another_request_are_no_failures() -> None:
    statuses = (180, 200, 302, 401, 407, 487, 404, 503, 603)
    assert [kind_of(status) for status in statuses] == [
        Kind.PROVISIONAL,
        Kind.SUCCESS,
        *[Kind.NOTICE] * 4,
        *[Kind.FAILURE] * 3,
    ]


def sdp_of(body: bytes, mode: SdpMode) -> tuple[str, ...]:
    store = store_of([Sent(0, request("INVITE", body=body), PHONE, PBX)])
    return sdp_lines(store.dialogs[1].messages[0], mode)


OFFER = sdp(PHONE, 40000, "9 8 101", "a=rtpmap:101 telephone-event/8000", "a=ptime:20") + (
    b"m=video 40002 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\na=sendonly\r\nm=image 0 udptl t38\r\n"
)


def test_the_first_mode_shows_the_first_section_and_codec() -> None:
    assert sdp_of(OFFER, SdpMode.FIRST) == (f"audio {PHONE}:40000 G722",)


def test_the_full_mode_shows_every_section_with_codecs_direction_and_packet_time() -> None:
    assert sdp_of(OFFER, SdpMode.FULL) == (
        f"audio {PHONE}:40000 G722 PCMA telephone-event 20 ms",
        f"video {PHONE}:40002 H264 sendonly",
        "image refused",
    )


def test_no_sdp_is_shown_in_the_mode_that_is_off() -> None:
    assert sdp_of(OFFER, SdpMode.OFF) == ()


def test_the_modes_come_in_turn() -> None:
    assert [mode.next for mode in SdpMode] == [SdpMode.FIRST, SdpMode.FULL, SdpMode.OFF]


def test_hosts_are_called_by_their_programs() -> None:
    found = programs(store_of(answered_call()), {PHONE: 0, PBX: 1})
    assert found == ("Snom D785", "Asterisk PBX 20")


def test_a_proxy_is_not_called_by_what_it_passes_on() -> None:
    store = store_of(
        [
            Sent(0, request("INVITE", agent="Snom D785"), PHONE, PBX),
            Sent(2, request("INVITE", agent="Snom D785", vias=2), PBX, TRUNK),
            Sent(9, response("200 OK", agent="Trunk 7"), TRUNK, PBX),
            Sent(10, response("200 OK", agent="Trunk 7"), PBX, PHONE),
        ]
    )
    assert programs(store, {PHONE: 0, PBX: 1, TRUNK: 2}) == ("Snom D785", None, "Trunk 7")


def test_a_label_tells_how_often_a_message_was_sent() -> None:
    invite = message(request("INVITE", body=sdp(PHONE, 40000)))
    assert message_label(invite, 4) == "INVITE ×4 (sdp)"  # noqa: RUF001


def test_a_label_leaves_out_what_has_no_room_but_not_the_count() -> None:
    invite = message(request("INVITE", body=sdp(PHONE, 40000)))
    assert message_label(invite, 1, room=11) == "INVITE"
    assert message_label(invite, 4, room=12) == "INVITE ×4"  # noqa: RUF001
    assert message_label(message(response("180 Ringing")), 3, room=9) == "180 R… ×3"  # noqa: RUF001


def test_an_info_with_a_digit_tells_it() -> None:
    body = b"Signal=5\r\nDuration=160\r\n"
    info = request("INFO", headers="Content-Type: application/dtmf-relay\r\n", body=body)
    assert message_label(message(info)) == "INFO DTMF 5"
    assert message_label(message(request("INFO"))) == "INFO"
