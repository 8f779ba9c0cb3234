"""Losses of training: what masks, overflow and micro-batches do to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._ulp import FORMATS
from ._drawing import Numbers, rounded, symmetric
from ._ledger import Finding, said
from ._measure import Audited
from ._reproducer import halves, written

Operands = dict[str, NDArray[Any]]

BATCH, TIME = 4, 4
_SAME = 64.0
"""Results that should be the same may differ by so many units of rounding."""
_SPLIT = 1e-2
"""Relative differences below it are not called a dependence, in any precision."""


def audit_loss(audited: Audited, dtypes: Sequence[str]) -> None:
    """Every check in every dtype."""
    for dtype in dtypes:
        loss = _Loss(audited, dtype)
        try:
            loss.value(easy())
        except Exception as error:  # noqa: BLE001 - whatever it raises is what is reported
            loss.found("value.error", "ordinary", said(error), easy())
            continue
        try:
            missing = loss.differentiable and loss.slope(easy()) is None
        except Exception as error:  # noqa: BLE001 - as above
            loss.found("gradient.error", "ordinary", said(error), easy())
            loss.differentiable = False
        else:
            if missing:
                loss.found("gradient.missing", "ordinary", "by log_probs", easy())
                loss.differentiable = False
        for regime, check in _CHECKS:
            try:
                check(loss)
            except Exception as error:  # noqa: BLE001 - as above
                loss.found("value.error", regime, said(error), loss.asked)


@dataclass
class _Loss:
    """A loss of operands by name, in one dtype."""

    audited: Audited
    dtype: str
    asked: Operands = field(default_factory=dict)
    """The operands of the last call."""
    differentiable: bool = True

    def __post_init__(self) -> None:
        self.differentiable = self.audited.has_gradient

    def _arrays(self, operands: Operands) -> list[object]:
        names = self.audited.kind.operands
        return [
            self.audited.library.make(operands[name], "bool" if name == "mask" else self.dtype)
            for name in names
        ]

    def value(self, operands: Operands) -> float:
        self.asked = operands
        values, name = self.audited.library.read(self.audited.fn(*self._arrays(operands)))
        if values.shape != ():
            msg = f"fn returned shape {values.shape}; a loss is one number"
            raise ValueError(msg)
        if name in FORMATS and FORMATS[name].digits < FORMATS[self.dtype].digits:
            self.found("value.dtype", "ordinary", f"{name} of {self.dtype} operands", operands)
        return float(values)

    def slope(self, operands: Operands) -> Numbers | None:
        """By the log-probabilities of the policy."""
        if not self.differentiable:
            return None
        self.asked = operands
        first, *rest = self._arrays(operands)
        if self.audited.gradient is not None:
            found = self.audited.gradient(first, *rest)
            found = found[0] if isinstance(found, (tuple, list)) else found
        else:
            assert self.audited.library.pull is not None
            fn = self.audited.fn
            (found,) = self.audited.library.pull(lambda x: fn(x, *rest), [first], None)
        return None if found is None else self.audited.library.read(found)[0]

    def found(
        self, what: str, regime: str, detail: str, operands: Operands, ulp: float = np.nan
    ) -> None:
        """Write down a finding, with the call that shows it."""
        self.noted(regime, f"{what}.{regime}.{self.dtype}", detail, operands, ulp)

    def noted(self, label: str, name: str, detail: str, operands: Operands, ulp: float) -> None:
        named = {own: operands[own] for own in self.audited.kind.operands}
        gradient = name.startswith("gradient")
        shown = written(
            self.audited.library, named, self.dtype, gradient=gradient, by=("log_probs",)
        )
        if name.split(".")[1] == "split" and not gradient:
            shown = halves(self.audited.library, named, self.dtype)
        self.audited.ledger.fault(label, Finding(name, detail, 1, 1, ulp, shown))

    def fine(self, quantity: str, regime: str, ulp: float = 0.0) -> None:
        self.audited.ledger.measured(quantity, regime, self.dtype, ulp)

    @property
    def unit(self) -> float:
        """Of rounding, relatively."""
        return 2.0 ** -FORMATS[self.dtype].digits

    def right(self, regime: str, operands: Operands, truth: float | None = None) -> float:
        """The value, which is finite, and the truth where that is known."""
        value = self.value(operands)
        if np.isnan(value):
            self.found(
                "value.nan", regime, f"nan where {_or(truth)} is right", operands, np.inf
            )
        elif np.isinf(value):
            self.found(
                "value.inf", regime, f"{value} where {_or(truth)} is right", operands, np.inf
            )
        elif truth is not None and value != truth:
            detail = f"{value!r} where {truth!r} is right"
            self.found("value.digits", regime, detail, operands, np.inf)
        else:
            self.fine("value", regime)
        return value

    def right_slope(
        self, regime: str, operands: Operands, zero: NDArray[np.bool_] | None = None
    ) -> Numbers | None:
        """The derivative, which is finite, and 0 in some places."""
        slope = self.slope(operands)
        if slope is None:
            return None
        if np.isnan(slope).any():
            detail = f"nan in {int(np.isnan(slope).sum())} of {slope.size} components"
            self.found("gradient.nan", regime, detail, operands, np.inf)
        elif np.isinf(slope).any():
            detail = f"infinite in {int(np.isinf(slope).sum())} of {slope.size} components"
            self.found("gradient.inf", regime, detail, operands, np.inf)
        elif zero is not None and (slope[zero] != 0).any():
            largest = float(np.abs(slope[zero]).max())
            detail = f"{largest!r} where 0 is right"
            self.found("gradient.digits", regime, detail, operands, np.inf)
        else:
            self.fine("gradient", regime)
        return slope


def _or(truth: float | None) -> str:
    return "a finite number" if truth is None else repr(truth)


# --- batches --------------------------------------------------------------------------------


def _short(values: Numbers) -> Numbers:
    """Multiples of 1/64: few digits, which every precision holds."""
    return np.asarray(np.rint(values * 64) / 64)


def easy() -> Operands:
    """Log-ratios within a clip's range, sequences of unequal lengths."""
    shape = (BATCH, TIME)
    log_probs = _short(-2 + symmetric("policy", shape))
    lengths = np.array([4, 3, 2, 1])
    return {
        "log_probs": log_probs,
        "old_log_probs": log_probs + _short(symmetric("old", shape) / 16),
        "ref_log_probs": log_probs + _short(symmetric("reference", shape) / 2),
        "advantages": np.repeat(_short(symmetric("advantages", (BATCH, 1))), TIME, axis=1),
        "mask": np.arange(TIME) < lengths[:, None],
    }


def _on_policy(log_ratios: Numbers, dtype: str) -> Operands:
    """One answer of the model itself, and how far it has left the reference at each token."""
    log_ratios = np.atleast_2d(log_ratios)
    # Likely tokens where the precision has no such ratio between less likely ones.
    size = np.where(np.abs(log_ratios) < 0.1, 8 * np.abs(log_ratios), 2.0)
    ref = rounded(-np.where(log_ratios == 0, 2.0, size), dtype)
    log_probs = rounded(ref + log_ratios, dtype)
    return {
        "log_probs": log_probs,
        "old_log_probs": log_probs,
        "ref_log_probs": ref,
        "advantages": np.zeros(log_ratios.shape),
        "mask": np.ones(log_ratios.shape, bool),
    }


# --- checks ---------------------------------------------------------------------------------


def _ordinary(loss: _Loss) -> None:
    operands = easy()
    value = loss.right("ordinary", operands)
    if not np.array_equal(loss.value(operands), value, equal_nan=True):
        loss.found("value.noise", "ordinary", "two calls have different results", operands)
    loss.right_slope("ordinary", operands)


def _masked(loss: _Loss) -> None:
    """What the mask excludes may be anything."""
    operands = easy()
    hidden = ~operands["mask"]
    value, slope = loss.value(operands), loss.slope(operands)
    for content, other in ((-1.0, -801.0), (-801.0, -1.0), (np.nan, np.nan), (-np.inf, -1.0)):
        changed = dict(operands)
        changed["log_probs"] = np.where(hidden, content, operands["log_probs"])
        for name in ("old_log_probs", "ref_log_probs"):
            changed[name] = np.where(hidden, other, operands[name])
        got = loss.right("masked", changed)
        if np.isfinite(got) and abs(got - value) > _SAME * loss.unit * abs(value):
            detail = f"{got!r}, and {value!r} with other numbers behind the mask"
            loss.found("value.mask", "masked", detail, changed)
        pulled = loss.right_slope("masked", changed, zero=hidden)
        if slope is not None and pulled is not None and np.isfinite(pulled).all():
            size = np.abs(slope).max()
            if np.abs(np.where(hidden, 0.0, pulled - slope)).max() > _SAME * loss.unit * size:
                off = float(np.abs(np.where(hidden, 0.0, pulled - slope)).max())
                detail = f"changes by {off:.3g} with the numbers behind the mask"
                loss.found("gradient.mask", "masked", detail, changed)


def _empty(loss: _Loss) -> None:
    """A sequence without tokens, and a batch without any."""
    operands = easy()
    operands["mask"] = operands["mask"].copy()
    operands["mask"][1] = False
    loss.right("empty", operands)
    loss.right_slope("empty", operands, zero=~operands["mask"])
    operands["mask"] = np.zeros_like(operands["mask"])
    loss.right("empty", operands, 0.0)
    loss.right_slope("empty", operands, zero=~operands["mask"])


def _overflowing(loss: _Loss) -> None:
    """A ratio that overflows, times an advantage of zero."""
    if "advantages" not in loss.audited.kind.operands:
        return
    operands = _on_policy(np.zeros((2, TIME)), loss.dtype)
    value, slope = loss.value(operands), loss.slope(operands)
    operands["old_log_probs"] = operands["log_probs"].copy()
    operands["old_log_probs"][0, 1] -= 800
    loss.right("overflow", operands, value)
    loss.right_slope("overflow", operands, zero=None if slope is None else slope == 0)


def _advantage(loss: _Loss) -> None:
    """A gradient step makes a token likelier that has an advantage."""
    if "advantages" not in loss.audited.kind.operands or not loss.differentiable:
        return
    operands = _on_policy(np.zeros((2, TIME)), loss.dtype)
    without = loss.slope(operands)
    operands["advantages"] = np.ones_like(operands["advantages"])
    slope = loss.slope(operands)
    assert slope is not None
    assert without is not None
    gained = slope - without
    if not (gained < 0).all():
        detail = f"an advantage of 1 adds {float(gained.max()):.3g} to a derivative"
        loss.found("gradient.sign", "advantage", detail + ", which must be negative", operands)
    else:
        loss.fine("gradient", "advantage")


def _equal(loss: _Loss) -> None:
    """Nothing is left of a penalty where the model is its reference."""
    operands = _on_policy(np.zeros((2, TIME)), loss.dtype)
    loss.right("equal", operands, 0.0)


_SHAPES: dict[str, tuple[Callable[[Numbers], Numbers], Callable[[Numbers], Numbers]]] = {
    "k1": (lambda u: u, np.ones_like),
    "k2": (lambda u: u * u / 2, lambda u: u),
    "k3": (lambda u: _expm1mx(-u), lambda u: -np.expm1(-u)),
    "abs": (np.abs, np.sign),
}


def _expm1mx(x: Numbers) -> Numbers:
    """By its series where it cancels, to a few units of float64."""
    near = np.abs(x) < 0.5
    z = np.where(near, x, 0.0)
    series = z * z / 2 * _horner(z)
    return np.asarray(np.where(near, series, np.expm1(x) - x))


def _horner(z: Numbers) -> Numbers:
    total = np.ones_like(z)
    for k in range(18, 2, -1):
        total = 1 + z / k * total
    return total


_UNIT = 1.0
_EASY = np.array([_UNIT, 0.5, -0.5, 2.0])


def _close(loss: _Loss) -> None:
    """The penalty's digits near the reference and far from it, in units of those at 1."""
    gaps = [1e-1, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10]
    far = [-5.0, -15.0, -25.0, 30.0]
    for regime, ladder in (("close", [g for g in gaps if g >= loss.unit]), ("far", far)):
        _shape(loss, regime, ladder, slope=False)
        _shape(loss, regime, ladder, slope=True)


def _shape(loss: _Loss, regime: str, ladder: Sequence[float], *, slope: bool) -> None:
    quantity = "gradient" if slope else "value"
    known = _profile(loss, _EASY, slope=slope)
    if known is None or not np.isfinite(known).all():
        return
    alone = loss.audited.kind.name == "kl_penalty"
    if not known.any():
        if regime == "close" and alone and not slope:
            loss.found(
                "value.sign", "far", "0 at every log-ratio", _on_policy(_EASY, loss.dtype)
            )
        elif regime == "close":
            loss.audited.ledger.remark(f"no KL penalty in its {quantity}")
        return
    if known[0] < 0 and regime == "close":
        detail = f"{known[0]:.6g} at a log-ratio of 1, where it is positive"
        operands = _on_policy(np.array([_UNIT]), loss.dtype)
        loss.found(f"{quantity}.sign", "far", detail, operands)
    relative = known / known[0]
    name = next(
        (
            name
            for name, pair in _SHAPES.items()
            if np.allclose(relative, _ratio(pair[slope], _EASY), rtol=max(1e-2, 16 * loss.unit))
        ),
        None,
    )
    if name is None:
        loss.audited.ledger.remark(
            f"the KL penalty's {quantity} is none of {', '.join(_SHAPES)}"
        )
        return
    loss.audited.ledger.remark(f"the KL penalty's {quantity} is that of {name}")
    ratios = np.array([_UNIT, *ladder])
    got = _profile(loss, ratios, slope=slope)
    assert got is not None
    operands = _on_policy(ratios, loss.dtype)
    exact = (operands["log_probs"] - operands["ref_log_probs"])[0]  # as they are rounded
    truth = _ratio(_SHAPES[name][slope], exact)
    for u, value, right in list(zip(exact, got / got[0], truth, strict=True))[1:]:
        if np.isinf(right) or abs(right * known[0]) > 2.0 ** FORMATS[loss.dtype].high:
            continue
        _judged(loss, quantity, regime, float(u), float(value), float(right))


def _judged(
    loss: _Loss, quantity: str, regime: str, u: float, value: float, right: float
) -> None:
    operands = _on_policy(np.array([u]), loss.dtype)
    error = abs(value - right) / (2 * loss.unit * abs(right))
    gap = abs(u) if regime == "close" else np.nan
    label = f"{regime} {gap:.0e}" if regime == "close" else regime
    detail = f"{value:.12g} where {right:.12g} is right, in units of that at a log-ratio of 1"
    detail += f" (log-ratio {u:.3g})"
    fault = None
    if np.isnan(value):
        fault = "nan"
    elif np.isinf(value):
        fault = "inf"
    elif quantity == "value" and value < 0 < right:
        fault = "negative"
    elif error > max(loss.audited.max_ulp, _SAME):
        fault = "digits"
    if gap == gap:
        seen = np.inf if fault in {"nan", "inf", "negative"} else error
        loss.audited.ledger.curve.append((quantity, loss.dtype, gap, seen))
    loss.audited.ledger.measured(quantity, label, loss.dtype, error)
    if fault is not None:
        name = f"{quantity}.{fault}.{regime}.{loss.dtype}"
        loss.noted(label, name, detail, operands, error)


def _ratio(function: Callable[[Numbers], Numbers], ratios: Numbers) -> Numbers:
    values = function(ratios)
    return np.asarray(values / values[0])


def _profile(loss: _Loss, ratios: Numbers, *, slope: bool) -> Numbers | None:
    """The loss of one token at each log-ratio, or its derivative."""
    found = []
    for u in ratios:
        operands = _on_policy(np.array([u]), loss.dtype)
        if slope:
            one = loss.slope(operands)
            if one is None:
                return None
            found.append(float(one[0, 0]))
        else:
            found.append(loss.value(operands))
    return np.array(found)


def _split(loss: _Loss) -> None:
    """The mean of two micro-batches' losses against the loss of the batch."""
    operands = easy()
    value, slope = loss.value(operands), loss.slope(operands)
    parts = list(_halves(operands))
    values = [loss.value(part) for part in parts]
    mean = float(np.mean(values))
    if abs(mean - value) > _SPLIT * np.abs(values).max():
        detail = f"micro-batches have a mean of {mean:.6g}, the batch {value:.6g}"
        loss.found("value.split", "micro-batches", detail, operands)
    else:
        loss.fine("value", "micro-batches")
    if slope is None:
        return
    slopes = [loss.slope(part) for part in parts]
    joined = np.concatenate([one for one in slopes if one is not None]) / len(parts)
    off = np.abs(joined - slope).max() / np.abs(slope).max()
    if off > _SPLIT:
        detail = f"gradients of micro-batches accumulate to another one, {off:.0%} off"
        loss.found("gradient.split", "micro-batches", detail, operands)
    else:
        loss.fine("gradient", "micro-batches")


def _halves(operands: Operands) -> Iterator[Operands]:
    for part in (slice(0, BATCH // 2), slice(BATCH // 2, BATCH)):
        yield {name: x[part] for name, x in operands.items()}


_CHECKS: tuple[tuple[str, Callable[[_Loss], None]], ...] = (
    ("ordinary", _ordinary),
    ("masked", _masked),
    ("empty", _empty),
    ("overflow", _overflowing),
    ("advantage", _advantage),
    ("equal", _equal),
    ("close", _close),
    ("micro-batches", _split),
)
"""What is tried, and the regime under which it is reported."""
