"""What capture agents told over HEP, in the report: who they are, and what they say of calls."""

from typing import Any

from sipscope.calls.attachments import Attachment
from sipscope.decode.hep_senders import Agent
from sipscope.report.values import moment, rounded, text

Object = dict[str, Any]


def agent_object(agent: Agent) -> Object:
    """Return who told of a message; its name is null when it gives none."""
    return {
        "address": agent.host,
        "capture_id": agent.capture_id,
        "node": text(agent.node) or None,
    }


def attachment_object(attachment: Attachment) -> Object:
    """Return what an agent says of a call; the figures are by the names that it gave them."""
    figures = attachment.figures
    return {
        "time": moment(attachment.time),
        "kind": attachment.kind,
        "agent": agent_object(attachment.agent),
        "source": str(attachment.flow.source),
        "destination": str(attachment.flow.destination),
        "text": None if figures else attachment.text,
        "figures": figures or None,
        "mos": rounded(attachment.mos),
        "r_factor": rounded(attachment.r_factor),
        "jitter": attachment.jitter,
    }
