"""Tables of what records claim and of what was measured, as reStructuredText."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from textwrap import indent
from typing import Any

from names import every_name, measured

DTYPES = ("float16", "bfloat16", "float32", "float64")
COLUMNS = {
    "numpy": "numpy",
    "numpy-formulas": "numpy, formulas",
    "torch": "torch",
    "torch-formulas": "torch, formulas",
    "jax": "jax",
    "jax-x32": "jax without x64",
    "strict": "array-api-strict",
    "dask": "dask",
}


def table(heads: Sequence[str] | None, rows: Iterable[Sequence[str]], *, words: int = 1) -> str:
    """A table, whose columns after the first ``words`` are of figures."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([*([heads] if heads else []), *rows])
    body = indent(file.getvalue(), "   ")
    head = "   :header-rows: 1\n" if heads else ""
    return f".. csv-table::\n{head}   :class: figures words-{words}\n\n{body}"


def figure(x: float | str | None) -> str:
    """Two decimals, and powers of ten where they would be many digits."""
    if x is None:
        return "–"
    number = float(x)
    return f"{number:.2f}" if number < 1e4 else f"{number:.0e}"


def cell(found: dict[str, Any] | None) -> str:
    """A figure, in bold with the number of points where it is above its bound."""
    if found is None:
        return "–"
    text = figure(found["ulp"])
    if float(found["ulp"]) <= found["bound"]:
        return text
    return f"**{text}**" + (f" ({found['above']})" if "above" in found else "")


def bound(record: Any, dtype: str) -> str:
    """What the record claims of a dtype."""
    narrow = record.ulp.get(dtype, record.ulp["float32"])
    text = f"{narrow:g}"
    if dtype == "float64" and record.tiled_ulp is not None:
        text += f" ({record.tiled_ulp:g} in tiles)"
    return text + " ×κ" * record.conditioned


def without_float64(record: Any, found: dict[str, Any]) -> str:
    """The bound where float32 is worked in float32."""
    return f"{found['bound']:g}" + " ×κ" * record.conditioned


def of_values(record: Any) -> str:
    """Errors of one function, by backend and dtype."""
    found = measured(record.name)["values"]
    rows = []
    for backend, title in COLUMNS.items():
        own = found.get(backend)
        if own:
            rows.append([title, *(cell(own.get(dtype)) for dtype in DTYPES)])
    rows.append(["*bound*", *(bound(record, dtype) for dtype in DTYPES)])
    if "jax-x32" in found:
        least = next(iter(reversed(found["jax-x32"].values())))
        own = without_float64(record, least)
        rows.append(["*bound without float64*", "", "", own, ""])
    return table(["", *DTYPES], rows)


def of_derivatives(record: Any) -> str:
    """Errors of its derivatives."""
    found = measured(record.name)["derivatives"]
    dtypes = [dtype for dtype in DTYPES if any(dtype in own for own in found.values())]
    rows = [
        [title, *(cell(found[backend].get(dtype)) for dtype in dtypes)]
        for backend, title in COLUMNS.items()
        if backend in found
    ]
    claimed = (record.slope_ulp.get(dtype) for dtype in dtypes)
    rows.append(["*bound*", *("–" if one is None else f"{one:g}" for one in claimed)])
    if "jax-x32" in found:
        own = found["jax-x32"]["float32"]["bound"]
        line = [f"{own:g}" if dtype == "float32" else "" for dtype in dtypes]
        rows.append(["*bound without float64*", *line])
    return table(["", *dtypes], rows)


def of_worst_inputs(record: Any) -> str:
    """Where they were, and what reproduces them."""
    lines = []
    for dtype, worst in measured(record.name)["worst inputs"].items():
        backend = COLUMNS[worst["backend"]]
        lines.append(f"# {dtype}: {figure(worst['ulp'])} ulp, {backend}, {worst['where']}")
        lines += [*worst["call"].splitlines(), ""]
    return ".. code-block:: text\n\n" + indent("\n".join(lines).rstrip(), "   ")


def of_regimes(record: Any) -> str:
    """The worst of each regime, on numpy."""
    found = measured(record.name)["regimes"]
    regimes = list(dict.fromkeys(regime for own in reversed(found.values()) for regime in own))
    return table(
        ["regime", *(dtype for dtype in DTYPES if dtype in found)],
        [
            [regime, *(figure(found[dtype].get(regime)) for dtype in DTYPES if dtype in found)]
            for regime in sorted(regimes, key=_kind_and_size)
        ],
    )


def _kind_and_size(regime: str) -> tuple[str, float, str]:
    """Gaps from wide to narrow, after what has no number."""
    head, _, last = regime.rpartition(" ")
    try:
        return head, -float(last), ""
    except ValueError:
        return regime, 0.0, regime


def exemptions(record: Any) -> Iterator[str]:
    """What the record takes out of its bounds, and what it comes to."""
    found: dict[str, list[str]] = {}
    for backend, own in measured(record.name)["values"].items():
        for dtype, one in own.items():
            if exempt := one.get("exempt"):
                line = f"{dtype} {figure(exempt['ulp'])} ({exempt['points']})"
                key = f"{COLUMNS[backend]}: {exempt['cause']}"
                found.setdefault(key, []).append(line)
    for cause, lines in found.items():
        yield f"* {cause}. Worst of these points, and how many: {', '.join(lines)}."


# --- all functions at once ------------------------------------------------------------------


def overview() -> str:
    """The tables of all functions."""
    functions = {name.record.name: name for name in every_name() if name.record is not None}
    parts = []
    for dtype in DTYPES:
        columns = [c for c in COLUMNS if any(_has(name, c, dtype) for name in functions)]
        rows = [
            [
                f":func:`~{name.full}`",
                *(cell(measured(own)["values"].get(c, {}).get(dtype)) for c in columns),
                bound(name.record, dtype),
            ]
            for own, name in functions.items()
        ]
        parts += [_title(dtype), table(["", *(COLUMNS[c] for c in columns), "bound"], rows)]
    return "\n\n".join([*parts, _title("Derivatives"), _all_derivatives(functions)]) + "\n"


def _has(function: str, column: str, dtype: str) -> bool:
    return dtype in measured(function)["values"].get(column, {})


def _all_derivatives(functions: dict[str, Any]) -> str:
    columns = [
        (column, dtype)
        for column in COLUMNS
        for dtype in DTYPES
        if any(dtype in measured(own)["derivatives"].get(column, {}) for own in functions)
    ]
    rows = []
    for own, name in functions.items():
        found = measured(own)["derivatives"]
        cells = [cell(found.get(column, {}).get(dtype)) for column, dtype in columns]
        claimed = name.record.slope_ulp
        bounds = ", ".join(f"{claimed[dtype]:g}" for dtype in DTYPES if dtype in claimed)
        rows.append([f":func:`~{name.full}`", *cells, bounds])
    return table(["", *(f"{COLUMNS[c]}, {dtype}" for c, dtype in columns), "bounds"], rows)


def _title(text: str) -> str:
    return f"{text}\n{'-' * len(text)}"
