"""Splits a train at its rests at 0 V, so that no further pulse is played once one has reached the current limit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from instruments.plan import PairPlan, Plan
from instruments.wiring import NOBODY, Passage, WantedReading


def excursions(passage: Passage) -> list[Passage]:
    """Split a passage before every departure from 0 V; every step away from 0 V is measured, to see the current there.

    Each piece is one excursion from 0 V, of any number of steps, and the rest after it. A reading that nobody asked for
    belongs to no segment (`NOBODY`).
    """
    plan = passage.plan
    if plan is None:
        return [passage]
    pair = isinstance(plan, PairPlan)
    away = (plan.level != 0).reshape(len(plan), -1).any(axis=1)
    marked = plan.measured if isinstance(plan, PairPlan) else plan.measure
    starts = np.flatnonzero(away & ~np.concatenate([[False], away[:-1]]))
    edges = [0, *(int(k) for k in starts if k), len(plan)]
    wanted = iter(passage.readings)
    owners = [next(wanted) if measured else WantedReading(NOBODY, 0, 1) for measured in marked]
    pieces = []
    for first, last in pairwise(edges):
        measure = marked[first:last] | away[first:last]
        level, duration = plan.level[first:last], plan.duration[first:last]
        both = np.repeat(measure[:, None], 2, axis=1)
        piece = PairPlan(level, duration, both) if pair else Plan(level, duration, measure)
        readings = tuple(owners[first + int(k)] for k in np.flatnonzero(measure))
        pieces.append(
            Passage(passage.wiring, passage.rest if not first else 0.0, piece, readings, passage.first + first)
        )
    return pieces
