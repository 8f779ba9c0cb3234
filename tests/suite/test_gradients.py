"""Every measure's `grad` against the oracle's value, differentiated by mpmath."""

import numpy as np
import pytest
from mpmath import mp

from relentropy._arrays.library import gather
from relentropy._arrays.namespace import namespace
from relentropy._formulas.cross_entropy import CrossEntropy, UnnormalisedCrossEntropy
from relentropy._formulas.kl_logits import KLFromLogits
from relentropy._formulas.kl_weights import GeneralisedKL, KLFromWeights
from relentropy._formulas.logsumexp import LogSumExp, SignedLogSumExp

from ..oracle.definitions import DEFINITIONS

BOTH = [(True, True), (False, True), (True, False), (False, False)]


def measures():
    """(name, measure, the operands' kinds, the oracle's function of the operands)."""
    for flags in BOTH:
        for normalize in (True, False):
            options = {"from_logits": flags, "normalize": normalize}
            if any(flags):
                kl = KLFromLogits(flags, normalize, None)
            else:
                kl = KLFromWeights(None) if normalize else GeneralisedKL(None)
            yield f"kl-{flags}-{normalize}", kl, flags, "kl_divergence", options
            kind = CrossEntropy if normalize else UnnormalisedCrossEntropy
            yield (
                f"cross-{flags}-{normalize}",
                kind(flags, None),
                flags,
                "cross_entropy",
                options,
            )
    for flag in (True, False):
        for kind in (CrossEntropy, UnnormalisedCrossEntropy):
            options = {"from_logits": flag, "normalize": kind is CrossEntropy}
            one = kind((flag, flag), None, same=True)
            yield f"entropy-{flag}-{kind.__name__}", one, (flag,), "entropy", options
    yield "logsumexp", LogSumExp(), (True,), "logsumexp", {}
    yield "logsumexp-signed", SignedLogSumExp(True), (True, None), "logsumexp", {}


MEASURES = list(measures())


def gradient(measure, *operands):
    """`grad` on one row in float64, given that row's statistics."""
    found = gather({str(i): x for i, x in enumerate(operands)})
    xp = namespace(found.library, found.raw, "float64", True)
    block = tuple(x.reshape(-1, 1) for x in operands)
    stats = ()
    with np.errstate(all="ignore"):
        for one in measure.passes(xp=xp):
            stats += (one.step(block, stats, xp=xp),)
        numbers = measure.numbers(stats, xp=xp)
        found = measure.grad(block, numbers, (True,) * len(block), xp=xp)
    return [g[:, 0] for g in found]


def true_gradient(function, options, operands):
    """By central differences at 200 digits, which leaves more than float64 has."""
    define = DEFINITIONS[function]

    def value(parts):
        result = define(*parts, **options)
        return result[0] if isinstance(result, tuple) else result

    with mp.workdps(200):
        exact = [[mp.mpf(float(v)) for v in x] for x in operands]
        step = mp.mpf(10) ** -60
        result = []
        for i, x in enumerate(exact):
            column = []
            for j in range(len(x)):
                sides = []
                for sign in (1, -1):
                    moved = [list(part) for part in exact]
                    moved[i][j] += sign * step
                    sides.append(value(moved))
                column.append((sides[0] - sides[1]) / (2 * step))
            result.append(column)
        return result


def operands_for(kinds, gap):
    rng = np.random.default_rng(7)
    base = rng.standard_normal(5)
    rows = [base, base + gap * rng.standard_normal(5)]
    return [
        row if kind or kind is None else np.exp(row)
        for kind, row in zip(kinds, rows, strict=False)
    ]


@pytest.mark.parametrize("gap", [3.0, 1e-2, 1e-6])
@pytest.mark.parametrize(
    ("measure", "kinds", "function", "options"),
    [one[1:] for one in MEASURES],
    ids=[one[0] for one in MEASURES],
)
def test_gradient_is_the_derivative_of_the_value(measure, kinds, function, options, gap):
    operands = operands_for(kinds, gap)
    got = gradient(measure, *operands)
    for mine, true in zip(got, true_gradient(function, options, operands), strict=True):
        for g, t in zip(mine, true, strict=True):
            # A cross-entropy's q - p cancels where the two are close; a KL's may not.
            floor = 0 if function == "kl_divergence" else 0.5
            assert abs(float(g - t)) <= 2.0**-48 * max(abs(float(t)), floor)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("flags", BOTH)
def test_gradient_of_equal_sides_is_zero(flags, normalize):
    row = np.array([0.5, 1.0, 0.25])
    if any(flags):
        measure = KLFromLogits(flags, normalize, None)
    else:
        measure = KLFromWeights(None) if normalize else GeneralisedKL(None)
    p, q = (np.log(row) if flag else row for flag in flags)
    for g in gradient(measure, p, q):
        assert np.all(np.abs(g) < 1e-15)
        if flags[0] == flags[1]:
            assert np.all(g == 0)


@pytest.mark.parametrize("flags", BOTH)
def test_gradient_is_finite_by_q_where_both_sides_have_no_mass(flags):
    rows = (np.array([0.5, 0.3, 0.0]), np.array([0.2, 0.6, 0.0]))
    with np.errstate(divide="ignore"):
        p, q = (np.log(r) if flag else r for r, flag in zip(rows, flags, strict=True))
    measure = KLFromLogits(flags, True, None) if any(flags) else KLFromWeights(None)
    by_p, by_q = gradient(measure, p, q)
    assert np.all(np.isfinite(by_p))
    assert np.all(np.isfinite(by_q))
