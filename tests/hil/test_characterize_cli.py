"""`hil characterize`: one command, a figure and a table; refusals in one sentence before anything is driven."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from hil.experiments.catalogue import EXPERIMENTS
from hil.experiments.records import load
from sim.crossbar.array import SimulatedArray

QUICK = ["characterize", "retention", "--set", "reads=4"]


@pytest.mark.parametrize("name", ["iv", "stdp", "ispp"])
def test_one_command_gives_a_figure_a_table_and_data(name, hil, tmp_path):
    code, out, err = hil("characterize", name, "--device", "sim:flca", "--run", "runs/one")
    assert code == 0, err
    assert "quantity" in out
    assert f"picture: runs/one/figures/{name}.png" in err
    assert "data: runs/one/data.nc" in err
    assert (tmp_path / f"runs/one/figures/{name}.png").is_file()


def test_curves_of_several_devices_are_told_apart(hil, tmp_path):
    code, out, _ = hil(*QUICK, "--device", "sim:rram", "--device", "sim:flca", "--run", "runs/one", "--json", "-")
    rows = json.loads(out)["rows"]
    assert code == 0
    assert {row["conditions"]["device"] for row in rows} == {"sim:rram", "sim:flca"}
    records = load(tmp_path / "runs/one")
    by_device = [records["conductance"][records["device"] == k][0] for k in (0, 1)]
    assert by_device == pytest.approx([5.05e-5, 1e-2], rel=0.02)


def test_the_figure_overlays_all_devices(tmp_path, monkeypatch):
    from experiment_runner import play

    from hil import axes
    from hil.experiments import figures

    drawn = []
    monkeypatch.setattr(figures, "save", lambda figure, path: drawn.append(figure))
    experiment, records, _ = play("retention", "sim:flca", reads=4)
    experiment.draw({"sim:a": records, "sim:b": records}, tmp_path / "x.png")
    (axis,) = drawn[0].axes
    labels = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert {"sim:a", "sim:b"} <= set(labels)
    axes.finish(drawn[0])
    assert (axis.get_xlabel(), axis.get_ylabel(), axis.get_xscale()) == (
        "Time after programming (s)", "Conductance (mS)", "log",
    )  # fmt: skip
    assert axis.yaxis.get_major_formatter()(1e-3, 0) == "1"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["characterize"], "name an experiment: array, desensitisation, endurance"),
        (["characterize", "ltpp"], "no experiment 'ltpp'"),
        (["characterize", "ltp", "--device", "sim:rramm"], "did you mean 'rram'?"),
        (["characterize", "ltp", "--set", "pulse=3"], "unknown parameter 'pulse' (known: amplitude"),
        (["characterize", "ltp", "--set", "pulses=0"], "ltp: pulses = 0 must be >= 2"),
        (["characterize", "ltp", "--set", "ltq.pulses=4"], "unknown section 'ltq'"),
        (["characterize", "ltp", "--set", "widths=[1e-3,-1e-3]"], "ltp.widths = -0.001 must be > 0"),
        (["characterize", "iv", "--set", "frequencies=[]"], "frequencies"),
        (["characterize", "ppf", "--set", "intervals=soon"], "intervals = 'soon'"),
        (["characterize", "iv", "--set", "amplitudes=9"], "row 0: 5.04 V is outside -5 V .. 5 V"),
        (["characterize", "iv", "--v-max", "-1"], "device: v_max = -1.0 must be > 0"),
        (
            ["characterize", "iv", "--v-max", "0.5", "--set", "amplitudes=[0.2,0.8]"],
            "iv.amplitudes = 0.8 V is outside -0.5 V .. 0.5 V (--v-max 0.5)",
        ),
        (["characterize", "ltp", "--v-max", "0.5"], "ltp.amplitude = 1 V is outside -0.5 V .. 0.5 V (--v-max 0.5)"),
        (
            ["characterize", "forming", "--allow-forming", "--v-max", "2"],
            "forming.stop = 3 V is outside -2 V .. 2 V (--v-max 2)",
        ),
        (
            ["characterize", "forming", "--allow-forming", "--i-max", "1e-6", "--set", "threshold=1e-5"],
            "forming.threshold = 1e-05 A is outside -1e-06 A .. 1e-06 A (--i-max 1e-06)",
        ),
        (["characterize", "forming"], "give --allow-forming"),
        (["characterize", "ltp", "--allow-forming"], "unknown parameter 'allowed'"),
        (["characterize", "iv", "--set", "amplitudes=[9]"], "row 0: 5.04 V is outside -5 V .. 5 V"),
        (["characterize", "iv", "--set", "row=1"], "row = 1: sim:rram has 1, give 0 .. 0"),
        (["characterize", "ispp", "--set", "targets=[1.0]"], "ispp.targets = 1 S cannot be reached"),
        (["characterize", "ltp", "--set", "read_voltage=0"], "read_voltage = 0 V"),
        (["characterize", "ltp", "--device", "sim:rram", "--device", "sim:rram"], "is given twice"),
        (["characterize", "ltp", "--config", "absent.toml"], "no configuration file absent.toml"),
        (["characterize", "--resume", "absent"], "absent holds no run to resume"),
        (["characterize", "--resume", "x", "--set", "pulses=4"], "leave out --set"),
    ],
)
def test_refusals_are_one_sentence_exit_code_2_and_drive_nothing(hil, words, message, tmp_path, monkeypatch):
    monkeypatch.setattr(SimulatedArray, "_play", lambda self, waveform: pytest.fail("driven"))
    code, out, err = hil(*words)
    assert (code, out) == (2, "")
    assert message in err.strip().splitlines()[-1]
    assert "Traceback" not in err
    assert not list(tmp_path.glob("runs/*"))


def test_settings_beyond_the_limits_are_refused_before_the_device_is_opened(hil, monkeypatch):
    from hil.experiments import characterization

    monkeypatch.setattr(characterization, "open_device", lambda *a, **k: pytest.fail("opened"))
    code, _, err = hil("characterize", "ltp", "--v-max", "1", "--set", "amplitude=1.5")
    assert (code, "ltp.amplitude = 1.5 V is outside" in err) == (2, True)


def test_limits_are_handed_to_the_device(hil, tmp_path):
    words = ["--v-max", "1.5", "--i-max", "1e-6", "--run", "runs/one"]
    code, out, _ = hil(*QUICK, *words)
    assert code == 0
    limits = json.loads((tmp_path / "runs/one/meta.json").read_text())["devices"][0]["limits"]
    assert (limits["v_max"], limits["v_min"], limits["i_max"]) == (1.5, -1.5, 1e-6)
    assert "points at compliance" in out


def test_a_dry_run_prints_the_waveforms_and_drives_nothing(hil, tmp_path, monkeypatch):
    monkeypatch.setattr(SimulatedArray, "_play", lambda self, waveform: pytest.fail("driven"))
    code, out, _ = hil("characterize", "ltp", "--dry-run", "--set", "pulses=7", "--set", "cycles=1")
    assert code == 0
    assert "sim:rram: 3 blocks" in out
    assert out.count("Waveform(30 segments, 1 x 1 lines") == 3
    assert re.search(r"-1 V, 1 µs, cycle -1\n", out)
    assert not (tmp_path / "runs").exists()


def test_a_device_that_explains_itself_is_asked_in_a_dry_run(hil, monkeypatch):
    monkeypatch.setattr(SimulatedArray, "explain", lambda self, w: [f":SOUR {len(w)}", ":OUTP OFF"], raising=False)
    code, out, _ = hil("characterize", "iv", "--dry-run", "--set", "stairs=8", "--set", "frequencies=[1]",
                       "--commands", "-")  # fmt: skip
    assert code == 0
    assert "      :SOUR 18\n      :OUTP OFF\n" in out


def test_a_dry_run_begins_with_how_much_and_names_the_file_of_the_commands(hil, tmp_path, monkeypatch):
    """Pulses 2 x 3 + 3, reads one more a train; 1 V for 1 us and 0.1 V for 1 ms at 1 mA on the row at most."""
    monkeypatch.setattr(SimulatedArray, "explain", lambda self, w: [":OUTP OFF"] * 4, raising=False)
    words = ["characterize", "ltp", "--dry-run", "--set", "pulses=3", "--set", "cycles=1", "--set", "read_voltage=0.1"]
    code, out, _ = hil(*words, "--i-max", "1e-3")
    assert code == 0
    told = {line.split()[0]: line.split(maxsplit=1)[1] for line in out.splitlines()[1:5]}
    assert out.startswith("sim:rram: nothing is driven\n")
    assert told["pulses"] == "9, and 12 reads"
    assert told["voltages"] == "-1 V .. 1 V on a line"
    bound = 1e-3 * (9 * 1.0 * 1e-6 + 12 * 0.1 * 1e-3)
    assert told["energy"] == f"at most {bound * 1e6:.4g} µJ, at the compliance current"
    assert "all commands: ltp-commands.txt, 16 lines" in out and ":OUTP" not in out
    assert (tmp_path / "ltp-commands.txt").read_text().count(":OUTP OFF\n") == 12
    assert "no compliance current is set" in hil(*words)[1]
    assert "at least" in hil("characterize", "ispp", "--dry-run")[1], "it goes on by what it measures"


def test_a_configuration_file_serves_several_experiments(hil, tmp_path):
    (tmp_path / "cell.toml").write_text(
        '[device]\nuri = ["sim:flca?D=0"]\nv_max = 0.3\n[retention]\nreads = 4\n[ltp]\npulses = 3\ncycles = 1\n'
    )
    assert hil("characterize", "retention", "--config", "cell.toml", "--run", "runs/a")[0] == 0
    assert hil("characterize", "ltp", "--config", "cell.toml", "--set", "ltp.pulses=4", "--run", "runs/b")[0] == 0
    assert len(load(tmp_path / "runs/a")["time"]) == 6
    assert load(tmp_path / "runs/b")["pulse"].max() == 4


def test_settings_are_shown_with_units_and_ranges(hil):
    code, out, _ = hil("characterize", "ispp", "--show-settings", "--json", "-")
    rows = {row["label"]: row for row in json.loads(out)["rows"]}
    assert code == 0
    assert (rows["tolerance"]["value"], rows["tolerance"]["reference"]) == (0.02, "> 0, < 1")
    assert (rows["amplitude"]["unit"], rows["targets"]["unit"]) == ("V", "S")
    assert all(row["note"] for row in rows.values())


def test_help_teaches(hil):
    code, out, _ = hil("characterize", "--help")
    assert code == 0
    for word in (*EXPERIMENTS.names(), "--resume", "--dry-run", "sim:flca", "--allow-forming"):
        assert word in out


def test_resuming_a_finished_run_reports_it_again(hil):
    first = hil(*QUICK, "--run", "runs/one", "--json", "-")[1]
    assert hil("characterize", "--resume", "runs/one", "--json", "-")[:2] == (0, first)
    code, _, err = hil("characterize", "ltp", "--resume", "runs/one")
    assert (code, err.strip()[-45:]) == (2, "run of 'hil characterize retention', not of 'ltp'"[-45:])
    assert "retention" in hil("runs", "show", "one")[1]


def test_ctrl_c_saves_and_exits_with_130(tmp_path):
    words = ["characterize", "endurance", "--set", "cycles=4000", "--run", "run"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from hil.cli.main import main; main()", *words],
        cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (tmp_path / "run/records.sqlite-wal").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert re.search(
        r"stopped after \d+ of 800 blocks of sim:rram; continue with: hil characterize --resume run\n", err
    )
    cycles = load(tmp_path / "run")["cycle"]
    assert np.array_equal(cycles, np.arange(1, len(cycles) + 1))
    assert len(cycles) >= 5
