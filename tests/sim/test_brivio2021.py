import sys

import pytest
from PIL import Image

from hil.cli.main import main
from hil.cli.sweep import dask_client
from hil.errors import InputError
from hil.sweep_file import read
from hil.sweeps import Sweep, play
from sim.papers.brivio2021 import PANELS, figures

GRID = """
kind = "train wta"
[base.train]
neurons = 20
epochs = 0.5
seeds = 1
curve = 3
labelling = 300
[[axis]]
name = "dynamics"
points = [
    { label = "L-HB 1", "device.uri" = "sim:rram?model=lhb&alpha=0.02" },
    { label = "NL-HB 1", "device.uri" = "sim:rram?model=nlhb&alpha=0.03&gamma=3&nstop=500" },
]
[[axis]]
key = "train.seed"
values = [0, 1]
"""


def swept(folder):
    (folder / "grid.toml").write_text(GRID)
    with dask_client(workers=2) as client, Sweep.create(folder / "sweep", read(folder / "grid.toml")[1]) as sweep:
        play(sweep, client)
    return folder / "sweep"


def test_figures_and_numbers_come_from_the_sweep(tmp_path, monkeypatch, capsys):
    sweep = swept(tmp_path)
    rows, pictures = figures(sweep, tmp_path / "drawn")
    assert {p.name for p in pictures} == {*PANELS, "figure5.png"}
    assert all(min(Image.open(p).size) > 200 for p in pictures)
    accuracy = next(row for row in rows if row.name == "L-HB 1: test accuracy")
    assert accuracy.n == 2
    assert accuracy.note == "eta 50, lambda 0, alpha 0.02"
    monkeypatch.setattr(sys, "argv", ["hil", "plot", "brivio", str(sweep)])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "no paper 'brivio' (known: brivio2021, flca); did you mean 'brivio2021'?" in capsys.readouterr().err


def test_unknown_dynamics_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr("sim.papers.brivio2021.load", lambda sweep: [{"dynamics": "L-HB 9"}])
    with pytest.raises(InputError, match=r"no investigated dynamics 'L-HB 9' .*did you mean 'L-HB"):
        figures(tmp_path, tmp_path / "drawn")
