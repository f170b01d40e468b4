"""The FPGA emulator: crossbar, memristor dynamics and LIF neurons in Amaranth, its golden model, its boards.

The emulator is a back end of the contract in `hil.device`: registered in the entry-point group
`hil.devices` as ``fpga`` and opened as ``fpga:...``. It may import `sim`, whose device models fill its tables.
"""
