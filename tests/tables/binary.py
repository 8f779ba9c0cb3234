"""Inputs of the functions of two outcomes, by regime.

A regime is a function ``(draw, fmt, forms) -> operands``. It draws distributions as the
probability of the less likely outcome and whether that is the one that is said; `given` turns
those into operands of a form, so that one regime serves all forms.
"""

import itertools
import math

import numpy as np

COUNT = 24
FORMS = ("probability", "pair", "logit")
# Every form on either side, and each beside each other; compilers pay for every one of them.
PAIRS = (
    ("probability", "probability"),
    ("pair", "pair"),
    ("logit", "logit"),
    ("pair", "probability"),
    ("probability", "logit"),
    ("logit", "pair"),
)


def options(forms):
    """The keywords of a call whose operands have these forms."""
    from_logits = [form == "logit" for form in forms]
    complement = [form == "pair" for form in forms]
    if len(forms) == 1:
        return {"from_logits": from_logits[0], "complement": complement[0]}
    return {"from_logits": from_logits, "complement": complement}


def given(form, small, turned, fmt, off=0):
    """Operands; ``off`` moves complements by as many last bits."""
    small = np.asarray(small, dtype=np.float64)
    rest = fmt.round(1 - small).astype(np.float64)
    if form == "logit":
        logit = np.log(small) - np.log1p(-small)
        return [np.where(turned, -logit, logit)]
    if form == "probability":
        return [np.where(turned, rest, small)]
    rest = np.minimum(fmt.step(rest, off).astype(np.float64), 1)
    return [np.where(turned, rest, small), np.where(turned, small, rest)]


def _smaller(draw, fmt, count=COUNT):
    """Probabilities of at most 1/2, some of every size."""
    return draw.power(max(fmt.emin, -300) + 2, -1, count) * 0.5 ** (np.arange(count) % 2)


def _common(draw, fmt, count=COUNT):
    """Those that one meets."""
    return 0.5 * (0.02 + 0.98 * draw.uniform(count))


# One distribution -------------------------------------------------------------------------


def sizes(draw, fmt, forms):
    small = np.concatenate([_smaller(draw, fmt), _common(draw, fmt)])
    return given(forms[0], small, draw.chance(0.5, 2 * COUNT), fmt, draw.integers(-2, 1, 48))


def near_half(draw, fmt, forms):
    halvings = 2 + np.arange(COUNT) * fmt.precision // COUNT
    small = 0.5 - np.ldexp(draw.uniform(COUNT), -halvings.astype(np.int32))
    return given(forms[0], small, draw.chance(0.5, COUNT), fmt)


def subnormal(draw, fmt, forms):
    """Also, of logits, past where the smaller probability can be held."""
    if forms[0] == "logit":
        edge = (fmt.emin - fmt.precision / 2) * math.log(2)
        return [edge * (1 + 0.1 * draw.gaussian(COUNT)) * draw.signs(COUNT)]
    small = draw.integers(1, 2 ** min(fmt.precision - 1, 30), COUNT) * fmt.tiny
    return given(forms[0], small, draw.chance(0.5, COUNT), fmt)


def wide(draw, fmt, forms):
    return [draw.power(-20, min(14, fmt.emax), COUNT) * draw.signs(COUNT)]


def special(draw, fmt, forms):
    values = [_special_values(form, fmt) for form in forms]
    points = [[v for part in point for v in part] for point in itertools.product(*values)]
    return list(np.array(points).T)


def _special_values(form, fmt):
    inf, nan = math.inf, math.nan
    if form == "logit":
        return [(v,) for v in (0.0, -0.0, 1.0, -90.0, 90.0, inf, -inf, nan, -fmt.largest)]
    ones = [0.0, -0.0, 1.0, 0.5, fmt.tiny, 2.0, -0.5, nan]
    if form == "probability":
        return [(v,) for v in ones]
    pairs = [(0.0, 1.0), (1.0, 0.0), (0.5, 0.5), (fmt.tiny, 1.0), (1.0, fmt.tiny), (0.0, 0.0)]
    return [*pairs, (0.25, 0.5), (2.0, 0.5), (-0.5, 1.0), (0.5, nan)]


# Two distributions ------------------------------------------------------------------------


def _two(forms, first, second, turned, fmt, off=0):
    turned = np.broadcast_to(turned, np.shape(first))
    one = given(forms[0], first, turned, fmt)
    return one + given(forms[1], second, turned, fmt, off)


def apart(draw, fmt, forms):
    one, other = _smaller(draw, fmt), _smaller(draw, fmt)
    turned, opposed = draw.chance(0.5, COUNT), draw.chance(0.5, COUNT)
    return given(forms[0], one, turned, fmt) + given(forms[1], other, turned ^ opposed, fmt)


def common(draw, fmt, forms):
    one, other = _common(draw, fmt, 2 * COUNT), _common(draw, fmt, 2 * COUNT)
    turned, opposed = draw.chance(0.5, 2 * COUNT), draw.chance(0.5, 2 * COUNT)
    return given(forms[0], one, turned, fmt) + given(forms[1], other, turned ^ opposed, fmt)


def factors(draw, fmt, forms):
    """Odds a moderate factor apart, where formulas change their branch."""
    one = np.where(np.arange(COUNT) % 2 == 0, _common(draw, fmt), _smaller(draw, fmt))
    factor = np.exp(12 * (draw.uniform(COUNT) - 0.5))
    odds = one / (1 - one) * factor
    small = np.minimum(odds, 1 / odds)
    small, opposed = small / (1 + small), odds > 1
    turned = draw.chance(0.5, COUNT)
    return given(forms[0], one, turned, fmt) + given(forms[1], small, turned ^ opposed, fmt)


def gaps(draw, fmt, forms):
    """Relative gaps from 1/8 down to one ulp."""
    halvings = 3 + np.arange(2 * COUNT) * (fmt.precision - 4) // (2 * COUNT - 1)
    one = np.where(
        np.arange(2 * COUNT) % 2 == 0, _common(draw, fmt, 48), _smaller(draw, fmt, 48)
    )
    one = fmt.round(one).astype(np.float64)
    gap = np.ldexp(1 + draw.uniform(2 * COUNT), -halvings.astype(np.int32))
    other = np.minimum(one * (1 + gap * draw.signs(2 * COUNT)), 0.5)
    return _two(forms, one, other, draw.chance(0.5, 2 * COUNT), fmt)


def one_ulp(draw, fmt, forms):
    """The same distribution, but for the last bit of what q is said by."""
    one = np.where(np.arange(COUNT) % 2 == 0, _common(draw, fmt), _smaller(draw, fmt))
    turned = draw.chance(0.5, COUNT)
    p = given(forms[0], one, turned, fmt)
    q = given(forms[1], one, turned, fmt)
    q[0] = fmt.step(q[0], -1).astype(np.float64)
    return p + q


def equal(draw, fmt, forms):
    one = np.where(np.arange(COUNT) % 2 == 0, _common(draw, fmt), _smaller(draw, fmt))
    return _two(forms, fmt.round(one).astype(np.float64), one, draw.chance(0.5, COUNT), fmt)


def both_near_half(draw, fmt, forms):
    halvings = 2 + np.arange(COUNT) * (fmt.precision - 4) // COUNT
    one, other = (
        0.5 - np.ldexp(draw.uniform(COUNT), -halvings.astype(np.int32)) for _ in range(2)
    )
    return _two(forms, one, other, draw.chance(0.5, COUNT), fmt)


def subnormal_and_other(draw, fmt, forms):
    tiny = draw.integers(1, 2 ** min(fmt.precision - 1, 30), COUNT) * fmt.tiny
    close = tiny + fmt.tiny * draw.integers(1, 4, COUNT)
    other = np.where(np.arange(COUNT) % 3 == 0, close, _common(draw, fmt))
    turned = draw.chance(0.5, COUNT)
    swap = np.arange(COUNT) % 2 == 0
    one, other = np.where(swap, tiny, other), np.where(swap, other, tiny)
    return _two(forms, one, other, turned, fmt)


def logits_wide(draw, fmt, forms):
    """Up to 1e4, equal up to a few last bits, opposite, or unrelated."""
    a = fmt.round(draw.power(-6, min(13, fmt.emax), 3 * COUNT) * draw.signs(3 * COUNT))
    b = draw.power(-6, min(13, fmt.emax), 3 * COUNT) * draw.signs(3 * COUNT)
    kind = np.arange(3 * COUNT) % 3
    b = np.where(kind == 1, -a.astype(np.float64), b)
    return a, np.where(kind == 0, fmt.step(a, draw.integers(-3, 4, 3 * COUNT)), b)


def logits_gaps(draw, fmt, forms):
    a = draw.gaussian(2 * COUNT) * np.where(np.arange(2 * COUNT) % 2 == 0, 3, 30)
    halvings = np.arange(2 * COUNT) * (fmt.precision - 1) // (2 * COUNT) - 2
    return a, a * (1 + np.ldexp(draw.uniform(2 * COUNT), -halvings.astype(np.int32)))


def logits_tiny(draw, fmt, forms):
    low = fmt.emin - fmt.precision + 1
    return tuple(draw.power(low, -2, COUNT) * draw.signs(COUNT) for _ in range(2))


TWO = (
    apart, common, factors, gaps, one_ulp, equal, both_near_half, subnormal_and_other, special,
)  # fmt: skip
LOGITS = (
    apart, common, factors, gaps, both_near_half, logits_wide, logits_gaps, logits_tiny,
    special,
)  # fmt: skip
CROSS = (apart, common, gaps, subnormal_and_other, special)
CROSS_LOGITS = (apart, common, logits_wide, logits_gaps, logits_tiny, special)


# Logits that are drawn as such, not computed from probabilities.
DRAWN_LOGITS = (subnormal, wide, special, logits_wide, logits_gaps, logits_tiny)


def by_logarithms(forms, regime):
    """Return True if the last bits of the operands depend on the machine's logarithms."""
    return regime is factors or ("logit" in forms and regime not in DRAWN_LOGITS)


def _two_sided(regimes, of_logits):
    return [
        (forms, regime)
        for forms in PAIRS
        for regime in (of_logits if forms == ("logit", "logit") else regimes)
    ]


CASES = {
    "binary_entropy": [
        ((form,), regime)
        for form in FORMS
        for regime in (sizes, near_half, subnormal, special, wide)
        if regime is not wide or form == "logit"
    ],
    "binary_cross_entropy": _two_sided(CROSS, CROSS_LOGITS),
    "binary_kl_divergence": _two_sided(TWO, LOGITS),
}
