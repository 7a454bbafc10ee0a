"""The clipboard of the terminal."""

from textual.app import App

from sipscope.tui.clipboard import MAX_COPIED, copy


def test_text_is_put_on_the_clipboard_and_told() -> None:
    app = App[None]()
    assert copy(app, "a\nb", "INVITE") == ("Copied to the clipboard: INVITE, 2 lines", "good")
    assert app.clipboard == "a\nb"


def test_a_line_is_told_by_its_length() -> None:
    assert copy(App[None](), "Via: x", "the line")[0] == (
        "Copied to the clipboard: the line, 6 characters"
    )


def test_nothing_is_no_success_and_leaves_the_clipboard() -> None:
    app = App[None]()
    copy(app, "before", "x")
    assert copy(app, "", "body") == ("There is no body to copy", "doubtful")
    assert app.clipboard == "before"


def test_what_terminals_do_not_take_is_cut_and_told() -> None:
    app = App[None]()
    told, style = copy(app, "ä" * MAX_COPIED, "INVITE")
    assert told == "Copied the first 74,000 of 148,000 bytes: INVITE"
    assert style == "doubtful"
    assert len(app.clipboard.encode()) == MAX_COPIED


def test_what_is_no_text_is_copied_as_far_as_it_is() -> None:
    app = App[None]()
    copy(app, "a\ud800b", "x")
    assert app.clipboard == "a?b"
