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
        Key("palette", ("ctrl+p",), "palette", "Find an action by words"),
        Key("settings", ("f8", "o", "O"), "settings", "Settings"),
        Key("sources", ("I",), "sources", "Sources, and losses"),
        Key("suspend", ("ctrl+z",), "suspend_process", "To the shell; fg comes back"),
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
        Key("calls.media", ("m",), "open_media", "Show the media streams of the call", "Media"),
        Key("calls.streams", ("M",), "open_streams", "All streams, the worst first", "Streams"),
        Key("calls.statistics", ("i",), "statistics", "Show statistics", "Stats"),
        Key("calls.pause", ("p",), "pause", "Pause the view; the capture goes on", "Pause"),
        Key("calls.next-sort", (">",), "sort(1)", "Sort by the next column", "Sort"),
        Key("calls.previous-sort", ("<",), "sort(-1)", "Sort by the previous column"),
        Key("calls.reverse", ("z",), "reverse", "Reverse the order"),
        Key("calls.follow", ("A",), "follow", "Follow the newest call"),
        Key("calls.fold", ("-",), "fold", "Fold away what is no call, or show it", "Fold"),
        Key("calls.columns", ("f10", "t", "T"), "columns", "Choose the columns", "Columns"),
        Key("calls.filters", ("f7", "f", "F"), "filters", "Filter by fields; saved filters"),
        Key("calls.color", ("c", "C"), "color", "Colour by state, group, problem or method"),
        Key("calls.pin", ("P",), "pin", "Keep the call whatever comes, or no longer"),
        Key("calls.jump", (":",), "jump", "Go to a time or a number"),
        Key("calls.pan-left", ("left",), "pan(-1)", "Columns on the left"),
        Key("calls.pan-right", ("right",), "pan(1)", "Columns on the right"),
        Key("calls.mark-all", ("*",), "mark_all", "Mark all calls that are shown, or none"),
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
        Key("call.open", ("enter",), "open", "Show the message or stream as a whole", "Message"),
        Key("call.mark", ("space",), "mark", "Mark a message; compare it with another", "Compare"),
        Key("call.search", ("/",), "search", "Search in labels and messages", "Search"),
        Key("call.raw", ("r", "R", "f6"), "open_messages", "Show all messages", "Raw"),
        Key("call.sdp", ("d",), "sdp", "SDP in the ladder: none, in short, in full", "SDP"),
        Key("call.explain", ("e",), "explain", "Explain the SDP in words, or not", "Explain"),
        Key("call.legs", ("x", "f4"), "legs", "All legs of the call, or the chosen ones", "Legs"),
        Key("call.streams", ("m", "f3"), "streams", "RTP, RTCP, DTMF and logs, or not", "Media"),
        Key("call.zoom", ("z",), "zoom", "Only the transaction of the message, or all", "Zoom"),
        Key("call.media", ("i",), "open_media", "Figures and charts of the streams", "Figures"),
        Key("call.times", ("w",), "times", "Times: local, UTC, since the first, deltas", "Times"),
        Key("call.copy", ("y", "Y"), "copy", "Copy the message to the clipboard", "Copy"),
        Key("call.save", ("f2", "S"), "save", "Save the call to a capture file", "Save"),
        Key("call.fold", ("f",), "fold", "Fold messages that were sent again, or not"),
        Key("call.preview", ("t",), "preview", "Show or hide the message beside it"),
        Key("call.names", ("a",), "names", "Names of the hosts, or their addresses"),
        Key("call.look-up", ("A",), "look_up", "Ask DNS for the names of these hosts"),
        Key("call.columns", ("s",), "columns", "One column for a host, or for each port"),
        Key("call.sdp-only", ("D",), "sdp_only", "Only messages with SDP, or all"),
        Key("call.media-only", ("M",), "media_only", "Only media, or all"),
        Key("call.next", ("n",), "search_next(1)", "Next place with the text"),
        Key("call.previous", ("N",), "search_next(-1)", "Previous place with it"),
        Key("call.narrower", ("9",), "resize_preview(-4)", "Less room for the message"),
        Key("call.wider", ("0",), "resize_preview(4)", "More room for the message"),
        Key("call.unmark", ("ctrl+w",), "unmark", "Unmark the message"),
        Key("call.pan-left", ("left",), "pan(-1)", "Hosts on the left"),
        Key("call.pan-right", ("right",), "pan(1)", "Hosts on the right"),
        Key("call.pane", ("tab",), "other_pane", "Between ladder and message"),
        Key("call.back", ("escape",), "back", "End the search or the zoom, or back", "Back"),
        Key("call.leave", ("q", "Q"), "leave", "Back to the list"),
    ),
)

MESSAGE = Context(
    "One message",
    (
        Key("message.back", ("escape", "enter"), "back", "End the search, or back", "Back"),
        Key("message.next", ("right",), "step(1)", "Next message", "Next"),
        Key("message.previous", ("left", "p"), "step(-1)", "Previous message", "Previous"),
        Key("message.search", ("/",), "search", "Search in these messages", "Search"),
        Key("message.find-next", ("n",), "search_next(1)", "Next place with the text, or message"),
        Key("message.find-previous", ("N",), "search_next(-1)", "Previous place, or message"),
        Key("message.explain", ("e",), "explain", "Explain the SDP in words, or not", "Explain"),
        Key("message.mark", ("space",), "mark", "Mark lines from here on", "Mark"),
        Key("message.copy-part", ("y",), "copy_part", "Copy the line, or the marked ones", "Copy"),
        Key("message.copy", ("Y",), "copy", "Copy the whole message", "Copy all"),
        Key("message.copy-body", ("b",), "copy_body", "Copy the body"),
        Key("message.leave", ("q", "Q"), "leave", "Back"),
    ),
)

MESSAGES = Context(
    "Messages",
    (
        Key("messages.search", ("/",), "search", "Search for text", "Search"),
        Key("messages.next", ("n",), "search_next(1)", "Next place with the text", "Next"),
        Key("messages.previous", ("N",), "search_next(-1)", "Previous place with it", "Previous"),
        Key("messages.mark", ("space",), "mark", "Mark lines from here on", "Mark"),
        Key("messages.copy-part", ("y",), "copy_part", "Copy the line, or the marked ones", "Copy"),
        Key("messages.copy", ("Y",), "copy", "Copy the message", "Copy all"),
        Key("messages.save", ("f2", "s", "S"), "save", "Save the call to a capture file", "Save"),
        Key("messages.back", ("escape", "q", "Q"), "back", "Back", "Back"),
    ),
)

COMPARE = Context(
    "Two messages",
    (
        Key("compare.back", ("escape", "q", "Q", "enter"), "back", "Back", "Back"),
        Key("compare.differences", ("d",), "differences", "Only what differs, or all", "Shorter"),
        Key("compare.swap", ("space",), "swap", "Change sides", "Swap"),
    ),
)

STREAMS = Context(
    "Streams",
    (
        Key("streams.open", ("enter",), "open", "Show the stream among those of its call", "Media"),
        Key("streams.call", ("c",), "open_call", "Open the call of the stream", "Call"),
        Key("streams.filter", ("/", "f3", "tab"), "filter", "Filter by address, codec", "Filter"),
        Key("streams.next-sort", (">",), "sort(1)", "Sort by the next column", "Sort"),
        Key("streams.previous-sort", ("<",), "sort(-1)", "Sort by the previous column"),
        Key("streams.reverse", ("z",), "reverse", "Reverse the order", "Reverse"),
        Key("streams.back", ("escape",), "back", "Clear the filter, or back", "Back"),
        Key("streams.leave", ("q", "Q"), "leave", "Back"),
    ),
)

MEDIA = Context(
    "Media",
    (
        Key("media.earlier", ("left",), "step(-1)", "Read the charts one step earlier", "Earlier"),
        Key("media.later", ("right",), "step(1)", "Read the charts one step later", "Later"),
        Key("media.next-fault", ("n",), "step_to_fault(1)", "To the next fault", "Fault"),
        Key("media.previous-fault", ("N",), "step_to_fault(-1)", "To the fault before"),
        Key("media.next-stream", ("tab",), "next_stream", "To the next stream", "Stream"),
        Key("media.wireshark", ("W",), "wireshark", "What Wireshark shows", "Wireshark"),
        Key("media.back", ("escape", "q", "Q"), "back", "Back", "Back"),
    ),
)

STATISTICS = Context(
    "Statistics",
    (Key("statistics.back", ("escape", "q", "Q", "i", "enter"), "back", "Back", "Back"),),
)

SOURCES = Context(
    "Sources",
    (Key("sources.back", ("escape", "q", "Q", "enter"), "back", "Back", "Back"),),
)

SETTINGS = Context(
    "Settings",
    (
        Key("settings.change", ("space", "enter"), "change", "Change the value", "Change"),
        Key("settings.next", ("right",), "choose(1)", "The next choice", "Next"),
        Key("settings.previous", ("left",), "choose(-1)", "The choice before"),
        Key("settings.default", ("d", "delete"), "default", "Back to the default", "Default"),
        Key("settings.save", ("f2", "s", "S"), "save", "Save what was changed", "Save"),
        Key("settings.search", ("/",), "search", "Search", "Search"),
        Key("settings.next-section", ("tab",), "section(1)", "The next section", "Section"),
        Key("settings.previous-section", ("shift+tab",), "section(-1)", "The section before"),
        Key("settings.back", ("escape", "q", "Q"), "back", "Back", "Back"),
    ),
)

SAVE = Context(
    "Save",
    (
        Key("save.write", ("enter",), "write", "Save; once more to overwrite a file", "Save"),
        Key("save.which", ("up",), "which(-1)", "Other calls", "Calls"),
        Key("save.which-next", ("down",), "which(1)", "Other calls"),
        Key("save.field", ("tab",), "other_field(1)", "The next field; Space changes it", "Field"),
        Key("save.previous-field", ("shift+tab",), "other_field(-1)", "To the field before"),
        Key("save.form", ("ctrl+t",), "form", "As pcap, pcapng or text", "Form"),
        Key("save.rtp", ("ctrl+r",), "rtp", "With or without RTP", "RTP"),
        Key("save.legs", ("ctrl+l",), "legs", "With all legs of these calls, or not", "Legs"),
        Key("save.back", ("escape",), "back", "Save nothing; cancel a save", "Cancel"),
    ),
)

COLUMNS = Context(
    "Columns",
    (
        Key("columns.toggle", ("space", "enter"), "show", "Show the column, or not", "Show"),
        Key("columns.earlier", ("-", "shift+up"), "shift(-1)", "Further to the left", "Left"),
        Key("columns.later", ("+", "shift+down"), "shift(1)", "Further to the right", "Right"),
        Key("columns.narrower", ("left",), "widen(-1)", "Narrower", "Narrower"),
        Key("columns.wider", ("right",), "widen(1)", "Wider", "Wider"),
        Key("columns.header", ("a", "/"), "add_header", "Add any SIP header", "Header"),
        Key("columns.save", ("f2", "s", "S"), "save", "Keep them for other times", "Keep"),
        Key("columns.default", ("d", "delete"), "default", "As many as fit", "Default"),
        Key("columns.back", ("escape", "q", "Q", "f10", "t"), "back", "Back", "Back"),
    ),
)

FILTER = Context(
    "Filter by fields",
    (
        Key("filter.apply", ("enter",), "apply", "Filter the calls", "Filter"),
        Key("filter.next", ("down", "tab"), "next", "The next field", "Next"),
        Key("filter.previous", ("up", "shift+tab"), "previous", "The field before"),
        Key("filter.toggle", ("space",), "toggle_method", "Show the method, or not"),
        Key("filter.save", ("f2",), "save", "Save it under a name", "Save"),
        Key("filter.forget", ("f9",), "forget", "Forget the saved filter", "Forget"),
        Key("filter.clear", ("f5", "ctrl+l"), "clear", "Clear all fields", "Clear"),
        Key("filter.back", ("escape",), "back", "Back", "Back"),
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

PALETTE = Context(
    "Palette",
    (
        Key("palette.run", ("enter",), "run", "Do it", "Do it"),
        Key("palette.up", ("up",), "choose(-1)", "One line up", "Up"),
        Key("palette.down", ("down",), "choose(1)", "One line down", "Down"),
        Key("palette.page-up", ("pageup",), "choose(-10)", "Ten lines up"),
        Key("palette.page-down", ("pagedown",), "choose(10)", "Ten lines down"),
        Key("palette.back", ("escape",), "back", "Do nothing", "Back"),
    ),
)

HELP_SCREEN = Context(
    "Help",
    (
        Key("help.search", ("/",), "search", "Search the help", "Search"),
        Key("help.next", ("n",), "search_next(1)", "Next place with the text", "Next"),
        Key("help.previous", ("N",), "search_next(-1)", "Previous place with it", "Previous"),
        Key("help.back", ("escape", "q", "Q", "enter"), "back", "Back", "Back"),
    ),
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


def all_contexts() -> tuple[Context, ...]:
    """Return every context of this table."""
    return tuple(value for value in globals().values() if isinstance(value, Context))


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
