"""The golden model: what the gateware computes, bit for bit, in plain Python and numpy."""
