"""`CrossbarLinear`: a linear layer whose weights are conductances of a device."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hil.arrays import number
from hil.backends import open_device
from hil.device import Device
from hil.errors import InputError
from hil.synapses.mapping import Mapping, cell_targets
from hil.writing.plan import WritePlan
from hil.writing.write import Write


class CrossbarLinear(nn.Module):
    """``y = x W^T + b`` with `W` in a crossbar: inputs on its rows, one column of weights an output.

    Parameters
    ----------
    in_features, out_features : int
        As of `torch.nn.Linear`.
    device : str or Device
        An address, opened with as many rows and columns of weights, such as ``sim:rram?synapse=differential``; or an
        open device of that size. A device without negative weights (``sim:rram`` alone) holds weights from 0 on.
    bias : bool
        Whether a bias is added, on the host.
    weight_max : float
        Weight at the upper end of the device's range of conductances.
    x_max : float
        Input that is driven by the read voltage; larger ones would be driven by more. The device's own limits hold.

    Attributes
    ----------
    weight : (out_features, in_features) Parameter
        Weights as they were last read; its gradient is that of the weights in the array. Writing into it changes no
        cell: `program` does, and `PulseSGD`.
    array : Device
        The device.

    Notes
    -----
    A weight ``w`` is the conductance ``g0 + w (g1 - g0) / weight_max``, with g0 that of weight 0 and g1 that of weight
    1; for weights of both signs g0 = 0. A reference current ``g0 sum(v)`` is subtracted on the host.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        device: str | Device,
        *,
        bias: bool = True,
        weight_max: float = 1.0,
        x_max: float = 1.0,
    ) -> None:
        """Open the device, and read it."""
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        cells = {"rows": in_features, "cols": out_features}
        self.array = open_device(device, defaults=cells) if isinstance(device, str) else device
        if self.array.cells != (in_features, out_features):
            raise InputError(
                f"{self.array.name} has {self.array.rows} x {self.array.cols} weights, "
                f"a layer of {in_features} inputs and {out_features} outputs needs {in_features} x {out_features}"
            )
        self.mapping = Mapping.of(self.array, number(weight_max, "weight_max"))
        self.x_max = number(x_max, "x_max")
        if not self.x_max > 0:
            raise InputError(f"x_max = {self.x_max:g} must be above 0")
        self.weight = nn.Parameter(torch.zeros(out_features, in_features))
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None
        self.read()

    @classmethod
    def from_linear(cls, layer: nn.Linear, device: str | Device, *, x_max: float = 1.0, **program: Any) -> Self:
        """Put a trained layer into a device; the weight of largest magnitude is at the end of the range.

        `program` are settings of `program`.
        """
        weight = layer.weight.detach()
        most = float(weight.abs().max()) or 1.0
        made = cls(
            layer.in_features, layer.out_features, device, bias=layer.bias is not None, weight_max=most, x_max=x_max
        )
        if made.bias is not None:
            made.bias.data.copy_(layer.bias.detach())
        made.program(weight, **program)
        return made

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_features) -> (..., out_features), through the device."""
        flat = x.reshape(-1, self.in_features)
        y: Tensor = _Product.apply(flat, self.weight, self)
        y = y if self.bias is None else y + self.bias
        return y.reshape(*x.shape[:-1], self.out_features)

    def product(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """(B, in) inputs -> (B, out) analog products without the bias, in the unit of a weight times an input."""
        return self.mapping.through(self.array, x, self.x_max)

    @torch.no_grad()
    def read(self) -> Tensor:
        """Read the conductances into `weight`; return it."""
        found = self.mapping.weights(self.array.read()).T
        self.weight.copy_(torch.from_numpy(np.ascontiguousarray(found)).to(self.weight))
        return self.weight

    @torch.no_grad()
    def program(self, weight: Tensor | None = None, **settings: Any) -> Write:
        """Write weights into the device by write-verify, and read them back into `weight`.

        Parameters
        ----------
        weight : (out_features, in_features) Tensor, optional
            What is written; `weight` itself, as after `load_state_dict`, if not given. Weights beyond the range are
            put at its end.
        **settings
            Of `hil.writing.plan.WritePlan`: ``tolerance=0.01``, ``controller="ispp"`` ...

        Returns
        -------
        Write
            With the fate, the error and the pulses of every cell; those of a weight lie side by side.
        """
        wanted = (self.weight if weight is None else weight).detach().cpu().double().numpy().T
        plan = WritePlan(source="weights", device=self.array.name, **settings)
        write = Write(*cell_targets(self.array, self.mapping.conductances(wanted)), plan)
        for _ in write.rounds():
            pass
        self.read()
        return write

    def extra_repr(self) -> str:
        """Sizes and the device."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}, "
            f"device={self.array!r}"
        )


class _Product(torch.autograd.Function):
    """The device's product forward, the weights as last read backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, layer: CrossbarLinear) -> Tensor:
        """(B, in), (out, in) -> (B, out)."""
        ctx.save_for_backward(x, weight)
        found = layer.product(x.detach().cpu().double().numpy())
        return torch.from_numpy(found).to(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Gradients of the inputs and of the weights."""
        x, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        on_inputs = grad @ weight.to(grad) if wanted[0] else None
        on_weights = (grad.T @ x.to(grad)).to(weight) if wanted[1] else None
        return on_inputs, on_weights, None
