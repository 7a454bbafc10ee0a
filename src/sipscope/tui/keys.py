"""Every key of every screen: bindings, the line of keys and the help are made from this table.

The keys are sngrep's wherever it has one for the purpose.
"""

from collections.abc import Sequence
from typing import NamedTuple

from textual.binding import Binding


class Key(NamedTuple):
    """What a key does.

    Attributes:
        id: Stable name, for settings.
        keys: As Textual names them; the first is the one that is shown.
        action: The method `action_...` that it calls.
        words: What it does, for the help.
        footer: One word for the line of keys; empty to leave it out there.
        priority: Whether it goes before what a text input does with the key.
    """

    id: str
    keys: tuple[str, ...]
    action: str
    words: str
    footer: str = ""
    priority: bool = False


class Context(NamedTuple):
    """Keys that belong together, in order of importance.

    Attributes:
        title: Over them in the help.
        keys: The keys.
    """

    title: str
    keys: tuple[Key, ...]


HELP = Key("help", ("?", "f1", "h", "H"), "help", "Show these keys", "Keys")

EVERYWHERE = Context(
    "Everywhere",
    (
        HELP,
        Key("quit-now", ("ctrl+c",), "quit_now", "Quit at once", priority=True),
    ),
)

MOVEMENT = Context(
    "Moving",
    (
        Key("up", ("up", "k"), "move(-1)", "One line up"),
        Key("down", ("down", "j"), "move(1)", "One line down"),
        Key("page-up", ("pageup", "ctrl+b"), "move_pages(-1)", "One page up"),
        Key("page-down", ("pagedown", "ctrl+f"), "move_pages(1)", "One page down"),
        Key("half-page-up", ("ctrl+u",), "move_pages(-0.5)", "Half a page up"),
        Key("half-page-down", ("ctrl+d",), "move_pages(0.5)", "Half a page down"),
        Key("first", ("home", "g", "ctrl+a"), "move_first", "To the top"),
        Key("last", ("end", "G", "ctrl+e"), "move_last", "To the bottom"),
    ),
)

CALLS = Context(
    "Calls",
    (
        Key("calls.open", ("enter",), "open", "Open the call, or all marked calls", "Call"),
        Key("calls.mark", ("space",), "mark", "Mark the call and go on to the next", "Mark"),
        Key("calls.filter", ("/", "f3", "tab"), "filter", "Filter by text in any column", "Filter"),
        Key("calls.save", ("f2", "s", "S"), "save", "Save calls to a capture file", "Save"),
        Key("calls.legs", ("x", "f4"), "open_legs", "Open all legs of the call", "Legs"),
        Key("calls.raw", ("r", "R", "f6"), "open_messages", "Show the raw messages", "Raw"),
        Key("calls.statistics", ("i",), "statistics", "Show statistics", "Stats"),
        Key("calls.pause", ("p",), "pause", "Pause the view; the capture goes on", "Pause"),
        Key("calls.next-sort", (">",), "sort(1)", "Sort by the next column", "Sort"),
        Key("calls.previous-sort", ("<",), "sort(-1)", "Sort by the previous column"),
        Key("calls.reverse", ("z",), "reverse", "Reverse the order"),
        Key("calls.follow", ("A",), "follow", "Follow the newest call"),
        Key("calls.unmark", ("ctrl+w",), "unmark", "Unmark all calls"),
        Key("calls.clear", ("f5", "ctrl+l"), "clear", "Forget all calls"),
        Key("calls.clear-hidden", ("f9",), "clear_hidden", "Forget all calls but those shown"),
        Key("calls.back", ("escape",), "back", "Clear the filter, or quit"),
        Key("calls.quit", ("q", "Q"), "quit_asking", "Quit"),
    ),
)

CALL = Context(
    "One call",
    (
        Key("call.open", ("enter",), "open", "Show the message as a whole", "Message"),
        Key("call.mark", ("space",), "mark", "Mark a message; compare it with another", "Compare"),
        Key("call.raw", ("r", "R", "f6"), "open_messages", "Show all messages", "Raw"),
        Key("call.media", ("m",), "open_media", "Show the media streams", "Media"),
        Key("call.sdp", ("d",), "sdp", "SDP in the ladder: none, in short, in full", "SDP"),
        Key("call.legs", ("x", "f4"), "legs", "All legs of the call, or the chosen ones", "Legs"),
        Key("call.preview", ("t",), "preview", "Show or hide the message beside it", "Preview"),
        Key("call.save", ("f2", "s", "S"), "save", "Save the call to a capture file", "Save"),
        Key("call.narrower", ("9",), "resize_preview(-4)", "Less room for the message"),
        Key("call.wider", ("0",), "resize_preview(4)", "More room for the message"),
        Key("call.streams", ("M", "f3"), "streams", "Streams in the ladder, or not"),
        Key("call.times", ("w",), "times", "Time of day, or since the first message"),
        Key("call.unmark", ("ctrl+w",), "unmark", "Unmark the message"),
        Key("call.pan-left", ("left",), "pan(-1)", "Hosts on the left"),
        Key("call.pan-right", ("right",), "pan(1)", "Hosts on the right"),
        Key("call.pane", ("tab",), "other_pane", "Between ladder and message"),
        Key("call.back", ("escape", "q", "Q"), "back", "Back", "Back"),
    ),
)

MESSAGE = Context(
    "One message",
    (
        Key("message.back", ("escape", "enter", "q", "Q"), "back", "Back", "Back"),
        Key("message.next", ("n", "right"), "step(1)", "Next message", "Next"),
        Key("message.previous", ("p", "N", "left"), "step(-1)", "Previous message", "Previous"),
    ),
)

MESSAGES = Context(
    "Messages",
    (
        Key("messages.search", ("/",), "search", "Search for text", "Search"),
        Key("messages.next", ("n",), "search_next(1)", "Next place with the text", "Next"),
        Key("messages.previous", ("N",), "search_next(-1)", "Previous place with it", "Previous"),
        Key("messages.save", ("f2", "s", "S"), "save", "Save the call to a capture file", "Save"),
        Key("messages.back", ("escape", "q", "Q"), "back", "Back", "Back"),
    ),
)

MEDIA = Context(
    "Media",
    (Key("media.back", ("escape", "q", "Q"), "back", "Back", "Back"),),
)

STATISTICS = Context(
    "Statistics",
    (Key("statistics.back", ("escape", "q", "Q", "i", "enter"), "back", "Back", "Back"),),
)

SAVE = Context(
    "Save",
    (
        Key("save.write", ("enter",), "write", "Save; once more to overwrite a file", "Save"),
        Key("save.which", ("up",), "which(-1)", "Other calls", "Calls"),
        Key("save.which-next", ("down",), "which(1)", "Other calls"),
        Key("save.rtp", ("ctrl+r",), "rtp", "With or without RTP", "RTP"),
        Key("save.back", ("escape",), "back", "Save nothing", "Cancel"),
    ),
)

ANSWER = Context(
    "Question",
    (
        Key("answer.yes", ("enter", "y", "Y"), "answer(True)", "Yes"),
        Key("answer.no", ("escape", "n", "N", "q", "Q"), "answer(False)", "No"),
    ),
)

BACK = Context(
    "Here",
    (Key("back", ("escape", "q", "Q", "enter"), "back", "Back", "Back"),),
)

_WRITTEN = {
    "enter": "Enter",
    "space": "Space",
    "escape": "Esc",
    "tab": "Tab",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
}


def written(key: str) -> str:
    """Return a key as people write it: `^L` for `ctrl+l`, `F2` for `f2`."""
    if key.startswith("ctrl+"):
        return "^" + key.removeprefix("ctrl+").upper()
    if len(key) > 1 and key[0] == "f" and key[1:].isascii() and key[1:].isdigit():
        return key.upper()
    return _WRITTEN.get(key, key)


def bindings(*contexts: Context, priority: bool = False) -> list[Binding]:
    """Return Textual's bindings for the keys of `contexts`."""
    return [
        Binding(
            ",".join(key.keys),
            key.action,
            key.words,
            show=False,
            id=key.id,
            priority=priority or key.priority,
        )
        for context in contexts
        for key in context.keys
    ]


def footer(keys: Sequence[Key], width: int, last: Key | None = HELP) -> list[Key]:
    """Return the keys that fit one line of `width` cells: the first ones, and `last`."""
    fitting: list[Key] = []
    room = width - (_footer_width(last) if last else 0)
    for key in keys:
        if not key.footer:
            continue
        room -= _footer_width(key)
        if room < 0:
            break
        fitting.append(key)
    return [*fitting, last] if last else fitting


def _footer_width(key: Key) -> int:
    return len(written(key.keys[0])) + len(key.footer) + 3
