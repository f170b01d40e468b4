"""`hil import` from a file to a run: the numbers of `hil characterize`, where it came from, and back again."""

import hashlib
import json

import numpy as np
import pytest
from measured_files import loop, rows, train, write

import hil as package
from hil.errors import InputError
from hil.experiments.fits import neurosim_train, parameter_a
from hil.experiments.records import load

PULSE = "+1.2V/-1.4V,100us"


def named(names, *columns, **form):
    return names + "\n" + rows(*columns, **form)


def numbers(result):
    return {row["label"] or row["name"]: row["value"] for row in json.loads(result)["rows"]}


def without_device(path):
    """Rows of a document but for the device that they are of."""
    found = json.loads(path.read_text())["rows"]
    return [{**row, "conditions": {k: v for k, v in row["conditions"].items() if k != "device"}} for row in found]


def test_a_loop_becomes_a_run_with_records_rows_and_a_figure(hil, tmp_path):
    t, v, i = loop()
    file = write(
        tmp_path, named("Zeit / s;Spannung / V;Strom / µA", t, v, 1e6 * i, delimiter=";"), "messung.csv", "cp1252"
    )
    code, out, err = hil("import", "messung.csv", "--name", "sample 7", "--wafer", "W3", "--tag", "annealed")
    assert code == 0, err
    assert out.startswith("messung.csv: plain table, Windows-1252, cells parted by semicolon")
    assert "482 samples, 2 loops from -1.5 V to 1.5 V" in out and "branch ratio" in out
    run = tmp_path / "runs" / "import-messung-001"
    records = load(run)
    np.testing.assert_allclose(records["current"], i, rtol=1e-7)
    assert set(records["amplitude"]) == {1.5} and records["cycle"].tolist() == [0] * 241 + [1] * 241
    meta = json.loads((run / "meta.json").read_text())
    assert (meta["kind"], meta["experiment"], meta["state"]) == ("import", "iv", "finished")
    assert meta["metadata"] == {"name": "sample 7", "wafer": "W3", "tags": ["annealed"]}
    source = meta["imported"]["files"][0]
    assert source["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest() and source["file"] == "messung.csv"
    assert (run / "figures" / "iv.png").stat().st_size > 5000 and (run / "data.nc").exists()
    assert "import-messung-001" in hil("runs", "--kind", "iv", "--tag", "annealed")[1]


def test_a_dry_run_says_what_it_found_and_leaves_nothing(hil, tmp_path):
    _, g = train()
    write(tmp_path, named("pulse,conductance (uS)", np.arange(1, 121), 1e6 * g), "g.csv")
    code, out, err = hil("import", "g.csv", "--dry-run")
    assert code == 2 and out.startswith("g.csv: plain table, UTF-8, cells parted by comma")
    assert err.strip().endswith("such as: hil import g.csv --pulse +1.2V/-1.4V,100us")
    code, out, err = hil("import", "g.csv", "--dry-run", "--pulse", PULSE)
    assert code == 0 and "60 positive and 60 negative pulses" in out and not (tmp_path / "runs").exists()


def test_a_train_gives_the_numbers_of_a_physicist(hil, tmp_path):
    _, g = train()
    write(tmp_path, named("Pulse #,LTP (uS),LTD (uS)", np.arange(1, 61), 1e6 * g[:60], 1e6 * g[60:]), "g.csv")
    code, out, err = hil("import", "g.csv", "--pulse", PULSE, "--json", "-")
    assert code == 0, err
    found = {name.rpartition(": ")[2]: value for name, value in numbers(out).items()}
    assert found["on/off ratio"] == pytest.approx(g.max() / g.min(), rel=1e-6)
    assert 3 < found["NeuroSim NL LTP"] < 5 and -5 < found["NeuroSim NL LTD"] < -3


# A of NeuroSim's getParamA, MLP_NeuroSim_V3.0 formula.cpp
TABLE = {0.01: 126.268958, 0.02: 63.134314, 0.06: 21.044185, 0.12: 10.521102, 0.3: 4.205668, 0.5: 2.519877,
         8.94: 0.024396, 9.0: 0.022810}  # fmt: skip


@pytest.mark.parametrize("label", TABLE)
def test_the_label_is_that_of_neurosims_table(label):
    assert parameter_a(label) == pytest.approx(TABLE[label], rel=2e-3)
    w = np.linspace(0, 1, 101)
    for sign, course in ((1, w), (-1, w)):
        a = sign * TABLE[label]
        g = 1e-6 + 4e-6 * np.expm1(-course / a) / np.expm1(-1 / a)
        assert neurosim_train(g).label == pytest.approx(sign * label, rel=2e-3, abs=1e-6)
    assert neurosim_train(np.linspace(1e-6, 5e-6, 30)).label == pytest.approx(0, abs=1e-6)


def test_a_missing_reading_does_not_bend_the_label():
    w = np.linspace(0, 1, 101)
    g = 1e-6 + 4e-6 * np.expm1(-w / 0.3) / np.expm1(-1 / 0.3)
    whole = neurosim_train(g).label
    g[[7, 8, 50]] = np.nan
    assert neurosim_train(g).label == pytest.approx(whole, rel=1e-6)


def test_retention_paired_pulses_and_a_window_give_what_characterize_gives(hil, tmp_path):
    t = np.r_[0, np.geomspace(1, 3000, 40)]
    write(tmp_path, named("# resistance (ohms),time (s)", 2e4 * np.maximum(t, 1) ** 0.03, t, form="%.8e"), "r.csv")
    assert numbers(hil("import", "r.csv", "--json", "-")[1])["drift exponent nu"] == pytest.approx(0.03, abs=1e-4)
    dt = np.array([5.0, 10, 20, 40, 80, 160, 320, 640])
    text = named("Interval (ms),A1 (nA),A2 (nA)", dt, 100 + 0 * dt, 100 * (1 + 0.6 * np.exp(-dt / 80)), form="%.12g")
    write(tmp_path, text, "p.csv")
    found = numbers(hil("import", "p.csv", "--json", "-")[1])
    assert found["tau"] == pytest.approx(0.08, rel=1e-4) and found["C"] == pytest.approx(0.6, rel=1e-4)
    late = np.geomspace(2, 80, 12)
    change = np.r_[-28 * np.exp(-late / 34), 45 * np.exp(-late / 17)]
    write(tmp_path, named("dt (ms),dW (%)", np.r_[-late, late], change, form="%.12g"), "s.csv")
    found = numbers(hil("import", "s.csv", "--json", "-")[1])
    assert [found[name] for name in ("A+", "tau+", "A-", "tau-")] == pytest.approx([45, 0.017, -28, 0.034], rel=1e-3)
    n = np.arange(1, 101)
    write(tmp_path, named("Cycle,R_LRS (kOhm),R_HRS (kOhm)", n, 10 + 0 * n, 200 - n), "e.csv")
    found = numbers(hil("import", "e.csv", "--json", "-")[1])
    assert found["window of the first cycle"] == pytest.approx(19.9) and found["cycles played"] == 100


@pytest.mark.parametrize("experiment", ["ltp", "iv", "retention"])
def test_round_trip_through_csv_gives_the_same_numbers(hil, tmp_path, experiment):
    settings = {"ltp": ["--set", "pulses=30", "--set", "amplitude_negative=1.3"], "iv": [], "retention": []}[experiment]
    device = "sim:flca?kind=volatile&D=20" if experiment == "retention" else "sim:rram?alpha=0.05"
    assert hil("characterize", experiment, "--device", device, "--run", "a", *settings, "--json", "a.json")[0] == 0
    assert hil("runs", "export", "a", "--csv", "out", "--npz", "a.npz", "--mat", "a.mat")[0] == 0
    assert hil("import", "out/records.csv", "--run", "b", "--json", "b.json")[0] == 0
    assert without_device(tmp_path / "a.json") == without_device(tmp_path / "b.json")
    first, second = load(tmp_path / "a"), load(tmp_path / "b")
    assert all(np.array_equal(first[name], second[name], equal_nan=True) for name in first)
    with np.load(tmp_path / "a.npz") as file:
        assert np.array_equal(file["time_s"], first["time"]) and str(file["experiment"]) == experiment
    from scipy.io import loadmat

    assert loadmat(tmp_path / "a.mat")["time_s"].ravel().tolist() == first["time"].tolist()


def test_what_is_written_by_out_reads_as_the_same(hil, tmp_path):
    t, v, i = loop()
    text = named("Time (ms)\tU (V)\tI (nA)", 1e3 * t, v, 1e9 * i, delimiter="\t", form="%.12g")
    write(tmp_path, text, "a.txt")
    assert hil("import", "a.txt", "--dry-run", "--out", "clean.csv")[0] == 0
    assert (tmp_path / "clean.csv").read_text().startswith("time_s,voltage_V,current_A\n0.01,0.0,0.0\n")
    first, second = (package.import_data(tmp_path / name, run=tmp_path / name[0]) for name in ("a.txt", "clean.csv"))
    assert [row.value for row in first.rows] == pytest.approx([row.value for row in second.rows])


def test_fit_takes_an_imported_run_as_one_of_characterize(tmp_path):
    from sim.fitting.files import load_csv
    from sim.fitting.records import load_run

    v, g = train()
    text = named("pulse,voltage_V,width_s,rest_s,conductance_S", np.arange(1, 121), v, 1e-4 + 0 * v, 0.5 + 0 * v, g)
    file = write(tmp_path, text)
    run = package.import_data(file, run=tmp_path / "run").path
    a, b = load_csv(file), load_run(run)
    assert a.voltage.tolist() == b.voltage.tolist() and a.conductance.tolist() == b.conductance.tolist()
    np.testing.assert_allclose(b.duration, a.duration, rtol=1e-9)
    t, v, i = loop(limit=50e-6)
    file = write(tmp_path, named("time_s,voltage_V,current_A", t, v, i))
    a, b = load_csv(file), load_run(package.import_data(file, run=tmp_path / "loop").path)
    assert a.seen.tolist() == b.seen.tolist() and a.conductance.tolist() == b.conductance.tolist()
    assert len(a) < 400


def test_cells_are_devices_of_the_run(tmp_path):
    v, g = train()
    text = "device,pulse,voltage_V,width_s,conductance_S\n"
    for name, factor in (("D01", 1.0), ("D02", 1.1)):
        text += "".join(
            f"{name},{line}\n" for line in rows(np.arange(1, 121), v, 1e-4 + 0 * v, factor * g).splitlines()
        )
    result = package.import_data(write(tmp_path, text), run=tmp_path / "run", metadata={"sample": "S7"})
    assert set(result.records["device"].tolist()) == {0, 1}
    assert result.rows["file:data.csv#D02  1.2 V 100 µs: on/off ratio"].value == pytest.approx(g.max() / g.min())
    both = result.rows["all cells: highest conductance"]
    assert both.value == pytest.approx(1.05 * g.max()) and both.n == 2 and both.conditions == {"device": "all"}


def test_pulses_that_rise_are_called_so(tmp_path):
    volts = np.r_[np.linspace(0.6, 1.2, 30), -np.linspace(0.6, 1.2, 30)]
    g = np.r_[np.linspace(1e-6, 1e-5, 30), np.linspace(1e-5, 1e-6, 30)]
    text = named("pulse,voltage_V,width_s,conductance_S", np.arange(1, 61), volts, 1e-4 + 0 * volts, g)
    result = package.import_data(write(tmp_path, text), run=tmp_path / "run")
    assert any("positive pulses are not identical (0.6 to 1.2 V)" in row.note for row in result.rows)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time_s,voltage_V,current_A\n1,1,9.9e37\n2,0.5,NaN\n", "no reading is left: 2 readings of current_A dropped"),
        ("", "is empty"),
    ],
)
def test_a_file_without_any_reading_is_refused_and_leaves_no_run(hil, tmp_path, text, words):
    write(tmp_path, text, "x.csv")
    code, _, err = hil("import", "x.csv")
    assert code == 2 and words in err and not (tmp_path / "runs").exists()


def test_files_of_two_kinds_are_refused(hil, tmp_path):
    t, v, i = loop()
    write(tmp_path, named("time_s,voltage_V,current_A", t, v, i), "a.csv")
    write(tmp_path, named("time_s,conductance_S", t, 1e-6 + t), "b.csv")
    code, _, err = hil("import", "a.csv", "b.csv")
    assert code == 2 and "one kind of measurement: a.csv is a sweep, b.csv is a decay" in err


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--columns", "tim=1", "no quantity 'tim'"),
        ("--columns", "time=9", "has columns 1 .. 3"),
        ("--columns", "current=3:V", "'V' is no unit of current"),
        ("--pulse", "1.2V", "write amplitudes and width"),
        ("--window", "80uS,5uS", "the lowest and the highest"),
        ("--dwell", "0", "--dwell 0 must be > 0"),
        ("--dwell", "10 parsecs", "write a number and a unit of s"),
        ("--kind", "loop", "no such kind"),
        ("--decimal", ";", "give , or ."),
        ("--tag", "a,b", "without a comma"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_one_sentence(hil, tmp_path, option, value, words):
    t, v, i = loop()
    write(tmp_path, named("time_s,voltage_V,current_A", t, v, i), "a.csv")
    code, _, err = hil("import", "a.csv", option, value)
    assert code == 2 and words in err and len(err.strip().splitlines()) == 1, err


def test_the_python_door_says_what_is_wrong(tmp_path):
    with pytest.raises(InputError, match="no data file"):
        package.import_data(tmp_path / "nowhere.csv")
