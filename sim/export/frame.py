"""One call of a Python function, followed statement by statement with formulas in the place of numbers."""

from __future__ import annotations

import ast
import builtins
import inspect
import operator
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hil.device import Unsupported
from sim.export.expression import Formula, apply

if TYPE_CHECKING:
    from sim.export.reading import Reader

LONGEST = 200
"""Rounds of one loop."""

_BINARY: Mapping[type, str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "power",
}  # fmt: skip

_NUMBERS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: np.divide, ast.Pow: operator.pow,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip

_COMPARISONS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip


class Undefined:
    """Value of a name that only one side of a branch has given one."""


class Results(list[Any]):
    """The array that a function writes its results to; None where it has not yet."""


class Returned:
    """That a function has ended, and with which value."""

    def __init__(self, value: Any) -> None:
        """Keep the value."""
        self.value = value


def python_function(function: Any) -> Any:
    """The Python function behind one that may be compiled; None where there is none."""
    plain = getattr(function, "py_func", function)
    return plain if inspect.isfunction(plain) else None


def _truth(value: Any) -> Any:
    """A value as a condition: a formula, or True or False."""
    if isinstance(value, Formula):
        if value.number is not None:
            return bool(value.number)
        return value if value.is_condition else apply("not", apply("equal", value, 0.0))
    return bool(value)


def _chosen(condition: Formula, a: Any, b: Any) -> Any:
    """What a branch leads to, from what its two sides lead to."""
    if a is b or (type(a) is type(b) and isinstance(a, int | float | str) and a == b):
        return a
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        return tuple(_chosen(condition, x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, Results) and isinstance(b, Results):
        return Results(_chosen(condition, x, y) for x, y in zip(a, b, strict=True))
    numbers = (int, float, np.generic, Formula)
    return apply("select", condition, a, b) if isinstance(a, numbers) and isinstance(b, numbers) else Undefined()


class Frame:
    """One call of a function: its names, and the walk through its statements."""

    def __init__(self, reader: Reader, plain: Any, names: dict[str, Any]) -> None:
        self.reader, self.plain, self.names, self.rounds, self.first = reader, plain, names, 0, 1
        self.name = f"{plain.__module__}.{plain.__name__}"
        scope = inspect.getclosurevars(plain)
        self.scope: dict[str, Any] = {**vars(builtins), **plain.__globals__, **scope.nonlocals}

    @classmethod
    def of(cls, reader: Reader, function: Any, arguments: Sequence[Any]) -> Frame:
        """Call `function`, compiled or not."""
        plain = python_function(function)
        if plain is None:
            raise Unsupported(f"{function!r} is no Python function whose equations could be read")
        return cls(reader, plain, dict(inspect.signature(plain).bind(*arguments).arguments))

    def run(self) -> Any:
        """Result of the function; None if it returns none."""
        try:
            lines, self.first = inspect.getsourcelines(self.plain)
        except OSError:
            raise Unsupported(f"{self.name} cannot be read: its source is not there") from None
        tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
        if not isinstance(tree, ast.FunctionDef):
            raise Unsupported(f"{self.name} is no function with a body of statements")
        ended = self.block(tree.body)
        return None if ended is None else ended.value

    def refuse(self, node: ast.AST, what: str) -> Any:
        """Say what cannot be followed, and where."""
        line = self.first + getattr(node, "lineno", 1) - 1
        raise Unsupported(f"{self.name}, line {line}: {what}: it cannot be written as a formula")

    def block(self, statements: Sequence[ast.stmt]) -> Returned | None:
        """Follow statements until one returns."""
        for k, statement in enumerate(statements):
            if isinstance(statement, ast.Return):
                return Returned(None if statement.value is None else self.at(statement.value))
            if isinstance(statement, ast.If):
                condition = _truth(self.at(statement.test))
                if not isinstance(condition, Formula):
                    ended = self.block(statement.body if condition else statement.orelse)
                    if ended is not None:
                        return ended
                elif _returns(statement):
                    rest = statements[k + 1 :]
                    return self.both(condition, [*statement.body, *rest], [*statement.orelse, *rest])
                else:
                    self.both(condition, statement.body, statement.orelse)
            elif isinstance(statement, ast.For):
                ended = self.loop(statement)
                if ended is not None:
                    return ended
            else:
                self.do(statement)
        return None

    def both(self, condition: Formula, yes: Sequence[ast.stmt], no: Sequence[ast.stmt]) -> Returned | None:
        """Follow both sides of a branch, and choose between what they leave."""
        before = _copied(self.names)
        first = self.block(yes)
        after_first, self.names = self.names, _copied(before)
        second = self.block(no)
        after_second = self.names
        none = Undefined()
        self.names = {
            name: _chosen(condition, after_first.get(name, none), after_second.get(name, none))
            for name in after_first | after_second
        }
        if first is None and second is None:
            return None
        values = [None if one is None else one.value for one in (first, second)]
        if (values[0] is None) != (values[1] is None) or (self.rounds and (first is None or second is None)):
            self.refuse([*yes, *no][0], "a branch that returns a value on one side alone")
        return Returned(None if values[0] is None else _chosen(condition, *values))

    def loop(self, statement: ast.For) -> Returned | None:
        """A loop over a range that is known."""
        over = self.at(statement.iter)
        if not isinstance(over, range | list | tuple) or statement.orelse:
            self.refuse(statement, "a loop over something other than a known range")
        if len(over) > LONGEST:
            self.refuse(
                statement, f"a loop of {len(over):,} rounds (an equation that it solves is named by solution_of)"
            )
        self.rounds += 1
        for entry in over:
            self.assign(statement.target, entry)
            ended = self.block(statement.body)
            if ended is not None:
                return ended
        self.rounds -= 1
        return None

    def do(self, statement: ast.stmt) -> None:
        """A statement that neither branches nor returns."""
        if isinstance(statement, ast.Assign):
            value = self.at(statement.value)
            for target in statement.targets:
                self.assign(target, value)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            self.assign(statement.target, self.at(statement.value))
        elif isinstance(statement, ast.AugAssign):
            left = self.at(_loading(statement.target))
            self.assign(statement.target, self.binary(statement.op, left, self.at(statement.value), statement))
        elif isinstance(statement, ast.While):
            self.refuse(statement, "a loop that goes on until something is reached (name its equation by solution_of)")
        elif not (isinstance(statement, ast.Pass) or _is_docstring(statement)):
            self.refuse(statement, f"a statement of the kind '{type(statement).__name__.lower()}'")

    def assign(self, target: ast.expr, value: Any) -> None:
        """Give a name, several of them, or an entry of the results a value."""
        if isinstance(target, ast.Name):
            self.names[target.id] = value
        elif isinstance(target, ast.Tuple) and isinstance(value, tuple | list) and len(value) == len(target.elts):
            for one, part in zip(target.elts, value, strict=True):
                self.assign(one, part)
        elif isinstance(target, ast.Subscript):
            array, index = self.at(_loading(target.value)), self.at(target.slice)
            if not isinstance(array, Results) or not isinstance(index, int):
                self.refuse(target, "an entry of an array that is not its result is given a value")
            array[index] = value
        else:
            self.refuse(target, "an assignment of this kind")

    def at(self, node: ast.expr) -> Any:
        """Value of an expression."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return self.named(node)
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            return self.refuse(node, f"an expression of the kind '{type(node).__name__.lower()}'")
        return method(node)

    def named(self, node: ast.Name) -> Any:
        """Value of a name, of the function or of its module."""
        value = self.names.get(node.id, self.scope.get(node.id, Undefined()))
        if isinstance(value, Undefined):
            self.refuse(node, f"'{node.id}' has no value on one side of a branch")
        return value

    def binary(self, op: ast.operator, left: Any, right: Any, node: ast.AST) -> Any:
        """Two values joined by an operator."""
        if isinstance(left, Formula) or isinstance(right, Formula):
            name = _BINARY.get(type(op))
            return self.refuse(node, "an operator other than + - * / **") if name is None else apply(name, left, right)
        if type(op) not in _NUMBERS:
            self.refuse(node, "an operator other than + - * / ** // %")
        with np.errstate(all="ignore"):
            return _NUMBERS[type(op)](left, right)

    def _binop(self, node: ast.BinOp) -> Any:
        return self.binary(node.op, self.at(node.left), self.at(node.right), node)

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        value = self.at(node.operand)
        if isinstance(node.op, ast.Not):
            truth = _truth(value)
            return apply("not", truth) if isinstance(truth, Formula) else not truth
        if isinstance(node.op, ast.USub | ast.UAdd):
            return -value if isinstance(node.op, ast.USub) else value
        return self.refuse(node, "an operator other than - + not")

    def _boolop(self, node: ast.BoolOp) -> Any:
        name, result = ("and", True) if isinstance(node.op, ast.And) else ("or", False)
        whole: Any = result
        for part in node.values:
            truth = _truth(self.at(part))
            if isinstance(truth, bool):
                if truth is not result:
                    return truth if isinstance(whole, bool) else apply(name, whole, truth)
                continue
            whole = truth if isinstance(whole, bool) else apply(name, whole, truth)
        return whole

    def _compare(self, node: ast.Compare) -> Any:
        values = [self.at(one) for one in (node.left, *node.comparators)]
        whole: Any = True
        for op, left, right in zip(node.ops, values, values[1:], strict=False):
            one = self._compared(op, left, right, node)
            whole = one if whole is True else apply("and", whole, one)
        return whole

    def _compared(self, op: ast.cmpop, left: Any, right: Any, node: ast.AST) -> Any:
        if isinstance(op, ast.Is | ast.IsNot):
            return (left is right) == isinstance(op, ast.Is)
        if type(op) not in _COMPARISONS:
            self.refuse(node, "a comparison other than < <= > >= == !=")
        if not isinstance(left, Formula) and not isinstance(right, Formula):
            return bool(_COMPARISONS[type(op)](left, right))
        if isinstance(op, ast.Gt | ast.GtE):
            left, right = right, left
        if isinstance(op, ast.Eq | ast.NotEq):
            same = apply("equal", left, right)
            return same if isinstance(op, ast.Eq) else apply("not", same)
        return apply("less" if isinstance(op, ast.Lt | ast.Gt) else "at most", left, right)

    def _ifexp(self, node: ast.IfExp) -> Any:
        condition = _truth(self.at(node.test))
        if not isinstance(condition, Formula):
            return self.at(node.body if condition else node.orelse)
        return _chosen(condition, self.at(node.body), self.at(node.orelse))

    def _tuple(self, node: ast.Tuple) -> Any:
        return tuple(self.at(one) for one in node.elts)

    def _slice(self, node: ast.Slice) -> Any:
        return slice(*(None if part is None else self.at(part) for part in (node.lower, node.upper, node.step)))

    def _subscript(self, node: ast.Subscript) -> Any:
        value, index = self.at(node.value), self.at(node.slice)
        if isinstance(index, Formula) or not isinstance(value, list | tuple):
            self.refuse(node, "an entry that is not known beforehand")
        if isinstance(index, float) and index == int(index):
            index = int(index)
        return value[index]

    def _attribute(self, node: ast.Attribute) -> Any:
        value = self.at(node.value)
        if node.attr == "size" and isinstance(value, list | tuple):
            return len(value)
        if isinstance(value, Formula | list | tuple):
            self.refuse(node, f"'.{node.attr}' of a value")
        return getattr(value, node.attr)

    def _call(self, node: ast.Call) -> Any:
        if node.keywords or any(isinstance(one, ast.Starred) for one in node.args):
            self.refuse(node, "a call with keywords or '*'")
        return self.reader.call(self.at(node.func), [self.at(one) for one in node.args], self, node)


def _copied(names: dict[str, Any]) -> dict[str, Any]:
    return {name: Results(value) if isinstance(value, Results) else value for name, value in names.items()}


def _returns(statement: ast.If) -> bool:
    return any(isinstance(inner, ast.Return) for inner in ast.walk(statement))


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _loading(node: ast.expr) -> Any:
    """A target as something to be read."""
    return ast.parse(ast.unparse(node), mode="eval").body
