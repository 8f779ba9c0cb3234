"""Tables of what is installed and of how accurate it is."""

from collections.abc import Sequence
from importlib import util
from typing import Any

from rich.box import ROUNDED
from rich.table import Table

from relentropy.cli.accuracy import worst
from relentropy.cli.backends import DTYPES, Backend, facts, gaps, tools
from relentropy.cli.grids import Grid
from relentropy.cli.terminal import Terminal
from relentropy.testing import Report

_SHORT = {
    ("value", "float16"): "f16",
    ("value", "bfloat16"): "bf16",
    ("value", "float32"): "f32",
    ("value", "float64"): "f64",
    ("gradient", "float32"): "gradient\nf32",
    ("gradient", "float64"): "gradient\nf64",
}


def show_backends(found: list[Backend]) -> None:
    """Print what can be used, and what is missing to use more."""
    console = Terminal()
    _show_facts(console)
    others = ["version", "devices", "precisions", "derivatives"]
    grid = Grid("arrays of", others, words=True)
    for one in found:
        version = one.version or "not installed"
        grid.add(
            one.name, version, "\n".join(one.devices), _shortened(one.precisions),
            one.derivatives, style=None if one.precisions else "dim",
        )  # fmt: skip
    for tool in tools():
        grid.add(tool.name, tool.version or "not installed", "", "", "")
    grid.show(console)
    missing = list(gaps(found))
    if missing:
        rest = Table(box=ROUNDED)
        for header in ("missing", "what would do"):
            rest.add_column(header, overflow="fold")
        for what, remedy in missing:
            rest.add_row(what, remedy)
        console.print(rest)


def _show_facts(console: Terminal) -> None:
    known = facts()
    engine = known.pop("engine")
    console.print("   ".join(f"{name} {what}" for name, what in known.items()))
    console.print(f"engine {engine}", markup=False)


def _shortened(precisions: list[str]) -> str:
    return " ".join(_SHORT["value", name] for name in precisions)


def default_backends() -> list[str]:
    """The libraries that are there and do not take minutes."""
    return [name for name in ("numpy", "torch", "cupy") if util.find_spec(name)]


def accuracy_as_dict(reports: Sequence[Report]) -> dict[str, Any]:
    """Facts, and the worst errors of every function."""
    rows = [
        {
            "function": one.function,
            "backend": one.backend,
            "errors_in_ulp": {
                quantity: {
                    dtype: worst(one, quantity, dtype)
                    for dtype in DTYPES
                    if worst(one, quantity, dtype) is not None
                }
                for quantity in one.tables
            },
            "findings": [finding.name for finding in one.findings],
        }
        for one in reports
    ]
    return {**facts(), "functions": rows}


def show_accuracy(reports: Sequence[Report]) -> None:
    """Print a table for each library, and what was found below them."""
    console = Terminal()
    _show_facts(console)
    for backend in dict.fromkeys(one.backend for one in reports):
        of_one = [one for one in reports if one.backend == backend]
        columns = [
            (quantity, dtype)
            for quantity, dtype in _SHORT
            if any(worst(one, quantity, dtype) is not None for one in of_one)
        ]
        headers = [_SHORT[one] for one in columns]
        grid = Grid("", headers, title=f"{backend}: worst errors, ulp")
        for one in of_one:
            cells = (_cell(worst(one, quantity, dtype)) for quantity, dtype in columns)
            grid.add(one.function, *cells, style="bold red" if one.findings else None)
        grid.show(console)
    for one in reports:
        for finding in one.findings:
            console.print(f"{one.backend} {one.function}: {finding.name}: {finding.detail}")
    count = sum(len(one.findings) for one in reports)
    console.print(
        f"{count} findings" if count else "nothing is less accurate than it should be"
    )


def _cell(value: float | str | None) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else f"{value:.2f}"
