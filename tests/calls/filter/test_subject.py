from sipscope.calls.filter.subject import MOST_MESSAGES, Subject
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
