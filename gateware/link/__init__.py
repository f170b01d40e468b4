"""The link between host and emulator: UART, COBS, frames; `wire` has the same frames in plain Python."""
