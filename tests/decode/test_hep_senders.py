from sipscope.decode.hep_senders import MAX_AGENTS, MAX_SENDERS, Agent, SenderTable, joined
from tests.packets import SECOND, START

ADDRESS = b"\xc0\0\2\1"
AGENT = Agent(ADDRESS, 2001, b"pbx-1")
MINUTE = 60 * SECOND


def test_a_sender_has_its_messages_agents_and_last_time() -> None:
    table = SenderTable()
    other = Agent(ADDRESS, 2002, b"")
    for number, agent in enumerate((AGENT, other, AGENT)):
        assert table.note(agent, START + number, START)
    (sender,) = table.senders()
    assert (sender.address, sender.messages, sender.last) == (ADDRESS, 3, START + 2)
    assert sender.agents == (AGENT, other)
    assert sender.agents[0].host == "192.0.2.1"


def test_the_rate_is_that_of_the_last_whole_second() -> None:
    table = SenderTable()
    for second, count in enumerate((5, 8, 2)):
        for number in range(count):
            table.note(AGENT, START + second * SECOND + number, START)
    assert table.senders()[0].rate == 8


def test_a_time_far_from_that_of_arrival_is_odd() -> None:
    table = SenderTable()
    assert table.note(AGENT, START, START + 5 * MINUTE)
    assert not table.note(AGENT, START, START + 5 * MINUTE + 1)
    assert not table.note(AGENT, START, START - 6 * MINUTE)
    assert table.note(AGENT, START, 0)
    assert table.senders()[0].odd_times == 2


def test_what_is_rejected_is_counted_by_reason() -> None:
    table = SenderTable()
    for reason in ("hep.magic", "hep.truncated", "hep.magic"):
        table.reject(ADDRESS, START, reason)
    (sender,) = table.senders()
    assert (sender.messages, sender.rejected) == (0, (("hep.magic", 2), ("hep.truncated", 1)))


def test_the_sender_that_was_quiet_longest_makes_room() -> None:
    table = SenderTable()
    addresses = [number.to_bytes(4, "big") for number in range(MAX_SENDERS)]
    for address in addresses:
        table.note(Agent(address, 0, b""), START, START)
    table.note(Agent(addresses[0], 0, b""), START, START)
    table.note(Agent(b"new!", 0, b""), START, START)
    present = {sender.address for sender in table.senders()}
    assert (len(present), table.forgotten) == (MAX_SENDERS, 1)
    assert {addresses[0], b"new!"} <= present
    assert addresses[1] not in present


def test_agents_at_one_address_are_bounded() -> None:
    table = SenderTable()
    for number in range(1_000):
        table.note(Agent(ADDRESS, number, b""), START, START)
    assert len(table.senders()[0].agents) == MAX_AGENTS


def test_tables_are_joined_by_address() -> None:
    first, second = SenderTable(), SenderTable()
    first.note(AGENT, START, START)
    second.reject(ADDRESS, START + 1, "hep.auth-key")
    second.note(Agent(b"\xc0\0\2\2", 0, b""), START, START)
    here, there = joined((first, second))
    assert (here.messages, here.last, here.rejected) == (1, START + 1, (("hep.auth-key", 1),))
    assert there.address == b"\xc0\0\2\2"
