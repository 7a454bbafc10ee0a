from sipscope.calls.incoming import FRAME_BYTES, MESSAGE_BYTES, MessageBatch
from sipscope.decode.sip_heads import read_heads
from tests.calls.playbook import TO_PROXY, incoming
from tests.packets import START
from tests.signalling import request, response

INVITE, TRYING = request("INVITE", cseq=7), response("100 Trying", cseq=7)


def arrived(*messages: tuple[int, bytes]) -> MessageBatch:
    """Messages with their frame numbers."""
    return MessageBatch.of([incoming(raw, START + n, number=n) for n, raw in messages])


def test_messages_have_what_was_captured_and_what_they_say() -> None:
    batch = arrived((3, INVITE), (4, TRYING))
    heads = read_heads(batch.text, batch.begin, batch.end)
    invite, trying = batch.messages(heads)
    assert (invite.time, invite.number, invite.flow) == (START + 3, 3, TO_PROXY)
    assert (invite.method, invite.status, invite.cseq) == ("INVITE", 0, 7)
    assert (trying.number, trying.status, trying.retransmission) == (4, 100, False)
    assert (invite.raw, trying.raw) == (INVITE, TRYING)


def test_parts_are_taken_by_place() -> None:
    part = arrived((1, INVITE), (2, TRYING), (3, INVITE)).part(1, 3)
    assert (len(part), list(part.number)) == (2, [2, 3])
    assert [part.raw(0), part.raw(1)] == [TRYING, INVITE]


def test_two_sets_are_merged_in_the_order_of_capture() -> None:
    merged = arrived((1, INVITE), (5, TRYING)).merge(arrived((2, TRYING), (9, INVITE)).rows())
    assert list(merged.number) == [1, 2, 5, 9]
    assert [merged.raw(index) for index in range(4)] == [INVITE, TRYING, TRYING, INVITE]
    assert list(merged.time) == [START + number for number in (1, 2, 5, 9)]


def test_messages_kept_in_memory_take_more_of_it() -> None:
    batch = arrived((1, INVITE), (2, TRYING))
    each = MESSAGE_BYTES + FRAME_BYTES
    assert batch.kept_bytes == 2 * each + len(INVITE) + len(TRYING)
