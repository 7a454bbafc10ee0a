from collections.abc import Callable

import pytest

from sipscope.calls.intake import Intake
from sipscope.calls.store import DialogStore
from tests.packets import TCP, batch, ethernet, ipv4, ipv6, tcp, udp
from tests.signalling import PHONE, answered_call, request, response, rtp, sdp


def test_sip_and_rtp_of_one_batch_find_each_other() -> None:
    packets = [
        ethernet(
            ipv4(
                udp(packet.payload, packet.source_port, packet.destination_port),
                packet.source,
                packet.destination,
            )
        )
        for packet in sorted(answered_call(media=10), key=lambda packet: packet.at)
    ]
    store = DialogStore()
    intake = Intake(store)
    intake.take(batch(packets))
    store.streams.flush()
    assert store.counters.messages == 7
    assert intake.rtp_packets == 20
    assert store.dialogs[1].streams == [1, 2]


def test_messages_keep_their_frame_numbers_and_frames() -> None:
    store = DialogStore()
    frame = ethernet(ipv4(udp(request("INVITE"))))
    noise = ethernet(ipv4(udp(b"\x00" * 20)))
    Intake(store).take(batch([noise, frame], number=100))
    (message,) = store.dialogs[1].messages
    assert message.number == 101
    assert message.frames[0].data == frame
    assert frame[message.header :] == message.raw == request("INVITE")


@pytest.mark.parametrize("internet", [ipv4, ipv6])
def test_both_versions_of_ip_are_read(internet: Callable[[bytes], bytes]) -> None:
    store = DialogStore()
    Intake(store).take(batch([ethernet(internet(udp(request("OPTIONS"))))]))
    assert len(store.dialogs) == 1


def test_a_message_in_ip_fragments_is_put_together() -> None:
    datagram = udp(request("INVITE", body=sdp(PHONE, 40000) + b"a=x:" + b"y" * 2000))
    parts = [
        ethernet(ipv4(datagram[:1480], more_fragments=True)),
        ethernet(ipv4(datagram[1480:], fragment_offset=1480)),
    ]
    store = DialogStore()
    Intake(store).take(batch(parts))
    (message,) = store.dialogs[1].messages
    assert message.raw == datagram[8:]
    assert [frame.data for frame in message.frames] == parts
    assert message.sdp


def test_rtp_in_ip_fragments_is_counted() -> None:
    store = DialogStore()
    frames = []
    for n in range(8):
        datagram = udp(rtp(n) + bytes(1500), 4000, 4002)
        frames += [
            ethernet(ipv4(datagram[:1480], more_fragments=True, identification=n)),
            ethernet(ipv4(datagram[1480:], fragment_offset=1480, identification=n)),
        ]
    intake = Intake(store)
    intake.take(batch(frames))
    store.streams.flush()
    assert intake.rtp_packets == 8
    assert store.streams.figures(1).packets == 8


def test_several_messages_in_one_tcp_segment_are_several() -> None:
    two = response("100 Trying") + response("180 Ringing")
    store = DialogStore()
    Intake(store).take(batch([ethernet(ipv4(tcp(two, sequence=1), protocol=TCP))]))
    assert [message.status for message in store.dialogs[1].messages] == [100, 180]
    assert store.dialogs[1].flow.transport == "tcp"


def test_messages_over_tcp_and_udp_stand_in_the_order_of_capture() -> None:
    frames = [
        ethernet(ipv4(tcp(request("INVITE", cseq=1), sequence=1), protocol=TCP)),
        ethernet(ipv4(udp(request("INVITE", cseq=2)))),
        ethernet(ipv4(tcp(request("INVITE", cseq=3), 5070, sequence=1), protocol=TCP)),
    ]
    store = DialogStore()
    Intake(store).take(batch(frames))
    assert [message.cseq for message in store.dialogs[1].messages] == [1, 2, 3]


def test_other_traffic_leaves_no_trace() -> None:
    store = DialogStore()
    dns = bytes.fromhex("123401000001000000000000076578616d706c6503636f6d0000010001")
    frames = [ethernet(ipv4(udp(dns, 40000, 53))), ethernet(ipv4(udp(b"")), 0x0806), b"", b"\x00"]
    Intake(store).take(batch(frames))
    assert (len(store.dialogs), len(store.streams), store.counters.messages) == (0, 0, 0)


def test_a_message_that_the_capture_cut_off_in_its_stream_is_shown() -> None:
    whole = request("INVITE", body=sdp(PHONE, 40000))
    store = DialogStore()
    intake = Intake(store)
    intake.take(batch([ethernet(ipv4(tcp(whole[:-20], sequence=1), protocol=TCP))]))
    assert store.counters.messages == 0
    intake.finish()
    assert store.counters.messages == store.counters.malformed == 1
    assert store.dialogs[1].messages[0].raw == whole[:-20]
