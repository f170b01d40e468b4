"""Play an experiment on a device, without a run folder."""

import numpy as np

from hil.experiments.characterization import MeasurementPlan


def play(name, uri, device=None, **settings):
    """Return the experiment with its resolved settings, its records, and the open device's state at the end."""
    plan = MeasurementPlan({"experiment": name, "device": {"uri": uri}, name: settings})
    found = []
    with device or plan.open(uri) as device:
        experiment, bench, blocks = plan.ready(device)
        for number, block in enumerate(blocks):
            past = arrays(experiment, found)
            if number and experiment.finished(past):
                break
            found += list(experiment.measure(block, bench, past))
        state = device.snapshot()
    return experiment, arrays(experiment, found), state


def arrays(experiment, records):
    return {name: np.array([record[name] for record in records], dtype=float) for name in experiment.columns}


def value(experiment, records, name):
    """Value of the one row whose name ends so."""
    (row,) = (row for row in experiment.analyse(records) if row.text.endswith(name))
    return row.value
