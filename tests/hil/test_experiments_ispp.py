"""Write-verify: reaches its targets, within its budget, within its limits, or says that it did not."""

import numpy as np
import pytest
from experiment_runner import play, value
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.backends import open_device
from hil.errors import InputError
from hil.experiments.bench import CellBench
from hil.experiments.experiment import where
from hil.waveform import Waveform


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["rram?", "rram?model=nlsb&alpha=0.01&", "flca?"])
def test_sixteen_levels_within_two_percent_in_thirty_pulses_each(kind, seed, monkeypatch):
    noise = 0.005
    device = open_device(f"sim:{kind}c2c=0.3&read_noise={noise}&seed={seed}")
    monkeypatch.setattr(device, "close", lambda: None)
    experiment, records, _ = play("ispp", "sim:rram", device=device)
    assert value(experiment, records, "levels reached") == 16
    assert value(experiment, records, "pulses a level") < 30
    assert value(experiment, records, "largest final error") <= 2.0
    true = device.conductance[0, 0]
    device.apply(Waveform.pulse(experiment.settings.read_voltage, width=experiment.settings.read_width))
    # Reads move an FLCA cell: it is half a verification beyond where it was on the mean of its reads.
    moved = abs(device.conductance[0, 0] / true - 1) * (experiment.settings.reads + 1) / 2
    assert abs(true / records["target"][-1] - 1) < 0.02 + moved + 4 * noise / np.sqrt(experiment.settings.reads)


def test_the_controller_is_what_reaches_the_targets():
    """Control: with one pulse a level, most levels are not reached."""
    experiment, records, _ = play("ispp", "sim:rram", max_pulses=1)
    assert value(experiment, records, "levels reached") < 4


def test_unreachable_targets_are_refused_before_anything_is_driven(monkeypatch):
    device = open_device("sim:rram")
    monkeypatch.setattr(device, "_play", lambda waveform: pytest.fail("driven"))
    with pytest.raises(
        InputError, match=r"ispp.targets = 0.0002 S cannot be reached: this device goes from 1e-06 S to"
    ):
        play("ispp", "sim:rram", device=device, targets=[5e-5, 2e-4])


def test_unreachable_targets_are_refused_once_the_range_is_measured():
    with pytest.raises(InputError, match=r"ispp.targets = 1 S cannot be reached"):
        play("ispp", "sim:flca", targets=[1.0])


def test_a_cell_that_does_not_answer_is_refused_or_given_up():
    with pytest.raises(InputError, match="the cell does not answer"):
        play("ispp", "sim:flca?stuck_on=1")
    experiment, records, _ = play("ispp", "sim:rram?stuck_on=1", targets=[5e-5, 7e-5], max_pulses=60)
    assert value(experiment, records, "levels reached") == 0
    assert value(experiment, records, "level 2 given up") == pytest.approx(7e-5)
    for level in (0, 1):
        track = where(records, level=level)
        assert track["reached"].tolist() == [0.0] * (len(track["reached"]) - 1) + [-1.0]
        assert track["pulses"][-1] == 60


def test_a_silent_cell_gets_higher_pulses_but_never_beyond_the_limit():
    _, records, _ = play("ispp", "sim:rram?v_set=1.3&v_reset=1.3", amplitude=1.0, targets=[6e-5])
    assert records["reached"][-1] == 1
    assert 1.3 <= np.nanmax(np.abs(records["voltage"])) <= 1.5
    _, records, _ = play("ispp", "sim:rram?v_set=1.3&v_reset=1.3", amplitude=1.0, amplitude_max=1.2, targets=[6e-5])
    assert (records["reached"][-1], np.nanmax(np.abs(records["voltage"]))) == (-1, 1.2)


@settings(max_examples=15, deadline=None)
@given(v_max=st.floats(0.5, 3.0), amplitude=st.floats(0.05, 3.0), target=st.floats(2e-6, 9e-5))
def test_no_voltage_beyond_v_max_ever_reaches_the_device(v_max, amplitude, target):
    with open_device("sim:rram") as device:
        seen, drive = [0.0], device._play

        def spy(waveform):
            seen.append(float(np.abs(waveform.rows - waveform.cols).max()))
            return drive(waveform)

        device._play = spy
        from hil.experiments.characterization import MeasurementPlan

        try:
            given_settings = {"amplitude": amplitude, "targets": [target], "max_pulses": 40}
            plan = MeasurementPlan(
                {"experiment": "ispp", "device": {"uri": "sim:rram", "v_max": v_max}, "ispp": given_settings}
            )
            experiment, bench, blocks = plan.ready(device)
            list(experiment.measure(blocks[0], bench, {}))
        except InputError as error:
            assert f"(--v-max {v_max:g})" in str(error)
            assert amplitude > v_max
        assert max(seen) <= v_max


def test_the_bench_names_the_limit_it_keeps():
    with open_device("sim:rram") as device:
        bench = CellBench(device, v_max=0.5)
        from hil.waveform import Waveform

        with pytest.raises(InputError, match=r"row 0: 1 V is outside -0.5 V .. 0.5 V \(--v-max 0.5\)"):
            bench.play(Waveform.pulse(1.0, width=1e-3))
        assert device.time == 0
