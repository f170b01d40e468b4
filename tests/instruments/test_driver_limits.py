"""No driver ever puts a value on the wire that the limits forbid, and what it puts there plays the plan.

The messages are read back by an interpreter of their own, written from the manuals' meaning of each command, and turned
into levels and durations again; that must give the plan, whatever it was.
"""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import InputError
from hil.limits import LimitError
from instruments.link.scpi import number
from instruments.plan import Plan
from instruments.smu.driver import ChannelSettings
from instruments.smu.models import driver_for, models

LONGEST_MESSAGE = 2048
IDENTITIES = {
    "2400": "KEITHLEY INSTRUMENTS INC.,MODEL 2400,1234567,C30   Mar 17 2006 09:29:29/A02  /K/J",
    "2450": "KEITHLEY INSTRUMENTS,MODEL 2450,01234567,1.7.12b",
    "2460": "KEITHLEY INSTRUMENTS,MODEL 2460,01234567,1.7.12b",
    "2461": "KEITHLEY INSTRUMENTS,MODEL 2461,01234567,1.7.12b",
    "2602B": "Keithley Instruments Inc., Model 2602B, 1398687, 3.2.2",
    "2611B": "Keithley Instruments Inc., Model 2611B, 1398687, 3.2.2",
    "2636B": "Keithley Instruments Inc., Model 2636B, 1398687, 3.2.2",
    "B2901A": "Agilent Technologies,B2901A,MY51140000,1.2.1217.2523",
    "B2912A": "Keysight Technologies,B2912A,MY51140000,3.4.1650.7270",
}
MODEL = st.sampled_from(sorted(IDENTITIES))


def values_after(texts, pattern):
    """All numbers, in order, of the lists whose messages match."""
    found = [re.fullmatch(pattern, t) for t in texts]
    return [float(word) for m in found if m for word in m[1].split(",")]


def one(texts, pattern):
    (value,) = values_after(texts, pattern)
    return value


def played(model, messages, conf):
    """(level, duration) of what the messages make the instrument source, in order, from output on to output off."""
    texts = [m.text for m in messages]
    aperture = conf.nplc / conf.line_frequency
    if model.startswith("2400"):
        levels = values_after(texts, r":SOUR:LIST:VOLT(?::APP)? (.*)")
        assert one(texts, r":TRIG:COUN (.*)") == len(levels)
        return [(v, one(texts, r":SOUR:DEL (.*)") + aperture + 8e-4) for v in levels]
    if model.startswith("B29"):
        levels = values_after(texts, r":SOUR1:LIST:VOLT(?::APP)? (.*)")
        period = one(texts, r":TRIG1:ALL:TIM (.*)")
        assert one(texts, r":TRIG1:ALL:COUN (.*)") == len(levels)
        if ":SOUR1:FUNC:SHAP DC" in texts:
            return [(v, period) for v in levels]
        width = one(texts, r":SOUR1:PULS:WIDT (.*)")
        *levels, end = levels
        assert end == 0
        return [part for v in levels for part in ((v, width), (0.0, period - width))]
    if model.startswith("26"):
        levels = values_after(texts, r"(?:smua.trigger.source.listv\(|for _, v in ipairs\()\{(.*)\}\).*")
        count, period = one(texts, r"smua.trigger.count = (.*)"), one(texts, r"trigger.timer\[1\].delay = (.*)")
        assert one(texts, r"trigger.timer\[1\].count = (.*)") == max(1, count - 1)
        if "smua.trigger.endpulse.action = smua.SOURCE_HOLD" in texts:
            assert count == len(levels)
            return [(v, period) for v in levels]
        width = one(texts, r"trigger.timer\[2\].delay = (.*)")
        (go,) = [t for t in texts if "initiate" in t]
        base = float(re.search(r"OUTPUT_ON; smua.source.levelv = (\S+);", go)[1])
        assert float(re.search(r"delay\((.*?)\)", go)[1]) == pytest.approx(period - width)
        return [(levels[0], width), (base, period - width)] * int(count)
    train = [m for t in texts if (m := re.fullmatch(r"SOUR:PULS:TR:VOLT (.*)", t))]
    if train:
        base, level, width, count, _, _, delay, rest, *_ = train[0][1].split(",")
        assert delay == "0"
        return [(float(level), float(width)), (float(base), float(rest))] * int(count)
    levels = values_after(texts, r"SOUR:LIST:VOLT(?::APP)? (.*)")
    sweep = [m for t in texts if (m := re.fullmatch(r"SOUR:SWE:VOLT:LIST 1,(.*),1,OFF,\"defbuffer1\"", t))]
    if sweep:
        return [(v, float(sweep[0][1]) + aperture + 4.5e-4) for v in levels]
    level, base = levels
    period, width = one(texts, r"TRIG:TIM1:DEL (.*)"), one(texts, r"TRIG:TIM2:DEL (.*)")
    (count,) = [m[1] for t in texts if (m := re.fullmatch(r"TRIG:BLOC:BRAN:COUN \d+, (\d+), \d+", t))]
    return [(level, width), (base, period - width)] * int(count)


def runs(steps):
    """Merge neighbours of one level."""
    grouped = itertools.groupby(steps, key=lambda step: round(step[0], 6))
    return [(level, sum(duration for _, duration in group)) for level, group in grouped]


def assert_plays(model, plan, conf, messages):
    got = played(model, messages, conf)
    assert max(abs(v) for v, _ in got) <= float(number(conf.v_peak))
    ticks = plan.ticks(driver_for(IDENTITIES[model]).spec.time_step)[1].sum()
    if ticks == 1 and sum(duration for _, duration in got) > 1.5 * plan.total:
        # A list of a single tick too short to be cut in two goes on at 0 V for another, by which it is timed.
        assert got.pop() == (0.0, got[0][1]) and model not in ("2400", "2602B", "2611B", "2636B")
    got, wanted = runs(got), runs(zip(plan.level, plan.duration, strict=True))
    assert [v for v, _ in got] == pytest.approx([v for v, _ in wanted], abs=1e-6)
    # A 2400 programs its delay in steps of 0.1 ms.
    slack = 5e-5 * len(plan) * 5 + 1e-9 if model == "2400" and conf.line_frequency != 50 else 1e-8
    np.testing.assert_allclose([d for _, d in got], [d for _, d in wanted], rtol=1e-6, atol=slack)


def assert_safe(messages, conf):
    """Every limit on the wire is the compliance, lists are short, and the output is switched off in the same script."""
    for message in messages:
        assert len(message.text) <= LONGEST_MESSAGE
        for limit in re.findall(r"(?:CURR:PROT|ILIM|limiti =) ?([-+.\de]+)$", message.text):
            assert float(limit) == pytest.approx(conf.compliance, rel=1e-8), message.text
        if "LIST:VOLT" in message.text or "{" in message.text:
            assert message.text.count(",") <= 101
    text = "\n".join(m.text for m in messages)
    if "OUTPUT_ON" in text:
        assert text.rindex("OUTPUT_OFF") > text.index("OUTPUT_ON")
    if "STAT 2, ON" in text:
        assert re.search(r"TRIG:BLOC:SOUR:STAT \d+, OFF\nTRAC:CLE .*\n.*\?.*\nINIT", text)
    if "OUTP1 ON" in text:
        assert text.rindex("OUTP1 OFF") > text.index("OUTP1 ON")


LEVEL = st.floats(-1.5, 1.5, allow_nan=False)
STEP = st.tuples(LEVEL, st.integers(1, 5), st.booleans())


@settings(max_examples=150, deadline=None)
@given(model=MODEL, steps=st.lists(STEP, min_size=1, max_size=150), frequency=st.sampled_from([50.0, 60.0]))
def test_any_plan_within_the_limits_is_what_is_played(model, steps, frequency):
    level, ticks, measure = zip(*steps, strict=True)
    plan = Plan(level, np.array(ticks) * 2e-3, measure)
    conf = ChannelSettings(compliance=1e-4, v_peak=1.5, line_frequency=frequency)
    driver = driver_for(IDENTITIES[model])
    messages = driver.play(plan, conf)
    assert_plays(model, plan, conf, messages)
    assert_safe((*driver.prepare(conf), *messages), conf)


@settings(max_examples=150, deadline=None)
@given(
    model=MODEL,
    level=LEVEL,
    base=st.sampled_from([0.0, 0.1, -0.2]),
    width=st.integers(1, 20),
    rest=st.integers(1, 20),
    count=st.integers(1, 40),
    measure=st.booleans(),
)
def test_any_train_within_the_limits_is_what_is_played(model, level, base, width, rest, count, measure):
    plan = Plan.train(level, width * 1e-3, (width + rest) * 1e-3, count, base=base, measure=measure)
    conf = ChannelSettings(compliance=1e-4, v_peak=1.5)
    messages = driver_for(IDENTITIES[model]).play(plan, conf)
    assert_plays(model, plan, conf, messages)
    assert_safe(messages, conf)


@settings(max_examples=300, deadline=None)
@given(
    model=MODEL,
    steps=st.lists(
        st.tuples(st.floats(-1.2, 1.2, allow_nan=False), st.integers(1, 40), st.booleans()), min_size=1, max_size=20
    ),
    unit=st.sampled_from([3e-3, 1e-3, 1e-3, 2e-4, 1e-4, 1e-6, 3e-7, 100.0]),
    v_peak=st.sampled_from([1.0, 1.2, 3.0, 20.0, 90.0, 300.0]),
    compliance=st.integers(-10, 1).map(lambda exponent: 2.5 * 10.0**exponent),
    nplc=st.sampled_from([1e-3, 0.01, 0.01, 0.01, 0.1, 200]),
)
def test_anything_at_all_is_played_exactly_or_refused(model, steps, unit, v_peak, compliance, nplc):
    level, duration, measure = zip(*steps, strict=True)
    plan = Plan(level, np.array(duration) * unit, measure)
    conf = ChannelSettings(compliance=compliance, v_peak=v_peak, nplc=nplc)
    driver = driver_for(IDENTITIES[model])
    try:
        messages = driver.play(plan, conf)
    except LimitError:
        return
    spec = driver.spec
    assert np.abs(plan.level).max() <= v_peak <= spec.v_max
    assert spec.i_min <= compliance <= spec.i_max and spec.nplc[0] <= nplc <= spec.nplc[1]
    assert spec.width_min <= plan.duration.min() * (1 + 1e-6) and plan.duration.max() <= spec.width_max
    assert_plays(model, plan, conf, messages)


@pytest.mark.parametrize("model", sorted(IDENTITIES))
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"compliance": 100.0}, "compliance 100 A: a "),
        ({"compliance": 1e-12}, "compliance 1e-12 A: a "),
        ({"compliance": -1e-4}, "compliance -0.0001 A: a "),
        ({"compliance": float("nan")}, "compliance nan A: a "),
        ({"v_peak": 1000.0}, "v_peak 1000 V: a "),
        ({"v_peak": float("inf")}, "v_peak inf V: a "),
        ({"nplc": 1000.0}, "nplc 1000: a "),
        ({"nplc": 0.0}, "nplc 0: a "),
        ({"line_frequency": 400.0}, "line_frequency 400 Hz: a "),
        ({"channel": 3}, "channel 3: a "),
        ({"channel": 0}, "channel 0: a "),
    ],
)
def test_settings_beyond_the_model_are_refused(model, change, message):
    driver = driver_for(IDENTITIES[model])
    conf = ChannelSettings(**({"compliance": 1e-4, "v_peak": 1.5} | change))
    with pytest.raises(LimitError, match=re.escape(message)):
        driver.prepare(conf)
    with pytest.raises(LimitError, match=re.escape(message)):
        driver.play(Plan.train(1.0, 2e-3, 4e-3, 2), conf)


@pytest.mark.parametrize("model", sorted(IDENTITIES))
def test_plans_beyond_the_model_are_refused(model):
    driver = driver_for(IDENTITIES[model])
    conf, spec = ChannelSettings(compliance=1e-4, v_peak=1.5), driver.spec
    for plan, message in (
        (Plan([0, 1.51], [2e-3, 2e-3], [0, 0]), r"step 1: 1\.51 V is beyond v_peak 1\.5 V"),
        (Plan([0, -1.6, 0], np.full(3, 2e-3), [0, 0, 0]), r"step 1: -1\.6 V is beyond"),
        (Plan([1, 0, 1], [2e-3, spec.width_min / 2, 2e-3], [0, 0, 0]), "step 1: .* is too short, a step of"),
        (Plan([1, 0], [2e-3, spec.width_max * 2], [0, 0]), "step 1: .* is too long"),
        (Plan.train(1, 2e-3, 4e-3, spec.points + 1), r"\d+ points are needed \(.*\), a .* has"),
        (Plan(np.linspace(0, 1, spec.points + 1), np.full(spec.points + 1, 2e-3), np.ones(spec.points + 1)),
         rf"{spec.points + 1} points are needed .*, a {model} has {spec.points}: play it in parts"),
        (Plan([1, 0, 1], [2e-3, 2e-3 + spec.time_step / 3, 2e-3], [0, 0, 0]), "step 1: .* is not a multiple of"),
    ):  # fmt: skip
        with pytest.raises(LimitError, match=message):
            driver.play(plan, conf)


@pytest.mark.parametrize("model", sorted(IDENTITIES))
def test_a_list_that_fills_the_instrument(model):
    driver = driver_for(IDENTITIES[model])
    points = driver.spec.points
    plan = Plan(np.sin(np.arange(points)), np.full(points, 2e-3), np.ones(points))
    conf = ChannelSettings(compliance=1e-4, v_peak=1.0)
    messages = driver.play(plan, conf)
    assert_plays(model, plan, conf, messages)
    assert_safe(messages, conf)


@pytest.mark.parametrize("model", sorted(IDENTITIES))
def test_the_model_that_answers_is_the_one_that_is_driven(model):
    assert driver_for(IDENTITIES[model]).spec.model == model


def test_every_model_has_a_usable_specification():
    for name, (family, spec) in models().items():
        driver = family(spec)
        off = driver.off(ChannelSettings(compliance=1e-4, v_peak=1.0))
        assert spec.model == name and off and driver.error_query and driver.sync in ("scpi", "tsp")
        assert spec.width_min <= spec.width_measured < spec.width_max and spec.source
        for ranges, largest in ((spec.v_ranges, spec.v_max), (spec.i_ranges, spec.i_max)):
            assert list(ranges) == sorted(ranges) and ranges[-1] == largest
        if spec.envelope:
            assert spec.envelope[-1][0] == spec.v_max and spec.envelope[0][1] == spec.i_max


@pytest.mark.parametrize(
    ("identity", "message"),
    [
        ("KEITHLEY INSTRUMENTS INC.,MODEL 2000,1,1", "no driver for .*known: 2400, 2401, 2410, 2420, 2425, 2440, 2450"),
        ("HEWLETT-PACKARD,34401A,0,11-5-2", "no driver for"),
        ("garbage", "is no answer to"),
        ("", "is no answer to"),
    ],
)
def test_unknown_instruments(identity, message):
    with pytest.raises(InputError, match=message):
        driver_for(identity)
