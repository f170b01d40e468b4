"""A run holds several devices: opened, closed, checkpointed and resumed together."""

import subprocess
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import numpy as np
import pytest
import two_devices
from two_devices import TwoConfig, TwoDevices, resumed

import hil.plugins
import hil.training.loop
from hil.backends import open_device
from hil.config import Section, validated, with_settings
from hil.device import Unsupported
from hil.errors import InputError
from hil.runs.devices import ENERGY, SOLE, Devices, flattened, gathered
from hil.runs.interrupt import Interrupted, StopRequest
from hil.runs.run import Run
from hil.sweeps import file as sweep_file
from hil.training import catalogue
from hil.training.settings import DeviceSettings, addresses, seed_of
from hil.waveform import Waveform
from sim.crossbar.array import SimulatedArray

NAMES = {"front": "rram", "back": "flca"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run that nothing disturbed."""
    return resumed(tmp_path_factory.mktemp("whole") / "run").loop


def assert_same(loop, whole):
    assert loop.arrays.keys() == whole.arrays.keys()
    for name, array in whole.arrays.items():
        assert loop.arrays[name].tobytes() == array.tobytes(), name
    assert loop.outcomes == whole.outcomes


def stopping(monkeypatch, batches):
    """Every StopRequest is answered after so many batches."""

    def entered(self):
        self.__dict__["left"] = batches
        return self

    def requested(self):
        self.__dict__["left"] -= 1
        return self.__dict__["left"] == 0

    monkeypatch.setattr(StopRequest, "__enter__", entered)
    monkeypatch.setattr(StopRequest, "__exit__", lambda *_: None)
    monkeypatch.setattr(StopRequest, "requested", property(requested, lambda *_: None), raising=False)


# ---- going on


@pytest.mark.parametrize("batches", [1, 2, 5])
def test_a_run_stopped_at_every_checkpoint_ends_with_the_same_bits(tmp_path, monkeypatch, whole, batches):
    stopping(monkeypatch, batches)
    stops = 0
    while True:
        try:
            training = resumed(tmp_path / "run")
            break
        except Interrupted:
            stops += 1
    assert stops == (2 * 24 // 4) // batches
    assert_same(training.loop, whole)


def test_a_kill_between_any_two_writes_leaves_a_checkpoint_of_both(tmp_path, whole):
    """The system ends the process later and later after its start, at a sync or a rename, until it is done."""
    folder, kills, done = tmp_path / "run", 0, None
    resumed_from = []
    while done is None or done.returncode:
        words = [sys.executable, two_devices.__file__, str(folder), str(7 + 4 * kills)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120)
        assert done.returncode in (0, -9), done.stderr
        kills += done.returncode != 0
        if (folder / "checkpoint.npz").exists():
            with np.load(folder / "checkpoint.npz") as file:
                resumed_from.append(sorted({name.partition("/")[0] for name in file.files if name != "__info__"}))
    assert kills >= 3
    assert all({"device.back", "device.front"} <= set(sections) for sections in resumed_from)
    with Run.resume(folder, TwoDevices.kind) as run:
        arrays, info = run.checkpoint()
    assert info["outcomes"] == whole.outcomes
    for name, array in whole.arrays.items():
        assert arrays[name].tobytes() == array.tobytes()


def test_the_order_of_devices_does_not_matter(tmp_path, whole):
    turned = {"device": {name: {"uri": uri} for name, uri in reversed(own_addresses().items())}}
    assert list(turned["device"]) != list(own_addresses())
    assert_same(resumed(tmp_path / "run", turned).loop, whole)


def own_addresses():
    return addresses(TwoConfig().device.model_dump())


def test_a_device_that_cannot_tell_its_state_takes_both_back_to_the_last_reset(tmp_path, monkeypatch, whole):
    def unsupported(self):
        raise Unsupported("no state")

    with monkeypatch.context() as patch:
        patch.setattr(SimulatedArray, "snapshot", unsupported)
        stopping(patch, 3)
        with pytest.raises(Interrupted):
            resumed(tmp_path / "run")
    with Run.resume(tmp_path / "run", TwoDevices.kind) as run:
        arrays, info = run.checkpoint()
    assert not arrays and (info["stage"], info["done"], info["devices"]) == (0, 0, [])
    assert_same(resumed(tmp_path / "run").loop, whole)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"back": None}, r"the checkpoint holds the state of 'front', the run has 'back', 'front'"),
        ({"back": "other"}, r"the state of 'front', 'other', the run has 'back', 'front'"),
        ({"front": SOLE, "back": None}, r"the state of 'device', the run has 'back', 'front'"),
    ],
)
def test_a_checkpoint_of_other_devices_is_refused_before_anything_moves(tmp_path, monkeypatch, change, words):
    with monkeypatch.context() as patch:
        stopping(patch, 3)
        with pytest.raises(Interrupted):
            resumed(tmp_path / "run")
    with Run.resume(tmp_path / "run", TwoDevices.kind) as run:
        arrays, info = run.checkpoint()
        states, others = gathered(arrays)
        states = {change.get(name, name): state for name, state in states.items() if change.get(name, name)}
        run.save_checkpoint({**others, **flattened(states)}, {**info, "devices": list(states)})
    moved = []
    monkeypatch.setattr(SimulatedArray, "restore", lambda self, state: moved.append(self))
    with pytest.raises(InputError, match=words + ".*: a run goes on with all its devices as they were, or not at all"):
        resumed(tmp_path / "run")
    assert not moved


# ---- energy


def test_energy_is_told_of_every_device_and_of_all(tmp_path, whole, monkeypatch):
    training = resumed(tmp_path / "run")
    rows = {row.text.strip(): row.value for row in training.rows()}
    assert rows["energy"] == rows["energy: front"] + rows["energy: back"]
    assert rows["energy: front"] == training.loop.outcomes["energy"]["front"] > 0
    assert rows["energy: back"] > 0


def test_energy_is_what_the_responses_tell_and_goes_with_the_state():
    with Devices({SOLE: open_device("sim:rram")}) as devices:
        pulse = Waveform.pulse(0.5, width=2e-3, measure=True)
        assert ENERGY not in devices.snapshot()[SOLE], "a run that measures none keeps the form it always had"
        g = devices.sole.read()[0, 0]
        devices.measured(SOLE, devices.sole.apply(pulse))
        assert devices.energy[SOLE] == pytest.approx(g * 0.5**2 * 2e-3)
        kept, before = devices.snapshot(), devices.energy[SOLE]
        devices.measured(SOLE, devices.sole.apply(pulse))
        assert devices.energy[SOLE] > 1.9 * before
        devices.restore(kept)
        assert devices.energy[SOLE] == before
        devices.reset()
        assert devices.energy[SOLE] == 0.0


# ---- opening and closing


class Fails:
    def __init__(self, log, name, fails):
        self.log, self.name, self.fails = log, name, fails

    def close(self):
        self.log.append(self.name)
        if self.fails:
            raise OSError(f"{self.name} does not answer")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def test_all_are_closed_though_one_fails():
    log = []
    devices = Devices({name: Fails(log, name, name == "b") for name in "cab"})
    with pytest.raises(OSError, match="b does not answer"):
        devices.close()
    assert log == ["c", "b", "a"]
    log.clear()
    with pytest.raises(OSError), devices:
        pass
    assert log == ["c", "b", "a"]


def test_those_that_were_opened_are_closed_when_another_cannot_be():
    log = []

    def refuses():
        raise InputError("not there")

    openers = {"b": lambda: Fails(log, "b", False), "a": lambda: Fails(log, "a", False), "z": refuses}
    with pytest.raises(InputError, match="not there"):
        Devices.open(openers)
    assert log == ["b", "a"]
    log.clear()
    with pytest.raises(InputError, match="cannot be named 'uri'"):
        Devices.open({"a": openers["a"], "uri": openers["b"]})
    assert sorted(log) == ["a", "b"]


def test_what_fails_behind_them_closes_them():
    log = []
    with pytest.raises(ZeroDivisionError), Devices({"a": Fails(log, "a", False)}).closed_on_failure():
        _ = 1 / 0
    assert log == ["a"]
    with Devices({"a": Fails(log, "a", False)}).closed_on_failure():
        pass
    assert log == ["a"]


@pytest.mark.parametrize("name", ["uri", "", "a.b", "a/b", "1st", "a b", "ü", "a-", "-a"])
def test_a_name_that_a_section_or_a_file_cannot_have_is_refused(name):
    with pytest.raises(InputError, match="a device cannot be named"):
        Devices({name: Fails([], name, False)})


def test_one_of_several_is_not_the_sole_one():
    with pytest.raises(InputError, match="one device is wanted, there are 2: a, b"):
        _ = Devices({"b": Fails([], "b", False), "a": Fails([], "a", False)}).sole
    with pytest.raises(InputError, match="at least one device"):
        Devices({})


# ---- configuration


def test_seeds_follow_from_names():
    assert seed_of(SOLE, 7) == 7, "a run with one device is as it always was"
    seeds = {seed_of(name, seed) for name in ("front", "back", "tnorf") for seed in (0, 1)}
    assert len(seeds) == 6
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_sections_of_one_and_of_several():
    assert addresses({"uri": "sim:rram"}) == {SOLE: "sim:rram"}
    assert addresses(DeviceSettings().model_dump()) == {SOLE: DeviceSettings().uri}
    assert own_addresses().keys() == NAMES.keys()


def test_an_address_is_set_by_its_name():
    config = validated(TwoConfig, with_settings({}, ["device.back.uri=sim:flca?D=7"]), "test")
    assert config.device.back.uri == "sim:flca?D=7"
    assert config.device.front == TwoConfig().device.front
    with pytest.raises(
        InputError, match=r"unknown parameter 'device\.bakc' \(known: back, front\); did you mean 'back'"
    ):
        validated(TwoConfig, with_settings({}, ["device.bakc.uri=sim:flca"]), "test")
    with pytest.raises(InputError, match=r"unknown parameter 'device\.back\.url' \(known: uri\)"):
        validated(TwoConfig, with_settings({}, ["device.back.url=sim:flca"]), "test")


@pytest.fixture
def installed(monkeypatch):
    """The driver, as if a package brought it."""
    point = EntryPoint("two", "two_devices:TwoDevices", catalogue.GROUP)
    monkeypatch.setattr(
        hil.plugins,
        "entry_points",
        lambda group: [*entry_points(group=group), *([point] if group == catalogue.GROUP else [])],
    )


def swept(tmp_path, uri):
    (tmp_path / "grid.toml").write_text(
        'kind = "train two"\n[base.device.front]\nuri = "sim:rram?alpha=0.02"\n'
        f'[[axis]]\nkey = "device.back.uri"\nvalues = ["sim:flca", "{uri}"]\n'
    )
    return sweep_file.read(Path(tmp_path / "grid.toml"))[1]


def test_a_sweep_sets_addresses_by_their_names_and_checks_all(tmp_path, installed):
    tasks = swept(tmp_path, "sim:flca?D=9")
    assert [addresses(task.config["device"])["back"] for task in tasks] == ["sim:flca", "sim:flca?D=9"]
    assert {addresses(task.config["device"])["front"] for task in tasks} == {"sim:rram?alpha=0.02"}
    with pytest.raises(InputError, match=r"point 'device\.back\.uri=sim:flac': no device 'sim:flac'"):
        swept(tmp_path, "sim:flac")


def test_alike_devices_of_a_run_are_not_the_same_device():
    with Devices.open({name: lambda name=name: spread(name) for name in "ab"}) as devices:
        for device in devices.values():
            device.apply(Waveform.samples(np.eye(4) * 1.5, np.zeros((4, 4)), dwell=1e-3))
        a, b = (device.read() for device in devices.values())
        assert np.abs(a / b - 1).min() > 1e-6


def spread(name):
    return open_device("sim:rram?d2d=0.5&alpha=0.1&rows=4&cols=4", seed=seed_of(name, 0))


class ManyConfig(Section):
    device: dict[str, DeviceSettings]


def test_a_driver_may_take_any_names():
    config = validated(ManyConfig, with_settings({}, ["device.l1.uri=sim:rram", "device.l2.uri=sim:flca"]), "test")
    assert addresses(config.model_dump()["device"]) == {"l1": "sim:rram", "l2": "sim:flca"}
    with pytest.raises(InputError, match=r"unknown parameter 'device\.l1\.url' \(known: uri\)"):
        validated(ManyConfig, with_settings({}, ["device.l1.url=sim:rram"]), "test")
