import numpy as np
import pytest
from array_drives import EVERYTHING, KINDS, all_rows, random_drive
from scipy import stats

from hil.backends import open_device
from hil.errors import InputError
from hil.waveform import Waveform
from sim.crossbar.variability import CycleToCycle, DeviceToDevice, ReadNoise, StuckCells, Variability

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
