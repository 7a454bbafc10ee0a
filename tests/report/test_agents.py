from sipscope.calls.attachments import Attachment
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.hep_senders import Agent
from sipscope.report.agents import agent_object, attachment_object
from tests.packets import START

AGENT = Agent(b"\xc0\0\2\1", 2001, b"pbx-1")
FLOW = Flow(Endpoint(b"\xc0\0\2\1", 30000), Endpoint(b"\xc0\0\2\2", 40000), "udp", ("hep",))


def test_an_agent_has_its_address_number_and_name() -> None:
    assert agent_object(AGENT) == {
        "address": "192.0.2.1",
        "capture_id": 2001,
        "node": "pbx-1",
    }
    assert agent_object(AGENT._replace(node=b""))["node"] is None


def test_a_log_is_text() -> None:
    said = Attachment(START, "log", 100, AGENT, FLOW, b"Processing \x1b[31mINVITE")
    assert attachment_object(said) == {
        "time": "2023-11-14T22:13:20.000000Z",
        "kind": "log",
        "agent": agent_object(AGENT),
        "source": "192.0.2.1:30000",
        "destination": "192.0.2.2:40000",
        "text": "Processing ␛[31mINVITE",
        "figures": None,
        "mos": None,
        "r_factor": None,
        "jitter": None,
    }


def test_a_report_is_figures() -> None:
    payload = b'{"JITTER": 0.017, "TYPE": "PERIODIC"}'
    said = Attachment(START, "rtp-report", 34, AGENT, FLOW, payload, 4.03, 80.2, 5)
    found = attachment_object(said)
    assert (found["text"], found["figures"]) == (None, {"JITTER": 0.017, "TYPE": "PERIODIC"})
    assert (found["mos"], found["r_factor"], found["jitter"]) == (4.03, 80.2, 5)
