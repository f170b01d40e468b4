"""The least virtual instrument that a link can be tested on; run as a script, it is served until it is killed."""

import re
import sys

from instruments.virtual.instrument import VirtualInstrument
from instruments.virtual.server import Server


class EchoInstrument(VirtualInstrument):
    """Answers ``:ECHO? word`` with the word; SCPI and TSP enough to get back in step."""

    identity = "MEMHIL,ECHO,0,1"

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.enable = 0
        self.cleared = 0

    @property
    def output(self) -> bool:
        return False

    def handle(self, message: str) -> str | bytes | None:
        self.messages.append(message)
        if tsp := re.fullmatch(r'print\("(.*)"\)', message):
            return tsp[1]
        if message.startswith(":BLOCK? "):
            data = bytes.fromhex(message.removeprefix(":BLOCK? "))
            return b"#%d%d%b" % (len(str(len(data))), len(data), data)
        answers = [answer for part in message.split(";") if (answer := self._unit(part)) is not None]
        return ";".join(answers) or None

    def clear(self) -> None:
        self.cleared += 1

    def _unit(self, unit: str) -> str | None:
        header, _, argument = unit.partition(" ")
        if header == "*IDN?":
            return self.identity
        if header == "*OPC?":
            return "1"
        if header == "*ESE":
            self.enable = int(argument)
        elif header == "*ESE?":
            return str(self.enable)
        elif header == ":ECHO?":
            return argument
        elif header == ":FAIL":
            raise RuntimeError("a mistake in the model")
        return None


if __name__ == "__main__":
    server = Server(EchoInstrument(), sys.argv[1])
    server.serve_forever(lambda: print(server.resource, flush=True))
