"""Estimators of samples: which one it is, its digits, and its bias by exact enumeration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ._cases import HardCase, Slopes, hard_cases
from ._drawing import Numbers, symmetric
from ._ledger import Finding
from ._measure import Audited, audit_slopes, audit_values
from ._reproducer import written

ESTIMATORS = ("k1", "k2", "k3", "abs")
OUTCOMES = 5
_EXACT = 1e-4
"""Relative deviations below it are rounding, also in float32 (16 bits are not enumerated)."""


def audit_samples(audited: Audited, dtypes: Sequence[str]) -> None:
    """Digits of values and derivatives if it is an estimator that has a name; bias always."""
    name = _which(audited, dtypes)
    if name is None:
        audited.ledger.remark("it is none of " + ", ".join(ESTIMATORS) + ": digits are not known")
    else:
        audited.ledger.remark(f"its values are those of {name}")
        for dtype in dtypes:
            cases = sample_cases(name, dtype)
            audit_values(audited, cases)
            if audited.has_gradient:
                audit_slopes(audited, cases)
    wide = [dtype for dtype in ("float64", "float32") if dtype in dtypes]
    if wide:
        _enumerated(audited, wide[0])


def sample_cases(name: str, dtype: str) -> list[HardCase]:
    """An estimator's cases; its derivative may be that of any (straight-through ones are)."""
    by_name = {other: hard_cases(other, "log_probs", dtype) for other in ESTIMATORS}

    def slopes(i: int) -> tuple[Slopes, ...]:
        return tuple(Slopes(o, by_name[o][i].slopes[0].of[:1]) for o in ESTIMATORS)

    return [
        replace(case, slopes=slopes(i)) if case.slopes else case
        for i, case in enumerate(by_name[name])
    ]


def _which(audited: Audited, dtypes: Sequence[str]) -> str | None:
    """The estimator with the same values at ordinary log-ratios."""
    for dtype in reversed(dtypes):  # the widest first
        for name in ESTIMATORS:
            case = next(c for c in hard_cases(name, "log_probs", dtype) if c.regime == "ordinary")
            try:
                values, _, _ = audited.value(case.operands, dtype)
            except Exception:  # noqa: BLE001 - reported where all cases are called
                continue
            near = 1e-4 if dtype in {"float64", "float32"} else 0.1
            if values.shape == case.value.high.shape and np.allclose(
                values, case.value.high, rtol=near, atol=near
            ):
                return name
    return None


# --- enumeration ----------------------------------------------------------------------------


def _enumerated(audited: Audited, dtype: str) -> None:
    """The expectation over all outcomes, of the value and of the gradient as a loss."""
    logits, other, behaviour = (1.5 * symmetric(name, (OUTCOMES,)) for name in ("pi", "ref", "mu"))
    log_pi, log_ref, log_mu = (_log_softmax(x) for x in (logits, other, behaviour))
    pi, ref, mu = np.exp(log_pi), np.exp(log_ref), np.exp(log_mu)
    operands = [log_pi, log_ref] if len(audited.kind.operands) == 2 else [log_pi, log_ref, log_mu]
    forward, reverse = float(pi @ (log_pi - log_ref)), float(ref @ (log_ref - log_pi))
    targets = {
        "that of KL(pi||ref)": pi * (log_pi - log_ref - forward),
        "that of KL(ref||pi)": pi - ref,
        "0": np.zeros(OUTCOMES),
    }
    # Weighted ones are for samples of another model; the others for samples of pi.
    policies = {"on-policy": pi} if len(operands) == 2 else {"off-policy": mu}
    for policy, shares in policies.items():
        regime = f"value.bias.{policy}"
        try:
            values, _, _ = audited.value(_representable(operands, dtype), dtype)
        except Exception:  # noqa: BLE001 - reported where all cases are called
            return
        mean = float(shares @ values)
        _biased_value(audited, regime, mean, forward, operands, dtype)
        if not audited.has_gradient:
            continue
        slope = audited.slopes(_representable(operands, dtype), dtype)[0]
        if slope is None:
            audited.ledger.remark("no derivative by log_probs")
            continue
        # d log pi(x) / d logits = (x == .) - pi
        by_sample = shares * slope
        _biased_slope(
            audited, f"gradient.bias.{policy}", by_sample - pi * by_sample.sum(), targets,
            operands, dtype,
        )  # fmt: skip


def _representable(operands: Sequence[Numbers], dtype: str) -> list[Numbers]:
    return [x.astype(dtype).astype(np.float64) for x in operands]


def _log_softmax(logits: Numbers) -> Numbers:
    return np.asarray(logits - np.log(np.exp(logits).sum()))


def _biased_value(
    audited: Audited, name: str, mean: float, truth: float, operands: Sequence[Numbers], dtype: str
) -> None:
    if abs(mean - truth) <= _EXACT * truth:
        audited.ledger.remark(f"its value is unbiased {name.split('.')[-1]}")
        return
    detail = f"its mean is {mean:.6g} where KL(pi||ref) is {truth:.6g}"
    _note(audited, f"{name}.{dtype}", detail, operands, dtype)


def _biased_slope(
    audited: Audited, name: str, slope: Numbers, targets: dict[str, Numbers],
    operands: Sequence[Numbers], dtype: str,
) -> None:  # fmt: skip
    right, *others = targets
    if _same(slope, targets[right]):
        audited.ledger.remark(f"its gradient as a loss is unbiased {name.split('.')[-1]}")
        return
    like = next((other for other in others if _same(slope, targets[other])), None)
    off = float(np.abs(slope - targets[right]).max() / np.abs(targets[right]).max())
    what = like if like is not None else f"off by {off:.0%} of the largest component"
    detail = f"as a loss its mean gradient is {what}, not {right}"
    _note(audited, f"{name}.{dtype}", detail, operands, dtype, gradient=True)


def _same(one: Numbers, other: Numbers) -> bool:
    return bool(np.abs(one - other).max() <= _EXACT)


def _note(
    audited: Audited, name: str, detail: str, operands: Sequence[Numbers], dtype: str,
    *, gradient: bool = False,
) -> None:  # fmt: skip
    named = dict(zip(audited.kind.operands, _representable(operands, dtype), strict=True))
    shown = written(audited.library, named, dtype, gradient=gradient)
    audited.ledger.fault(name.split(".")[2], Finding(name, detail, 1, 1, np.nan, shown))
