// What stands between a design and its board, as the design sees it: pins, a PLL that is stable after a while and gives the
// clock that comes in, a single-port RAM. How a PLL makes its clock and what a pin is electrically is not in here.

module pll_model(input source, output clock, output reg lock);
  reg [7:0] age = 0;
  initial lock = 0;
  assign clock = source;
  always @(posedge source) if (&age) lock <= 1; else age <= age + 1;
endmodule

module EHXPLLL #(
    parameter CLKFB_DIV = 0, CLKI_DIV = 0, CLKOP_CPHASE = 0, CLKOP_DIV = 0, CLKOP_FPHASE = 0,
    parameter CLKOP_ENABLE = "", FEEDBK_PATH = ""
) (
    input CLKI, CLKFB, RST, STDBY, PHASESEL0, PHASESEL1, PHASEDIR, PHASESTEP, PHASELOADREG, PLLWAKESYNC, ENCLKOP,
    output CLKOP, LOCK
);
  pll_model model(.source(CLKI), .clock(CLKOP), .lock(LOCK));
endmodule

module SB_PLL40_CORE #(parameter DIVF = 0, DIVQ = 0, DIVR = 0, FILTER_RANGE = 0, FEEDBACK_PATH = "") (
    input REFERENCECLK, BYPASS, RESETB, output PLLOUTGLOBAL, LOCK
);
  pll_model model(.source(REFERENCECLK), .clock(PLLOUTGLOBAL), .lock(LOCK));
endmodule

module SB_PLL40_PAD #(parameter DIVF = 0, DIVQ = 0, DIVR = 0, FILTER_RANGE = 0, FEEDBACK_PATH = "") (
    input PACKAGEPIN, BYPASS, RESETB, output PLLOUTGLOBAL, LOCK
);
  pll_model model(.source(PACKAGEPIN), .clock(PLLOUTGLOBAL), .lock(LOCK));
endmodule

module IB(input I, output O);
  assign O = I;
endmodule

module OBZ(input I, T, output O);
  assign O = I | T;
endmodule

module SB_IO_IN #(parameter IO_STANDARD = "", PIN_TYPE = 0, PULLUP = 0) (input PACKAGE_PIN, output D_IN_0);
  assign D_IN_0 = PACKAGE_PIN;
endmodule

module SB_IO_OUT #(parameter IO_STANDARD = "", PIN_TYPE = 0, PULLUP = 0) (
    input D_OUT_0, OUTPUT_ENABLE, output PACKAGE_PIN
);
  assign PACKAGE_PIN = D_OUT_0 | ~OUTPUT_ENABLE;
endmodule

module SB_GB_IO #(parameter IO_STANDARD = "", PIN_TYPE = 0, PULLUP = 0) (
    input PACKAGE_PIN, output GLOBAL_BUFFER_OUTPUT, D_IN_0
);
  assign GLOBAL_BUFFER_OUTPUT = PACKAGE_PIN;
  assign D_IN_0 = PACKAGE_PIN;
endmodule

module SB_SPRAM256KA(
    input [13:0] ADDRESS, input [15:0] DATAIN, input [3:0] MASKWREN, input WREN, CHIPSELECT, CLOCK, STANDBY, SLEEP, POWEROFF,
    output reg [15:0] DATAOUT
);
  reg [15:0] kept[0:16383];
  integer k;
  always @(posedge CLOCK) if (CHIPSELECT && POWEROFF && !STANDBY && !SLEEP) begin
    if (WREN) for (k = 0; k < 4; k = k + 1) if (MASKWREN[k]) kept[ADDRESS][4*k+:4] <= DATAIN[4*k+:4];
    if (!WREN) DATAOUT <= kept[ADDRESS];
  end
endmodule
