import io
from datetime import UTC, timedelta, timezone

from sipscope.export.text import write_text
from tests.calls.playbook import Playbook

FIRST = """\
2023-11-14 22:13:20.000000 +0000   192.0.2.21:5060 -> 198.51.100.5:5060   udp

INVITE sip:2002@example.com SIP/2.0
Via: SIP/2.0/UDP 192.0.2.21;branch=z9hG4bK-1
From: <sip:1001@example.com>;tag=a1
To: <sip:2002@example.com>
Call-ID: call-1
CSeq: 1 INVITE
Content-Length: 0


"""


def written(book: Playbook, zone: timezone | None = None) -> str:
    stream = io.StringIO()
    write_text(stream, book.store.dialogs.values(), zone)
    return stream.getvalue()


def test_each_message_says_when_and_between_whom() -> None:
    text = written(Playbook().invite().wait(180).trying(), zone=UTC)
    assert text.startswith(FIRST)
    assert "2023-11-14 22:13:20.180000 +0000   198.51.100.5:5060 -> 192.0.2.21:5060" in text


def test_messages_of_several_dialogs_are_in_the_order_of_time() -> None:
    book = Playbook("a").invite()
    Playbook("b", book.store).wait(50).invite()
    book.wait(100).trying()
    text = written(book, zone=UTC)
    assert [line[9:] for line in text.split("\n") if line.startswith("Call-ID")] == ["a", "b", "a"]


def test_times_are_of_a_zone_and_what_was_sent_again_is_marked() -> None:
    text = written(Playbook().invite().wait(500).again(), zone=timezone(timedelta(hours=1)))
    assert "2023-11-14 23:13:20.500000 +0100   192.0.2.21" in text
    assert text.count("sent again") == 1


def test_control_characters_are_made_visible() -> None:
    text = written(Playbook().request("INVITE", headers="X: \x1b[2J\r\n"))
    assert "X: \u241b[2J" in text
    assert all(character.isprintable() or character == "\n" for character in text)
