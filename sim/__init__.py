"""Simulated memristive devices behind the contract of `hil.device`."""
