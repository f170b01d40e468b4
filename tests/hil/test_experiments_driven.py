"""Records and histories hold what a device was driven with, never what was asked: every experiment, exactly."""

from dataclasses import replace

import numpy as np
import pytest

from hil.backends import open_device
from hil.errors import InputError
from hil.experiments import catalogue
from hil.experiments.bench import CellBench, Driven
from hil.experiments.characterization import MeasurementPlan
from hil.waveform import Waveform

ASKED = {
    "iv": {"amplitudes": [0.104, 0.21], "frequencies": [7.0], "stairs": 24, "cycles": 2},
    "ltp": {"amplitudes": [0.104, 0.147], "amplitude": 0.104, "amplitude_negative": 0.083, "widths": [1.3e-3, 2.9e-3],
            "pulses": 4, "cycles": 1},
    "stdp": {"delays": [-0.0046, 0.0009, 0.0071], "amplitude": 0.104, "amplitude_negative": 0.093, "width": 2.3e-3},
    "ppf": {"intervals": [0.0013, 0.0104], "amplitude": 0.104, "width": 1.3e-3},
    "desensitisation": {"pauses": [0.0113, 0.0304], "pulses": 3, "amplitude": 0.104, "width": 1.3e-3,
                        "period": 4.7e-3},
    "retention": {"reads": 4, "last": 0.5, "pulses": 3, "amplitude": 0.104, "width": 1.3e-3},
    "endurance": {"cycles": 5, "pulses": 3, "cycles_per_block": 2, "amplitude": 0.104, "amplitude_negative": 0.083,
                  "width": 1.3e-3},
    "ispp": {"levels": 2, "max_pulses": 12, "amplitude": 0.104, "amplitude_negative": 0.083, "width": 1.3e-3,
             "amplitude_max": 0.1404},
    "forming": {"allowed": True, "start": 0.104, "stop": 0.183, "step": 0.0333, "width": 1.3e-3, "threshold": 1.0},
}  # fmt: skip
"""Settings off any grid."""

DEVICES = {
    "fpga": ("fpga:golden?cell=flca&v_step=0.01&D=1&phi_max=", {}),
    "time": ("sim:flca?R=1e4,1e6", {"time_step": 4e-4, "width_min": 4e-4}),
    "both": ("sim:flca?R=1e4,1e6", {"v_step": 0.02, "time_step": 4e-4, "width_min": 4e-4}),
}


def test_every_experiment_is_asked_for_values_off_the_grid():
    """`array` measures copies of a simulation in other sizes, not what it was given: test_experiments_array.py."""
    assert {*ASKED, "array"} == set(catalogue.EXPERIMENTS.names("memhil"))


def played(name, where):
    """Records by column, what the device was given call by call, and the history that the bench noted."""
    uri, limits = DEVICES[where]
    if where == "fpga":  # its longest segment goes with phi_max, its smallest step as well
        uri += "0.01" if name == "ispp" else "100"
    plan = MeasurementPlan({"experiment": name, "device": {"uri": uri}, name: ASKED[name] | {"read_voltage": 0.02}})
    calls, found = [], []
    with open_device(uri) as device:
        device.limits = replace(device.limits, **limits)
        apply = device.apply
        device.apply = lambda waveform: calls.append((waveform, apply(waveform))) or calls[-1][1]
        experiment, bench, blocks = plan.ready(device)
        marks = []
        for number, block in enumerate(blocks):
            past = {c: np.array([record[c] for record in found], float) for c in experiment.columns}
            if number and experiment.finished(past):
                break
            before = len(calls)
            found += [{**r, "block": number} for r in experiment.measure(block, bench, past)]
            marks.append((before, len(calls)))
    names = (*experiment.columns, "block")
    return {c: np.array([record[c] for record in found]) for c in names}, calls, marks, bench.taken()


def cell(waveform):
    return waveform.rows[:, 0] - waveform.cols[:, 0]


@pytest.mark.parametrize("where", DEVICES)
@pytest.mark.parametrize("name", ASKED)
def test_records_and_history_are_what_the_device_was_given(name, where):
    records, calls, marks, driven = played(name, where)
    given = [w for w, _ in calls]
    volts = np.concatenate([np.append(0.0, cell(w)) for w in given])
    assert driven.voltage.tobytes() == volts.tobytes()
    assert driven.duration.tobytes() == np.concatenate([np.append(0.0, w.duration) for w in given]).tobytes()
    assert driven.measured.tolist() == np.concatenate([np.append(False, w.measure) for w in given]).tolist()
    currents = np.concatenate([r.currents[:, 0] for _, r in calls])
    assert driven.current[driven.measured > 0].tobytes() == currents.tobytes()
    check = globals()[f"check_{name}"]
    check(records, [[w for w, _ in calls[a:b]] for a, b in marks])


def pulses(waveform):
    """Voltages and widths of the measured segments."""
    return cell(waveform)[waveform.measure], waveform.duration[waveform.measure]


def check_iv(records, blocks):
    for number, (waveform,) in enumerate(blocks):
        here = records["block"] == number
        assert np.array_equal(records["voltage"][here], cell(waveform))
        assert np.array_equal(records["width"][here], waveform.duration)
        assert set(records["amplitude"][here]) == {cell(waveform).max()}
        assert records["frequency"][here] == pytest.approx(2 / waveform.total, rel=1e-12)


def check_ltp(records, blocks):
    heights = {}
    for number, (waveform,) in enumerate(blocks):
        here = records["block"] == number
        volts, widths = pulses(waveform)
        assert np.array_equal(records["voltage"][here], np.append(0.0, volts[1::2]))
        assert set(records["width"][here]) == set(widths[1::2])
        polarity = records["polarity"][here][0]
        assert np.sign(volts[1]) == polarity
        if polarity > 0:
            heights[number] = volts[1]
            assert set(records["amplitude"][here]) == {volts[1]}
    assert len(set(heights.values())) == 2


def check_stdp(records, blocks):
    for number, waveforms in enumerate(blocks):
        waveform = waveforms[-1]
        row, col = (np.flatnonzero(np.abs(v[:, 0]) > 0.03) for v in (waveform.rows, waveform.cols))
        assert records["delay"][number] == pytest.approx(waveform.starts[col[0]] - waveform.starts[row[0]], abs=1e-12)
        assert records["pre"][number] == waveform.rows.max()
        assert records["post"][number] == waveform.cols.max()
        assert records["width"][number] == pytest.approx(waveform.duration[row].sum(), rel=1e-12)


def check_ppf(records, blocks):
    for number, (waveform,) in enumerate(blocks):
        assert records["interval"][number] == waveform.duration[1]
        assert (records["voltage"][number], records["width"][number]) == (cell(waveform)[0], waveform.duration[0])


def check_desensitisation(records, blocks):
    for number, (waveform,) in enumerate(blocks):
        here, (volts, widths) = records["block"] == number, pulses(waveform)
        assert np.array_equal(records["voltage"][here], volts)
        assert np.array_equal(records["width"][here], widths)
        last, test = np.flatnonzero(waveform.measure)[-2:]
        assert set(records["pause"][here]) == {waveform.duration[last + 1 : test].sum()}


def check_retention(records, blocks):
    volts, widths = (np.concatenate(found) for found in zip(*[pulses(w) for (w,) in blocks], strict=True))
    assert np.array_equal(records["voltage"], volts)
    assert np.array_equal(records["width"], widths)
    ends = np.cumsum([w.total for (w,) in blocks])[1:] - blocks[0][0].total
    assert records["elapsed"][2:] == pytest.approx(ends, rel=1e-9)


def check_endurance(records, blocks):
    volts, widths = (np.concatenate(found) for found in zip(*[pulses(w) for (w,) in blocks], strict=True))
    assert np.array_equal(records["voltage_positive"], volts[0::4])
    assert np.array_equal(records["voltage_negative"], volts[2::4])
    assert np.array_equal(records["width"], widths[0::4])


def check_ispp(records, blocks):
    for number, waveforms in enumerate(blocks):
        here = np.flatnonzero(records["block"] == number)
        if np.isnan(records["target"][here[0]]):
            for k, train in zip(here, waveforms, strict=True):
                volts, widths = pulses(train)
                assert (records["voltage"][k], records["width"][k]) == (volts[0], widths[0])
            continue
        for k, burst in zip(here[1:], waveforms[1::2], strict=True):
            volts, widths = pulses(burst)
            assert set(volts) == {records["voltage"][k]}
            assert set(widths) == {records["width"][k]}
            assert records["burst"][k] == len(volts)
            assert 0 < abs(volts[0]) <= 0.1404


def check_forming(records, blocks):
    assert np.isnan(records["width"][0]) and records["voltage"][0] == 0.0
    for k, (waveform,) in enumerate(blocks[1:], 1):
        assert (records["voltage"][k], records["width"][k]) == (cell(waveform)[0], waveform.duration[0])
    assert len(set(records["voltage"])) == len(records["voltage"])


# ---- the values of the issue


def test_a_tenth_of_a_volt_is_recorded_where_a_tenth_was_driven():
    for name, column in (("iv", "amplitude"), ("ltp", "amplitude"), ("stdp", "pre"), ("ppf", "voltage"),
                         ("endurance", "voltage_positive")):  # fmt: skip
        assert played(name, "fpga")[0][column][0] == 0.10, name


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("ltp", {"amplitudes": [0.1, 0.104]}, r"ltp.amplitudes: 0.1 V and 0.104 V are both 0.1 V on this device"),
        ("iv", {"amplitudes": [0.1, 0.104]}, r"iv.amplitudes: 0.1 V and 0.104 V are both 0.1 V.*steps of 0.01 V"),
    ],
)
def test_a_family_of_which_the_device_makes_one_is_refused(name, settings, words):
    plan = MeasurementPlan({"experiment": name, "device": {"uri": "sim:rram"}, name: settings})
    with open_device("fpga:golden?cell=flca&v_step=0.01&phi_max=10") as device, pytest.raises(InputError, match=words):
        plan.ready(device)


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("ppf", {"intervals": [0.0103, 0.0104]}, "ppf.intervals: 0.0103 s and 0.0104 s are both 0.0104 s"),
        ("desensitisation", {"pauses": [0.0103, 0.0104]}, "desensitisation.pauses: 0.0103 s"),
        ("ltp", {"widths": [0.0103, 0.0104]}, "ltp.widths: 0.0103 s"),
        ("stdp", {"delays": [0.0103, 0.0104]}, "stdp.delays: 0.0103 s"),
        (
            "iv",
            {"frequencies": [5.0, 5.01], "stairs": 20},
            "iv.frequencies: 5 Hz and 5.01 Hz are both .* steps of 0.0004 s",
        ),
    ],
)
def test_times_of_which_the_device_makes_one_are_refused(name, settings, words):
    plan = MeasurementPlan({"experiment": name, "device": {"uri": "sim:flca"}, name: settings})
    with open_device("sim:flca") as device:
        device.limits = replace(device.limits, time_step=4e-4)
        with pytest.raises(InputError, match=words):
            plan.ready(device)


def test_time_that_passes_between_two_waveforms_and_a_reset_are_in_the_history():
    with open_device("sim:rram") as device:
        bench = CellBench(device)
        bench.play(Waveform.pulse(0.1, width=1e-3, measure=True))
        device.apply(Waveform.rest(0.5))  # somebody else's: the cell is at rest for our bench
        bench.play(Waveform.pulse(0.2, width=2e-3))
        bench.reset()
        bench.play(Waveform.pulse(0.3, width=1e-3))
        driven = bench.taken()
        assert len(bench.taken().voltage) == 0
    assert driven.voltage.tolist() == [0, 0.1, 0, 0.2, 0, 0.3]
    assert driven.duration == pytest.approx([0, 1e-3, 0.5, 2e-3, 0, 1e-3])
    assert driven.resets.tolist() == [4]
    twice = Driven.joined([driven, driven])
    assert twice.resets.tolist() == [4, 10]
    assert np.isnan(twice.current).sum() == 10
