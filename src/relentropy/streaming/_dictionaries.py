"""Numbers in plain dictionaries.

As hexadecimal strings: they are exact, and JSON has no infinity and no nan.
"""

from __future__ import annotations

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
    if data["version"] != VERSION:
        raise ValueError(
            f"data is of version {data['version']}, and this release reads {VERSION}"
        )
    return str(data["kind"])


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


def part_from_dict(data: dict[str, Any], form: Part, batch: tuple[int, ...], like: Any) -> Part:
    """The part that was written, of the form of another."""

    def array(numbers: list[Any], dtype: Any) -> Array:
        made = [float.fromhex(x) if isinstance(x, str) else x for x in numbers]
        row = np.asarray(made, dtype=dtype)[None]
        return row if like is None else as_like(row, like)

    names = list(names_of(form.state))
    if set(names) != set(data["state"]):
        raise ValueError(f"a state of {names} is wanted, not of {list(data['state'])}")
    flags = [on_host(one).dtype.kind == "b" for one in words_of(form.state)]
    found = [
        array(data["state"][name], bool if flag else data["working"])
        for name, flag in zip(names, flags, strict=True)
    ]
    made = form.with_numbers((*found, array(data["selected"], bool)), batch)
    return replace(made, exact=data["exact"])
