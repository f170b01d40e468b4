"""Laws of single memristive cells, one a file: how voltages move the state, and how the state conducts."""
