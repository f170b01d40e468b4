"""Records: durable block by block, exact to the bit, and the same whatever interrupted the measurement."""

import json
import signal
import sqlite3
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
import xarray

from hil.device import Unsupported
from hil.errors import InputError
from hil.experiments.bench import Driven
from hil.experiments.characterization import KIND, Characterization, MeasurementPlan
from hil.experiments.experiment import Column
from hil.experiments.records import CharacterizationRun, History, Recorder, load, load_devices
from hil.runs.interrupt import StopRequest
from sim.crossbar.array import SimulatedArray

COLUMNS = {"x": Column("V", "a voltage"), "y": Column("S", "a conductance")}
NOTHING = Driven.joined([])
NOISY = "sim:rram?c2c=0.3&read_noise=0.02&seed=5"
EXPERIMENTS = {
    "iv": {"stairs": 12, "frequencies": [1.0, 2.0, 3.0]},
    "ltp": {"pulses": 6, "cycles": 2},
    "stdp": {"delays": [-0.01, 0.01, 0.02], "prepare": "none"},
    "ppf": {"intervals": [0.01, 0.02, 0.1], "prepare": "none"},
    "desensitisation": {"pulses": 3, "pauses": [0.1, 0.2, 0.3], "prepare": "none"},
    "retention": {"reads": 5, "last": 1.0},
    "endurance": {"cycles": 9, "pulses": 2, "cycles_per_block": 2},
    "ispp": {"levels": 4, "max_pulses": 30},
    "forming": {"allowed": True, "stop": 0.9},
}


def plan_of(name, *uris):
    return MeasurementPlan({"experiment": name, "device": {"uri": list(uris)}, name: EXPERIMENTS[name]})


def complete(path, plan):
    """Start a run in `path`, or go on with the one that is there."""
    begun = (path / "config.toml").exists()
    with (
        CharacterizationRun.resume(path, KIND) if begun else CharacterizationRun.create(path, KIND, plan.dump())
    ) as run:
        return Characterization(plan, run).complete()


def same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].tobytes() == other[name].tobytes(), name


class PowerCut(BaseException):
    pass


@pytest.mark.parametrize(
    "after", [pytest.param(False, id="before-commit", marks=pytest.mark.slow), pytest.param(True, id="after-commit")]
)
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_crash_around_any_commit_changes_nothing_in_the_final_data(name, after, tmp_path, monkeypatch):
    monkeypatch.setattr(Characterization, "_export", lambda self: None)
    plan = plan_of(name, NOISY, "sim:flca?read_noise=0.01")
    monkeypatch.setattr(plan.experiment, "draw", lambda curves, path: None)
    complete(tmp_path / "calm", plan)
    original, crashes = Recorder.add_block, {}

    def crash(self, device, number, *rest):
        if after:
            original(self, device, number, *rest)
        if number % 3 != 2 and crashes.setdefault((device, number), True):
            crashes[device, number] = False
            raise PowerCut
        if not after:
            original(self, device, number, *rest)

    monkeypatch.setattr(Recorder, "add_block", crash)
    for _ in range(60):
        try:
            complete(tmp_path / "rough", plan)
            break
        except PowerCut:
            pass
    assert len(crashes) >= 4
    same(load(tmp_path / "calm"), load(tmp_path / "rough"))
    assert (tmp_path / "calm/results.json").read_text() == (tmp_path / "rough/results.json").read_text()


def test_kill_9_at_random_moments_loses_and_repeats_nothing(tmp_path):
    settings = {"cycles": 240, "pulses": 10, "cycles_per_block": 2}
    plan = MeasurementPlan({"experiment": "endurance", "device": {"uri": NOISY}, "endurance": settings})
    complete(tmp_path / "calm", plan)
    calm, rough = load(tmp_path / "calm"), tmp_path / "rough"
    words = ["characterize", "endurance", "--device", NOISY, "--run", "rough"]
    words += [f"--set={key}={value}" for key, value in settings.items()]
    rng, kills, seen = np.random.default_rng(), 0, 0
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", "from hil.cli.main import main; main()", *words],
            cwd=tmp_path,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline and blocks_in(rough) <= seen:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.05))
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        found = load(rough)
        seen = blocks_in(rough)
        assert seen > 0
        for name in calm:
            assert found[name].tobytes() == calm[name][: len(found[name])].tobytes()
        words = ["characterize", "--resume", "rough"]
    assert kills >= 1
    complete(rough, plan)
    same(calm, load(rough))


def blocks_in(path):
    try:
        with sqlite3.connect(f"file:{path / 'records.sqlite'}?mode=ro", uri=True) as db:
            return db.execute("SELECT COUNT(*) FROM block").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def test_a_stop_request_ends_after_a_block_and_says_how_to_go_on(tmp_path, monkeypatch):
    from hil.runs.interrupt import Interrupted

    plan = plan_of("ltp", NOISY)
    complete(tmp_path / "calm", plan)
    enter = StopRequest.__enter__
    monkeypatch.setattr(StopRequest, "__enter__", lambda self: setattr(enter(self), "requested", True) or self)
    with pytest.raises(
        Interrupted, match=r"stopped after 1 of 5 blocks of .*; continue with: hil characterize --resume"
    ):
        complete(tmp_path / "rough", plan)
    assert json.loads((tmp_path / "rough/meta.json").read_text())["state"] == "stopped"
    monkeypatch.undo()
    complete(tmp_path / "rough", plan)
    same(load(tmp_path / "calm"), load(tmp_path / "rough"))


@pytest.fixture
def stateless(monkeypatch):
    """Simulated devices that cannot tell their state, as samples on a probe."""

    def refuse(self, *_):
        raise Unsupported("state lives in the sample")

    monkeypatch.setattr(SimulatedArray, "snapshot", refuse)
    monkeypatch.setattr(SimulatedArray, "restore", refuse)


def interrupt_after(blocks, monkeypatch):
    original = Recorder.add_block

    def crash(self, device, number, *rest):
        original(self, device, number, *rest)
        if number + 1 == blocks:
            raise PowerCut

    monkeypatch.setattr(Recorder, "add_block", crash)


def test_a_device_without_snapshots_goes_on_where_the_sample_is(tmp_path, stateless, monkeypatch):
    plan = plan_of("ltp", "sim:rram")
    with monkeypatch.context() as patch:
        interrupt_after(3, patch)
        with pytest.raises(PowerCut):
            complete(tmp_path / "run", plan)
    first = load(tmp_path / "run")
    complete(tmp_path / "run", plan)
    whole = load(tmp_path / "run")
    assert sorted(set(whole["block"])) == [0, 1, 2, 3, 4]
    for name in first:
        assert whole[name][: len(first[name])].tobytes() == first[name].tobytes()


def test_retention_begins_anew_where_time_cannot_be_restored(tmp_path, stateless, monkeypatch):
    plan = plan_of("retention", "sim:flca?kind=volatile")
    with monkeypatch.context() as patch:
        interrupt_after(3, patch)
        with pytest.raises(PowerCut):
            complete(tmp_path / "run", plan)
    complete(tmp_path / "run", plan)
    complete(tmp_path / "calm", plan)
    same(load(tmp_path / "calm"), load(tmp_path / "run"))
    with sqlite3.connect(tmp_path / "run/records.sqlite") as db:
        assert db.execute("SELECT COUNT(*) FROM superseded").fetchone()[0] == 4


def test_meta_is_complete_before_the_first_waveform(tmp_path, monkeypatch):
    def look(self, waveform):
        raise PowerCut

    monkeypatch.setattr(SimulatedArray, "_play", look)
    with pytest.raises(PowerCut):
        complete(tmp_path / "run", plan_of("iv", "sim:rram?seed=7"))
    meta = json.loads((tmp_path / "run/meta.json").read_text())
    assert (meta["kind"], meta["experiment"], meta["units"]["current"]) == ("characterize", "iv", "A")
    (device,) = meta["devices"]
    assert (device["uri"], device["limits"]["v_max"], device["parameters"]["seed"]) == ("sim:rram?seed=7", 5.0, 7)
    assert device["settings"]["amplitudes"] == [1.2]
    assert meta["versions"]["numpy"] == np.__version__


def test_netcdf_holds_all_data_with_units_and_is_made_again(tmp_path):
    plan = plan_of("ltp", "sim:rram", "sim:flca")
    complete(tmp_path / "run", plan)
    records, path = load(tmp_path / "run"), tmp_path / "run/data.nc"
    with xarray.open_dataset(path, engine="h5netcdf") as data:
        for name, column in plan.experiment.columns.items():
            assert data[name].values.tobytes() == records[name].tobytes()
            assert data[name].attrs["long_name"] == column.description
        assert data["conductance"].attrs["units"] == "siemens"
        assert data["amplitude"].attrs["units"] == "V"
        assert list(data.coords) == ["device", "block"]
        assert data["device"].attrs["flag_meanings"] == "sim:rram sim:flca"
        assert set(data["device"].values) == {0, 1}
        assert data.attrs["Conventions"] == "CF-1.11"
        noted = json.loads(data.attrs["devices"])
        assert [d["uri"] for d in noted] == [uri for uri, _ in load_devices(tmp_path / "run")]
        assert noted[1]["settings"]["amplitude"] == 0.1
    with h5py.File(path) as file:
        assert file["conductance"].attrs["units"] in ("siemens", b"siemens")
    path.unlink()
    complete(tmp_path / "run", plan)
    assert path.is_file()
    assert not list((tmp_path / "run").glob("*.part"))


def test_without_xarray_the_run_finishes_and_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "xarray", None)
    rows, _ = complete(tmp_path / "run", plan_of("iv", "sim:rram"))
    assert rows
    assert "no data.nc without xarray: pip install 'memhil[lab]'" in capsys.readouterr().err
    assert not (tmp_path / "run/data.nc").exists()
    assert len(load(tmp_path / "run")["voltage"]) > 0


def test_values_come_back_bit_for_bit(tmp_path):
    values = [0.1, np.nan, np.inf, -np.inf, 5e-324, 1 / 3]
    with Recorder(tmp_path / "r.sqlite", COLUMNS) as recorder:
        recorder.add_block(0, 0, "b", [{"x": v, "y": -v} for v in values], NOTHING, {"s": np.arange(3, dtype=np.int8)})
    with Recorder(tmp_path / "r.sqlite", COLUMNS) as recorder:
        found = recorder.records(0)
        state = recorder.state(0)
    assert np.array_equal(found["x"], values, equal_nan=True)
    assert np.array_equal(found["y"], -np.array(values), equal_nan=True)
    assert (state["s"].dtype, state["s"].tolist()) == (np.int8, [0, 1, 2])


def test_a_block_that_fails_on_its_way_leaves_nothing(tmp_path):
    with Recorder(tmp_path / "r.sqlite", COLUMNS) as recorder:
        recorder.add_block(0, 0, "b", [{"x": 1.0, "y": 2.0}], NOTHING, {"s": np.zeros(1)})
        with pytest.raises(sqlite3.IntegrityError):
            recorder.add_block(0, 0, "again", [{"x": 3.0, "y": 4.0}], NOTHING, None)
        assert recorder.records(0)["x"].tolist() == [1.0]
        assert recorder.state(0)["s"].tolist() == [0.0]


def test_the_file_is_written_for_power_loss(tmp_path):
    with Recorder(tmp_path / "r.sqlite", COLUMNS) as recorder:
        assert recorder._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert recorder._db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_history_grows_and_leaves_earlier_views_alone():
    history = History(["x", "y"], {"x": np.array([1.0]), "y": np.array([2.0])})
    first = history.records
    for k in range(3000):
        history.extend([{"x": float(k), "y": -float(k)}])
    assert first["x"].tolist() == [1.0]
    assert history.records["y"].tolist() == [2.0, *(-float(k) for k in range(3000))]


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no records"):
        load(tmp_path)
