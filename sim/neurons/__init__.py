"""Neurons made of simulated memristors: circuits around laws of `sim.cells`, as models of `hil.neurons`."""
