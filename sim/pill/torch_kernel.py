"""Paired inputs on torch: the pulses of `sim.pill.kernel` on a GPU, or on the processor, all columns at once.

The same drives in the same order give the same fluxes but for the rounding of float32. On a GPU, eight pulses are
compiled into one kernel that reads and writes the fluxes once; they travel there and back with every `present`, so give
it many images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.pill.protocol import PillProtocol, pair_indices
from sim.pill.kernel import ImagePulses
from sim.pill.pairs import ClosedFormPairs, PairWeights

if TYPE_CHECKING:
    from torch import Tensor

FUSED = 8
"""Pulses played between reading and writing the fluxes."""

_READ_AT_ONCE = 1 << 24
"""Pair inputs (images x pairs) that are laid out in memory at once."""


class TorchPairs(ClosedFormPairs):
    """Pairs on a torch device.

    Parameters
    ----------
    device : PairWeights
        Holds the state.
    protocol : PillProtocol
        How an image is shown.
    on : str
        Torch device, such as ``cuda``, ``cuda:1`` or ``cpu``.

    Raises
    ------
    InputError
        If torch is not installed, or has no such device.
    """

    def __init__(self, device: PairWeights, protocol: PillProtocol, on: str) -> None:
        """Put the indices of the pairs on the torch device."""
        super().__init__(device, protocol)
        try:
            import torch
        except ImportError:
            raise InputError(f"torch={on}: torch is not installed: pip install memhil[torch]") from None
        self._torch: Any = torch
        try:
            self._on = torch.device(on)
            self._first, self._second = (self._there(index.astype(np.int32)) for index in pair_indices(self.inputs))
        except (RuntimeError, AssertionError) as error:
            raise InputError(f"torch={on}: torch has no such device here: {str(error).splitlines()[0]}") from None
        on_gpu = self._on.type == "cuda"
        self._learn: Callable[..., Tensor] = torch.compile(_learn, dynamic=False, fullgraph=True) if on_gpu else _learn

    def _play(self, batch: ImagePulses) -> None:
        torch, fluxes = self._torch, self.device.fluxes()
        rest = len(batch.drive)
        drive = self._there(np.concatenate([batch.drive, np.zeros((1, self.inputs), np.float32)]))
        count = batch.order.shape[1]
        order = np.full((-(-count // FUSED) * FUSED, self.cols), rest)
        order[:count] = batch.order.T
        order = self._there(order)
        mean, decay, high = self.protocol.front == "resistors", float(self._decay), float(self._high)
        phi = self._there(fluxes)
        with torch.no_grad():
            for start in range(0, len(order), FUSED):
                here = drive[order[start : start + FUSED]]
                phi = self._learn(phi, here, self._first, self._second, mean, decay, high)
        fluxes[:] = phi.cpu().numpy()

    def _read(self, pixels: NDArray[np.float32]) -> NDArray[np.float64]:
        g = self._there(self.device.conductance.astype(np.float32))
        lit, size = self._there(pixels), max(1, _READ_AT_ONCE // self.pairs)
        mean = self.protocol.front == "resistors"
        currents = np.empty((len(pixels), self.cols))
        with self._torch.no_grad():
            for start in range(0, len(pixels), size):
                one, other = (lit[start : start + size, index] for index in (self._first, self._second))
                passed = (one + other) / 2 if mean else self._torch.minimum(one, other)
                currents[start : start + size] = (passed @ g).cpu().numpy()
        return currents

    def _there(self, array: NDArray[Any]) -> Tensor:
        return self._torch.from_numpy(np.ascontiguousarray(array)).to(self._on)


def _learn(phi: Tensor, drive: Tensor, first: Tensor, second: Tensor, mean: bool, decay: float, high: float) -> Tensor:
    """Fluxes (cols, pairs) after pulses of drives (pulses, cols, inputs), one after the other."""
    for pulse in drive:
        one, other = pulse[:, first], pulse[:, second]
        if mean:
            passed = one + other
        else:
            low, far = one.minimum(other), one.maximum(other)
            passed = low.maximum(far.clamp(max=0.0))
        change = passed - decay * phi
        change = change.clamp(min=0.0).where(passed >= 0.0, change)
        phi = (phi + change).clamp(0.0, high)
    return phi
