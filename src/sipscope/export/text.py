"""The messages of dialogs as a text that can be read, mailed and pasted into a ticket."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from operator import attrgetter
from typing import TextIO

from sipscope.calls.dialog import Dialog, Message
from sipscope.decode.text import display

MESSAGES_AT_ONCE = 500


def write_text(
    stream: TextIO,
    dialogs: Iterable[Dialog],
    zone: tzinfo | None = None,
    step: Callable[[float], None] = lambda share: None,
) -> int:
    """Write all messages in the order of time, each after a line that says when and between whom.

    Args:
        stream: Where to.
        dialogs: Whose messages.
        zone: Of the times; None is that of the machine.
        step: Called now and then with the share that is written; it may raise to end it.

    Returns:
        The number of messages.
    """
    messages = sorted(
        (message for dialog in dialogs for message in dialog.messages), key=attrgetter("time")
    )
    for number, message in enumerate(messages):
        if not number % MESSAGES_AT_ONCE:
            step(number / len(messages))
        stream.writelines(f"{line}\n" for line in _lines(message, zone))
    return len(messages)


def _lines(message: Message, zone: tzinfo | None) -> Iterator[str]:
    seconds, nanoseconds = divmod(message.time, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).astimezone(zone)
    again = "   sent again" if message.retransmission else ""
    yield (
        f"{moment:%Y-%m-%d %H:%M:%S}.{nanoseconds // 1000:06d} {moment:%z}   "
        f"{message.flow.source} -> {message.flow.destination}   {message.flow.transport}{again}"
    )
    yield ""
    text = message.raw.decode("utf-8", "replace").replace("\r\n", "\n").rstrip("\n")
    yield from map(display, text.split("\n"))
    yield ""
    yield ""
