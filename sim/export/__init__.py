"""Laws as sub-circuits of other programs: SPICE and Verilog-A, written from the equations that the simulation uses."""
