"""Two-terminal selectors in series with the cells of a simulated array; each a file and an entry point."""
