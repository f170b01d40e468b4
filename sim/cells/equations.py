"""The equations of a law as functions of numbers, from which simulation and export both are made.

A function that iterates to solve an equation says which one by `solution_of`, since a circuit simulator solves it by
itself and can do nothing with the loop::

    def excess(across, v, r):
        return across + r * np.sinh(across) - v

    @solution_of(excess, scales=1.0)
    @njit(cache=True)
    def across(v, r): ...

`excess` takes the unknowns first and then what the function takes, and is 0 at the solution, in units of the unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


class Equations(NamedTuple):
    """What a law consists of: dx/dt and the current.

    Attributes
    ----------
    rate : callable
        ``rate(v, x, p, out)`` writes dx/dt of every state into `out`.
    current : callable
        ``current(v, x, p)`` returns the current, A.
    """

    rate: Any
    current: Any


class Solved(NamedTuple):
    """Which equation a function solves.

    Attributes
    ----------
    equation : callable
        Of the unknowns and then the function's own arguments; 0 (a tuple of zeros for several) at the solution.
    scales : tuple of float
        Typical magnitude of every unknown, in its unit; what is 0 at the solution is measured by the same.
    """

    equation: Any
    scales: tuple[float, ...]


_SOLVED: dict[Any, Solved] = {}


def solution_of(equation: Callable[..., Any], scales: float | tuple[float, ...]) -> Callable[[Function], Function]:
    """Decorate a function that solves ``equation(unknown, ..., *arguments) = 0`` for its unknowns and returns them.

    Parameters
    ----------
    equation : callable
        Of numbers, compiled or not, with no loop in it.
    scales : float or tuple of float
        Typical magnitude of the unknown, or of each of several, which the function returns as a tuple.
    """

    def mark(function: Function) -> Function:
        _SOLVED[function] = Solved(equation, scales if isinstance(scales, tuple) else (scales,))
        return function

    return mark


def solved_by(function: Any) -> Solved | None:
    """The equation that a function was declared to solve, or None."""
    try:
        return _SOLVED.get(function)
    except TypeError:  # not hashable
        return None
