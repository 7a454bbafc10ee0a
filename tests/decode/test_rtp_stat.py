"""Statistics headers as the makers send them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipscope.decode.rtp_stat import HEADERS, NAMES, parse_rtp_stat

AVM = (
    b"CS=0;PS=1433;ES=1525;OS=229280;SP=0/0;SO=0;QS=-;PR=1522;ER=1526;OR=243520;CR=0;SR=0;QR=-;"
    b"PL=1,2;BL=0;LS=0;RB=0/0;SB=-/-;EN=PCMA,FAX;DE=PCMA;JI=23,2;DL=20,19,21;"
    b"IP=192.0.2.1:7078,198.51.100.5:30000"
)


def test_an_avm_router() -> None:
    assert parse_rtp_stat(b"x-rtp-stat", AVM) == {
        "setup_ms": 0,
        "packets_sent": 1433,
        "expected_sent": 1525,
        "octets_sent": 229280,
        "packets_received": 1522,
        "expected_received": 1526,
        "octets_received": 243520,
        "lost_received": 1,
        "lost_sent": 2,
        "encoder": "PCMA,FAX",
        "decoder": "PCMA",
        "jitter_received": 23,
        "jitter_sent": 2,
        "round_trip_ms": 20,
        "round_trip_min_ms": 19,
        "round_trip_max_ms": 21,
    }


def test_an_audiocodes_gateway_with_two_semicolons() -> None:
    value = b"PS=207;OS=49680;;PR=314;OR=50240;PL=0;JI=600;LA=40;"
    assert parse_rtp_stat(b"x-rtp-stat", value) == {
        "packets_sent": 207,
        "octets_sent": 49680,
        "packets_received": 314,
        "octets_received": 50240,
        "lost_received": 0,
        "jitter_received": 600,
        "latency_ms": 40,
    }


def test_a_cisco_gateway_with_commas() -> None:
    value = b"PS=3775,OS=649300,PR=3775,OR=604000,PL=0,JI=0,LA=4,DU=98"
    assert parse_rtp_stat(b"p-rtp-stat", value) == {
        "packets_sent": 3775,
        "octets_sent": 649300,
        "packets_received": 3775,
        "octets_received": 604000,
        "lost_received": 0,
        "jitter_received": 0,
        "latency_ms": 4,
        "duration_s": 98,
    }


def test_a_poly_adapter_with_a_score() -> None:
    value = b"PS=1234,PR=1236,JI=1,DU=1230,PL=0,EN=G711U,DE=G711U,MOS=4.0"
    assert parse_rtp_stat(b"x-rtp-stat", value) == {
        "packets_sent": 1234,
        "packets_received": 1236,
        "jitter_received": 1,
        "duration_s": 1230,
        "lost_received": 0,
        "encoder": "G711U",
        "decoder": "G711U",
        "mos": 4.0,
    }


def test_baresip_names_itself() -> None:
    value = b"EX=BareSip;CS=2000;CD=19;PR=839;PS=908;PL=59,0;PD=0,0;JI=8.0,6.0;EN=PCMA/8000"
    assert parse_rtp_stat(b"x-rtp-stat", value) == {
        "reporter": "BareSip",
        "setup_ms": 2000,
        "duration_s": 19,
        "packets_received": 839,
        "packets_sent": 908,
        "lost_received": 59,
        "lost_sent": 0,
        "discarded_received": 0,
        "discarded_sent": 0,
        "jitter_received": 8.0,
        "jitter_sent": 6.0,
        "encoder": "PCMA/8000",
    }


def test_a_cisco_phone_has_a_header_for_each_direction() -> None:
    value = b"Dur=60,Pkt=3000,Oct=516000,LatePkt=2,LostPkt=5,AvgJit=3"
    assert parse_rtp_stat(b"rtp-rxstat", value) == {
        "duration_s": 60,
        "packets_received": 3000,
        "octets_received": 516000,
        "late_received": 2,
        "lost_received": 5,
        "jitter_received": 3,
    }
    assert parse_rtp_stat(b"rtp-txstat", b"Dur=60,Pkt=2999,Oct=515828") == {
        "duration_s": 60,
        "packets_sent": 2999,
        "octets_sent": 515828,
    }


def test_what_is_no_number_is_left_out() -> None:
    assert parse_rtp_stat(b"x-rtp-stat", b"PS=1_0;PR=+5;OS=;OR=0x10;PL=-1;JI=\xb2;LA=nan") == {
        "lost_received": -1
    }


def test_other_headers_tell_nothing() -> None:
    assert parse_rtp_stat(b"x-asterisk-hangupcause", b"PS=1") == {}


@pytest.mark.parametrize("value", [b" " * 60_000, b"PS=" * 20_000, b";A" * 30_000, b"," * 60_000])
def test_a_hostile_value_takes_no_time(value: bytes) -> None:
    began = time.process_time()
    parse_rtp_stat(b"x-rtp-stat", value)
    assert time.process_time() - began < 0.2


@given(st.sampled_from(sorted(HEADERS)), st.binary(max_size=200))
def test_any_value_gives_known_names(name: bytes, value: bytes) -> None:
    assert parse_rtp_stat(name, value).keys() <= NAMES


@given(st.text(alphabet="PSORJILA=;, 0123456789.", max_size=100))
def test_any_likely_value_gives_known_names(value: str) -> None:
    assert parse_rtp_stat(b"x-rtp-stat", value.encode()).keys() <= NAMES
