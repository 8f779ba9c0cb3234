"""Numbers in plain dictionaries.

As hexadecimal strings: they are exact, and JSON has no infinity and no nan.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from .._arrays.dtypes import name_of
from .._arrays.library import as_like, on_host
from .._arrays.parts import Part
from .._arrays.words import names_of, words_of

Array = Any

FORMAT, VERSION = "relentropy.streaming", 1


def kind_of(data: Any) -> str:
    """The kind of state that a dictionary is of."""
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError(f"data is no dictionary of format {FORMAT!r}")
    version = member(data, "version", int)
    if version != VERSION:
        raise ValueError(f"data is of version {version}, and this release reads {VERSION}")
    return str(member(data, "kind", str))


def member(data: Any, name: str, kind: type) -> Any:
    """A member of a dictionary, of a type: what others have written may be damaged."""
    one = data.get(name) if isinstance(data, dict) else None
    if type(one) is not kind:
        raise ValueError(f"data must have {name!r}, of type {kind.__name__}, not {one!r:.100}")
    return one


def number(text: Any, name: str) -> float:
    """A number as `written` has it."""
    try:
        return float.fromhex(text)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} has {text!r:.100} where a hexadecimal number is") from None


def sizes(data: Any, name: str) -> tuple[int, ...]:
    """A shape."""
    found = member(data, name, list)
    if not all(type(one) is int and one >= 0 for one in found):
        raise ValueError(f"{name} must be sizes, not {found!r:.100}")
    return tuple(found)


def written(number: Any) -> Any:
    """One number of Python; what is none stays."""
    return number.hex() if isinstance(number, float) else number


def part_to_dict(part: Part) -> dict[str, Any]:
    """A part's arrays by name."""
    rows = (on_host(one)[0] for one in words_of(part.state))
    arrays = dict(zip(names_of(part.state), rows, strict=True))
    working = next(one.dtype for one in arrays.values() if one.dtype != bool)
    return {
        "working": name_of(working),
        "exact": part.exact,
        "selected": on_host(part.chosen)[0].tolist(),
        "state": {name: [written(x) for x in one.tolist()] for name, one in arrays.items()},
    }


def part_from_dict(data: Any, form: Part, batch: tuple[int, ...], like: Any) -> Part:
    """The part that was written, of the form of another."""
    working = member(data, "working", str)
    if working not in {"float32", "float64"}:
        raise ValueError(f"working must be 'float32' or 'float64', not {working!r}")
    names, numbers = list(names_of(form.state)), member(data, "state", dict)
    if set(names) != set(numbers):
        raise ValueError(f"a state of {names} is wanted, not of {list(numbers)}")

    def array(numbers: Any, name: str, *, flags: bool) -> Array:
        given = member(numbers, name, list)
        if len(given) != math.prod(batch):
            raise ValueError(f"{name} must have {math.prod(batch)} entries, not {len(given)}")
        if flags and not all(type(one) is bool for one in given):
            raise ValueError(f"{name} must be true or false, not {given!r:.100}")
        made = given if flags else [number(one, name) for one in given]
        row = np.asarray(made, dtype=bool if flags else working)[None]
        return row if like is None else as_like(row, like)

    flags = [on_host(one).dtype.kind == "b" for one in words_of(form.state)]
    found = [array(numbers, name, flags=flag) for name, flag in zip(names, flags, strict=True)]
    made = form.with_numbers((*found, array(data, "selected", flags=True)), batch)
    return replace(made, exact=member(data, "exact", bool))
