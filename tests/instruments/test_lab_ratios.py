"""Numbers that experiments make of currents: none is made of a current that the compliance has limited."""

import numpy as np
import pytest
from lab_bench import LOW, virtual

from hil.errors import InputError
from hil.experiments.characterization import MeasurementPlan
from hil.experiments.desensitisation import Desensitisation
from hil.experiments.endurance import window
from hil.experiments.ispp import measured_range
from hil.experiments.iv import CurrentVoltage
from hil.experiments.ltp import Potentiation
from hil.experiments.ppf import PairedPulses
from hil.experiments.retention import Retention
from hil.experiments.stdp_window import StdpWindow

PAIRS = {"amplitude": 0.1, "width": 2e-3, "intervals": [0.002, 0.01, 0.1, 1.0], "recovery": 0.5}
TRAINS = {"amplitude": 0.1, "width": 2e-3, "pulses": 4, "pauses": [0.01, 0.1, 0.5], "recovery": 0.5}
LOOPS = {"frequencies": [2.0], "stairs": 16, "cycles": 2}
TAU, I_MAX = 0.05, 1e-4


def played(name, settings, device):
    plan = MeasurementPlan({"experiment": name, "device": {"uri": "visa:virtual"}, name: settings})
    experiment, bench, blocks = plan.ready(device)
    found = []
    for block in blocks:
        found += experiment.measure(block, bench, {c: np.array([r[c] for r in found]) for c in experiment.columns})
    return experiment, {c: np.array([r[c] for r in found], dtype=float) for c in experiment.columns}


def rows_of(experiment, records):
    return {row.text: row for row in experiment.analyse(records)}


def made(experiment, settings, **columns):
    """Experiment with records of these columns."""
    table = {name: np.asarray(column, float) for name, column in columns.items()}
    found = experiment(experiment.settings_model(**settings))
    return found, rows_of(found, table), table


# ---- on an instrument


@pytest.mark.parametrize(("i_max", "clipped"), [(1e-2, False), (3e-4, True)])
def test_a_ratio_to_a_first_pulse_at_the_compliance_is_not_known(i_max, clipped, tmp_path):
    """The pulses of this cell have 334, 200, 143 ... uA: at 300 uA the first one alone is limited."""
    with virtual("2450", "sim:flca", i_max=i_max) as device:
        experiment, records = played("ppf", PAIRS, device)
    rows = rows_of(experiment, records)
    type(experiment).draw({"one": records}, tmp_path / "ppf.png")
    assert (np.isnan(records["ratio"]).all(), (records["tripped"] == 1).all()) == (clipped, clipped)
    shortest = rows["ratio at 2 ms"]
    if not clipped:
        assert shortest.value == pytest.approx(0.6006, rel=1e-3) and "points at compliance" not in rows
        return
    np.testing.assert_allclose(records["first"], i_max, rtol=1e-4, err_msg="the current itself is what flowed")
    assert shortest.value is None and "at the compliance" in shortest.note
    assert "4 of 4 ratios are left out of the fit and the figure" in rows["points at compliance"].note


@pytest.mark.parametrize(("i_max", "clipped"), [(1e-2, False), (3e-4, True)])
def test_responses_relative_to_a_pulse_at_the_compliance_are_not_known(i_max, clipped, tmp_path):
    with virtual("2450", "sim:flca", i_max=i_max) as device:
        experiment, records = played("desensitisation", TRAINS, device)
    rows = rows_of(experiment, records)
    type(experiment).draw({"one": records}, tmp_path / "desensitisation.png")
    assert np.isnan(records["response"]).all() == clipped
    assert (rows["response to pulse 4"].value is None) == (rows["recovered after 500 ms"].value is None) == clipped
    if clipped:
        assert records["tripped"].reshape(3, 5)[:, 0].all() and not records["tripped"].reshape(3, 5)[:, -1].any()
        assert "15 of 15 responses are left out of the fits and the figure" in rows["points at compliance"].note


def test_a_lobe_with_a_point_at_the_compliance_has_no_area(tmp_path):
    """Both peaks reach 60.84 uA, the negative one at its beginning: at 60.7 uA both lobes are cut off."""
    rows = {}
    for i_max in (1e-2, 6.07e-5):
        with virtual("2450", "sim:rram", i_max=i_max) as device:
            experiment, records = played("iv", LOOPS, device)
        rows[i_max] = rows_of(experiment, records)
        type(experiment).draw({"one": records}, tmp_path / "iv.png")
    free, limited = rows.values()
    positive, negative = (f"1.2 V 2 Hz: {side} lobe" for side in ("positive", "negative"))
    assert free[positive].value == pytest.approx(1.0692e-7, rel=1e-3)
    for lobe in (positive, negative):
        assert limited[lobe].value is None and "at the compliance" in limited[lobe].note
    assert limited["1.2 V 2 Hz: peak current"].value is None
    assert limited["1.2 V 2 Hz: branch ratio"].value == pytest.approx(free["1.2 V 2 Hz: branch ratio"].value, rel=1e-3)
    assert limited["points at compliance"].value == 4
    assert "are not given" in limited["points at compliance"].note


def test_reads_at_the_compliance_make_no_spike_timing_window(tmp_path):
    settings = {"amplitude": 1.0, "width": 2e-3, "delays": [-0.01, 0.01, 0.02], "settle": 0.01, "prepare": "none"}
    with virtual("2450", LOW, i_max=5e-7) as device:
        experiment, records = played("stdp", settings, device)
    rows = rows_of(experiment, records)
    type(experiment).draw({"one": records}, tmp_path / "stdp.png")
    assert np.isnan(records["change"]).all()
    assert rows["largest change, side +"].value is rows["largest change, side -"].value is None
    assert "3 of 3 changes" in rows["points at compliance"].note


# ---- where some are known: what is fitted is the curve of these


def clipped(values, bad):
    return np.where(bad, np.nan, values), np.asarray(bad, float)


def test_the_fit_of_paired_pulses_leaves_out_what_is_not_known():
    t = np.array([0.001, 0.003, 0.01, 0.03, 0.05, 0.1, 0.2, 0.5])
    ratio, tripped = clipped(1 + 0.8 * np.exp(-t / TAU), t < 0.005)
    _, rows, _ = made(PairedPulses, PAIRS, interval=t, ratio=ratio, tripped=tripped)
    assert rows["ratio at 1 ms"].value is None
    assert rows["ratio at 500 ms"].value == pytest.approx(1 + 0.8 * np.exp(-10))
    assert rows["tau"].value == pytest.approx(TAU, rel=1e-4)
    assert rows["C"].value == pytest.approx(0.8, rel=1e-4)
    assert "2 of 8 ratios are left out" in rows["points at compliance"].note


def test_the_fit_of_a_recovery_leaves_out_what_is_not_known():
    """Trains fall from 50 uA to 20 uA; two of the test pulses flow at the compliance."""
    pauses = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.5])
    test = 50e-6 - 30e-6 * np.exp(-pauses / TAU)
    bad = pauses >= 0.2
    current = np.array([[50e-6, 30e-6, 20e-6, I_MAX if b else i] for i, b in zip(test, bad, strict=True)]).ravel()
    tripped = np.array([[0, 0, 0, b] for b in bad], float).ravel()
    response = np.where(tripped > 0, np.nan, current / 50e-6)
    _, rows, _ = made(
        Desensitisation, TRAINS, pause=np.repeat(pauses, 4), pulse=np.tile([1, 2, 3, 4], 6), current=current,
        response=response, tripped=tripped,
    )  # fmt: skip
    assert rows["recovery tau"].value == pytest.approx(TAU, rel=1e-4)
    assert rows["recovered after 500 ms"].value is None
    assert rows["response to pulse 3"].value == pytest.approx(0.4)


def test_the_window_of_spike_timing_leaves_out_what_is_not_known():
    delay = np.array([0.002, 0.01, 0.03, 0.05, 0.1, 0.2, 0.5])
    change, tripped = clipped(0.3 * np.exp(-delay / TAU), delay < 0.005)
    _, rows, _ = made(StdpWindow, {}, delay=delay, change=change, tripped=tripped)
    assert rows["largest change, side +"].value == pytest.approx(30 * np.exp(-0.2))
    assert rows["tau+"].value == pytest.approx(TAU, rel=1e-4)


def test_retention_leaves_out_what_is_not_known():
    t = np.array([0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5])
    g, tripped = clipped(1e-4 + 5e-5 * np.exp(-t / TAU), t < 0.015)
    elapsed, g = np.concatenate([[np.nan, 0.0], t]), np.concatenate([[9e-5, np.nan], g])
    _, rows, _ = made(Retention, {}, elapsed=elapsed, conductance=g, tripped=np.concatenate([[0, 1], tripped]))
    assert rows["20 ms after programming"].value == pytest.approx(1e-4 + 5e-5 * np.exp(-0.4))
    assert rows["tau of G"].value == pytest.approx(TAU, rel=1e-4)
    assert "1 of 7 reads after programming are left out" in rows["points at compliance"].note


def test_cycles_of_potentiation_that_are_left_out_are_told():
    up, down = [1e-4, 2e-4, 3e-4], [3e-4, 2e-4, 1e-4]
    g = np.array([*up, *down, *up, 3e-4, np.nan, 1e-4])
    _, rows, _ = made(
        Potentiation, {}, amplitude=np.ones(12), width=np.full(12, 1e-3), cycle=np.repeat([0, 1], 6),
        polarity=np.tile(np.repeat([1, -1], 3), 2), pulse=np.tile([0, 1, 2], 4), conductance=g, tripped=np.isnan(g),
    )  # fmt: skip
    assert rows["1 V 1 ms: cycles left out"].value == 1
    assert rows["1 V 1 ms: on/off ratio"].value == pytest.approx(3)


@pytest.mark.parametrize("states", [(np.nan, 1e-3), (1e-3, np.nan), (0.0, 1e-3)])
def test_a_window_of_endurance_with_an_unknown_state_is_not_known(states):
    """Python's own `min` and `max` of (1 mS, NaN) are both 1 mS: a window of 1, closed."""
    assert np.isnan(window(*states))
    assert window(2e-3, 1e-3) == window(1e-3, 2e-3) == 2


def test_a_range_that_is_not_known_is_no_range():
    found = {"level": [-1, -1], "conductance": [np.nan, 1e-4], "spread": [0.0, 0.0]}
    with pytest.raises(InputError, match=r"range of the cell is not known.*raise i_max"):
        measured_range({name: np.array(column, float) for name, column in found.items()})


def test_a_branch_that_is_limited_has_no_ratio():
    v, i = np.array([0, 0.5, 1, 0.5, 0, -1, 0]), np.array([0, 1, 3, np.nan, 0, -1, 0])
    t = np.isnan(i)
    columns = {"amplitude": np.ones(7), "frequency": np.ones(7), "cycle": np.zeros(7), "voltage": v, "current": i}
    _, rows, _ = made(CurrentVoltage, {}, tripped=t, **columns)
    assert rows["1 V 1 Hz: branch ratio"].value is None and rows["1 V 1 Hz: positive lobe"].value is None
    assert rows["1 V 1 Hz: negative lobe"].value is not None
