"""Reads exported cells back: an evaluator of SPICE's and Verilog-A's expressions, with ngspice's own arithmetic.

Independent of what wrote them: a parser by the languages' grammar (that of C), and ngspice's rules for ``pow`` (of the
magnitude) and for division (1e-32 is added to divisors below that).
"""

import math
import re

TOKEN = re.compile(
    r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|(\|\||&&|==|<=|>=|[-+*/<>!?:(),]))"
)


def _spice_divide(a, b):
    return a / (b + 1e-32 if 0 <= b < 1e-32 else b)


def _sign(x):
    return 1.0 if x > 0 else -1.0 if x < 0 else 0.0


SPICE = {"pow": lambda x, y: abs(x) ** y, "sgn": _sign, "ln": math.log, "divide": _spice_divide}
VERILOG = {"pow": math.pow, "ln": math.log, "divide": lambda a, b: a / b, "ddt": lambda x: 0.0}
COMMON = {
    "exp": math.exp, "sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh, "sqrt": math.sqrt, "abs": abs,
    "asin": math.asin, "min": min, "max": max, "atan": math.atan,
}  # fmt: skip


BINDS = {"||": 1, "&&": 2, "==": 3, "<": 4, "<=": 4, ">": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "/": 6}


class Expression:
    """One expression; parsed and evaluated in one go, choices lazily."""

    def __init__(self, text, language, names, voltage):
        self.tokens = [next(group for group in match if group) for match in TOKEN.findall(text)]
        assert "".join(self.tokens) == re.sub(r"\s+", "", text), text
        self.at, self.functions, self.names, self.voltage = 0, {**COMMON, **language}, names, voltage

    def value(self):
        found = self.choice()
        assert self.at == len(self.tokens), self.tokens[self.at :]
        return found()

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted=None):
        token = self.peek()
        assert wanted is None or token == wanted, (token, wanted, self.tokens[self.at - 3 : self.at + 3])
        self.at += 1
        return token

    def choice(self):
        condition = self.binary(1)
        if self.peek() != "?":
            return condition
        self.take("?")
        yes = self.choice()
        self.take(":")
        no = self.choice()
        return lambda: yes() if condition() else no()

    def binary(self, least):
        left = self.unary()
        while BINDS.get(self.peek(), 0) >= least:
            op = self.take()
            left = self.joined(op, left, self.binary(BINDS[op] + 1))
        return left

    def joined(self, op, a, b):
        return {
            "||": lambda: bool(a()) or bool(b()), "&&": lambda: bool(a()) and bool(b()), "==": lambda: a() == b(),
            "<": lambda: a() < b(), "<=": lambda: a() <= b(), ">": lambda: a() > b(), ">=": lambda: a() >= b(),
            "+": lambda: a() + b(), "-": lambda: a() - b(), "*": lambda: a() * b(),
            "/": lambda: self.functions["divide"](a(), b()),
        }[op]  # fmt: skip

    def unary(self):
        if self.peek() in ("-", "!"):
            op, inner = self.take(), self.unary()
            return (lambda: -inner()) if op == "-" else (lambda: not inner())
        return self.atom()

    def atom(self):
        token = self.take()
        if token == "(":
            inner = self.choice()
            self.take(")")
            return inner
        if token[0].isdigit() or token[0] == ".":
            number = float(token)
            return lambda: number
        if self.peek() != "(":
            value = self.names[token]
            return lambda: value
        self.take("(")
        if token == "V":
            nodes = [self.take()]
            while self.peek() == ",":
                self.take(",")
                nodes.append(self.take())
            self.take(")")
            return lambda: self.voltage(*nodes)
        arguments = [self.choice()]
        while self.peek() == ",":
            self.take(",")
            arguments.append(self.choice())
        self.take(")")
        function = self.functions[token]
        return lambda: function(*(one() for one in arguments))


class Subcircuit:
    """A sub-circuit of behavioural sources, its capacitors' voltages being given."""

    def __init__(self, text):
        whole = re.sub(r"\n\+ ", " ", text)
        self.lines = [line for line in whole.splitlines() if line and not line.startswith("*")]
        self.parameters = {
            name: float(value) for name, value in re.findall(r"(\w+)=(\S+)", self.lines[0])
        }  # fmt: skip
        self.sources = {}
        for line in self.lines[1:]:
            if found := re.fullmatch(r"B\w+ (\w+) (\w+) ([VI]) = (.*)", line):
                plus, minus, kind, expression = found.groups()
                node = plus if kind == "V" or plus != "0" else minus
                self.sources[kind, node] = expression

    def initial(self, node):
        """IC of a capacitor."""
        text = next(line for line in self.lines if line.startswith(f"C{node} "))
        return self.evaluated(re.search(r"IC=\{(.*)\}", text)[1], 0.0, {})

    def evaluated(self, expression, v, kept):
        known = {}

        def voltage(*nodes):
            if nodes == ("plus", "minus"):
                return v
            (node,) = nodes
            if node in kept:
                return kept[node]
            if node not in known:
                known[node] = Expression(self.sources["V", node], SPICE, self.parameters, voltage).value()
            return known[node]

        return Expression(expression, SPICE, self.parameters, voltage).value()

    def voltage(self, node, v, kept):
        return self.evaluated(f"V({node})", v, kept)

    def current(self, node, v, kept):
        return self.evaluated(self.sources["I", node], v, kept)


class Module:
    """A Verilog-A module whose nodes' voltages are given; derivatives by time are 0."""

    def __init__(self, text):
        code = "\n".join(line for line in text.splitlines() if not line.startswith("//"))
        head, body = code.split("analog begin")
        self.parameters = {
            name: float(value) for name, value in re.findall(r"parameter real (\w+) = ([^ ;]+)", head)
        }  # fmt: skip
        self.statements = [" ".join(one.split()) for one in body.split("  end\n")[0].split(";") if one.strip()]

    def run(self, v, kept, static=False):
        """Variables, and contributions by node (``plus`` for the cell)."""
        names, currents = dict(self.parameters), {}

        def voltage(*nodes):
            return v if nodes == ("plus", "minus") else kept[nodes[0]]

        def value(text):
            return Expression(text, VERILOG, names, voltage).value()

        chosen = False
        for statement in self.statements:
            if found := re.fullmatch(r"I\((\w+)(?:, minus)?\) <\+ (.*)", statement):
                currents[found[1]] = currents.get(found[1], 0.0) + value(found[2])
                continue
            condition, assignment = True, statement
            if statement.startswith("if (analysis"):
                condition, assignment = static, statement.partition(")) ")[2]
            elif found := re.fullmatch(r"(else )?if \((\w+ [<>] 0\.0)\) (.*)", statement):
                condition, assignment = value(found[2]) and not (found[1] and chosen), found[3]
                chosen = condition
            if condition:
                name, _, expression = assignment.partition(" = ")
                names[name] = value(expression)
        return names, currents
