"""A function over its hard cases: faults of values and of derivatives."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from .._ulp import FORMATS
from ._cases import Exact, HardCase, Slopes, seeds
from ._drawing import Numbers
from ._kinds import KINDS, Kind
from ._ledger import Finding, Ledger, said
from ._libraries import Function, Library
from ._reproducer import of_case
from .ulp import ulp_error

Gradient = Callable[..., Any]


@contextmanager
def quiet() -> Iterator[None]:
    """What an audited function warns of is not what it is audited for."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


@dataclass
class Audited:
    """A function, how it is called, and where what is found is written down."""

    fn: Function
    kind: Kind
    library: Library
    gradient: Gradient | None
    """Derivatives of numpy functions, if there are any."""
    max_ulp: float
    ledger: Ledger
    derivatives: bool = True
    """Whether they are wanted."""
    batched: bool = True
    """Whether it takes several rows at once."""

    @property
    def has_gradient(self) -> bool:
        provided = self.gradient is not None or self.library.pull is not None
        return self.derivatives and provided

    def arrays(self, operands: Sequence[Numbers], dtype: str) -> list[Any]:
        return [self.library.make(x, dtype) for x in operands]

    def value(self, operands: Sequence[Numbers], dtype: str) -> Result:
        """What it returns, for all rows together or one by one."""
        if self.batched:
            return self._called(operands, dtype)
        rows = [self._called(row, dtype) for row in zip(*operands, strict=True)]
        return rows[0]._replace(values=np.stack([row.values for row in rows]))

    def _called(self, operands: Sequence[Numbers], dtype: str) -> Result:
        result = self.fn(*self.arrays(operands, dtype))
        values, name = self.library.read(result)
        return Result(values, name, self.library.device(result))

    def slopes(self, operands: Sequence[Numbers], dtype: str) -> list[Numbers | None]:
        """Derivatives by each operand in float64; of maps, of their sum with `seeds`."""
        if self.batched:
            return self._pulled(operands, dtype)
        parts = [self._pulled(row, dtype) for row in zip(*operands, strict=True)]
        return [_stacked(own) for own in zip(*parts, strict=True)]

    def _pulled(self, operands: Sequence[Numbers], dtype: str) -> list[Numbers | None]:
        arrays = self.arrays(operands, dtype)
        seed = None
        if self.kind.form == "map":
            seed = self.library.make(seeds(operands[0].shape), dtype)
        if self.gradient is not None:
            found = self.gradient(*arrays) if seed is None else self.gradient(*arrays, seed)
            found = list(found) if isinstance(found, (tuple, list)) else [found]
            if len(found) != len(arrays):
                msg = f"gradient returned {len(found)} arrays for {len(arrays)} operands"
                raise TypeError(msg)
        else:
            assert self.library.pull is not None
            found = self.library.pull(self.fn, arrays, seed)
        slopes = [None if one is None else self.library.read(one)[0] for one in found]
        for slope, operand in zip(slopes, operands, strict=True):
            if slope is not None and slope.shape != operand.shape:
                msg = f"a derivative has shape {slope.shape}, its operand {operand.shape}"
                raise TypeError(msg)
        return slopes


class Result(NamedTuple):
    """What a function returned."""

    values: Numbers
    """In float64."""
    dtype: str
    device: str


def _stacked(rows: Sequence[Numbers | None]) -> Numbers | None:
    found = [row for row in rows if row is not None]
    return np.stack(found) if len(found) == len(rows) else None


def normalizes(audited: Audited, cases: Sequence[HardCase]) -> bool:
    """Whether easy distributions may be scaled without a change."""
    for case in cases:
        if case.regime == "ordinary":
            try:
                plain = audited.value(case.operands, case.dtype).values
                scaled = [x * 2.0 ** (2 - 3 * i) for i, x in enumerate(case.operands)]
                other = audited.value(scaled, case.dtype).values
            except Exception:  # noqa: BLE001 - reported where all cases are called
                continue
            return bool(np.allclose(plain, other, rtol=1e-2))
    return False


def settle(audited: Audited, cases: Sequence[HardCase]) -> None:
    """Find out whether the function takes rows together or one by one.

    Raises
    ------
    ValueError
        If what it returns for easy operands has neither shape.
    """
    shapes: list[tuple[tuple[int, ...], ...]] = []
    for case in cases:
        if case.regime != "ordinary":
            continue
        for batched in (True, False):
            audited.batched = batched
            try:
                values = audited.value(case.operands, case.dtype).values
            except Exception:  # noqa: BLE001 - reported where all cases are called
                continue
            if values.shape == case.value.high.shape:
                if not batched:
                    what = f"; of several it returned shape {shapes[0][2]}" if shapes else ""
                    audited.ledger.remark(f"called one row at a time{what}")
                return
            shapes.append((case.operands[0].shape, case.value.high.shape, values.shape))
    audited.batched = True
    if shapes:
        asked, right, shape = shapes[0]
        msg = (
            f"fn returned shape {shape} for operands of shape {asked}; a function of kind "
            f"{audited.kind.name!r} returns {right}, working along the last axis, or takes one "
            "row at a time: wrap it so"
        )
        raise ValueError(msg)


# --- values ---------------------------------------------------------------------------------


def audit_values(audited: Audited, cases: Sequence[HardCase]) -> None:
    """Every value of every case against its truth."""
    for case in cases:
        try:
            result = audited.value(case.operands, case.dtype)
        except Exception as error:  # noqa: BLE001 - whatever it raises is what is reported
            _raised(audited, case, "value", error)
            if case is cases[0]:  # not even what is easy: once is enough
                return
            continue
        values = result.values
        if values.shape != case.value.high.shape:
            detail = f"shape {values.shape} where {case.value.high.shape} is right"
            _noted(audited, case, "value.shape", detail, np.nan)
            continue
        if case is cases[0]:  # it is the same for all others
            _settings(audited, case, result)
        sign = KINDS[case.kind].sign
        _compared(audited, case, "value", values, case.value, sign)


def hint(audited: Audited, cases: Sequence[HardCase]) -> None:
    """Remark on what easy values are instead, if they are not what is right."""
    easy = next((case for case in reversed(cases) if case.regime == "ordinary"), None)
    if easy is None:
        return
    right = easy.value.high
    try:
        values = audited.value(easy.operands, easy.dtype).values
        if np.allclose(values, right, rtol=0.05):
            return
        if len(easy.operands) == 2:
            other = audited.value(easy.operands[::-1], easy.dtype).values
            if np.allclose(other, right, rtol=0.01):
                audited.ledger.remark("its values are right with the operands exchanged")
                return
    except Exception:  # noqa: BLE001 - reported where all cases are called
        return
    if values.shape == right.shape and (right != 0).all():
        ratio = values / right
        if np.allclose(ratio, ratio.flat[0], rtol=0.01):
            factor = float(np.mean(ratio))
            bits = ", as in bits" if abs(factor * np.log(2) - 1) < 0.01 else ""
            entries = easy.operands[0].shape[-1]
            mean = ", a mean over entries" if abs(factor * entries - 1) < 0.01 else ""
            audited.ledger.remark(
                f"its values are {factor:.4g} times what is right{bits or mean}"
            )


def _settings(audited: Audited, case: HardCase, result: Result) -> None:
    """What a result has beside its values, what is left of operands, and a second call."""
    narrow = result.dtype in FORMATS
    if narrow and FORMATS[result.dtype].digits < FORMATS[case.dtype].digits:
        _noted(audited, case, "value.dtype", f"{result.dtype} of {case.dtype} operands", np.nan)
    arrays = audited.arrays(case.operands, case.dtype)
    asked = audited.library.device(arrays[0])
    if asked != result.device:
        _noted(audited, case, "value.device", f"on {result.device}, not {asked}", np.nan)
    if audited.batched:
        again = audited.library.read(audited.fn(*arrays))[0]
    else:
        again = audited.value(case.operands, case.dtype).values
    if not np.array_equal(again, result.values, equal_nan=True):
        _noted(audited, case, "value.noise", "two calls have different results", np.nan)
    left = [audited.library.read(x)[0] for x in arrays]
    for operand, own, kept in zip(audited.kind.operands, left, case.operands, strict=True):
        if not np.array_equal(own, kept, equal_nan=True):
            _noted(audited, case, "value.operands", f"{operand} is changed", np.nan)


def _raised(audited: Audited, case: HardCase, quantity: str, error: Exception) -> None:
    _noted(audited, case, f"{quantity}.error", said(error), np.inf)


def _noted(audited: Audited, case: HardCase, what: str, detail: str, ulp: float) -> None:
    """A fault of a whole case."""
    gradient = not what.startswith("value")
    shown = of_case(case, audited.library, 0, gradient=gradient, batched=audited.batched)
    finding = Finding(f"{what}.{case.regime}.{case.dtype}", detail, 1, 1, ulp, shown)
    audited.ledger.fault(case.label, finding)


def _compared(
    audited: Audited,
    case: HardCase,
    quantity: str,
    actual: Numbers,
    exact: Exact,
    sign: int,
    by: str = "",
) -> None:
    """Sort numbers into right ones and faults, and write both down."""
    high = exact.high
    error = ulp_error(actual, high, desired_low=exact.low, dtype=case.dtype)
    condition = exact.condition
    known = ~np.isnan(high) | (quantity == "value")
    infinite = np.isinf(high)
    finite = np.isfinite(high) & (np.abs(high) <= _largest(case.dtype))
    is_nan = np.isnan(actual)
    faults = {
        "nan": known & is_nan & ~np.isnan(high),
        "inf": finite & np.isinf(actual),
        "negative": finite & (actual < 0) & (high >= 0) & (sign > 0),
    }
    if quantity == "value":
        wrong = (infinite & (actual != high)) | np.isnan(high)
        faults["hidden"] = wrong & ~is_nan & ~((high == 0) & (actual == 0))
    bad = np.zeros(actual.shape, bool)
    for mask in faults.values():
        bad |= mask
    # Some devices flush what is below float32's normal range, or float64's.
    least = 2.0 ** FORMATS[case.dtype].low if case.dtype != "float16" else 0.0
    flushed = (np.abs(high) < 2 * least) & (np.abs(actual) < 4 * least)
    compared = finite & ~bad & ~is_nan & np.isfinite(condition) & ~flushed
    with np.errstate(invalid="ignore", divide="ignore"):
        weighed = np.where(compared, error / condition, 0.0)
    faults["digits"] = compared & ~(weighed <= audited.max_ulp)
    if case.regime == "ordinary":  # more than rounding explains
        coarse = 0.2 if FORMATS[case.dtype].digits < 20 else 0.01
        with np.errstate(invalid="ignore"):
            off = np.abs(actual - high) > coarse * np.abs(high) * condition
        faults["wrong"] = faults["digits"] & off
        faults["digits"] = faults["digits"] & ~off

    worst = float(np.max(weighed, initial=0.0))
    audited.ledger.measured(quantity, case.label, case.dtype, worst)
    for fault, mask in faults.items():
        if mask.any():
            score = np.where(mask, weighed, -1.0) if fault == "digits" else mask
            at = np.unravel_index(int(np.argmax(score)), score.shape)
            ulp = float(weighed[at]) if fault == "digits" else np.inf
            detail = _detail(by, float(actual[at]), float(high[at]), ulp, float(condition[at]))
            if np.isfinite(case.gap):
                detail += f" (relative gap {case.gap:.0e})"
            shown = of_case(
                case, audited.library, int(at[0]),
                gradient=quantity != "value", batched=audited.batched,
            )  # fmt: skip
            name = f"{quantity}.{fault}.{case.regime}.{case.dtype}"
            many = int(mask.sum()), int(known.sum())
            audited.ledger.fault(case.label, Finding(name, detail, *many, ulp, shown))
    if case.gap == case.gap:
        seen = np.inf if bad.any() else worst
        audited.ledger.curve.append((quantity, case.dtype, case.gap, seen))


def _detail(by: str, actual: float, right: float, ulp: float, condition: float) -> str:
    """What came back, and what is right."""
    text = f"by {by}: " * bool(by) + f"{actual!r} where {right!r} is right"
    if np.isfinite(ulp) and right != 0:
        text += f", {ulp:.2g} ulp"
        if condition > 1:
            text += f" past a condition number of {condition:.2g}"
    return text


# --- derivatives ----------------------------------------------------------------------------


def audit_slopes(audited: Audited, cases: Sequence[HardCase]) -> None:
    """Every derivative of every case against that of the function that it is nearest to."""
    found = []
    for case in cases:
        if case.slopes:
            try:
                found.append((case, audited.slopes(case.operands, case.dtype)))
            except Exception as error:  # noqa: BLE001 - whatever it raises is what is reported
                _raised(audited, case, "gradient", error)
                if not found:  # not even where it is easy: once is enough
                    return
    if not found:
        return
    first, easy = found[0]
    if all(slope is None for slope in easy):
        names = " or ".join(audited.kind.operands)
        _noted(audited, first, "gradient.missing", f"by {names}", np.inf)
        return
    meant = _meaning(found)
    for case, slopes in found:
        right = next((one.of for one in case.slopes if one.meaning == meant), ())
        for name, actual, exact in zip(audited.kind.operands, slopes, right, strict=False):
            if actual is None:
                audited.ledger.remark(f"no derivative by {name}")
            else:
                _compared(
                    audited, case, "gradient", actual, _comparable(case, exact), 0, by=name
                )
    if len(found[0][0].slopes) > 1:
        audited.ledger.remark(f"derivatives are those of {MEANINGS.get(meant, meant)}")


MEANINGS = {
    "normalized": "what is normalised",
    "measure": "sums as they stand",
    "plain": "sum(p*log(p/q)) as it stands",
}


def _comparable(case: HardCase, exact: Exact) -> Exact:
    """Without what is convention: nan is not compared, and infinite conditions only for nan.

    There is no derivative where the value is not in the dtype's range, and any one that is a
    number will do where all distributions have no mass: they cannot have less.
    """
    outside = ~(np.abs(case.value.high) <= _largest(case.dtype))
    if outside.ndim < exact.high.ndim:
        outside = outside[:, None]
    high, condition = np.where(outside, np.nan, exact.high), exact.condition
    if case.inputs in {"probs", "weights", "values"}:
        absent = np.all([x == 0 for x in case.operands], axis=0)
        condition = np.where(absent, np.inf, condition)
    return replace(exact, high=high, condition=condition)


def _largest(dtype: str) -> float:
    form = FORMATS[dtype]
    return 2.0**form.high * (2 - 2.0 ** (1 - form.digits))


def _meaning(found: Sequence[tuple[HardCase, list[Numbers | None]]]) -> str:
    """Which function the derivatives are of: the one that is nearest in an easy regime."""
    case, slopes = next((one for one in found if one[0].regime == "ordinary"), found[0])
    errors = {one.meaning: _distance(one, slopes) for one in case.slopes}
    return min(errors, key=lambda meaning: errors[meaning])


def _distance(slopes: Slopes, found: Sequence[Numbers | None]) -> float:
    """Relative distance, which is not that of digits: large where the meaning is another."""
    total = 0.0
    for actual, exact in zip(found, slopes.of, strict=False):
        if actual is not None:
            with np.errstate(all="ignore"):
                off = np.abs(actual - exact.high) / (np.abs(exact.high) + 1e-3)
            total = max(total, float(np.nan_to_num(off, nan=1e300).max()))
    return total
