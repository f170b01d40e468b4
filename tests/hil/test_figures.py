"""Figures fit for a paper: sizes, fonts, prefixes, ticks, looks; runs drawn again and over each other."""

import re
import warnings
from itertools import pairwise

import numpy as np
import pytest
from experiment_runner import play
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

from hil import axes, style
from hil.errors import InputError
from hil.experiments import figures

pytestmark = pytest.mark.pictures


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture
def drawn(monkeypatch):
    """Figures that were finished, as they would be written."""
    kept = []
    monkeypatch.setattr("hil.files.write_figure", lambda path, figure, dpi: kept.append((path, figure)))
    return kept


def texts(ruler):
    """Texts of the major ticks that are within the view."""
    low, high = sorted(ruler.get_view_interval())
    ticks = [t for t in ruler.get_majorticklocs() if low <= t <= high]
    return [text for text in ruler.get_major_formatter().format_ticks(ticks) if text]


def line(values, unit="A", x=None, log=False):
    """Finished axes with one curve."""
    figure, (axis,) = figures.panels()
    axis.plot(np.arange(len(values)) if x is None else x, values)
    if log:
        axis.set_yscale("log")
    axes.label(axis, ("number", ""), ("current", unit))
    axes.finish(figure)
    return axis


@pytest.mark.parametrize(
    ("values", "label"),
    [
        ([0, 3e-6, -2e-6], "Current (µA)"), ([0, 1e-3], "Current (mA)"), ([0, 0.999e-3], "Current (mA)"),
        ([0, 0.9e-3], "Current (µA)"), ([0, 2e-9], "Current (nA)"), ([0, 5.0], "Current (A)"),
        ([0.0, 0.0], "Current (A)"),
    ],
)  # fmt: skip
def test_an_axis_has_one_prefix_in_its_label_and_none_at_its_ticks(values, label):
    axis = line(values)
    assert axis.get_ylabel() == label
    assert not any(re.search("[A-Za-zµ]", text) for text in texts(axis.yaxis))


@settings(deadline=None, max_examples=40)
@given(st.floats(1e-12, 1e6), st.floats(1e-4, 1.0), st.booleans())
def test_ticks_are_the_numbers_that_they_mark(size, span, log):
    axis = line([size * (1 - 0.9 * span), size], "S", log=log)
    factor = {prefix: 10.0**power for power, prefix in axes.PREFIXES.items()}
    unit = re.search(r"\((.?)S\)", axis.get_ylabel()).group(1)
    low, high = sorted(axis.get_ylim())
    ticks = [t for t in axis.yaxis.get_majorticklocs() if low <= t <= high]
    shown = axis.yaxis.get_major_formatter().format_ticks(ticks)
    assert len(set(shown)) == len(shown) >= 2
    for tick, text in zip(ticks, shown, strict=True):
        power = re.fullmatch(r"\$10\^\{(-?\d+)\}\$", text)
        value = 10.0 ** int(power.group(1)) if power else float(text.replace("\N{MINUS SIGN}", "-"))
        assert value * factor[unit] == pytest.approx(tick, rel=1e-3, abs=1e-3 * (high - low))


def test_rounding_is_not_zoomed_into():
    axis = line([1e-6, 1e-6 * (1 + 1e-12)])
    low, high = axis.get_ylim()
    assert (low, high) == pytest.approx((0.95e-6, 1.05e-6))


def test_a_linear_device_looks_linear(drawn, tmp_path):
    experiment, records, _ = play("ltp", "sim:rram?rows=1&cols=1", pulses=20)
    experiment.draw({"sim:rram": records}, tmp_path / "ltp.png")
    assert drawn[0][1].axes[0].get_yscale() == "linear"
    with style.used(style.named(False, y="log")):
        experiment.draw({"sim:rram": records}, tmp_path / "ltp.png")
    assert drawn[1][1].axes[0].get_yscale() == "log"


def test_a_logarithmic_axis_of_negative_values_is_refused(drawn, tmp_path):
    experiment, records, _ = play("stdp", "sim:flca?rows=1&cols=1", delays=[-0.01, 0.01])
    with (
        style.used(style.named(True, y="log")),
        pytest.raises(InputError, match="--y log: 'ΔG/G' has values that are not"),
    ):
        experiment.draw({"sim:flca": records}, tmp_path / "x.pdf")


@pytest.mark.parametrize(("name", "asked", "panels"), [("iv", None, 2), ("iv", "log", 1), ("iv", "linear", 1)])
def test_a_loop_is_drawn_on_the_scale_that_is_asked_for(drawn, tmp_path, name, asked, panels):
    experiment, records, _ = play(name, "sim:flca?rows=1&cols=1", stairs=16)
    with style.used(style.named(True, y=asked)):
        experiment.draw({"sim:flca": records}, tmp_path / "x.pdf")
    (_, figure) = drawn[0]
    assert len(figure.axes) == panels
    assert figure.axes[-1].get_yscale() == (asked or "log")


def test_curves_that_coincide_are_told_apart(drawn, tmp_path):
    experiment, records, _ = play("ltp", "sim:rram?rows=1&cols=1", pulses=10, cycles=1)
    experiment.draw({"sim:rram?a=1": records, "sim:rram?a=2": records, "sim:rram?a=3": records}, tmp_path / "x.png")
    curves = [curve for curve in drawn[0][1].axes[0].lines if len(curve.get_xdata()) > 2]
    looks = [(c.get_color(), str(c._dash_pattern), c.get_linewidth()) for c in curves]
    assert all(len({look[k] for look in looks}) == 3 for k in (0, 1, 2))
    assert all(below.get_linewidth() > above.get_linewidth() and below.zorder < above.zorder
               for below, above in pairwise(curves))  # fmt: skip


def test_colours_are_told_apart_by_the_colour_blind():
    """In the model of Viénot, Brettel & Mollon (1999) of protanopia and deuteranopia."""
    see = {
        "protan": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
        "deutan": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    }
    linear = np.array([to_rgb(colour) for colour in style.COLOURS[:4]]) ** 2.2
    for matrix in see.values():
        seen = np.clip(linear @ np.array(matrix).T, 0, 1) ** (1 / 2.2)
        apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1)
        assert apart[~np.eye(len(seen), dtype=bool)].min() > 0.1


def test_legends_are_outside_the_data_and_short(drawn, tmp_path):
    experiment, records, _ = play("retention", "sim:flca?rows=1&cols=1", reads=4)
    long = "sim:flca-pair?preset=figure3&Dv=70&" + "&".join(f"x{k}=1" for k in range(30))
    experiment.draw({long: records, "sim:flca": records}, tmp_path / "x.png")
    (_, figure) = drawn[0]
    figure.canvas.draw()
    assert all(axis.get_legend() is None for axis in figure.axes)
    box = figure.legends[0].get_window_extent()
    assert not any(box.overlaps(axis.get_window_extent()) for axis in figure.axes)
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 + 1
    assert all(len(text.get_text()) <= 60 for text in figure.legends[0].get_texts())


def test_names_of_one_kind_keep_what_tells_them_apart():
    assert axes.short_names(["sim:rram?rows=4&alpha=0.1", "sim:rram?rows=4&alpha=0.2", "sim:flca?v=1"]) == [
        "sim:rram, alpha=0.1", "sim:rram, alpha=0.2", "sim:flca",
    ]  # fmt: skip
    assert len(set(axes.short_names([f"sim:rram?preset={'x' * 60}{k}" for k in range(3)]))) == 3


@pytest.mark.parametrize(
    ("name", "asked", "still"),
    [
        ("iv", {"amplitudes": [0.1], "stairs": 16}, "hardly any hysteresis up to 100 mV"),
        ("ltp", {"amplitude": 0.1, "pulses": 4}, "all trains together move G by less than 0.1 %"),
        ("ppf", {"amplitude": 0.1, "intervals": [0.01, 0.1]}, "both pulses give the same response"),
        ("desensitisation", {"amplitude": 0.1, "pulses": 3, "pauses": [0.1]}, "the response stays the same"),
        ("endurance", {"amplitude": 0.1, "cycles": 3, "pulses": 2}, "no cycle opens a window"),
        ("stdp", {"amplitude": 0.1, "delays": [-0.01, 0.01]}, "the change of G is the same at every delay"),
        ("iv", {"stairs": 40}, None),
        ("ltp", {"pulses": 40}, None),
        ("endurance", {"cycles": 3}, None),
    ],
)
def test_where_nothing_moves_the_figure_and_a_warning_say_so(drawn, tmp_path, name, asked, still):
    """Below the thresholds of a VTEAM cell nothing moves; the defaults are beyond them."""
    experiment, records, _ = play(name, "sim:vteam?rows=1&cols=1", **asked)
    told = experiment.still(records)
    assert (told is None) == (still is None) and (still or "") in (told or "")
    experiment.draw({"sim:vteam": records}, tmp_path / "x.png")
    noted = " ".join(axis.get_title() for axis in drawn[0][1].axes).replace("\n", " ")
    assert (still or "") in noted and bool(noted.strip()) == (still is not None)


def test_a_warning_of_a_still_cell_is_kept_with_the_run(hil):
    code, out, _ = hil("characterize", "ltp", "--device", "sim:vteam", "--set", "amplitude=0.1", "--set", "pulses=4")
    assert code == 0 and "warning: sim:vteam: all trains together move G by less than 0.1 %" in " ".join(out.split())
    assert "all trains together" in hil("runs")[1]


@pytest.fixture
def two(hil):
    """Runs of two devices, one with a name."""
    for name, device, words in (("a", "sim:rram", ["--name", "cell 7"]), ("b", "sim:flca", [])):
        assert (
            hil("characterize", "iv", "--device", device, "--set", "stairs=16", *words, "--run", f"runs/{name}")[0] == 0
        )
    return hil


def test_runs_are_drawn_over_each_other_for_a_paper(two, tmp_path):
    code, _, err = two("plot", "a", "b", "--style", "paper", "--out", "drawn")
    assert (code, err) == (0, "picture: drawn/iv.pdf\n")
    content = (tmp_path / "drawn/iv.pdf").read_bytes()
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", content)
    assert float(box.group(1)) == pytest.approx(3.5 * 72, abs=0.1)
    assert b"/FontFile2" in content and b"/Type3" not in content, "letters of a font, not drawings of letters"


@pytest.mark.parametrize(
    ("words", "file", "wide"),
    [
        (["--style", "paper", "--width", "two", "--format", "svg"], "iv.svg", 7.2),
        (["--size", "4x3", "--format", "svg", "--font", "9"], "iv.svg", 4.0),
    ],
)
def test_an_svg_has_its_size_and_text_that_can_be_edited(two, tmp_path, words, file, wide):
    assert two("plot", "a", *words)[0] == 0
    content = (tmp_path / "runs/a/figures" / file).read_text()
    assert float(re.search(r'width="([\d.]+)pt"', content).group(1)) == pytest.approx(72 * wide)
    assert "Current (µA)" in content and "<text" in content
    assert two("plot", "a", *words)[0] == 0
    assert (tmp_path / "runs/a/figures" / file).read_text() == content, "the same figure is the same file"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "no run 'nothing' (known: a, b)"),
        (["nothing", "a"], "no run 'nothing'"),
        (["a", "--size", "3"], "--size 3: write width x height in inches"),
        (["a", "--x", "log", "--out", "a/b/c", "--format", "gif"], "gif"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_sentence(two, words, message):
    code, _, err = two("plot", *words)
    assert code == 2 and message in err and err.count("\n") == 1


def test_a_run_without_points_says_so(two, tmp_path):
    (tmp_path / "runs/a/records.sqlite").unlink()
    assert "holds no records" in two("plot", "a")[2]


def test_a_training_is_drawn_again_without_being_touched(hil, tmp_path):
    train = ["train", "stdp", "--seeds", "1", "--epochs", "0.02", "--set", "train.controls=false", "--run", "runs/one"]
    assert hil(*train)[0] == 0
    before = {
        p.name: p.read_bytes() for p in (tmp_path / "runs/one").iterdir() if p.suffix in (".json", ".npz", ".toml")
    }
    code, _, err = hil("plot", "one", "--style", "paper", "--width", "two", "--out", "drawn")
    assert code == 0, err
    assert {p.name for p in (tmp_path / "drawn").iterdir()} == {"maps.pdf", "protocol.pdf", "learning.pdf"}
    after = {p.name: p.read_bytes() for p in (tmp_path / "runs/one").iterdir() if p.name in before}
    assert after == before
    assert "--x and --y are for characterizations" in hil("plot", "one", "--y", "log")[2]
