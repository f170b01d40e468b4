"""Layers of torch whose weights are the conductances of a device: simulated, emulated or in the laboratory.

    from hil.torch import CrossbarLinear, PulseSGD

`CrossbarLinear` and `CrossbarConv2d` stand where `torch.nn.Linear` and `Conv2d` stand: forward is the device's analog
product, backward uses the conductances as they were last read. `PulseSGD` is an optimiser whose steps are pulses.
`save_dataset` writes a data set of torch where the drivers of `hil train` read it.
"""

from hil.torch.convolution import CrossbarConv2d
from hil.torch.datasets import save_dataset
from hil.torch.linear import CrossbarLinear
from hil.torch.pulse_sgd import PulseSGD

__all__ = ["CrossbarConv2d", "CrossbarLinear", "PulseSGD", "save_dataset"]
