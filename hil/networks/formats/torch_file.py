"""Trained models in files of torch; torch itself is imported when one is read."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from hil.errors import InputError
from hil.networks.files import NetworkReader
from hil.networks.network import LayeredNetwork


class TorchModel(NetworkReader):
    """File of torch (.pt, .pth): a state_dict, or a saved nn.Sequential of torch's own layers."""

    endings: ClassVar = (".pt", ".pth")

    def read(self, path: Path, activation: str) -> LayeredNetwork:
        """Load it without running code of its own."""
        try:
            from hil.torch.models import read_model
        except ImportError:
            raise InputError(f"{path}: models of torch need the extra torch: pip install 'memhil[torch]'") from None
        return read_model(path, activation)
