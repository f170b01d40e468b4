"""Controllers of write-verify: which pulses bring cells nearer to their targets; each its own file."""
