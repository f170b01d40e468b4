"""Numbers, lists and error queues as texts."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import InputError
from instruments.link.errors import ProtocolError
from instruments.link.scpi import list_messages, number, numbers, parse_error, table


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (-0.0, "0"), (1.0, "1"), (-1.05, "-1.05"), (200.0, "200"), (0.5, "0.5"), (0.01, "0.01"),
        (1e-4, "1e-4"), (-1.5e-7, "-1.5e-7"), (0.1 + 0.2, "0.3"), (1e10, "1e10"), (1e-3, "1e-3"), (0.0043, "0.0043"),
        (1 / 3, "0.333333333"), (1e-320, "9.99988867e-321"),
    ],
)  # fmt: skip
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_not_sent(value):
    with pytest.raises(InputError, match="must be finite"):
        number(value)


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_rounding_keeps_order_and_nine_digits(a, b):
    low, high = sorted((a, b))
    assert float(number(low)) <= float(number(high))
    assert float(number(a)) == pytest.approx(a, rel=1e-8, abs=1e-300)
    assert len(number(a)) <= 16


@given(st.decimals(-200, 200, places=6))
def test_what_a_person_types_is_exact(value):
    assert float(number(float(value))) == float(value)


def test_lists():
    assert numbers([1, -0.5, 1e-6]) == "1,-0.5,1e-6"
    assert list_messages("SOUR:LIST:VOLT", np.array([1.0])) == ["SOUR:LIST:VOLT 1"]
    messages = list_messages("X", np.arange(300.0))
    assert [m.split()[0] for m in messages] == ["X", "X:APP", "X:APP"]
    assert ",".join(m.split()[1] for m in messages) == ",".join(str(k) for k in range(300))


def test_tables():
    np.testing.assert_array_equal(table(" 1, +2.0E+00 ,3,4e-3\n", 2, 2, "X?"), [[1, 2], [3, 4e-3]])
    for reply in ("1,2,3", "1,2,3,4,5", "1,2,x,4", "", "1,2,,4"):
        with pytest.raises(ProtocolError, match=r"'X\?'"):
            table(reply, 2, 2, "X?")


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ('0,"No error"', None),
        ('+0,"No error"\n', None),
        ('0,"No error;0;0 0"', None),
        ('-113,"Undefined header;1;2026/11/22 10:00:00.000"', (-113, "Undefined header")),
        ("-350,Queue overflow", (-350, "Queue overflow")),
        ('-221,"Settings conflict, output on"', (-221, "Settings conflict, output on")),
    ],
)
def test_entries_of_the_error_queue(reply, error):
    assert parse_error(reply) == error


@pytest.mark.parametrize("reply", ["", "nothing", "1.0E-3", '"No error",0'])
def test_what_is_no_entry_of_the_error_queue(reply):
    with pytest.raises(ProtocolError, match="error queue"):
        parse_error(reply)
