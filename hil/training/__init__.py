"""Training drivers, one a file: each trains whatever `hil.device.Device` it is given."""
