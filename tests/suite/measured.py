"""Run a record over its table of hard cases and measure the errors.

Cases of the same options are run in few calls: short rows are padded to one length with
entries that contribute nothing, because a compiling backend pays for every new shape. The
libraries that do not compile also get every case as it is.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace

import relentropy
from relentropy._records import Record
from relentropy.testing import ulp_error

from ..tables.families import PARAMETERS as FAMILIES
from ..tables.joint import shapes
from ..tables.load import Case, load
from .backends import Backend

SHORT = 10
QUICK_ON_JAX = {("jax", "float64")}
FIRST_ON_JAX = {"js_divergence", "binary_entropy"}
SEARCHED = {"chernoff_information"}


def each_record(
    backends: list[Any],
    *,
    records: Iterable[Record],
    dtypes: Iterable[str] = (),
    derived: bool = False,
) -> Any:
    """Parametrise a test over records, backends and dtypes.

    What is said of tables takes jax a dozen compilations, and the members of a family what
    their first ones take: on demand, but for those, and with ``derived`` for all. So are the
    ``dtypes`` that are widened like others, and 16-bit types without float64, which cost a
    compilation of each case.
    """
    parameters = []
    for record, one in product(records, backends):
        backend, dtype = one.values
        later = on_demand(record, backend, dtype) or repeats(record, backend)
        later = later or (dtype in dtypes and _of_a_family(record))
        later = later or (derived and backend.library == "jax" and _of_a_family(record, set()))
        marks = [*one.marks, *([pytest.mark.full] if later else [])]
        name = f"{record.name}-{one.id}"
        parameters.append(pytest.param(record, backend, dtype, id=name, marks=marks))
    return pytest.mark.parametrize(("record", "backend", "dtype"), parameters)


def on_demand(record: Record, backend: Backend, dtype: str) -> bool:
    """Whether a backend compiles for minutes what it has compiled for a relative."""
    slow = record.kind == "table" or record.name in FAMILIES or "binary" in record.name
    early = record.name in FIRST_ON_JAX and (backend.name, dtype) in QUICK_ON_JAX
    if backend.name == "jax-x32" and dtype.endswith("16"):
        return True
    return backend.library == "jax" and slow and not early


def repeats(record: Record, backend: Backend) -> bool:
    """Whether a backend is another's twin, and a relative of the record runs on both."""
    if record.name in SEARCHED and backend.name in {"numpy-tiles", "strict-oldest"}:
        return True  # dozens of evaluations of what others evaluate once
    return _of_a_family(record) and backend.name in {
        "numpy-readonly", "torch-formulas", "strict", "strict-device", "dask",
    }  # fmt: skip


def _of_a_family(record: Record, first: Collection[str] = FIRST_ON_JAX) -> bool:
    family = record.kind == "table" or record.name in FAMILIES or "binary" in record.name
    return family and record.name not in first


@dataclass(frozen=True)
class Measured:
    """One case on one backend."""

    case: Case
    actual: np.ndarray
    error: np.ndarray
    """In ulp of the dtype, divided by the condition number where the record says so."""
    exempt: np.ndarray
    """Points for which an exemption of the record holds."""

    def worst(self) -> tuple[float, str]:
        """The largest error that is not exempt, and a line that says where."""
        error = np.where(self.exempt, 0.0, self.error)
        at = np.unravel_index(np.argmax(error), error.shape)
        row = at[0]
        inputs = ", ".join(np.array2string(x[row], threshold=6) for x in self.case.inputs)
        truth = self.case.truth_hi[at]
        return float(error[at]), (
            f"{self.case.function}({inputs}) [{self.case.regime}, {self.case.options}] gave "
            f"{self.actual[at]!r} for {truth!r}: {error[at]:.2f} ulp"
        )


def function_of(record: Record) -> Any:
    home = relentropy if hasattr(relentropy, record.name) else relentropy.special
    return getattr(home, record.name)


def run(record: Record, dtype: str, backend: Backend) -> Iterator[Measured]:
    """Every case of a record's table in this dtype."""
    for cases in _groups(record, dtype, backend):
        inputs = [np.concatenate(parts) for parts in zip(*(c[1] for c in cases), strict=True)]
        actual = _call(record, inputs, cases[0][0].options, backend)
        start = 0
        for case, own in cases:
            stop = start + len(own[0])
            part = actual[start:stop]
            if record.kind == "map":
                part = part[:, : case.truth_hi.shape[1]]
            yield compared(record, case, part, backend)
            start = stop


def _groups(record: Record, dtype: str, backend: Backend) -> Iterator[list[tuple[Case, Any]]]:
    groups: dict[Any, list[tuple[Case, Any]]] = {}
    pads = backend.library == "jax"
    for case in load(record.name, dtype):
        if not backend.has_float64 and not _held_by_float32(case.options.get("alpha", 1.0)):
            continue  # an order is rounded to what is worked in
        inputs = case.inputs
        longest = backend.longest_16_bit if dtype.endswith("16") else backend.longest
        if inputs[0].ndim == 2 and inputs[0].shape[1] > longest:
            continue
        if pads and "shape" in case.options:
            if case.options["shape"] != tuple(shapes(record.name)[-1]):
                continue  # a dozen compilations for every shape
        elif pads and inputs[0].ndim == 2 and inputs[0].shape[1] < SHORT:
            inputs = tuple(padded(x, absent(record, case, i)) for i, x in enumerate(inputs))
        key = (inputs[0].shape[1:], len(inputs), repr(sorted(case.options.items())))
        groups.setdefault(key, []).append((case, inputs))
    yield from groups.values()


def _held_by_float32(order: float) -> bool:
    return float(np.float32(order)) == order


def absent(record: Record, case: Case, operand: int) -> float:
    """What contributes nothing: weight 0, logit -inf."""
    if record.name in {"softmax", "log_softmax"}:
        return -np.inf
    if record.name == "logsumexp":
        return -np.inf if operand == 0 else 0.0
    flags = case.options.get("from_logits", False)
    flag = flags[operand] if isinstance(flags, tuple) else flags
    return -np.inf if flag else 0.0


def padded(x: np.ndarray, value: float, width: int = SHORT) -> np.ndarray:
    """Rows filled up to a width."""
    filler = np.full((x.shape[0], width - x.shape[1]), value, dtype=x.dtype)
    return np.concatenate([x, filler], axis=1)


def _call(record: Record, inputs: Any, options: Any, backend: Backend) -> np.ndarray:
    def call(*operands: Any) -> Any:
        return called(record, options, *operands)

    return backend.read(backend.wrap(call)(*(backend.make(x) for x in inputs)))


def invoked(record: Record, operands: Any, keywords: dict[str, Any]) -> Any:
    """A record's function of its operands, which some take in their own way; first output."""
    function, keywords = function_of(record), dict(keywords)
    operands, named = with_complements(operands, keywords.pop("complement", None))
    keywords |= named
    if record.name == "logsumexp" and len(operands) == 2:
        result = function(operands[0], b=operands[1], **keywords)
    elif record.name == "generalized_js_divergence":
        result = function(list(operands), **keywords)
    else:
        result = function(*operands, **keywords)
    return result[0] if isinstance(result, tuple) else result


def called(record: Record, options: Any, *operands: Any) -> Any:
    """A record's function with a case's options, along the last axis."""
    if record.kind == "table":
        return _of_tables(function_of(record), dict(options), *operands)
    rows = {} if record.kind == "elementwise" else {"axis": -1}
    return invoked(record, operands, {**options, **rows})


def with_complements(
    operands: tuple[Any, ...], complement: bool | tuple[bool, bool] | None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional operands, and the complements among them by keyword."""
    if complement is None:
        return operands, {}
    names, flags = ("p_complement", "q_complement"), complement
    if isinstance(complement, bool):
        names, flags = ("complement",), (complement,)
    left, positional, named = list(operands), [], {}
    for name, paired in zip(names, flags, strict=True):
        positional.append(left.pop(0))
        if paired:
            named[name] = left.pop(0)
    return tuple(positional), named


def _of_tables(function: Any, keywords: dict[str, Any], rows: Any) -> Any:
    """The same for rows that are flat tables, all of whose axes are variables."""
    shape = tuple(keywords.pop("shape"))
    xp = array_namespace(rows)
    axes = tuple(range(1, 1 + len(shape)))
    if function is relentropy.joint_entropy:
        keywords["axis"] = axes
    if function is relentropy.total_correlation:
        keywords["axes"] = axes
    result = function(xp.reshape(rows, (rows.shape[0], *shape)), **keywords)
    if len(result.shape) > 1:
        result = xp.reshape(result, (rows.shape[0], -1))
    return result


def compared(record: Record, case: Case, actual: np.ndarray, backend: Backend) -> Measured:
    """A case's results beside its truths."""
    error = ulp_error(actual, case.truth_hi, desired_low=case.truth_lo)
    if record.name == "kl_contributions":
        error = error / _entries_condition(case)
    elif record.conditioned:
        with np.errstate(invalid="ignore"):  # inf over inf, where the next line decides
            condition = case.condition
            if condition.shape != error.shape:
                condition = np.broadcast_to(condition[:, None], error.shape)
            divided = error / condition
        lost = _nothing_left(record, case, backend) & ~np.isnan(actual.astype(np.float64))
        error = np.where(lost | np.isinf(condition), 0.0, divided)
    below = record.lost_below if backend.has_float64 else max(record.lost_below, 0) ** (1 / 8)
    lost = (np.abs(case.truth_hi) < below) & (case.truth_hi != 0)
    if below > 0:  # the squares overflow as well
        lost = lost | (np.abs(case.truth_hi) > 1 / below)
    out = exempt(case.truth_hi, case.inputs, backend) | lost & ~np.isnan(actual.astype(float))
    return Measured(case, actual, error, out)


def _entries_condition(case: Case) -> np.ndarray:
    """How much smaller an entry's log-ratio is than its row's, for normalised logits.

    Those are known to the digits of the row's mean, and an entry's contribution is close to
    ``p*d**2/2``, which gives its log-ratio d well enough here.
    """
    if not (case.options["from_logits"] and case.options.get("normalize", True)):
        return np.ones(case.truth_hi.shape)
    with np.errstate(all="ignore"):
        a = case.inputs[0].astype(np.float64)
        p = np.exp(a - a.max(axis=1, keepdims=True))
        p = p / p.sum(axis=1, keepdims=True)
        d = np.sqrt(2 * case.truth_hi / p)
        inside = (p > 0) & (case.truth_hi > 0) & (case.truth_hi < np.inf)
        mean = np.sum(np.where(inside, p * d, 0.0), axis=1, keepdims=True)
        return np.where(inside, np.maximum(1.0, 2 * mean / d), 1.0)


def _nothing_left(record: Record, case: Case, backend: Backend) -> np.ndarray:
    """Where the bound leaves a logarithm of a sum no digit of the sum itself.

    Any number will do there, also -inf, but not nan.
    """
    if record.oracle not in {"logsumexp", "logaddexp", "logsubexp"}:
        return np.zeros(case.truth_hi.shape, dtype=bool)
    unit = np.finfo(np.float64 if backend.has_float64 else np.float32).eps
    with np.errstate(invalid="ignore"):
        lost = record.ulp["float64"] * case.condition * unit * np.abs(case.truth_hi) > 0.5
    if case.sign is not None:  # a sum that cancels to nothing, of which rounding leaves some
        lost = lost | ((case.sign == 0) & (case.inputs[1] != 0).any(axis=-1))
    return lost & (np.isfinite(case.truth_hi) | (case.truth_hi == -np.inf))


def exempt(truth: np.ndarray, inputs: tuple[np.ndarray, ...], backend: Backend) -> np.ndarray:
    """Where the record's exemption for subnormal numbers holds: jax alone has one.

    Where the data's precision is worked in, with transforms, error words reach below the
    normal range before the numbers do that they belong to.
    """
    if backend.library != "jax":
        return np.zeros(truth.shape, dtype=bool)
    import ml_dtypes

    form = ml_dtypes.finfo(inputs[0].dtype)
    reach = float(form.tiny)
    if inputs[0].dtype == np.float64:
        reach /= float(form.eps)
    elif not backend.has_float64:
        reach = max(reach, float(np.finfo(np.float32).tiny / np.finfo(np.float32).eps))
    found = (np.abs(truth) < reach) & (truth != 0)
    for x in inputs:
        size = np.abs(x.astype(np.float64))
        hit = ((size > 0) & (size < reach)).reshape(len(truth), -1).any(axis=-1)
        found = found | hit.reshape(-1, *(1,) * (truth.ndim - 1))
    return found


def bound(record: Record, case: Case, backend: Backend) -> float:
    """What the record allows for this case on this backend."""
    dtype = case.dtype
    allowed = record.ulp[dtype]
    if dtype == "float32" and not backend.has_float64:
        (exemption,) = (
            e
            for e in record.exemptions
            if e.backend == backend.library and e.regime == "without float64"
        )
        allowed = exemption.ulp
    merged = backend.merges and case.inputs[0].ndim == 2
    long = case.inputs[0].shape[-1] > 16384 or backend.name == "numpy-tiles"
    if dtype == "float64" and merged and long and record.tiled_ulp is not None:
        allowed = record.tiled_ulp
    return allowed
