"""Which parts of formulas are worth a name of their own: those that occur more than once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from sim.export.expression import Formula, ordered


def shared(roots: Sequence[Formula], worth: int, solved: bool) -> list[Formula]:
    """Parts that occur more than once in some formulas, those first that others contain.

    Parameters
    ----------
    roots : sequence of Formula
        All that will be written.
    worth : int
        Functions and names in a part from which on it is given a name.
    solved : bool
        Whether a name is one more unknown of a simulator, which begins at 0, and not a variable that is assigned. Left
        out is then what is computed on one side of a choice alone (it may be no number on the other side), and what is
        divided by.
    """
    everything = ordered(*roots)
    uses = Counter(part for one in everything for part in one.parts) + Counter(roots)
    allowed = _always(roots, everything) - set(_divisors(everything)) if solved else set(everything)
    sizes: dict[Formula, int] = {}
    found = []
    for one in everything:
        sizes[one] = 1 + sum(sizes[part] for part in one.parts)
        if uses[one] > 1 and one.parts and one in allowed and not one.is_condition and sizes[one] >= worth:
            found.append(one)
            sizes[one] = 1
    return found


def _always(roots: Sequence[Formula], everything: Sequence[Formula]) -> set[Formula]:
    """Parts that are computed whatever is chosen."""
    place = {one: k for k, one in enumerate(everything)}
    met: dict[Formula, int] = {}
    for one in everything:
        inner = [met[part] for part in one.parts]
        if one.function == "select":
            inner = [inner[0], inner[1] & inner[2]]
        met[one] = 1 << place[one]
        for bits in inner:
            met[one] |= bits
    bits = 0
    for root in roots:
        bits |= met[root]
    return {one for one, k in place.items() if bits >> k & 1}


def _divisors(everything: Sequence[Formula]) -> Iterator[Formula]:
    """Parts that are divided by, and their factors."""
    for one in everything:
        if one.function == "/":
            stack = [one.parts[1]]
            while stack:
                divisor = stack.pop()
                yield divisor
                if divisor.function == "*":
                    stack += divisor.parts
