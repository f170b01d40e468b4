"""Formulas as text: what SPICE and Verilog-A have in common, which is most of C's grammar of expressions.

Roots, logarithms and powers of what must not be negative are written with a floor (`FLOOR`), so that neither they nor
their derivatives are undefined where an iteration of the simulator looks at a bound or beyond it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from hil.device import Unsupported
from sim.export.expression import Formula, formula, ordered

FLOOR = "1e-300"
"""Least argument of a root, a logarithm, or a power that is no whole number."""

_SELECT, _OR, _AND, _EQUAL, _ORDER, _SUM, _PRODUCT, _SIGN, _ATOM = range(9)

_INFIX: Mapping[str, tuple[str, int]] = {
    "or": (" || ", _OR), "and": (" && ", _AND), "equal": (" == ", _EQUAL), "less": (" < ", _ORDER),
    "at most": (" <= ", _ORDER), "+": (" + ", _SUM), "-": (" - ", _SUM), "*": ("*", _PRODUCT), "/": ("/", _PRODUCT),
}  # fmt: skip
"""Symbols, and how strongly they bind."""

_RIGHT_BINDS = ("-", "/", "less", "at most", "equal")
"""Whose right side needs parentheses where it binds as strongly."""

_SMALL = 1e-15
"""Numbers below which a reciprocal is multiplied by."""

_NEVER_NEGATIVE = frozenset({"abs", "exp", "sqrt", "cosh"})

LONGEST = 200_000
"""Characters of one formula beyond which it is refused."""


class Printer:
    """Writes formulas in one language.

    Parameters
    ----------
    name : callable
        Text of a name, from its kind (``voltage``, ``state``, ``unknown``, ``parameter``) and the name.
    functions : mapping
        What functions of one argument are called where it isn't as here.
    odd_powers : bool
        Whether the language's ``pow`` takes negative bases to odd whole powers.
    tiny_divisors : bool
        Whether it divides by numbers below 1e-30 as well. If not, products are divided by factor by factor.
    """

    def __init__(
        self, name: Callable[[str, str], str], functions: Mapping[str, str], *, odd_powers: bool, tiny_divisors: bool
    ) -> None:
        """Keep these."""
        self._name, self._functions = name, functions
        self._odd_powers, self._tiny_divisors = odd_powers, tiny_divisors
        self._own: dict[Formula, str] = {}

    def named(self, one: Formula, name: str) -> None:
        """From now on write a name in the place of a formula."""
        self._own[one] = name

    def text(self, root: Formula) -> str:
        """Write a formula.

        Raises
        ------
        Unsupported
            If it becomes too long.
        """
        known: dict[Formula, tuple[str, int]] = {}
        for one in ordered(root):
            text, binds = (self._own[one], _ATOM) if one in self._own else self._written(one, known)
            if len(text) > LONGEST:
                raise Unsupported(f"a formula of more than {LONGEST:,} characters comes out of its equations")
            known[one] = text, binds
        return known[root][0]

    def _written(self, one: Formula, known: dict[Formula, tuple[str, int]]) -> tuple[str, int]:
        function, parts = one.function, one.parts
        if function == "number":
            return _number(one.arguments[0])
        if not parts:
            return self._name(function, str(one.arguments[0])), _ATOM
        if function == "/" and not self._tiny_divisors:
            return _within(known[parts[0]], _PRODUCT) + "".join(self._divided(parts[1], known)), _PRODUCT
        if function in _INFIX:
            symbol, binds = _INFIX[function]
            left, right = (_within(known[part], binds) for part in parts)
            if function in _RIGHT_BINDS:
                right = _within(known[parts[1]], binds + 1)
            return f"{left}{symbol}{right}", binds
        texts = [known[part][0] for part in parts]
        if function == "select":
            inner = [_within(known[part], _SELECT + 1) for part in parts]
            return f"({inner[0]} ? {inner[1]} : {inner[2]})", _ATOM
        if function in ("negative", "not"):
            return f"{'-' if function == 'negative' else '!'}{_within(known[parts[0]], _SIGN + 1)}", _SIGN
        if function == "power":
            return self._power(parts[0], parts[1], known)
        if function == "expm1":
            return f"2*exp(0.5*({texts[0]}))*sinh(0.5*({texts[0]}))", _PRODUCT
        if function == "log1p":
            return f"{self._functions['ln']}(max(1 + {_within(known[parts[0]], _SUM)}, {FLOOR}))", _ATOM
        if function in ("ln", "log10", "sqrt") and parts[0].number is None:
            texts = [f"max({texts[0]}, {FLOOR})"]
        if function == "sign" and "sign" not in self._functions:
            return f"({texts[0]} > 0 ? 1 : ({texts[0]} < 0 ? -1 : 0))", _ATOM
        return f"{self._functions.get(function, function)}({', '.join(texts)})", _ATOM

    def _divided(self, divisor: Formula, known: dict[Formula, tuple[str, int]]) -> Iterator[str]:
        """What follows a dividend, for every factor of its divisor."""
        if divisor in self._own:
            yield f"/{self._own[divisor]}"
        elif divisor.function == "*":
            yield from self._divided(divisor.parts[0], known)
            yield from self._divided(divisor.parts[1], known)
        elif divisor.number is not None:
            yield (
                f"*{shown(1 / divisor.number)}"
                if abs(divisor.number) < _SMALL
                else f"/{_within(known[divisor], _ATOM)}"
            )
        elif divisor.function == "power" and divisor.parts[1].number is not None:
            yield f"*{_within(self._power(divisor.parts[0], formula(-divisor.parts[1].number), known), _PRODUCT)}"
        else:
            yield f"/{_within(known[divisor], _PRODUCT + 1)}"

    def _power(self, base: Formula, exponent: Formula, known: dict[Formula, tuple[str, int]]) -> tuple[str, int]:
        text, n = known[base][0], exponent.number
        whole = n is not None and n == int(n)
        if n in (2.0, 3.0) and (not base.parts or base in self._own):
            return "*".join([text] * int(n)), _PRODUCT
        if whole and (int(n or 0) % 2 == 0 or self._odd_powers or base.function in _NEVER_NEGATIVE):
            return f"pow({text}, {int(n or 0)})", _ATOM
        if whole:
            return f"{self._functions['sign']}({text})*pow(abs({text}), {int(n or 0)})", _PRODUCT
        if base.number is None:
            text = f"max({text}, {FLOOR})"
        return f"pow({text}, {known[exponent][0]})", _ATOM


def _within(part: tuple[str, int], binds: int) -> str:
    """A part where something binds so strongly, in parentheses if it needs them."""
    return part[0] if part[1] >= binds else f"({part[0]})"


def _number(value: float) -> tuple[str, int]:
    if not np.isfinite(value):
        raise Unsupported(f"{value} stands in its equations, which no other program takes")
    text = f"{value:.17g}"
    short = next(s for d in range(1, 18) if float(s := f"{value:.{d}g}") == value) if value else "0"
    text = short if len(short) <= len(text) else text
    return text, _SIGN if value < 0 else _ATOM


def shown(value: float) -> str:
    """A number in the fewest digits that give it back."""
    return _number(value)[0]
