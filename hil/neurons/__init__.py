"""Neurons by themselves: populations of one model behind one protocol (`model`), the currents that drive them, traces.

`catalogue.make` gives neurons of any installed model. What is made of neurons on a device's cells is in `hil.spiking`.
"""
