"""Paired inputs (PILL) on simulated weights: compiled, on torch, and the VALVeD circuit as their front end."""
