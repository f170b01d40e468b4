"""What every non-ideality shares: how its parameters are given, and what it may be asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from sim.cells.law import StateVariable
from sim.crossbar.chance import SWITCHES, stream


class NonIdealPart(BaseModel):
    """Parameters of one non-ideality, a part of those of every simulated array.

    Attributes
    ----------
    switches : mapping
        Names of parameters that do nothing unless another one is given, with the name of that one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    switches: ClassVar[dict[str, str]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Join what the parts of a model say of their switches."""
        super().__init_subclass__(**kwargs)
        cls.switches = {k: v for base in reversed(cls.__mro__) for k, v in vars(base).get("switches", {}).items()}

    @model_validator(mode="after")
    def _switched_on(self) -> Self:
        given = self.model_fields_set
        for name, switch in self.switches.items():
            default = type(self).model_fields[name].default
            if name in given and switch not in given and getattr(self, name) != default:
                raise ValueError(f"{name} = {getattr(self, name)}: give {switch} as well, it does nothing without")
        return self


class CellGroup(NamedTuple):
    """The cells of an array, for those who draw something for each.

    Attributes
    ----------
    shape : (int, int)
        Columns and rows.
    seed : int
        Of all that is drawn.
    low, high : float
        Range of the conductance of a cell without spread, S.
    """

    shape: tuple[int, int]
    seed: int
    low: float
    high: float

    def spread(self, part: int, sigma: float) -> NDArray[np.float64]:
        """(columns, rows) factors, log-normal with median 1 and standard deviation `sigma` of their logarithm."""
        return np.exp(sigma * stream(self.seed, part).standard_normal(self.shape))

    def pristine(self, variable: StateVariable) -> NDArray[Any]:
        """State array of cells, or of columns, as they begin."""
        if variable.drawn:
            return stream(self.seed, SWITCHES).integers(0, 1 << 52, self.shape, variable.dtype)
        return np.full(self.shape[:1] if variable.per_column else self.shape, variable.pristine, variable.dtype)


class Fluctuation(ABC):
    """Noise that a cell has of itself and not of its measurement: a function of seed, cell and device time alone.

    So two readings are correlated as the process is, however the time between them was cut; a snapshot needs no more
    than the device time.
    """

    @abstractmethod
    def at(self, time: float) -> NDArray[np.float64]:
        """(columns, rows) factors on the current of every cell at a device time, s."""


class Ageing(ABC):
    """What a cell's conductance does of itself after it was programmed: a factor that is 1 then.

    Attributes
    ----------
    scale : float
        Age at which the factor has a kink, or on which it changes while the age is not much larger, s.
    """

    scale: float

    @abstractmethod
    def factor(self, age: NDArray[np.float64], excess: NDArray[np.float64]) -> NDArray[np.float64]:
        """Factors at some ages.

        Parameters
        ----------
        age : (..., columns, rows) array
            Time since each cell was programmed, s.
        excess : (columns, rows) array
            NonIdealPart of each cell's conductance that was going to be lost when it was programmed (`Relaxation`).
        """


class Written(NamedTuple):
    """What a pulse has done to a cell, for those who add to it; arrays of the N cells that it moved.

    Attributes
    ----------
    before, target : (N,) arrays
        Conductance of the law's cell before the pulse and after it, S.
    col, row : (N,) arrays of int
        Which cells.
    writes : (N,) array of int
        How many pulses have moved each before.
    cycles : (N,) array
        What each has gone through, this pulse included: ways from one end of the range to the other and back.
    """

    before: NDArray[np.float64]
    target: NDArray[np.float64]
    col: NDArray[np.int64]
    row: NDArray[np.int64]
    writes: NDArray[np.int64]
    cycles: NDArray[np.float64]


class Writing(ABC):
    """What becomes of a conductance that a pulse leaves."""

    @abstractmethod
    def end(self, pulse: Written) -> NDArray[np.float64]:
        """(N,) conductances at which the cells are left, S, in place of `Written.target`."""
