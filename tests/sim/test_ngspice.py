"""`sim:flca-pair` and the LSODA reference against SPICE: circuits with behavioural memristors, solved by ngspice 39.

The netlists stand beside their results in ``ngspice/``; run one by hand with ``ngspice -b desensitisation.cir``. The
results are committed, so this comparison needs no ngspice; where it is installed, the netlists are run again.
"""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from oracles import Pair

from hil.backends import open_device
from hil.waveform import Waveform

NETLISTS = Path(__file__).parent / "ngspice"

WIDTH = 1e-3
"""Of all pulses, s; all have 1 V, so this is also their flux in V s."""

SPICE_ERROR, DEVICE_ERROR = 2e-5 * WIDTH, 1e-4 * WIDTH
"""Of the fluxes in V s: of ngspice, whose pulses rise and fall within 1 us, and of the device with it."""

PROTOCOLS = {
    "desensitisation": (1.0, 1.0, {"phi0": 0.0}),
    "bidirectional": (1.0, -1.0, {"phi0": 1e-3}),
    "stdp_post_pre": (-1.0, 1.0, {"phi0": 1e-3, "Dv": 70.0}),
}
"""First and second pulse in V, parameters that are not those of the preset figure3."""


def table(text):
    """Read the table that a netlist prints, by column."""
    lines = [line.split() for line in text.splitlines() if line.startswith("Index") or "\t" in line]
    names, rows = lines[0], np.array(lines[1:], dtype=float)
    return dict(zip(names, rows.T, strict=True))


def committed(name):
    return table((NETLISTS / f"{name}.txt").read_text())


def segments(name, delay):
    """Both pulses and 1 ms of rest after them."""
    first, second, _ = PROTOCOLS[name]
    rest = [(0.0, delay)] if delay else []
    return [(first, WIDTH), *rest, (second, WIDTH), (0.0, WIDTH)]


def by_lsoda(name, delay):
    """Fluxes (phi_v, phi_n) at the end of every segment."""
    parameters = PROTOCOLS[name][2]
    return Pair(dv=parameters.get("Dv", 1.0)).run(0.0, parameters["phi0"], segments(name, delay))[1:]


def by_device(name, delay):
    device = open_device("sim:flca-pair?preset=figure3&threads=1", **PROTOCOLS[name][2])
    fluxes = []
    for v, length in segments(name, delay):
        device.apply(Waveform.pulse(v, width=length))
        fluxes.append([device.state(name)[0, 0] for name in ("phi_v", "phi_n")])
    return np.array(fluxes)


@pytest.mark.parametrize(("solve", "error"), [(by_lsoda, SPICE_ERROR), (by_device, DEVICE_ERROR)])
@pytest.mark.parametrize("name", PROTOCOLS)
def test_agreement_with_ngspice(name, solve, error):
    spice = committed(name)
    for k, delay in enumerate(spice["delay"]):
        fluxes = solve(name, delay)
        assert fluxes[-1] == pytest.approx([spice["phi_v"][k], spice["phi_n"][k]], rel=0, abs=error)
        if "phi_n_between" in spice:
            assert fluxes[0][1] == pytest.approx(spice["phi_n_between"][k], rel=0, abs=error)


def test_results_cover_the_delays_of_the_figures():
    assert committed("desensitisation")["delay"].tolist() == [0, 0.1, 0.5, 1, 2, 5, 10]
    assert committed("bidirectional")["delay"].tolist() == [0.01, 0.05, 0.25, 1]
    assert committed("stdp_post_pre")["delay"].tolist() == [0.002, 0.005, 0.01, 0.02, 0.05, 0.25]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_results_name_their_ngspice(name):
    assert (NETLISTS / f"{name}.txt").read_text().startswith("# ngspice-39 ")


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")
@pytest.mark.parametrize("name", PROTOCOLS)
def test_netlist_still_gives_the_committed_results(name, tmp_path):
    for file in (f"{name}.cir", "series_pair.inc"):
        shutil.copy(NETLISTS / file, tmp_path)
    run = subprocess.run(
        ["ngspice", "-b", f"{name}.cir"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    again, before = table(run.stdout), committed(name)
    assert again.keys() == before.keys()
    for column, values in before.items():
        assert again[column] == pytest.approx(values, rel=0, abs=SPICE_ERROR)
