import json

import pytest

from sipscope.decode.json_object import MAX_ITEMS, flattened, json_object, whole_number


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[1]",
        b"{",
        b'{"a":',
        b'{"a":' * 30_000,
        b'{"a":' + b"9" * 5_000 + b"}",
        b'{"a":"\xff"}',
        b'{"a":1}' + b" " * 70_000,
        b"\x80\xc8\0\6",
    ],
)
def test_what_is_no_object_is_nothing(payload: bytes) -> None:
    assert json_object(payload) is None


def test_an_object_is_read() -> None:
    assert json_object(b' {"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        (-5, -5),
        (5.7, 5),
        ("5", 5),
        ("-5", -5),
        ("0x1234", 0x1234),
        (True, None),
        (None, None),
        ("", None),
        ("+5", None),
        ("1_0", None),
        ("٣", None),
        ("5\n", None),
        ("9" * 21, None),
        (float("nan"), None),
        (float("inf"), None),
        ([5], None),
    ],
)
def test_a_number_may_be_text(value: object, number: int | None) -> None:
    assert whole_number(value) == number


def test_plain_values_have_their_whole_name() -> None:
    found = {"mos": 4.1, "codec": "PCMA", "blocks": [{"loss": 3}, {"loss": 4}], "none": None}
    assert flattened(found) == {
        "mos": 4.1,
        "codec": "PCMA",
        "blocks.0.loss": 3,
        "blocks.1.loss": 4,
    }


def test_figures_are_bounded_and_can_be_written() -> None:
    figures = flattened({str(number): number for number in range(1_000)})
    assert len(figures) == MAX_ITEMS
    odd = flattened(json.loads('{"a\\ud800": "\\udfff' + "x" * 5_000 + '", "n": NaN}'))
    assert list(odd) == ["a?"]
    assert str(odd["a?"]).encode() == b"?" + b"x" * 1_023


def test_deep_objects_are_followed_only_so_far() -> None:
    assert flattened(json.loads('{"a":' * 20 + "1" + "}" * 20)) == {}
