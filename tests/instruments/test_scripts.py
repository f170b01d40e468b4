"""What was checked is what is sent: a train is translated once, and those lines are told, logged and on the wire."""

from dataclasses import replace

import pytest
from lab_bench import MODELS, TRAIN, hear, virtual

from hil.errors import InputError
from hil.limits import LimitError
from hil.waveform import Waveform
from instruments.plan import Plan
from instruments.safety.limits import SafetyLimits
from instruments.smu.session import Smu

WAVES = {
    "train": TRAIN,
    "list": (Waveform.pulse(1.0, width=2e-3) + Waveform.pulse(0.1, width=2e-3, measure=True) + Waveform.rest(2e-3)) * 2,
    "parts": Waveform.pulse(0.5, width=2e-3, measure=True) + Waveform.rest(2.0) + Waveform.pulse(-0.5, width=2e-3),
}


@pytest.fixture
def compiled(monkeypatch):
    """Every script that a session has compiled."""
    found, compile_plans = [], Smu.compile

    def spy(self, plans):
        scripts = compile_plans(self, plans)
        found.extend(scripts)
        return scripts

    monkeypatch.setattr(Smu, "compile", spy)
    return found


@pytest.fixture
def checked(monkeypatch):
    """Every plan that was held against the sample's limits."""
    found, check = [], SafetyLimits.check
    monkeypatch.setattr(
        SafetyLimits, "check", lambda self, plan, played=0: found.append(plan) or check(self, plan, played)
    )
    return found


def translations(device):
    """Plans that the driver translates from now on, each time it does."""
    found, driver = [], device.smu.driver
    play = driver.play
    driver.play = lambda plan, settings: found.append(plan) or play(plan, settings)
    return found


def on_the_wire(device):
    """Messages that reach the instrument from now on, without the questions for errors."""
    heard, errors = [], device.smu.driver.error_query

    def note(message, handle):
        if message != errors:
            heard.append(message)
        return handle(message)

    hear(device, note)
    return heard


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("wave", WAVES)
def test_the_lines_that_were_checked_are_those_on_the_wire(compiled, checked, tmp_path, model, wave):
    log = tmp_path / "commands.log"
    with virtual(model, log=log) as device:
        device.read()
        told = [line for line in device.explain(WAVES[wave]) if not line.startswith("#")]
        built, heard, begun = translations(device), on_the_wire(device), len(log.read_text())
        compiled.clear()
        checked.clear()
        device.apply(WAVES[wave])
        lines = [message.text for script in compiled for message in script.messages]
        assert lines and heard == lines == told
        assert [id(plan) for plan in built] == [id(script.plan) for script in compiled], "each is translated once"
        assert {id(plan) for plan in checked} == {id(plan) for plan in built}, "and so is what was checked"
        logged = log.read_text()[begun:]
        assert all(line in logged for line in lines)


def test_a_read_is_translated_once(compiled):
    with virtual("2450") as device:
        device.read()
        built, heard = translations(device), on_the_wire(device)
        compiled.clear()
        device.read()
        assert len(built) == len(compiled) == 1
        assert heard == [message.text for message in compiled[0].messages]


def test_nothing_is_sent_where_any_part_of_a_waveform_is_refused():
    with virtual("2450", v_max=1) as device:
        device.read()
        heard = on_the_wire(device)
        with pytest.raises(LimitError):
            device.apply(WAVES["parts"] + Waveform.rest(2.0) + Waveform.pulse(1.5, width=2e-3))
        assert heard == []


def test_a_script_for_other_settings_is_refused():
    with virtual("2450") as device:
        device.read()
        (script,) = device.smu.compile([Plan([0.1], [2e-3], [True])])
        whole = device.smu.settings
        device.smu.set_up(replace(whole, compliance=1e-4))
        heard = on_the_wire(device)
        with pytest.raises(InputError, match="a train was compiled for other settings than are set up now"):
            device.smu.play(script)
        assert heard == []
        device.smu.set_up(whole)
        assert device.smu.play(script).current.shape == (1,)


def test_trains_in_between_count_against_a_script_that_waits():
    with virtual("2450", pulses_max=2) as device:
        device.read()
        (script,) = device.smu.compile([Plan([1.0, 0.0, 1.0], [2e-3] * 3, [True] * 3)])
        device.apply(Waveform.pulse(1.0, width=2e-3, measure=True))
        heard = on_the_wire(device)
        with pytest.raises(LimitError, match="3 pulses in this session are more than pulses_max = 2"):
            device.smu.play(script)
        assert (heard, device.smu.pulses) == ([], 1)
