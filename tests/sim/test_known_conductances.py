"""Conductances are kept until a cell may have moved: never longer, whatever moves cells."""

import numpy as np
import pytest
from array_drives import KINDS, all_rows, random_drive
from ideal_sources import IdealSources

from hil.backends import open_device
from hil.errors import InputError
from hil.limits import LimitError, Limits
from hil.waveform import Waveform

LAWS = [*KINDS, "sim:vteam", "sim:stanford", "sim:yakopcic", "sim:pill?rows=6"]


def anew(device):
    """Conductances worked out from the states, (rows, cols)."""
    return np.ascontiguousarray(device.array.conductance().T)


ACTIONS = {
    "apply": lambda d, k: d.apply(random_drive(d, 3, seed=k)),
    "measured": lambda d, k: d.apply(all_rows(d, 0.8 - 0.5 * (k % 3), measure=True)),
    "floating": lambda d, k: d.apply(Waveform.pulse(np.append(np.full(d.rows - 1, 0.9), np.nan), np.zeros(d.cols),
                                                    width=1e-5)),
    "rest": lambda d, k: d.apply(all_rows(d, 0.0, width=0.1)),
    "follow": lambda d, k: d.follow(IdealSources(np.full(d.rows, 0.7), np.zeros(d.cols)), 1e-3),
    "read": lambda d, k: d.read(0.9),
    "restore": lambda d, k: d.restore(d.kept),
    "recall": lambda d, k: d.recall(d.here),
    "reset": lambda d, k: d.reset(),
}  # fmt: skip


@pytest.mark.parametrize("noise", [{}, {"c2c": 0.3, "d2d_r": 0.2}])
@pytest.mark.parametrize("uri", LAWS)
def test_reads_see_every_change(uri, noise):
    device = open_device(uri, cols=3, threads=1, seed=1, **({} if "rows" in uri else {"rows": 4}), **noise)
    device.kept, device.here = device.snapshot(), device.moment()
    rng, seen = np.random.default_rng(0), []
    drive = np.full(device.rows, device.read_voltage)
    for k in range(40):
        ACTIONS[rng.choice(list(ACTIONS))](device, k)
        for _ in range(2):
            assert np.array_equal(device.read(), anew(device))
            assert device.mvm(drive)[0] == pytest.approx(drive @ anew(device), rel=1e-12)
        seen.append(device.read())
    assert len({found.tobytes() for found in seen}) > 5


def test_a_state_cannot_be_written_behind_its_back():
    device = open_device("sim:rram", rows=2, cols=2, threads=1)
    device.mvm([0.1, 0.1])
    with pytest.raises(ValueError, match="read-only"):
        device.array.state["weight"][:] = 0.9
    device.set_weights(np.full((2, 2), 0.9))
    assert device.mvm([0.1, 0.1])[0] == pytest.approx(0.2 * (1e-6 + 0.9 * 99e-6), rel=1e-12)


def test_what_is_given_out_may_be_written_to():
    device = open_device("sim:rram", rows=2, cols=2, threads=1)
    for give in (device.read, lambda: device.conductance, lambda: device.read_rows([1, 0])):
        found, before = give(), device.mvm([0.1, 0.1])
        found[:] = 0
        assert np.array_equal(device.mvm([0.1, 0.1]), before)


def test_mvm_still_checks_what_it_is_given():
    device = open_device("sim:rram?v_max=1", rows=2, cols=3, threads=1)
    for reverse, width in ((False, 2), (True, 3)):
        with pytest.raises(LimitError, match=r"1\.5 V is outside -1 V \.\. 1 V"):
            device.mvm(np.full((2, width), 1.5), reverse=reverse)
        floating = np.full((1, width), 0.5)
        floating[0, 1] = np.nan
        grounded = np.nan_to_num(floating)
        assert np.array_equal(device.mvm(floating, reverse=reverse), device.mvm(grounded, reverse=reverse))
    with pytest.raises(InputError, match="row voltages"):
        device.mvm(np.zeros((1, 3)))
    assert device.mvm(np.empty((0, 2))).shape == (0, 3)


@pytest.mark.parametrize("limits", [
    Limits(v_min=-0.5, v_max=1.0), Limits(v_cell=0.7), Limits(v_step=0.25), Limits(channels=1),
    Limits(width_min=1e-3), Limits(width_max=1e-4), Limits(time_step=3e-4), Limits(),
])  # fmt: skip
def test_what_is_plainly_admitted_is_what_a_full_check_lets_pass(limits):
    rng, admitted = np.random.default_rng(0), 0
    for _ in range(300):
        v, width = (
            rng.choice([-1.0, -0.5, -0.3, 0.0, 0.25, 0.5, 0.7, 0.8, 1.0, np.nan, np.inf], 2),
            rng.choice([1e-4, 1e-3]),
        )
        if limits.admit(v[None], width):
            admitted += 1
            limits.check(Waveform.samples(v[None], np.zeros((1, 3)), dwell=width))
            limits.check(Waveform.samples(np.zeros((1, 3)), v[None], dwell=width))
    assert (admitted > 10) == (not limits.v_step and not limits.time_step and limits.channels is None)


# ---- through wires


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_rows_that_are_read_through_wires_are_those_of_the_whole_array(noise):
    device = open_device(f"sim:rram?alpha=0.1&r_wire=50&read_noise={noise}", rows=6, cols=4, threads=1, seed=2)
    device.set_weights(np.random.default_rng(0).random((6, 4)))
    for _ in range(3):
        exact = device.wires.effective(device.conductance)
        if noise:
            found = np.array([device.read_rows([4, 1, 4]) for _ in range(3000)])
            across = device.wires.of_rows(device.conductance, np.array([4, 1, 4]))
            spread = noise * np.sqrt(across[1])
            assert found.std(axis=0) == pytest.approx(spread, rel=0.06)
            assert (np.abs(found.mean(axis=0) - exact[[4, 1, 4]]) < 5 * spread / np.sqrt(3000)).all()
        else:
            assert device.read_rows([4, 1, 4]) == pytest.approx(exact[[4, 1, 4]], rel=1e-10)
            assert device.read() == pytest.approx(exact, rel=1e-10)
        device.program(np.eye(6, 4, dtype=int))


@pytest.mark.parametrize("uri", ["sim:rram?alpha=0.1", "sim:vteam", "sim:flca?D=0", "sim:flca-pair", "sim:stanford"])
@pytest.mark.parametrize("c2c", [0.0, 0.3])
def test_cells_at_voltages_of_their_own_move_as_they_do_alone(uri, c2c):
    """All at once or column by column, against arrays of one cell without wires."""
    rows, cols = 3, 4
    v = np.random.default_rng(0).uniform(-1.3, 1.3, (cols, rows))
    device = open_device(uri, rows=rows, cols=cols, threads=1, c2c=c2c, seed=1)
    device.array.begin(np.full(rows, 0.5), np.zeros(cols))
    charge = device.array.charge_at(1e-4, v, False)
    device.array.advance_at(1e-4, v, False)
    factor = np.ones((cols, rows)) if device.array.spread is None else device.array.spread.factor
    pristine = open_device(uri).array.state[device.law.programmed][0, 0]
    for c in range(cols):
        for r in range(rows):
            one = open_device(uri, threads=1)
            given = one.array.charge(1e-4, np.array([v[c, r]]), np.zeros(1))
            one.array.advance(np.array([1e-4]), np.array([[v[c, r]]]), np.zeros((1, 1)), book=False)
            moved = one.array.state[device.law.programmed][0, 0] - pristine
            low, high = device.array.bounds
            expected = min(max(pristine + factor[c, r] * moved, low), high)
            assert device.array.state[device.law.programmed][c, r] == pytest.approx(expected, rel=1e-7, abs=1e-12)
            if not c2c:
                assert charge[c, r] == pytest.approx(given[0, 0], rel=1e-9)
