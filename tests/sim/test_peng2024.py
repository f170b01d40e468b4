"""`hil reproduce peng2024` and Figure 10 of xu2021: what their rows say, and that they can say otherwise."""

import numpy as np
import pytest

from hil.reproduction.findings import Verdict
from hil.reproduction.papers import Scope, find_paper
from sim.papers import passive
from sim.papers.peng2024 import lines, sneak


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Rows of a figure, its picture of small arrays alone."""

    def make(paper, key):
        (figure,) = find_paper(paper).select([key])
        return figure.make(Scope(tmp_path, tmp_path, quick=True))

    return make


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
