"""What a job would need is said before it begins: one sentence, exit code 2, nothing left behind."""

import numpy as np
import pytest

from hil import needs
from hil.cli.main import main
from hil.config import validated
from hil.errors import InputError
from hil.experiments.ltp import PotentiationSettings
from hil.needs import NeedError, amount, require_memory
from hil.training.lifelong import LifelongConfig
from hil.training.pill_settings import PillConfig
from hil.training.stdp import StdpConfig
from hil.training.wta_settings import WtaConfig
from hil.waveform import Waveform


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A machine with 2 GB, whatever this one has."""
    monkeypatch.setattr(needs, "memory", lambda: 2e9)


def told(monkeypatch, capsys, words):
    monkeypatch.setattr("sys.argv", ["hil", *words])
    with pytest.raises(SystemExit) as end:
        main()
    err = capsys.readouterr().err
    assert end.value.code == 2, err
    assert "Traceback" not in err
    return err.splitlines()[-1]


def test_amounts_and_their_bound():
    assert [amount(x) for x in (999, 1e3, 2.5e10, 1e15, 3e21)] == ["999 B", "1 kB", "25 GB", "1 PB", "3e+03 EB"]
    require_memory("this", 2e9)
    for size, needed in (
        (2.1e9, "2.1 GB"),
        (float("inf"), "more than any amount"),
        (float("nan"), "more than any amount"),
    ):
        with pytest.raises(NeedError, match=f"this would need {needed} of memory; this machine has 2 GB"):
            require_memory("this", size)


def test_a_waveform_counts_every_line():
    """8 bytes a voltage and duration, one for the mark of a measurement, four copies."""
    pulse = Waveform.pulse(np.zeros(9), np.zeros(4), width=1.0)
    fits = int(2e9 / (4 * (8 * 14 + 1)))
    with pytest.raises(NeedError, match=r"a waveform of .* segments would need 2 GB"):
        pulse * (fits + 1)
    with pytest.raises(NeedError):
        Waveform.triangle(1.0, step=1e-12, dwell=1.0)
    with pytest.raises(NeedError, match="would need more than any amount"):
        Waveform.triangle(1.0, step=5e-324, dwell=1.0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "stdp --epochs 1e9",
            "train.epochs = 1e+09: the order of 1.221e+12 presentations in each of 6 stages would need",
        ),
        ("stdp --epochs 1e308", "would need more than any amount of memory"),
        ("stdp --epochs inf", "inf is not a finite number"),
        ("stdp --epochs nan", "nan is not a finite number"),
        ("stdp --set train.epochs=1e400", "train.epochs = inf is not a finite number"),
        ("stdp --seeds 1000000000", "train.seeds = 1000000000 must be <= 10000"),
        ("stdp --set train.seeds=true", "train.seeds = true is not a number"),
        (
            "stdp --dataset mnist-slice --epochs 3000 --set train.batch=10000000",
            "train.batch = 10000000: one waveform of",
        ),
        ("wta --neurons 1000000000", "train.neurons = 1000000000: 64,000,000,000 weights would need 1.54 TB"),
        ("wta --epochs 1e12", "train.epochs = 1e+12: the order of 1.437e+15 presentations"),
        ("wta --set code.duration=1e9", "code.duration = 1e+09: 6.29e+17 spikes of 1,437 images would need"),
        ("wta --set code.f_max=1e300 --set code.shortest=1e-300", "spikes of 1,437 images would need"),
        ("lifelong --images 1000000000000", "train.images = 1e+12: the order of 3e+12 presentations"),
        ("pill --epochs 1e12", "train.epochs = 1e+12: the order of"),
        ("pill --dataset lines3x3 --epochs 1e12", "train.epochs = 1e+12: the order of"),
    ],
)
def test_trainings(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert message in told(monkeypatch, capsys, ["train", *words.split()])
    assert not list(tmp_path.glob("runs/*"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("ltp --set pulses=1e9", "ltp.pulses = 1000000000: a waveform of 4e+09 segments would need 400 GB"),
        ("ltp --set cycles=1000000000", "ltp.cycles = 1000000000: a plan of 2e+09 blocks would need 4 TB"),
        ("ltp --set pulses=true", "ltp: pulses = true is not a number"),
        ("ltp --set pulses=1e400", "ltp: pulses = inf is not a finite number"),
        ("endurance --set cycles=1000000000000", "endurance.cycles = 1000000000000: a plan of 2e+11 blocks"),
        ("endurance --set pulses=1000000000000", "endurance.pulses = 1000000000000: a waveform of 2e+12 segments"),
        ("forming --allow-forming --set step=1e-300", "would need"),
        ("iv --set stairs=1000000000000", "iv.stairs = 1000000000000: a waveform of 1e+12 segments"),
        ("iv --set cycles=1000000000000", "iv.cycles = 1000000000000: a waveform of"),
        ("retention --set reads=1000000000000", "retention.reads = 1000000000000: a plan of 1e+12 blocks"),
        ("ispp --set levels=1000000000000", "ispp.levels = 1000000000000: a plan of 1e+12 blocks"),
        ("ispp --set reads=1000000000000", "ispp.reads = 1000000000000: a waveform of"),
        ("stdp --set pairs=1000000000000", "stdp.pairs = 1000000000000: a waveform of"),
        ("desensitisation --set pulses=1000000000000", "desensitisation.pulses = 1000000000000: a waveform of"),
    ],
)
def test_characterizations(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert message in told(monkeypatch, capsys, ["characterize", *words.split(), "--device", "sim:rram"])
    assert not list(tmp_path.glob("runs/*"))


def test_long_endurance_shares_its_waveforms():
    """A million cycles of 200 pulses are 2e8 segments, of which memory holds those of one block."""
    from hil.experiments.characterization import MeasurementPlan

    plan = MeasurementPlan({"experiment": "endurance", "device": {"uri": "sim:rram"}, "endurance": {"cycles": 20_001}})
    with plan.open("sim:rram") as device:
        plan.settings.resolved(device)
        experiment = plan.experiment(plan.settings.resolved(device))
    blocks = experiment.blocks()
    assert sum(len(block.waveforms[0]) for block in blocks) > 20_001 * 200
    assert len({id(block.waveforms[0]) for block in blocks}) == 2


@pytest.mark.parametrize("model", [StdpConfig, WtaConfig, PillConfig, LifelongConfig, PotentiationSettings])
def test_no_number_of_a_configuration_is_true_or_infinite(model):
    """Every float and whole number of every section, those that may be left out included."""

    def refused(section, name, value):
        values = {name: value} if section is None else {section: {name: value}}
        with pytest.raises(InputError) as error:
            validated(model, values, "test")
        return str(error.value)

    def sections():
        for name, field in model.model_fields.items():
            inner = getattr(field.annotation, "model_fields", None)
            yield from ((name, n, f) for n, f in inner.items()) if inner else [(None, name, field)]

    counted = 0
    for section, name, field in sections():
        kinds = str(field.annotation)
        if "bool" in kinds or not ("float" in kinds or "int" in kinds) or "Literal" in kinds:
            continue
        counted += 1
        where = f"{section}.{name}" if section else name
        assert refused(section, name, True).endswith(f"{where} = true is not a number")
        assert refused(section, name, 10**30).endswith(f"{where} = {10**30} is beyond 64 bits")
        for value in (float("inf"), float("nan"), -float("inf")):
            assert where in refused(section, name, value)
    assert counted >= 8


def test_a_wrong_value_of_a_thousand_digits_is_shortened():
    with pytest.raises(InputError, match=r"train.seeds = 1000.*characters\) is beyond 64 bits") as error:
        validated(StdpConfig, {"train": {"seeds": 10**900}}, "test")
    assert len(str(error.value)) < 250
    with pytest.raises(InputError, match=r"train.seeds = a whole number of over 1,000 digits is beyond 64 bits"):
        validated(StdpConfig, {"train": {"seeds": 10**5000}}, "test")
    with pytest.raises(NeedError):
        Waveform.rest(1.0) * 10**5000
