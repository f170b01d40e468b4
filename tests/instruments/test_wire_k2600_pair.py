"""What is sent to both channels of a 2602B at once; 2600BS-901-01 and the maker's KE26XXB_Pulsed_Sweep_Dual.tsp."""

from dataclasses import replace

import numpy as np
import pytest

from hil.limits import LimitError
from instruments.link.errors import ProtocolError
from instruments.plan import PairPlan
from instruments.smu.driver import ChannelSettings
from instruments.smu.k2600 import DUAL, K2601B, Keithley2600

DRIVER = Keithley2600(next(spec for spec in DUAL if spec.model == "2602B"))
ONE = ChannelSettings(compliance=1e-4, v_peak=1.5)
SETTINGS = replace(ONE, second=replace(ONE, channel=2, compliance=2e-4))

READ = (True, True)


def texts(messages):
    return [m.text for m in messages]


def v_half(count=3, measure=READ):
    """Pulses of 1.5 V between the two, half of it on each."""
    levels = [(0.75, -0.75), (0, 0)] * count
    return PairPlan(levels, [1e-3, 9e-3] * count, [measure, (False, False)] * count)


def spikes(delay, count=1, measured=True):
    """Pre on channel 1, post on channel 2, each 1 ms long, the post `delay` later; measured at their ends."""
    levels, lengths = [(1.0, 0), (1.0, 1.2), (0, 1.2), (0, 0)], [delay, 1e-3 - delay, delay, 5e-3]
    ends = [(False, False), (measured, False), (False, measured), (False, False)]
    return PairPlan(levels * count, lengths * count, ends * count)


def test_both_channels_are_set_up_alike_each_with_its_own_limit():
    sent = texts(DRIVER.prepare(SETTINGS))
    for smu, limit in (("smua", "1e-4"), ("smub", "2e-4")):
        own = [t for t in sent if t.startswith(f"{smu}.")]
        assert own[:2] == [f"{smu}.source.output = {smu}.OUTPUT_OFF", f"{smu}.reset()"]
        assert f"{smu}.source.limiti = {limit}" in own
        assert own.index(f"{smu}.source.rangev = 6") < own.index(f"{smu}.source.limiti = {limit}")
    last = DRIVER.prepare(SETTINGS)[-1]
    assert last.text.startswith("print(smua.source.func,") and ",smub.source.func," in last.text
    assert last.text.endswith(",localnode.linefreq,smua.source.output,smub.source.output)")
    assert [part.expect for part in last.parts].count(1e-4) == 2  # limit and range of channel 1
    assert 2e-4 in [part.expect for part in last.parts]


def test_levels_go_to_0_v_before_any_output_goes_off():
    assert DRIVER.off(SETTINGS) == (
        "abort",
        "smua.abort(); smub.abort()",
        "smua.source.levelv = 0; smub.source.levelv = 0; smua.source.output = smua.OUTPUT_OFF; "
        "smub.source.output = smub.OUTPUT_OFF",
    )
    assert DRIVER.is_off(SETTINGS).text == "print(smua.source.output,smub.source.output)"


def test_pulses_of_both_from_the_same_timers():
    messages = DRIVER.play_pair(v_half(), SETTINGS)
    assert texts(messages) == [
        "smua.nvbuffer1.clear()",
        "smua.source.levelv = 0",
        "smua.trigger.source.limiti = 1e-4",  # survives a reset of source.limiti; 1 A on a 2602B otherwise
        "smub.nvbuffer1.clear()",
        "smub.source.levelv = 0",
        "smub.trigger.source.limiti = 2e-4",
        "trigger.timer[1].reset()",
        "trigger.timer[1].delay = 0.01",
        "trigger.timer[1].count = 2",  # one event passed on, two of its own
        "trigger.timer[1].passthrough = true",
        "trigger.timer[1].stimulus = smua.trigger.ARMED_EVENT_ID",
        *pulse("smua", 0.75, 1, 3, 4),
        *pulse("smub", -0.75, 1, 6, 7),
        messages[-4].text,
        # smub must wait for timer 1 before smua's being armed starts it
        "smua.source.output = smua.OUTPUT_ON; smub.source.output = smub.OUTPUT_ON; timer.reset(); "
        "smub.trigger.initiate(); smua.trigger.initiate(); waitcomplete(); delay(9e-3); took = timer.measure.t(); "
        "smua.source.levelv = 0; smub.source.levelv = 0; smua.source.output = smua.OUTPUT_OFF; "
        'smub.source.output = smub.OUTPUT_OFF; print("played",smua.nvbuffer1.n,smub.nvbuffer1.n,took)',
        *(
            f"printbuffer(1,3,{smu}.nvbuffer1.readings,{smu}.nvbuffer1.sourcevalues,{smu}.nvbuffer1.timestamps,"
            f"{smu}.nvbuffer1.statuses)"
            for smu in ("smua", "smub")
        ),
    ]
    assert messages[-4].last and messages[-4].text.endswith("smua.trigger.source.limiti,smub.trigger.source.limiti)")
    assert [part.expect for part in messages[-3].parts] == ["played", 3.0, 3.0, None]


def pulse(smu, level, start, stop, reading, measured=True):
    """Trigger model of one channel's pulses."""

    def timer(n, delay):
        return [
            f"trigger.timer[{n}].reset()",
            f"trigger.timer[{n}].delay = {delay}",
            f"trigger.timer[{n}].count = 1",
            f"trigger.timer[{n}].passthrough = false",
            f"trigger.timer[{n}].stimulus = trigger.timer[{start}].EVENT_ID",
        ]

    return [
        f"{smu}.trigger.source.listv({{{level:g}}})",
        f"{smu}.trigger.source.action = {smu}.ENABLE",
        f"{smu}.trigger.source.stimulus = trigger.timer[{start}].EVENT_ID",
        *timer(reading, "7e-4"),
        f"{smu}.trigger.measure.i({smu}.nvbuffer1)",
        f"{smu}.trigger.measure.action = {smu}.ENABLE",
        f"{smu}.trigger.measure.stimulus = trigger.timer[{reading}].EVENT_ID",
        *timer(stop, "1e-3"),
        f"{smu}.trigger.endpulse.action = {smu}.SOURCE_IDLE",  # without it there is no pulse
        f"{smu}.trigger.endpulse.stimulus = trigger.timer[{stop}].EVENT_ID",
        f"{smu}.trigger.endsweep.action = {smu}.SOURCE_IDLE",
        f"{smu}.trigger.arm.count = 1",
        f"{smu}.trigger.arm.stimulus = 0",
        f"{smu}.trigger.count = 3",
    ]


def test_a_pair_with_a_delay_has_a_timer_for_it_and_no_list():
    sent = texts(DRIVER.play_pair(spikes(0.37e-3, 4), SETTINGS))
    at = sent.index("trigger.timer[5].reset()")
    assert sent[at : at + 5] == [
        "trigger.timer[5].reset()",
        "trigger.timer[5].delay = 3.7e-4",
        "trigger.timer[5].count = 1",
        "trigger.timer[5].passthrough = false",
        "trigger.timer[5].stimulus = trigger.timer[1].EVENT_ID",
    ]
    assert "trigger.timer[1].delay = 0.00637" in sent and "trigger.timer[1].count = 3" in sent
    assert "smua.trigger.source.stimulus = trigger.timer[1].EVENT_ID" in sent
    assert "smub.trigger.source.stimulus = trigger.timer[5].EVENT_ID" in sent
    assert "trigger.timer[6].stimulus = trigger.timer[5].EVENT_ID" in sent
    assert "smub.trigger.source.listv({1.2})" in sent
    timers = {int(t.split("[")[1].split("]")[0]) for t in sent if t.startswith("trigger.timer[")}
    assert timers <= set(range(1, 9)), "a 2600B has eight"
    assert "delay(5e-3)" in sent[-3]


def test_post_before_pre_delays_channel_1():
    plan = spikes(0.37e-3)
    mirrored = PairPlan(plan.level[:, ::-1], plan.duration, plan.measure[:, ::-1])
    sent = texts(DRIVER.play_pair(mirrored, SETTINGS))
    assert "trigger.timer[2].delay = 3.7e-4" in sent
    assert "smua.trigger.source.stimulus = trigger.timer[2].EVENT_ID" in sent
    assert "smub.trigger.source.stimulus = trigger.timer[1].EVENT_ID" in sent


def test_lists_of_both_on_one_timer():
    plan = PairPlan([(0, 0.5), (1, 0.5), (1, 0)], [2e-3] * 3, [(False, False), READ, READ])
    sent = texts(DRIVER.play_pair(plan, SETTINGS))
    assert "smua.trigger.source.listv({0,1,1,0})" in sent and "smub.trigger.source.listv({0.5,0.5,0,0})" in sent
    # The last tick would end with its measurement, a little early: another follows at 0 V.
    assert DRIVER.margins_pair(plan, SETTINGS) == (0.0, pytest.approx(2e-3))
    assert all(f"{smu}.trigger.endpulse.action = {smu}.SOURCE_HOLD" in sent for smu in ("smua", "smub"))
    assert '"played",smua.nvbuffer1.n,smub.nvbuffer1.n' in sent[-3]


def test_readings_of_both():
    replies = ["played\t2\t2\t2.0e-02", "1e-6,0.75,0,0,2e-6,0.75,0.01,64", "-1e-6,-0.75,0,0,9.91e37,-0.75,0.01,0"]
    got = DRIVER.parse_pair(v_half(2), SETTINGS, replies)
    np.testing.assert_array_equal(got.current, [[1e-6, -1e-6], [2e-6, np.nan]])
    np.testing.assert_array_equal(got.voltage, [[0.75, -0.75], [0.75, -0.75]])
    np.testing.assert_array_equal(got.tripped, [[False, False], [True, True]])
    np.testing.assert_allclose(got.time, [1e-3, 11e-3])


def test_readings_of_a_delayed_pair_stand_where_their_pulses_end():
    got = DRIVER.parse_pair(spikes(0.37e-3), SETTINGS, ["played\t1\t1\t6.37e-3", "1e-6,1,0,0", "-3e-6,1.2,0,0"])
    np.testing.assert_array_equal(got.current, [[1e-6, np.nan], [np.nan, -3e-6]])
    np.testing.assert_allclose(got.time, [1e-3, 1.37e-3])


def test_the_readings_of_another_level_are_no_answer():
    with pytest.raises(ProtocolError, match=r"reading 1 is of a source at 0\.5 V, not at 0\.75 V"):
        DRIVER.parse_pair(v_half(1), SETTINGS, ["played\t1\t1\t0.01", "1e-6,0.5,0,0", "-1e-6,-0.75,0,0"])


def test_which_currents_a_delayed_pair_can_have():
    wanted = PairPlan(spikes(0.37e-3).level, spikes(0.37e-3).duration, [(False,) * 2, READ, READ, (False,) * 2])
    np.testing.assert_array_equal(DRIVER.reads(wanted, SETTINGS).measure, spikes(0.37e-3).measure)
    coarse = PairPlan(wanted.level, [0.5e-3] * 3 + [5e-3], wanted.measure)
    np.testing.assert_array_equal(DRIVER.reads(coarse, SETTINGS).measure, wanted.measure)


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (PairPlan([(1.6, 0)], [1e-3], [READ]), "1.6 V is beyond v_peak 1.5 V"),
        (PairPlan([(1, 0), (1, 1), (0, 1)], [3.7e-4, 6.3e-4, 3.7e-4], [READ] * 3), "a tick of 1e-05 s is too short"),
        (spikes(5e-6), "begins 5e-06 s after the other's, a timer of a 2602B takes 1e-05 s at least"),
        (PairPlan([(1, 0), (1, 1), (0, 1)], [5e-5] * 3, [(False,) * 2] * 3), "a pulse of 0.0001 s is too short"),
        (PairPlan([(1, 1), (0, 0)] * 2501, [1e-3] * 5002, [(False,) * 2] * 5002), "2501 points are needed"),
    ],
)
def test_what_the_model_cannot_play_is_refused(plan, sentence):
    with pytest.raises(LimitError, match=sentence):
        DRIVER.play_pair(plan, SETTINGS)


def test_a_model_with_one_channel_says_so():
    with pytest.raises(LimitError, match=r"channel 2: a 2601B has channels 1 \.\. 1"):
        Keithley2600(K2601B).prepare(SETTINGS)
