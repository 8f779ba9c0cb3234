"""One record per public function: what it claims, from which tests and tables are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from ._docs import add_names, complete, complete_closed_form

Function = TypeVar("Function", bound=Callable[..., Any])
Kind = Literal["elementwise", "reduction", "map", "table", "estimate", "closed form", "head"]

BACKENDS = ("numpy", "torch", "jax", "strict", "dask", "cupy")


@dataclass(frozen=True)
class Exemption:
    """A measured exception to a record's bound, with its cause."""

    backend: str
    regime: str
    """The hard cases it holds for, by name, or a description that tests know."""
    dtypes: tuple[str, ...]
    ulp: float
    """The bound that holds instead; inf where none does."""
    cause: str


@dataclass(frozen=True)
class Record:
    """What a public function claims."""

    name: str
    kind: Kind
    """A map gives every entry a value that depends on its row (softmax); what is said of a
    table names the axes of its variables; an estimate is of samples, float32 for 16 bits."""
    oracle: str
    """The definition in tests/oracle that it must agree with."""
    source: str
    """Where the formula is from."""
    ulp: dict[str, float]
    """The largest error in units in the last place, by dtype."""
    tiled_ulp: float | None = None
    """The float64 bound where a long row is merged from tiles."""
    conditioned: bool = False
    """Whether the bound is multiplied by the result's condition number, which the oracle gives
    where terms of both signs are summed, and which is 1 elsewhere."""
    lazy: bool = True
    """Whether lazy and compiled arrays are never computed to decide anything."""
    slope_ulp: dict[str, float] = field(default_factory=dict)
    """The largest error of a derivative's component, by dtype, which is always multiplied by
    the component's condition number; empty for a function that has none."""
    lost_below: float = 0.0
    """Results that are smaller may be lost, as their squares leave float64's range."""
    backends: tuple[str, ...] = BACKENDS
    exemptions: tuple[Exemption, ...] = field(default=())


RECORDS: dict[str, Record] = {}
"""Of measures and elementwise functions, which the generated suite calls."""
ESTIMATES: dict[str, Record] = {}
"""Of what is computed of samples, which has tests of its own."""
CLOSED_FORMS: dict[str, Record] = {}
"""Of relative entropies within parametric families, which have tests of their own."""
HEADS: dict[str, Record] = {}
"""Of measures of logits that are made on the way, which have tests of their own."""

_JAX_FLUSHES = Exemption(
    backend="jax",
    regime="subnormal",
    dtypes=("float16", "bfloat16", "float32", "float64"),
    ulp=float("inf"),
    cause="XLA on CPU flushes subnormal inputs, intermediate and final results to zero",
)
_WITHOUT_FLOAT64 = {
    "jax": "x64 is off: float32 is worked in float32, with error-free transforms",
    "strict": "the device has no float64: worked in float32, with error-free transforms",
    "torch": "the device has no float64: worked in float32, with error-free transforms",
}
_NARROW = {"float16": 1.0, "bfloat16": 1.0}
_SLOPES = {
    "elementwise": _NARROW | {"float32": 1.0, "float64": 3.0},
    "reduction": _NARROW | {"float32": 2.0, "float64": 6.0},
    "table": _NARROW | {"float32": 2.0, "float64": 6.0},
    "map": _NARROW | {"float32": 1.0, "float64": 6.0},
}


def record(
    kind: Kind,
    source: str,
    *,
    float64: float,
    tiled: float | None = None,
    conditioned: bool = False,
    exemptions: tuple[Exemption, ...] = (),
    lost_below: float = 0.0,
    shared: bool = False,
    aliases: tuple[str, ...] = (),
) -> Callable[[Function], Function]:
    """Declare the record of the function below it.

    ``shared`` is for members of a family: their docstrings leave out what they have in common,
    and so are their bounds where there is no float64 to work in. ``aliases`` are what else the
    literature calls it; names that `f_divergence` takes are in `NAMES` of generators.py.
    """

    def declare(function: Function) -> Function:
        narrow = 1.0 if kind == "elementwise" else 2.0
        without = (
            Exemption(backend, "without float64", ("float32",), 6.0 if shared else 4.0, cause)
            for backend, cause in _WITHOUT_FLOAT64.items()
        )
        made = Record(
            name=function.__name__,
            kind=kind,
            oracle=function.__name__,
            source=source,
            ulp={"float16": 1.0, "bfloat16": 1.0, "float32": narrow, "float64": float64},
            tiled_ulp=tiled,
            conditioned=conditioned,
            slope_ulp=_SLOPES[kind],
            lost_below=lost_below,
            exemptions=(_JAX_FLUSHES, *without, *exemptions),
        )
        RECORDS[made.name] = made
        if shared:
            complete(function, _bounds(made), _slope_bounds(made))
        add_names(function, aliases)
        return function

    return declare


def estimate(
    source: str,
    *,
    float64: float,
    float32: float,
    slopes: tuple[float, float],
    tiled: float | None = None,
    conditioned: bool = False,
) -> Callable[[Function], Function]:
    """Declare the record of the function below it, whose results have at least 32 bits.

    ``slopes`` are its derivatives' bounds in float64 and in float32.
    """

    def declare(function: Function) -> Function:
        ESTIMATES[function.__name__] = Record(
            name=function.__name__,
            kind="estimate",
            oracle=function.__name__,
            source=source,
            ulp={"float32": float32, "float64": float64},
            tiled_ulp=tiled,
            conditioned=conditioned,
            slope_ulp=dict(zip(("float64", "float32"), slopes, strict=True)),
            exemptions=(_JAX_FLUSHES,),
        )
        return function

    return declare


def head(
    source: str,
    *,
    float64: float,
    float32: float,
    slopes: tuple[float, float] = (6.0, 2.0),
) -> Callable[[Function], Function]:
    """Declare the record of the function below it, whose results have at least 32 bits.

    Its bounds, and those of its derivatives, are of the logits as matrix products give them.
    """

    def declare(function: Function) -> Function:
        HEADS[function.__name__] = Record(
            name=function.__name__,
            kind="head",
            oracle=function.__name__.removeprefix("linear_"),
            source=source,
            ulp={"float32": float32, "float64": float64},
            slope_ulp=dict(zip(("float64", "float32"), slopes, strict=True)),
            exemptions=(_JAX_FLUSHES,),
            lazy=False,
            backends=("numpy", "torch", "jax", "cupy"),
        )
        return function

    return declare


def closed_form(
    source: str,
    *,
    float64: float = 16.0,
    float32: float = 1.0,
    slopes: tuple[float, float] = (6.0, 1.0),
    conditioned: bool = False,
) -> Callable[[Function], Function]:
    """Declare the record of the function below it, of parameters of one family.

    Results have at least 32 bits. ``slopes`` are the derivatives' bounds in float64 and in
    float32; what all closed forms have in common is added to the docstring.
    """

    def declare(function: Function) -> Function:
        made = Record(
            name=function.__name__,
            kind="closed form",
            oracle=function.__name__,
            source=source,
            ulp={"float32": float32, "float64": float64},
            conditioned=conditioned,
            slope_ulp=dict(zip(("float64", "float32"), slopes, strict=True)),
            exemptions=(_JAX_FLUSHES,),
        )
        CLOSED_FORMS[made.name] = made
        complete_closed_form(function, made.ulp, made.slope_ulp)
        return function

    return declare


def _bounds(made: Record) -> str:
    """A record's error bounds as a docstring says them."""
    tiles = ""
    if made.tiled_ulp is not None:
        tiled = f"{made.tiled_ulp:g} where a row of more than 16384 entries"
        tiles = f"\n({tiled} is merged from tiles)"
    times = ",\ntimes the result's condition number" if made.conditioned else ""
    return (
        f"Errors are at most {made.ulp['float64']:g} ulp in float64{tiles}, "
        f"{made.ulp['float32']:g} in float32 and {made.ulp['float16']:g} in float16 and "
        f"bfloat16{times}."
    )


def _slope_bounds(made: Record) -> str:
    """The same of its derivatives."""
    ulp = made.slope_ulp
    return (
        f"Derivatives (torch, jax) are at most {ulp['float64']:g} ulp off in float64, "
        f"{ulp['float32']:g} in float32 and\n{ulp['float16']:g} in float16 and bfloat16, "
        "times the component's condition number. An operand that\nneeds none costs none. "
        "Second derivatives are those of the same formulas, without a bound of\ntheir own."
    )
