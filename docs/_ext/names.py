"""The public names, by module, and what the records and the measurements know of them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

DATA = Path(__file__).parents[1] / "reference" / "data"
MODULES = (
    "relentropy",
    "relentropy.special",
    "relentropy.families",
    "relentropy.estimators",
    "relentropy.objectives",
    "relentropy.heads",
    "relentropy.streaming",
    "relentropy.distributed.dask",
    "relentropy.distributed.torch",
    "relentropy.distributed.heads",
    "relentropy.interop.scipy_stats",
    "relentropy.interop.torch_functional",
    "relentropy.testing",
)
# In this order they are read about.
FIRST = (
    "relentropy.divergences",
    "relentropy.entropies",
    "relentropy.mixtures",
    "relentropy.f_divergences",
    "relentropy.orders",
    "relentropy.binary",
    "relentropy.information",
)
# What is made of a function that has a record, where the name does not say of which.
MADE_OF = {
    "relentropy.interop.scipy_stats.entropy": "relentropy.kl_divergence",
    "relentropy.interop.scipy_stats.jensenshannon": "relentropy.js_distance",
    "relentropy.interop.torch_functional.kl_div": "relentropy.special.kl_div",
    "relentropy.streaming.KLState": "relentropy.kl_divergence",
    "relentropy.streaming.EntropyState": "relentropy.entropy",
    "relentropy.streaming.CrossEntropyState": "relentropy.cross_entropy",
    "relentropy.streaming.LogSumExpState": "relentropy.special.logsumexp",
    "relentropy.objectives.distillation_loss": "relentropy.kl_divergence",
    "relentropy.objectives.grpo_loss": "relentropy.estimators.kl_estimate",
    "relentropy.objectives.rlhf_objective": "relentropy.estimators.kl_estimate",
}


class Name(NamedTuple):
    """A public name."""

    module: str
    name: str
    value: Any

    @property
    def full(self) -> str:
        """As one imports it."""
        return f"{self.module}.{self.name}"

    @property
    def record(self) -> Any:
        """What it claims; None for what computes nothing, or is made of what has a record."""
        return records().get(id(self.value))

    @property
    def relative(self) -> str | None:
        """The function with a record that it is made of."""
        if self.record is not None:
            return None
        homes = ("relentropy.heads",) if self.name.startswith("linear_") else MODULES[:4]
        alike = [f"{home}.{self.name}" for home in homes if f"{home}.{self.name}" in recorded()]
        if self.module.startswith(("relentropy.distributed", "relentropy.interop")):
            return MADE_OF.get(self.full) or next(iter(alike), None)
        return MADE_OF.get(self.full)

    @property
    def summary(self) -> str:
        """The first lines of its docstring."""
        return (inspect.getdoc(self.value) or "").partition("\n\n")[0].replace("\n", " ")

    @property
    def section(self) -> str:
        """What the module that defines it says it is about."""
        home = import_module(self.value.__module__)
        return (inspect.getdoc(home) or "").partition("\n")[0].rstrip(".")


def names_of(module: str) -> list[Name]:
    """The names of one module, in its order; modules among them have pages of their own."""
    home = import_module(module)
    found = [Name(module, name, getattr(home, name)) for name in home.__all__]
    return [name for name in found if not inspect.ismodule(name.value)]


def every_name() -> Iterator[Name]:
    """All of them."""
    for module in MODULES:
        yield from names_of(module)


@cache
def recorded() -> dict[str, Any]:
    """By full name, the records of functions that have one."""
    from relentropy._records import CLOSED_FORMS, ESTIMATES, HEADS, RECORDS

    homes = zip(
        ("", ".special", ".families", ".estimators", ".heads"),
        (RECORDS, RECORDS, CLOSED_FORMS, ESTIMATES, HEADS),
        strict=True,
    )
    found = {}
    for home, declared in homes:
        module = import_module(f"relentropy{home}")
        for name, record in declared.items():
            if name in module.__all__:
                found[f"{module.__name__}.{name}"] = record
    return found


@cache
def records() -> dict[int, Any]:
    """The same by the functions themselves, which may have several names."""
    return {id(_value(full)): record for full, record in recorded().items()}


def _value(full: str) -> Any:
    module, _, name = full.rpartition(".")
    return getattr(import_module(module), name)


@cache
def measured(function: str) -> dict[str, Any]:
    """What `python -m bench.accuracy` wrote of a function."""
    found: dict[str, Any] = json.loads((DATA / f"{function}.json").read_text(encoding="utf-8"))
    return found
