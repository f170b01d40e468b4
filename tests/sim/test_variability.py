import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hil.backends import open_device
from hil.errors import InputError
from hil.waveform import Waveform
from sim.crossbar.variability import CycleToCycle, DeviceToDevice, ReadNoise, StuckCells, Variability, cycle_factor

KINDS = ["sim:flca", "sim:flca?kind=volatile&phi0=1e-3", "sim:flca-pair", "sim:flca-step", "sim:rram?model=nlsb"]
EVERYTHING = {"d2d": 0.1, "d2d_r": 0.2, "c2c": 0.3, "stuck_on": 0.1, "stuck_off": 0.15, "read_noise": 0.05}


def all_rows(device, voltage, width=1e-3, measure=False):
    return Waveform.pulse(np.full(device.rows, voltage), np.zeros(device.cols), width=width, measure=measure)


def random_drive(device, segments, seed=0, reach=1.5):
    random = np.random.default_rng(seed)
    return Waveform.samples(
        random.uniform(-reach, reach, (segments, device.rows)),
        random.uniform(-0.5, 0.5, (segments, device.cols)),
        dwell=random.uniform(1e-4, 1e-3, segments),
    )


def state_of(device):
    return {name: array for name, array in device.snapshot().items() if name != "time"}


def assert_same_state(one, other):
    one, other = state_of(one), state_of(other)
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert np.array_equal(array, other[name]), name


# ---- nothing unless asked for


@pytest.mark.parametrize("uri", KINDS)
def test_cells_are_alike_unless_asked(uri):
    device = open_device(uri, rows=8, cols=8)
    device.apply(all_rows(device, 1.2))
    assert np.unique(device.read()).size == 1
    assert np.array_equal(device.read(), device.read())


def test_the_parts_are_off_by_default():
    assert Variability() == Variability(DeviceToDevice(0, 0), CycleToCycle(0), ReadNoise(0), StuckCells(0, 0), 0)


# ---- device to device


def test_spread_between_cells_is_log_normal_with_median_one():
    gain, scale = DeviceToDevice(0.1, 0.05).draw((300, 300), seed=7)
    for factor, sigma in ((gain, 0.1), (scale, 0.05)):
        logs = np.log(factor).ravel()
        assert logs.std() == pytest.approx(sigma, rel=0.01)
        assert abs(logs.mean()) < 4 * sigma / np.sqrt(logs.size)
        assert stats.kstest(logs / sigma, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(gain.ravel(), scale.ravel())[0, 1]) < 0.015


def test_spread_of_memristance_scales_every_conductance():
    plain = open_device("sim:flca?phi0=1e-3", rows=100, cols=100)
    spread = open_device("sim:flca?phi0=1e-3", rows=100, cols=100, d2d_r=0.08, seed=5)
    ratio = spread.read() / plain.read()
    assert np.log(ratio).std() == pytest.approx(0.08, rel=0.02)
    for device in (plain, spread):
        device.apply(all_rows(device, 0.5))
    assert spread.read() / plain.read() == pytest.approx(ratio, rel=1e-12)


def test_spread_of_sensitivity_scales_every_change_of_flux():
    device = open_device("sim:flca?D=0&R=100,1e6", rows=100, cols=100, d2d=0.08, seed=5)
    assert np.unique(device.read()).size == 1
    device.apply(all_rows(device, 0.5))
    flux = (1 / device.read() - 100) / 1e6
    assert np.log(flux / (0.5 * 1e-3)).std() == pytest.approx(0.08, rel=0.02)
    once = flux.copy()
    device.apply(all_rows(device, 0.5))
    assert (1 / device.read() - 100) / 1e6 == pytest.approx(2 * once, rel=1e-9)


# ---- cycle to cycle


def draws(sigma=1.0, seed=3, events=60, cols=60, rows=60):
    table = [
        cycle_factor(sigma, seed, event, col, row)
        for event in range(events)
        for col in range(cols)
        for row in range(rows)
    ]
    return np.array(table).reshape(events, cols, rows)


def test_cycle_factors_are_normal_around_one():
    factors = draws(sigma=0.2)
    normal = (factors.ravel() - 1) / 0.2
    assert normal.mean() == pytest.approx(0, abs=4 / np.sqrt(normal.size))
    assert normal.std() == pytest.approx(1, rel=0.01)
    assert stats.skew(normal) == pytest.approx(0, abs=0.03)
    assert stats.kurtosis(normal) == pytest.approx(0, abs=0.05)
    assert stats.kstest(normal, "norm").pvalue > 1e-3


def test_cycle_factors_are_independent_in_every_direction():
    normal = draws() - 1
    bound = 5 / np.sqrt(normal.size)
    for axis in range(3):
        shifted = np.roll(normal, 1, axis=axis)
        assert abs(np.mean(normal * shifted)) < bound
        assert abs(np.mean((normal**2 - 1) * (shifted**2 - 1))) < 2 * bound
    assert abs(np.mean(normal * normal.transpose(0, 2, 1)[:, ::-1])) < bound
    assert np.unique(normal).size == normal.size


def test_cycle_factors_depend_on_every_argument():
    one = cycle_factor(0.1, 3, 5, 7, 11)
    assert one == cycle_factor(0.1, 3, 5, 7, 11)
    others = [(4, 5, 7, 11), (3, 6, 7, 11), (3, 5, 8, 11), (3, 5, 7, 12), (3, 5, 11, 7), (5, 3, 7, 11)]
    assert len({one, *(cycle_factor(0.1, *arguments) for arguments in others)}) == 7


def test_no_spread_is_a_factor_of_one():
    assert (draws(sigma=0.0, events=5, cols=5, rows=5) == 1).all()


@pytest.mark.parametrize("sigma", [0.05, 0.3])
def test_every_step_of_an_rram_cell_is_spread(sigma):
    device = open_device("sim:rram", rows=100, cols=100, alpha=1e-3, w0=0.5, c2c=sigma, seed=2)
    changes = []
    for _ in range(4):
        before = device.weights
        device.apply(all_rows(device, 1.2) + all_rows(device, 0.0))
        changes.append(device.weights - before)
    changes = np.array(changes)
    assert changes.std() == pytest.approx(sigma * 1e-3, rel=0.02)
    assert changes.mean() == pytest.approx(1e-3, rel=4 * sigma / np.sqrt(changes.size))
    assert abs(np.corrcoef(changes[0].ravel(), changes[1].ravel())[0, 1]) < 0.04


def test_every_change_of_flux_is_spread():
    device = open_device("sim:flca?D=0&R=100,1e6", rows=100, cols=100, c2c=0.1, seed=2)
    device.apply(all_rows(device, 0.5))
    flux = (1 / device.read() - 100) / 1e6
    assert flux.std() == pytest.approx(0.1 * 0.5e-3, rel=0.02)
    assert flux.mean() == pytest.approx(0.5e-3, rel=0.004)


def test_a_rest_is_not_a_programming_change():
    spread, plain = (open_device("sim:flca?kind=volatile&phi0=1e-3", rows=4, cols=3, c2c=c2c) for c2c in (0.5, 0.0))
    for device in (spread, plain):
        device.apply(all_rows(device, 0.0, width=0.7))
    assert np.array_equal(spread.read(), plain.read())


@pytest.mark.parametrize("uri", ["sim:flca?D=0&phi0=1e-3", "sim:rram?alpha=0.9&w0=0.3"])
def test_a_pulse_far_beyond_a_bound_ends_at_the_bound(uri):
    """The spread is of the pulse's effect, not of where the bound is."""
    device = open_device(uri, rows=10, cols=10, c2c=0.1)
    device.apply(all_rows(device, -3.0))
    bound = 1 / 100 if "flca" in uri else 1e-6
    assert device.read() == pytest.approx(np.full((10, 10), bound))


@pytest.mark.parametrize("uri", KINDS)
@settings(deadline=None, max_examples=10, derandomize=True)
@given(cuts=st.lists(st.integers(1, 29), max_size=4, unique=True).map(sorted))
def test_the_spread_does_not_depend_on_how_the_work_is_cut(uri, cuts):
    """Into calls, at a rest: where a call ends all lines are at 0 V."""
    whole, pieces = (open_device(uri, rows=4, cols=3, threads=1, **EVERYTHING) for _ in range(2))
    waveform, rest = random_drive(whole, 30), Waveform.rest(1e-3, 4, 3)
    parts = [waveform[start:stop] + rest for start, stop in zip([0, *cuts], [*cuts, 30], strict=True)]
    whole.apply(Waveform.concat(parts))
    for part in parts:
        pieces.apply(part)
    assert_same_state(whole, pieces)
    assert np.array_equal(whole.read(), pieces.read())


@pytest.mark.parametrize(("uri", "voltage"), [
    ("sim:flca?D=0", 1.0), ("sim:flca?kind=volatile&phi0=1e-3", 1.0), ("sim:flca?D=200&phi0=5e-3", -0.4),
    ("sim:flca-pair?preset=perceptron", 0.1), ("sim:flca-step", 0.1), ("sim:vteam?k_off=10", 1.2),
    ("sim:vteam?window=biolek&k_off=10", 1.2), ("sim:rram?alpha=0.01", 1.2), ("sim:pill?rows=45", 0.1),
])  # fmt: skip
@pytest.mark.parametrize("measured", [False, True])
def test_a_pulse_has_one_factor_however_it_is_cut(uri, voltage, measured):
    """In one piece, 64 pieces, and 8 pieces while another line changes; against the course without noise."""
    ends = []
    for pieces, c2c in ((1, 0.0), (1, 0.3), (64, 0.3)):
        device = open_device(uri, cols=40, threads=1, c2c=c2c, seed=2, **({} if "rows" in uri else {"rows": 45}))
        device.apply(all_rows(device, voltage, width=1e-3 / pieces, measure=measured) * pieces)
        ends.append(1 / device.conductance)
    pristine = 1 / open_device(uri).conductance[0, 0]
    change = [end - pristine for end in ends]
    assert change[2] == pytest.approx(change[1], rel=2e-4, abs=1e-6 * np.abs(change[0]).max())
    if "flca-pair" not in uri:  # its resistance holds the volatile element as well, which has no spread
        factor = change[1] / change[0]
        assert factor.std() == pytest.approx(0.3, rel=0.06 if "window" not in uri else 0.15)
        assert factor.mean() == pytest.approx(1.0, abs=0.03)


def test_a_pulse_goes_on_while_other_lines_change():
    """Cells of row 0 see one pulse whatever row 1 does; cells of row 1 see three."""
    quiet, busy = (open_device("sim:flca?D=0", rows=2, cols=500, threads=1, c2c=0.3, seed=2) for _ in range(2))
    columns = np.zeros(500)
    quiet.apply(Waveform.pulse([1.0, 0.0], columns, width=3e-3))
    busy.apply(Waveform.concat(Waveform.pulse([1.0, v], columns, width=1e-3) for v in (0.5, 0.0, 0.5)))
    assert busy.read()[0] == pytest.approx(quiet.read()[0], rel=1e-12)
    flux = (1 / busy.read()[1] - 100) / 1e6
    assert flux.std() / flux.mean() == pytest.approx(0.3 / 2**0.5, rel=0.1)


def test_relaxation_at_rest_has_no_spread():
    """A volatile flux that noise has moved decays from there exactly, at whatever moment the rest is cut."""
    device = open_device("sim:flca?kind=volatile&D=50", rows=10, cols=10, threads=1, c2c=0.5, seed=2)
    device.apply(all_rows(device, 1.0))
    flux = 1 / device.conductance - 100
    device.apply(all_rows(device, 0.0, width=7e-3) + all_rows(device, 0.0, width=3e-3, measure=True))
    assert 1 / device.conductance - 100 == pytest.approx(flux * np.exp(-0.5), rel=1e-9)


def test_a_pulse_may_go_backwards():
    """With the 3.4 of a published preset every third step does, by as much as the distribution says."""
    device = open_device("sim:rram?alpha=0.001&c2c=3.4", rows=100, cols=100, seed=5)
    device.apply(all_rows(device, 1.2))
    factor = (device.weights - 0.5) / 0.001
    assert factor.std() == pytest.approx(3.4, rel=0.03)
    assert (factor < 0).mean() == pytest.approx(stats.norm.cdf(-1 / 3.4), abs=0.015)


@pytest.mark.parametrize("uri", KINDS)
def test_a_floating_line_does_not_cut_a_pulse(uri):
    """Its voltage moves with the cells, but the segment is one pulse to them; so are two alike, measured or not."""
    floating = np.array([1.2, np.nan, 0.0, 1.2])
    ends = []
    for pieces, measure in ((1, False), (4, False), (4, True)):
        device = open_device(uri, rows=4, cols=30, threads=1, c2c=0.3, seed=2)
        device.apply(Waveform.pulse(floating, np.zeros(30), width=1e-5 / pieces, measure=measure) * pieces)
        ends.append(1 / device.conductance)
    assert ends[1] == pytest.approx(ends[0], rel=1e-4)
    assert ends[2] == pytest.approx(ends[0], rel=1e-4)


@pytest.mark.parametrize("uri", KINDS)
def test_holding_in_steps_is_one_pulse(uri):
    """What steps a circuit around an array goes back and forth within a pulse, to the same end."""
    waveform = Waveform.pulse(np.full(3, 1.2), np.zeros(4), width=1e-3)
    whole, held = (open_device(uri, rows=3, cols=4, threads=1, c2c=0.3, seed=2) for _ in range(2))
    whole.apply(waveform)
    held.hold(waveform.rows[0], waveform.cols[0], 4e-4)
    moment = held.moment()
    held.hold(waveform.rows[0], waveform.cols[0], 9e-4)
    held.recall(moment)
    held.hold(waveform.rows[0], waveform.cols[0], 6e-4)
    assert held.conductance == pytest.approx(whole.conductance, rel=1e-4)
    state = held.snapshot()
    held.restore(state)
    assert np.array_equal(held.snapshot()["counters"], state["counters"])
    for device in (held, whole):
        device.apply(waveform)
    assert held.conductance == pytest.approx(whole.conductance, rel=1e-4)


@pytest.mark.parametrize("uri", KINDS)
def test_the_spread_does_not_depend_on_threads(uri):
    results = []
    for threads in (1, 2, 3):
        with open_device(uri, rows=50, cols=20, threads=threads, **EVERYTHING) as device:
            device.apply(random_drive(device, 250))
            results.append(state_of(device))
    for other in results[1:]:
        assert all(np.array_equal(results[0][name], other[name]) for name in results[0])


# ---- read noise


def test_a_column_is_as_noisy_as_its_cells_together():
    sigma, repeats = 0.03, 20_000
    device = open_device("sim:rram", rows=5, cols=3, d2d_r=0.5, seed=1, read_noise=sigma)
    v, g = np.array([0.1, -0.2, 0.05, 0.0, 0.3]), device.conductance
    expected = sigma * np.sqrt((v**2) @ g**2)
    by_mvm = device.mvm(np.tile(v, (repeats, 1)))
    pulse = Waveform.pulse(v, np.zeros(3), width=1e-6, measure=True)
    by_apply = device.apply(pulse * 4000).currents
    for currents in (by_mvm, by_apply):
        assert currents.std(axis=0) == pytest.approx(expected, rel=4 / np.sqrt(2 * len(currents)))
        assert np.abs(currents.mean(axis=0) - v @ g) == pytest.approx(0, abs=4 * expected.max() / len(currents) ** 0.5)
        assert stats.kstest((currents[:, 0] - v @ g[:, 0]) / expected[0], "norm").pvalue > 1e-3
        assert abs(np.corrcoef(currents[:, 0], currents[:, 1])[0, 1]) < 0.07
    assert np.array_equal(device.conductance, g)


def test_a_conductance_reads_as_noisy_as_its_cell():
    device = open_device("sim:flca?phi0=1e-3", rows=100, cols=100, read_noise=0.02, seed=4)
    first, second = device.read(), device.read()
    true = device.conductance
    for reading in (first, second):
        assert (reading / true - 1).std() == pytest.approx(0.02, rel=0.03)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05


def test_reading_with_noise_moves_no_cell():
    noisy, silent = (open_device("sim:flca?phi0=1e-3", rows=3, cols=2, read_noise=noise) for noise in (0.1, 0.0))
    for device in (noisy, silent):
        device.read()
        device.mvm(np.full(3, 1e-3))
        device.apply(all_rows(device, 0.5, measure=True))
    assert np.array_equal(noisy.conductance, silent.conductance)


# ---- stuck cells


def test_stuck_cells_are_as_many_as_asked_for():
    stuck = StuckCells(on=0.1, off=0.2, g_on=1e-2, g_off=1e-9).draw((300, 300), seed=3)
    for fraction, conductance in ((0.1, 1e-2), (0.2, 1e-9)):
        count = (stuck == conductance).sum()
        assert stats.binomtest(int(count), stuck.size, fraction).pvalue > 1e-3
    assert (np.isnan(stuck) | (stuck == 1e-2) | (stuck == 1e-9)).all()


@pytest.mark.parametrize("uri", KINDS)
def test_stuck_cells_never_move(uri):
    device = open_device(uri, rows=20, cols=15, stuck_on=0.2, stuck_off=0.3, g_on=5e-3, g_off=2e-9, seed=6)
    pristine = device.read()
    on, off = pristine == 5e-3, pristine == 2e-9
    assert on.any()
    assert off.any()
    device.apply(random_drive(device, 20, seed=1))
    device.apply(all_rows(device, 1.2))
    after = device.read()
    assert (after[on] == 5e-3).all()
    assert (after[off] == 2e-9).all()
    assert (after != pristine)[~(on | off)].all()
    device.reset()
    assert np.array_equal(device.read(), pristine)


def test_stuck_cells_carry_their_current():
    device = open_device("sim:rram", rows=4, cols=3, stuck_on=1.0, g_on=1e-3)
    assert device.mvm(np.full(4, 0.1)) == pytest.approx(np.full((1, 3), 4e-4))
    assert device.apply(all_rows(device, 0.1, measure=True)).currents == pytest.approx(np.full((1, 3), 4e-4))


@pytest.mark.parametrize(("uri", "lowest", "highest"), [
    ("sim:rram?g_min=2e-6&g_max=5e-5", 2e-6, 5e-5),
    ("sim:vteam?r_on=1e3&r_off=5e5", 1 / 5e5, 1 / 1e3),
    ("sim:flca?R=100,1e6&phi_max=0.1", 1 / 100100, 1 / 100),
    ("sim:flca?R=100,1e6&D=2&v_max=3", 1 / (100 + 1e6 * 3 / 2), 1 / 100),
    ("sim:flca?R=100,1e6&D=2&v_max=3&phi_max=0.5", 1 / (100 + 1e6 * 0.5), 1 / 100),
    ("sim:flca?kind=volatile&R=100,0,1e6&D=2&A=3&v_max=1", 1 / (100 + 1e6 * 1.5**2), 1 / 100),
    ("sim:flca?R=100&D=0", 1 / 100, 1 / 100),
    ("sim:pill?rows=3&R=100,1e6&D=2&v_max=3", 1 / (100 + 1e6 * 3 / 2), 1 / 100),
    ("sim:flca-step?R=100,1e6&D=2&v_max=3", 1 / (100 + 1e6 * 3 / 2), 1 / 100),
    ("sim:flca-pair?Rv=50,1e5&Rn=100,1e6&Dn=2&v_max=3", 1 / (50 + 100 + 1e6 * 3 / 2), 1 / 150),
])  # fmt: skip
def test_a_stuck_cell_conducts_as_a_cell_of_its_kind_at_the_end_of_its_range(uri, lowest, highest):
    for stuck, conductance in (("stuck_on", highest), ("stuck_off", lowest)):
        assert open_device(uri, **{stuck: 1.0}).read() == pytest.approx(conductance, rel=1e-12)


@pytest.mark.parametrize("uri", ["sim:flca?D=0", "sim:flca-pair?Dn=0", "sim:flca-step?D=0", "sim:pill?D=0"])
def test_a_cell_without_an_off_state_must_be_given_one(uri):
    with pytest.raises(InputError, match=r"stuck_off = 0\.1: nothing bounds the resistance of this cell.* give g_off"):
        open_device(uri, stuck_off=0.1)
    assert open_device(uri, stuck_off=1.0, g_off=3e-9).read()[0, 0] == 3e-9
    open_device(uri, stuck_on=0.1)


@pytest.mark.parametrize(("on", "off", "total"), [(0.7, 0.5, "1.2"), (1.0, 0.01, "1.01")])
def test_more_stuck_cells_than_cells_are_refused(on, off, total):
    with pytest.raises(InputError) as caught:
        open_device("sim:rram", stuck_on=on, stuck_off=off)
    assert str(caught.value) == f"sim:rram: stuck_on + stuck_off = {total} must be <= 1"


def test_all_cells_may_be_stuck():
    for hundredths in range(101):
        on, off = hundredths / 100, (100 - hundredths) / 100
        conductance = open_device("sim:rram", rows=5, cols=5, threads=1, stuck_on=on, stuck_off=off).read()
        assert np.isin(conductance, [1e-4, 1e-6]).all()


# ---- seeds, and parts that do not disturb each other


@pytest.mark.parametrize("uri", KINDS)
def test_a_seed_is_a_device(uri):
    devices = [open_device(uri, rows=6, cols=5, seed=seed, **EVERYTHING) for seed in (1, 1, 2)]
    readings = []
    for device in devices:
        device.apply(random_drive(device, 10))
        readings.append(device.read())
    assert np.array_equal(readings[0], readings[1])
    assert not np.array_equal(readings[0], readings[2])
    devices[0].reset()
    devices[0].apply(random_drive(devices[0], 10))
    assert np.array_equal(devices[0].read(), readings[0])


def others(*names):
    return [{}] + [{name: EVERYTHING[name]} for name in EVERYTHING if name not in names]


def test_spread_of_sensitivity_is_the_same_whatever_else_is_on():
    weights = []
    for other in others("d2d", "c2c"):
        device = open_device("sim:rram", rows=6, cols=5, alpha=0.01, seed=9, d2d=0.3, **other)
        device.apply(all_rows(device, 1.2))
        weights.append(device.weights)
    assert np.unique(weights[0]).size == 30
    assert all(np.array_equal(weights[0], again) for again in weights)


def test_spread_of_memristance_is_the_same_whatever_else_is_on():
    alone, *accompanied = (
        open_device("sim:rram", rows=6, cols=5, seed=9, d2d_r=0.3, **other).conductance for other in others("d2d_r")
    )
    assert np.unique(alone).size == 30
    for conductance in accompanied:
        working = ~np.isin(conductance, [1e-4, 1e-6])
        assert working.sum() > 15
        assert np.array_equal(conductance[working], alone[working])


def test_stuck_cells_are_the_same_whatever_else_is_on():
    for name, conductance in (("stuck_on", 1e-4), ("stuck_off", 1e-6)):
        places = [
            open_device("sim:rram", rows=9, cols=8, seed=9, **{name: 0.3}, **other).conductance == conductance
            for other in others("stuck_on", "stuck_off")
        ]
        assert places[0].any()
        assert all(np.array_equal(places[0], again) for again in places)


def test_more_stuck_on_cells_include_the_fewer():
    few, many = (open_device("sim:rram", rows=30, cols=30, stuck_on=f).read() == 1e-4 for f in (0.1, 0.3))
    both = open_device("sim:rram", rows=30, cols=30, stuck_on=0.1, stuck_off=0.2).read() == 1e-4
    assert many[few].all()
    assert np.array_equal(few, both)


def test_cycle_spread_is_the_same_whatever_else_is_on():
    weights = []
    for other in others("c2c", "d2d"):
        device = open_device("sim:rram", rows=6, cols=5, alpha=0.01, seed=9, c2c=0.3, **other)
        device.read()
        device.apply(all_rows(device, 1.2, measure=True) + all_rows(device, 0.0) + all_rows(device, -1.2))
        weights.append(device.weights)
    assert all(np.array_equal(weights[0], again) for again in weights)


def test_read_noise_is_the_same_whatever_else_is_on():
    noise = []
    for other in others("read_noise"):
        device = open_device("sim:rram", rows=6, cols=5, alpha=0.01, seed=9, read_noise=0.05, **other)
        device.apply(all_rows(device, 1.2))
        noise.append(device.read() / device.conductance)
    assert all(again == pytest.approx(noise[0], rel=1e-12) for again in noise)


def test_streams_of_different_parts_differ():
    gain, scale = (np.log(factor).ravel() for factor in DeviceToDevice(1.0, 1.0).draw((50, 50), 0))
    stuck = np.isnan(StuckCells(on=0.5, g_on=1e-3).draw((50, 50), 0)).ravel()
    read = np.asarray(ReadNoise(1.0).column_noise(np.ones((50, 50)), 0, 1)).ravel()
    again = np.asarray(ReadNoise(1.0).column_noise(np.ones((50, 50)), 0, 2)).ravel()
    correlations = np.corrcoef([gain, scale, stuck, read, again])
    assert np.abs(correlations - np.eye(5)).max() < 0.08
