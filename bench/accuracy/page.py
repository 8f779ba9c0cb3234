"""The page in Markdown, from what was measured; the same numbers give the same bytes."""

import textwrap
from collections.abc import Sequence
from importlib.metadata import version

from tests.suite.backends import BACKENDS, DTYPES

from relentropy._records import RECORDS
from relentropy.testing.report import figure
from relentropy.testing.report import markdown as table

from .slopes import Slope
from .worst import Worst

TITLES = {"jax-x32": "jax without x64", "strict": "array-api-strict"}
PACKAGES = ("numpy", "torch", "jax", "array-api-strict", "dask", "scipy")

PREFACE = """\
# The tables

Every public function runs over its table of hard cases (`tests/tables`): regimes in which the
textbook formula loses its digits, such as nearly equal distributions, opposing logits, masks,
subnormal weights and rows of 131072 entries, together with ordinary ones. A figure is the
largest error over the whole table, in ulp of the dtype.

* Where a result is ill-conditioned in its inputs (marked ×κ), the error is divided by the
  condition number.
* In `jax without x64` there is no float64 to compute in; the bound of its float32 column is
  the second one.
* A bound after *long* holds for float64 rows of more than 16384 entries that are merged from
  tiles.
* A dash is for a type that a library has not, or for jax's compilation of a function whose
  relative stands for it (`--all` makes them).
* **Bold** is above its bound, at as many points as the brackets say. Points that a
  record exempts are not in these tables but in the last ones.
"""

SLOPES_PREFACE = """\
The derivative by every operand, at a few points or short rows of every case: the largest error
of a component, in ulp of the dtype, divided by the component's condition number (see
{doc}`/guides/derivatives`). What jax compiles for narrower types than these is the same.
"""

EXEMPTIONS_PREFACE = """\
What the records take out of their bounds, measured all the same: the largest error, and the
number of points.
"""


def page(
    functions: Sequence[str],
    columns: Sequence[str],
    worsts: Sequence[Worst],
    slopes: Sequence[Slope],
) -> str:
    """The whole of docs/reference/accuracy.md."""
    found = {(w.function, w.dtype, w.backend): w for w in worsts}
    parts = [PREFACE, _versions()]
    for dtype in DTYPES:
        parts += [f"## {dtype}", _errors(functions, columns, dtype, found)]
    parts.append("## Worst inputs")
    for dtype in DTYPES:
        parts += [f"### {dtype}", _worst_inputs(functions, columns, dtype, found)]
    parts += ["## Derivatives", SLOPES_PREFACE, _slopes(functions, slopes)]
    parts += ["## Exemptions", EXEMPTIONS_PREFACE, *_exemptions(functions, columns, found)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _versions() -> str:
    named = ", ".join(f"{package} {_version(package)}" for package in PACKAGES)
    text = (
        f"Measured on a CPU with {named}. Another processor may take other paths through "
        "the logarithm and the exponential of these libraries and change the last digits."
    )
    return textwrap.fill(text, 95, break_on_hyphens=False)


def _version(package: str) -> str:
    return version(package).partition("+")[0]  # a CPU build and another are one version


def _errors(functions, columns, dtype, found) -> str:
    columns = [name for name in columns if dtype in BACKENDS[name].dtypes]
    rows = [
        [
            f"`{name}`",
            *(_error(found.get((name, dtype, column))) for column in columns),
            _bound(name, dtype, columns),
        ]
        for name in functions
    ]
    return table(["", *(TITLES.get(name, name) for name in columns), "bound"], rows)


def _error(worst: Worst | None) -> str:
    if worst is None:
        return "–"
    text = figure(worst.ulp)
    return f"**{text} ({worst.above})**" if worst.fails else text


def _bound(name: str, dtype: str, columns: Sequence[str]) -> str:
    record = RECORDS[name]
    text = f"{record.ulp[dtype]:g}"
    if dtype == "float64" and record.tiled_ulp is not None:
        text += f", long {record.tiled_ulp:g}"
    if dtype == "float32" and "jax-x32" in columns:
        (without,) = (
            e.ulp
            for e in record.exemptions
            if e.backend == "jax" and e.regime == "without float64"
        )
        text += f"; {without:g}"
    return f"{text} ×κ" if record.conditioned else text


def _worst_inputs(functions, columns, dtype, found) -> str:
    lines = []
    for name in functions:
        own = [found[key] for column in columns if (key := (name, dtype, column)) in found]
        if not own:
            continue
        # The first of equals, in the order of the columns.
        worst = max(own, key=lambda w: (w.fails, w.ulp))
        where = f"# {figure(worst.ulp)} ulp, {worst.backend}, {worst.where}"
        lines += [where, *worst.call.splitlines(), ""]
    return "```text\n" + "\n".join(lines).strip() + "\n```"


def _slopes(functions, slopes: Sequence[Slope]) -> str:
    found = {(one.function, one.backend, one.dtype): one for one in slopes}
    columns = list(dict.fromkeys((one.backend, one.dtype) for one in slopes))
    rows = []
    for name in functions:
        cells = [found.get((name, *column)) for column in columns]
        if any(cells):
            bounds = RECORDS[name].slope_ulp
            rows.append([f"`{name}`", *map(_slope, cells), _bounds(bounds)])
    heads = (f"{TITLES.get(backend, backend)}, {dtype}" for backend, dtype in columns)
    return table(["", *heads, "bounds"], rows)


def _slope(slope: Slope | None) -> str:
    if slope is None:
        return "–"
    return f"**{figure(slope.ulp)}**" if slope.fails else figure(slope.ulp)


def _bounds(bounds: dict[str, float]) -> str:
    return ", ".join(f"{bounds[dtype]:g}" for dtype in DTYPES)


def _exemptions(functions, columns, found) -> list[str]:
    parts = []
    for column in columns:
        own = [w for w in found.values() if w.backend == column and w.exempt_points]
        for cause in sorted({w.cause for w in own}):
            parts += [f"{TITLES.get(column, column)}: {cause}."]
            parts += [_exempted(functions, column, [w for w in own if w.cause == cause])]
    return parts or ["None."]


def _exempted(functions, column, own: Sequence[Worst]) -> str:
    cells = {(w.function, w.dtype): f"{figure(w.exempt_ulp)} ({w.exempt_points})" for w in own}
    dtypes = [dtype for dtype in DTYPES if dtype in BACKENDS[column].dtypes]
    rows = [
        [f"`{name}`", *(cells.get((name, dtype), "–") for dtype in dtypes)]
        for name in functions
        if any((name, dtype) in cells for dtype in dtypes)
    ]
    return table(["", *dtypes], rows)
