"""Arrays of simulated cells of any law: loops, threads, variability, measurement, snapshots."""
