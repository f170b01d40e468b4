"""How near estimated energies are to what devices integrate, and what counting them costs.

    python benchmarks/energy_estimates.py [--cost] [--quick] [--json FILE]

Images of the two-pulse protocol on 16 x 2 cells, their pulses measured on one device and estimated by the meter of
another; with --cost, processor time of trainings with and without meters, in turn.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

import hil
from hil.backends import open_device
from hil.energy import meter
from hil.energy.account import Account
from hil.energy.figures import EnergySettings
from hil.runs.results import Row, report
from hil.training.protocol import Protocol

ROWS, COLS, IMAGES = 16, 2, 64

DEVICES = {"sim:rram": 1.0, "sim:vteam": 1.0, "sim:flca-step": 0.1, "sim:diffusive": 0.3} | dict.fromkeys(
    ("sim:flca-pair", "sim:flca"), 0.1
)
"""Addresses, and the voltage of a lit pixel."""

TRAININGS = (
    ("wta", {"device": "sim:rram?alpha=0.002&threads=1", "neurons": 200, "epochs": 0.5}),
    ("stdp", {"device": "sim:rram?threads=1", "epochs": 0.5}),
    ("stdp", {"device": "sim:flca-pair?threads=1", "epochs": 0.5}),
    ("pill", {"device": "sim:pill?threads=1", "epochs": 0.5}),
)


def error(uri: str, amplitude: float) -> float:
    """Estimate over integral, less 1."""
    rng = np.random.default_rng(0)
    pixels = rng.random((IMAGES, ROWS)) * (rng.random((IMAGES, ROWS)) < 0.4)
    targets = rng.integers(0, COLS, IMAGES)[:, None] == np.arange(COLS)
    protocol, account = Protocol(amplitude=amplitude), Account()
    with open_device(uri, rows=ROWS, cols=COLS) as device:
        told = float(device.apply(protocol.waveform(pixels, targets, measure=True)).energy.sum())
    with meter.metering(account, EnergySettings()), open_device(uri, rows=ROWS, cols=COLS) as device:
        device.apply(protocol.waveform(pixels, targets))
    (tally,) = account.tallies.values()
    return (tally.meant + tally.half) / told - 1


def processor_time(driver: str, settings: dict, metered: bool) -> float:
    """Of a training, s."""
    own = meter.attach
    meter.attach = own if metered else lambda *_: None
    try:
        with tempfile.TemporaryDirectory() as folder:
            start = time.process_time()
            hil.train(driver, run=Path(folder) / "run", dataset="mnist-slice", seeds=1, **settings)
            return time.process_time() - start
    finally:
        meter.attach = own


def main() -> None:
    """Parse, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--quick", action="store_true", help="sim:rram alone")
    parser.add_argument("--json", metavar="FILE")
    given = parser.parse_args()
    rows = [
        Row("estimate over integral, less 1", 100 * error(uri, v), "%", note=f"{v:g} V").under(f"{uri}: ", device=uri)
        for uri, v in list(DEVICES.items())[: 1 if given.quick else None]
    ]
    for driver, settings in TRAININGS if given.cost else ():
        processor_time(driver, settings, True)
        turns = [[processor_time(driver, settings, on) for on in (True, False)] for _ in range(2)]
        with_it, without = np.min(turns, axis=0)
        told = Row("processor time with meters", float(with_it), "s", control=float(without), note="control: without")
        rows.append(told.under(f"train {driver}, {settings['device']}: ", device=str(settings["device"])))
    report(rows, f"energy of {IMAGES} images on {ROWS} x {COLS} cells", given.json)


if __name__ == "__main__":
    main()
