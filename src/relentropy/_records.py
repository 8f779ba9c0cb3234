"""Records of public functions: claims from which tests, tables and docstrings are generated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from . import _doc_texts as texts
from ._docs import Texts, complete
from ._formulas.generators import NAMES

Function = TypeVar("Function", bound=Callable[..., Any])
Counterpart = TypeVar("Counterpart", bound=Callable[..., Any])
Kind = Literal["elementwise", "reduction", "map", "table", "estimate", "closed form", "head"]

BACKENDS = ("numpy", "torch", "jax", "strict", "dask", "cupy")


@dataclass(frozen=True)
class Exemption:
    """A measured exception to a record's bound, with its cause."""

    backend: str
    regime: str
    """Name of the hard cases it holds for, or a condition that tests distinguish."""
    dtypes: tuple[str, ...]
    ulp: float
    """Bound that holds instead; inf if none does."""
    cause: str


@dataclass(frozen=True)
class Record:
    """Claims of a public function."""

    name: str
    kind: Kind
    """A map returns a value for every entry that depends on its row (softmax); a table has
    arguments for the axes of its variables; an estimate is computed from samples, in float32
    for 16 bits."""
    oracle: str
    """Name of its definition in tests/oracle."""
    source: str
    """Source of the formula."""
    ulp: dict[str, float]
    """Largest error in units in the last place, by dtype."""
    tiled_ulp: float | None = None
    """Bound in float64 for a long row, which is merged from tiles."""
    conditioned: bool = False
    """If the bound is multiplied by the result's condition number, which the oracle computes
    for sums of terms of both signs, and which is 1 otherwise."""
    lazy: bool = True
    """If lazy and compiled arrays are never computed for a decision."""
    slope_ulp: dict[str, float] = field(default_factory=dict)
    """Largest error of a derivative's component, by dtype, always multiplied by the component's
    condition number; empty for a function without derivatives."""
    lost_below: float = 0.0
    """Smaller results may be lost, as their squares underflow in float64."""
    backends: tuple[str, ...] = BACKENDS
    exemptions: tuple[Exemption, ...] = field(default=())


RECORDS: dict[str, Record] = {}
"""Records of measures and elementwise functions, which the generated suite calls."""
ESTIMATES: dict[str, Record] = {}
"""Records of estimates from samples, which have tests of their own."""
CLOSED_FORMS: dict[str, Record] = {}
"""Records of closed forms in parametric families, which have tests of their own."""
HEADS: dict[str, Record] = {}
"""Records of measures of language-model heads, which have tests of their own."""

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
    without_float64: float = 4.0,
    aliases: tuple[str, ...] = (),
) -> Callable[[Function], Function]:
    """Declare the record of the function below it, and complete its docstring.

    ``without_float64`` is the bound in float32 if the device or the library has no float64.
    ``aliases`` are other names in the literature, beside those that `f_divergence` takes, which
    are in `NAMES` of generators.py.
    """

    def declare(function: Function) -> Function:
        narrow = 1.0 if kind == "elementwise" else 2.0
        without = (
            Exemption(backend, "without float64", ("float32",), without_float64, cause)
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
        _document(function, made, _texts_of(function, kind), _names(made.name, aliases))
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
        made = Record(
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
        ESTIMATES[made.name] = made
        _document(function, made, texts.ESTIMATE)
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
        made = Record(
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
        HEADS[made.name] = made
        _document(function, made, texts.HEAD)
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
    float32.
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
        _document(function, made, texts.CLOSED_FORM)
        return function

    return declare


def counterpart(
    function: Callable[..., Any], shared: Texts
) -> Callable[[Counterpart], Counterpart]:
    """Complete the docstring below it from the record of ``function``.

    The counterpart has the same measure, of rows that are sharded or arrive in parts.
    """
    tables = (RECORDS, ESTIMATES, HEADS)
    (made,) = (table[function.__name__] for table in tables if function.__name__ in table)
    module = function.__module__.split(".")[1]
    place = f"{module}." if module in ("special", "estimators", "heads") else ""
    name = f"relentropy.{place}{made.name}"

    def declare(target: Counterpart) -> Counterpart:
        is_state = isinstance(target, type)
        results = "Results" if is_state else "Values and gradients"
        complete(
            target, shared, bounds=f"{results} are within the bounds {_merged(made, name)}"
        )
        if is_state:
            complete(vars(target)["update"], texts.UPDATE)
        return target

    return declare


def _texts_of(function: Callable[..., Any], kind: Kind) -> Texts:
    """Return the texts that a recorded function's docstring shares."""
    names = function.__code__.co_varnames
    if kind == "table":
        return texts.TABLE_ENTROPY if names[1] == "axis" else texts.TABLE
    if kind == "elementwise":
        return texts.ELEMENTWISE
    if names[0] not in ("p", "distributions"):
        return texts.LOG_DOMAIN
    shared = texts.PAIR if names[1] == "q" else texts.SINGLE
    return shared._replace(limits=texts.MAP_LIMITS) if kind == "map" else shared


def _document(
    function: Callable[..., Any], made: Record, shared: Texts, aliases: str = ""
) -> None:
    bounds, slopes = _bounds(made), _slope_bounds(made)
    complete(function, shared, bounds=bounds, slopes=slopes, aliases=aliases)


def _names(function: str, aliases: tuple[str, ...]) -> str:
    """Return a function's other names, and those that `f_divergence` takes for it."""
    titles = {name: named.title for name, named in NAMES.items() if named.function == function}
    text = f"Also known as {' or '.join(aliases)}. " if aliases else ""
    if titles:
        names = (
            f'"{name}"' + (f" ({title})" if title else "") for name, title in titles.items()
        )
        text += f"Names in `f_divergence`: {', '.join(names)}."
    return text


def _ulps(ulp: dict[str, float], *, off: str = "", tiled: float | None = None) -> str:
    """Return bounds by dtype as a docstring states them."""
    text = f"{ulp['float64']:g} ulp {off}in float64"
    if tiled is not None:
        text += f" ({tiled:g} where a row of more than 16384 entries is merged from tiles)"
    if "float16" not in ulp:
        return f"{text} and {ulp['float32']:g} in float32 (the result of 16-bit operands too)"
    if ulp["float16"] == ulp["float32"]:
        return f"{text} and {ulp['float32']:g} in float32, float16 and bfloat16"
    return (
        f"{text}, {ulp['float32']:g} in float32 and {ulp['float16']:g} in float16 and bfloat16"
    )


def _bounds(made: Record) -> str:
    """Return a record's error bounds as a docstring states them."""
    if made.kind == "head":
        return (
            "Relative to the logits that the matrix products give, errors are at most "
            f"{made.ulp['float64']:g} ulp in float64 and {made.ulp['float32']:g} in float32, "
            f"and those of derivatives by these logits {made.slope_ulp['float64']:g} and "
            f"{made.slope_ulp['float32']:g} times the component's condition number."
        )
    times = ", times the result's condition number" if made.conditioned else ""
    return f"Errors are at most {_ulps(made.ulp, tiled=made.tiled_ulp)}{times}."


def _slope_bounds(made: Record) -> str:
    """Return the bounds of a record's derivatives as a docstring states them."""
    if made.kind == "head":
        return ""
    times = ", times the component's condition number"
    if made.kind == "closed form":
        times += " by p's parameters and by the differences to q's"
    elif made.kind == "elementwise" or made.name == "kl_estimate":
        times = ""
    return f"Derivatives (torch, jax) are at most {_ulps(made.slope_ulp, off='off ')}{times}."


def _merged(made: Record, name: str) -> str:
    """Return the bounds of rows that are merged from parts, after "the bounds"."""
    if made.kind == "head":
        return f"of `{name}`."
    ulp = made.ulp | {"float64": made.tiled_ulp or made.ulp["float64"]}
    times = ", times the result's condition number" if made.conditioned else ""
    return f"of `{name}` for merged rows: errors are at most {_ulps(ulp)}{times}."
