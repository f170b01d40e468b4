"""`hil reproduce peng2024` and Figure 10 of xu2021: what their rows say, and that they can say otherwise."""

import numpy as np
import pytest

from hil.reproduction.findings import Verdict
from hil.reproduction.papers import Scope, find_paper
from sim.papers import passive
from sim.papers.peng2024 import lines, sneak, tolerance


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Rows of a figure, its picture of small arrays alone."""

    def make(paper, key):
        (figure,) = find_paper(paper).select([key])
        return figure.make(Scope(tmp_path, tmp_path, quick=True))

    return make


@pytest.mark.pictures
def test_sneak_currents_are_the_closed_forms_and_selectors_end_them(made, tmp_path, monkeypatch):
    monkeypatch.setattr(sneak, "SIZE", 16)
    rows = made("peng2024", "sneak")
    margins = [row for row in rows if row.quantity.startswith("margin of the worst read, 16")]
    assert len(margins) == 3 and {row.verdict for row in margins} == {Verdict.FOLLOWS}
    assert margins[0].ours == pytest.approx(0.99 / 8.5, rel=1e-9)
    assert {row.verdict for row in rows if row not in margins} == {Verdict.REPRODUCED}
    allowed = [row for row in rows if row.quantity.startswith("rows that")]
    assert [row.ours for row in allowed] == pytest.approx([1880.5, 133541.3, 1.0576e7], rel=1e-4)
    assert all(row.ours == pytest.approx(row.check, rel=1e-6) for row in allowed)
    assert (tmp_path / "peng-sneak.png").stat().st_size > 5e3


def test_ir_drop_needs_voltages_that_the_schemes_forbid(made, monkeypatch):
    monkeypatch.setattr(lines, "SIZE", 24)
    rows = {row.quantity: row for row in made("peng2024", "IR")}
    verdicts = [row.verdict for row in rows.values()]
    assert verdicts.count(Verdict.FOLLOWS) == 2 and verdicts.count(Verdict.OPEN) == 1
    (differs,) = (row for row in rows.values() if row.verdict is Verdict.DIFFERS)
    assert differs.quantity.startswith("error of products") and differs.ours == pytest.approx(differs.check, rel=1e-5)
    assert all(row.confirmed for row in rows.values())


def test_no_number_of_a_chip_is_made_up(made):
    rows = made("peng2024", "reported")
    assert {row.verdict for row in rows} == {Verdict.OPEN}
    assert all(row.ours is None and row.paper and row.note for row in rows)


def test_grids_of_figure_10(made):
    rows = made("xu2021", "10")
    assert [row.verdict for row in rows].count(Verdict.FOLLOWS) == 5
    assert rows[0].verdict is Verdict.REPRODUCED and rows[0].check == pytest.approx(rows[0].ours, rel=1e-9)


def test_a_selector_that_selects_nothing_leaves_the_claim_undecided_or_wrong(monkeypatch):
    monkeypatch.setattr(sneak, "SELECTIVITIES", (2.1,))
    monkeypatch.setattr(sneak, "selected", lambda selectivity: passive.CELL)
    monkeypatch.setattr(sneak, "_leak_of_a_pair", lambda selectivity: (0.5, 0.99))
    (row,) = sneak._selectors(Scope(None, None))
    assert row.verdict is Verdict.DIFFERS


def test_a_line_solved_node_by_node_is_a_divider():
    """Two cells at 1 V and a segment each: Kirchhoff by hand."""
    g, r = np.array([1e-3, 2e-3]), 100.0
    current = passive.by_nodes(g, np.ones((1, 2)), r)[0]
    first = 1 / (1 / g[0] + r)
    node = (first + g[1]) / (first + g[1] + 1 / r)
    assert current == pytest.approx(node / r, rel=1e-12)
    whole = passive.reached(6, 3.0, 1e-4), passive.reached(6, 3.0, 1e-4, by_factors=True)
    assert whole[0] == pytest.approx(whole[1], rel=1e-9)


def test_a_mapping_saves_energy_and_one_by_lot_does_not(made):
    rows = {row.quantity: row for row in made("peng2024", "mapping")}
    energy = rows["256 recurrent neurons: energy saved"]
    assert energy.ours > 50 > 20 > max(energy.control)
    assert rows["64-54-10, a quarter of its synapses: load of the busiest link saved"].ours > 10


def test_a_tolerance_map_follows_from_its_numbers():
    """The claim stands or falls by the worst case; a map that is flat decides nothing, for its control is flat too."""
    cases = {(a, b): (80.0, 82.0, 81.0) for a in (-1, 0, 1) for b in (-1, 0, 1)}
    flat = tolerance.claim_rows("x", cases)
    assert [row.verdict for row in flat] == [Verdict.UNDECIDED] * 3
    steep = tolerance.claim_rows("x", cases | {(-1, -1): (40.0, 41.0, 42.0), (1, -1): (30.0, 31.0, 32.0)})
    assert [row.verdict for row in steep] == [Verdict.DIFFERS, Verdict.DIFFERS, Verdict.REPRODUCED]
    assert steep[0].ours == pytest.approx(40.0)
    assert tolerance.claimed((2, 2)) and tolerance.claimed((3, 1)) and tolerance.claimed((-2, -2))
    assert not tolerance.claimed((-1, 2)) and not tolerance.claimed((0, 3))


@pytest.mark.slow
def test_techniques_without_mnist_say_so(made):
    rows = made("peng2024", "techniques")
    assert len(rows) == 8
    assert {row.verdict for row in rows if row.stand_in} == {Verdict.NOT_RUN}
    cut = next(row for row in rows if "synapses cut" in row.quantity)
    assert min(cut.control) > 10 > cut.ours
