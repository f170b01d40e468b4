"""Rewrites the C++ that CXXRTL generates, so that registers whose inputs have not changed are not evaluated again.

In most clock cycles most of a design stands still. Registers that depend on much the same are computed together, and
only if something that they depend on has changed since they were last; what they hold next is otherwise what they hold
now. Which registers have changed is found while they are copied, many at a time (`take` in the harness), as they lie in
one struct instead of one by one in CXXRTL's wires.

This is exact if one evaluation settles the design, all happens at one rising edge, and nothing resets it:

- A register is a function of other registers, of inputs and of memories that were not written to since. If none of them
  has changed, neither has the register.
- Of a memory with one write port, a write of the same word to the same place again may be left out. Ports of a memory
  with several are evaluated always.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

SCRIPT = "hierarchy -auto-top; flatten; proc; opt_expr; opt_merge; opt_clean; splitnets -driver"
"""Passes before write_cxxrtl. Wide words that several drive in parts are split, as parts are what changes."""

ALIKE = 0.6
"""Part of what two groups of registers depend on that must be common for them to be computed together."""

UNUSED = -1
"""Group of values that nothing needs."""

WORD = 64
"""Bits of a word of `woken`: one for every 32 bits of registers, for the inputs and for every memory."""

WIRE = re.compile(r"^\t(/\*output\*/ )?wire<(\d+)> (\w+);\n", re.M)
HEAD = "bool p_top::eval(performer *performer) {\n"
FOOT = "\treturn converged;\n}\n"
SIGNALS = ("p_", "i_", "memory_p_", "memory_i_")
"""How names of signals and memories begin."""

NAME = re.compile(r"[A-Za-z_]\w*")


class NotUnderstood(ValueError):
    """The code has something that this module does not know; it is then compiled as CXXRTL wrote it."""


@dataclass
class _Statement:
    """One assignment, or all that one block does at the clock edge.

    Attributes
    ----------
    written : set of str
        Registers and memories that it writes.
    targets : set of str
        Other values that it assigns.
    needs : set of str
        Local values and outputs that it reads.
    sources : set of int
        Bits of `woken` that it depends on, through those too.
    group : int or None
        Group that it is evaluated with; None if always.
    """

    text: str
    written: set[str]
    targets: set[str]
    needs: set[str]
    sources: set[int] = field(default_factory=set)
    group: int | None = None


class _Design:
    """A design in CXXRTL's C++: the declarations of its class, and the statements that evaluate it."""

    def __init__(self, code: str) -> None:
        self.head, begun, rest = code.partition(HEAD)
        body, ended, self.tail = rest.partition(FOOT)
        if not begun or not ended or HEAD in self.tail or "converged = false" in body:
            raise NotUnderstood("not one evaluation that settles the design")
        # Sorted by name, registers of one module lie together.
        found = sorted((name, int(bits), bool(output)) for output, bits, name in WIRE.findall(self.head))
        self.registers = {name: bits for name, bits, _ in found}
        self.seen = [name for name, _, output in found if output]
        self.memories = re.findall(r"^\tmemory<\d+> (\w+) \{", self.head, re.M)
        pins = re.findall(r"^\t/\*(input|output)\*/ value<(\d+)> (\w+);$", self.head, re.M)
        self.inputs = {name: int(bits) for kind, bits, name in pins if kind == "input"}
        self.outputs = {name for kind, _, name in pins if kind == "output"}
        if any(bits > 32 for bits in self.inputs.values()) or not {"p_clk", "p_rst"} <= self.inputs.keys():
            raise NotUnderstood("inputs")
        del self.inputs["p_clk"], self.inputs["p_rst"]
        self.locals: dict[str, int] = {}
        self.statements = [self._statement(text) for text in self._texts(body)]
        self._place()
        self._find_sources()

    def _texts(self, body: str) -> list[str]:
        """Take the declarations out of an evaluation, and give its statements."""
        texts, block = [], None
        for line in body.splitlines():
            if block is not None:
                block.append(line)
                if line == "\t}":
                    texts.append("\n".join(block))
                    block = None
            elif line == "\tif (posedge_p_clk) {":
                block = ["\t{"]
            elif declared := re.fullmatch(r"\tvalue<(\d+)> (\w+);", line):
                self.locals[declared[2]] = int(declared[1])
            elif re.fullmatch(r"\t[\w.<>,() ]+ = .*;", line) and not line.startswith(("\tbool ", "\tauto ")):
                texts.append(line)
            elif line.strip() and not re.match(r"\t(//|bool converged = true;|bool posedge_p_clk = )", line):
                raise NotUnderstood(line.strip())
        return texts

    def _statement(self, text: str) -> _Statement:
        names = set(NAME.findall(text))
        values = self.locals.keys() | self.outputs
        known = values | self.registers.keys() | self.inputs.keys() | set(self.memories) | {"p_rst"}
        if any(name.startswith(SIGNALS) for name in names - known):
            raise NotUnderstood(text)
        left = "" if text.startswith("\t{") else text.partition(" = ")[0]
        targets = set(NAME.findall(left)) & values
        written = set(re.findall(r"(\w+)\.next\b", text)) | set(re.findall(r"(\w+)\.update\(", text))
        if bool(written) == bool(targets):
            raise NotUnderstood(text)
        return _Statement(text, written, targets, (names & values) - targets)

    def _place(self) -> None:
        """Give every 32 bits of registers, the inputs and every memory a bit of `woken`."""
        self.slots: dict[str, range] = {}
        at = 0
        for name, bits in self.registers.items():
            self.slots[name] = range(at, at := at - -bits // 32)
        self.used, self.size = at, -(-at // WORD) * WORD
        self.bits = {name: self.size + 1 + k for k, name in enumerate(self.memories)}

    def _find_sources(self) -> None:
        found: dict[str, set[int]] = {}
        for statement in self.statements:
            text, sources = statement.text, statement.sources
            for name in re.findall(r"(\w+)\.curr\b", text):
                sources.update(self.slots[name])
            names = set(NAME.findall(text))
            if names & self.inputs.keys():
                sources.add(self.size)
            sources.update(self.bits[name] for name in names & self.bits.keys() - statement.written)
            for name in statement.needs:
                sources |= found.get(name, set())
            for name in statement.targets:
                found.setdefault(name, set()).update(sources)

    def group(self) -> int:
        """Give every statement its group; returns how many there are."""
        writers = [name for statement in self.statements for name in statement.written & self.bits.keys()]
        # Lanes of the same thing differ in a number only.
        alike: dict[str, tuple[list[_Statement], set[int]]] = {}
        for statement in self.statements:
            if statement.written and all(writers.count(name) <= 1 for name in statement.written):
                members, sources = alike.setdefault(re.sub(r"__\d+", "", min(statement.written)), ([], set()))
                members.append(statement)
                sources |= statement.sources
        groups: list[set[int]] = []
        for _, (members, sources) in sorted(alike.items()):
            near = (n for n, common in enumerate(groups) if len(common & sources) >= ALIKE * len(common | sources))
            number = next(near, len(groups))
            if number == len(groups):
                groups.append(set())
            groups[number] |= sources
            for statement in members:
                statement.group = number
        self._group_locals()
        return len(groups)

    def _group_locals(self) -> None:
        """Evaluate a local value with the only group that needs it."""
        users: dict[str, set[int | None]] = {}
        for statement in reversed(self.statements):
            if statement.targets and statement.targets <= self.locals.keys():
                groups = set().union(*(users.get(name, set()) for name in statement.targets))
                if not groups:
                    statement.group = UNUSED
                    continue
                statement.group = groups.pop() if len(groups) == 1 else None
            for name in statement.needs:
                users.setdefault(name, set()).add(statement.group)
        # Parts of one value may have come to different groups: then they, and what they need, are evaluated always.
        always: set[str] = set()
        before = -1
        while before != len(always):
            before = len(always)
            homes: dict[str, set[int | None]] = {}
            for statement in self.statements:
                for name in statement.targets:
                    homes.setdefault(name, set()).add(statement.group)
            always |= {name for name, groups in homes.items() if len(groups) > 1}
            for statement in self.statements:
                if statement.targets & always:
                    statement.group = None
                if statement.group is None:
                    always |= statement.needs


def rewrite(code: str) -> str:
    """Rewrite a design that one evaluation settles; the harness takes it as GATED.

    Parameters
    ----------
    code : str
        What ``write_cxxrtl -g0`` made of one module ``top`` with the clock ``clk`` and the reset ``rst``.

    Raises
    ------
    NotUnderstood
        If there is anything in it that this module does not know.
    """
    design = _Design(code)
    count = design.group()
    return _head(design) + HEAD + _registers_apart(_evaluation(design, count)) + "\treturn true;\n}\n" + design.tail


def _registers_apart(text: str) -> str:
    return re.sub(r"\b(\w+)\.(curr|next)\b", r"\2.\1", text)


def _evaluation(design: _Design, count: int) -> str:
    lines = ["\tconst value<1> p_rst{0u};"]
    for name in design.inputs:
        lines += [
            f"\twoken[{design.size // WORD}] |= {name}.data[0] != last_{name}.data[0];",
            f"\tlast_{name} = {name};",
        ]
    groups: list[list[_Statement]] = [[] for _ in range(count)]
    always = [statement for statement in design.statements if statement.group is None]
    for statement in design.statements:
        if statement.group not in (None, UNUSED):
            groups[statement.group].append(statement)
    lines += _declared(design, always) + [statement.text for statement in always]
    for members in groups:
        condition = _any_woken(set().union(*(statement.sources for statement in members)))
        lines += [f"\tif ({condition}) {{", *_declared(design, members)]
        lines += [*(statement.text for statement in members), "\t}"]
    return "\n".join([*lines, ""])


def _declared(design: _Design, statements: list[_Statement]) -> list[str]:
    names = set().union(*(statement.targets for statement in statements)) & design.locals.keys()
    return [f"\tvalue<{design.locals[name]}> {name};" for name in sorted(names)]


def _any_woken(sources: set[int]) -> str:
    words: dict[int, int] = {}
    for bit in sorted(sources):
        words[bit // WORD] = words.get(bit // WORD, 0) | 1 << bit % WORD
    # A register without sources is a constant, which costs nothing.
    return " | ".join(f"(woken[{word}] & {mask:#x}ull)" for word, mask in words.items()) or "true"


def _head(design: _Design) -> str:
    """Declarations, construction and commit."""
    words = (design.size + 1 + len(design.memories)) // WORD + 1
    fields = [f"\tvalue<{bits}> {name};" for name, bits in design.registers.items()]
    if design.size > design.used:
        fields.append(f"\tvalue<{32 * (design.size - design.used)}> padding;")
    struct = ["struct alignas(64) registers {", *fields, "};"]
    struct.append(f'static_assert(sizeof(registers) == {4 * design.size}, "a bit of woken for every 32 bits");')
    opening = "struct p_top : public module {\n"
    members = ["\tregisters curr, next;", f"\tuint64_t woken[{words}];"]
    members += [f"\tvalue<{bits}> last_{name};" for name, bits in design.inputs.items()]
    members += [f"\tvalue<{design.registers[name]}> &{name} = curr.{name};" for name in design.seen]
    head = WIRE.sub("", design.head)
    head = head.replace(opening, "\n".join([*struct, "", opening + "\n".join(members), ""]), 1)
    head = re.sub(r"^\t\tif \((\w+)\.commit\(observer\)\) changed = true;\n", "", head, flags=re.M)
    commits = [
        f"\t\twoken[{bit // WORD}] |= uint64_t({name}.commit(observer)) << {bit % WORD};"
        for name, bit in design.bits.items()
    ]
    step = "\n".join(["\t\ttake(curr, next, woken);", *commits, ""])
    head = head.replace("\t\tprev_p_clk = p_clk;\n", step, 1)
    head = re.sub(r"^\t(\w+) = wire<(\d+)>(\{.*\});$", r"\tcurr.\1 = next.\1 = value<\2>\3;", head, flags=re.M)
    constructed = "void p_top::reset() {\n"
    head = head.replace(
        constructed, f"{constructed}\tcurr = next = registers();\n\tmemset(woken, 255, sizeof woken);\n"
    )
    if head.count(step) != 1 or head.count(members[0]) != 1 or head.count("memset(woken") != 1 or "wire<" in head:
        raise NotUnderstood("declarations")
    return head
