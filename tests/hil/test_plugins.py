"""Registries: names and summaries without an import, one thing by name, all things with what is wrong told."""

import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint

import pytest

import hil.plugins
from hil.errors import InputError
from hil.experiments.catalogue import EXPERIMENTS
from hil.experiments.retention import Retention
from hil.plugins import Catalogue, Registry
from hil.training.catalogue import DRIVERS


@dataclass(frozen=True)
class Fruit:
    """What is sold."""

    name: str


class Apple(Fruit):
    """Sweet, and
    red.

    More of it.
    """


apple, pear = Fruit("apple"), Fruit("pear")
basket = (apple, pear)


def more():
    return [Fruit("plum")]


def fails():
    raise ZeroDivisionError("no plums")


@pytest.fixture
def installed(monkeypatch):
    """Install entry points of the group ``fruits`` alone."""

    def install(**places):
        points = [EntryPoint(name, place.replace("HERE", __name__), "fruits") for name, place in places.items()]
        monkeypatch.setattr(hil.plugins, "entry_points", lambda group: points if group == "fruits" else [])

    return install


def test_a_registry_finds_by_name_and_names_the_nearest(installed):
    installed(a="HERE:apple", b="HERE:basket", c="nowhere:x")
    fruits = Registry("fruits", "fruit", Fruit)
    assert fruits.names() == ["a", "b", "c"] and fruits.find("a") is apple
    with pytest.raises(InputError, match=r"no fruit 'aa' \(known: a, b, c\); did you mean 'a'\?"):
        fruits.find("aa")
    with pytest.raises(InputError, match="fruit 'b' is a tuple, not a Fruit"):
        fruits.find("b")
    with pytest.raises(InputError, match="fruit 'c' cannot be loaded: No module named 'nowhere'"):
        fruits.find("c")


def test_all_that_can_be_loaded_are_listed_and_the_others_told(installed, capsys):
    installed(a="HERE:apple", c="nowhere:x")
    assert Registry("fruits", "fruit", Fruit).everything() == {"a": apple}
    assert capsys.readouterr().err == "hil: fruit 'c' cannot be loaded: No module named 'nowhere'\n"


def test_classes_must_be_derived_from_their_base(installed):
    installed(a="HERE:Apple", b="HERE:apple", c="builtins:int")
    fruits = Registry("fruits", "fruit", base=f"{__name__}:Fruit")
    assert fruits.find("a") is Apple
    with pytest.raises(InputError, match="fruit 'b' is a Fruit, which is not derived from Fruit"):
        fruits.find("b")
    with pytest.raises(InputError, match="fruit 'c' is int, which is not derived from Fruit"):
        fruits.find("c")


def test_a_catalogue_takes_one_several_or_what_a_function_returns(installed, capsys):
    installed(a="HERE:apple", b="HERE:basket", m="HERE:more", f="HERE:fails", n="HERE:__name__", o="HERE:Fruit")
    fruits = Catalogue("fruits", "fruit", Fruit, lambda fruit: fruit.name)
    assert fruits.names() == ["apple", "pear", "plum"]
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "hil: fruit 'f' cannot be made: ZeroDivisionError: no plums"
    assert "fruit 'n' is no Fruit and makes none" in told[1] and "fruit 'o' cannot be made: TypeError" in told[2]
    with pytest.raises(InputError, match="no plums"):
        fruits.find("f")
    with pytest.raises(InputError, match=r"no fruit 'pea' .*did you mean 'pear'"):
        fruits.find("pea")


def test_things_of_the_own_package_go_before_others(installed, monkeypatch, tmp_path):
    package = tmp_path / "orchard"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "early.py").write_text(f"from {__name__} import Fruit\nFRUIT = Fruit('apple')\n")
    (package / "nothing.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    installed(b="HERE:basket")
    fruits = Catalogue("fruits", "fruit", Fruit, lambda fruit: fruit.name, beside="orchard:FRUIT")
    assert fruits.names() == ["apple", "pear"] and fruits.find("apple") is not apple


def test_summaries_are_read_without_an_import(installed, monkeypatch, tmp_path):
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')\n")
    (package / "one.py").write_text('class One:\n    """First\n    line.\n\n    Second.\n    """\nclass Mute: ...\n')
    monkeypatch.syspath_prepend(tmp_path)
    installed(one="shop.one:One", mute="shop.one:Mute", gone="shop.two:Two", odd="shop:Odd", plain="HERE:Apple")
    fruits = Registry("fruits", "fruit")
    assert [fruits.summary(name) for name in ("one", "mute", "plain")] == ["First line.", "", "Sweet, and red."]
    assert "shop" not in sys.modules
    assert fruits.summary("gone") == "fruit 'gone' cannot be loaded: SystemExit: imported"
    assert fruits.summary("odd") == "fruit 'odd' cannot be loaded: SystemExit: imported"


def test_help_of_train_imports_no_driver():
    code = (
        "import sys; sys.argv = ['hil', 'train', '--help']\nfrom hil.cli.main import main\ntry: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'numpy', 'hil.config', 'hil.training.stdp', 'hil.training.driver'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"
    assert all(f"\n  {name} " in out for name in DRIVERS.names())


@pytest.fixture
def bring(monkeypatch):
    """Add a driver, or another thing, to those that are installed."""

    def add(name, place, group="hil.drivers"):
        everything, point = hil.plugins.entry_points, EntryPoint(name, place, group)
        monkeypatch.setattr(
            hil.plugins, "entry_points", lambda group: [*everything(group=group), *[point] * (group == point.group)]
        )

    return add


def test_a_driver_of_another_package_has_its_flags(hil, bring):
    bring("counted", "counting_driver:Counted")
    code, out, err = hil("train", "counted", "--help")
    assert (code, err) == (0, "")
    text = " ".join(out.split())
    assert "Count the images, and nothing else." in text
    for words in (
        "--dataset NAME digits, mnist",
        "--front-device URI",
        "--back-device URI",
        "--loud / --no-loud say it loudly",
        "--up-to HOWMANY Count this far.",
        "--part <str> part of the images that is counted",
        "--step <float>",
    ):
        assert words in text
    assert "counted Count the images, and nothing else." in " ".join(hil("train", "--help")[1].split())


def test_flags_of_another_packages_driver_reach_its_settings(hil, bring, tmp_path):
    bring("counted", "counting_driver:Counted")
    words = ["--dataset", "lines3x3", "--no-loud", "--up-to", 7, "--part", "50%", "--step", 2, "--mode", "b"]
    code, out, err = hil("train", "counted", *words, "--front-device", "sim:flca", "--json", "-")
    assert code == 0, err
    assert (
        json.loads(out)["rows"][0]["note"] == "front=sim:flca back=sim:rram loud=False up_to=7 part=0.5 step=2.0 mode=b"
    )
    for wrong, told in (
        (["--up-to", "x"], "hil: invalid value for '--up-to': "),
        (["--step", "inf"], "hil: invalid value for '--step': inf is not a finite number"),
        (["--part", "2"], "hil: configuration: train.part = 2 must be <= 1 (a fraction: 0.1 for 10 %)"),
        (["--mode", "c"], "hil: configuration: train.mode = 'c' must be 'a' or 'b'"),
        (
            ["--set", "device=3", "--front-device", "sim:flca"],
            "hil: configuration: device = 3 is a value",
        ),
        (["--resume", "runs/x", "--loud", "--step", 0], "leave out train.loud, train.step"),
        (["--resume", "runs/x", "--no-loud"], "leave out train.loud"),
    ):
        code, _, err = hil("train", "counted", *wrong)
        assert code == 2 and told in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("nowhere:x", "driver 'counted' cannot be loaded: No module named 'nowhere'"),
        ("counting_driver:Settings", "driver 'counted' is Settings, which is not derived from Driver"),
        ("counting_driver:Misnamed", "driver 'counted' calls itself 'train other'"),
    ],
)
def test_a_broken_driver_is_told_when_it_is_asked_for(hil, bring, place, told):
    bring("counted", place)
    code, out, _ = hil("train", "--help")
    assert code == 0 and "stdp" in out
    code, out, err = hil("train", "counted", "--seed", "1")
    assert code == 2 and not out and told in err and err.count("\n") == 1


def test_a_driver_that_there_is_not_is_told_with_the_nearest(hil):
    code, _, err = hil("train", "stpd")
    assert code == 2 and err == "hil: no such command 'stpd'. Did you mean 'stdp', 'rstdp'?; see hil train --help\n"


class Twice(Retention):
    """Read the cell, and read it again."""

    name = "twice"


class Misnamed(Twice):
    """Says that it is another."""


def test_an_experiment_of_another_package_is_listed_and_measured(hil, bring):
    bring("twice", f"{__name__}:Twice", "hil.experiments")
    assert "twice Read the cell, and read it again." in " ".join(hil("characterize", "--help")[1].split())
    assert hil("characterize", "twice", "--show-settings")[0] == 0
    code, out, err = hil("characterize", "twice", "--set", "reads=4", "--set", "last=1", "--run", "one")
    assert code == 0 and "no relaxation seen" in out and "twice on sim:rram" in err
    assert hil("characterize", "--resume", "one")[:2] == (0, out)


def test_an_experiment_that_is_none_is_told(hil, bring):
    bring("other", f"{__name__}:Misnamed", "hil.experiments")
    bring("fruit", f"{__name__}:apple", "hil.experiments")
    assert hil("characterize", "--help")[0] == 0
    for name, told in (
        ("other", "experiment 'other' calls itself 'twice': its name must be that of its entry point"),
        ("fruit", "experiment 'fruit' is a Fruit, which is not derived from Experiment"),
        ("twise", "no experiment 'twise' (known: "),
    ):
        code, out, err = hil("characterize", name)
        assert code == 2 and not out and told in err and err.count("\n") == 1


def test_help_of_characterize_imports_no_experiment():
    code = (
        "import sys; sys.argv = ['hil', 'characterize', '--help']\nfrom hil.cli.main import main\ntry: main()\n"
        "except SystemExit: pass\nprint(sorted({'numpy', 'hil.experiments.ltp'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"
    assert all(f"\n  {name} " in out for name in EXPERIMENTS.names())
