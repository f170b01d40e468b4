"""What the drivers of switch matrices send and understand."""

import pytest

from hil.errors import InputError
from instruments.link.errors import ProtocolError
from instruments.matrix.b2200 import B2201A, KeysightB2200
from instruments.matrix.driver import Crosspoint
from instruments.matrix.k707b import K707B, K708B, Keithley707B
from instruments.matrix.models import matrix_driver_for, models

TSP, SCPI = Keithley707B(K707B), KeysightB2200(B2201A)


def texts(messages):
    return [m.text for m in messages]


def test_707b_is_set_up_with_all_relays_open():
    messages = TSP.prepare()
    assert texts(messages) == [
        'channel.open("allslots")',  # 707B-901-01, 7-27
        "channel.connectrule = channel.BREAK_BEFORE_MAKE",  # 7-24
        "print(channel.connectrule)",
        'print(channel.getclose("allslots"))',  # 7-25
    ]
    assert [m.expect for m in messages if m.reply] == [1.0, "nil"]


def test_707b_closes_crosspoints_of_several_cards():
    messages = TSP.connect([("A", 1), (2, 12), ("h", "13"), (1, 72)])
    assert texts(messages) == [
        "channel.connectrule = channel.BREAK_BEFORE_MAKE",
        'channel.exclusiveclose("1A01,1B12,2H01,6A12")',  # 7-22
        'print(channel.getclose("allslots"))',
    ]


def test_707b_closes_nothing_by_opening_all():
    assert texts(TSP.connect([]))[1] == 'channel.open("allslots")'


def test_707b_readback():
    assert TSP.parse_closed("nil\n") == frozenset()
    assert TSP.parse_closed("1A01;2H01") == {Crosspoint(1, 1), Crosspoint(8, 13)}
    for reply in ("1A13", "7A01", "garbage", ""):
        with pytest.raises(ProtocolError, match="no crosspoint"):
            TSP.parse_closed(reply)


def test_b2200_is_set_up_with_all_relays_open():
    messages = SCPI.prepare()
    assert texts(messages) == [
        ":ROUT:OPEN:CARD ALL",
        ":ROUT:FUNC ACON",
        ":ROUT:CONN:RULE ALL,FREE",
        ":ROUT:CONN:SEQ ALL,BBM",
        ":ROUT:FUNC?",
        ":ROUT:CONN:RULE? 0",
        ":ROUT:CONN:SEQ? 0",
    ]
    assert [m.expect for m in messages if m.reply] == ["ACON", "FREE", "BBM"]


def test_b2200_opens_all_before_it_closes():
    assert texts(SCPI.connect([(1, 1), (14, 48), ("B", "07")])) == [
        ":ROUT:CONN:SEQ ALL,BBM",
        ":ROUT:OPEN:CARD ALL",
        ":ROUT:CLOS (@00101,01448,00207)",
        "*OPC?",
        ":ROUT:CLOS:CARD? 0",
    ]
    assert texts(SCPI.connect([]))[2] == "*OPC?"


def test_b2200_long_lists_are_cut():
    everything = [(row, column) for row in range(1, 6) for column in range(1, 49)]
    lists = [t for t in texts(SCPI.connect(everything)) if "CLOS (" in t]
    assert [t.count(",") + 1 for t in lists] == [100, 100, 40]


def test_b2200_readback():
    for reply in ("(@00101,00214)", "@00101,00214", "00101, 00214"):
        assert SCPI.parse_closed(reply) == {Crosspoint(1, 1), Crosspoint(2, 14)}
    assert SCPI.parse_closed("(@)") == SCPI.parse_closed("") == frozenset()
    with pytest.raises(ProtocolError, match="'1A01' of '1A01'"):
        SCPI.parse_closed("1A01")


@pytest.mark.parametrize(
    ("driver", "asked", "reply"), [(TSP, [("A", 1)], "1A01"), (SCPI, [(1, 1)], "(@00101)"), (TSP, [], "nil")]
)
def test_what_was_asked_for_is_closed(driver, asked, reply):
    driver.verify(asked, reply)


def test_a_stuck_relay_is_named():
    with pytest.raises(ProtocolError, match="by mistake: row 3 column 4; open by mistake: row 1 column 1"):
        TSP.verify([(1, 1)], "1C04")


@pytest.mark.parametrize(
    ("driver", "closures", "message"),
    [
        (TSP, [("I", 1)], r"row I: a 707B has rows 1 \.\. 8"),
        (TSP, [(1, 73)], r"column 73: a 707B has columns 1 \.\. 72"),
        (TSP, [(0, 1)], r"row 0: a 707B has rows 1 \.\. 8"),
        (Keithley707B(K708B), [(1, 13)], r"column 13: a 708B has columns 1 \.\. 12"),
        (SCPI, [(15, 1)], r"row 15: a B2201A has rows 1 \.\. 14"),
        (SCPI, [(1, 1), ("A", "01")], r"row A, column 01 is named twice"),
        (SCPI, [("A1", 1)], r"row 'A1' of a B2201A must be a number from 1 or a letter"),
    ],
)
def test_crosspoints_that_are_not_there(driver, closures, message):
    with pytest.raises(InputError, match=message):
        driver.connect(closures)


def test_models_by_their_identity():
    assert matrix_driver_for("KEITHLEY INSTRUMENTS INC.,MODEL 707B,1234567,01.40a").spec.model == "707B"
    assert matrix_driver_for("AGILENT TECHNOLOGIES,B2201A,0,A.01.10").spec.model == "B2201A"
    with pytest.raises(InputError, match="known: 707B, 708B, B2200A, B2201A"):
        matrix_driver_for("KEITHLEY INSTRUMENTS INC.,MODEL 7001,1,1")
    assert all(family(spec).off for family, spec in models().values())


def test_errors():
    assert TSP.parse_error("0.00000e+00\tQueue Is Empty\t0\t1") is None
    assert TSP.parse_error("1.11500e+03\tParameter error\t20\t1") == (1115, "Parameter error")
    assert SCPI.parse_error('-222,"Data out of range"') == (-222, "Data out of range")
