// Plays script.hex on the emulator and holds every byte of its answers to the golden model's. Prints PASS or FAIL.
//
// A word of the script is {what, byte}: 0 a byte for the emulator, 1 a byte that it must answer, 2 the end.
// +vcd=FILE writes waves. Runs in Icarus Verilog, Verilator and vendors' simulators.
`timescale 1ns / 1ps
module testbench;
  localparam WORDS = `WORDS;
  localparam PATIENCE = 2000000;

  reg clk = 0, rst = 1;
  reg [7:0] rx_data = 0;
  reg rx_valid = 0, tx_ready = 0;
  wire rx_ready, tx_valid;
  wire [7:0] tx_data;
  reg [11:0] script [0:WORDS-1];
  integer place = 0, waited = 0, reset = 0, checked = 0;
  reg [1023:0] waves;

  memhil dut (
      .aclk(clk), .aresetn(~rst),
      .s_axis_tdata(rx_data), .s_axis_tvalid(rx_valid), .s_axis_tready(rx_ready),
      .m_axis_tdata(tx_data), .m_axis_tvalid(tx_valid), .m_axis_tready(tx_ready)
  );

  always #`HALF_PERIOD clk = ~clk;

  initial begin
    $readmemh("script.hex", script);
    if ($value$plusargs("vcd=%s", waves)) begin
      $dumpfile(waves);
      $dumpvars(0, testbench);
    end
  end

  // Inputs change at the falling edge, so that no simulator can see a race at the rising one.
  always @(negedge clk) begin
    waited <= waited + 1;
    if (reset < 8) begin
      reset <= reset + 1;
      rst <= reset < 7;
    end else if (script[place][11:8] == 4'd0) begin
      rx_data <= script[place][7:0];
      rx_valid <= 1;
      tx_ready <= 0;
    end else begin
      rx_valid <= 0;
      tx_ready <= script[place][11:8] == 4'd1;
    end
    if (waited > PATIENCE) begin
      $display("FAIL: nothing happens any more at word %0d of the script", place);
      $finish;
    end
  end

  always @(posedge clk) if (reset == 8) begin
    if (rx_valid && rx_ready) begin
      place <= place + 1;
      waited <= 0;
    end
    if (tx_valid && tx_ready) begin
      if (tx_data !== script[place][7:0]) begin
        $display("FAIL: word %0d of the script: %02x instead of %02x", place, tx_data, script[place][7:0]);
        $finish;
      end
      place <= place + 1;
      checked <= checked + 1;
      waited <= 0;
    end
    if (script[place][11:8] == 4'd2) begin
      if (tx_valid) begin
        $display("FAIL: an answer that the golden model does not give");
        $finish;
      end else if (waited > 1000) begin
        $display("PASS: %0d bytes answered as the golden model does", checked);
        $finish;
      end
    end
  end
endmodule
