"""The virtual bench: instruments that behave like their manuals, on real sockets, with a simulated device behind."""
