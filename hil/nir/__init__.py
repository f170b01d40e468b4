"""NIR, the neuromorphic intermediate representation: networks in and out (extra `nir`)."""
