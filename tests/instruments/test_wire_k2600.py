"""What the driver of the 2600B sends and understands; pages of 2600BS-901-01 Rev C."""

import numpy as np
import pytest

from hil.limits import LimitError
from instruments.link.errors import ProtocolError, TimingError
from instruments.plan import Plan
from instruments.smu.driver import ChannelSettings
from instruments.smu.k2600 import DUAL, K2601B, K2611B, Keithley2600

DRIVER = Keithley2600(K2611B)
PAIR = Keithley2600(next(spec for spec in DUAL if spec.model == "2636B"))
SETTINGS = ChannelSettings(compliance=1e-4, v_peak=1.5)

STANDING = (
    "print(smua.source.func,smua.sense,smua.source.autorangev,smua.source.rangev,smua.measure.autorangei,"
    "smua.measure.rangei,smua.source.limiti,smua.measure.nplc,localnode.linefreq,smua.source.output)"
)
"""All that protects the sample, in one line, before every train."""

BEFORE = STANDING.replace("output)", "output,smua.trigger.source.limiti)")
"""... and the limit of the trigger model."""


def texts(messages):
    return [m.text for m in messages]


def test_the_model_is_asked_for_in_lua():
    (question,) = PAIR.identify()
    assert (question.text, question.expect) == ("print(localnode.model)", "2636B")


def test_set_up_with_the_output_off():
    messages = PAIR.prepare(ChannelSettings(compliance=1e-4, v_peak=1.5, four_wire=True, channel=2, overvoltage=200))
    assert texts(messages) == [
        "smub.source.output = smub.OUTPUT_OFF",
        "smub.reset()",
        "smub.source.func = smub.OUTPUT_DCVOLTS",
        "smub.source.offmode = smub.OUTPUT_NORMAL",
        "smub.source.offfunc = smub.OUTPUT_DCVOLTS",
        "smub.source.offlimiti = 1e-4",  # 1 mA after a reset
        "smub.sense = smub.SENSE_REMOTE",
        "smub.source.autorangev = smub.AUTORANGE_OFF",
        "smub.source.rangev = 2",
        "smub.measure.autorangei = smub.AUTORANGE_OFF",
        "smub.measure.rangei = 1e-4",
        "smub.source.levelv = 0",
        "smub.source.limiti = 1e-4",
        "smub.source.delay = 0",
        "smub.measure.delay = 0",
        "smub.measure.nplc = 0.01",
        "smub.measure.autozero = smub.AUTOZERO_ONCE",
        "smub.nvbuffer1.clear()",
        "smub.nvbuffer1.appendmode = 1",
        "smub.nvbuffer1.collecttimestamps = 1",
        "smub.nvbuffer1.collectsourcevalues = 1",
        STANDING.replace("smua", "smub"),
    ]
    assert [m.expect for m in messages[-1].parts] == [1.0, 1.0, 0.0, 2.0, 0.0, 1e-4, 1e-4, 0.01, 50.0, 0.0]


def test_the_other_channel_is_left_alone_unless_it_is_asked_for():
    own = ChannelSettings(compliance=1e-4, v_peak=1.5, channel=2)
    assert not [t for t in (*texts(PAIR.prepare(own)), *PAIR.off(own)) if "smua" in t]
    whole = ChannelSettings(compliance=1e-4, v_peak=1.5, channel=2, all_channels=True)
    assert texts(PAIR.prepare(whole))[0] == "smua.reset()" and "smua.abort()" in PAIR.off(whole)


def test_four_wires_have_no_overvoltage_protection():
    with pytest.raises(LimitError, match=r"raise the voltage to 40 V.*V: none\).*overvoltage=40"):
        Keithley2600(K2601B).prepare(ChannelSettings(compliance=1e-4, v_peak=1.5, four_wire=True, overvoltage=39))


def test_the_off_limit_is_never_raised():
    assert "smua.source.offlimiti = 1e-3" in texts(DRIVER.prepare(ChannelSettings(compliance=0.1, v_peak=1.5)))


def test_ranges_of_the_2601b():
    sent = texts(Keithley2600(K2601B).prepare(ChannelSettings(compliance=1e-4, v_peak=1.5)))
    assert "smua.source.rangev = 6" in sent


def test_measured_pulses():
    messages = DRIVER.play(Plan.train(-1.5, 1e-3, 10e-3, 20, base=0.1), SETTINGS)
    assert texts(messages) == [
        "smua.nvbuffer1.clear()",
        "smua.source.levelv = 0",
        "smua.trigger.source.listv({-1.5})",
        "smua.trigger.source.limiti = 1e-4",
        "trigger.timer[1].reset()",  # period: "Using timers to perform pulse mode sweeps"
        "trigger.timer[1].delay = 0.01",
        "trigger.timer[1].count = 19",
        "trigger.timer[1].passthrough = true",
        "trigger.timer[1].stimulus = smua.trigger.ARMED_EVENT_ID",
        "smua.trigger.source.action = smua.ENABLE",
        "smua.trigger.source.stimulus = trigger.timer[1].EVENT_ID",
        "trigger.timer[3].reset()",
        "trigger.timer[3].delay = 7e-4",  # 1 ms less 0.2 ms of aperture and 0.1 ms
        "trigger.timer[3].count = 1",
        "trigger.timer[3].passthrough = false",
        "trigger.timer[3].stimulus = trigger.timer[1].EVENT_ID",
        "smua.trigger.measure.i(smua.nvbuffer1)",
        "smua.trigger.measure.action = smua.ENABLE",
        "smua.trigger.measure.stimulus = trigger.timer[3].EVENT_ID",
        "trigger.timer[2].reset()",
        "trigger.timer[2].delay = 1e-3",
        "trigger.timer[2].count = 1",
        "trigger.timer[2].passthrough = false",
        "trigger.timer[2].stimulus = trigger.timer[1].EVENT_ID",
        "smua.trigger.endpulse.action = smua.SOURCE_IDLE",  # without it there is no pulse
        "smua.trigger.endpulse.stimulus = trigger.timer[2].EVENT_ID",
        "smua.trigger.endsweep.action = smua.SOURCE_IDLE",  # the default differs between 2600A and 2600B
        "smua.trigger.arm.count = 1",
        "smua.trigger.arm.stimulus = 0",
        "smua.trigger.count = 20",
        BEFORE,
        # the idle level is 0.1 V, to which an ended pulse returns
        "smua.source.output = smua.OUTPUT_ON; smua.source.levelv = 0.1; timer.reset(); smua.trigger.initiate(); "
        "waitcomplete(); delay(9e-3); took = timer.measure.t(); smua.source.output = smua.OUTPUT_OFF; "
        'smua.source.levelv = 0; print("played",smua.nvbuffer1.n,took)',
        "printbuffer(1,20,smua.nvbuffer1.readings,smua.nvbuffer1.sourcevalues,smua.nvbuffer1.timestamps,"
        "smua.nvbuffer1.statuses)",
    ]
    assert [part.expect for part in messages[-2].parts] == ["played", 20.0, None]
    assert messages[-2].patience == pytest.approx(0.2)


def test_unmeasured_pulses_switch_the_measurement_off():
    sent = texts(DRIVER.play(Plan.train(1, 2e-4, 1e-3, 2, measure=False), SETTINGS))
    assert "smua.trigger.measure.action = smua.DISABLE" in sent
    assert not [t for t in sent if "timer[3]" in t or t.startswith("printbuffer")]


def test_staircase_holds_every_level():
    sent = texts(PAIR.play(Plan([0, 0.5, 1], np.full(3, 2e-3), np.ones(3)), ChannelSettings(1e-4, 1.5, channel=2)))
    assert sent[2] == "smub.trigger.source.listv({0,0.5,1})"
    # Timers 1 to 3 are those of channel 1.
    assert "trigger.timer[4].delay = 2e-3" in sent and "trigger.timer[6].delay = 0.0017" in sent
    assert "smub.trigger.endpulse.action = smub.SOURCE_HOLD" in sent
    assert not [t for t in sent if any(f"timer[{n}]" in t for n in (1, 2, 3, 5)) or "smua" in t]
    assert sent[-2] == (
        "smub.source.output = smub.OUTPUT_ON; smub.source.levelv = 0; timer.reset(); smub.trigger.initiate(); "
        "waitcomplete(); took = timer.measure.t(); smub.source.output = smub.OUTPUT_OFF; smub.source.levelv = 0; "
        'print("played",smub.nvbuffer1.n,took)'
    )


def test_long_lists_are_gathered_from_pieces_of_100():
    sent = texts(DRIVER.play(Plan(np.linspace(-1, 1, 201), np.full(201, 1e-3), np.ones(201)), SETTINGS))
    assert sent[2] == "levels = {}"
    assert sent[3].startswith("for _, v in ipairs({-1,-0.99,") and sent[3].endswith("}) do table.insert(levels, v) end")
    assert [t.split("{")[1].split("}")[0].count(",") + 1 for t in sent[3:6]] == [100, 100, 1]
    assert sent[6] == "smua.trigger.source.listv(levels)"


def test_readings():
    reply = "1.00000e-06, 1.00000e+00, 0.00000e+00, 0.00000e+00, 9.91e-05, 1.00000e+00, 1.00000e-02, 6.40000e+01"
    got = DRIVER.parse(Plan.train(1, 1e-3, 10e-3, 2), SETTINGS, ["played\t2\t2.00000e-02", reply])
    np.testing.assert_array_equal(got.current, [1e-6, 9.91e-5])
    np.testing.assert_array_equal(got.voltage, [1, 1])
    np.testing.assert_allclose(got.time, [1e-3, 11e-3])
    np.testing.assert_array_equal(got.tripped, [False, True])  # 0x40, 7-34


def test_readings_of_a_list_at_the_last_tick():
    plan = Plan([1.0, 1.0, 0.0], [1e-3, 1e-3, 1e-3], [False, True, False])
    got = DRIVER.parse(plan, SETTINGS, ["played\t3\t3.0e-3", "1e-6,1,0,0,2e-6,1,1e-3,0,3e-6,0,2e-3,0"])
    np.testing.assert_array_equal(got.current, [2e-6])
    np.testing.assert_allclose(got.time, [2e-3])


@pytest.mark.parametrize("overflow", ["9.9e37", "9.91e+37", "-9.91000e+37"])
@pytest.mark.parametrize("status", [0, 64])
def test_an_overflow_costs_one_reading(overflow, status):
    plan = Plan.train(-1, 1e-3, 10e-3, 1)
    got = DRIVER.parse(plan, SETTINGS, ["played\t1\t0.01", f"{overflow},-1,0,{status}"])
    assert np.isnan(got.current[0]) and got.tripped[0]


@pytest.mark.parametrize("measure", [False, True])
def test_a_train_that_took_longer_is_no_answer(measure):
    plan = Plan.train(1, 1e-3, 10e-3, 2, measure=measure)
    replies = ["played\t2\t6.0e-02", "1e-6,1,0,0,1e-6,1,0.05,0"][: 1 + measure]
    with pytest.raises(TimingError, match=r"the 2611B took 0\.06 s up to reading 1, 0\.02 s were asked for"):
        DRIVER.parse(plan, SETTINGS, replies)


def test_errors():
    assert DRIVER.parse_error("0.00000e+00\tQueue Is Empty\t0.00000e+00\t1.00000e+00") is None
    reply = "-2.86000e+02\tTSP Runtime error at line 1: attempt to index global `smub'\t2.00000e+01\t1.00000e+00"
    code, text = DRIVER.parse_error(reply)
    assert code == -286 and text.startswith("TSP Runtime error")
    with pytest.raises(ProtocolError, match="no entry of an error queue"):
        DRIVER.parse_error("played")


def test_off_is_the_sessions_own_channel():
    off = ("abort", "smua.abort()", "smua.source.output = smua.OUTPUT_OFF", "smua.source.levelv = 0")
    assert DRIVER.off(SETTINGS) == PAIR.off(SETTINGS) == off


def test_a_channel_that_is_not_there():
    with pytest.raises(LimitError, match=r"channel 2: a 2611B has channels 1 \.\. 1"):
        DRIVER.prepare(ChannelSettings(compliance=1e-4, v_peak=1.5, channel=2))
