"""Write-verify of whole arrays: what cells see, where they end, what is counted, and going on after a stop."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hil.backends import open_device
from hil.biasing import SCHEMES
from hil.device import Unsupported
from hil.errors import InputError
from hil.runs.interrupt import Interrupted
from hil.writing import play as writing
from hil.writing.bursts import Bursts, play, trains
from hil.writing.controller import CONTROLLERS
from hil.writing.plan import WritePlan
from hil.writing.targets import Targets, read
from hil.writing.write import Fate, Write

WEIGHTS = np.random.default_rng(3).random((6, 4))


def written(uri: str, weights=WEIGHTS, **settings) -> Write:
    """A finished write of weights."""
    device = open_device(uri, defaults={"rows": weights.shape[0], "cols": weights.shape[1]})
    plan = WritePlan(source="test", device=uri, **settings)
    pulses = plan.pulses(device)
    write = Write(device, pulses.g_min + (pulses.g_max - pulses.g_min) * weights, plan)
    for _ in write.rounds():
        pass
    return write


def errors(write: Write) -> np.ndarray:
    """Distances from the targets by a fresh look at the device, over its range."""
    return np.abs(write.device.read() - write.target) / write.goal.span


cells = arrays.arrays(np.int64, (3, 2), elements=st.integers(0, 4))


@given(cells, arrays.arrays(np.int64, (3, 2), elements=st.sampled_from([-3, -2, 2, 3])), st.sampled_from([*SCHEMES]))
def test_every_cell_sees_its_own_pulses_and_no_other_full_one(count, level, scheme):
    volts, width = 0.5 * level, np.where(level > 0, 1e-3, 2e-3) * (1 + (np.abs(level) == 3))
    bursts = Bursts(count, volts, width, count.astype(float))
    seen = np.zeros_like(count)
    for train in trains(bursts, None, scheme):
        across = train.rows[:, :, None] - train.cols[:, None, :]
        time = np.zeros(count.shape)
        for segment, seconds in zip(across, train.duration, strict=True):
            with np.errstate(invalid="ignore"):
                full = np.isclose(segment, volts)
            ended = ~full & (time > 0)
            assert np.allclose(time[ended], width[ended])
            seen += ended
            time = np.where(full, time + seconds, 0.0)
        assert not time.any(), "a train ends with a rest"
    if scheme in ("V/2", "V/3"):
        assert (seen == count).all()
    else:  # every cell of a driven row sees the pulse, or shares it
        assert (seen >= count).all()


@pytest.mark.parametrize("scheme", ["V/2", "V/3"])
def test_unselected_cells_see_no_more_than_the_schemes_part(scheme):
    count = np.array([[1, 0], [0, 0], [2, 0]])
    bursts = Bursts(count, np.full((3, 2), 1.2), np.full((3, 2), 1e-3), count.astype(float))
    part = {"V/2": 1 / 2, "V/3": 1 / 3}[scheme]
    for train in trains(bursts, None, scheme):
        across = np.abs(train.rows[:, :, None] - train.cols[:, None, :])
        assert across[:, count == 0].max() <= 1.2 * part * (1 + 1e-12)


def test_a_device_that_drives_one_voltage_gets_one_at_a_time():
    count = np.array([[1, 1], [1, 0]])
    volts = np.array([[0.4, -0.2], [0.6, 0.1]])
    bursts = Bursts(count, volts, np.full((2, 2), 1e-3), count.astype(float))
    for train in trains(bursts, 1):
        lines = np.nan_to_num(np.concatenate([train.rows, train.cols], axis=1))
        assert all(len(set(segment[segment != 0])) <= 1 for segment in lines)


@pytest.mark.parametrize("controller", CONTROLLERS.names())
def test_cells_reach_their_targets(controller):
    write = written("sim:vteam?set=positive", controller=controller, tolerance=0.05, rounds=200, pulse_set=1.05,
                    pulse_reset=1.05, pulse_width=1e-4, g_min=1e-6, g_max=1e-4)  # fmt: skip
    near = (write.fate == Fate.REACHED) | (write.fate == Fate.AS_NEAR)
    assert near.mean() > 0.9
    assert (errors(write)[write.fate == Fate.REACHED] <= 0.05 + 1e-12).all()
    before = np.abs(open_device("sim:vteam?rows=6&cols=4").read() - write.target) / write.goal.span
    assert np.median(before) > 0.2


def test_the_devices_own_pulses_bring_every_cell_within_the_tolerance_and_are_counted():
    write = written("sim:rram?d2d=20%&seed=2", tolerance=0.02)
    assert (write.fate == Fate.REACHED).all()
    assert errors(write).max() <= 0.02
    twin = open_device("sim:rram?d2d=20%&seed=2&rows=6&cols=4")
    up = written("sim:rram?d2d=20%&seed=2", tolerance=0.9).device  # a write that is done at once drives nothing
    assert np.array_equal(up.read(), twin.read())


def test_the_sign_that_raises_the_conductance_is_found():
    write = written("sim:vteam?x0=1", controller="ispp", pulse_width=1e-3, g_min=1e-6, g_max=1e-4)
    assert (write.sign_known, write.goal.pulses.polarity) == (True, -1)
    assert (write.fate == Fate.REACHED).all()


def test_cells_without_a_target_are_left_alone_and_show_the_disturb():
    weights = WEIGHTS.copy()
    weights[2:, :] = np.nan
    write = written("sim:rram", weights)
    assert (write.fate[2:] == Fate.UNTOLD).all()
    assert not write.pulses[2:].any()
    assert np.array_equal(write.device.read()[2:], open_device("sim:rram?rows=6&cols=4").read()[2:])
    # The same pulses with grounded lines reach whole rows.
    device = open_device("sim:rram?rows=6&cols=4")
    plan = WritePlan(source="x", scheme="grounded", rounds=3)
    disturbed = [seen.most_disturb for seen in Write(device, write.target, plan).rounds()]
    assert np.nanmax(disturbed) > 0.0


def test_coarse_pulses_stop_on_the_better_side():
    write = written("sim:rram?alpha=0.15", tolerance=0.005, max_pulses=500)
    stuck = write.fate == Fate.AS_NEAR
    assert stuck.sum() > 10
    assert write.pulses.max() < 100, "pulses are not spent on what they cannot reach"
    for sign in (1, -1):
        twin = open_device("sim:rram?alpha=0.15&rows=6&cols=4")
        twin.restore(write.device.snapshot())
        twin.program(np.where(stuck, sign, 0))
        further = np.abs(twin.read() - write.target) >= np.abs(write.error) * 0.3
        assert further[stuck].all()


def test_pairs_of_both_signs_reach_what_full_pulses_step_over():
    """A reset of another height than the set: pulses of one sign stop as near as they get, pairs come within 1 %."""
    coarse = {"tolerance": 0.01, "rounds": 200, "pulse_set": 1.3, "pulse_reset": 1.1, "pulse_width": 4e-4,
              "g_min": 1e-5, "g_max": 1e-4}  # fmt: skip
    uri = "sim:vteam?set=positive&r_off=1e5&v_off=0.5&threads=1"
    alone, paired = (written(uri, controller=name, **coarse) for name in ("pulses", "bipolar"))
    assert (alone.fate == Fate.AS_NEAR).sum() > 6
    assert (paired.fate == Fate.REACHED).all() and (errors(paired) <= 0.01 + 1e-12).all()


def test_a_pair_is_a_full_pulse_and_a_lower_one_of_the_other_sign_and_counts_as_two(monkeypatch):
    driven = []

    def noted(device, bursts, scheme=None):
        driven.append(bursts)
        play(device, bursts, scheme)

    monkeypatch.setattr("hil.writing.write.play", noted)
    write = written("sim:vteam?set=positive&r_off=1e5&threads=1", controller="bipolar", tolerance=0.01, pulse_set=1.3,
                    pulse_reset=1.2, pulse_width=4e-4, g_min=1e-5, g_max=1e-4)  # fmt: skip
    pairs = [(b, b.back, b.back.count > 0) for b in driven if b.back.count.any()]
    assert pairs
    for there, back, which in pairs:
        up = there.voltage[which] > 0
        assert (there.count[which] == 1).all() and (back.voltage[which] * there.voltage[which] < 0).all()
        assert np.isin(there.voltage[which], [1.3, -1.2]).all()
        assert (np.abs(back.voltage[which]) <= np.where(up, 1.2, 1.3)).all()
    assert np.array_equal(write.pulses, sum(b.count + b.back.count for b in driven))


def test_energy_is_that_of_the_measured_pulses():
    """Of the same pulses played as measured waveforms, with the energy that the simulation integrates."""
    device = open_device("sim:rram?rows=6&cols=4")
    write = Write(device, *_goal(device))
    twin, spent = open_device("sim:rram?rows=6&cols=4"), 0.0
    taken: list[np.ndarray] = []
    program = device.program
    device.program = lambda counts, scheme=None: (taken.append(counts), program(counts, scheme=scheme))  # type: ignore[method-assign]
    for _ in write.rounds():
        pass
    own = device.programming
    for counts in taken:
        volts = np.where(counts > 0, own.v_set, -own.v_reset)
        bursts = Bursts(np.abs(counts), volts, np.full(counts.shape, own.width), counts.astype(float))
        for train in trains(bursts, None):
            measured = type(train)(train.duration, train.rows, train.cols, np.ones(len(train.duration), bool))
            spent += float(twin.apply(measured).energy.sum())
    assert np.array_equal(twin.read(), device.read())
    assert write.energy.sum() == pytest.approx(spent, rel=0.05)


def _goal(device):
    plan = WritePlan(source="x")
    pulses = plan.pulses(device)
    return pulses.g_min + (pulses.g_max - pulses.g_min) * WEIGHTS, plan


def test_a_write_that_was_stopped_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("w.npz", weights=WEIGHTS)
    settings = {"source": "w.npz", "device": "sim:rram?c2c=0.5&read_noise=1%&d2d=10%"}
    whole = writing.start(settings, tmp_path / "whole")
    saves, save = [], writing._save

    def stop(run, write, **how):
        save(run, write, **how)
        saves.append(write.round)
        if len(saves) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(writing, "_save", stop)
    with pytest.raises(Interrupted, match="hil program --resume"):
        writing.start(settings, tmp_path / "cut")
    monkeypatch.setattr(writing, "_save", save)
    again = writing.restart(tmp_path / "cut")
    assert [row.value for row in again.rows] == [row.value for row in whole.rows]
    with np.load(tmp_path / "whole/written.npz") as a, np.load(tmp_path / "cut/written.npz") as b:
        assert all(np.array_equal(a[name], b[name]) for name in a.files)
    assert json.loads((tmp_path / "cut/meta.json").read_text())["state"] == "finished"


def test_on_a_sample_pulses_are_counted_before_they_are_played(tmp_path, monkeypatch):
    """A device that cannot be restored: killed in the middle of a burst, it goes on from what the cells are."""
    monkeypatch.chdir(tmp_path)
    np.savez("w.npz", weights=WEIGHTS[:2, :2])
    device = open_device("sim:rram?rows=2&cols=2")

    def refuse():
        raise Unsupported("a sample")

    monkeypatch.setattr(device, "snapshot", refuse)
    monkeypatch.setattr(device, "close", lambda: None)
    monkeypatch.setattr(writing, "open_device", lambda uri, defaults: device)
    program, calls = device.program, []

    def killed(counts, scheme=None):
        calls.append(np.abs(counts))
        program(counts, scheme=scheme)
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(device, "program", killed)
    with pytest.raises(Interrupted):
        writing.start({"source": "w.npz", "device": "sim:rram"}, tmp_path / "run")
    writing.restart(tmp_path / "run")
    with np.load(tmp_path / "run/written.npz") as file:
        assert (file["fate"] == Fate.REACHED).all()
        assert np.array_equal(file["pulses"], np.sum(calls, axis=0))
        assert np.array_equal(file["conductance"], device.read())


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([[-1.5, 1.0]], r"weights\[0, 0\] = -1.5: give 0 .. 1, or -1 .. 1 with --synapse"),
        ([[0.5, 1.5]], r"weights\[0, 1\] = 1.5: give 0 .. 1"),
        ([[np.nan]], "no cell has a target"),
        ([0.5, 0.2], "give a matrix"),
        ([["a"]], "are no numbers"),
    ],
)
def test_targets_that_cannot_be_are_refused(tmp_path, values, sentence):
    np.savez(tmp_path / "w.npz", weights=values)
    with pytest.raises(InputError, match=sentence):
        read(tmp_path / "w.npz")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "no"), (b"PK\x03\x04broken", "no archive"), (None, "no file")],
)
def test_broken_files_are_told_in_a_sentence(tmp_path, content, sentence):
    file = tmp_path / "w.npz"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        read(file)


def test_signed_weights_need_a_device_that_holds_both_signs(tmp_path):
    np.save(tmp_path / "w.npy", [[0.2, -0.5]])
    with pytest.raises(InputError, match=r"weights\[0, 1\] = -0.5 is below 0.*two cells a weight hold both"):
        writing.start({"source": str(tmp_path / "w.npy"), "device": "sim:rram"}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_signed_weights_are_written_cell_by_cell(tmp_path):
    weights = np.linspace(-1, 1, 12).reshape(4, 3)
    np.save(tmp_path / "w.npy", weights)
    settings = {"source": str(tmp_path / "w.npy"), "device": "sim:rram?d2d=10%", "synapse": "differential"}
    done = writing.start(settings, tmp_path / "run")
    with np.load(tmp_path / "run/written.npz") as file:
        cells = file["target"].reshape(4, 3, 2)
        assert np.allclose((cells[..., 0] - cells[..., 1]) / 99e-6, weights)
        assert np.allclose(cells.min(axis=2), 1e-6), "one cell of each pair is at its lower end"
        assert (file["fate"] == Fate.REACHED).all()
        reached = file["conductance"].reshape(4, 3, 2)
    error = (reached[..., 0] - reached[..., 1]) / 99e-6 - weights
    assert done.rows["error of the weights"].value == pytest.approx(100 * np.sqrt(np.mean(error**2)), rel=1e-6)
    assert done.rows["error of the weights"].control == pytest.approx(100 * np.sqrt(np.mean(weights**2)))


def test_a_layer_of_a_network_is_written_over_its_largest_weight(tmp_path):
    weight = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -4.0]])
    np.savez(tmp_path / "net.npz", **{"a.weight": weight, "b.weight": np.ones((1, 2))})
    targets = read(tmp_path / "net.npz", "a")
    assert np.array_equal(targets.values, weight.T / 4)
    assert targets.scale == 4.0
    with pytest.raises(InputError, match="no layer 'c'"):
        read(tmp_path / "net.npz", "c")
    with open_device("sim:rram?synapse=ratio", defaults={"rows": 4, "cols": 3}) as device:
        plan = WritePlan(source="x")
        where, found = Targets(np.array([[0.0, 1.0]]), "weights").on(device, plan)
        assert where is device
        assert found[0, :2] == pytest.approx([0.0 if device.signed else device.programming.g_min,
                                              device.programming.g_max])  # fmt: skip
        assert np.isnan(found[1:]).all()


def test_cells_are_put_at_conductances_without_pulses():
    for uri in ("sim:rram?d2d_r=20%&stuck_on=20%&seed=4", "fpga:golden"):
        with open_device(uri, defaults={"rows": 6, "cols": 4}) as device:
            g = device.programming.g_min + (device.programming.g_max - device.programming.g_min) * WEIGHTS
            device.set_conductances(g)
            stuck = device.conductance > 99e-6 if uri.startswith("sim") else np.zeros_like(g, bool)
            reach = ~stuck & (WEIGHTS > 0.3) & (WEIGHTS < 0.7)
            assert reach.sum() > 5
            assert np.allclose(device.read()[reach], g[reach], atol=device.conductance_step)


def test_targets_in_siemens_outside_the_range_are_refused_before_anything_is_driven(tmp_path):
    device = open_device("sim:rram?rows=1&cols=1")
    with pytest.raises(InputError, match="cannot be reached"):
        Write(device, np.array([[1.0]]), WritePlan(source="x"))
    assert device.time == 0.0


def test_what_a_device_does_not_say_is_asked_for_at_once(monkeypatch):
    device = open_device("sim:vteam?rows=1&cols=1")

    def none(steps=50):
        raise Unsupported("no pulses")

    monkeypatch.setattr(device, "choose_pulses", none)
    with pytest.raises(InputError, match="--set pulse_width=VALUE --set g_min=VALUE --set g_max=VALUE"):
        WritePlan(source="x").pulses(device)


def test_a_law_that_names_no_pulses_chooses_them():
    write = written("sim:vteam?x0=1", controller="ispp", tolerance=0.05)
    assert write.sign_known
    assert (write.fate == Fate.REACHED).all()


def test_a_full_pulse_beyond_what_the_user_allows_is_refused():
    device = open_device("sim:rram?rows=1&cols=1")
    plan = WritePlan(source="x", v_max=device.programming.v_set / 2)
    with pytest.raises(InputError, match="most that may be driven"):
        plan.goal(device, np.full((1, 1), device.programming.g_min))


@pytest.mark.parametrize("name", ["ispp", "pi"])
def test_no_pulse_is_higher_than_allowed(name):
    """The controllers that raise their pulses, on cells that do not answer."""
    device = open_device("sim:rram?rows=2&cols=2&stuck_off=100%")
    own, driven, apply = device.programming, [], device.apply
    plan = WritePlan(source="x", v_max=1.1 * max(own.v_set, own.v_reset), controller=name, rounds=60, max_pulses=300)
    write = Write(device, np.full(device.cells, own.g_max), plan)
    device.apply = lambda waveform: (driven.append(waveform), apply(waveform))[1]  # type: ignore[method-assign]
    for _ in write.rounds():
        pass
    highest = max(np.abs(w.rows[:, :, None] - w.cols[:, None, :]).max() for w in driven)
    assert max(own.v_set, own.v_reset) < highest <= plan.v_max * (1 + 1e-12)
    assert (write.fate == Fate.GIVEN_UP).all()


def test_dataclass_of_a_goal_can_be_turned():
    device = open_device("sim:rram?rows=1&cols=1")
    goal = WritePlan(source="x").goal(device, np.full((1, 1), device.programming.g_min))
    turned = goal.turned()
    assert goal.full(np.ones((1, 1))) > 0 > turned.full(np.ones((1, 1)))
