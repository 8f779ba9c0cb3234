"""How much of a divergence is left, the closer its operands are: everybody's, and ours."""

import runpy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from mpmath import mp
from tests.oracle import derivatives, evaluate

import relentropy
from relentropy._ulp import FORMATS
from relentropy.estimators import kl_estimate
from relentropy.testing._drawing import logarithms, moved, rounded, shares, simplex, symmetric
from relentropy.testing._kinds import KINDS as AUDITED
from relentropy.testing._ledger import Ledger
from relentropy.testing._libraries import library
from relentropy.testing._measure import Audited, quiet

from ..rivals import KINDS, Formula, installed
from . import students

DTYPES = ("bfloat16", "float16", "float32", "float64")
GAPS = tuple(10.0 ** (-k / 2) for k in range(33))
ROWS, ENTRIES = 4, 64
EXAMPLES = Path(__file__).parents[2] / "examples"
OURS = ("numpy", "torch", "jax")


@dataclass(frozen=True)
class Curve:
    """The worst relative error of some rows at each relative gap between the operands."""

    formula: str
    library: str
    inputs: str
    dtype: str
    quantity: str
    """ "value", or "gradient": by the second operand, relative to its largest component."""
    errors: dict[str, float]


@dataclass(frozen=True)
class Real:
    """Rows of real logits: how far apart they are, and signed relative errors.

    By formula and dtype; below -1 a result is negative.
    """

    student: str
    divergences: list[float]
    errors: dict[str, list[float]]


def curves() -> list[Curve]:
    """Of divergences of logits and of probabilities, and of estimates of samples."""
    with _float64_in_jax(), quiet():
        return [
            curve
            for inputs, kind in (
                ("logits", "kl_divergence"),
                ("probs", "kl_divergence"),
                ("log_probs", "kl_estimator"),
            )
            for dtype in DTYPES
            for curve in _curves(inputs, kind, dtype)
        ]


def real() -> list[Real]:
    """Of the rows of a language model, and of what is ever closer to it."""
    found = []
    truths = students.truths()
    with _float64_in_jax(), quiet():
        for name, rows in students.pairs().items():
            operands, true = [one.astype(np.float64) for one in rows], truths[name]
            errors = {}
            for formula in _formulas("logits", "kl_divergence"):
                for dtype in ("float32", "float64"):
                    values = _audited(formula).value(operands, dtype).values
                    pairs = zip(values.tolist(), true, strict=True)
                    errors[f"{_named(formula)}, {dtype}"] = [
                        _short((mp.mpf(value) - right) / right) for value, right in pairs
                    ]
            found.append(Real(name, [_short(one) for one in true], errors))
            print("digits", name, flush=True)
    return found


@dataclass(frozen=True)
class Training:
    """A run of ``examples/distill.py``: the true divergence at its steps, and what was said."""

    loss: str
    steps: list[int]
    divergences: list[float]
    losses: list[float]


def training() -> list[Training]:
    """The same training with the usual loss and with ours."""
    example = runpy.run_path(str(EXAMPLES / "distill.py"))
    found = []
    for name, loss in (("log_softmax ×2, kl_div", "ordinary"), ("relentropy", "accurate")):
        history = example["distil"](example[loss])
        losses = [_short(history.losses[step]) for step in history.steps]
        divergences = [_short(one) for one in history.divergences]
        found.append(Training(name, history.steps, divergences, losses))
    return found


def _curves(inputs: str, kind: str, dtype: str) -> Iterator[Curve]:
    points = [
        (gap, operands, _truth(inputs, operands))
        for gap in GAPS
        if (operands := _operands(inputs, dtype, gap)) is not None
    ]
    print("digits", inputs, dtype, len(points), flush=True)
    for formula in _formulas(inputs, kind):
        audited = _audited(formula)
        try:
            audited.value(points[0][1], dtype)
        except TypeError:  # SciPy and bfloat16
            continue
        for quantity in ("value", "gradient") if audited.has_gradient else ("value",):
            errors = {}
            for gap, operands, truth in points:
                if quantity == "value":
                    found = audited.value(operands, dtype).values
                else:
                    found = audited.slopes(operands, dtype)[-1]
                errors[f"{gap:.1e}"] = _worst(found, truth[quantity])
            yield Curve(_named(formula), formula.library, inputs, dtype, quantity, errors)


def _formulas(inputs: str, kind: str) -> list[Formula]:
    """The rivals whose values are those of the divergence, and ours in every library."""
    if kind == "kl_estimator":
        others = [one for one in KINDS[kind] if "k3" in one.label and "+" not in one.label]
        call = kl_estimate
    else:
        others = [one for one in KINDS[kind] if one.inputs == inputs]
        call = partial(relentropy.kl_divergence, from_logits=inputs == "logits")
    ours = [Formula("relentropy", name, inputs, call) for name in OURS]
    return [one for one in (*others, *ours) if installed(one.library)]


def _named(formula: Formula) -> str:
    if formula.label == "relentropy":
        return f"relentropy, {formula.library}"
    return formula.label


def _audited(formula: Formula) -> Audited:
    kind = AUDITED["k3" if formula.inputs == "log_probs" else "kl_divergence"]
    return Audited(formula.call, kind, library(formula.library), None, 0.0, Ledger())


# --- operands and truths --------------------------------------------------------------------


def _operands(inputs: str, dtype: str, gap: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows that differ by about `gap`, where the dtype holds such a difference."""
    shape, digits = (ROWS, ENTRIES), FORMATS[dtype].digits
    if inputs == "probs":
        units, bits = simplex("digits", shape, dtype)
        if gap * 2.0**bits < 2 * ENTRIES:
            return None
        return shares(bits, units, moved("digits apart", units, min(gap, 0.5)))
    if gap < 2.0 ** (4 - digits):
        return None
    apart = symmetric("digits apart", shape)
    if inputs == "log_probs":
        units, bits = simplex("digits", shape, dtype)
        p = rounded(logarithms(*shares(bits, units)), dtype)
        # Each sample stands alone: none of them is much closer than the gap says.
        apart = np.copysign((1 + np.abs(apart)) / 2, apart)
    else:
        p = rounded(4 * symmetric("digits", shape), dtype)
    return p, rounded(p + gap * apart, dtype)


def _truth(inputs: str, operands: tuple[np.ndarray, np.ndarray]) -> dict[str, list]:
    """Of each row a value and its derivatives by the second operand; or of each sample."""
    if inputs == "log_probs":
        gaps = [
            mp.mpf(b) - mp.mpf(a)
            for a, b in zip(*(one.ravel().tolist() for one in operands), strict=True)
        ]
        return {
            "value": [evaluate("expm1mx", gap) for gap in gaps],
            "gradient": [[derivatives("expm1mx", [gap])[0] for gap in gaps]],
        }
    options = {"from_logits": inputs == "logits"}
    rows = [(p.tolist(), q.tolist()) for p, q in zip(*operands, strict=True)]
    return {
        "value": [evaluate("kl_divergence", *row, **options) for row in rows],
        "gradient": [derivatives("kl_divergence", row, options)[1] for row in rows],
    }


def _worst(found: np.ndarray, truth: list) -> float:
    """The largest relative error; of derivatives, relative to the largest of a row."""
    rows = truth if isinstance(truth[0], list) else [[one] for one in truth]
    found = np.asarray(found, np.float64).reshape(len(rows), -1)
    worst = mp.mpf(0)
    for own, true in zip(found.tolist(), rows, strict=True):
        largest = max(map(abs, true))
        if largest == 0:  # rounded to the same number
            continue
        for one, right in zip(own, true, strict=True):
            error = abs(mp.mpf(one) - right) / largest if np.isfinite(one) else mp.inf
            worst = max(worst, error)
    return _short(worst)


def _short(value) -> float:
    return float(f"{float(value):.2e}")


@contextmanager
def _float64_in_jax() -> Iterator[None]:
    import jax

    kept = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", kept)
