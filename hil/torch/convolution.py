"""`CrossbarConv2d`: a convolution unrolled onto a crossbar, one row an input of the kernel, one column a channel."""

from __future__ import annotations

from typing import Any, Self

from torch import Tensor, nn
from torch.nn import functional

from hil.device import Device
from hil.torch.linear import CrossbarLinear

Pair = tuple[int, int]


class CrossbarConv2d(nn.Module):
    """`torch.nn.Conv2d` with its kernels in a crossbar of ``in * kh * kw`` rows; each place of an image is a product.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding
        As of `torch.nn.Conv2d`; zeros around the image, no groups, no dilation.
    device, bias, weight_max, x_max
        As of `CrossbarLinear`.

    Attributes
    ----------
    crossbar : CrossbarLinear
        The kernels, unrolled as ``weight.reshape(out_channels, -1)``.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        device: str | Device,
        *,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        **settings: Any,
    ) -> None:
        """Open the device."""
        super().__init__()
        self.kernel_size, self.stride, self.padding = (_pair(given) for given in (kernel_size, stride, padding))
        rows = in_channels * self.kernel_size[0] * self.kernel_size[1]
        self.crossbar = CrossbarLinear(rows, out_channels, device, **settings)

    @classmethod
    def from_conv2d(cls, layer: nn.Conv2d, device: str | Device, *, x_max: float = 1.0, **program: Any) -> Self:
        """Put a trained convolution into a device; `program` are settings of `CrossbarLinear.program`."""
        weight = layer.weight.detach().flatten(1)
        made = cls(
            layer.in_channels, layer.out_channels, layer.kernel_size, device, stride=layer.stride,
            padding=layer.padding, bias=layer.bias is not None, weight_max=float(weight.abs().max()) or 1.0,
            x_max=x_max,
        )  # fmt: skip
        if made.crossbar.bias is not None:
            made.crossbar.bias.data.copy_(layer.bias.detach())
        made.crossbar.program(weight, **program)
        return made

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H', W')."""
        patches = functional.unfold(x, self.kernel_size, padding=self.padding, stride=self.stride)
        height, width = (
            (size + 2 * pad - kernel) // step + 1
            for size, pad, kernel, step in zip(x.shape[2:], self.padding, self.kernel_size, self.stride, strict=True)
        )
        return self.crossbar(patches.transpose(1, 2)).transpose(1, 2).reshape(len(x), -1, height, width)


def _pair(value: int | Pair) -> Pair:
    return (value, value) if isinstance(value, int) else (value[0], value[1])
