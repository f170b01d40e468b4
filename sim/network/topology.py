"""Which branch of a network joins which nodes, as the solver sees it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Topology(Protocol):
    """N nodes and the branches between them; branches are arrays of any one shape, such as (rows, cols)."""

    @property
    def nodes(self) -> int:
        """Number of nodes N."""

    def across(self, potential: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Voltages of the branches between nodes at `potential` (N,), V."""

    def outflow(self, current: NDArray[np.float64], /) -> NDArray[np.float64]:
        """(N,) net current that leaves every node through its branches, A; Kirchhoff wants 0 where nothing drives."""

    def settle(
        self,
        conductance: NDArray[np.float64],
        potential: NDArray[np.float64],
        injected: NDArray[np.float64] | None = None,
        /,
    ) -> NDArray[np.float64]:
        """Fill in the floating nodes of an ohmic network, so that no net current flows into them but `injected`.

        Parameters
        ----------
        conductance : array
            Of the branches, S, all > 0.
        potential : (N,) or (N, P) array
            Voltages of the driven nodes, V, and NaN for the floating ones; P cases with the same nodes floating.
        injected : array of the same shape, optional
            Current fed into every floating node from outside, A.

        Returns
        -------
        (N,) or (N, P) array
            All voltages. Floating nodes that reach no driven one are at 0 V.
        """
