"""Fit measured pulse trains, decays and sweeps with the project's own device models.

`data` is what was done to a cell and what was seen, `models` which parameters explain it, `fitting` the fit itself with
intervals, `advice` what the data cannot tell, `comparison` which model wins; the file that devices load is a preset of
`hil.presets`. The curves come from the compiled kernels of `sim.cells.rram`, `sim.cells.flca` and `sim.cells.vteam`: a
fitted model is the device.
"""
