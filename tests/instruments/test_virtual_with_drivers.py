"""Every driver's messages, sent to the virtual instrument of its model, are accepted and mean what the plan says.

Drivers and virtual instruments were written apart from each other, both from the manuals.
"""

import numpy as np
import pytest

from hil.backends import open_device
from instruments.matrix.models import matrix_driver_for
from instruments.matrix.models import models as matrix_models
from instruments.plan import Plan
from instruments.smu.driver import ChannelSettings
from instruments.smu.models import driver_for
from instruments.virtual.catalogue import make, models
from instruments.virtual.dut import Dut

PULSE_UNITS = ("4200A",)
"""Virtual instruments that source no plan of an SMU; `instruments.pmu` drives them, test_pmu.py holds both."""

SMUS = sorted(m for m in models() if m not in matrix_models() and m not in PULSE_UNITS)
RESISTANCE = 1e3
TRAIN = Plan.train(0.5, 2e-3, 5e-3, 7)
LIST = Plan(np.array([0.1, 0.2, -0.3, 0.4]), np.full(4, 2e-3), np.array([True, False, True, True]))
STEPS = Plan(np.array([0.1, 0.0, -0.3]), np.array([2e-3, 4e-3, 6e-3]), np.array([True, True, True]))


def for_model(plan, model):
    """The same ten times slower for a 6430, which takes 10 ms a step."""
    return Plan(plan.level, 10 * plan.duration, plan.measure) if model == "6430" else plan


def talk(instrument, driver, messages):
    """Send messages; every error and every answer that is not as expected fails. Gives the answers."""
    replies = []
    for message in messages:
        reply = instrument.handle(message.text)
        error = driver.parse_error(instrument.handle(driver.error_query))
        assert error is None, f"{message.text}: {error}"
        assert (reply is not None) == message.reply, message.text
        if isinstance(message.expect, float):
            assert float(reply) == pytest.approx(message.expect, rel=message.tolerance), message.text
        elif message.expect is not None:
            assert reply.strip('"').upper() == message.expect.upper(), message.text
        if message.reply:
            replies.append(reply)
    return replies


def bench(model):
    dut = Dut(open_device("sim:rram?g_min=1e-5&g_max=1e-4"), series=RESISTANCE)
    instrument = make(model, dut)
    return dut, instrument, driver_for(instrument.handle("*IDN?"))


@pytest.mark.parametrize("model", SMUS)
@pytest.mark.parametrize("plan", [TRAIN, LIST, STEPS], ids=["train", "list", "steps"])
def test_driver_and_instrument_agree(model, plan):
    dut, instrument, driver = bench(model)
    assert driver.spec.model == model
    plan = for_model(plan, model)
    settings = ChannelSettings(compliance=1e-3, v_peak=1.0)
    talk(instrument, driver, [*driver.identify(), *driver.prepare(settings)])
    assert not instrument.output
    start = dut.clock
    replies = talk(instrument, driver, driver.play(plan, settings))
    assert not instrument.output, "the train must switch its output off"
    readings = driver.parse(plan, settings, replies)
    wanted = plan.level[plan.measure]
    cell = 1 / dut.truth.conductance[0, 0]
    # Sub-threshold, so the cell is a fixed resistor: Ohm's law.
    np.testing.assert_allclose(readings.current, wanted / (RESISTANCE + cell), rtol=1e-5)
    np.testing.assert_allclose(readings.voltage, wanted, rtol=1e-6)
    assert not readings.tripped.any()
    ends = np.cumsum(plan.duration)[plan.measure]
    np.testing.assert_allclose(np.diff(readings.time), np.diff(ends), atol=1.1e-3 if model == "2400" else 1e-6)
    # A B2900A ends a pulse train with one more pulse, of 0 V, and a list 20 us before the end of its last tick; a 2450
    # begins a pulse train with a reading at 0 V, of 0.01 PLC and 0.45 ms, to which the others are dated.
    extra = plan.duration[0] if model.startswith("B29") and plan is TRAIN else 0.0
    extra = 6.5e-4 if model in ("2450", "2460", "2470") and plan is TRAIN else extra
    assert -2.1e-5 <= dut.clock - start - plan.total <= extra + 1e-6


@pytest.mark.parametrize(("model", "plan"), [(model, plan) for model in SMUS for plan in (TRAIN, LIST)])
def test_every_step_of_an_unmeasured_plan_is_played_in_full(model, plan):
    """A cell without relaxation adds up volts times seconds: phi = phi0 + sum V t (eq 3 with D = 0)."""
    dut = Dut(open_device("sim:flca?kind=volatile&D=0&R=1e6,1e6&phi0=1e-2&phi_min=-1"))
    instrument = make(model, dut)
    driver = driver_for(instrument.handle("*IDN?"))
    settings = ChannelSettings(compliance=1e-3, v_peak=1.0)
    plan = for_model(plan, model)
    silent = Plan(plan.level, plan.duration, np.zeros(len(plan), dtype=bool))
    talk(instrument, driver, driver.prepare(settings))
    talk(instrument, driver, driver.play(silent, settings))
    flux = 1 / dut.truth.conductance[0, 0] / 1e6 - 1
    assert flux == pytest.approx(1e-2 + plan.level @ plan.duration, abs=2.1e-5 * np.abs(plan.level).max())


@pytest.mark.parametrize("model", SMUS)
def test_compliance_trips_and_is_reported(model):
    _, instrument, driver = bench(model)
    settings = ChannelSettings(compliance=1e-5, v_peak=1.0)
    talk(instrument, driver, [*driver.identify(), *driver.prepare(settings)])
    plan = for_model(TRAIN, model)
    readings = driver.parse(plan, settings, talk(instrument, driver, driver.play(plan, settings)))
    assert readings.tripped.all()
    np.testing.assert_allclose(readings.current, 1e-5, rtol=1e-5)


@pytest.mark.parametrize("model", SMUS)
def test_off_switches_off_from_any_state(model):
    _, instrument, driver = bench(model)
    settings = ChannelSettings(compliance=1e-3, v_peak=1.0)
    talk(instrument, driver, driver.prepare(settings))
    instrument.handle("smua.source.output = 1" if model.startswith("26") else ":OUTP ON")
    assert instrument.output
    for text in driver.off(settings):
        instrument.handle(text)
    assert not instrument.output


@pytest.mark.parametrize("model", sorted(set(matrix_models()) & set(models())))
def test_matrix_driver_and_instrument_agree(model):
    dut = Dut(open_device("sim:rram?rows=3&cols=2"))
    matrix = make(model, dut)
    driver = matrix_driver_for(matrix.handle("*IDN?"))
    talk(matrix, driver, [*driver.identify(), *driver.prepare()])
    for closures in ([("A", 1), ("B", 4)], [(1, 2), (1, 3), (2, 5)], []):
        replies = talk(matrix, driver, driver.connect(closures))
        driver.verify(closures, replies[-1])
        assert dut.port("1").hi == {column - 1 for row, column in closures if row in ("A", 1)}
        assert dut.port("1").lo == {column - 1 for row, column in closures if row in ("B", 2)}
    assert matrix.hot_switches == 0
