"""The compliance that a file says beside its table: in the header, in a comment, on another sheet."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hil.importing.numbers import number
from hil.importing.raw import Fact
from hil.importing.units import WrittenUnit, unit

_WORDS = re.compile(
    r"compliance|\bcompl\b|\bicc\b|i_?cc\b|\bi_?comp|\bi_?limit|limit \(a\)|current limit|strombegrenzung|strombegr|"
    r"stromgrenze|limite de courant|limitation en courant|limite de corriente|限流|限制电流",
    re.IGNORECASE,
)
_OTHER = re.compile(r"volt|power|leistung|\(v\)|\[v\]|\bw\b|enable|mode|type", re.IGNORECASE)


def compliance(facts: Sequence[Fact]) -> tuple[float | None, str]:
    """Largest current limit that the file says, A, and where; (None, "") where it says none."""
    found: list[tuple[float, Fact]] = []
    for fact in facts:
        if not _WORDS.search(fact.name) or _OTHER.search(fact.name):
            continue
        named = re.search(r"[(\[]\s*([^)\]]+)\s*[)\]]", fact.name)
        for word in re.split(r"[,;\s]\s+|;", fact.value) or []:
            value = _ampere(word, fact.value, unit(named[1], ("A",)) if named else None)
            if value is not None and 0 < value < 100:
                found.append((value, fact))
    if not found:
        return None, ""
    value, fact = max(found, key=lambda each: each[0])
    return value, f"line {fact.line}, {' '.join(fact.name.split())[-60:]}"


def _ampere(word: str, whole: str, named: WrittenUnit | None) -> float | None:
    match = re.match(r"\s*([-+]?\d[\d.,]*(?:[eE][-+]?\d+)?)\s*([^\d\s,;]*)", word)
    if match is None:
        return None
    value = number(match[1].rstrip(",."))
    if value is None or value != value:
        return None
    tail = match[2]
    if not tail and (after := re.match(re.escape(word) + r"\s+(\S+)", whole)):
        tail = after[1]
    own = unit(tail, ("A",)) if tail else None
    if tail and own is None and unit(tail) is not None:
        return None
    return abs(value) * (own.factor if own else named.factor if named else 1.0)
