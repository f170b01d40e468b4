"""Networks of memristive neurons with alpha-shaped synaptic currents and STDP (Zhou et al. 2022), on any device."""
