"""What was measured of a function, as a file that the pages of the reference are made of."""

import json
import math
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from .. import machine
from .slopes import Slope
from .worst import Worst

OWN = "numpy"
"""The backend whose errors are kept by regime and by size of the true value."""
FORMULAS = "numpy-formulas"
PACKAGES = ("numpy", "torch", "jax", "array-api-strict", "dask")


def measured_on() -> dict[str, Any]:
    """The day, the machine and the versions."""
    facts = machine.described()
    versions = {name: machine.version(name).partition("+")[0] for name in PACKAGES}
    return {
        "date": date.today().isoformat(),
        "processor": facts["processor"],
        "engine": facts["engine"],
        "python": facts["python"],
        "versions": versions,
    }


def content(
    name: str, worsts: Sequence[Worst], slopes: Sequence[Slope], on: dict[str, Any]
) -> dict[str, Any]:
    """All that is written of one function."""
    own = [w for w in worsts if w.backend == OWN]
    sizes = {w.dtype: _sizes(w) for w in own}
    for w in worsts:
        if (w.backend, w.dtype) == (FORMULAS, "float64"):
            sizes["float64, formulas"] = _sizes(w)
    return {
        "function": name,
        "measured": on,
        "values": _by_backend(worsts, _value),
        "derivatives": _by_backend(slopes, _slope),
        "worst inputs": {
            w.dtype: {"ulp": figure(w.ulp), "backend": w.backend, "where": w.where,
                      "call": w.call}
            for w in _worst_of_each_dtype(worsts)
        },
        "regimes": {w.dtype: {k: figure(v) for k, v in w.regimes.items()} for w in own},
        "sizes": sizes,
        "kernels": {
            engine: sorted({kernel for w in own for kernel in w.kernels.get(engine, ())})
            for engine in ("compiled", "triton")
        },
    }  # fmt: skip


def figure(x: float) -> float | str:
    """Three digits; JSON has no infinity."""
    return round(x, 3) if math.isfinite(x) else str(x)


def _by_backend(found: Sequence[Any], told: Any) -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {}
    for one in found:
        tables.setdefault(one.backend, {})[one.dtype] = told(one)
    return tables


def _value(w: Worst) -> dict[str, Any]:
    found = {"ulp": figure(w.ulp), "bound": w.allowed, "points": w.points, "where": w.where}
    if w.above:
        found["above"] = w.above
    if w.exempt_points:
        found["exempt"] = {
            "points": w.exempt_points, "ulp": figure(w.exempt_ulp), "cause": w.cause,
        }  # fmt: skip
    return found


def _slope(s: Slope) -> dict[str, Any]:
    return {"ulp": figure(s.ulp), "bound": s.allowed, "components": s.components}


def _sizes(w: Worst) -> dict[str, Any]:
    return {str(decade): figure(ulp) for decade, ulp in sorted(w.sizes.items())}


def _worst_of_each_dtype(worsts: Sequence[Worst]) -> Iterator[Worst]:
    for dtype in dict.fromkeys(w.dtype for w in worsts):
        # The first of equals, in the order of the columns.
        yield max((w for w in worsts if w.dtype == dtype), key=lambda w: (w.fails, w.ulp))


def write(folder: Path, found: dict[str, Any]) -> list[str]:
    """Write one function's file; what rose since the last time, in words."""
    path = folder / f"{found['function']}.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    text = json.dumps(found, ensure_ascii=False, indent=1, allow_nan=False)
    path.write_text(_flat(text) + "\n", encoding="utf-8")
    return risen(before, found) if before else []


def risen(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Figures that are larger than they were, by more than another processor's last digits."""
    lines = []
    for quantity in ("values", "derivatives"):
        for backend, by_dtype in after[quantity].items():
            for dtype, now in by_dtype.items():
                then = before[quantity].get(backend, {}).get(dtype)
                if then and float(now["ulp"]) > float(then["ulp"]) + 0.05:
                    lines.append(
                        f"rose: {after['function']}, {quantity}, {backend}, {dtype}: "
                        f"{then['ulp']} to {now['ulp']}"
                    )
    return lines


def _flat(text: str) -> str:
    """Innermost lists and tables on one line each, so that a change is a line."""
    lines, held = [], []
    for line in text.splitlines():
        opens, closes = (
            line.rstrip().endswith(("{", "[")),
            line.strip().rstrip(",") in ("}", "]"),
        )
        if opens:
            lines += held
            held = [line]
        elif closes and held:
            inner = " ".join(part.strip() for part in held[1:])
            lines.append(f"{held[0]}{inner}{line.strip()}")
            held = []
        elif held:
            held.append(line)
        else:
            lines.append(line)
    return "\n".join(lines + held)
