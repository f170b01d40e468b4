"""Whatever the user asks: no value beyond the limits is ever on the wire, and none reaches the sample.

What is on the wire is read by the patterns below, which know nothing of the drivers. A message that they do not know
fails the test: a new way to source something must be added here first.
"""

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hil.backends import open_device
from hil.errors import InputError
from hil.waveform import Waveform
from instruments.device import SmuDevice
from instruments.link.errors import ComplianceError
from instruments.safety.limits import SafetyLimits
from instruments.smu.driver import ChannelSettings
from instruments.smu.session import Smu
from instruments.virtual.bench import BenchClock
from instruments.virtual.catalogue import make
from instruments.virtual.dut import Dut

MODELS = ("2400", "2450", "2461", "2602B", "B2901A")

NUMBER = r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
LIST = rf"{NUMBER}(?:,{NUMBER})*"

DIGITS = 1 + 1e-8
"""Numbers go out with nine digits, so the last one may be rounded up."""

LEVELS = [
    rf"SOUR1?:VOLT ({LIST})",
    rf"SOUR1?:LIST:VOLT(?::APP)? ({LIST})",
    rf"smu[ab]\.source\.levelv = ({NUMBER})",
    rf"smu[ab]\.trigger\.source\.listv\(\{{({LIST})\}}\)",
]
"""What carries source voltages, V."""

COMPLIANCES = [
    rf"SENS1?:CURR:PROT ({NUMBER})",
    rf"SOUR:VOLT:ILIM ({NUMBER})",
    rf"smu[ab]\.(?:source|trigger\.source)\.(?:off)?limiti = ({NUMBER})",
]
"""What carries current limits, A."""

PULSES = rf'SOUR:PULS:TR:VOLT ({LIST}),(?:ON|OFF),"defbuffer1",{LIST},({NUMBER},{NUMBER}),OFF'
"""2461-901-01 6-113: base and pulse voltage first, then width and count; base and pulse limit before the last."""

STARTS = [
    r"INIT.*", r"READ\?", r"OUTP1? ON", r"smu[ab]\.source\.output = smu[ab]\.OUTPUT_ON",
    r"smu[ab]\.trigger\.initiate\(\)",
]  # fmt: skip
"""What lets current flow."""

HARMLESS = [
    r"\*(IDN\?|RST|OPC\?|LANG\?|CLS)", r"SYST:.*", r"FORM:.*", r"ABOR( \(@1\))?", r"[A-Z0-9:]+\?( .*)?",
    r"OUTP1?( OFF|:SMOD NORM|:VOLT:SMOD NORM|:O(N|FF):AUTO [01]|:OFF:MODE NORM|:PROT 0)",
    r"SOUR1?:(CLE:AUTO.*|FUNC( VOLT|:MODE VOLT|:TRIG:CONT 0|:SHAP (PULS|DC))|VOLT:(MODE (FIX|LIST)|PROT [2-9]\d+))",
    rf"SOUR1?:VOLT:(RANG(:AUTO 0)? ?({NUMBER})?|DEL 0|READ:BACK OFF)", r"SOUR1?:(DEL.*|WAIT 0|SWE:CAB NEV)",
    r"ROUT:TERM (FRON|REAR)", r"DISP:ENAB (ON|OFF)", r"SOUR:SWE:RANG FIX", r'TRAC:CLE "defbuffer1"',
    r"timer\.reset\(\)|took = timer\.measure\.t\(\)",
    r"SOUR1?:PULS:(DEL|WIDT) .*", rf'SOUR:SWE:VOLT:LIST 1,{NUMBER},1,OFF,"defbuffer1"',
    rf"SENS1?:(FUNC.*|AZER:ONCE|REM [01]|WAIT 0|CURR:(RSEN \w+|AZER OFF|NPLC {NUMBER}|RANG(:AUTO 0)? ?({NUMBER})?))",
    r"ARM:COUN 1", r"TRIG1?:.*", r"TRAC:DATA\? .*",
    r"abort", r"smu[ab]\.(abort|reset)\(\)", r"smu[ab]\.source\.output = smu[ab]\.OUTPUT_OFF", r"print(buffer)?\(.*\)",
    r"smu[ab]\.source\.(func|offmode|offfunc|autorangev) = smu[ab]\.\w+",
    rf"smu[ab]\.source\.(rangev|delay) = {NUMBER}",
    r"smu[ab]\.sense = .*", r"smu[ab]\.measure\..*", r"smu[ab]\.nvbuffer1\..*", r"trigger\.timer\[[123]\]\..*",
    r"smu[ab]\.trigger\.(source\.(action|stimulus)|measure|endpulse|endsweep|arm|count).*",
    rf"waitcomplete\(\)|delay\({NUMBER}\)",
]  # fmt: skip
"""What neither sets a voltage nor a current limit. Trigger blocks recall lists that were sent before."""


def values(text):
    return [float(v) for v in text.split(",")]


def on_the_wire(message):
    """Source levels, current limits and whether it starts something, of one message."""
    levels, limits, started = [], [], False
    for part in (p.strip().removeprefix(":") for p in message.split(";")):
        found = re.fullmatch(PULSES, part)
        if found:
            levels += values(found[1])[:2]
            limits += values(found[2])
            continue
        for patterns, into in ((LEVELS, levels), (COMPLIANCES, limits)):
            found = next((m for p in patterns if (m := re.fullmatch(p, part))), None)
            if found:
                into += values(found[1])
                break
        else:
            starts = any(re.fullmatch(p, part) for p in STARTS)
            assert starts or any(re.fullmatch(p, part) for p in HARMLESS), f"'{part}' is unknown: may it source?"
            started |= starts
    return levels, limits, started


class Wire:
    """Hands messages to a virtual instrument, and keeps them."""

    resource, sync, heartbeat = "wire", "scpi", None

    def __init__(self, instrument):
        self.instrument, self.heard = instrument, []

    def write(self, text):
        self.heard.append(text)
        assert self.instrument.handle(text) is None

    def query(self, text, patience=0.0):
        self.heard.append(text)
        answer = self.instrument.handle(text)
        return answer.decode("latin-1") if isinstance(answer, bytes) else answer

    def close(self):
        pass


class NoLock:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def watched(dut):
    """What every port really sees, at the end of every step."""
    seen, step = [], dut._step

    def spy(network, duration):
        now = step(network, duration)
        seen.extend((one.voltage, one.current) for one in now)
        return now

    dut._step = spy
    return seen


SIZES = st.sampled_from([0.0, 0.02, 0.5, 0.999, 1.0]) | st.floats(0, 1)
BEYOND = st.sampled_from([1.0000001, 1.001, 1.1, 2.0, 10.0, 1000.0])
LEVEL = st.tuples(st.one_of(*[SIZES] * 12, BEYOND), st.sampled_from([1, -1])).map(lambda p: p[0] * p[1])
WIDTHS = st.sampled_from([1e-3, 1e-3, 1e-3, 2e-3, 5e-3, 1e-5, 1.0005e-3, 0.03])


@st.composite
def asked(draw):
    v_max = draw(st.sampled_from([0.3, 1.0, 2.0, 3.3]) | st.floats(0.01, 25.0))
    forming = draw(st.booleans())
    limits = SafetyLimits(
        v_max=v_max,
        # A 2602B reads a limit back with six digits.
        i_max=10 ** draw(st.floats(-7.0, -1.0)),
        width_max=draw(st.sampled_from([np.inf, np.inf, 2e-3, 0.05])),
        energy_max=draw(st.sampled_from([np.inf, np.inf, 1e-5, 1e-8])),
        pulses_max=draw(st.sampled_from([None, None, 1, 10])),
        forming=forming,
        v_forming=v_max * draw(st.sampled_from([1.5, 3.0])) if forming else 0.0,
        v_read=0.01,
    )
    waveforms = []
    for _ in range(draw(st.integers(1, 3))):
        segments = draw(st.lists(st.tuples(LEVEL, LEVEL | st.just(0.0), WIDTHS, st.booleans()), min_size=1, max_size=4))
        parts = [
            Waveform.pulse(row * limits.ceiling, col * limits.ceiling, width=width, measure=measure)
            for row, col, width, measure in segments
        ]
        waveform = sum(parts[1:], parts[0])
        waveforms.append(waveform * draw(st.sampled_from([1, 1, 2, 5])))
    return draw(st.sampled_from(MODELS)), limits, waveforms, draw(LEVEL) * limits.ceiling


def play(model, limits, waveforms, read, count):
    with open_device("sim:rram?g_max=1e-3&v_max=1000&v_set=0.5") as cell:
        dut = Dut(cell, series=50.0)
        seen, wire = watched(dut), Wire(make(model, dut))

        def attempt(action):
            before = len(wire.heard)
            try:
                action()
                count["played"] += 1
            except ComplianceError:
                count["clipped reads"] += 1
            except InputError:
                count["refused"] += 1
                assert wire.heard[before:] == [], "refused, and yet something was sent"

        try:
            smu = Smu(wire, ChannelSettings(limits.i_max, limits.ceiling), limits)
        except InputError:
            count["limits refused"] += 1
            assert {message.partition(" ")[0] for message in wire.heard} <= {"*IDN?", "*LANG?", "*OPC?"}
            return
        device = SmuDevice(
            "visa:test", smu, 1, 1, clock=BenchClock(dut, NoLock()), guard=None, gaps=True, read_voltage=0.01
        )
        for waveform in waveforms:
            attempt(lambda w=waveform: device.apply(w))
        if read:
            attempt(lambda: device.read(read))
        smu.off()
        device.close()

        limited = False
        for message in wire.heard:
            levels, currents, starts = on_the_wire(message)
            assert all(abs(v) <= limits.ceiling * DIGITS for v in levels), f"{message}: beyond {limits.ceiling} V"
            assert all(0 < i <= limits.i_max * DIGITS for i in currents), f"{message}: beyond {limits.i_max} A"
            limited |= bool(currents)
            assert limited or not starts, f"{message}: no current limit was set before"
            count["levels"] += len(levels)
        for voltage, current in seen:
            assert abs(voltage) <= limits.ceiling * DIGITS
            assert abs(current) <= limits.i_max * (1 + 1e-6)
        count["at compliance"] += any(abs(i) >= limits.i_max * (1 - 1e-6) for _, i in seen)
        count["steps"] += sum(v != 0 for v, _ in seen)


def test_no_plan_puts_a_value_beyond_the_limits_on_the_wire():
    count = Counter()

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(asked())
    def whatever_the_user_asks(case):
        play(*case, count)

    whatever_the_user_asks()
    print(dict(count))
    assert min(count["played"], count["refused"], count["levels"], count["steps"]) > 20
    assert count["at compliance"] > 0


@pytest.mark.parametrize(
    "message",
    ["SOUR:LIST:VOLT 0.1,7,0.1", ":SOUR1:LIST:VOLT 0.1,-7", ":SOUR1:VOLT 7", "smua.trigger.source.listv({0.1,-7})",
     "smua.source.levelv = 7", 'SOUR:PULS:TR:VOLT 0,7,1e-3,4,ON,"defbuffer1",0,9e-3,1e-3,1e-3,OFF',
     'SOUR:PULS:TR:VOLT 7,0,1e-3,4,ON,"defbuffer1",0,9e-3,1e-3,1e-3,OFF', ":OUTP1 ON;:SOUR1:VOLT 7;:INIT (@1)"],
)  # fmt: skip
def test_the_reader_of_the_wire_sees_every_level(message):
    assert max(map(abs, on_the_wire(message)[0])) == 7


@pytest.mark.parametrize(
    "message",
    [":SENS1:CURR:PROT 7", ":SENS:CURR:PROT 7", "SOUR:VOLT:ILIM 7", "smua.source.limiti = 7",
     "smua.trigger.source.limiti = 7", 'SOUR:PULS:TR:VOLT 0,1,1e-3,4,ON,"defbuffer1",0,9e-3,7,1e-3,OFF',
     'SOUR:PULS:TR:VOLT 0,1,1e-3,4,ON,"defbuffer1",0,9e-3,1e-3,7,OFF'],
)  # fmt: skip
def test_the_reader_of_the_wire_sees_every_current_limit(message):
    assert max(on_the_wire(message)[1]) == 7


@pytest.mark.parametrize("message", ["SOUR:CURR 1", "SOUR:VOLT:STAR 1", "smua.source.leveli = 1", "SOUR:VOLT MAX"])
def test_what_the_reader_does_not_know_is_no_harmless_message(message):
    with pytest.raises(AssertionError, match="unknown"):
        on_the_wire(message)
