"""What the driver of the 2461 sends; pages of 2461-901-01 Rev A."""

import numpy as np
import pytest

from hil.limits import LimitError
from instruments.link.errors import TimingError
from instruments.plan import Plan
from instruments.smu.driver import ChannelSettings
from instruments.smu.k2461 import K2461, Keithley2461

DRIVER = Keithley2461(K2461)
SETTINGS = ChannelSettings(compliance=5e-3, v_peak=2)


STANDING = DRIVER.standing(SETTINGS).text  # in full in test_wire_k2450.py
BEFORE = f'{STANDING};:TRAC:ACT? "defbuffer1"'


def texts(messages):
    return [m.text for m in messages]


def test_measured_pulses():
    # 6-121: bias, level, width, count, measure, buffer, delay, off time, bias limit, pulse limit, abort at the limit
    assert texts(DRIVER.play(Plan.train(-1.5, 1e-3, 10e-3, 100, base=0.01), SETTINGS)) == [
        "SOUR:VOLT 0",
        'SOUR:PULS:TR:VOLT 0.01,-1.5,1e-3,100,ON,"defbuffer1",0,9e-3,5e-3,5e-3,OFF',
        'TRAC:CLE "defbuffer1"',
        BEFORE,
        "INIT",
        "*OPC?",
        'TRAC:ACT? "defbuffer1"',
        'TRAC:DATA? 1,100,"defbuffer1",SOUR,READ,REL,SOURSTAT',
    ]


def test_unmeasured_pulses_down_to_150_us():
    assert texts(DRIVER.play(Plan.train(2, 150e-6, 1.5e-3, 10, measure=False), SETTINGS)) == [
        "SOUR:VOLT 0",
        'SOUR:PULS:TR:VOLT 0,2,1.5e-4,10,OFF,"defbuffer1",0,0.00135,5e-3,5e-3,OFF',
        'TRAC:CLE "defbuffer1"',
        BEFORE,
        "INIT",
        "*OPC?",
    ]


def test_unmeasured_pulses_are_measured_where_they_are_long_enough_and_timed():
    plan = Plan.train(2, 1e-3, 2e-3, 2, measure=False)
    assert ",ON," in texts(DRIVER.play(plan, SETTINGS))[1]
    assert len(DRIVER.parse(plan, SETTINGS, ["1", "2,1e-6,0,0,2,1e-6,2e-3,0"]).current) == 0
    with pytest.raises(TimingError, match=r"took 0\.003 s up to reading 2, 0\.002 s were asked for"):
        DRIVER.parse(plan, SETTINGS, ["1", "2,1e-6,0,0,2,1e-6,3e-3,0"])


def test_shorter_pulses_are_refused():
    with pytest.raises(LimitError, match=r"step 0: 0\.000149 s is too short, a step of a 2461 takes 0\.00015 s"):
        DRIVER.play(Plan.train(2, 149e-6, 1.5e-3, 10, measure=False), SETTINGS)
    with pytest.raises(LimitError, match=r"step 0: 0\.00015 s is too short, a measured step"):
        DRIVER.play(Plan.train(2, 150e-6, 1.5e-3, 10), SETTINGS)


def test_duty():
    with pytest.raises(LimitError, match=r"99\.99% duty at most"):
        DRIVER.play(Plan.train(2, 10.0, 10.0 + 150e-6, 2), SETTINGS)


def test_any_other_plan_is_a_list_sweep():
    sent = texts(DRIVER.play(Plan([0, 1, 2], np.full(3, 1e-3), np.ones(3)), SETTINGS))
    assert sent[1:3] == ["SOUR:LIST:VOLT 0,1,2", 'SOUR:SWE:VOLT:LIST 1,3.5e-4,1,OFF,"defbuffer1"']  # 6-101, 6-128


def test_a_sweep_has_a_shortest_tick_of_its_own():
    with pytest.raises(LimitError, match=r"a tick of 0\.0001 s is too short for a 2461"):
        DRIVER.play(Plan([0, 1, 2], [1e-3, 1.1e-3, 1e-3], np.ones(3)), SETTINGS)
