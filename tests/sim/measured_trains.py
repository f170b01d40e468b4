"""Measurements to fit: files, and trains of a simulated cell."""

import numpy as np

from sim.fitting import catalogue
from sim.fitting.data import train

HEAD = "pulse,voltage_V,width_s,conductance_S\n"


def write(tmp_path, text):
    file = tmp_path / "data.csv"
    file.write_text(text)
    return file


def unlike_its_mirror(volts):
    """Conductances that say which way round a cell is: positive pulses raise them."""
    return 1e-6 * (1 + 0.01 * (np.cumsum(volts) - np.cumsum(volts).min()))


def step_train(parameters, count=60, noise=0.01, seed=1, volts=None):
    volts = np.repeat([1.0, -1.0], count // 2) if volts is None else volts
    model = catalogue.model("nlhb", train(volts, np.full(len(volts), 1e-6), unlike_its_mirror(volts)))
    g = model.curve({"gamma": 1.0, "nstop": 1e6, "gamma_dep": 1.0, "nstop_dep": 1e6, **parameters})
    g *= 1 + noise * np.random.default_rng(seed).standard_normal(len(g))
    return train(volts, np.full(len(volts), 1e-6), g)
