import pytest

from sipscope.decode import tzsp_senders
from sipscope.decode.network import NetworkDecoder
from sipscope.decode.tzsp_senders import TzspSender, TzspSenderTable, joined
from tests.packets import SECOND, START, batch, ethernet, ipv4, ipv6, udp
from tests.tunnelling import tzsp

ROUTER, OTHER = "198.51.100.1", "198.51.100.2"


def frame(number: int, router: str = ROUTER) -> bytes:
    inner = ethernet(ipv4(udp(b"%d" % number), identification=number + 1))
    return ethernet(ipv4(udp(tzsp(inner), 9999, 37008), router))


def senders(*batches: tuple[list[bytes], list[int]]) -> dict[str, TzspSender]:
    decoder = NetworkDecoder()
    for frames, times in batches:
        decoder.decode(batch(frames, times=times))
    return {sender.host: sender for sender in decoder.senders.senders()}


def test_each_router_has_its_own_figures() -> None:
    six = ethernet(ipv6(udp(tzsp(ethernet(ipv4(udp(b"six"), identification=77))), 9, 37008)))
    plain = ethernet(ipv4(udp(b"no TZSP", 9, 37008)))
    frames = [frame(0), frame(1, OTHER), frame(2), six, plain, frame(2)]
    found = senders((frames, [START + at for at in range(6)]))
    assert found == {
        ROUTER: TzspSender(bytes([198, 51, 100, 1]), 3, 0, START, START + 5, 1, 0),
        OTHER: TzspSender(bytes([198, 51, 100, 2]), 1, 0, START + 1, START + 1, 0, 0),
        "2001:db8::1": TzspSender(found["2001:db8::1"].address, 1, 0, START + 3, START + 3, 0, 0),
    }


@pytest.mark.parametrize("cut", [1, 10, 24, 25, 60])
def test_the_rate_is_that_of_the_last_whole_second_wherever_batches_end(cut: int) -> None:
    frames = [frame(number) for number in range(61)]
    # 20 in the first second, 5 in the second one, 36 in the third.
    times = [START + number * SECOND // 20 for number in range(20)]
    times += [START + SECOND + number * SECOND // 5 for number in range(5)]
    times += [START + 2 * SECOND + number for number in range(36)]
    (sender,) = senders((frames[:cut], times[:cut]), (frames[cut:], times[cut:])).values()
    assert (sender.rate, sender.packets, sender.last) == (5, 61, times[-1])


def test_copies_and_packets_cut_short_count_for_their_router() -> None:
    inner = ethernet(ipv4(udp(bytes(300)), identification=9))[:100]
    cut = ethernet(ipv4(udp(tzsp(inner), 9, 37008), OTHER))
    found = senders(([frame(1), frame(1), frame(1, OTHER), cut], [START] * 4))
    assert (found[ROUTER].duplicates, found[ROUTER].truncated) == (1, 0)
    # Which of two routers saw a packet first is not asked: it is there once.
    assert (found[OTHER].duplicates, found[OTHER].truncated) == (1, 1)


def test_fragments_of_the_stream_count_when_they_are_whole() -> None:
    data = udp(tzsp(ethernet(ipv4(udp(bytes(2000))))), 9, 37008)
    pieces = [
        ethernet(ipv4(data[:1480], ROUTER, more_fragments=True)),
        ethernet(ipv4(data[1480:], ROUTER, fragment_offset=1480)),
    ]
    (sender,) = senders((pieces, [START, START + 9])).values()
    assert (sender.packets, sender.last) == (1, START + 9)


def test_the_router_that_was_quiet_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tzsp_senders, "MAX_SENDERS", 2)
    decoder = NetworkDecoder()
    for number, router in enumerate(["192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3"]):
        decoder.decode(batch([frame(number, router)], times=[START + number]))
    assert {sender.host for sender in decoder.senders.senders()} == {"192.0.2.1", "192.0.2.3"}
    assert decoder.senders.forgotten == 1


def test_a_router_of_several_sources_is_told_once() -> None:
    tables: list[TzspSenderTable] = []
    for at in (START, START + 5):
        decoder = NetworkDecoder()
        decoder.decode(batch([frame(1), frame(1)], times=[at, at]))
        tables.append(decoder.senders)
    (sender,) = joined(tables)
    assert sender == TzspSender(bytes([198, 51, 100, 1]), 4, 0, START, START + 5, 2, 0)
