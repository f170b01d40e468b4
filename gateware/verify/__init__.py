"""What makes sure that the gateware does what the golden model says, from formal proofs to placed designs."""
