"""A folder that another tool can build or simulate: one Verilog module with AXI-Stream ports and what belongs to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateware import toolchain
from gateware.geometry import Geometry
from gateware.verify.processes import run
from gateware.verify.sessions import lines, short_session
from gateware.verify.simulation import GoldenEnd

COMMANDS, SEED = 60, 1
"""Random commands of the golden vectors, and what they are drawn from."""

LIMIT = 1800.0
"""Seconds that yosys may take."""

SEND, EXPECT, END = 0, 1, 2
"""What a word of the script is: a byte for the emulator, a byte of its answer, the end."""

WRAPPER = """\
// memhil emulator, {rows} x {cols} cells, {lanes} lanes: two AXI-Stream ports of 8 bits, one clock, reset low.
// s_axis takes the host's frames, m_axis gives the replies; frames are COBS, so there is no tlast.
module memhil (
    input  wire       aclk,
    input  wire       aresetn,
    input  wire [7:0] s_axis_tdata,
    input  wire       s_axis_tvalid,
    output wire       s_axis_tready,
    output wire [7:0] m_axis_tdata,
    output wire       m_axis_tvalid,
    input  wire       m_axis_tready
);
  memhil_emulator emulator (
      .clk(aclk), .rst(~aresetn),
      .rx__payload(s_axis_tdata), .rx__valid(s_axis_tvalid), .rx__ready(s_axis_tready),
      .tx__payload(m_axis_tdata), .tx__valid(m_axis_tvalid), .tx__ready(m_axis_tready)
  );
endmodule
"""

XDC = "create_clock -name aclk -period {period:.3f} [get_ports aclk]\n"
SDC = "create_clock -name aclk -period {period:.3f} [get_ports aclk]\nderive_clock_uncertainty\n"


def write_verilog(folder: Path, geometry: Geometry, build: int) -> None:
    """Write the emulator as Verilog, its wrapper with AXI-Stream names, and constraints of its clock."""
    from amaranth.back import rtlil

    from gateware.emulator import Emulator

    text = rtlil.convert(Emulator(geometry, build), name="memhil_emulator", emit_src=False)
    source = folder / "memhil_emulator.il"
    source.write_text(text, encoding="utf-8")
    read, target = f"read_rtlil {source.name}; proc -nomux -norom; memory_collect", "memhil_emulator.v"
    commands = f"{read}; write_verilog -norename -noattr {target}"
    toolchain.say("yosys: Verilog of the design ...")
    done = run([toolchain.find("yosys"), "-q", "-p", commands], folder, LIMIT)
    source.unlink()
    if done.code:
        raise toolchain.ToolError(f"yosys failed: {toolchain.first_error(done.output)}")
    g, period = geometry, 1e9 / geometry.clock
    (folder / "memhil.v").write_text(WRAPPER.format(rows=g.rows, cols=g.cols, lanes=g.lanes), encoding="utf-8")
    (folder / "memhil.xdc").write_text(XDC.format(period=period), encoding="utf-8")
    (folder / "memhil.sdc").write_text(SDC.format(period=period), encoding="utf-8")


def script(geometry: Geometry, build: int) -> list[int]:
    """Bytes for the emulator and bytes of its answers by the golden model, in the order of a testbench: see `SEND`."""
    golden = GoldenEnd(geometry)
    golden.core.set_register("build", build)
    words: list[int] = []
    for piece in lines(short_session(geometry, SEED, COMMANDS), SEED):
        words += [SEND << 8 | byte for byte in piece]
        words += [EXPECT << 8 | byte for byte in golden.link.feed(piece)]
    return [*words, END << 8]


def write_testbench(folder: Path, geometry: Geometry, build: int) -> None:
    """Write the script of bytes and the testbench that plays it."""
    words = script(geometry, build)
    (folder / "script.hex").write_text("".join(f"{word:03x}\n" for word in words), encoding="ascii")
    text = Path(__file__).with_name("testbench.v").read_text(encoding="utf-8")
    half = f"{5e8 / geometry.clock:.3f}"
    text = text.replace("`WORDS", str(len(words))).replace("`HALF_PERIOD", half)
    (folder / "testbench.v").write_text(text, encoding="utf-8")


def write_waves(folder: Path, geometry: Geometry, build: int) -> None:
    """Play the script in Amaranth's own simulator, and write its waves to ``memhil.vcd``."""
    from amaranth.sim import Simulator

    from gateware.emulator import Emulator

    design, words = Emulator(geometry, build), script(geometry, build)
    simulator = Simulator(design)
    simulator.add_clock(1 / geometry.clock)

    async def play(ctx: Any) -> None:
        for word in words:
            if word >> 8 == SEND:
                ctx.set(design.rx.payload, word & 0xFF)
                ctx.set(design.rx.valid, 1)
                await ctx.tick().until(design.rx.ready)
                ctx.set(design.rx.valid, 0)
            elif word >> 8 == EXPECT:
                ctx.set(design.tx.ready, 1)
                (got,) = await ctx.tick().sample(design.tx.payload).until(design.tx.valid)
                ctx.set(design.tx.ready, 0)
                if got != word & 0xFF:
                    raise toolchain.ToolError(
                        f"the simulated emulator answers {got:02x}, the golden model {word & 0xFF:02x}"
                    )

    simulator.add_testbench(play)
    toolchain.say("Amaranth's simulator: waves, some minutes for a large crossbar ...")
    with simulator.write_vcd(str(folder / "memhil.vcd")):
        simulator.run()


def write_readme(folder: Path, name: str, geometry: Geometry, build: int) -> None:
    """Write what is in the folder and how to use it."""
    g = geometry
    text = (
        Path(__file__)
        .with_name("readme.md")
        .read_text(encoding="utf-8")
        .format(
            name=name,
            rows=g.rows,
            cols=g.cols,
            lanes=g.lanes,
            state_bits=g.state_bits,
            clock=g.clock / 1e6,
            build=build,
        )
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
