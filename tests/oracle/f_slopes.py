"""Derivatives of the divergences that are a sum of one term for each entry.

A term f(x, y) is homogeneous of degree one, so that both its derivatives are functions of
d = log(x / y) alone. They are written so that both are zero at d = 0, which costs nothing:
what is added to a term in proportion to x - y adds up to nothing where rows are normalised,
and has no place where they are not. A row's component is then

    phi - mean of phi, divided by the row's sum (weights) or times the mass (logits)

when normalised, and otherwise phi itself or phi times the mass.
"""

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
from .f_divergences import CONTRIBUTIONS, NAMED, SUMS, hellinger_distance, js_distance
from .rows import ZERO


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
    return f_slopes(SUMS[name](**options), p, q, from_logits, normalize, bits=bits, seeds=seeds)


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
    **{name: partial(_divergence, name) for name in SUMS},
    "kl_contributions": partial(f_slopes, CONTRIBUTIONS),
    "js_distance": partial(_distance, js_distance, NAMED["jensen-shannon"]),
    "hellinger_distance": partial(_distance, hellinger_distance, NAMED["squared-hellinger"]),
    "generalized_js_divergence": _generalized_js,
}
