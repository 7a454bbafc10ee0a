"""Filters made of fields that a person has filled in."""

import re
from collections.abc import Collection, Mapping

METHODS = (
    "INVITE",
    "REGISTER",
    "OPTIONS",
    "SUBSCRIBE",
    "NOTIFY",
    "PUBLISH",
    "MESSAGE",
    "REFER",
    "INFO",
    "UPDATE",
)
"""Methods that begin dialogs."""

_BARE = re.compile(r"[A-Za-z0-9_.+*@:/-]+")
_LEADING_SIGN = re.compile(r"\A[+*?]")  # repeats nothing there: +49 is a number


def compose(fields: Mapping[str, str], methods: Collection[str] = METHODS) -> str:
    """Return a filter that asks for all of what is given.

    Args:
        fields: Regular expressions by the name of a field; empty ones ask for nothing.
        methods: The methods that pass.
    """
    parts = [
        f"{name} ~ {quoted(_LEADING_SIGN.sub(_escape, text.strip()))}"
        for name, text in fields.items()
        if text.strip()
    ]
    chosen = [method for method in METHODS if method in methods]
    others = [method for method in METHODS if method not in methods]
    if chosen and len(others) <= len(chosen):  # so that methods that are not listed pass
        parts += _one_of(others, "!=", "not in")
    else:
        parts += _one_of(chosen, "=", "in")
    return " and ".join(parts)


def _one_of(methods: list[str], one: str, several: str) -> list[str]:
    if len(methods) < 2:
        return [f"method {one} {method}" for method in methods]
    return [f"method {several} ({', '.join(methods)})"]


def _escape(sign: "re.Match[str]") -> str:
    return "\\" + sign[0]


def quoted(text: str) -> str:
    """Return a text as a value of a filter."""
    text = text.strip()
    if _BARE.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
