"""Tables of what is installed and of how accurate it is."""

from collections.abc import Sequence
from importlib import util
from typing import Any

from rich.box import ROUNDED
from rich.console import Console
from rich.table import Table

from relentropy.cli.accuracy import worst
from relentropy.cli.backends import DTYPES, Backend, facts, gaps, tools
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
    console = Console(highlight=False)
    _show_facts(console)
    table = Table(box=ROUNDED)
    for name in ("arrays of", "version", "devices", "precisions", "derivatives"):
        table.add_column(name)
    for one in found:
        version = one.version or "not installed"
        table.add_row(
            one.name, version, "\n".join(one.devices), _shortened(one.precisions),
            one.derivatives, style=None if one.precisions else "dim",
        )  # fmt: skip
    for tool in tools():
        table.add_row(tool.name, tool.version or "not installed", "", "", "")
    console.print(table)
    missing = list(gaps(found))
    if missing:
        rest = Table("missing", "what would do", box=ROUNDED)
        for what, remedy in missing:
            rest.add_row(what, remedy.replace("[", r"\["))
        console.print(rest)


def _show_facts(console: Console) -> None:
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
    console = Console(highlight=False)
    _show_facts(console)
    for backend in dict.fromkeys(one.backend for one in reports):
        of_one = [one for one in reports if one.backend == backend]
        columns = [
            (quantity, dtype)
            for quantity, dtype in _SHORT
            if any(worst(one, quantity, dtype) is not None for one in of_one)
        ]
        table = Table(box=ROUNDED, title=f"{backend}: worst errors, ulp", title_justify="left")
        table.add_column("")
        for quantity, dtype in columns:
            table.add_column(_SHORT[quantity, dtype], justify="right")
        for one in of_one:
            cells = (_cell(worst(one, quantity, dtype)) for quantity, dtype in columns)
            table.add_row(one.function, *cells, style="bold red" if one.findings else None)
        console.print(table)
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
