"""SCPI grammar: every legal form of a header and nothing else, compound messages, parameters, the error queue."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.virtual.catalogue import make
from instruments.virtual.scpi import ErrorQueue, header_pattern
from instruments.virtual.scpi_parameters import ScpiError, boolean, choice, integer, number

PATTERNS = [command.pattern for command in make("2450")._commands if "<" not in command.pattern]


@st.composite
def legal_forms(draw):
    """A form of a header: each node short or long, optional nodes there or not, in any case."""
    pattern = draw(st.sampled_from(PATTERNS))
    out, depth_skip = "", 0
    for token in re.findall(r"\[1\]|[A-Za-z]+|.", pattern):
        if token == "[1]":
            out += "" if depth_skip else draw(st.sampled_from(["", "1"]))
        elif token == "[":
            depth_skip += bool(depth_skip) or draw(st.booleans())
        elif token == "]":
            depth_skip -= bool(depth_skip)
        elif depth_skip:
            continue
        elif token.isalpha():
            word = draw(st.sampled_from([token, "".join(c for c in token if c.isupper())]))
            out += "".join(draw(st.sampled_from([c.upper(), c.lower()])) for c in word)
        else:
            out += token
    return pattern, out


@settings(deadline=None)
@given(legal_forms())
def test_every_short_and_long_form_in_any_case_is_accepted(form):
    pattern, header = form
    assert header_pattern(pattern).fullmatch(header), f"{header} of {pattern}"


@settings(deadline=None)
@given(legal_forms(), st.data())
def test_a_word_between_short_and_long_is_undefined(form, data):
    """SCPI-99 vol. 1, 6.2.1: only the exact short form and the exact long form."""
    pattern, _ = form
    words = [w for w in re.findall(r"[A-Za-z]+", pattern) if len(w) - sum(c.isupper() for c in w) > 1]
    if not words:
        return
    word = data.draw(st.sampled_from(words))
    short = sum(c.isupper() for c in word)
    cut = data.draw(st.integers(short + 1, len(word) - 1))
    bare = re.sub(r"[\[\]]", "", pattern.replace("[1]", ""))
    assert header_pattern(pattern).fullmatch(bare)
    wrong = re.sub(rf"\b{word}\b", word[:cut], bare, count=1)
    WRONG_HEADERS.handle("*CLS")
    WRONG_HEADERS.handle(wrong)
    assert WRONG_HEADERS.handle("SYST:ERR?").startswith("-113,")


@settings(deadline=None)
@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=40))
def test_garbage_never_raises_and_never_switches_on(text):
    instrument = GARBAGE
    instrument.handle(text)
    assert not instrument.output


GARBAGE = make("2400")
WRONG_HEADERS = make("2450")


def test_compound_messages_inherit_the_path():
    smu = make("2450")
    smu.handle("SOUR:VOLT:RANG 20;ILIM 1e-4")
    assert float(smu.handle(":SOUR:VOLT:ILIM?")) == 1e-4
    assert smu.handle("SOUR:VOLT:RANG?;ILIM?") == "2.000000E+01;1.000000E-04"
    smu.handle("SOUR:VOLT:RANG 2;:SENS:CURR:NPLC 0.1;*CLS;NPLC 0.2")
    assert float(smu.handle("SENS:CURR:NPLC?")) == 0.2, "a common command does not change the path"
    assert len(smu.errors) == 0
    smu.handle("SENS:CURR:NPLC 1;SOUR:VOLT 1")
    assert smu.handle("SYST:ERR?").startswith("-113"), "SENS:CURR:SOUR:VOLT is no header"


@pytest.mark.parametrize(
    "message, code",
    [
        ("SOUR:VOLT", -109),
        ("SOUR:VOLT 1,2", -108),
        ("SOUR:VOLT one", -104),
        ("SOUR:VOLT 500", -222),
        ("OUTP:SMOD SOFT", -224),
        ("SOUR:FUNC CURR", -224),
        ("SOUR:PULS:TR:VOLT 0,1,1e-3,1", -113),
        ("SENS:FUNC CURR", -104),
        ("SYST:ERR", -113),
        ("NONSENSE?", -113),
        ("TRIG:TIM9:DEL 1", -114),
    ],
)
def test_what_is_refused_and_how(message, code):
    smu = make("2450")
    assert smu.handle(message) is None
    assert smu.handle("SYST:ERR?").startswith(f"{code},")
    assert smu.handle("SYST:ERR?") == '0,"No error;0;0 0"'


def test_a_command_error_ends_the_message_an_execution_error_does_not():
    smu = make("2400")
    smu.handle(":SOUR:VOLT 999;:SOUR:DEL 0.5")
    assert float(smu.handle(":SOUR:DEL?")) == 0.5
    smu.handle(":SOUR:NONE 1;:SOUR:DEL 0.7")
    assert float(smu.handle(":SOUR:DEL?")) == 0.5


def test_numbers_booleans_and_choices():
    assert number("1.5e-3") == 1.5e-3 and number("MAX", 0, 7) == 7 and number("def", 0, 7, 3) == 3
    assert integer("2.6") == 3
    assert [boolean(t) for t in ("on", "OFF", "1", "0", "2")] == [True, False, True, False, True]
    assert choice("normal", ("NORMal",)) == choice("NORM", ("NORMal",)) == "NORM"
    for bad in ("nan", "inf", "1e", "0x10", "1 2", ""):
        with pytest.raises(ScpiError):
            number(bad)
    with pytest.raises(ScpiError):
        choice("NORMA", ("NORMal",))


def test_queue_overflow_is_the_last_entry():
    queue = ErrorQueue(3)
    for code in (-101, -102, -103, -104):
        queue.push(code, "x")
    assert [queue.pop()[0] for _ in range(3)] == [-101, -102, -350]
    assert queue.pop() is None


def test_queue_of_each_model_has_its_own_form():
    for model, text in (
        ("2400", '-113,"Undefined header"'),
        ("2450", '-113,"Undefined header;1;2026/01/01 12:00:00.000"'),
        ("B2901A", '-113,"Undefined header"'),
    ):
        smu = make(model)
        smu.handle("WRONG 1")
        assert smu.handle(":SYST:ERR?") == text
    smu = make("2400")
    for _ in range(12):
        smu.handle("WRONG")
    errors = [smu.handle(":SYST:ERR?") for _ in range(11)]
    assert errors[8:] == ['-113,"Undefined header"', '-350,"Queue overflow"', '0,"No error"']


def test_status_registers():
    smu = make("2450")
    assert smu.handle("*ESR?") == "128" and smu.handle("*ESR?") == "0"
    smu.handle("*ESE 48;*SRE 32")
    smu.handle("WRONG")
    assert smu.handle("*STB?") == str(4 + 32 + 64)
    smu.handle("SOUR:VOLT 999;*OPC")
    assert smu.handle("*ESE?;*ESR?") == f"48;{32 + 16 + 1}"
    smu.handle("*CLS")
    assert smu.handle("*STB?") == "0" and smu.handle("*OPC?") == "1"
    smu.handle("*ESE 256")
    assert smu.handle("SYST:ERR?").startswith("-222")
