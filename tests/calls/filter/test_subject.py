import pytest

from sipscope.calls.filter.expression import compile_filter
from sipscope.calls.filter.subject import MOST_MESSAGES, StreamSubject, Subject
from sipscope.rtpqos.streams import StreamTable
from tests.calls.filter.asking import answered, subject
from tests.calls.playbook import Playbook


def test_a_dialog_is_read_when_it_is_asked_for() -> None:
    asked = answered()
    assert "1001" in asked.text
    assert asked.call_id == "call-1"
    assert [figures.lost for figures in asked.figures] == [0, 2]
    assert asked.first is not None
    assert asked.first.method == "INVITE"
    assert [media.kind for media in asked.media] == ["audio", "audio"]


def test_a_stream_that_belongs_to_no_dialog_has_figures_alone() -> None:
    alone = Subject(None, StreamTable(), 0, answered().figures)
    assert len(alone.figures) == 2
    assert alone.text == alone.call_id == ""
    assert alone.first is None
    assert alone.row is None
    assert not alone.messages


def test_of_a_dialog_without_end_only_its_beginning_is_read() -> None:
    book = Playbook()
    for _ in range(MOST_MESSAGES + 10):
        book.request("OPTIONS")
    assert len(subject(book.store).parsed) == MOST_MESSAGES


def test_sdp_that_was_sent_again_is_read_once() -> None:
    body = b"v=0\r\nc=IN IP4 192.0.2.21\r\nm=audio 11000 RTP/AVP 8\r\n"
    headers = "Content-Type: application/sdp\r\n"
    book = Playbook().request("INVITE", headers=headers, body=body).wait(500).again()
    assert len(subject(book.store).media) == 1


SAID = ("1001", "2002", "invite", "completed", "200", "pcma", "192.0.2.21:5060", "0:12")


@pytest.mark.parametrize("word", [*SAID, "4.0", "ok"])
def test_a_word_is_found_wherever_it_can_be_read(word: str) -> None:
    assert answered().says(word)
    assert word in answered().text


@pytest.mark.parametrize("word", ["1003", "g729", "register", "busy", "zzz", "in call"])
def test_a_word_that_cannot_be_read_is_not_found(word: str) -> None:
    assert not answered().says(word)


def test_a_codec_is_found_in_a_call_without_streams() -> None:
    body = b"v=0\r\nc=IN IP4 192.0.2.21\r\nm=audio 11000 RTP/AVP 97\r\na=rtpmap:97 Opus/48000/2\r\n"
    headers = "Content-Type: application/sdp\r\n"
    asked = subject(Playbook().request("INVITE", headers=headers, body=body).store)
    assert asked.says("opus")
    assert not asked.says("rtpmap")


def test_that_nobody_answered_can_be_searched() -> None:
    asked = subject(Playbook().invite().wait(60_000).ends().store)
    assert asked.says("response")


def test_a_stream_has_its_own_line_and_figures_and_its_call() -> None:
    whole = answered()
    assert whole.dialog is not None
    stream_id = whole.dialog.streams[1]
    asked = StreamSubject(stream_id, "pcma 192.0.2.21", whole.dialog, whole._streams, whole.now)
    assert asked.says("pcma")
    assert not asked.says("1001")
    assert compile_filter("lost = 2 and from.user = 1001")(asked)
    assert len(asked.figures) == 1
