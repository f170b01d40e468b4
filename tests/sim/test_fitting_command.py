"""`hil fit` on many cells, decays, windows and pairs, and on every law: what a user types, and what is written."""

import json
import tomllib

import numpy as np
import pytest
from typer.testing import CliRunner

from hil.backends import open_device
from hil.cli.main import build
from hil.errors import InputError
from hil.training.wta_settings import WtaConfig
from hil.waveform import Waveform


def hil(*arguments):
    done = CliRunner().invoke(build(), ["fit", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def rows(run):
    content = json.loads((run / "results.json").read_text())
    found = content["rows"] if isinstance(content, dict) else content
    return {row["name"]: row for row in found}, found


def devices(file, cells=4, **spread):
    volts = np.repeat([1.2, -1.4], 50)
    with open_device("sim:rram?alpha=0.03&g_min=5e-6&g_max=8e-5&w0=0", rows=cells, seed=3, **spread) as device:
        g = []
        for v in volts:
            device.apply(Waveform.samples(np.full((1, cells), v), np.zeros((1, 1)), dwell=1e-4))
            g.append(device.read()[:, 0])
    lines = [f"D{c:02},{n + 1},{v},1e-4,{g[n][c]:.7g}\n" for c in range(cells) for n, v in enumerate(volts)]
    file.write_text("device,pulse,voltage_V,width_s,conductance_S\n" + "".join(lines))
    return file


@pytest.mark.pictures
def test_many_cells_of_a_file_are_one_preset_with_their_spread_which_a_device_loads(tmp_path):
    file, run = devices(tmp_path / "devices.csv", d2d=0.3, d2d_r=0.1, read_noise=0.01), tmp_path / "run"
    done = hil(file, "--model", "lhb", "--run", run)
    assert "4 cells" in done.output
    named, _ = rows(run)
    assert {"cells", "alpha", "d2d", "d2d_r", "c2c", "read_noise"} <= named.keys()
    content = json.loads((run / "lhb.json").read_text())
    assert {"d2d", "d2d_r", "read_noise"} <= content["parameters"].keys()
    assert not {"w0", "measured"} & (content["parameters"].keys() | content.keys())
    with open_device(f"sim:rram?preset={run / 'lhb.json'}", rows=20) as device:
        assert np.log(device.sensitivity).std() > 0.05
    assert (run / "figures" / "lhb.png").stat().st_size > 10_000
    (population,) = json.loads((run / "populations.json").read_text())
    assert list(population["cells"]) == ["D00", "D01", "D02", "D03"]


def test_models_of_many_cells_are_ranked_by_all_cells_however_they_are_named(tmp_path):
    """By their names, the wrong law would come first, and `hil loop` takes the first."""
    file, run = devices(tmp_path / "devices.csv", cells=3, d2d=0.3), tmp_path / "run"
    assert not hil(file, "--model", "flca,lhb", "--run", run).exit_code
    ranked = json.loads((run / "populations.json").read_text())
    assert [one["model"] for one in ranked] == ["lhb", "flca"]
    assert ranked[0]["r_squared"] > 0.999 > ranked[1]["r_squared"]
    _, found = rows(run)
    told = [row for row in found if row["name"] == "AICc"]
    assert [row["conditions"]["model"] for row in told] == ["lhb", "flca"] and told[1]["value"] > told[0]["value"] + 100


def test_one_cell_of_many_is_chosen_by_its_name_and_files_are_cells(tmp_path):
    file = devices(tmp_path / "devices.csv", cells=2, read_noise=0.01)
    hil(file, "--model", "lhb", "--cell", "D01", "--no-profile", "--run", tmp_path / "one")
    assert (tmp_path / "one" / "fits.json").exists()
    head, *lines = file.read_text().splitlines(keepends=True)
    for name in ("D00", "D01"):
        (tmp_path / f"{name}.csv").write_text(head + "".join(line for line in lines if line.startswith(name)))
    hil(tmp_path / "D00.csv", tmp_path / "D01.csv", "--model", "lhb", "--run", tmp_path / "both")
    (population,) = json.loads((tmp_path / "both" / "populations.json").read_text())
    assert [name.split("/")[0] for name in population["cells"]] == ["D00", "D01"]
    with pytest.raises(InputError, match="no cell 'D07'"):
        hil(file, "--cell", "D07")
    with pytest.raises(InputError, match="no spread that an array plays"):
        hil(file, "--model", "flca-volatile")
    with pytest.raises(InputError, match="--hold-back is for one cell, of 2: choose it with --cell"):
        hil(file, "--hold-back", "0.2")
    with pytest.raises(InputError, match="--loss soft_l1 is for one cell"):
        hil(file, "--loss", "soft_l1")


def test_retention_is_a_power_law_or_an_exponential_by_what_the_data_prefer(tmp_path):
    t = np.geomspace(1, 1e4, 40)
    noise = 1 + 0.002 * np.random.default_rng(1).standard_normal(40)
    for name, g in (("power-law", 5e-5 * t**-0.03), ("exponential", 4e-5 + 1e-5 * np.exp(-t / 300))):
        file = tmp_path / f"{name}.csv"
        lines = [f"{a:.8g},{b:.8g}\n" for a, b in zip(t, g * noise, strict=True)]
        file.write_text("time_s,conductance_S\n0,5e-5\n" + "".join(lines))
        done = hil(file, "--model", "power-law,exponential", "--noise", "0.002", "--run", tmp_path / name)
        named, _ = rows(tmp_path / name)
        truth = {"power-law": ("nu", 0.03), "exponential": ("tau", 300.0)}[name]
        assert f"{name.replace('-', ' ')} wins" in done.output
        assert named[truth[0]]["value"] == pytest.approx(truth[1], rel=0.1)
        assert "1 reading at 0 s left out" in done.output
        assert not list((tmp_path / name).glob("*law.json"))


def test_a_window_is_written_as_settings_that_wta_takes(tmp_path):
    delay = np.array([-60, -30, -15, -8, -4, 4, 8, 15, 30, 60])
    change = np.where(delay > 0, 45 * np.exp(-delay / 17), -28 * np.exp(delay / 34))
    file = tmp_path / "stdp.csv"
    file.write_text("dt (ms),dW (%)\n" + "".join(f"{d},{c:.5g}\n" for d, c in zip(delay, change, strict=True)))
    hil(file, "--out", tmp_path / "wta.toml", "--run", tmp_path / "run")
    named, _ = rows(tmp_path / "run")
    assert named["A+"]["value"] == pytest.approx(45, rel=1e-3)
    assert named["tau-"]["value"] == pytest.approx(34e-3, rel=1e-3)
    text = (tmp_path / "wta.toml").read_text()
    config = WtaConfig.model_validate(tomllib.loads(text))
    assert config.stdp.rule == "pair" and config.stdp.tau_plus == pytest.approx(17e-3, rel=1e-3)
    assert text == (tmp_path / "run" / "wta.toml").read_text()


def test_pairs_give_their_time_constant(tmp_path):
    t = np.array([5, 10, 20, 40, 80, 160, 320, 640])
    file = tmp_path / "ppf.csv"
    lines = [f"{a},100,{100 + 60 * np.exp(-a / 80):.5g}\n" for a in t]
    file.write_text("Interval (ms),A1 (nA),A2 (nA)\n" + "".join(lines))
    hil(file, "--run", tmp_path / "run")
    named, _ = rows(tmp_path / "run")
    assert named["tau"]["value"] == pytest.approx(0.08, rel=1e-3)
    assert named["C"]["value"] == pytest.approx(0.6, rel=1e-3)
    with pytest.raises(InputError, match="only a spike-timing window"):
        hil(file, "--out", tmp_path / "x.toml")


def test_every_law_is_ranked_and_what_cannot_be_fitted_or_loses_is_named(tmp_path):
    file = tmp_path / "decay.csv"
    g = 1e-5 * (1 + 0.01 * np.random.default_rng(2).standard_normal(12))
    file.write_text("time_s,conductance_S\n" + "".join(f"{k + 1},{x:.6g}\n" for k, x in enumerate(g)))
    done = hil(file, "--model", "all", "--no-profile", "--run", tmp_path / "run")
    _, everything = rows(tmp_path / "run")
    refused = {row["value"]: row["note"] for row in everything if row["name"] == "not fitted"}
    assert {"nlhb", "lhb", "vteam", "flca"} <= refused.keys()
    assert "counts pulses, and there are none" in refused["lhb"]
    assert {row["label"] for row in everything if row["name"] == "AIC"} == {
        "AIC constant", "AIC power-law", "AIC exponential", "AIC flca-volatile",
    }  # fmt: skip
    assert done.output.count("loses to a constant conductance") == 3


def test_repeated_trains_of_one_cell_tell_c2c_and_the_preset_has_it(tmp_path):
    with open_device("sim:rram?alpha=0.03&g_min=5e-6&g_max=8e-5&w0=0&c2c=0.3&read_noise=0.005") as device:
        g = []
        for v in np.tile(np.repeat([1.2, -1.2], 50), 3):
            device.apply(Waveform.pulse(v, width=1e-4))
            g.append(device.read()[0, 0])
    lines = [f"{n // 100 + 1},{n % 100 + 1},{1.2 if n % 100 < 50 else -1.2},1e-4,{x:.7g}\n" for n, x in enumerate(g)]
    file = tmp_path / "cycles.csv"
    file.write_text("train,pulse,voltage_V,width_s,conductance_S\n" + "".join(lines))
    hil(file, "--model", "lhb", "--no-profile", "--run", tmp_path / "run")
    named, _ = rows(tmp_path / "run")
    assert named["c2c"]["value"] == pytest.approx(0.3, rel=0.3)
    assert {"w0", "w0_2", "w0_3"} <= named.keys()
    content = json.loads((tmp_path / "run" / "lhb.json").read_text())
    assert content["parameters"]["c2c"] == pytest.approx(named["c2c"]["value"])
    assert {"Jang's alpha", "NeuroSim's NL"} <= named.keys()
