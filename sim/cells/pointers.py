"""Equations as addresses: how the integration, compiled once for all laws, calls those of any law.

Numba's own functions as values take 20 ns a call, more than most equations. Here a call goes straight to the compiled
function, by its address and in numba's calling convention (``int f(result *, exception **, arguments)``, an array as
its seven fields), which takes 5 ns. An equation that raises an exception gives NaN. Where numba is told not to compile
(``NUMBA_DISABLE_JIT=1``), the address of a function is the function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from hil.compiling import cgutils, config, intrinsic, types

ADDRESS = types.intp
"""Type of an address, for signatures of compiled functions."""

_FIELDS_OF_AN_ARRAY = 7


def address(equation: Any) -> Any:
    """Address of an equation that is compiled for one signature; it must be kept alive while that is used."""
    if config.DISABLE_JIT:
        return equation
    compiled = equation.get_compile_result(equation.nopython_signatures[0])
    return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


def _called(builder: Any, at: Any, v: Any, arrays: list[Any], result: Any) -> Any:
    """Call the function at an address with `v` and arrays; a pointer to its result, and whether it raised nothing."""
    given = [v]
    for array in arrays:
        fields = [builder.extract_value(array, k) for k in range(_FIELDS_OF_AN_ARRAY)]
        given += [*fields[:5], *(builder.extract_value(field, 0) for field in fields[5:])]
    raised = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.IntType(32), [result.as_pointer(), raised.as_pointer(), *(one.type for one in given)])
    there, why = cgutils.alloca_once(builder, result), cgutils.alloca_once(builder, raised)
    status = builder.call(builder.inttoptr(at, kind.as_pointer()), [there, why, *given])
    return there, builder.icmp_signed("==", status, ir.Constant(ir.IntType(32), 0))


def _rate_intrinsic(context: Any, at: Any, v: Any, x: Any, p: Any, out: Any) -> Any:
    """``call_rate(address, v, x, p, out)``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, fine = _called(builder, args[0], args[1], list(args[2:]), ir.IntType(8).as_pointer())
        with builder.if_then(builder.not_(fine), likely=False):
            first = builder.extract_value(args[4], 4)
            builder.store(ir.Constant(ir.DoubleType(), np.nan), first)
        return context.get_dummy_value()

    return types.void(at, v, x, p, out), codegen


def _current_intrinsic(context: Any, at: Any, v: Any, x: Any, p: Any) -> Any:
    """``call_current(address, v, x, p)``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        there, fine = _called(builder, args[0], args[1], list(args[2:]), ir.DoubleType())
        return builder.select(fine, builder.load(there), ir.Constant(ir.DoubleType(), np.nan))

    return types.float64(at, v, x, p), codegen


def _call(equation: Callable[..., Any], *given: Any) -> Any:
    """Call an equation that is not compiled."""
    return equation(*given)


call_rate: Any = _call if config.DISABLE_JIT else intrinsic(_rate_intrinsic)
"""``call_rate(address, v, x, p, out)`` in compiled functions: the rates of an equation."""

call_current: Any = _call if config.DISABLE_JIT else intrinsic(_current_intrinsic)
"""``call_current(address, v, x, p)``: the current of one."""
