"""The names at the top level: there, lazy, and the same as where they are defined."""

import ast
import json
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from importlib import import_module
from pathlib import Path

import pytest

import hil
from hil.errors import InputError
from hil.runs.document import document


@pytest.mark.parametrize("name", sorted(set(hil.__all__) - {"__version__"}))
def test_names_are_those_of_their_modules(name):
    assert getattr(hil, name) is getattr(import_module(hil._PLACES[name]), name)
    assert name in dir(hil)


def test_editors_see_the_same_names_as_the_interpreter():
    """What stands under ``if TYPE_CHECKING`` is what `__getattr__` imports, name by name, place by place."""
    tree = ast.parse(Path(hil.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    assert {alias.name: node.module for node in block.body for alias in node.names} == hil._PLACES
    assert set(hil.__all__) == {"__version__", *hil._PLACES}


def test_unknown_names_are_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'hil' has no attribute 'trian'"):
        hil.trian  # noqa: B018


def test_importing_hil_imports_no_array():
    code = "import sys, hil; print(sorted({'numpy', 'pydantic', 'typer', 'hil.device'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.fixture(name="hil_command")
def command(request):
    """The fixture `hil`, which has the name of the package."""
    return request.getfixturevalue("hil")


QUICK = {"targets": "4", "images": 30, "seeds": 1}
"""Lifelong training of one target in a second."""


@pytest.fixture
def here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_training_is_that_of_the_command(hil_command, here):
    code, out, _ = hil_command("train", "lifelong", "--targets", "4", "--images", "30", "--seeds", "1", "--json", "-")
    assert code == 0
    outcome = hil.train("lifelong", **QUICK, run="mine")
    assert document(outcome.rows) == json.loads(out)
    assert outcome.path == Path("mine") and all(figure.is_file() for figure in outcome.figures)
    told = (here / "mine" / "config.toml").read_text(), (next((here / "runs").iterdir()) / "config.toml").read_text()
    assert told[0] == told[1]


def test_a_finished_training_is_opened_again_by_resume(here):
    first = hil.train("lifelong", **QUICK, run="mine")
    assert hil.train("lifelong", resume="mine").rows == first.rows


def test_characterizing_is_that_of_the_command(hil_command, here):
    code, out, _ = hil_command("characterize", "ltp", "--set", "pulses=5", "--v-max", "2", "--json", "-")
    assert code == 0
    measured = hil.characterize("ltp", pulses=5, v_max=2.0, run="mine")
    assert document(measured.rows) == json.loads(out)
    assert measured.records["conductance"].shape == measured.records["device"].shape
    assert measured.data == Path("mine/data.nc")
    assert hil.characterize(resume="mine").rows == measured.rows


def test_curves_of_several_devices_are_laid_over_each_other(here):
    measured = hil.characterize("iv", device=["sim:flca", "sim:rram"], run="mine")
    assert set(measured.records["device"]) == {0, 1}


def test_settings_are_found_by_name_section_file_and_mapping(here):
    (here / "mine.toml").write_text("[train]\ntargets = ['4']\nimages = 9\nseeds = 1\n[protocol]\nwidth = 2e-3\n")
    run = hil.train(
        "lifelong", config="mine.toml", images=10, protocol={"amplitude": 0.08}, device="sim:flca-pair"
    ).path
    config = tomllib.loads((run / "config.toml").read_text())
    assert config["train"]["images"] == 10 and config["train"]["targets"] == ["4"]
    assert config["protocol"]["width"] == 2e-3 and config["protocol"]["amplitude"] == 0.08


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: hil.train("stpd"), "no driver 'stpd'.*did you mean 'stdp'"),
        (lambda: hil.train("stdp", sede=1), "unknown setting 'sede'.*did you mean 'seed'"),
        (lambda: hil.train("stdp", amplitude="x"), "protocol.amplitude = 'x' is not a number"),
        (lambda: hil.train("stdp", train=3), "train = 3 is a value, a section of settings was expected"),
        (lambda: hil.train("stdp", resume="mine", seed=1), "leave out seed"),
        (lambda: hil.train("stdp", resume="mine", seed=0, controls=False), "leave out seed, controls"),
        (lambda: hil.train("stdp", resume="nowhere"), "nowhere holds no run"),
        (lambda: hil.characterize("ltq"), "no experiment 'ltq'.*did you mean 'ltp'"),
        (lambda: hil.characterize("ltp", plses=3), "unknown parameter 'plses'.*did you mean 'pulses'"),
        (lambda: hil.characterize("ltp", amplitude=3, v_max=2), "ltp.amplitude = 3 V is outside -2 V .. 2 V"),
        (lambda: hil.characterize(), "needs the name of an experiment"),
        (lambda: hil.characterize("ltp", resume="mine", v_max=1), "leave out v_max"),
        (lambda: hil.characterize("ltp", resume="mine", quantise=False), "leave out quantise"),
    ],
)
def test_what_is_wrong_is_told_before_a_folder_is_made(wrong, sentence, here):
    with pytest.raises(InputError, match=sentence):
        wrong()
    assert not (here / "runs").exists()


def test_outcomes_show_themselves(here):
    outcome = hil.characterize("iv", run="mine")
    assert repr(outcome) == f"<mine: {len(outcome.rows)} rows, 1 figures>"
    assert str(outcome) == str(outcome.rows)
    shown = "".join(ElementTree.fromstring(outcome._repr_html_()).itertext())
    assert outcome.rows[0].text in shown and "mine/figures/iv.png" in shown


def test_fitting_is_that_of_the_command(hil_command, here):
    path = hil.characterize("ltp", device="sim:rram?model=nlhb", pulses=20, run="mine").path
    code, out, _ = hil_command("fit", "mine", "--model", "nlhb", "--fix", "w0=0", "--json", "-")
    assert code == 0
    fitted = hil.fit(path, "nlhb", fix={"w0": 0.0}, run="fitted")
    assert document(fitted.rows) == json.loads(out)
    with hil.open_device(fitted.presets["nlhb"]) as device:
        assert device.rows == device.cols == 1
    assert fitted.figures[0].is_file() and fitted.told


def test_a_run_is_loaded_with_its_records_settings_and_metadata(here):
    measured = hil.characterize("ltp", pulses=5, run="mine", metadata={"sample": "S7"})
    run = hil.load_run("mine")
    assert run.rows == measured.rows == measured.load().rows
    assert (run.kind, run.metadata.sample, run.settings["ltp"]["pulses"]) == ("characterize ltp", "S7", 5)
    assert run.figures == measured.figures
    frame, data = run.to_pandas(), run.to_xarray()
    assert (
        frame["conductance_S"].tolist()
        == measured.records["conductance"].tolist()
        == data["conductance"].values.tolist()
    )
    assert data["conductance"].attrs["units"] == "siemens" and set(frame["device"]) == {"sim:rram"}
    results = run.to_pandas("results").set_index("name")
    assert results.loc["on/off ratio", "value"] == run.rows["on/off ratio"].value


def test_what_a_training_learned_is_loaded(here):
    run = hil.train("lifelong", **QUICK, run="mine").load()
    (name,) = (name for name in run.arrays if name.startswith("pristine"))
    assert (run.to_xarray()[name.removesuffix("_S")].values == run.arrays[name]).all()
    assert run.to_pandas("results")["name"].tolist() == [row.name for row in run.rows]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: hil.load_run("mina"), "no run 'mina'"),
        (lambda: hil.load_run("mine").to_pandas("record"), "no table 'record'.*did you mean 'records'"),
        (lambda: hil.load_run("mine").to_pandas("metrics"), "mine holds no metrics"),
        (lambda: hil.fit("nowhere"), "nowhere"),
        (lambda: hil.fit([]), "needs a run or a file"),
        (lambda: hil.fit("mine", order=9), "order = 9: 1 to 6"),
        (lambda: hil.fit("mine", loss="l1"), "l1: unknown"),
    ],
)
def test_what_cannot_be_loaded_or_fitted_is_told(wrong, sentence, here):
    hil.characterize("iv", run="mine")
    with pytest.raises(InputError, match=sentence):
        wrong()
