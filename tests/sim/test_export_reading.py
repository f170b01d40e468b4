"""What can be read from a law's Python, what is refused, and what stays a parameter."""

import math
from pathlib import Path

import numpy as np
import pytest
from pydantic import Field

from hil.compiling import njit
from hil.device import Unsupported
from sim.cells.equations import Equations, solution_of
from sim.cells.law import CellParameters, Law, StateVariable
from sim.export.cell import describe
from sim.export.expression import Formula, apply, evaluate, formula
from sim.export.printing import Printer, decimal, shown
from sim.export.reading import Reader
from sim.export.spice import subcircuit
from sim.export.tracing import Traced, Tracing, formulas

HALF = 0.5


def read(function, **values):
    """Formula of a function of names, at some values."""
    arguments = {name: Formula("parameter", name) for name in values}
    return evaluate(formula(Reader().value(function, *arguments.values())), values)


def branches(a, b):
    c = 0.0
    if a > b and not b < 0.0:
        return a - b
    if a == b:
        c = 7.0
    elif b != 0.0 or a < -1.0:
        c = a if 0.0 <= a <= 2.0 else -a
        c += 1.0
    c *= 2.0
    return c + HALF


def sums(a, b):
    total, r = 0.0, (1.0, b, 3.0)
    for k in range(len(r) - 1, -1, -1):
        total = total * a + r[k]
    return total


@njit
def _inner(a, flag):
    return math.exp(a) if flag else np.maximum(a, -1.0) ** 2


def calls(a, b):
    first, second = _inner(a, b > 0.0), min(a, b, 0.25)
    return first * second + np.hypot(a, b) + abs(b) - np.sign(a) + np.where(a > 0, 1.0, 3.0)


@pytest.mark.parametrize("function", [branches, sums, calls])
@pytest.mark.parametrize("a", [-1.5, 0.0, 0.3, 2.5])
@pytest.mark.parametrize("b", [-0.4, 0.0, 0.3])
def test_a_function_is_read_as_python_computes_it(function, a, b):
    assert read(function, a=a, b=b) == pytest.approx(function(a, b), rel=1e-12)


def until(a):
    while a > 1.0:
        a = a / 2.0
    return a


def many(a):
    for _ in range(1000):
        a = a / 2.0
    return a


def one_sided(a):
    if a > 1.0:
        b = 2.0
    return b


def half_returned(a):
    for _ in range(3):
        if a > 1.0:
            return a
        a = a + 1.0
    return a


def gamma_of(a):
    return math.gamma(a)


def entry(a):
    return (1.0, 2.0)[a]


def with_keyword(a):
    return _inner(a, flag=True)


def comprehension(a):
    return sum([a for _ in range(2)])


def modulo(a):
    return a % 2.0


def endless(a):
    return endless(a)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (until, "goes on until something is reached"), (many, "a loop of 1,000 rounds"),
        (one_sided, "'b' has no value on one side"), (half_returned, "returns a value on one side alone"),
        (gamma_of, "calls gamma, which has no counterpart"), (entry, "an entry that is not known beforehand"),
        (with_keyword, "a call with keywords"), (comprehension, "an expression of the kind 'listcomp'"),
        (modulo, r"an operator other than \+ - \* / \*\*"), (endless, "more than 50 functions"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_with_its_line(function, reason):
    with pytest.raises(Unsupported, match=rf"{function.__module__}\.{function.__name__}, line \d+: .*{reason}"):
        Reader().value(function, Formula("parameter", "a"))


def test_the_line_is_that_of_the_file():
    with pytest.raises(Unsupported) as refused:
        Reader().value(until, Formula("parameter", "a"))
    line = int(str(refused.value).partition("line ")[2].partition(":")[0])
    assert "while a > 1.0" in Path(__file__).read_text().splitlines()[line - 1]


class TracedParameters(CellParameters):
    r_on: float = Field(100.0, gt=0)
    d: float = Field(1e-8, gt=0)
    mu: float = Field(1e-14, gt=0)
    n: float = Field(2.0)
    R: tuple[float, ...] = (1.0, 2.0)
    m: int = 3


def test_derived_constants_stay_formulas_of_the_parameters():
    tracing = Tracing.of(TracedParameters())
    p = tracing.parameters
    found = formulas((p.mu * p.r_on / p.d**2, -p.d, 2 - p.n, *p.R, p.m, np.float64(3.0) * p.n))
    changed = {"mu": 2e-14, "r_on": 50.0, "d": 2e-8, "n": 5.0, "R0": 7.0, "R1": 8.0}
    values = [evaluate(one, changed) for one in found]
    assert values == pytest.approx([2e-14 * 50 / 4e-16, -2e-8, -3, 7, 8, 3, 15])
    assert not tracing.held


@pytest.mark.parametrize(
    "use",
    [
        lambda p: math.log(p.n), lambda p: 1.0 if p.n > 1 else 0.0, lambda p: float(p.n), lambda p: max(p.n, 3.0),
        lambda p: 1.0 if p.n else 0.0, lambda p: p.n == 2.0, lambda p: (p.n * p.d) < 1.0,
    ],
)  # fmt: skip
def test_a_parameter_whose_value_was_asked_for_is_held(use):
    tracing = Tracing.of(TracedParameters())
    use(tracing.parameters)
    assert "n" in tracing.held


class TwiceParameters(CellParameters):
    a: float = Field(2.0, gt=0, description="used plainly and in a logarithm", json_schema_extra={"unit": "1/s"})
    b: float = Field(3.0, description="used plainly")
    x0: float = Field(0.5, description="pristine")


class TwiceLaw(Law[TwiceParameters]):
    programmed = "x"
    equations = Equations(lambda v, x, p, out: None, lambda v, x, p: None)

    @property
    def states(self):
        return (StateVariable("x", self.parameters.x0, 0.0, 1.0),)

    def constants(self):
        return self.parameters.a, math.log(self.parameters.a), self.parameters.b

    conductance_range = advance = current = dose = None


def _rate(v, x, p, out):
    out[0] = p[0] * v + p[1] + p[2]


def _current(v, x, p):
    return v * x[0]


def law(**members):
    return type("MadeLaw", (TwiceLaw,), {"__abstractmethods__": frozenset(), **members})(TwiceParameters())


def test_a_parameter_half_of_which_became_a_number_is_a_number_everywhere():
    """Else an instance with another `a` would be a cell of no law."""
    cell = describe("sim:made", "", law(equations=Equations(_rate, _current)))
    assert [one.name for one in cell.parameters] == ["b", "x0"]
    assert [one.name for one in cell.fixed] == ["a"]
    assert "2 1/s" in subcircuit(cell, "sim:made")
    rate = evaluate(cell.states[0].rate, {"voltage v": 3.0, "state x": 0.1, "b": 10.0, "x0": 0.5})
    assert rate == pytest.approx(2 * 3 + math.log(2) + 10)


def test_a_law_without_equations_says_why():
    with pytest.raises(Unsupported, match="sim:made cannot be exported: it has moods"):
        describe("sim:made", "", law(equations=None, no_equations="it has moods"))


def _silent(v, x, p, out):
    if v > 0.0:
        out[0] = v


def test_a_rate_that_is_not_always_written_is_refused():
    with pytest.raises(Unsupported, match="leaves entry 0 of what it is to write without a value"):
        describe("sim:made", "", law(equations=Equations(_silent, _current)))


def _excess(u, v, r):
    return u + r * np.sinh(u) - v


@solution_of(_excess, scales=0.5)
@njit
def _solved(v, r):
    u = 0.0
    while abs(u + r * np.sinh(u) - v) > 1e-12:
        u -= (u + r * np.sinh(u) - v) / (1.0 + r * np.cosh(u))
    return u


def test_a_function_that_iterates_becomes_an_unknown_once():
    reader, v = Reader(), Formula("voltage", "v")

    def twice(v):
        return _solved(v, 2.0) + 3.0 * _solved(v, 2.0) + _solved(-v, 2.0)

    found = reader.value(twice, v)
    assert [one.name for one in reader.unknowns] == ["u0", "u1"]
    at = {"voltage v": 0.8, "unknown u0": _solved(0.8, 2.0), "unknown u1": _solved(-0.8, 2.0)}
    assert evaluate(found, at) == pytest.approx(3 * _solved(0.8, 2.0))
    for one in reader.unknowns:
        assert one.scale == 0.5
        assert evaluate(one.residual, at) == pytest.approx(0.0, abs=1e-9)


def test_equal_formulas_are_one_object_and_what_does_nothing_is_left_out():
    a, b = Formula("parameter", "a"), Formula("parameter", "b")
    assert a + b * 2.0 is a + b * 2.0
    assert a + 0.0 is a and 1.0 * a is a and a / 1.0 is a and a**1.0 is a and abs(abs(a)) is abs(a)
    assert apply("negative", -a) is a
    assert (a * 0.0).number == 0.0 and apply("less", 1.0, 2.0).number == 1.0 and apply("select", 0.0, a, b) is b
    assert formula(0.0) is not formula(-0.0)


@pytest.mark.parametrize("value", [1.0, -1e-31, 1 / 3, 6.02e23, 1e-300, 0.1, 123456789.123, 5e-324, 1.7e308, 0.0])
def test_a_number_is_written_in_full(value):
    assert float(shown(value)) == value and float(decimal(value)) == value
    assert not decimal(value).lstrip("-").isdigit()


def test_precedence_and_powers():
    a, b, c = (Formula("parameter", name) for name in "abc")
    spice = Printer(lambda kind, name: name, {"ln": "ln", "sign": "sgn"}, odd_powers=False, tiny_divisors=False)
    texts = {
        a - (b - c): "a - (b - c)", a / (b * c): "a/b/c", a / (b / c): "a/(b/c)", (a + b) * c: "(a + b)*c",
        -(a + b): "-(a + b)", -a * b: "-a*b", a**2.0: "a*a", (a + b) ** 2.0: "pow(a + b, 2)",
        (a + b) ** 3.0: "sgn(a + b)*pow(abs(a + b), 3)", abs(a) ** 13.0: "pow(abs(a), 13)",
        a**b: "pow(max(a, 1e-300), b)", 2.0**a: "pow(2, a)", a / 1e-40: "a*1e+40",
        a / b**3.0: "a*sgn(b)*pow(abs(b), -3)",
        apply("select", apply("less", a, b), 1.0, c) * 2.0: "(a < b ? 1 : c)*2",
        apply("not", apply("and", apply("less", a, b), apply("equal", b, c))): "!(a < b && b == c)",
    }  # fmt: skip
    for one, text in texts.items():
        assert spice.text(one) == text


def test_infinity_is_refused():
    with pytest.raises(Unsupported, match="inf stands in its equations"):
        shown(math.inf)


def test_traced_numbers_join_with_nothing_else():
    with pytest.raises(TypeError):
        Traced(1.0, Formula("parameter", "a"), set()) + "b"
