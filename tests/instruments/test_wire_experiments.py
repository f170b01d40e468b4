"""The exact messages of every experiment, by instrument, as committed in wires/EXPERIMENT-MODEL.txt.

With both channels of one instrument they are in wires/EXPERIMENT-MODEL-pair.txt, STDP with pulses that overlap, `array`
behind a matrix.

Which manual page a message comes from stands beside it in test_wire_k2400.py, test_wire_k2450.py and so on. The
listings are dry runs, which test_lab_kill_records.py holds to what really goes over the wire. After a change that is
meant, `python tests/instruments/test_wire_experiments.py` writes them anew; read the difference like code.
"""

from pathlib import Path

import pytest

from hil.experiments import catalogue
from hil.experiments.characterization import MeasurementPlan
from hil.experiments.dry_run import dry_run

WIRES = Path(__file__).parent / "wires"
PULSES = {"amplitude": 1.0, "width": 2e-3}
SETTINGS = {
    "iv": {"stairs": 8, "frequencies": [5.0], "amplitudes": [0.5], "cycles": 1},
    "ltp": {**PULSES, "pulses": 3, "cycles": 1},
    "stdp": {**PULSES, "delays": [-0.01, 0.02]},
    "ppf": {**PULSES, "intervals": [0.01], "recovery": 0.9},
    "desensitisation": {**PULSES, "pulses": 3, "pauses": [0.05], "recovery": 0.9},
    "retention": {**PULSES, "reads": 3, "pulses": 2, "last": 2.0},
    "endurance": {**PULSES, "cycles": 1, "pulses": 2},
    "ispp": {"levels": 2, "width": 2e-3},
    "forming": {"allowed": True, "stop": 1.2, "width": 2e-3},
    "array": {**PULSES, "writes": 2},
}
OTHERS = ("2400", "2461", "2602B", "B2901A")
PAIRS = [*((name, "2602B-pair") for name in SETTINGS), *((name, "B2902A-pair") for name in ("stdp", "ltp", "array"))]
CASES = [*((name, "2450") for name in SETTINGS), *(("ltp", model) for model in OTHERS), *PAIRS]
OF_PAIRS = {
    "stdp": {"overlap": True, "amplitude": 0.9, "width": 2e-3, "delays": [-3.7e-4, 1e-3]},
    "array": {"writes": 1, "amplitude": 1.0, "width": 2e-3},
}


def listing(name, model):
    model, _, pair = model.partition("-")
    uri = f"visa:virtual?model={model}&dut=sim:rram&v_max=2&i_max=1e-3" + ("&channels=2" if pair else "")
    uri += "&rows=2&cols=1" if pair and name == "array" else ""
    settings = OF_PAIRS.get(name, SETTINGS[name]) if pair else SETTINGS[name]
    return "\n".join(dry_run(MeasurementPlan({"experiment": name, "device": {"uri": uri}, name: settings}))) + "\n"


def test_no_experiment_is_left_out():
    assert set(SETTINGS) == set(catalogue.EXPERIMENTS.names("memhil"))
    assert {path.name for path in WIRES.iterdir()} == {f"{name}-{model}.txt" for name, model in CASES}


@pytest.mark.parametrize(("name", "model"), CASES)
def test_an_experiment_sends_exactly_this(name, model):
    assert listing(name, model) == (WIRES / f"{name}-{model}.txt").read_text(encoding="utf-8")


if __name__ == "__main__":
    for case in CASES:
        (WIRES / "{}-{}.txt".format(*case)).write_text(listing(*case), encoding="utf-8")
