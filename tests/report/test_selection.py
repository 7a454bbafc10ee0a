from sipscope.calls.filter import compile_filter
from sipscope.calls.store import DialogStore
from sipscope.report.selection import any_passes, limit
from tests.calls.playbook import Playbook
from tests.packets import START
from tests.signalling import add, answered_call, stream

NOW = START + 60_000_000_000


def two_calls() -> DialogStore:
    """One that was answered and sent two streams, one that was busy, and a stream of nobody."""
    store = DialogStore()
    add(store, answered_call(media=50, lost=[10, 11]))
    add(store, stream(("10.0.0.1", 9000), ("10.0.0.2", 9002), start=0, count=50, ssrc=7))
    Playbook("busy", store).invite().response(486).ack()
    return store


def kept(expression: str) -> tuple[list[bytes], list[int | None]]:
    store = two_calls()
    limit(store, compile_filter(expression), NOW)
    streams = [store.streams.ssrc(number) for number in store.streams.ids()]
    return [dialog.call_id for dialog in store.dialogs.values()], streams


def test_dialogs_go_with_their_streams() -> None:
    assert kept("state = busy") == ([b"busy"], [])


def test_a_stream_of_nobody_passes_or_not_by_itself() -> None:
    assert kept("state = busy or packets = 50")[1][-1] == 7
    assert kept("state = completed")[0] == [b"call-1"]


def test_any_dialog_or_stream_is_a_reason_to_fail() -> None:
    store = two_calls()
    assert any_passes(store, compile_filter("loss > 3"), NOW)
    assert any_passes(store, compile_filter("ssrc = 00000007"), NOW)
    assert not any_passes(store, compile_filter("loss > 5 or state = rejected"), NOW)
