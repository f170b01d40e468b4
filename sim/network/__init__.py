"""Kirchhoff's laws: the one solver of voltages and currents that crossbars and circuits share.

A network is a topology (which branch joins which nodes: `IdealLines` of a crossbar, or any `Graph`), branches (what
current they carry: `Ohmic`, or any other by Newton's method) and what drives the nodes (given voltages, or ports). A
crossbar whose wires have resistances is one more topology, of 2 R C nodes and a sparse `settle`: nothing else changes.
"""
