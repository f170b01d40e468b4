"""`LstmNetwork`: a long short-term memory cell and its readout, trained through time in torch."""

from __future__ import annotations

import torch
from torch import Tensor

from hil.torch.adam import AdamModel, Matrix


class LstmNetwork(AdamModel):
    """A cell of `units` memories (Hochreiter & Schmidhuber 1997) over a sequence, and classes at its end.

    Its two matrices are ``[x, h, 1] -> i, f, o, g`` (gates and candidate side by side, each `units` wide) and
    ``[h, 1] -> classes``:

        i, f, o = sigmoid(...),  g = tanh(...),  c <- f c + i g,  h <- o tanh(c)
    """

    def batch_loss(self, x: Matrix, one_hot: Matrix, number: int) -> Tensor:
        """Cross-entropy at the end of (B, steps, inputs) sequences."""
        return self.cross_entropy(self.forward(x), one_hot)

    def forward(self, x: Matrix) -> Tensor:
        """(B, classes) outputs at the end of (B, steps, inputs) sequences."""
        gates, readout = self.parameters
        units = readout.shape[0] - 1
        given = self.tensor(x)
        one = torch.ones(len(x), 1, dtype=torch.float64, device=self.at)
        h, c = (torch.zeros(len(x), units, dtype=torch.float64, device=self.at) for _ in range(2))
        for step in range(given.shape[1]):
            i, f, o, g = (torch.hstack([given[:, step], h, one]) @ gates).split(units, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        found: Tensor = torch.hstack([h, one]) @ readout
        return found
