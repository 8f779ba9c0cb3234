"""Derivatives of the divergences that are a sum of one term for each entry.

A term f(x, y) is homogeneous of degree one, so that both its derivatives are functions of
d = log(x / y) alone. They are written so that both are zero at d = 0, which costs nothing:
what is added to a term in proportion to x - y adds up to nothing where rows are normalised,
and has no place where they are not. A row's component is then

    phi - mean of phi, divided by the row's sum (weights) or times the mass (logits)

when normalised, and otherwise phi itself or phi times the mass.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from mpmath import mp

from .components import (
    ONE,
    Side,
    cancelled,
    known_to,
    log_ratio,
    sides,
    times_slope,
    undefined,
    unless_rounding,
)
from .f_divergences import hellinger_distance, js_distance
from .rows import ZERO


@dataclass(frozen=True)
class Term:
    """The derivatives of a term.

    Attributes
    ----------
    slopes : callable
        From d = log(x / y), which may be infinite, to ``(df/dx, df/dy)``.
    x_edge, y_edge : mpf
        In the limit x = 0 the product ``x * df/dx`` is ``x_edge * y``, in the limit y = 0
        the product ``y * df/dy`` is ``y_edge * x``: 0, -1 or -inf.
    power : mpf
        The largest power of x / y in the slopes, which multiplies an error of d.
    both_zero : pair of mpf
        The derivatives where both masses are zero: those at equality, or one-sided ones.
    """

    slopes: Callable
    x_edge: mp.mpf = ZERO
    y_edge: mp.mpf = ZERO
    power: mp.mpf = ZERO
    both_zero: tuple = (ZERO, ZERO)


# Each as a function of d = log(x / y).

CONTRIBUTIONS = Term(lambda d: (d, 1 - mp.exp(d)), y_edge=-ONE, power=ONE)
# As of `kl_divergence`: without any p the term is q.
KL = replace(CONTRIBUTIONS, both_zero=(ZERO, ONE))
REVERSE_KL = Term(lambda d: (1 - mp.exp(-d), -d), x_edge=-ONE, power=ONE, both_zero=(ONE, ZERO))
JEFFREYS = Term(
    lambda d: (1 + d - mp.exp(-d), 1 - d - mp.exp(d)), x_edge=-ONE, y_edge=-ONE, power=ONE
)
SQUARED_HELLINGER = Term(
    lambda d: ((1 - mp.exp(-d / 2)) / 2, (1 - mp.exp(d / 2)) / 2), power=ONE / 2
)
VARIATION = Term(lambda d: (mp.sign(d) / 2, -mp.sign(d) / 2))
PEARSON = Term(lambda d: (2 * (mp.exp(d) - 1), 1 - mp.exp(2 * d)), y_edge=-mp.inf, power=2)
NEYMAN = Term(lambda d: (1 - mp.exp(-2 * d), 2 * (mp.exp(-d) - 1)), x_edge=-mp.inf, power=2)
FLAT = Term(lambda d: (ZERO, ZERO))


def _triangular(d):
    t = mp.tanh(d / 2)  # (x - y) / (x + y)
    return t * (2 - t), -t * (2 + t)


def _skew(w):
    if w == 0:
        return FLAT
    if w == 1:
        return KL

    def slopes(d):
        u, _ = _mixtures(w, d)
        return -mp.log(u) + (1 - w) * (1 - 1 / u), w * (1 - 1 / u)

    return Term(slopes)


def _js(w):
    if w in (0, 1):
        return FLAT

    def slopes(d):
        u, v = _mixtures(w, d)
        return -(1 - w) * mp.log(u), -w * mp.log(v)

    return Term(slopes)


def _mixtures(w, d):
    """The mixture ``(1 - w) * x + w * y`` divided by x and by y."""
    return 1 - w + w * mp.exp(-d), (1 - w) * mp.exp(d) + w


def _alpha(a):
    if a in (0, 1):
        return KL if a else REVERSE_KL

    def slopes(d):
        return (mp.exp((a - 1) * d) - 1) / (a - 1), (1 - mp.exp(a * d)) / a

    x_edge = ZERO if a > 0 else -mp.inf
    y_edge = ZERO if a < 1 else -mp.inf
    return Term(slopes, x_edge, y_edge, max(abs(a), abs(a - 1)))


def _tsallis(a):
    if a == 0:  # q's mass where p is zero, which no mass of p moves
        return Term(lambda d: (ZERO, ONE if d == -mp.inf else ZERO))
    alpha = _alpha(a)
    return replace(alpha, slopes=lambda d: tuple(a * v for v in alpha.slopes(d)))


NAMED = {
    "kl": KL,
    "reverse-kl": REVERSE_KL,
    "jeffreys": JEFFREYS,
    "jensen-shannon": _js(mp.mpf(0.5)),
    "squared-hellinger": SQUARED_HELLINGER,
    "total-variation": VARIATION,
    "pearson": PEARSON,
    "neyman": NEYMAN,
    "triangular": Term(_triangular),
}
TERMS = {
    "jeffreys_divergence": lambda: JEFFREYS,
    "js_divergence": lambda weight=0.5: _js(mp.mpf(weight)),
    "total_variation": lambda: VARIATION,
    "chi2_divergence": lambda kind="pearson": {"pearson": PEARSON, "neyman": NEYMAN}[kind],
    "triangular_discrimination": lambda: Term(_triangular),
    "alpha_divergence": lambda alpha: _alpha(mp.mpf(alpha)),
    "tsallis_divergence": lambda alpha: _tsallis(mp.mpf(alpha)),
    "skew_kl_divergence": lambda weight=0.5: _skew(mp.mpf(weight)),
    "f_divergence": lambda generator: NAMED[generator],
    "kl_contributions": lambda: CONTRIBUTIONS,
}


def f_slopes(term, p, q, from_logits=False, normalize=True, *, bits, seeds=None):
    """Both operands' components of a sum of terms, or of terms times cotangents."""
    found = sides((p, q), from_logits, normalize, bits)
    if found is None:
        return undefined((p, q))
    p, q = found
    count = len(p.masses)
    ratios = [log_ratio(p, q, i, bits) for i in range(count)]
    by_p, by_q = [], []
    for x, y, d, c in zip(p.masses, q.masses, ratios, seeds or [ONE] * count, strict=True):
        by_x, by_y = (term.slopes(d) if x or y else term.both_zero) if c else (ZERO, ZERO)
        by_p.append((c * by_x, x * c * by_x if x else c * term.x_edge * y if c and y else ZERO))
        by_q.append((c * by_y, y * c * by_y if y else c * term.y_edge * x if c and x else ZERO))
    equal = not any(ratios)
    spread = known_to(p, q, ratios) if seeds else ZERO
    more = [abs(c) * spread for c in seeds] if seeds else [ZERO] * count
    larger = [max(ONE, term.power * abs(d)) if mp.isfinite(d) else ONE for d in ratios]
    return [
        _components(*v, normalize, equal, bits, more, larger) for v in ((p, by_p), (q, by_q))
    ]


def _components(operand, slopes, normalize, equal, bits, more=(), larger=()):
    """Components from the derivatives by the masses, and their products with the masses.

    Where rows are equal, what is zero is a difference of logarithms that cancelled.
    """
    products = [product for _, product in slopes]
    larger, more = larger or [ONE] * len(slopes), more or [ZERO] * len(slopes)
    mean = mp.fsum(products)
    size = mp.fsum(abs(v) * m for v, m in zip(products, larger, strict=True))
    components = []
    for i, (slope, _) in enumerate(slopes):
        if not (normalize and mp.isfinite(slope)):
            gap = slope, larger[i]
        elif not mp.isfinite(mean):
            gap = -mean, ONE
        elif equal:
            gap = (ZERO, mp.inf) if operand.masses[i] else (slope, ONE)
        else:
            gap = cancelled(slope - mean, abs(slope) * larger[i] + size + more[i], bits)
        components.append(times_slope(operand, i, *gap))
    return components


def _divergence(name, p, q, from_logits=False, normalize=True, *, bits, seeds=None, **options):
    return f_slopes(
        TERMS[name](**options), p, q, from_logits, normalize, bits=bits, seeds=seeds
    )


def _distance(distance, term, p, q, from_logits=False, normalize=True, *, bits):
    """The derivative of a square root; 0 where it is 0."""
    value = distance(p, q, from_logits=from_logits, normalize=normalize)
    operands = f_slopes(term, p, q, from_logits, normalize, bits=bits)
    return [[(v / (2 * value) if v else v, c) for v, c in row] for row in operands]


def _generalized_js(*rows, weights=None, from_logits=False, normalize=True, bits):
    """``w_k * log(p_k / m)`` by the k-th row, less its mean."""
    found = sides(rows, from_logits, normalize, bits)
    if found is None:
        return undefined(rows)
    weights = [mp.mpf(w) for w in weights or [1] * len(rows)]
    total = mp.fsum(weights)
    weights = [w / total for w in weights]
    entries = range(len(rows[0]))
    ratios = [
        [_to_mixture(found, weights, k, i, bits) for i in entries] for k in range(len(rows))
    ]
    equal = not any(d for row in ratios for d in row)
    operands = []
    for operand, w, row in zip(found, weights, ratios, strict=True):
        slopes = [w * d if w else ZERO for d in row]
        pairs = [(s, x * s if x else ZERO) for s, x in zip(slopes, operand.masses, strict=True)]
        # A difference to the mixture is known to the digits of the largest of them.
        larger = [_over(max(abs(own[i]) for own in ratios), row[i]) for i in entries]
        operands.append(_components(operand, pairs, normalize, equal, bits, larger=larger))
    return operands


def _over(largest, d):
    return max(ONE, largest / abs(d)) if d and mp.isfinite(largest) else ONE


def _to_mixture(found: list[Side], weights, k, i, bits):
    """``log(p_k / m)`` of the i-th masses."""
    if all(w == 0 or side.masses[i] == 0 for w, side in zip(weights, found, strict=True)):
        return log_ratio(found[k], found[k], i, bits)
    if found[k].masses[i] == 0:
        return -mp.inf
    mixed = mp.fsum(
        w * mp.exp(-log_ratio(found[k], side, i, bits))
        for w, side in zip(weights, found, strict=True)
    )
    return unless_rounding(-mp.log(mixed), bits)


F_SLOPES = {
    **{name: partial(_divergence, name) for name in TERMS},
    "js_distance": partial(_distance, js_distance, _js(mp.mpf(0.5))),
    "hellinger_distance": partial(_distance, hellinger_distance, SQUARED_HELLINGER),
    "generalized_js_divergence": _generalized_js,
}
