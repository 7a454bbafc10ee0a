"""Text from the network, made safe to show.

Everything that came off the wire and goes to a terminal, a table or a log passes through
`display`: terminal escapes, control characters and bidirectional overrides become
visible, harmless characters.
"""

_REPLACEMENT = "\ufffd"
_BIDIRECTIONAL = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_LINE_BREAKS = (0x2028, 0x2029)

VISIBLE: dict[int, str] = {
    **{code: chr(0x2400 + code) for code in range(0x20)},
    0x7F: "\u2421",
    **dict.fromkeys(range(0x80, 0xA0), _REPLACEMENT),
    **dict.fromkeys(_BIDIRECTIONAL, _REPLACEMENT),
    **dict.fromkeys(_LINE_BREAKS, _REPLACEMENT),
    **dict.fromkeys(range(0xD800, 0xE000), _REPLACEMENT),
}
"""Translation table: C0 to their control pictures, C1, bidi controls and surrogates to U+FFFD."""


def display(value: str | bytes) -> str:
    """Return `value` as one line of text that no terminal can misread.

    Bytes are read as UTF-8; what is not UTF-8 becomes U+FFFD.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value if value.isascii() and value.isprintable() else value.translate(VISIBLE)
