"""Verification of the gateware against its golden model, from formal proofs to placed designs."""
