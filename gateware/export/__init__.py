"""Export of an emulator for other tools: Verilog, constraints, golden vectors, a testbench, waves."""
