"""Synapses: circuits of one or more cells of a device that hold a weight together (Xu et al. 2021, Table 2).

A `Synapse` is a layer in front of an array of cells, and itself a `Device` whose cells are weights: an address asks for
it, ``sim:rram?rows=64&cols=10&synapse=differential``, and all drivers take it as it is. Each is one file here, found by
an entry point of the group ``hil.synapses``.
"""
