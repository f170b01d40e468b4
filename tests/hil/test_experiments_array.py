"""`hil characterize array`: margins by closed forms, wires, selectors, and devices that are what they are."""

import numpy as np
import pytest
from experiment_runner import play

from hil.abilities import Rebuilding
from hil.backends import open_device
from hil.biasing import SCHEMES
from hil.errors import InputError
from hil.experiments.experiment import where

RATIO = 100.0
"""Highest over lowest conductance of sim:rram."""


def leak(scheme, n):
    """What other cells add to the column's current, over the own current of a cell at its highest conductance."""
    return {"V/2": (n - 1) / 2, "V/3": (n - 1) / 3, "grounded": 0.0, "floating": (n - 1) ** 2 / (2 * n - 1)}[scheme]


def test_margins_and_power_are_the_textbook_s():
    """Ohmic cells, no wires, all neighbours at their highest conductance."""
    experiment, records, _ = play("array", "sim:rram", sizes=[2, 5, 20], writes=1)
    for number, scheme in enumerate(SCHEMES):
        found = where(records, scheme=number)
        for k, n in enumerate((2, 5, 20)):
            assert found["margin"][k] == pytest.approx((1 - 1 / RATIO) / (1 + leak(scheme, n)), rel=1e-9)
            assert found["error"][k] == pytest.approx(leak(scheme, n), rel=1e-9, abs=1e-12)
    v, g = 1e-3, 1e-4
    n = np.array([2, 5, 20])
    assert where(records, scheme=0)["read_power"] == pytest.approx(g * v**2 * (1 + 2 * (n - 1) / 4), rel=1e-9)
    assert where(records, scheme=1)["read_power"] == pytest.approx(g * v**2 * (1 + (n**2 - 1) / 9), rel=1e-9)
    assert where(records, scheme=2)["read_power"] == pytest.approx(g * v**2 * n, rel=1e-9)
    told = {row.text: row.value for row in experiment.analyse(records)}
    assert told["V/2: size that leaks allow"] == pytest.approx(1 + 2 * (0.99 / 0.1 - 1))
    assert told["V/3: size that leaks allow"] == pytest.approx(1 + 3 * (0.99 / 0.1 - 1))
    assert told["V/2: largest size measured with that margin"] == 5


def test_wires_take_their_part_and_the_map_shows_where():
    _, records, _ = play("array", "sim:rram?r_wire=5", sizes=[24], schemes=["grounded"], writes=1)
    point, cells = where(records, scheme=2), records["error"][np.isfinite(records["row"])]
    table = cells.reshape(24, 24)
    assert point["error"][0] == pytest.approx(table[0, -1], rel=1e-6) and point["error"][0] < -0.1
    assert (np.diff(table[0]) < 0).all() and (np.diff(table[:, -1]) > 0).all()
    with open_device("sim:rram?w0=1&r_wire=5", rows=24, cols=24) as device:
        assert table == pytest.approx(device.read() / device.conductance - 1, rel=1e-9)


def test_wires_leave_the_worst_cell_too_little_to_be_written():
    _, records, _ = play(
        "array", "sim:vteam?pulse_steps=20&r_wire=50", sizes=[4, 10], schemes=["V/2"], writes=1, map=False
    )
    assert 1 > records["written_positive"][0] > records["written_positive"][1] > 0


@pytest.mark.parametrize("selectivity", [1e4, 1e6, 1e8])
def test_the_size_that_leaks_allow_is_the_one_at_which_the_margin_is_least(selectivity):
    """Told at 3 rows, it holds at the size told: an array of half of it has more than that margin, twice it less."""
    uri = f"sim:rram?selector=exponential&selector.selectivity={selectivity:g}"
    experiment, records, _ = play("array", uri, sizes=[3], schemes=["V/2"], writes=1, map=False, least_margin=0.5)
    (told,) = (row.value for row in experiment.analyse(records) if row.text == "V/2: size that leaks allow")
    share, at_best = records["error"][0] / 2, records["margin_alone"][0]
    assert records["leak"] == pytest.approx(records["error"], rel=1e-6)
    for size, better in ((told / 2, True), (2 * told, False)):
        assert (at_best / (1 + share * (size - 1)) > 0.5) == better
    assert told > 1.5 * selectivity**0.5


def test_a_device_that_cannot_be_rebuilt_is_measured_as_it_is():
    with open_device("fpga:golden?rows=2&cols=2") as device:
        _, records, _ = play("array", "fpga:golden", device=device, writes=2)
    assert np.isnan(records["margin"]).all() and len(where(records, scheme=0)["size"]) == 1
    with pytest.raises(InputError, match="comes in no other size"):
        play("array", "fpga:golden", sizes=[4])
    with pytest.raises(InputError, match="different numbers"):
        play("array", "sim:rram", sizes=[4, 4])
    with pytest.raises(InputError, match="V/4"):
        play("array", "sim:rram", schemes=["V/4"])


@pytest.mark.parametrize("uri", ["sim:rram?d2d_r=0.2", "sim:vteam", "sim:jart-vcm", "sim:yakopcic"])
def test_cells_are_put_where_they_are_to_be(uri):
    with open_device(uri, rows=3, cols=2, threads=1) as device:
        assert isinstance(device, Rebuilding)
        low, high = device.cell_range()
        factor = device.array.scale.T
        wanted = np.geomspace(max(low, high / 1e3) * 1.05, high * 0.95, 6).reshape(3, 2) / factor
        device.put(wanted)
        assert device.conductance == pytest.approx(wanted, rel=1e-6)
        with device.resized(5, 4) as other:
            assert other.cells == (5, 4) and other.name == device.name


def test_one_cell_of_a_simulation_is_no_array():
    """Sizes are chosen then, and those of a device that has more are its own."""
    for address, sizes in (("sim:rram?r_wire=2", {4, 8, 16, 32}), ("sim:rram?rows=3&cols=3", {3})):
        _, records, _ = play("array", address, writes=1, schemes="V/2", map=False)
        assert set(records["size"].tolist()) == sizes
