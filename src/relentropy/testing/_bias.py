"""Estimators of samples: which one it is, its digits, and its bias by exact enumeration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ._cases import HardCase, Slopes, hard_cases
from ._drawing import Numbers, logarithms, rounded, shares, simplex
from ._ledger import Finding, said
from ._measure import Audited, audit_slopes, audit_values
from ._reproducer import written

ESTIMATORS = ("k1", "k2", "k3", "abs")
OUTCOMES = 5
_ROUNDING = 1e-4
"""Deviations below it are rounding, also in float32."""


def audit_samples(audited: Audited, dtypes: Sequence[str]) -> None:
    """Digits of values and derivatives if it is an estimator that has a name; and bias."""
    dtypes = [dtype for dtype in dtypes if _works(audited, dtype)]
    if not dtypes:
        return
    name = _which(audited, dtypes)
    if name is None:
        audited.ledger.remark(
            "it is none of " + ", ".join(ESTIMATORS) + ": digits are not known"
        )
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
    else:
        audited.ledger.remark("bias is not looked at in 16 bits, which round too much")


def _works(audited: Audited, dtype: str) -> bool:
    """Whether it can be called at all, and what it says if it cannot."""
    operands = _operands(audited, dtype)
    try:
        shape = audited.value(list(operands.values()), dtype).values.shape
    except Exception as error:  # noqa: BLE001 - whatever it raises is what is reported
        shown = written(audited.library, operands, dtype)
        name = f"value.error.ordinary.{dtype}"
        audited.ledger.fault("ordinary", Finding(name, said(error), 1, 1, np.inf, shown))
        return False
    if shape != (OUTCOMES,):
        msg = (
            f"fn returned shape {shape} for operands of shape {(OUTCOMES,)}; an estimator is "
            "elementwise"
        )
        raise ValueError(msg)
    return True


def _operands(audited: Audited, dtype: str) -> dict[str, Numbers]:
    """The log-probabilities of all outcomes under each policy, by name."""
    logs = (rounded(logarithms(_distribution(name)), dtype) for name in ("pi", "ref", "mu"))
    return dict(zip(audited.kind.operands, logs, strict=False))


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
    if len(audited.kind.operands) != 2:
        return None  # with weights it is none of them
    for dtype in reversed(dtypes):  # the widest first
        for name in ESTIMATORS:
            case = next(
                c for c in hard_cases(name, "log_probs", dtype) if c.regime == "ordinary"
            )
            try:
                values = audited.value(case.operands, dtype).values
            except Exception:  # noqa: BLE001 - reported where all cases are called
                continue
            near = 1e-4 if dtype in {"float64", "float32"} else 0.1
            if values.shape == case.value.high.shape and np.allclose(
                values, case.value.high, rtol=near, atol=near
            ):
                return name
    return None


# --- enumeration ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Outcomes:
    """Every sample that there can be, and what it is drawn with."""

    audited: Audited
    dtype: str
    operands: dict[str, Numbers]
    shares: Numbers
    """How often each is drawn."""
    policy: str

    def judge(self, quantity: str, wrong: str | None) -> None:
        """Write down that a mean is right, or what it is instead."""
        ledger = self.audited.ledger
        if wrong is None:
            what = "value" if quantity == "value" else "gradient as a loss"
            ledger.remark(f"its {what} is unbiased {self.policy}")
            return
        name = f"{quantity}.bias.{self.policy}.{self.dtype}"
        shown = written(
            self.audited.library, self.operands, self.dtype, gradient=quantity == "gradient"
        )
        ledger.fault(self.policy, Finding(name, wrong, 1, 1, np.nan, shown))


def _enumerated(audited: Audited, dtype: str) -> None:
    """The mean of the value, and of the gradient as a loss."""
    operands = _operands(audited, dtype)
    # Three operands are for samples of a policy of their own; two for samples of pi.
    weighted = len(operands) == 3
    policy, drawn_with = ("off-policy", "mu") if weighted else ("on-policy", "pi")
    outcomes = _Outcomes(audited, dtype, operands, _distribution(drawn_with), policy)
    pi, ref = _distribution("pi"), _distribution("ref")
    ratio = logarithms(pi) - logarithms(ref)
    forward = float(pi @ ratio)
    values = audited.value(list(operands.values()), dtype).values
    mean = float(outcomes.shares @ values)
    detail = f"its mean is {mean:.6g} where KL(pi||ref) is {forward:.6g}"
    outcomes.judge("value", None if abs(mean - forward) <= _ROUNDING else detail)
    if not audited.has_gradient:
        return
    try:
        slope = audited.slopes(list(operands.values()), dtype)[0]
    except Exception as error:  # noqa: BLE001 - whatever it raises is what is reported
        shown = written(audited.library, operands, dtype, gradient=True)
        name = f"gradient.error.{policy}.{dtype}"
        audited.ledger.fault(policy, Finding(name, said(error), 1, 1, np.inf, shown))
        return
    if slope is None:
        shown = written(audited.library, operands, dtype, gradient=True)
        name = f"gradient.missing.{policy}.{dtype}"
        audited.ledger.fault(policy, Finding(name, "by log_probs", 1, 1, np.inf, shown))
        return
    # The derivative of log pi(x) by the logit of y is (x == y) - pi(y).
    by_sample = outcomes.shares * slope
    gradient = by_sample - pi * by_sample.sum()
    outcomes.judge(
        "gradient",
        _likeness(
            gradient,
            {
                "that of KL(pi||ref)": pi * (ratio - forward),
                "that of KL(ref||pi)": pi - ref,
                "0": np.zeros(OUTCOMES),
            },
        ),
    )


def _distribution(name: str) -> Numbers:
    """Shares of 1/2048 that add up to 1."""
    units, bits = simplex(name, (1, OUTCOMES), "float16")
    (found,) = shares(bits, units)
    return np.asarray(found[0])


def _likeness(gradient: Numbers, targets: dict[str, Numbers]) -> str | None:
    """What a gradient is, if it is not the first of some."""
    off = {of: float(np.abs(gradient - x).max()) for of, x in targets.items()}
    like = next((of for of, most in off.items() if most <= _ROUNDING), None)
    right, target = next(iter(targets.items()))
    if like == right:
        return None
    share = off[right] / float(np.abs(target).max())
    what = like or f"off by {share:.2g} times the largest component"
    return f"as a loss its mean gradient is {what}, not {right}"
