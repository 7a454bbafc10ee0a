"""The clipboard of the terminal that one sits at, through OSC 52, also over SSH."""

from typing import Any

from textual.app import App

MAX_COPIED = 74_000
"""Bytes: some terminals take no more than 100,000 characters of base64."""


def copy(app: App[Any], text: str, what: str) -> tuple[str, str]:
    """Put text on the clipboard, and return what to tell the person, with its style.

    Whether the terminal takes it cannot be known: it gives no answer.

    Args:
        app: Writes to the terminal.
        text: Without control characters but line ends and tabs.
        what: The text in a few words.
    """
    if not text:
        return f"There is no {what} to copy", "doubtful"
    raw = text.encode("utf-8", "replace")
    kept = raw[:MAX_COPIED].decode("utf-8", "ignore")
    app.copy_to_clipboard(kept)
    if len(raw) > MAX_COPIED:
        return f"Copied the first {MAX_COPIED:,} of {len(raw):,} bytes: {what}", "doubtful"
    lines = text.count("\n") + 1
    size = f"{len(text):,} characters" if lines == 1 else f"{lines:,} lines"
    return f"Copied to the clipboard: {what}, {size}", "good"
