from sipscope.report.values import moment, rounded, text


def test_times_are_utc_with_microseconds() -> None:
    assert moment(1_700_000_000_123_456_789) == "2023-11-14T22:13:20.123456Z"
    assert moment(0) == "1970-01-01T00:00:00.000000Z"
    assert moment(None) is None


def test_figures_have_six_decimals() -> None:
    assert rounded(1 / 3) == 0.333333
    assert rounded(None) is None


def test_bytes_that_are_no_text_become_replacement_characters() -> None:
    assert text(b"a\xffb\xc3\xa9") == "a\ufffdb\u00e9"
