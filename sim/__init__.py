"""Simulated memristive devices behind the contract of `hil.device`."""

import hil  # noqa: F401 - lets modules be found under the names that they had before
